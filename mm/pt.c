/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table walker.  All formats have 512 entries of 8 bytes a table; a struct pt_format says which bits mean what.
 *
 *   level         3        2        1        0
 *   entry covers  512 GiB  1 GiB    2 MiB    4 KiB        (SPAN(level))
 *
 * A new table is filled before the entry that leads to it is written, so that a hardware walker never sees it half done.
 * An entry that is not in use is all zero: it holds no physical address that a CPU could speculate on.
 */
#include <kernel/panic.h>
#include <mm/frame.h>
#include <mm/pt.h>
#include <mm/quota.h>

#define ENTRIES		512u
#define SPAN(level)	(1ull << (PAGE_SHIFT + 9 * (level)))

/* What one operation carries down the levels. */
struct op {
	const struct pt_format *fmt;
	struct quota *quota;
	struct pt_dead *dead;
	uint32_t attr;
};

static bool is_present(const struct pt_format *fmt, uint64_t entry)
{
	return entry & fmt->present;
}

static bool is_leaf(const struct pt_format *fmt, uint64_t entry, unsigned level)
{
	return level == 0 || (entry & fmt->leaf_mask) == fmt->leaf_val;
}

static uint64_t *table_of(uint64_t entry)
{
	return frame_va((hpa_t){ entry & PT_ADDR });
}

static unsigned index_of(uint64_t va, unsigned level)
{
	return (unsigned)(va / SPAN(level) % ENTRIES);
}

/* End of the part of [@va, @end) that one entry covers; its last byte is compared, because the end of the last entry is 2^64. */
static uint64_t entry_end(uint64_t va, uint64_t end, unsigned level)
{
	return min_u64(end - 1, va | (SPAN(level) - 1)) + 1;
}

static void write_entry(uint64_t *slot, uint64_t entry)
{
	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);
}

static uint64_t make_leaf(const struct pt_format *fmt, uint64_t pa, uint32_t attr, unsigned level)
{
	const uint64_t *type = level ? fmt->type_large : fmt->type;
	uint64_t entry = pa | fmt->perm[attr & PT_RWX] | type[(attr & PT_TYPE) / PT_UC];

	entry |= attr & PT_USER ? fmt->user : 0;
	entry |= attr & PT_GLOBAL ? fmt->global : 0;
	return entry | (level ? fmt->leaf_val : 0);
}

/* Of formats that cannot express all rights, several attributes make one entry: the one with most rights is reported. */
static uint32_t leaf_attr(const struct pt_format *fmt, uint64_t entry, unsigned level)
{
	const uint64_t *type = level ? fmt->type_large : fmt->type;
	uint64_t perm_mask = 0, type_mask = 0;
	uint32_t attr = 0;

	for (unsigned i = 0; i < ARRAY_LEN(fmt->perm); i++)
		perm_mask |= fmt->perm[i];
	for (uint32_t i = 0; i < ARRAY_LEN(fmt->perm); i++)
		if ((entry & perm_mask) == fmt->perm[i])
			attr = i;
	for (unsigned i = 0; i < ARRAY_LEN(fmt->type); i++)
		type_mask |= type[i];
	for (uint32_t i = 0; i < ARRAY_LEN(fmt->type); i++)
		if ((entry & type_mask) == type[i]) {
			attr |= i * PT_UC;
			break;
		}
	attr |= fmt->user && (entry & fmt->user) == fmt->user ? PT_USER : 0;
	attr |= fmt->global && (entry & fmt->global) == fmt->global ? PT_GLOBAL : 0;
	return attr;
}

static uint64_t leaf_pa(uint64_t entry, unsigned level)
{
	return entry & PT_ADDR & ~(SPAN(level) - 1);
}

static uint64_t *table_alloc(struct quota *q)
{
	uint64_t *table = q ? quota_frame_take(q) : frame_alloc();

	if (!table)
		panic("no memory for the kernel's own page tables");
	return table;
}

static void table_free(struct quota *q, void *table)
{
	if (q)
		quota_frame_free(q, table);
	else
		frame_free(table);
}

/*
 * A table that nothing points to any more.  A CPU may still walk it until the flush: the link in its first entry is a page
 * address without any low bit, in no format an entry in use.
 */
static void bury(struct pt_dead *dead, void *table)
{
	*(void **)table = dead->first;
	dead->first = table;
	dead->count++;
}

uint64_t pt_tables_needed(const struct pt *pt, uint64_t va, uint64_t pa, uint64_t size)
{
	uint64_t last = va + size - 1, tables = 0;

	if (size == 0)
		return 0;
	/* One table below each entry of @level that the range touches, unless a leaf there covers the entry's span. */
	for (unsigned level = 1; level < pt->fmt->levels; level++) {
		uint64_t span = SPAN(level), touched = last / span - va / span + 1;
		bool leaves = level <= pt->fmt->max_leaf_level && is_aligned(va ^ pa, span);

		if (leaves) {
			uint64_t first_cut = !is_aligned(va, span), last_cut = !is_aligned(last + 1, span);

			tables += touched == 1 ? first_cut | last_cut : first_cut + last_cut;
		} else {
			tables += touched;
		}
	}
	return tables;
}

static void map_level(const struct op *op, uint64_t *table, unsigned level, uint64_t va, uint64_t end, uint64_t pa)
{
	while (va < end) {
		uint64_t *slot = &table[index_of(va, level)], next = entry_end(va, end, level);

		if (level <= op->fmt->max_leaf_level && next - va == SPAN(level) && is_aligned(pa, SPAN(level)) &&
		    !is_present(op->fmt, *slot)) {
			write_entry(slot, make_leaf(op->fmt, pa, op->attr, level));
		} else {
			CHECK(level > 0);	/* mapped already */
			if (!is_present(op->fmt, *slot))
				write_entry(slot, frame_pa(table_alloc(op->quota)).v | op->fmt->table);
			CHECK(!is_leaf(op->fmt, *slot, level));
			map_level(op, table_of(*slot), level - 1, va, next, pa);
		}
		pa += next - va;
		va = next;
	}
}

void pt_map(struct pt *pt, uint64_t va, hpa_t pa, uint64_t size, uint32_t attr, struct quota *q)
{
	struct op op = { .fmt = pt->fmt, .quota = q, .attr = attr };

	map_level(&op, pt->root, pt->fmt->levels - 1u, va, va + size, pa.v);
}

/* Replace the large leaf in @slot by a table of smaller ones that says the same. */
static void split(const struct op *op, uint64_t *slot, unsigned level)
{
	uint64_t entry = *slot, pa = leaf_pa(entry, level), used = entry & (op->fmt->accessed | op->fmt->dirty);
	uint32_t attr = leaf_attr(op->fmt, entry, level);
	uint64_t *table = table_alloc(op->quota);

	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = make_leaf(op->fmt, pa + i * SPAN(level - 1), attr, level - 1) | used;
	write_entry(slot, frame_pa(table).v | op->fmt->table);
}

static bool is_empty(const struct pt_format *fmt, const uint64_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (is_present(fmt, table[i]))
			return false;
	return true;
}

static void unmap_level(const struct op *op, uint64_t *table, unsigned level, uint64_t va, uint64_t end)
{
	for (uint64_t next; va < end; va = next) {
		uint64_t *slot = &table[index_of(va, level)];

		next = entry_end(va, end, level);
		if (!is_present(op->fmt, *slot))
			continue;
		if (is_leaf(op->fmt, *slot, level)) {
			if (next - va == SPAN(level)) {
				write_entry(slot, 0);
				continue;
			}
			split(op, slot, level);
		}
		uint64_t *below = table_of(*slot);

		unmap_level(op, below, level - 1, va, next);
		if (is_empty(op->fmt, below)) {
			write_entry(slot, 0);
			bury(op->dead, below);
		}
	}
}

void pt_unmap(struct pt *pt, uint64_t va, uint64_t size, struct quota *q, struct pt_dead *dead)
{
	struct op op = { .fmt = pt->fmt, .quota = q, .dead = dead };

	unmap_level(&op, pt->root, pt->fmt->levels - 1u, va, va + size);
}

/* If the table below @slot maps one contiguous, aligned range with equal attributes, make it one leaf. */
static void merge(const struct op *op, uint64_t *slot, unsigned level)
{
	uint64_t *table = table_of(*slot), first = table[0], used = op->fmt->accessed | op->fmt->dirty, seen = 0;

	if (level > op->fmt->max_leaf_level || !is_present(op->fmt, first) || !is_leaf(op->fmt, first, level - 1) ||
	    !is_aligned(leaf_pa(first, level - 1), SPAN(level)))
		return;
	for (unsigned i = 0; i < ENTRIES; i++) {
		if ((table[i] & ~used) != (first & ~used) + i * SPAN(level - 1))
			return;
		seen |= table[i] & used;
	}
	write_entry(slot, make_leaf(op->fmt, leaf_pa(first, level - 1), leaf_attr(op->fmt, first, level - 1), level) | seen);
	bury(op->dead, table);
}

static void protect_level(const struct op *op, uint64_t *table, unsigned level, uint64_t va, uint64_t end)
{
	for (uint64_t next; va < end; va = next) {
		uint64_t *slot = &table[index_of(va, level)];
		uint32_t attr;

		next = entry_end(va, end, level);
		if (!is_present(op->fmt, *slot))
			continue;
		if (is_leaf(op->fmt, *slot, level)) {
			attr = leaf_attr(op->fmt, *slot, level);
			/* A part is split off even if its rights stay the same: the caller relies on a leaf's end there. */
			if ((attr & PT_RWX) == op->attr && next - va == SPAN(level))
				continue;
			if (next - va == SPAN(level)) {
				write_entry(slot, make_leaf(op->fmt, leaf_pa(*slot, level), (attr & ~PT_RWX) | op->attr, level) |
						  (*slot & (op->fmt->accessed | op->fmt->dirty)));
				continue;
			}
			split(op, slot, level);
		}
		protect_level(op, table_of(*slot), level - 1, va, next);
		/* Not beyond the range: what lies there may belong to somebody else. */
		if (next - va == SPAN(level))
			merge(op, slot, level);
	}
}

/* Only the rights of @attr count; without any right an entry would still hold an address, so there must be one. */
void pt_protect(struct pt *pt, uint64_t va, uint64_t size, uint32_t attr, struct quota *q, struct pt_dead *dead)
{
	struct op op = { .fmt = pt->fmt, .quota = q, .dead = dead, .attr = attr & PT_RWX };

	CHECK(op.attr != 0);
	protect_level(&op, pt->root, pt->fmt->levels - 1u, va, va + size);
}

bool pt_lookup(const struct pt *pt, uint64_t va, hpa_t *pa, uint32_t *attr, uint64_t *leaf_size)
{
	const uint64_t *table = pt->root;

	for (unsigned level = pt->fmt->levels - 1u;; level--) {
		uint64_t entry = table[index_of(va, level)];

		if (!is_present(pt->fmt, entry))
			return false;
		if (is_leaf(pt->fmt, entry, level)) {
			pa->v = leaf_pa(entry, level) + va % SPAN(level);
			*attr = leaf_attr(pt->fmt, entry, level);
			*leaf_size = SPAN(level);
			return true;
		}
		table = table_of(entry);
	}
}

static void free_below(const struct pt_format *fmt, uint64_t *slot, unsigned level, struct quota *q)
{
	uint64_t *table;

	if (!is_present(fmt, *slot) || is_leaf(fmt, *slot, level))
		return;
	table = table_of(*slot);
	for (unsigned i = 0; i < ENTRIES && level > 1; i++)
		free_below(fmt, &table[i], level - 1, q);
	table_free(q, table);
}

/* No CPU may have the tables loaded any more. */
void pt_free_tables(struct pt *pt, unsigned first, unsigned last, struct quota *q)
{
	for (unsigned i = first; i <= last; i++) {
		free_below(pt->fmt, &pt->root[i], pt->fmt->levels - 1u, q);
		pt->root[i] = 0;
	}
}

void pt_free_dead(struct pt_dead *dead, struct quota *q)
{
	while (dead->first) {
		void *table = dead->first;

		dead->first = *(void **)table;
		table_free(q, table);
	}
	dead->count = 0;
}
