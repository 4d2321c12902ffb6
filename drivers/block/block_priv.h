/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the block service share. */
#ifndef BLOCK_PRIV_H
#define BLOCK_PRIV_H

#include <drv/block.h>

/* A piece of a client's data memory. */
struct block_piece {
	uint64_t base, size;		/* DMA address, bytes */
};

struct block_client {
	struct block *block;
	const struct driver_client *config;
	unsigned index;
	struct link link;
	bool served;			/* it is clear what it is a client of          */
	bool waits;			/* its next request found no room               */
	struct block_unit *unit;
	unsigned unit_index;
	uint64_t first, sectors;	/* of the unit                                 */
	unsigned under_way;
	unsigned pieces;
	struct block_piece piece[DRIVER_PIECES];
};

struct block {
	struct driver *driver;
	const struct block_ops *ops;
	void *device;
	struct block_unit unit[BLOCK_UNITS];
	struct block_request request[BLOCK_REQUESTS];
	unsigned used;			/* of these                                    */
	struct block_request *stuck;	/* the device had no room for it: it goes first */
	struct block_client client[DRIVER_CLIENTS];
	unsigned clients, turn;		/* @turn: who is asked first                    */
	struct link_segment segment[LINK_SEGMENTS];
	struct event_timer watch;
};

/* A free request, cleared but for @used; NULL: all are under way. */
struct block_request *request_take(struct block *b);
/* Give @r to the device; false: it has no room now. */
bool request_submit(struct block *b, struct block_request *r) MUST_USE;
void request_free(struct block *b, struct block_request *r);

/* The reply to a client's request. */
void client_reply(struct block_client *c, uint32_t tag, enum blk_status status);
/* Check @q with its segments and turn it into @r.  Anything but BLK_OK is the answer. */
enum blk_status request_make(struct block_client *c, const struct link_request *q, const struct link_segment *segment,
			     struct block_request *r);

/* Find what @c is a client of.  NULL, or what is wrong. */
const char *client_find(struct block_client *c);

#endif
