/* SPDX-License-Identifier: Apache-2.0 */
/* A well-behaved driver's side of a virtqueue in a small guest memory, for tests of queues and devices. */
#ifndef VQ_DRIVER_H
#define VQ_DRIVER_H

#include <virtio/vq.h>

#include <stdlib.h>
#include <string.h>

/* Guest-physical addresses; the memory begins at RAM, so that 0 is none. */
#define RAM		0x10000ull
#define RAM_SIZE	0x40000ull

struct vq_driver {
	uint8_t *ram;
	struct gmem mem;
	uint64_t desc, avail, used;
	uint16_t size, next_avail, next_used, next_id;
	bool packed, avail_wrap, used_wrap;
	uint16_t slots[VQ_SIZE_MAX];		/* packed: of a buffer ID */
};

/* One piece of a buffer, as the driver describes it. */
struct vq_piece { uint64_t addr; uint32_t len; bool write; };

static inline void vq_driver_init(struct vq_driver *d, uint16_t size, bool packed)
{
	free(d->ram);
	*d = (struct vq_driver){ .ram = calloc(1, RAM_SIZE), .size = size, .packed = packed, .avail_wrap = true, .used_wrap = true,
				 .desc = RAM, .avail = RAM + 0x2000, .used = RAM + 0x4000 };
	if (!gmem_add(&d->mem, (gpa_t){ RAM }, RAM_SIZE, d->ram, true))
		abort();
}

static inline void *vq_at(struct vq_driver *d, uint64_t gpa) { return d->ram + (gpa - RAM); }
static inline struct vq_desc *vq_descs(struct vq_driver *d) { return vq_at(d, d->desc); }
static inline struct vq_avail *vq_avail(struct vq_driver *d) { return vq_at(d, d->avail); }
static inline struct vq_used *vq_used(struct vq_driver *d) { return vq_at(d, d->used); }

/* One descriptor; @last: the chain ends with it.  Where it goes, and what follows it, is the ring's business. */
static inline void vq_desc_put(struct vq_driver *d, struct vq_desc *at, const struct vq_piece *p, uint16_t id, uint16_t next, bool last)
{
	uint16_t flags = (uint16_t)((p->write ? VQ_DESC_WRITE : 0) | (last ? 0 : VQ_DESC_NEXT));

	if (d->packed)
		*at = (struct vq_desc){ p->addr, p->len, id, flags };
	else
		*at = (struct vq_desc){ p->addr, p->len, flags, next };
}

/* Make a buffer of @n pieces available, by way of the indirect table at guest address @table unless that is 0.  Its ID. */
static inline uint16_t vq_offer(struct vq_driver *d, const struct vq_piece *piece, unsigned n, uint64_t table)
{
	uint16_t id = d->next_id, first = d->packed ? d->next_avail : id, used_slots = (uint16_t)(table ? 1 : n);
	bool wrap = d->avail_wrap;

	for (unsigned i = 0; i < n; i++) {
		struct vq_desc *at = table ? (struct vq_desc *)vq_at(d, table) + i : &vq_descs(d)[(first + i) % d->size];
		uint16_t flags;

		vq_desc_put(d, at, &piece[i], id, (uint16_t)(table ? i + 1 : (first + i + 1u) % d->size), i == n - 1);
		if (!d->packed)
			continue;
		flags = (uint16_t)(table ? at->b & ~VQ_DESC_NEXT :
				   at->b | ((first + i >= d->size) ^ wrap ? VQ_DESC_AVAIL : VQ_DESC_USED));
		at->b = flags;
	}
	if (table) {
		struct vq_desc *at = &vq_descs(d)[first];
		uint32_t len = (uint32_t)(n * sizeof(struct vq_desc));

		if (d->packed)
			*at = (struct vq_desc){ table, len, id, (uint16_t)(VQ_DESC_INDIRECT | (wrap ? VQ_DESC_AVAIL : VQ_DESC_USED)) };
		else
			*at = (struct vq_desc){ table, len, VQ_DESC_INDIRECT, 0 };
	}
	if (d->packed) {
		d->slots[id] = used_slots;
		d->avail_wrap ^= d->next_avail + used_slots >= d->size;
		d->next_avail = (uint16_t)((d->next_avail + used_slots) % d->size);
		d->next_id = (uint16_t)((id + 1) % d->size);
	} else {
		vq_avail(d)->ring[d->next_avail++ % d->size] = id;
		vq_avail(d)->idx = d->next_avail;
		d->next_id = (uint16_t)((id + used_slots) % d->size);
	}
	return id;
}

/* Take a used buffer back. */
static inline bool vq_take(struct vq_driver *d, uint16_t *id, uint32_t *len)
{
	if (d->packed) {
		struct vq_desc *at = &vq_descs(d)[d->next_used];

		if (!!(at->b & VQ_DESC_USED) != d->used_wrap || !!(at->b & VQ_DESC_AVAIL) != d->used_wrap)
			return false;
		*id = at->a;
		*len = at->len;
		d->used_wrap ^= d->next_used + d->slots[*id] >= d->size;
		d->next_used = (uint16_t)((d->next_used + d->slots[*id]) % d->size);
		return true;
	}
	if (vq_used(d)->idx == d->next_used)
		return false;
	*id = (uint16_t)vq_used(d)->ring[d->next_used % d->size].id;
	*len = vq_used(d)->ring[d->next_used % d->size].len;
	d->next_used++;
	return true;
}

/* A queue of the device over the driver's memory, enabled. */
static inline bool vq_device(struct vq_driver *d, struct vq *q, bool event_idx)
{
	*q = (struct vq){ .mem = &d->mem, .size = d->size, .desc = d->desc, .driver = d->avail, .device = d->used,
			  .packed = d->packed, .event_idx = event_idx, .indirect = true };
	return vq_enable(q);
}

#endif
