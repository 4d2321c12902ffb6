/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical page frames.  A few zones, each a contiguous range with one bit per page at its start.  Searching goes on where
 * the last search ended, so that a single frame is found at once as long as the zone is not almost full.
 */
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/frame.h>

#define ZONES	8u

struct zone {
	uint64_t base;		/* physical address of page 0    */
	uint64_t pages, free;
	uint64_t hint;		/* where the next search begins  */
	uint64_t *used;		/* one bit per page              */
};

static struct zone zones[ZONES];
static unsigned zone_count;

static bool is_used(const struct zone *z, uint64_t page) { return z->used[page / 64] >> (page % 64) & 1; }

static void mark(struct zone *z, uint64_t page, uint64_t count, bool used)
{
	for (uint64_t p = page; p < page + count; p++)
		z->used[p / 64] ^= BIT(p % 64);
	z->free = used ? z->free - count : z->free + count;
}

void frame_add(hpa_t base, uint64_t size)
{
	struct zone *z = &zones[zone_count];
	uint64_t pages = size / PAGE_SIZE, map_pages = align_up((pages + 7) / 8, PAGE_SIZE) / PAGE_SIZE;

	CHECK(zone_count < ZONES && is_aligned(base.v | size, PAGE_SIZE));
	if (pages <= map_pages)
		return;
	z->used = frame_va(base);
	memset(z->used, 0, map_pages * PAGE_SIZE);
	z->base = base.v + map_pages * PAGE_SIZE;
	z->pages = z->free = pages - map_pages;
	z->hint = 0;
	zone_count++;
}

/* The first free page at or after @from, skipping full words; z->pages: none. */
static uint64_t next_free(const struct zone *z, uint64_t from)
{
	while (from < z->pages) {
		uint64_t taken = z->used[from / 64] >> (from % 64);

		if (~taken == 0 || (from % 64 && taken == ~0ull >> (from % 64))) {
			from = (from / 64 + 1) * 64;
			continue;
		}
		return min_u64(from + (uint64_t)__builtin_ctzll(~taken), z->pages);
	}
	return z->pages;
}

/* First of @count free pages in [@from, @end); ~0: none. */
static uint64_t find_run(const struct zone *z, uint64_t from, uint64_t end, unsigned count)
{
	for (uint64_t page = next_free(z, from); page + count <= end; page = next_free(z, page)) {
		uint64_t n = 1;

		while (n < count && !is_used(z, page + n))
			n++;
		if (n == count)
			return page;
		page += n;
	}
	return ~0ull;
}

void *frame_alloc_many(unsigned count)
{
	for (unsigned i = 0; i < zone_count && count > 0; i++) {
		struct zone *z = &zones[i];
		uint64_t page;
		void *va;

		if (z->free < count)
			continue;
		page = find_run(z, z->hint, z->pages, count);
		if (page == ~0ull)
			page = find_run(z, 0, z->pages, count);
		if (page == ~0ull)
			continue;
		mark(z, page, count, true);
		z->hint = page + count;
		va = frame_va((hpa_t){ z->base + page * PAGE_SIZE });
		memset(va, 0, count * PAGE_SIZE);
		return va;
	}
	return NULL;
}

void *frame_alloc(void)
{
	return frame_alloc_many(1);
}

/* Freeing what is not allocated would let two owners share a page: a panic. */
void frame_free_many(void *pages, unsigned count)
{
	uint64_t pa = frame_pa(pages).v;

	for (unsigned i = 0; i < zone_count; i++) {
		struct zone *z = &zones[i];
		uint64_t page = (pa - z->base) / PAGE_SIZE;

		if (pa < z->base || !range_inside(page, count, z->pages))
			continue;
		CHECK(is_aligned(pa, PAGE_SIZE));
		for (uint64_t p = page; p < page + count; p++)
			CHECK(is_used(z, p));
		mark(z, page, count, false);
		z->hint = min_u64(z->hint, page);
		return;
	}
	panic("frame_free: %#lx is not of the pool", (unsigned long)pa);
}

void frame_free(void *page)
{
	frame_free_many(page, 1);
}

uint64_t frame_count_free(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < zone_count; i++)
		n += zones[i].free;
	return n;
}

uint64_t frame_count_total(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < zone_count; i++)
		n += zones[i].pages;
	return n;
}
