/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network card of the guest, its cable in a server: a switch or a driver (svc/net.h).
 * Virtual I/O Device (VIRTIO) specification, "Network Device".
 *
 *	queue 1 (transmit) -> frames and what is left to do with them -> send link    -> server
 *	queue 0 (receive)  <- buffers filled, the header before them  <- receive link <- server
 *	queue 2 (control)     filters and address, for the server's information
 *
 * The data memory of both links is the guest's RAM: frames are not copied here.  While there is no server there is no carrier:
 * what the guest sends is dropped, its buffers wait.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <svc/net.h>
#include <virtio/virtio.h>

#define NET_RX_SEGMENTS	20u		/* pieces of a buffer for a whole frame of 64 KiB */
#define NET_TX_SEGMENTS	64u

/* A buffer that the guest lent for receiving; its number is the tag. */
struct net_buffer {
	bool used, dropped;
	bool waiting;			/* not in the link's ring yet                                 */
	bool arrived;			/* filled, but its frame is not complete                      */
	uint16_t id, slots, count;
	uint32_t room;			/* bytes, the header's included                               */
	struct vq_segment seg[NET_RX_SEGMENTS];
};

/* A frame on its way out. */
struct net_frame {
	bool used, dropped;
	uint16_t id, slots;
};

struct net {
	struct virtio virtio;
	struct link send, receive;
	void (*signal)(void *arg);	/* signal the server                                          */
	void *signal_arg;
	const uint8_t *ram;		/* the data memory as the monitor has it mapped               */
	bool begun;			/* virtio_init() was called: there is a guest                 */
	bool carrier;
	uint8_t mac[6];
	uint16_t mtu;
	struct net_buffer *buffer;	/* LINK_TAGS of both                                          */
	struct net_frame *frame;
	/* The frame that is coming in: its buffers until the last one is there. */
	struct vq_returned arrived[NET_MERGE_MAX];
	uint8_t arrived_tag[NET_MERGE_MAX];
	unsigned arrived_count, arriving;
	uint8_t *header;		/* of the guest, in the first of them                         */
	uint64_t filter;		/* NET_PROMISC ...                                            */
	uint64_t dropped;		/* frames that the guest sent wrongly                         */
	struct vq_chain chain;
};

/* Offer both links to the server; @n is zeroed.  Then net_poll() until it is true, then net_init(). */
struct net_setup {
	struct net_shared *shared;
	const uint8_t *ram;
	void (*signal)(void *arg);
	void *signal_arg;
	struct net_buffer *buffer;	/* LINK_TAGS, zeroed */
	struct net_frame *frame;	/* LINK_TAGS, zeroed */
};
void net_begin(struct net *n, const struct net_setup *setup);
/* The server has signalled.  True: both links are up. */
bool net_poll(struct net *n);
/* The device itself, once the server has said what it can. */
bool net_init(struct net *n, struct pci *pci, const struct gmem *mem, unsigned slot) MUST_USE;

/* --- net_control.c, for net.c --- */

void net_control(struct net *n, unsigned q);
/* No filters: only its own address. */
void net_control_reset(struct net *n);

#endif
