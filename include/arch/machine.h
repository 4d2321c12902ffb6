/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing the machine up, and what it can do. */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

#include <lib/base.h>

struct arch_cpu;

/*
 * First call of kernel_main().  Console, CPU features, ACPI, descriptor tables, the frame pool, the final kernel tables,
 * interrupt controllers and clock, in this order.  @boot_cpu: zeroed per-CPU area of the CPU that executes this, the first
 * member of the kernel's own struct cpu; arch_cpu() returns it from here on.  Interrupts stay off.  Does not return when the
 * machine lacks something that Trivet needs.
 */
void machine_init(struct arch_cpu *boot_cpu);

/*
 * Start the other CPUs, as many as the option "cpus=N" allows: each gets its per-CPU area from kernel_cpu_area(), switches the
 * virtualisation back-end on and ends in kernel_cpu_main(), while this CPU goes on.  One that does not answer or lacks what
 * the boot CPU has is left out, with a line in the log.  Boot only, when the boot CPU can do all that others must be able to do.
 */
void machine_start_cpus(void);

/* Width of physical addresses in bits, and of the guest-physical ones that nested paging translates. */
unsigned machine_phys_bits(void);
unsigned machine_guest_phys_bits(void);
/* Physical address of the ACPI RSDP that was used; 0: none. */
uint64_t machine_rsdp(void);

/* Write the physical addresses of the pages of registers that the kernel drives itself, at most @max; their number. */
unsigned machine_owned_pages(uint64_t *page, unsigned max);
#define MACHINE_OWNED_PAGES	8u

#endif
