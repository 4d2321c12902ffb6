/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block devices of the guest.  Virtual I/O Device (VIRTIO) specification, "Block Device".
 *
 *	guest -> queue -> blk.c: one struct blk_request, checked -> back-end -> blk_done() -> queue -> guest
 *
 * Back-ends: blk_ram.c, memory of the monitor; blk_link.c, a server.  They see only what blk.c has checked: whole sectors inside the
 * disk, in guest memory.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <svc/blk.h>
#include <virtio/virtio.h>

#define BLK_SEGMENTS	126u		/* pieces of a request's data, so that it fits into a queue with header and status */
#define BLK_QUEUES_MAX	8u
#define BLK_PENDING	0xffu		/* instead of an enum blk_status: blk_done() will follow */

struct blk;

struct blk_request {
	bool used, dropped;		/* @dropped: its queue was reset, nobody waits for it          */
	uint8_t op, flags;		/* as in struct link_request                                   */
	uint8_t queue;
	uint16_t id, slots;		/* for vq_push()                                               */
	uint64_t sector, sectors;	/* what it is about; none for a flush                          */
	uint32_t written;		/* bytes for the driver when all is well                       */
	uint8_t *status;		/* where the driver wants the status                           */
	unsigned count;
	struct vq_segment seg[BLK_SEGMENTS];
};

struct blk_back {
	/* Do @r, or begin to: its status or BLK_PENDING. */
	unsigned (*submit)(struct blk *b, struct blk_request *r);
	/* After the last one of a batch.  NULL: nothing to do. */
	void (*commit)(struct blk *b);
	/* Requests marked as dropped shall end soon; blk_done() is called for each.  NULL: none is ever pending. */
	void (*drop)(struct blk *b);
};

/* What kind of disk it is: the driver sees it. */
struct blk_geometry {
	uint64_t sectors;
	uint64_t flags;			/* BLK_READ_ONLY, BLK_HAS_*                                    */
	uint32_t block;			/* bytes, a power of two, at least BLK_SECTOR                  */
	uint32_t max_discard;		/* sectors in one request                                      */
	char serial[BLK_SERIAL];
};

struct blk {
	struct virtio virtio;
	const struct blk_back *back;
	void *back_state;
	struct blk_geometry geometry;
	struct blk_request *request;	/* what can be under way                                       */
	unsigned requests;
	uint32_t stalled;		/* queues that wait for one of these                           */
	uint32_t touched;		/* queues with buffers returned and no interrupt decided yet   */
	struct vq_chain chain;
};

/* @request: room for @requests, at least one.  @queues: 1 ... BLK_QUEUES_MAX. */
struct blk_setup {
	struct pci *pci;
	const struct gmem *mem;
	unsigned slot, queues, requests;
	struct blk_request *request;
	const struct blk_back *back;
	void *back_state;
	struct blk_geometry geometry;
};
bool blk_init(struct blk *b, const struct blk_setup *setup) MUST_USE;

/* @r, which was BLK_PENDING, has ended.  After the last one of a batch: blk_resume(). */
void blk_done(struct blk *b, struct blk_request *r, unsigned status);
/* Interrupt the guest for what was done, end resets that waited for it, and go on with queues that did. */
void blk_resume(struct blk *b);

#endif
