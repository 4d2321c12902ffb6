/* SPDX-License-Identifier: Apache-2.0 */
/* Where the machine calls up into the kernel.  All run on the CPU's kernel stack with interrupts off. */
#ifndef KERNEL_UPCALL_H
#define KERNEL_UPCALL_H

#include <abi/status.h>
#include <lib/base.h>

struct arch_cpu;
struct user_frame;

/* First C function after boot/ has filled boot_info; runs on the boot stack and never returns. */
NORETURN void kernel_main(void);

/* The zeroed per-CPU area for CPU @id, which is about to be started; NULL: no memory.  Asked again with the same @id if it was not. */
struct arch_cpu *kernel_cpu_area(uint32_t id);
/* Another CPU has come up: it waits for threads.  On its own stack, with the kernel's tables loaded. */
NORETURN void kernel_cpu_main(void);

/* SYSCALL of the current thread, whose registers stand in @f: the call is @number.  When it returns, the same thread continues with
 * the status that it returns; otherwise it ends in the scheduler, which enters another thread. */
enum tv_err kernel_hypercall(struct user_frame *f, uint64_t number);
/* It has returned @status, but the CPU's @resched is set. */
NORETURN void kernel_hypercall_switch(struct user_frame *f, enum tv_err status);

/* An exception in user mode: @vector, its error code, and CR2 for a page fault.  Never returns to the instruction: the thread
 * stops, and the domain's watcher is signalled. */
void kernel_user_fault(struct user_frame *f, uint64_t vector, uint64_t error, uint64_t address);

/* An interrupt handler only marks what is to do; kernel_after_interrupt() acts, and is called before the return to user mode.
 * It does not return when another thread must run. */
void kernel_timer(void);
void kernel_irq(unsigned gsi);
void kernel_ipi(void);
void kernel_after_interrupt(void);

#endif
