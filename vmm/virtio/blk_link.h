/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that a server has (svc/blk.h), over a link.  The data memory of the link is the guest's RAM: the server reads and writes it
 * in place, and nothing is copied here.
 *
 * When the server ends, requests wait; when it comes back, what was not completed is asked for again, and the guest has seen a pause.
 */
#ifndef VIRTIO_BLK_LINK_H
#define VIRTIO_BLK_LINK_H

#include <rt/link.h>
#include <virtio/blk.h>

#define BLK_LINK_REQUESTS	64u

struct blk_link {
	struct link link;
	void (*signal)(void *arg);	/* signal the server */
	void *signal_arg;
	const uint8_t *ram;		/* the data memory as the monitor has it mapped */
	struct blk *blk;		/* NULL until blk_init() */
	struct blk_geometry geometry;	/* what the server has said */
	bool waiting[BLK_LINK_REQUESTS];	/* not in the ring (any more): it was full, or the server is new */
};

/* Offer the link to the server. */
void blk_link_init(struct blk_link *l, struct link_shared *shared, const uint8_t *ram, void (*signal)(void *arg), void *arg);
/*
 * The server has signalled: take what it has done, and put what waits.  True: the link is up, and @l->geometry says what the disk
 * is.  Before blk_init() nothing else happens.
 */
bool blk_link_poll(struct blk_link *l);
extern const struct blk_back blk_link_back;	/* back_state: struct blk_link; at most BLK_LINK_REQUESTS requests */

#endif
