/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking an ELF64 program before it is loaded.  A pure function over the bytes of the file, shared by the kernel (root), root
 * (everything else) and tests; whoever loads the program relies on nothing but the layout that it returns.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include <lib/base.h>

/* ELF-64 Object File Format, "File Header" and "Program Header". */
struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");

struct elf_program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "Elf64_Phdr");

#define ELF_TYPE_EXEC		2u
#define ELF_MACHINE_X86_64	62u
#define ELF_PT_LOAD		1u
#define ELF_X			(1u << 0)
#define ELF_W			(1u << 1)
#define ELF_R			(1u << 2)

#define ELF_SEGMENTS		16u

/* A part of the program: bytes [@offset, @offset + @filesz) of the file belong at @vaddr, zeroes follow up to @memsz. */
struct elf_segment {
	uint64_t vaddr, memsz, offset, filesz;
	uint32_t flags;			/* ELF_R | ELF_W | ELF_X, never W and X at once */
};

struct elf_layout {
	uint64_t entry;
	unsigned count;			/* at least 1 */
	struct elf_segment segment[ELF_SEGMENTS];	/* no two of them touch the same page */
};

/* What is wrong, to be put behind the name of the file. */
struct elf_error {
	char text[96];
};

static inline void elf_put_text(struct elf_error *e, const char *s)
{
	size_t n = 0;

	while (e->text[n])
		n++;
	for (; *s && n + 1 < sizeof(e->text); s++)
		e->text[n++] = *s;
	e->text[n] = 0;
}

static inline void elf_put_number(struct elf_error *e, uint64_t v)
{
	char digits[21];
	unsigned at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	elf_put_text(e, digits + at);
}

/* "BEFORE N AFTER" */
static inline bool elf_fail(struct elf_error *e, const char *before, uint64_t n, const char *after)
{
	e->text[0] = 0;
	elf_put_text(e, before);
	elf_put_number(e, n);
	elf_put_text(e, after);
	return false;
}

static inline bool elf_fail_text(struct elf_error *e, const char *text)
{
	e->text[0] = 0;
	elf_put_text(e, text);
	return false;
}

static inline const char *elf_machine_name(unsigned machine)
{
	static const struct { unsigned machine; const char *name; } known[] = {
		{ 3, " (i386)" }, { 20, " (PowerPC)" }, { 21, " (PowerPC64)" }, { 40, " (ARM)" }, { 62, " (x86-64)" },
		{ 183, " (AArch64)" }, { 243, " (RISC-V)" }, { 258, " (LoongArch)" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].machine == machine)
			return known[i].name;
	return "";
}

static inline bool elf_check_header(const struct elf_header *h, uint64_t size, struct elf_error *e)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

	for (unsigned i = 0; i < sizeof(magic); i++)
		if (h->ident[i] != magic[i])
			return elf_fail_text(e, "no ELF file");
	if (h->ident[4] != 2)
		return elf_fail(e, "ELF of class ", h->ident[4], ", expected 2 (64-bit)");
	if (h->ident[5] != 1)
		return elf_fail(e, "ELF with byte order ", h->ident[5], ", expected 1 (little-endian)");
	if (h->machine != ELF_MACHINE_X86_64) {
		(void)elf_fail(e, "ELF for machine ", h->machine, elf_machine_name(h->machine));
		elf_put_text(e, ", expected 62 (x86-64)");
		return false;
	}
	if (h->type != ELF_TYPE_EXEC)
		return elf_fail(e, "ELF of type ", h->type, ", expected 2 (executable, statically linked)");
	if (h->phentsize != sizeof(struct elf_program_header))
		return elf_fail(e, "ELF program headers of ", h->phentsize, " bytes, expected 56");
	if (!range_inside(h->phoff, (uint64_t)h->phnum * h->phentsize, size))
		return elf_fail(e, "ELF program headers lie outside the file of ", size, " bytes: truncated");
	return true;
}

/* One PT_LOAD segment, number @n in the file, alone. */
static inline bool elf_check_segment(const struct elf_program_header *p, unsigned n, uint64_t size, uint64_t lowest,
				     uint64_t limit, struct elf_error *e)
{
	if (p->filesz > p->memsz)
		return elf_fail(e, "ELF segment ", n, " has more bytes in the file than in memory");
	if (!range_inside(p->offset, p->filesz, size))
		return elf_fail(e, "ELF segment ", n, " lies outside the file: truncated");
	if (p->vaddr < lowest || !range_inside(p->vaddr, p->memsz, limit))
		return elf_fail(e, "ELF segment ", n, " lies outside the addresses of a user program");
	if ((p->flags & (ELF_W | ELF_X)) == (ELF_W | ELF_X))
		return elf_fail(e, "ELF segment ", n, " is writable and executable");
	return true;
}

static inline bool elf_pages_overlap(const struct elf_segment *a, const struct elf_segment *b)
{
	return align_down(a->vaddr, PAGE_SIZE) < align_up(b->vaddr + b->memsz, PAGE_SIZE) &&
	       align_down(b->vaddr, PAGE_SIZE) < align_up(a->vaddr + a->memsz, PAGE_SIZE);
}

static inline bool elf_add_segment(struct elf_layout *l, const struct elf_program_header *p, unsigned n, struct elf_error *e)
{
	struct elf_segment s = { p->vaddr, p->memsz, p->offset, p->filesz, p->flags & (ELF_R | ELF_W | ELF_X) };

	for (unsigned i = 0; i < l->count; i++)
		if (elf_pages_overlap(&l->segment[i], &s))
			return elf_fail(e, "ELF segment ", n, " shares a page with another segment");
	if (l->count == ELF_SEGMENTS)
		return elf_fail(e, "ELF with more than ", ELF_SEGMENTS, " segments");
	l->segment[l->count++] = s;
	return true;
}

/*
 * Is the file @image of @size bytes a static x86-64 program whose segments lie in [@lowest, @limit), page granular both?  true:
 * *@l says what to load.  false: *@e says why not.
 */
static inline bool elf_check(const void *image, uint64_t size, uint64_t lowest, uint64_t limit, struct elf_layout *l,
			     struct elf_error *e)
{
	struct elf_header h;

	*l = (struct elf_layout){ 0 };
	if (size < sizeof(h))
		return elf_fail(e, "no ELF file: ", size, " bytes");
	__builtin_memcpy(&h, image, sizeof(h));
	if (!elf_check_header(&h, size, e))
		return false;
	for (unsigned n = 0; n < h.phnum; n++) {
		struct elf_program_header p;

		__builtin_memcpy(&p, (const char *)image + h.phoff + n * sizeof(p), sizeof(p));
		if (p.type != ELF_PT_LOAD || p.memsz == 0)
			continue;
		if (!elf_check_segment(&p, n, size, lowest, limit, e) || !elf_add_segment(l, &p, n, e))
			return false;
	}
	l->entry = h.entry;
	for (unsigned i = 0; i < l->count; i++)
		if (l->segment[i].flags & ELF_X && h.entry - l->segment[i].vaddr < l->segment[i].memsz)
			return true;
	return elf_fail_text(e, "ELF whose entry point lies in no executable segment");
}

#endif
