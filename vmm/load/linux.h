/* SPDX-License-Identifier: Apache-2.0 */
/* Linux bzImage loader: the 64-bit boot protocol.  A function over buffers; it knows nothing of vCPUs. */
#ifndef LOAD_LINUX_H
#define LOAD_LINUX_H

#include "gmem.h"
#include "layout.h"

struct linux_boot {
	const uint8_t *kernel;
	uint64_t kernel_size;
	uint64_t initrd_size;		/* 0: none.  Only the place is chosen here: the caller copies it there */
	const char *cmdline;
	const struct e820_entry *e820;
	unsigned e820_count;		/* at most LAYOUT_E820_MAX */
	uint64_t rsdp;			/* guest-physical address of the ACPI RSDP */
};

/* State of the first vCPU: long mode, flat segments from the GDT, interrupts off, everything else as after reset. */
struct linux_entry {
	uint64_t rip, rsi, rsp, cr3;
	uint64_t gdt_base;
	uint32_t gdt_limit;
	uint16_t cs, ds;		/* selectors */
	uint64_t initrd;		/* guest-physical address of the initrd: initrd_size bytes of RAM */
};

/* What is wrong.  @need and @have are bytes, both 0 if no number says more. */
struct load_error {
	const char *file;		/* "kernel", "initrd", "cmdline" or "memory" */
	const char *text;
	bool no_bzimage;		/* @text says what the file is instead, as linux_identify() does */
	uint64_t need, have;
};

/*
 * Put kernel, command line, boot parameters, page tables and GDT into guest memory.  On failure @err says why;
 * guest memory may then have been written to in part.
 */
bool linux_load(const struct gmem *m, const struct linux_boot *in, struct linux_entry *out, struct load_error *err) MUST_USE;

/* What a file that is no bzImage seems to be, in words that complete "this is ...". */
const char *linux_identify(const uint8_t *file, uint64_t size);

#endif
