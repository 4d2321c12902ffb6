/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues, split and packed: the one place that reads and writes the rings in a guest's memory.
 * Virtual I/O Device (VIRTIO) specification, "Split Virtqueues" and "Packed Virtqueues".
 *
 *	driver makes buffers available  -> vq_pop() -> struct vq_chain -> the device works -> vq_push() -> vq_wants_interrupt()
 *
 * Everything in the rings is the guest's word.  Each word is read once into local memory and checked before it is used; a
 * chain that vq_pop() returns lies in guest memory as a whole, is no longer than the queue, and does not change any more, whatever the
 * guest writes.  (The bytes that it points to may change at any time.)
 */
#ifndef VIRTIO_VQ_H
#define VIRTIO_VQ_H

#include <lib/base.h>

#include "gmem.h"

#define VQ_SIZE_MAX	256u

/* Descriptors: the same 16 bytes in both kinds of ring, but for the last four. */
#define VQ_DESC_NEXT		0x0001u
#define VQ_DESC_WRITE		0x0002u		/* the device writes it */
#define VQ_DESC_INDIRECT	0x0004u
#define VQ_DESC_AVAIL		0x0080u		/* packed */
#define VQ_DESC_USED		0x8000u		/* packed */

struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t a;		/* split: flags; packed: buffer ID */
	uint16_t b;		/* split: next;  packed: flags     */
};
_Static_assert(sizeof(struct vq_desc) == 16, "virtio");

/* Split rings.  "The Virtqueue Available Ring", "The Virtqueue Used Ring". */
#define VQ_AVAIL_NO_INTERRUPT	1u
#define VQ_USED_NO_NOTIFY	1u
struct vq_avail { uint16_t flags, idx, ring[]; };	/* then used_event */
struct vq_used_elem { uint32_t id, len; };
struct vq_used { uint16_t flags, idx; struct vq_used_elem ring[]; };	/* then avail_event */

/* Packed rings.  "Event Suppression Structure Format". */
enum { VQ_EVENT_ENABLE = 0, VQ_EVENT_DISABLE = 1, VQ_EVENT_DESC = 2 };
#define VQ_EVENT_WRAP		0x8000u
struct vq_event { uint16_t off_wrap, flags; };

/* A piece of a buffer, @len > 0. */
struct vq_segment {
	uint8_t *p;		/* in the monitor's view of guest memory: read each byte once */
	uint32_t len;
};

/* A buffer that the driver made available: first what the device reads, then what it writes. */
struct vq_chain {
	uint16_t id;		/* for vq_push() */
	uint16_t slots;		/* for vq_push() */
	uint16_t out, in;	/* segments that the device reads, and that it writes */
	uint32_t out_len, in_len;	/* bytes of both; their sum is below 2^32 */
	struct vq_segment seg[VQ_SIZE_MAX];
};

struct vq {
	/* set by the transport; fixed while @enabled */
	const struct gmem *mem;
	uint16_t size;
	uint64_t desc, driver, device;		/* guest-physical addresses of its three areas */
	bool packed, event_idx, indirect;	/* negotiated */

	/* owned by vq*.c */
	bool enabled;
	struct vq_desc *ring;			/* the three areas */
	void *driver_area, *device_area;
	uint16_t avail, used;			/* next entry: split counts modulo 2^16, packed modulo size */
	bool avail_wrap, used_wrap;		/* packed: wrap counters */
	uint16_t in_flight;			/* chains popped and not pushed */
	uint32_t unsignalled;			/* used entries since the last vq_wants_interrupt() */
};

enum vq_got {
	VQ_EMPTY,
	VQ_CHAIN,
	VQ_BROKEN,		/* the driver broke the rules: the device needs a reset */
};

/* Begin to use the queue at its addresses.  False: size, alignment or place is wrong, and nothing changed. */
bool vq_enable(struct vq *q) MUST_USE;
/* Go on with the queue @from of an old device, out of a record.  Nothing is in flight.  False: it cannot have been one. */
bool vq_restore(struct vq *q, const struct vq *from) MUST_USE;
/* Forget everything but @mem; what was popped must not be pushed any more. */
void vq_reset(struct vq *q);

/* Take the next buffer; *@c is changed in any case. */
enum vq_got vq_pop(struct vq *q, struct vq_chain *c) MUST_USE;
/* Give back the buffer with @id and @slots, into which @written bytes were stored. */
void vq_push(struct vq *q, uint16_t id, uint16_t slots, uint32_t written);
/* The same for @n buffers, which the driver sees all at once or not at all. */
struct vq_returned {
	uint16_t id, slots;
	uint32_t written;
};
void vq_push_all(struct vq *q, const struct vq_returned *r, unsigned n);
/* After one vq_push() or several: does the driver want an interrupt for them? */
bool vq_wants_interrupt(struct vq *q) MUST_USE;
/* Do (not) notify: advice to the driver.  vq_listen() is false if there is a buffer already. */
void vq_mute(struct vq *q);
bool vq_listen(struct vq *q) MUST_USE;

/*
 * Copy @len bytes from @skip on out of what the device reads, or into what it writes; fewer when the chain is shorter.  Returns how
 * many.
 */
uint32_t vq_copy_out(const struct vq_chain *c, uint32_t skip, void *to, uint32_t len);
uint32_t vq_copy_in(const struct vq_chain *c, uint32_t skip, const void *from, uint32_t len);
/* The segments of [@skip, @skip + @len) of the device-readable (@in: writable) part, at most @max; returns how many there are. */
unsigned vq_slice(const struct vq_chain *c, bool in, uint32_t skip, uint32_t len, struct vq_segment *seg, unsigned max);

#endif
