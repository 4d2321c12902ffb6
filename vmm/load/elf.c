/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files of guests, 32 or 64 bits wide.  "Executable and Linkable Format", "ELF Header" and "Program Header". */
#include <load/place.h>

#include <elf.h>
#include <lib/bytes.h>

/* Field @f of struct Elf32_@t or Elf64_@t at @p, by the width of @e. */
#define ELF_FIELD(e, p, t, f)											\
	((e)->wide ? read_le((p) + offsetof(Elf64_##t, f), sizeof(((Elf64_##t *)0)->f)) :			\
		     read_le((p) + offsetof(Elf32_##t, f), sizeof(((Elf32_##t *)0)->f)))

bool load_elf_open(const struct load_input *in, struct load_elf *e)
{
	const uint8_t *h = in->kernel;
	uint64_t machine;

	if (in->kernel_size < sizeof(Elf64_Ehdr) || __builtin_memcmp(h, ELFMAG, SELFMAG) || h[EI_DATA] != ELFDATA2LSB ||
	    (h[EI_CLASS] != ELFCLASS32 && h[EI_CLASS] != ELFCLASS64))
		return false;
	*e = (struct load_elf){ .file = h, .size = in->kernel_size, .wide = h[EI_CLASS] == ELFCLASS64 };
	machine = ELF_FIELD(e, h, Ehdr, e_machine);
	if (machine != EM_386 && machine != EM_X86_64)
		return false;
	e->entry = ELF_FIELD(e, h, Ehdr, e_entry);
	e->phoff = ELF_FIELD(e, h, Ehdr, e_phoff);
	e->phnum = (unsigned)ELF_FIELD(e, h, Ehdr, e_phnum);
	e->phentsize = (unsigned)ELF_FIELD(e, h, Ehdr, e_phentsize);
	return e->phentsize >= (e->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) &&
	       range_inside(e->phoff, (uint64_t)e->phnum * e->phentsize, e->size);
}

bool load_elf_segment(const struct load_elf *e, unsigned n, struct load_segment *s)
{
	const uint8_t *p = e->file + e->phoff + (uint64_t)n * e->phentsize;

	*s = (struct load_segment){
		.type = (uint32_t)ELF_FIELD(e, p, Phdr, p_type), .offset = ELF_FIELD(e, p, Phdr, p_offset),
		.paddr = ELF_FIELD(e, p, Phdr, p_paddr), .vaddr = ELF_FIELD(e, p, Phdr, p_vaddr),
		.filesz = ELF_FIELD(e, p, Phdr, p_filesz), .memsz = ELF_FIELD(e, p, Phdr, p_memsz),
	};
	return range_inside(s->offset, s->filesz, e->size);
}

bool load_elf_place(const struct gmem *m, const struct load_input *in, const struct load_elf *e, struct load_extent *extent,
		    struct load_error *err)
{
	struct load_segment s;

	*extent = (struct load_extent){ UINT64_MAX, 0 };
	for (unsigned n = 0; n < e->phnum; n++) {
		bool whole = load_elf_segment(e, n, &s);

		if (s.type != PT_LOAD)
			continue;
		if (!whole)
			return load_fail(err, "kernel", "truncated: shorter than its headers say", 0, 0);
		if (!place_segment(m, in, s.offset, s.filesz, s.paddr, s.memsz, extent, err))
			return false;
	}
	if (extent->low >= extent->high)
		return load_fail(err, "kernel", "an ELF file without anything to load", 0, 0);
	return true;
}

/* Some kernels are linked at high addresses and name their entry there: it is in the segment that holds it. */
uint64_t load_elf_entry(const struct load_elf *e)
{
	struct load_segment s;

	for (unsigned n = 0; n < e->phnum; n++)
		if (load_elf_segment(e, n, &s) && s.type == PT_LOAD && e->entry - s.vaddr < s.memsz)
			return s.paddr + (e->entry - s.vaddr);
	return e->entry;
}
