/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest loaders.  Each is a function over buffers: from the bytes of a file to guest memory and the state of the first vCPU.
 * They know nothing of vCPUs or capabilities.  The file comes from outside: each value in it is read once and checked.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "gmem.h"
#include "layout.h"

#define LOAD_MODULES	4u

/* A file that goes along with the kernel.  Only its place is chosen here: the caller copies it there. */
struct load_module {
	uint64_t size;			/* more than 0 */
	const char *args;		/* its command line */
};

struct load_input {
	const uint8_t *kernel;
	uint64_t kernel_size;
	const char *cmdline;
	struct load_module module[LOAD_MODULES];
	unsigned module_count;
	const struct e820_entry *e820;
	unsigned e820_count;		/* at most LAYOUT_E820_MAX */
	uint64_t rsdp;			/* guest-physical address of the ACPI RSDP, in the BIOS area */
};

/*
 * State of the first vCPU: protected mode with flat segments from the GDT, interrupts off, everything else as after reset.  With
 * @long_mode, 64-bit mode with the page tables at @cr3.
 */
struct load_entry {
	bool long_mode;
	bool bios;				/* the kernel comes from a world in which a BIOS has run before */
	uint64_t rip, rax, rbx, rsi, rsp, cr3;
	uint64_t gdt_base;
	uint32_t gdt_limit;
	uint16_t cs, ds;			/* selectors */
	uint64_t module[LOAD_MODULES];		/* guest-physical addresses: that many bytes of RAM each */
};

/* What is wrong.  @need and @have are bytes, both 0 if no number says more. */
struct load_error {
	const char *file;		/* "kernel", "module", "cmdline" or "memory" */
	const char *text;
	bool unknown;			/* no kernel of a known kind: @text says what the file is instead, as load_identify() does */
	uint64_t need, have;
};

/*
 * Put kernel, command line and whatever the kernel's boot protocol wants into guest memory.  On failure @err says why; guest
 * memory may then have been written to in part.  Known kinds: Linux bzImage, multiboot 2, multiboot 1, ELF with a PVH entry.
 */
bool load_kernel(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err) MUST_USE;

/* What a file that no loader knows seems to be, in words that complete "this is ...", and what would do. */
const char *load_identify(const uint8_t *file, uint64_t size);
#define LOAD_ACCEPTED	"a Linux bzImage, a multiboot 1 or 2 kernel, or an ELF file with a PVH entry"

/* --- for the loaders --- */

/* Is the file one of this kind?  Then it must be loaded by the function after it, and by no other. */
bool linux_is(const struct load_input *in);
bool linux_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err) MUST_USE;
bool multiboot_is(const struct load_input *in);
bool multiboot_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err) MUST_USE;
bool multiboot2_is(const struct load_input *in);
bool multiboot2_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err) MUST_USE;
bool pvh_is(const struct load_input *in);
bool pvh_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err) MUST_USE;

/* Fill in @err; always false. */
bool load_fail(struct load_error *err, const char *file, const char *text, uint64_t need, uint64_t have);

#endif
