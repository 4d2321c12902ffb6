/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 1 loader.  "Multiboot Specification version 0.6.96", OS image format, machine state, boot information format.
 *
 * The header stands in the first 8 KiB of the file.  It says itself where the file goes ("a.out kludge"), or the file is ELF.
 */
#include <load/place.h>

#define SEARCH		8192u
#define HEADER_MAGIC	0x1badb002u
#define ENTRY_MAGIC	0x2badb002u	/* EAX for the kernel */
#define LOADER_NAME	"Trivet"

/* Header flags.  A loader that does not know one of the lower 16 must give up. */
#define NEED_KNOWN	0x0007u		/* aligned modules, memory size, video mode: this machine has text on a serial line only */
#define NEED_ANY	0xffffu
#define HAS_ADDRESSES	BIT(16)

struct mb_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end, bss_end, entry;
};
_Static_assert(sizeof(struct mb_header) == 32, "multiboot header");

/* Which fields of the boot information are there. */
#define INFO_MEMORY	BIT(0)
#define INFO_CMDLINE	BIT(2)
#define INFO_MODULES	BIT(3)
#define INFO_MAP	BIT(6)
#define INFO_NAME	BIT(9)

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name, apm_table;
};
_Static_assert(offsetof(struct mb_info, mmap_length) == 44, "multiboot information");
_Static_assert(offsetof(struct mb_info, loader_name) == 64, "multiboot information");

struct mb_module {
	uint32_t start, end, args, reserved;
};
_Static_assert(sizeof(struct mb_module) == 16, "multiboot module");

struct mb_range {
	uint32_t size;		/* of what follows */
	uint32_t base[2], length[2], type;
};
_Static_assert(sizeof(struct mb_range) == 24, "multiboot memory map");

/* What the area holds; texts follow. */
struct area {
	uint64_t gdt[PLACE_GDT_SIZE / 8];
	struct mb_info info;
	struct mb_module module[LOAD_MODULES];
	struct mb_range map[LAYOUT_E820_MAX];
	uint8_t text[];
};

/* Offset of the header in the file, or the file's size if there is none. */
static uint64_t header_find(const struct load_input *in, struct mb_header *h)
{
	uint64_t end = min_u64(in->kernel_size, SEARCH), address_fields = offsetof(struct mb_header, header_addr);

	*h = (struct mb_header){ 0 };
	for (uint64_t at = 0; range_inside(at, address_fields, end); at += 4) {
		__builtin_memcpy(h, in->kernel + at, min_u64(sizeof(*h), in->kernel_size - at));
		if (h->magic == HEADER_MAGIC && h->magic + h->flags + h->checksum == 0)
			return at;
	}
	return in->kernel_size;
}

bool multiboot_is(const struct load_input *in)
{
	struct mb_header h;

	return header_find(in, &h) < in->kernel_size;
}

/* The file goes where the header, at @at, says. */
static bool place_by_header(const struct gmem *m, const struct load_input *in, const struct mb_header *h, uint64_t at,
			    struct load_extent *e, struct load_error *err)
{
	uint64_t offset, filesz, memsz;

	*e = (struct load_extent){ UINT64_MAX, 0 };
	if (h->load_addr > h->header_addr || h->header_addr - h->load_addr > at)
		return load_fail(err, "kernel", "corrupt multiboot header: load address", 0, 0);
	offset = at - (h->header_addr - h->load_addr);
	filesz = h->load_end ? (uint64_t)h->load_end - h->load_addr : in->kernel_size - offset;
	memsz = h->bss_end ? (uint64_t)h->bss_end - h->load_addr : filesz;
	if ((h->load_end && h->load_end < h->load_addr) || (h->bss_end && h->bss_end < h->load_addr))
		return load_fail(err, "kernel", "corrupt multiboot header: it ends before it begins", 0, 0);
	return place_segment(m, in, offset, filesz, h->load_addr, max_u64(memsz, filesz), e, err);
}

/* Texts go behind the fixed part of the area: true and the guest's address of it. */
static bool add_text(struct area *a, uint64_t addr, uint64_t *used, const char *text, uint32_t *to)
{
	*to = (uint32_t)(addr + offsetof(struct area, text) + *used);
	return place_text(a->text, LAYOUT_BOOT_SIZE - sizeof(*a), used, text);
}

static bool info_fill(struct area *a, uint64_t addr, const struct load_input *in, const struct load_entry *out, struct load_error *err)
{
	struct mb_info *info = &a->info;
	uint64_t used = 0;
	bool fits = add_text(a, addr, &used, LOADER_NAME, &info->loader_name) &&
		    add_text(a, addr, &used, in->cmdline, &info->cmdline);

	info->flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_NAME;
	info->mods_count = in->module_count;
	info->mods_addr = (uint32_t)(addr + offsetof(struct area, module));
	for (unsigned i = 0; i < in->module_count; i++) {
		a->module[i].start = (uint32_t)out->module[i];
		a->module[i].end = (uint32_t)(out->module[i] + in->module[i].size);
		fits = fits && add_text(a, addr, &used, in->module[i].args, &a->module[i].args);
	}
	info->mmap_addr = (uint32_t)(addr + offsetof(struct area, map));
	info->mmap_length = (uint32_t)(in->e820_count * sizeof(a->map[0]));
	for (unsigned i = 0; i < in->e820_count; i++) {
		const struct e820_entry *r = &in->e820[i];

		a->map[i] = (struct mb_range){
			.size = sizeof(a->map[0]) - sizeof(a->map[0].size), .base = { (uint32_t)r->addr, (uint32_t)(r->addr >> 32) },
			.length = { (uint32_t)r->size, (uint32_t)(r->size >> 32) }, .type = r->type,
		};
		if (r->addr == LAYOUT_HIMEM && r->type == E820_RAM)
			info->mem_upper = (uint32_t)(r->size / KIB);
	}
	info->mem_lower = (uint32_t)(LAYOUT_EBDA / KIB);
	return fits || load_fail(err, "cmdline", "the command lines are too long", 0, LAYOUT_BOOT_SIZE - sizeof(*a));
}

bool multiboot_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err)
{
	struct mb_header h;
	uint64_t at = header_find(in, &h), addr, entry = h.entry;
	struct load_extent extent;
	struct load_elf elf;
	struct area *a;

	if (h.flags & NEED_ANY & ~NEED_KNOWN)
		return load_fail(err, "kernel", "a multiboot kernel that needs something unknown (header flags)", 0, 0);
	if (h.flags & HAS_ADDRESSES) {
		if (!place_by_header(m, in, &h, at, &extent, err))
			return false;
	} else if (!load_elf_open(in, &elf)) {
		return load_fail(err, "kernel", "a multiboot kernel without addresses in its header that is no ELF file for x86 either", 0, 0);
	} else {
		if (!load_elf_place(m, in, &elf, &extent, err))
			return false;
		entry = load_elf_entry(&elf);
	}
	if (entry < extent.low || entry >= extent.high)
		return load_fail(err, "kernel", "corrupt: its entry point lies outside of it", 0, 0);

	*out = (struct load_entry){ .rax = ENTRY_MAGIC, .bios = true };
	a = (struct area *)(void *)place_area(m, in, &extent, &addr, err);
	if (!a || !place_modules(in, &extent, out, err) || !info_fill(a, addr, in, out, err))
		return false;
	place_flat32(a->gdt, addr, entry, out);
	out->rbx = addr + offsetof(struct area, info);
	out->rsp = addr + LAYOUT_BOOT_SIZE;		/* not promised, and what many kernels use */
	return true;
}
