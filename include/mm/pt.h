/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables: one walker for host, nested and IOMMU tables.  They all have 512 eight-byte entries and 9 address bits a
 * level; a format says which bits mean what.
 */
#ifndef MM_PT_H
#define MM_PT_H

#include <lib/base.h>

struct quota;

/* What a leaf allows, format-independent. */
#define PT_R		(1u << 0)
#define PT_W		(1u << 1)
#define PT_X		(1u << 2)
#define PT_RWX		0x7u
#define PT_USER		(1u << 3)	/* host tables only; nested formats set what their walker needs */
#define PT_GLOBAL	(1u << 4)
#define PT_WB		(0u << 5)
#define PT_UC		(1u << 5)
#define PT_WC		(2u << 5)
#define PT_TYPE		(3u << 5)

#define PT_ADDR		0x000ffffffffff000ull	/* address bits of an entry, every format */

struct pt_format {
	const char *name;
	uint8_t levels;			/* 4 = 48-bit input address                        */
	uint8_t max_leaf_level;		/* 0: 4 KiB only, 1: 2 MiB, 2: 1 GiB               */
	uint64_t present;		/* any of these bits set => entry in use           */
	uint64_t leaf_mask, leaf_val;	/* how a large page is told from a table           */
	uint64_t table;			/* bits set in every non-leaf entry                */
	uint64_t perm[8];		/* PT_R|PT_W|PT_X -> leaf bits                     */
	uint64_t user, global;		/* PT_USER, PT_GLOBAL -> leaf bits                 */
	uint64_t type[4];		/* memory type -> leaf bits, 4 KiB leaf            */
	uint64_t type_large[4];		/* the same for larger leaves                      */
	uint64_t accessed, dirty;	/* 0: the format has none                          */
};

struct pt {
	const struct pt_format *fmt;
	uint64_t *root;
};

/* Table pages that no entry points to any more, linked through their first word; freed once every TLB is flushed. */
struct pt_dead {
	void *first;
	unsigned count;
};

/* How many table pages mapping [@va, @va + @size) to @pa can need at most, whatever else is mapped or unmapped around the range
 * until it is done: existing tables do not count as there.  Reserve them first. */
uint64_t pt_tables_needed(const struct pt *pt, uint64_t va, uint64_t pa, uint64_t size);
/*
 * Map [@va, @va + @size) to @pa with the largest leaves that alignment and format allow.  All page aligned, not mapped yet.
 * Table pages are taken out of @q's reservation (NULL: the kernel's own memory), so it cannot fail.
 */
void pt_map(struct pt *pt, uint64_t va, hpa_t pa, uint64_t size, uint32_t attr, struct quota *q);
/* Remove what is mapped in the range.  Large leaves that the range cuts are split (at most 2 x (levels - 1) tables out of @q's
 * reservation); emptied tables go to @dead.  The caller flushes, then calls pt_free_dead(). */
void pt_unmap(struct pt *pt, uint64_t va, uint64_t size, struct quota *q, struct pt_dead *dead);
/* Change the rights of what is mapped in the range; splits as pt_unmap does, merges neighbours that became alike into larger
 * leaves, but only leaves that lie inside the range: no leaf ever spans two ranges that are accounted for separately. */
void pt_protect(struct pt *pt, uint64_t va, uint64_t size, uint32_t attr, struct quota *q, struct pt_dead *dead);
/* The leaf that translates @va: its physical address for exactly @va and PT_* attributes; false: not mapped. */
bool pt_lookup(const struct pt *pt, uint64_t va, hpa_t *pa, uint32_t *attr, uint64_t *leaf_size);
/* Free every table below the root's entries [@first, @last], and nothing that leaves point to. */
void pt_free_tables(struct pt *pt, unsigned first, unsigned last, struct quota *q);
void pt_free_dead(struct pt_dead *dead, struct quota *q);

#endif
