/* SPDX-License-Identifier: Apache-2.0 */
/* Free physical memory as a sorted array of extents: users are few and large, so searching it is cheap. */
#include "pool.h"

#include <rt/log.h>
#include <rt/string.h>

static uint64_t extent_end(const struct extent *e)
{
	return e->base + e->size;
}

static void pool_insert(struct pool *p, unsigned at, struct extent e)
{
	memmove(&p->extent[at + 1], &p->extent[at], (p->count - at) * sizeof(e));
	p->extent[at] = e;
	p->count++;
}

static void pool_remove(struct pool *p, unsigned at)
{
	p->count--;
	memmove(&p->extent[at], &p->extent[at + 1], (p->count - at) * sizeof(p->extent[0]));
}

bool pool_free(struct pool *p, struct extent e)
{
	unsigned at = 0;

	if (!e.size)
		return true;
	while (at < p->count && p->extent[at].base < e.base)
		at++;

	struct extent *below = at ? &p->extent[at - 1] : NULL, *above = at < p->count ? &p->extent[at] : NULL;
	bool join_below = below && below->region == e.region && extent_end(below) == e.base;
	bool join_above = above && above->region == e.region && extent_end(&e) == above->base;

	if (join_below) {
		below->size += e.size + (join_above ? above->size : 0);
		if (join_above)
			pool_remove(p, at);
	} else if (join_above) {
		above->base = e.base;
		above->size += e.size;
	} else {
		if (p->count == POOL_EXTENTS)
			return false;
		pool_insert(p, at, e);
	}
	return true;
}

/* Cut [@base, @base + @size) out of extent @at, which holds it. */
static bool pool_cut(struct pool *p, unsigned at, uint64_t base, uint64_t size, struct extent *out)
{
	struct extent *e = &p->extent[at];
	struct extent rest = { base + size, extent_end(e) - (base + size), e->region };

	*out = (struct extent){ base, size, e->region };
	if (base != e->base && rest.size) {
		if (p->count == POOL_EXTENTS)
			return false;
		e->size = base - e->base;
		pool_insert(p, at + 1, rest);
	} else if (base != e->base) {
		e->size = base - e->base;
	} else if (rest.size) {
		*e = rest;
	} else {
		pool_remove(p, at);
	}
	return true;
}

bool pool_take(struct pool *p, uint64_t size, uint64_t align, struct extent *out)
{
	RT_CHECK(size && is_aligned(size, PAGE_SIZE) && align >= PAGE_SIZE);
	for (unsigned i = 0; i < p->count; i++) {
		uint64_t base = align_up(p->extent[i].base, align);

		if (base >= p->extent[i].base && range_inside(base - p->extent[i].base, size, p->extent[i].size))
			return pool_cut(p, i, base, size, out);
	}
	return false;
}

bool pool_take_high(struct pool *p, uint64_t size, struct extent *out)
{
	RT_CHECK(size && is_aligned(size, PAGE_SIZE));
	for (unsigned i = p->count; i--;)
		if (p->extent[i].size >= size)
			return pool_cut(p, i, extent_end(&p->extent[i]) - size, size, out);
	return false;
}

/* The largest piece that is aligned to @align at both ends; 0 bytes if there is none. */
static struct extent pool_largest(const struct pool *p, uint64_t align)
{
	struct extent best = { 0, 0, 0 };

	for (unsigned i = 0; i < p->count; i++) {
		uint64_t base = align_up(p->extent[i].base, align), end = align_down(extent_end(&p->extent[i]), align);

		if (base >= p->extent[i].base && end > base && end - base > best.size)
			best = (struct extent){ base, end - base, p->extent[i].region };
	}
	return best;
}

unsigned pool_take_pieces(struct pool *p, uint64_t size, uint64_t align, struct extent *out, unsigned max)
{
	unsigned count = 0;

	while (count < max && size) {
		if (pool_take(p, size, align, &out[count])) {
			count++;
			return count;
		}

		struct extent piece = pool_largest(p, align);

		if (!piece.size || !pool_take(p, piece.size, align, &out[count]))
			break;
		size -= out[count++].size;
	}
	while (count)
		RT_CHECK(pool_free(p, out[--count]));
	return 0;
}

uint64_t pool_bytes(const struct pool *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < p->count; i++)
		sum += p->extent[i].size;
	return sum;
}
