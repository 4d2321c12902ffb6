/* SPDX-License-Identifier: Apache-2.0 */
/* From what a client asks for to what a device is told: every number is checked here and nowhere else. */
#include "block_priv.h"

/* [@addr, @addr + @len) of the client's data memory as DMA pieces behind those of @r.  False: it is not all there, or too many pieces. */
static bool segment_add(const struct block_client *c, struct block_request *r, uint64_t addr, uint64_t len)
{
	for (unsigned i = 0; i < c->pieces && len; i++) {
		const struct block_piece *p = &c->piece[i];
		uint64_t here;

		if (addr >= p->size) {
			addr -= p->size;
			continue;
		}
		here = min_u64(len, p->size - addr);
		if (r->count == BLOCK_SEGMENTS)
			return false;
		r->seg[r->count++] = (struct block_segment){ p->base + addr, (uint32_t)here };
		len -= here;
		addr = 0;
	}
	return !len;
}

/* Sectors [@first, @first + @count) of the client's disk, whole blocks of it. */
static enum blk_status range_set(const struct block_client *c, struct block_request *r, uint64_t first, uint64_t count, uint64_t max)
{
	uint64_t block = c->unit->block / BLK_SECTOR;

	if (!count || count > max || !range_inside(first, count, c->sectors) || (c->first + first) % block || count % block)
		return BLK_ERANGE;
	r->sector = c->first + first;
	r->sectors = count;
	return BLK_OK;
}

static enum blk_status transfer(const struct block_client *c, const struct link_request *q, const struct link_segment *segment,
				struct block_request *r)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < q->segments; i++) {
		/* Devices address memory in words of 32 bits. */
		if (!segment[i].len || segment[i].len % BLK_SECTOR || segment[i].addr % 4 || !segment_add(c, r, segment[i].addr, segment[i].len))
			return BLK_ERANGE;
		bytes += segment[i].len;
	}
	return range_set(c, r, q->arg[0], bytes / BLK_SECTOR, c->unit->max_sectors);
}

enum blk_status request_make(struct block_client *c, const struct link_request *q, const struct link_segment *segment,
			     struct block_request *r)
{
	uint64_t flags = c->unit->flags | (c->config->read_only ? BLK_READ_ONLY : 0);

	r->op = q->op;
	r->flags = q->flags & BLK_UNMAP;
	r->unit = (uint8_t)c->unit_index;
	if (q->op != BLK_READ && q->op != BLK_FLUSH && flags & BLK_READ_ONLY)
		return BLK_EROFS;
	switch (q->op) {
	case BLK_READ:
	case BLK_WRITE:
		return transfer(c, q, segment, r);
	case BLK_FLUSH:
		return flags & BLK_HAS_FLUSH ? BLK_OK : BLK_EUNSUP;
	case BLK_DISCARD:
		if (!(flags & BLK_HAS_DISCARD))
			return BLK_EUNSUP;
		return range_set(c, r, q->arg[0], q->arg[1], c->unit->max_discard);
	case BLK_ZEROES:
		if (!(flags & BLK_HAS_ZEROES))
			return BLK_EUNSUP;
		return range_set(c, r, q->arg[0], q->arg[1], c->unit->max_discard);
	default:
		return BLK_EUNSUP;
	}
}
