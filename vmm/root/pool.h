/* SPDX-License-Identifier: Apache-2.0 */
/* Which physical memory is free.  Bookkeeping only: the memory itself is never touched here. */
#ifndef ROOT_POOL_H
#define ROOT_POOL_H

#include <lib/base.h>

#define POOL_EXTENTS	512u

/* A range of physical memory inside one of root's regions. */
struct extent {
	uint64_t base, size;		/* bytes, page granular            */
	uint32_t region;		/* index of the rootinfo region    */
};

struct pool {
	unsigned count;
	struct extent extent[POOL_EXTENTS];	/* free; sorted by base, not touching within a region */
};

/*
 * Give [@e.base, @e.base + @e.size) to the pool; e.size 0 is allowed.  It must not be in the pool already.  False: the table is
 * full and nothing was changed (a fragmentation that cannot come up with a few dozen users).
 */
bool pool_free(struct pool *p, struct extent e) MUST_USE;

/*
 * Take @size bytes, a multiple of the page size, aligned to @align (a power of two, at least a page), from the lowest free
 * addresses.  False: there is no such piece; nothing was changed.
 */
bool pool_take(struct pool *p, uint64_t size, uint64_t align, struct extent *out) MUST_USE;

/* The same from the highest free addresses: for small and short-lived things, so that the low part stays in one piece. */
bool pool_take_high(struct pool *p, uint64_t size, struct extent *out) MUST_USE;

/*
 * Take @size bytes in at most @max pieces, each aligned to @align and all but the last one a multiple of it, as few as can be.
 * Returns the number of pieces; 0: not possible, nothing was changed.
 */
unsigned pool_take_pieces(struct pool *p, uint64_t size, uint64_t align, struct extent *out, unsigned max) MUST_USE;

/* Bytes that are free. */
uint64_t pool_bytes(const struct pool *p);

#endif
