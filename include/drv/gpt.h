/* SPDX-License-Identifier: Apache-2.0 */
/* GUID partition tables.  UEFI specification, "GUID Partition Table (GPT) Disk Layout".  Pure functions over bytes that nobody vouches for. */
#ifndef DRV_GPT_H
#define DRV_GPT_H

#include <lib/base.h>

#define GPT_NAME	37u		/* with NUL */
#define GPT_ENTRIES_MAX	128u		/* looked at */
#define GPT_ENTRY_MIN	128u
#define GPT_ENTRY_MAX	512u

struct gpt_header {
	uint64_t entries;		/* block number of the array          */
	uint32_t count, size;		/* of entries, and of one in bytes    */
	uint32_t crc;			/* of the array                       */
	uint64_t first, last;		/* blocks that partitions may use     */
};

struct gpt_part {
	uint64_t first, count;		/* blocks                             */
	unsigned number;		/* from 1 on, as in the table         */
	char name[GPT_NAME];		/* its ASCII characters, others are ? */
};

/* The header in @block of @block_size bytes, which was read from block @at of a disk with @blocks.  False: it is none, or a wrong one. */
bool gpt_header_read(struct gpt_header *h, const uint8_t *block, uint32_t block_size, uint64_t at, uint64_t blocks) MUST_USE;
/* Bytes of the array. */
static inline uint64_t gpt_bytes(const struct gpt_header *h) { return (uint64_t)h->count * h->size; }
/*
 * The partitions of the array @entries of gpt_bytes(@h) bytes, at most @max of them; what lies outside of the usable blocks, or overlaps one
 * before it, is left out.  *@ok: the array is the one that the header means.
 */
unsigned gpt_entries_read(const struct gpt_header *h, const uint8_t *entries, struct gpt_part *part, unsigned max, bool *ok);

#endif
