/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory: see blk_ram.h.  Every request is done at once, so a flush has nothing to do. */
#include <virtio/blk_ram.h>

#define MAX_CLEAR	(64 * MIB / BLK_SECTOR)		/* sectors in one request: the device lock is held */

static bool is_written(const struct blk_ram *m, uint64_t block)
{
	return m->written && m->written[block / 64] >> block % 64 & 1;
}

/* Bytes of the image in [@at, @at + @len) go to @to; zeros where it has none. */
static void image_read(const struct blk_ram *m, uint64_t at, uint8_t *to, uint64_t len)
{
	uint64_t there = at < m->image_size ? min_u64(len, m->image_size - at) : 0;

	if (there)
		__builtin_memcpy(to, m->image + at, there);
	__builtin_memset(to + there, 0, len - there);
}

/* The block that holds @at becomes the disk's own; @whole: all of it is about to be overwritten. */
static uint8_t *own(struct blk_ram *m, uint64_t at, bool whole)
{
	uint64_t block = at / BLK_RAM_BLOCK;

	if (!is_written(m, block)) {
		if (!whole)
			image_read(m, block * BLK_RAM_BLOCK, m->data + block * BLK_RAM_BLOCK, BLK_RAM_BLOCK);
		m->written[block / 64] |= 1ull << block % 64;
	}
	return m->data + at;
}

/* [@at, @at + @len), inside one block. */
static void block_read(const struct blk_ram *m, uint64_t at, uint8_t *to, uint64_t len)
{
	if (is_written(m, at / BLK_RAM_BLOCK))
		__builtin_memcpy(to, m->data + at, len);
	else
		image_read(m, at, to, len);
}

void blk_ram_read(const struct blk_ram *m, uint64_t at, uint8_t *to, uint64_t len)
{
	for (uint64_t done = 0, n; done < len; done += n, at += n) {
		n = min_u64(len - done, BLK_RAM_BLOCK - at % BLK_RAM_BLOCK);
		block_read(m, at, to + done, n);
	}
}

void blk_ram_write(struct blk_ram *m, uint64_t at, const uint8_t *from, uint64_t len)
{
	for (uint64_t done = 0, n; done < len; done += n, at += n) {
		n = min_u64(len - done, BLK_RAM_BLOCK - at % BLK_RAM_BLOCK);
		__builtin_memcpy(own(m, at, n == BLK_RAM_BLOCK), from + done, n);
	}
}

void blk_ram_own(struct blk_ram *m, uint64_t at)
{
	(void)own(m, at, false);
}

static void clear(struct blk_ram *m, uint64_t at, uint64_t size)
{
	for (uint64_t len; size; at += len, size -= len) {
		len = min_u64(size, BLK_RAM_BLOCK - at % BLK_RAM_BLOCK);
		__builtin_memset(own(m, at, len == BLK_RAM_BLOCK), 0, len);
	}
}

static unsigned submit(struct blk *b, struct blk_request *r)
{
	struct blk_ram *m = b->back_state;
	uint64_t at = r->sector * BLK_SECTOR;

	switch (r->op) {
	case BLK_READ:
		for (unsigned i = 0; i < r->count; at += r->seg[i++].len)
			blk_ram_read(m, at, r->seg[i].p, r->seg[i].len);
		return BLK_OK;
	case BLK_WRITE:
		for (unsigned i = 0; i < r->count; at += r->seg[i++].len)
			blk_ram_write(m, at, r->seg[i].p, r->seg[i].len);
		return BLK_OK;
	case BLK_DISCARD:
	case BLK_ZEROES:
		clear(m, at, r->sectors * BLK_SECTOR);
		return BLK_OK;
	case BLK_FLUSH:
		return BLK_OK;
	default:
		return BLK_EUNSUP;
	}
}

struct blk_geometry blk_ram_geometry(const struct blk_ram *m, const char *name)
{
	struct blk_geometry g = {
		.sectors = m->size / BLK_SECTOR, .flags = m->data ? BLK_HAS_FLUSH | BLK_HAS_DISCARD | BLK_HAS_ZEROES : BLK_READ_ONLY,
		.block = BLK_RAM_BLOCK, .max_discard = MAX_CLEAR,
	};

	for (unsigned i = 0; i < BLK_SERIAL && name[i]; i++)
		g.serial[i] = name[i];
	return g;
}

const struct blk_back blk_ram_back = { .submit = submit };
