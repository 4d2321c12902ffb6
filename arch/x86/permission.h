/* SPDX-License-Identifier: Apache-2.0 */
/* What the permission maps of both kinds of CPU share: a vCPU's own copy, the bits of ports, and which MSRs may pass. */
#ifndef X86_PERMISSION_H
#define X86_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <abi/status.h>
#include <lib/base.h>
#include <mm/quota.h>

/* MSRs [first, last] that may pass. */
struct msr_row {
	uint32_t first, last;
	uint8_t open;		/* accesses that can be allowed, as the map has them */
	bool always;		/* they are, for every vCPU                           */
};

/* The row of @msr among @count, or NULL. */
static inline const struct msr_row *msr_row_find(const struct msr_row *rows, size_t count, uint32_t msr)
{
	for (size_t i = 0; i < count; i++) {
		if (msr >= rows[i].first && msr <= rows[i].last)
			return &rows[i];
	}
	return NULL;
}

/* Bit @n of @map: 1 exits, 0 passes. */
static inline void permission_set(uint8_t *map, unsigned n, bool exits)
{
	uint8_t bit = (uint8_t)(1u << n % 8);

	map[n / 8] = (uint8_t)(exits ? map[n / 8] | bit : map[n / 8] & ~bit);
}

/* Make *@map a copy of @shared, of @pages, that belongs to the vCPU alone and that @q pays, if it is not yet.  TV_EQUOTA changes nothing. */
static inline enum tv_err permission_own(uint8_t **map, const uint8_t *shared, unsigned pages, struct quota *q)
{
	if (*map)
		return TV_OK;
	*map = quota_frames_alloc(q, pages);
	if (!*map)
		return TV_EQUOTA;
	__builtin_memcpy(*map, shared, pages * PAGE_SIZE);
	return TV_OK;
}

#endif
