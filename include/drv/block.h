/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block service: what stands between the clients of a disk driver (svc/blk.h) and its devices.  It knows partitions, checks every
 * request, and turns its segments into DMA addresses: nobody copies.
 *
 *	client -> link -> block: one struct block_request -> submit() -> device -> interrupt -> block_done() -> link -> client
 *
 * A request that takes too long ends the driver: root starts it again, the device is reset, and clients ask again for what was not done.
 */
#ifndef DRV_BLOCK_H
#define DRV_BLOCK_H

#include <drv/driver.h>
#include <drv/gpt.h>
#include <svc/blk.h>

#define BLOCK_UNITS	32u
#define BLOCK_REQUESTS	64u		/* under way, all clients together */
#define BLOCK_SEGMENTS	(126u + DRIVER_PIECES)	/* a piece of client memory may end in a segment */
#define BLOCK_PARTS	16u		/* partitions that are looked at, of one disk */

struct block_segment {
	uint64_t addr;			/* DMA */
	uint32_t len;
};

struct block_request {
	bool used;
	uint8_t op, flags;		/* enum blk_op, BLK_UNMAP */
	uint8_t unit;
	int8_t client;			/* -1: the service's own  */
	uint8_t status;			/* of the service's own   */
	bool done;
	uint32_t tag;
	uint64_t sector, sectors;	/* of the whole disk      */
	uint64_t begun;			/* TSC                    */
	unsigned count;
	struct block_segment seg[BLOCK_SEGMENTS];
};

/* A disk; sectors 0: there is none. */
struct block_unit {
	uint64_t sectors;
	uint64_t flags;			/* BLK_READ_ONLY, BLK_HAS_*  */
	uint32_t block;			/* bytes                     */
	uint32_t max_sectors, max_discard;
	char serial[BLK_SERIAL];
	unsigned parts;
	struct gpt_part part[BLOCK_PARTS];
};

struct block_ops {
	/* Begin @r, whose number is its index in struct block; false: no room now, it is tried again when another one is done. */
	bool (*submit)(void *device, struct block_request *r);
	/* After the last one of a batch. */
	void (*commit)(void *device);
};

struct block;
/* Set up for @d; units are empty.  False: the heap is too small. */
struct block *block_begin(struct driver *d, const struct block_ops *ops, void *device) MUST_USE;
/* Disk @unit: the driver fills it in, then calls block_unit_ready(), which reads its partitions. */
struct block_unit *block_unit(struct block *b, unsigned unit);
bool block_unit_ready(struct block *b, unsigned unit) MUST_USE;
/* All disks are known: serve the clients from now on. */
void block_serve(struct block *b);
/* @r has ended. */
void block_done(struct block *b, struct block_request *r, enum blk_status status);
/* After the last block_done() of a batch. */
void block_batch(struct block *b);
struct block_request *block_request(struct block *b, unsigned index);
unsigned block_request_index(const struct block *b, const struct block_request *r);

#endif
