/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the switch: frames from clients and to them.  Each word of a client is read once, checked, then used. */
#include "port.h"

#include <rt/string.h>

#define TYPE_VLAN	0x8100u
#define VLAN_PRIORITY	0xf000u		/* of a tag: all but the VLAN */

/* --- coming and going ------------------------------------------------------------------------------------------------ */

void port_plug(struct port *p, uint64_t number, uint8_t *memory, uint64_t size)
{
	p->plugged = number;
	p->memory = memory;
	p->memory_size = size;
	p->held = p->first = 0;
	link_server_init(&p->send, &p->shared->send);
	link_server_init(&p->receive, &p->shared->receive);
	p->signal = true;
}

void port_unplug(struct port *p)
{
	p->plugged = 0;
	p->memory = NULL;
	p->memory_size = 0;
	p->held = 0;
	p->send.up = p->receive.up = false;
	p->signal = false;
	atomic_store_explicit(&p->status->up, 0, memory_order_relaxed);
}

static void info_write(struct port *p)
{
	struct link_side *own = &p->shared->send.server;

	link_info_set(own, NET_INFO_VERSION, NET_VERSION);
	link_info_set(own, NET_INFO_LINK, 1);
	link_info_set(own, NET_INFO_MAC, p->config->mac);
	link_info_set(own, NET_INFO_MTU, SWITCH_MTU);
	link_info_set(own, NET_INFO_OFFLOADS, NET_TAKES_CSUM | NET_TAKES_SEG);
}

bool port_poll(struct port *p)
{
	enum link_state send, receive;

	if (!p->plugged)
		return false;
	send = link_server_poll(&p->send);
	receive = link_server_poll(&p->receive);
	if (send == LINK_NEW) {
		info_write(p);
		link_server_accept(&p->send);
		p->signal = true;
	}
	if (receive == LINK_NEW) {
		p->held = 0;
		link_server_accept(&p->receive);
		p->signal = true;
	}
	atomic_store_explicit(&p->status->up, send != LINK_DOWN && receive != LINK_DOWN, memory_order_relaxed);
	return send != LINK_DOWN && receive != LINK_DOWN;
}

bool port_sleep(struct port *p)
{
	return !p->send.up || link_broken(&p->send) || link_sleep(&p->send, true);
}

bool port_needs_signal(struct port *p)
{
	bool send = p->send.up && link_needs_signal(&p->send, true), receive = p->receive.up && link_needs_signal(&p->receive, true);
	bool any = p->signal || send || receive;

	p->signal = false;
	return any;
}

bool port_has_vlan(const struct port *p, uint16_t vlan)
{
	bool has = vlan == p->config->vlan;

	for (unsigned i = 0; i < p->config->tagged_count; i++)
		has |= vlan == p->config->tagged[i];
	return has;
}

/* A client that does not take its completions is out until it begins anew. */
static void complete(struct link *l, const struct link_completion *c)
{
	if (!link_complete(l, c))
		link_break(l);
}

/* --- from the client ------------------------------------------------------------------------------------------------- */

/* Is every segment in the data memory? */
static bool segments_inside(const struct port *p, const struct link_segment *seg, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!range_inside(seg[i].addr, seg[i].len, p->memory_size))
			return false;
	return true;
}

enum port_taken port_take(struct port *p, struct frame *f, uint32_t *tag)
{
	struct link_segment seg[FRAME_PIECES];
	struct frame_piece piece[FRAME_PIECES];
	struct net_offload offload;
	struct link_request r;

	if (!link_take(&p->send, &r, seg, FRAME_PIECES))
		return PORT_NOTHING;
	*tag = r.tag;
	if (r.op != NET_SEND || !segments_inside(p, seg, r.segments))
		return PORT_BAD;
	for (unsigned i = 0; i < r.segments; i++)
		piece[i] = (struct frame_piece){ p->memory + seg[i].addr, seg[i].len };
	offload = net_offload_unpack(r.arg);
	offload.flags &= p->config->flags & SWITCH_UPLINK ? NET_CSUM_NEEDED | NET_CSUM_VALID : NET_CSUM_NEEDED;
	return frame_read(f, piece, r.segments, &offload) ? PORT_FRAME : PORT_BAD;
}

void port_done(struct port *p, uint32_t tag, enum net_status status)
{
	const struct link_completion c = { .tag = tag, .status = status };

	complete(&p->send, &c);
}

/* --- to the client --------------------------------------------------------------------------------------------------- */

static struct port_buffer *held(struct port *p, unsigned i) { return &p->buffer[(p->first + i) % NET_MERGE_MAX]; }

/* One more buffer of the client's.  False: there is none. */
static bool buffer_take(struct port *p)
{
	struct port_buffer *b = held(p, p->held);
	struct link_request r;

	if (!link_take(&p->receive, &r, b->seg, PORT_SEGMENTS))
		return false;
	b->tag = r.tag;
	b->count = r.segments;
	b->room = 0;
	for (unsigned i = 0; i < b->count; i++)
		b->room += (uint32_t)min_u64(b->seg[i].len, NET_FRAME_MAX);
	b->front = (uint32_t)min_u64(r.arg[0], NET_FRAME_MAX);
	if (r.op != NET_BUFFER || b->front >= b->room || !segments_inside(p, b->seg, b->count)) {
		const struct link_completion c = { .tag = r.tag, .status = NET_ERANGE };

		complete(&p->receive, &c);
		link_break(&p->receive);
		return false;
	}
	p->held++;
	return true;
}

/* Buffers with room for @len bytes: how many; 0: there are not enough. */
static unsigned buffers_for(struct port *p, uint32_t len)
{
	uint64_t most = link_info_get(&p->shared->send.client, NET_CLIENT_MERGES);
	uint32_t room = 0;
	unsigned n = 0;

	most = most < 1 ? 1 : min_u64(most, NET_MERGE_MAX);
	for (; n < most; n++) {
		if (n == p->held && !buffer_take(p))
			return 0;
		room += held(p, n)->room - (n ? 0 : held(p, n)->front);
		if (room >= len)
			return n + 1;
	}
	return 0;
}

/* What goes to a client: headers in our memory, the rest in the sender's. */
struct outgoing {
	const uint8_t *head;
	uint32_t head_len, len;		/* @len: headers and payload */
	struct frame_cursor body;
};

static void copy_out(struct outgoing *o, uint8_t *to, uint32_t len)
{
	uint32_t n = (uint32_t)min_u64(len, o->head_len);

	memcpy(to, o->head, n);
	o->head += n;
	o->head_len -= n;
	if (len > n)
		frame_copy(&o->body, to + n, len - n);
	o->len -= len;
}

/* Fill one buffer, from @skip on, with the next bytes; returns how many. */
static uint32_t buffer_fill(struct port *p, const struct port_buffer *b, uint32_t skip, struct outgoing *o)
{
	uint32_t begin = o->len;

	for (unsigned i = 0; i < b->count && o->len; i++) {
		uint32_t from = (uint32_t)min_u64(skip, b->seg[i].len);

		skip -= from;
		copy_out(o, p->memory + b->seg[i].addr + from, (uint32_t)min_u64(b->seg[i].len - from, o->len));
	}
	return begin - o->len;
}

/* Into the client's buffers, with @offload left to do. */
static void put(struct port *p, struct outgoing o, const struct net_offload *offload)
{
	unsigned n = buffers_for(p, o.len);
	struct link_completion c = { .status = NET_OK };

	if (!n) {
		port_count(&p->status->dropped[SWITCH_DROP_NO_ROOM], 1);
		return;
	}
	port_count(&p->status->out_frames, 1);
	port_count(&p->status->out_bytes, o.len);
	net_offload_pack(offload, c.arg);
	for (unsigned i = 0; i < n; i++) {
		const struct port_buffer *b = held(p, 0);
		uint32_t len = buffer_fill(p, b, i ? 0 : b->front, &o);

		c.tag = b->tag;
		c.arg[2] = len | (i ? 0 : (uint64_t)n << 32);
		complete(&p->receive, &c);
		c.arg[0] = c.arg[1] = 0;
		p->first = (p->first + 1) % NET_MERGE_MAX;
		p->held--;
	}
}

/* @head of @len bytes with the tag @tag in it, in @p->head. */
static void tag_insert(struct port *p, const uint8_t *head, uint32_t len, uint16_t tag)
{
	const uint8_t bytes[FRAME_TAG] = { TYPE_VLAN >> 8, TYPE_VLAN & 0xff, (uint8_t)(tag >> 8), (uint8_t)tag };

	memcpy(p->head, head, ETH_TYPE);
	memcpy(p->head + ETH_TYPE, bytes, FRAME_TAG);
	memcpy(p->head + ETH_TYPE + FRAME_TAG, head + ETH_TYPE, len - ETH_TYPE);
}

/* Headers @head, @payload bytes from @body on. */
static void put_frame(struct port *p, const struct frame *f, const uint8_t *head, struct frame_cursor body, uint32_t payload,
		      struct net_offload offload, uint16_t vlan)
{
	struct outgoing o = { .head = head, .head_len = f->head_len, .len = f->head_len + payload, .body = body };

	if (vlan != p->config->vlan) {
		tag_insert(p, head, f->head_len, (uint16_t)((f->tag & VLAN_PRIORITY) | vlan));
		o.head = p->head;
		o.head_len += FRAME_TAG;
		o.len += FRAME_TAG;
		if (offload.flags & NET_CSUM_NEEDED)
			offload.csum_start = (uint16_t)(offload.csum_start + FRAME_TAG);
		if (offload.kind)
			offload.header = (uint16_t)(offload.header + FRAME_TAG);
	}
	put(p, o, &offload);
}

/* Cut into frames, each with its checksum. */
static void deliver_cut(struct port *p, const struct frame *f, uint8_t flags, uint16_t vlan)
{
	struct frame_cursor at = frame_body(f);
	uint8_t head[FRAME_HEAD];

	for (unsigned i = 0, n = frame_cuts(f); i < n; i++) {
		uint32_t payload = frame_cut(f, i, at, head);

		put_frame(p, f, head, at, payload, (struct net_offload){ .flags = flags }, vlan);
		frame_skip(&at, payload);
	}
}

void port_deliver(struct port *p, const struct frame *f, uint16_t vlan)
{
	uint64_t takes = link_info_get(&p->shared->send.client, NET_CLIENT_OFFLOADS);
	const uint8_t valid = takes & NET_TAKES_CSUM ? NET_CSUM_VALID : 0;
	struct net_offload offload = f->offload;
	uint8_t head[FRAME_HEAD];

	if (f->offload.kind && !(takes & NET_TAKES_SEG && takes & NET_TAKES_CSUM)) {
		deliver_cut(p, f, valid, vlan);
		return;
	}
	memcpy(head, f->head, f->head_len);
	if (!(takes & NET_TAKES_CSUM)) {
		if (f->offload.flags & NET_CSUM_NEEDED)
			frame_checksum(f, head);
		offload = (struct net_offload){ .flags = 0 };
	}
	put_frame(p, f, head, frame_body(f), f->len - f->head_len, offload, vlan);
}
