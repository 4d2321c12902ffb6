/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which physical memory after boot: the kernel's pool, and what is left for root. */
#ifndef KERNEL_BOOT_MEMORY_H
#define KERNEL_BOOT_MEMORY_H

#include <abi/info.h>
#include <lib/base.h>

/* One area that the kernel does not keep: page granular, not overlapping any other. */
struct boot_area {
	uint64_t base, size;	/* bytes                                             */
	uint32_t kind;		/* enum tv_region_kind                               */
	uint32_t module;	/* TV_REGION_MODULE: index into boot_info.module[]   */
};

/*
 * Give the kernel's share of RAM (one 16th, at least 16 MiB, at most 512 MiB, below 4 GiB) to the frame pool.  Called once,
 * by machine_init(); does not return when there is too little memory.
 */
void boot_memory_init(void);

/*
 * Everything else, sorted by address: free RAM, boot modules that are not empty, ACPI and firmware data, and as MMIO all that is no memory up
 * to the CPU's physical address width, without what the kernel itself drives (local APIC, IOAPICs).  Writes at most @max
 * areas to @out and returns their number; when there are more, the smallest are left out, with a line in the log.
 */
unsigned boot_memory_areas(struct boot_area *out, unsigned max);

/* Bytes of RAM that the firmware reports in all; the kernel image plus pool alone. */
uint64_t boot_memory_total(void);
uint64_t boot_memory_kernel(void);

#endif
