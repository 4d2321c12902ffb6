/* SPDX-License-Identifier: Apache-2.0 */
/* Where things go in guest memory: see place.h. */
#include <load/place.h>

#define FLAT_CS		0x10u
#define FLAT_DS		0x18u
#define GDT_CODE32	0x00cf9b000000ffffull	/* accessed, as the descriptor caches are */
#define GDT_DATA32	0x00cf93000000ffffull

bool place_is_ram(const struct load_input *in, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < in->e820_count; i++) {
		const struct e820_entry *e = &in->e820[i];

		if (e->type == E820_RAM && addr >= e->addr && range_inside(addr - e->addr, size, e->size))
			return true;
	}
	return false;
}

bool place_segment(const struct gmem *m, const struct load_input *in, uint64_t offset, uint64_t filesz, uint64_t addr,
		   uint64_t memsz, struct load_extent *e, struct load_error *err)
{
	uint8_t *to;

	if (!range_inside(offset, filesz, in->kernel_size))
		return load_fail(err, "kernel", "truncated: shorter than its headers say", offset + filesz, in->kernel_size);
	if (filesz > memsz)
		return load_fail(err, "kernel", "corrupt: more bytes in the file than in memory", 0, 0);
	if (!memsz)
		return true;
	if (!place_is_ram(in, addr, memsz))
		return load_fail(err, "memory", "too small for this kernel, or it wants to be where there is none", addr + memsz,
				 gmem_bytes_below(m, LAYOUT_HIGH));
	to = gmem_at(m, (gpa_t){ addr }, memsz, true);
	if (!to)
		return load_fail(err, "memory", "too small for this kernel", addr + memsz, gmem_bytes_below(m, LAYOUT_HIGH));
	__builtin_memcpy(to, in->kernel + offset, filesz);
	__builtin_memset(to + filesz, 0, memsz - filesz);
	e->low = min_u64(e->low, addr);
	e->high = max_u64(e->high, addr + memsz);
	return true;
}

uint8_t *place_area(const struct gmem *m, const struct load_input *in, struct load_extent *e, uint64_t *addr, struct load_error *err)
{
	uint8_t *area;

	*addr = LAYOUT_BOOT;
	if (e->low < LAYOUT_BOOT + LAYOUT_BOOT_SIZE && e->high > LAYOUT_BOOT) {
		*addr = align_up(max_u64(e->high, LAYOUT_HIMEM), PAGE_SIZE);
		e->high = *addr + LAYOUT_BOOT_SIZE;
	}
	area = place_is_ram(in, *addr, LAYOUT_BOOT_SIZE) ? gmem_at(m, (gpa_t){ *addr }, LAYOUT_BOOT_SIZE, true) : NULL;
	if (!area) {
		(void)load_fail(err, "memory", "too small for this kernel", *addr + LAYOUT_BOOT_SIZE,
				gmem_bytes_below(m, LAYOUT_HIGH));
		return NULL;
	}
	__builtin_memset(area, 0, LAYOUT_BOOT_SIZE);
	return area;
}

bool place_modules(const struct load_input *in, const struct load_extent *e, struct load_entry *out, struct load_error *err)
{
	uint64_t at = align_up(max_u64(e->high, LAYOUT_HIMEM), PAGE_SIZE);

	for (unsigned i = 0; i < in->module_count; i++) {
		uint64_t size = in->module[i].size;

		if (size > LAYOUT_LOW_MAX || !place_is_ram(in, at, size))
			return load_fail(err, "module", "does not fit into the memory above the kernel", size, 0);
		out->module[i] = at;
		at = align_up(at + size, PAGE_SIZE);
	}
	return true;
}

void place_flat32(uint64_t *gdt, uint64_t addr, uint64_t rip, struct load_entry *out)
{
	gdt[FLAT_CS / 8] = GDT_CODE32;
	gdt[FLAT_DS / 8] = GDT_DATA32;
	out->long_mode = false;
	out->rip = rip;
	out->gdt_base = addr;
	out->gdt_limit = PLACE_GDT_SIZE - 1;
	out->cs = FLAT_CS;
	out->ds = FLAT_DS;
}

bool place_text(uint8_t *data, uint64_t size, uint64_t *used, const char *text)
{
	uint64_t len = __builtin_strlen(text) + 1;

	if (!range_inside(*used, len, size))
		return false;
	__builtin_memcpy(data + *used, text, len);
	*used += len;
	return true;
}
