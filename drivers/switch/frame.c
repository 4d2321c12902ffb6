/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what is read of them, and the checks of everything that a sender says about one. */
#include "frame.h"

#include <rt/string.h>
#include <svc/switch.h>

#define TYPE_VLAN	0x8100u

/* The next bytes of one piece, at most @len: how many; *@from is where they are. */
static uint32_t cursor_next(struct frame_cursor *c, const uint8_t **from, uint32_t len)
{
	uint32_t n = (uint32_t)min_u64(len, c->piece->len - c->offset);

	*from = c->piece->p + c->offset;
	c->offset += n;
	if (c->offset == c->piece->len) {
		c->piece++;
		c->offset = 0;
	}
	return n;
}

void frame_copy(struct frame_cursor *c, uint8_t *to, uint32_t len)
{
	const uint8_t *from;

	while (len) {
		uint32_t n = cursor_next(c, &from, len);

		memcpy(to, from, n);
		to += n;
		len -= n;
	}
}

void frame_skip(struct frame_cursor *c, uint32_t len)
{
	const uint8_t *from;

	while (len)
		len -= cursor_next(c, &from, len);
}

/* Take the tag out of the headers. */
static void tag_remove(struct frame *f)
{
	f->tagged = true;
	f->tag = (uint16_t)(f->head[ETH_TYPE + 2] << 8 | f->head[ETH_TYPE + 3]);
	memmove(f->head + ETH_TYPE, f->head + ETH_TYPE + FRAME_TAG, f->head_len - ETH_TYPE - FRAME_TAG);
	f->head_len -= FRAME_TAG;
	f->len -= FRAME_TAG;
}

static bool is_tagged(const struct frame *f)
{
	return f->head[ETH_TYPE] == TYPE_VLAN >> 8 && f->head[ETH_TYPE + 1] == (TYPE_VLAN & 0xff);
}

/* The checksum's place must be in what was read, and behind the Ethernet header. */
static bool checksum_check(const struct frame *f)
{
	const struct net_offload *o = &f->offload;

	return o->csum_start >= ETH_HEADER && (uint32_t)o->csum_start + o->csum_offset + 2 <= f->head_len;
}

static bool offload_check(struct frame *f)
{
	struct net_offload *o = &f->offload;

	if (f->tagged && o->flags & NET_CSUM_NEEDED) {
		if (o->csum_start < FRAME_TAG)
			return false;
		o->csum_start = (uint16_t)(o->csum_start - FRAME_TAG);
	}
	if (o->flags & NET_CSUM_NEEDED && !checksum_check(f))
		return false;
	if (o->kind != NET_SEG_NONE)
		return o->flags & NET_CSUM_NEEDED && frame_segment_check(f);
	o->segment = o->header = 0;
	return f->len <= ETH_HEADER + SWITCH_MTU;
}

/* What follows the first @skip bytes. */
static void body_set(struct frame *f, const struct frame_piece *piece, unsigned count, uint32_t skip)
{
	f->piece_count = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t n = (uint32_t)min_u64(skip, piece[i].len);

		skip -= n;
		if (piece[i].len > n)
			f->piece[f->piece_count++] = (struct frame_piece){ piece[i].p + n, piece[i].len - n };
	}
}

bool frame_read(struct frame *f, const struct frame_piece *piece, unsigned count, const struct net_offload *offload)
{
	uint64_t len = 0;
	uint32_t raw;

	if (count > FRAME_PIECES)
		return false;
	for (unsigned i = 0; i < count; i++)
		len += piece[i].len;
	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
		return false;
	f->len = (uint32_t)len;
	f->head_len = raw = (uint32_t)min_u64(len, FRAME_HEAD);
	f->offload = *offload;
	f->tagged = false;
	f->tag = 0;
	body_set(f, piece, count, 0);
	frame_copy(&(struct frame_cursor){ f->piece, 0 }, f->head, raw);
	if (is_tagged(f)) {
		if (len < NET_FRAME_MIN + FRAME_TAG)
			return false;
		tag_remove(f);
	}
	if (!offload_check(f))
		return false;
	body_set(f, piece, count, f->head_len + (f->tagged ? FRAME_TAG : 0));
	return true;
}
