/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame on its way through the switch: its headers, read once into memory of the switch, and what follows them, which stays where
 * the sender has it until it is copied to a receiver.  The sender may write there at any time; nothing is decided by what stands there.
 *
 * A VLAN tag (IEEE 802.1Q) is taken out of the headers and put in again for whom it is meant; all positions count without it.
 */
#ifndef SWITCH_FRAME_H
#define SWITCH_FRAME_H

#include <lib/base.h>
#include <svc/net.h>

#define FRAME_HEAD	256u		/* bytes: all headers that the switch looks into */
#define FRAME_PIECES	64u
#define FRAME_TAG	4u
#define FRAME_CUTS	128u		/* frames that one frame may be cut into */

#define ETH_SOURCE	6u		/* offsets in the header */
#define ETH_TYPE	12u
#define ETH_HEADER	14u

struct frame_piece {
	const uint8_t *p;
	uint32_t len;
};

struct frame {
	uint32_t len;			/* bytes, without tag */
	uint32_t head_len;		/* of @head; the pieces have the rest.  Of a frame to be cut: exactly the headers */
	bool tagged;
	uint16_t tag;			/* priority and VLAN, as in the tag; 0 if not @tagged */
	struct net_offload offload;
	uint8_t head[FRAME_HEAD];
	unsigned piece_count;
	struct frame_piece piece[FRAME_PIECES];
};

/* A place in the pieces of a frame. */
struct frame_cursor {
	const struct frame_piece *piece;
	uint32_t offset;
};

/*
 * @f becomes the frame in @piece, at most FRAME_PIECES of them, with @offload to be done.  False: it is malformed: a length that no
 * Ethernet frame has, or an offload that does not fit to its headers.
 */
bool frame_read(struct frame *f, const struct frame_piece *piece, unsigned count, const struct net_offload *offload) MUST_USE;

static inline struct frame_cursor frame_body(const struct frame *f) { return (struct frame_cursor){ f->piece, 0 }; }
/* Copy @len bytes, which must be there, and move on. */
void frame_copy(struct frame_cursor *c, uint8_t *to, uint32_t len);
/* The same without copying. */
void frame_skip(struct frame_cursor *c, uint32_t len);

/* Addresses as numbers, first byte lowest. */
static inline uint64_t frame_mac(const uint8_t *p)
{
	uint64_t mac = 0;

	__builtin_memcpy(&mac, p, 6);
	return mac;
}
#define MAC_GROUP	1ull		/* the bit of multicasts and of the broadcast */

/* --- offload.c --- */

/* Check the headers of a frame that is to be cut; shortens the head to them, and sets where its checksum is.  False: they are malformed. */
bool frame_segment_check(struct frame *f) MUST_USE;
/* Compute the checksum that the sender has left open, into @head, a copy of f->head. */
void frame_checksum(const struct frame *f, uint8_t *head);
/* How many frames a frame to be cut becomes. */
unsigned frame_cuts(const struct frame *f);
/* The headers of the @index-th of them into @head, f->head_len bytes.  @at is where its payload begins; returns the length of that. */
uint32_t frame_cut(const struct frame *f, unsigned index, struct frame_cursor at, uint8_t *head);

#endif
