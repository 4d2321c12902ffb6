/* SPDX-License-Identifier: Apache-2.0 */
/* Disks and their partitions, and who may have what of them. */
#include "block_priv.h"

#include <rt/log.h>
#include <rt/string.h>

#define ARRAY_MAX	(GPT_ENTRIES_MAX * GPT_ENTRY_MAX)

/* DMA memory for what the service itself reads; only while drivers begin. */
static uint8_t *buffer;
static uint64_t buffer_addr;

/* Read @bytes from block @at of @unit into @buffer. */
static bool blocks_read(struct block *b, unsigned unit, uint64_t at, uint64_t bytes)
{
	uint32_t block = b->unit[unit].block, ratio = block / BLK_SECTOR;
	struct block_request *r = request_take(b);
	bool ok;

	bytes = align_up(bytes, block);
	r->client = -1;
	r->op = BLK_READ;
	r->unit = (uint8_t)unit;
	r->sector = at * ratio;
	r->sectors = bytes / BLK_SECTOR;
	r->count = 1;
	r->seg[0] = (struct block_segment){ buffer_addr, (uint32_t)bytes };
	ok = request_submit(b, r);
	b->ops->commit(b->device);
	while (ok && !r->done)
		event_run(&b->driver->loop);
	ok = ok && r->status == BLK_OK;
	request_free(b, r);
	return ok;
}

/* The table whose header is at block @at; false: it is not good. */
static bool table_read(struct block *b, unsigned unit, uint64_t at)
{
	struct block_unit *u = &b->unit[unit];
	uint64_t blocks = u->sectors / (u->block / BLK_SECTOR);
	struct gpt_header h;
	bool ok = false;

	if (at >= blocks || !blocks_read(b, unit, at, u->block) || !gpt_header_read(&h, buffer, u->block, at, blocks) ||
	    !blocks_read(b, unit, h.entries, gpt_bytes(&h)))
		return false;
	u->parts = gpt_entries_read(&h, buffer, u->part, BLOCK_PARTS, &ok);
	return ok;
}

bool block_unit_ready(struct block *b, unsigned unit)
{
	struct block_unit *u = &b->unit[unit];
	uint64_t blocks = u->sectors / (u->block / BLK_SECTOR);

	if (!buffer)
		buffer = dma_alloc(b->driver, ARRAY_MAX, PAGE_SIZE, &buffer_addr);
	if (!buffer)
		return false;
	if (table_read(b, unit, 1))
		return true;
	if (table_read(b, unit, blocks - 1))
		rt_log("disk %u: the partition table is damaged, its copy at the end is used", unit);
	return true;
}

/* "#1": by number, else by name. */
static const struct gpt_part *part_find(const struct block_unit *u, const char *part)
{
	for (unsigned i = 0; i < u->parts; i++) {
		const struct gpt_part *p = &u->part[i];
		unsigned number = 0;

		for (const char *c = part + 1; part[0] == '#' && *c >= '0' && *c <= '9'; c++)
			number = number * 10 + (unsigned)(*c - '0');
		if (part[0] == '#' ? number == p->number : str_equal(part, p->name))
			return p;
	}
	return NULL;
}

/* Of two clients with sectors in common none may write, whatever names they go by. */
static bool is_shared(const struct block_client *c)
{
	for (const struct block_client *o = c->block->client; o < c; o++)
		if (o->served && o->unit == c->unit && c->first < o->first + o->sectors && o->first < c->first + c->sectors &&
		    !(c->config->read_only && o->config->read_only))
			return true;
	return false;
}

const char *client_find(struct block_client *c)
{
	const struct gpt_part *p;
	char part[DRIVER_PART];

	c->unit = block_unit(c->block, c->config->unit);
	c->unit_index = c->config->unit;
	if (!c->unit || !c->unit->sectors)
		return "there is no such disk";
	str_copy(part, sizeof(part), c->config->part);
	c->first = 0;
	c->sectors = c->unit->sectors;
	if (part[0]) {
		p = part_find(c->unit, part);
		if (!p)
			return "there is no such partition";
		c->first = p->first * (c->unit->block / BLK_SECTOR);
		c->sectors = p->count * (c->unit->block / BLK_SECTOR);
	}
	return is_shared(c) ? "another client has it, and one of the two would write" : NULL;
}
