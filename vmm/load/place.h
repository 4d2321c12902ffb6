/* SPDX-License-Identifier: Apache-2.0 */
/* Where things go in guest memory: what the loaders of 32-bit protected-mode kernels have in common. */
#ifndef LOAD_PLACE_H
#define LOAD_PLACE_H

#include <load/load.h>

/* From the lowest to the highest byte of the kernel, what it wants zeroed included. */
struct load_extent {
	uint64_t low, high;
};

/*
 * Copy @filesz bytes of the kernel file from @offset on to @addr, zero the rest up to @memsz, and extend @e by it.  All of it must lie
 * in memory that the map calls free.
 */
bool place_segment(const struct gmem *m, const struct load_input *in, uint64_t offset, uint64_t filesz, uint64_t addr,
		   uint64_t memsz, struct load_extent *e, struct load_error *err) MUST_USE;

/* Is [@addr, @addr + @size) RAM that the memory map calls free? */
bool place_is_ram(const struct load_input *in, uint64_t addr, uint64_t size);

/*
 * An area of LAYOUT_BOOT_SIZE bytes for the loader's own structures, beside the kernel, zeroed: low where that is free, else right
 * above the kernel, and then @e grows by it.  NULL: there is no room, see @err.
 */
uint8_t *place_area(const struct gmem *m, const struct load_input *in, struct load_extent *e, uint64_t *addr, struct load_error *err);

/* The modules one after another, each from a page boundary on, above the kernel. */
bool place_modules(const struct load_input *in, const struct load_extent *e, struct load_entry *out, struct load_error *err) MUST_USE;

/* A GDT at guest address @addr (@gdt is where that is for us), and a vCPU that runs at @rip with its flat 32-bit segments. */
void place_flat32(uint64_t *gdt, uint64_t addr, uint64_t rip, struct load_entry *out);
#define PLACE_GDT_SIZE	32u

/* Append @text with its NUL at @data[*@used]; false if that exceeds @size. */
bool place_text(uint8_t *data, uint64_t size, uint64_t *used, const char *text) MUST_USE;

/*
 * An ELF file, 32 or 64 bits wide, for an x86 CPU.  elf_open() checks what all accesses need; a program header is read by number.
 */
struct load_elf {
	const uint8_t *file;
	uint64_t size, entry, phoff;
	unsigned phnum, phentsize;
	bool wide;
};
struct load_segment {
	uint32_t type;
	uint64_t offset, paddr, vaddr, filesz, memsz;
};
bool load_elf_open(const struct load_input *in, struct load_elf *e) MUST_USE;
/* False: it lies outside of the file, or its bytes do. */
bool load_elf_segment(const struct load_elf *e, unsigned n, struct load_segment *s) MUST_USE;
/* All segments to their physical addresses. */
bool load_elf_place(const struct gmem *m, const struct load_input *in, const struct load_elf *e, struct load_extent *extent,
		    struct load_error *err) MUST_USE;
/* The entry point as a physical address. */
uint64_t load_elf_entry(const struct load_elf *e);

#endif
