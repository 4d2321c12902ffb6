/* SPDX-License-Identifier: Apache-2.0 */
/* One port of the switch: the two links to its client, and the client's data memory. */
#ifndef SWITCH_PORT_H
#define SWITCH_PORT_H

#include <lib/base.h>
#include <svc/net.h>
#include <svc/switch.h>

#include "bucket.h"
#include "frame.h"

#define PORT_SEGMENTS	20u		/* pieces of a buffer; clients use fewer */

/* A buffer that the client has lent and that is not filled yet. */
struct port_buffer {
	uint32_t tag;
	uint32_t front;			/* bytes left free when a frame begins in it */
	uint32_t room;			/* all its bytes */
	unsigned count;
	struct link_segment seg[PORT_SEGMENTS];
};

struct port {
	const struct switch_port_config *config;
	struct switch_port *status;
	struct net_shared *shared;
	uint8_t *memory;		/* the client's data memory */
	uint64_t memory_size;
	uint64_t plugged;		/* the number in switch_port.wanted that this is; 0: nothing */
	struct link send, receive;
	bool signal;			/* the client is to be signalled, whatever is in the rings */
	struct bucket bucket;
	unsigned first, held;		/* of @buffer, a ring */
	struct port_buffer buffer[NET_MERGE_MAX];
	uint8_t head[FRAME_HEAD + FRAME_TAG];
};

/* A client comes, with @size bytes of data memory at @memory; or goes. */
void port_plug(struct port *p, uint64_t number, uint8_t *memory, uint64_t size);
void port_unplug(struct port *p);
/* Look at the handshakes; true: the client sends and receives. */
bool port_poll(struct port *p) MUST_USE;

enum port_taken { PORT_NOTHING, PORT_FRAME, PORT_BAD };
/* The next frame of the client becomes *@f, under *@tag; PORT_BAD: it is malformed, but has a tag all the same. */
enum port_taken port_take(struct port *p, struct frame *f, uint32_t *tag) MUST_USE;
/* The client has the memory of the frame @tag back. */
void port_done(struct port *p, uint32_t tag, enum net_status status);
/* Copy @f to the client, with a VLAN tag unless @vlan is that of its untagged frames.  What there is no room for is dropped. */
void port_deliver(struct port *p, const struct frame *f, uint16_t vlan);
/* Is @vlan one of its VLANs? */
bool port_has_vlan(const struct port *p, uint16_t vlan) MUST_USE;
/* Nothing more to do now: false if there is, else a signal comes. */
bool port_sleep(struct port *p) MUST_USE;
/* Must the client be signalled for what was done since the last time? */
bool port_needs_signal(struct port *p) MUST_USE;

static inline void port_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

#endif
