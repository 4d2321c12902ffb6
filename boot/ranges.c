/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: from whatever order and overlap the firmware reports to sorted, disjoint, page-granular ranges. */
#include <kernel/boot_info.h>
#include <kernel/string.h>

#include "boot.h"

/* A raw range each adds at most two boundaries. */
#define EDGES	(2 * BOOT_RANGES)

bool ranges_add(struct boot_info *info, uint64_t base, uint64_t size, uint32_t kind, struct boot_error *err)
{
	if (size == 0)
		return true;
	if (info->range_count == BOOT_RANGES)
		return boot_fail(err, "the memory map has more than %u ranges", BOOT_RANGES);
	if (base + size - 1 < base)
		return boot_fail(err, "memory map: range %u at %#llx wraps around the address space", info->range_count,
				 (unsigned long long)base);
	if (kind < BOOT_RAM || kind > BOOT_NVS)
		kind = BOOT_RESERVED;
	info->range[info->range_count++] = (struct boot_range){ .base = base, .size = size, .kind = kind };
	return true;
}

/* Of two kinds for one address, the one that promises less. */
static unsigned rank(uint32_t kind)
{
	switch (kind) {
	case BOOT_RAM:
		return 1;
	case BOOT_ACPI:
		return 2;
	case BOOT_NVS:
		return 3;
	default:
		return 4;
	}
}

/* RAM loses partial pages, everything else gains them.  The last page of the address space is never RAM. */
static void page_align(struct boot_range *r)
{
	uint64_t last = r->base + r->size - 1;		/* inclusive: the range may end at 2^64 */

	if (r->kind == BOOT_RAM) {
		uint64_t base = align_up(r->base, PAGE_SIZE);
		uint64_t end = last == ~0ull ? align_down(last, PAGE_SIZE) : align_down(last + 1, PAGE_SIZE);

		r->size = base >= r->base && end > base ? end - base : 0;
		r->base = base;
	} else {
		r->base = align_down(r->base, PAGE_SIZE);
		last = align_down(last, PAGE_SIZE) + (PAGE_SIZE - 1);
		r->size = last - r->base + 1;
		if (last == ~0ull)			/* keep base + size representable */
			r->size -= PAGE_SIZE;
	}
}

static void sort(uint64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint64_t x = v[i];
		unsigned j = i;

		for (; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

/* The kind that wins in [@from, @to), between two neighbouring edges; 0: no range covers it. */
static uint32_t winner(const struct boot_range *raw, unsigned count, uint64_t from, uint64_t to)
{
	uint32_t kind = 0;

	for (unsigned i = 0; i < count; i++)
		if (raw[i].size && raw[i].base <= from && raw[i].base + raw[i].size >= to &&
		    (kind == 0 || rank(raw[i].kind) > rank(kind)))
			kind = raw[i].kind;
	return kind;
}

bool ranges_normalise(struct boot_info *info, struct boot_error *err)
{
	struct boot_range raw[BOOT_RANGES];
	uint64_t edge[EDGES];
	unsigned raw_count = info->range_count, edges = 0, n = 0;
	bool ram = false;

	memcpy(raw, info->range, sizeof(raw));
	for (unsigned i = 0; i < raw_count; i++) {
		page_align(&raw[i]);
		edge[edges++] = raw[i].base;
		edge[edges++] = raw[i].base + raw[i].size;
	}
	sort(edge, edges);

	memset(info->range, 0, sizeof(info->range));
	for (unsigned i = 0; i + 1 < edges; i++) {
		uint32_t kind = edge[i] == edge[i + 1] ? 0 : winner(raw, raw_count, edge[i], edge[i + 1]);

		if (kind == 0)
			continue;
		ram |= kind == BOOT_RAM;
		if (n > 0 && info->range[n - 1].kind == kind && info->range[n - 1].base + info->range[n - 1].size == edge[i]) {
			info->range[n - 1].size += edge[i + 1] - edge[i];
			continue;
		}
		if (n == BOOT_RANGES)
			return boot_fail(err, "the memory map has more than %u ranges", BOOT_RANGES);
		info->range[n++] = (struct boot_range){ .base = edge[i], .size = edge[i + 1] - edge[i], .kind = kind };
	}
	info->range_count = n;
	if (!ram)
		return boot_fail(err, "the memory map has no RAM");
	return true;
}

bool ranges_ram(const struct boot_info *info, uint64_t base, uint64_t size)
{
	/* Neighbours of one kind are merged, so one range must cover it all. */
	for (unsigned i = 0; i < info->range_count; i++) {
		const struct boot_range *r = &info->range[i];

		if (r->kind == BOOT_RAM && base >= r->base && range_inside(base - r->base, size, r->size))
			return true;
	}
	return false;
}
