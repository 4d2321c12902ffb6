/* SPDX-License-Identifier: Apache-2.0 */
/* Physical region pages: see nvme.h. */
#include "nvme.h"

/* Where byte @at of @r is, and how much of that piece is left from there; 0: @r has no more. */
static uint64_t place(const struct block_request *r, uint64_t at, uint64_t *left)
{
	for (unsigned i = 0; i < r->count; at -= r->seg[i++].len)
		if (at < r->seg[i].len) {
			*left = r->seg[i].len - at;
			return r->seg[i].addr + at;
		}
	*left = 0;
	return 0;
}

uint64_t nvme_prps(const struct block_request *r, uint64_t *done, uint64_t max, struct nvme_command *c, uint64_t *list, uint64_t list_addr)
{
	uint64_t bytes = 0, left, addr = place(r, *done, &left);
	unsigned entries = 0;

	while (left && bytes < max) {
		uint64_t piece = min_u64(min_u64(left, NVME_PAGE - addr % NVME_PAGE), max - bytes);

		/* Only the first one may begin within a page, so the one before must have ended at a page's end. */
		if (entries && addr % NVME_PAGE)
			break;
		if (entries == NVME_PRPS)
			break;
		if (entries == 0)
			c->prp[0] = addr;
		else
			list[entries - 1] = addr;
		entries++;
		bytes += piece;
		/* What ends within a page is the last one. */
		if ((addr + piece) % NVME_PAGE) {
			addr = place(r, *done + bytes, &left);
			break;
		}
		addr = place(r, *done + bytes, &left);
	}
	c->prp[1] = entries < 2 ? 0 : entries == 2 ? list[0] : list_addr;
	*done += bytes;
	return bytes;
}
