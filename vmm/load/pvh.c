/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH loader: an ELF file whose note names a 32-bit entry point.  Xen, "x86/HVM direct boot ABI"; Linux with CONFIG_PVH has it in
 * vmlinux.
 */
#include <load/place.h>

#include <elf.h>

#define NOTE_NAME		"Xen"
#define NOTE_PHYS32_ENTRY	18u		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTES_MAX		64u
#define START_MAGIC		0x336ec578u
#define START_VERSION		1u

struct pvh_module {
	uint64_t base, size, cmdline, reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "PVH");

struct pvh_range {
	uint64_t base, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct pvh_range) == 24, "PVH");

/* What the area holds; texts follow. */
struct area {
	uint64_t gdt[PLACE_GDT_SIZE / 8];
	struct {
		uint32_t magic, version, flags, module_count;
		uint64_t modules, cmdline, rsdp, memory_map;
		uint32_t memory_map_count, reserved;
	} start;
	struct pvh_module module[LOAD_MODULES];
	struct pvh_range map[LAYOUT_E820_MAX];
	uint8_t text[];
};
_Static_assert(sizeof(((struct area *)0)->start) == 56, "PVH");

/* The entry point in the notes of the @size bytes at @notes. */
static bool note_find(const uint8_t *notes, uint64_t size, uint64_t *entry)
{
	uint64_t off = 0;
	Elf64_Nhdr n;			/* the same in 32-bit files */

	for (unsigned i = 0; i < NOTES_MAX && range_inside(off, sizeof(n), size); i++) {
		uint64_t name, desc;

		__builtin_memcpy(&n, notes + off, sizeof(n));
		name = off + sizeof(n);
		desc = name + align_up(n.n_namesz, 4);
		off = desc + align_up(n.n_descsz, 4);
		if (off > size && desc + n.n_descsz > size)
			return false;
		if (n.n_type != NOTE_PHYS32_ENTRY || n.n_namesz != sizeof(NOTE_NAME) || n.n_descsz < 4 || n.n_descsz > 8 ||
		    __builtin_memcmp(notes + name, NOTE_NAME, sizeof(NOTE_NAME)))
			continue;
		*entry = 0;
		__builtin_memcpy(entry, notes + desc, n.n_descsz);
		return true;
	}
	return false;
}

static bool entry_find(const struct load_elf *e, uint64_t *entry)
{
	struct load_segment s;

	for (unsigned i = 0; i < e->phnum; i++)
		if (load_elf_segment(e, i, &s) && s.type == PT_NOTE && note_find(e->file + s.offset, s.filesz, entry))
			return true;
	return false;
}

bool pvh_is(const struct load_input *in)
{
	struct load_elf e;
	uint64_t entry;

	return load_elf_open(in, &e) && entry_find(&e, &entry);
}

static bool start_fill(struct area *a, uint64_t addr, const struct load_input *in, const struct load_entry *out, struct load_error *err)
{
	uint64_t used = 0, size = LAYOUT_BOOT_SIZE - sizeof(*a), text = addr + offsetof(struct area, text);
	bool fits = place_text(a->text, size, &used, in->cmdline);

	a->start.magic = START_MAGIC;
	a->start.version = START_VERSION;
	a->start.cmdline = text;
	a->start.rsdp = in->rsdp;
	a->start.module_count = in->module_count;
	a->start.modules = addr + offsetof(struct area, module);
	for (unsigned i = 0; i < in->module_count; i++) {
		a->module[i] = (struct pvh_module){ out->module[i], in->module[i].size, text + used, 0 };
		fits = fits && place_text(a->text, size, &used, in->module[i].args);
	}
	a->start.memory_map = addr + offsetof(struct area, map);
	a->start.memory_map_count = in->e820_count;
	for (unsigned i = 0; i < in->e820_count; i++)
		a->map[i] = (struct pvh_range){ in->e820[i].addr, in->e820[i].size, in->e820[i].type, 0 };
	return fits || load_fail(err, "cmdline", "the command lines are too long", 0, size);
}

bool pvh_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err)
{
	struct load_extent extent;
	uint64_t entry, addr;
	struct load_elf elf;
	struct area *a;

	if (!load_elf_open(in, &elf) || !entry_find(&elf, &entry))
		return load_fail(err, "kernel", "no ELF file with a PVH entry", 0, 0);
	if (!load_elf_place(m, in, &elf, &extent, err))
		return false;
	if (entry < extent.low || entry >= extent.high)
		return load_fail(err, "kernel", "corrupt: its entry point lies outside of it", 0, 0);

	*out = (struct load_entry){ .rip = 0 };
	a = (struct area *)(void *)place_area(m, in, &extent, &addr, err);
	if (!a || !place_modules(in, &extent, out, err) || !start_fill(a, addr, in, out, err))
		return false;
	place_flat32(a->gdt, addr, entry, out);
	out->rbx = addr + offsetof(struct area, start);
	out->rsp = addr + LAYOUT_BOOT_SIZE;
	return true;
}
