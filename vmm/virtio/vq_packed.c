/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed virtqueues: one ring of descriptors that driver and device overwrite in turn.  Whose a descriptor is follows from two
 * bits in it and a counter on each side that flips when the ring wraps around.
 */
#include "vq_priv.h"

static bool available(uint16_t flags, bool wrap)
{
	return !!(flags & VQ_DESC_AVAIL) == wrap && !!(flags & VQ_DESC_USED) != wrap;
}

/* All descriptors of an indirect table belong to the buffer; their order is that of the table. */
static bool table_walk(const struct vq *q, struct vq_chain *c, const struct vq_desc *d)
{
	uint32_t count;
	const struct vq_desc *table = vq_table(q, d, &count);

	if (!table || count > q->size)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct vq_desc e = vq_desc_read(&table[i]);

		if (e.b & VQ_DESC_INDIRECT || !vq_add(q, c, &e, e.b & VQ_DESC_WRITE))
			return false;
	}
	return true;
}

static void advance(const struct vq *q, uint16_t *at, bool *wrap, unsigned by)
{
	unsigned next = *at + by;

	if (next >= q->size) {
		next -= q->size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

enum vq_got vq_packed_pop(struct vq *q, struct vq_chain *c)
{
	struct vq_desc d = vq_desc_read(&q->ring[q->avail]);
	uint16_t at = q->avail;
	bool wrap = q->avail_wrap, table = d.b & VQ_DESC_INDIRECT;

	if (!available(d.b, wrap))
		return VQ_EMPTY;
	if (table && (d.b & VQ_DESC_NEXT || !table_walk(q, c, &d)))
		return VQ_BROKEN;
	if (!table && !vq_add(q, c, &d, d.b & VQ_DESC_WRITE))
		return VQ_BROKEN;
	/* The driver has made the first one available last, so the others are there. */
	while (d.b & VQ_DESC_NEXT) {
		advance(q, &at, &wrap, 1);
		d = vq_desc_read(&q->ring[at]);
		if (c->slots++ == q->size || d.b & VQ_DESC_INDIRECT || !available(d.b, wrap) ||
		    !vq_add(q, c, &d, d.b & VQ_DESC_WRITE))
			return VQ_BROKEN;
	}
	advance(q, &q->avail, &q->avail_wrap, c->slots);
	c->id = d.a;
	return VQ_CHAIN;
}

void vq_packed_push(struct vq *q, const struct vq_returned *r, unsigned n)
{
	uint64_t *first = (uint64_t *)(void *)&q->ring[q->used] + 1, first_value = 0;

	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = (uint16_t)((q->used_wrap ? VQ_DESC_AVAIL | VQ_DESC_USED : 0) | (r[i].written ? VQ_DESC_WRITE : 0));
		/* Length, buffer ID and flags in one store; the address is not used. */
		uint64_t v = r[i].written | (uint64_t)r[i].id << 32 | (uint64_t)flags << 48;

		if (i == 0)
			first_value = v;
		else
			__atomic_store_n((uint64_t *)(void *)&q->ring[q->used] + 1, v, __ATOMIC_RELAXED);
		advance(q, &q->used, &q->used_wrap, r[i].slots);
	}
	/* The driver looks at them in their order: with the first one it sees all. */
	__atomic_store_n(first, first_value, __ATOMIC_RELEASE);
}

bool vq_packed_wants_interrupt(struct vq *q)
{
	struct vq_event e;
	uint32_t v = __atomic_load_n((uint32_t *)q->driver_area, __ATOMIC_RELAXED);
	uint16_t event;

	__builtin_memcpy(&e, &v, sizeof(e));
	if (e.flags == VQ_EVENT_DISABLE)
		return false;
	if (e.flags != VQ_EVENT_DESC || !q->event_idx || q->unsignalled >= q->size)
		return true;
	event = e.off_wrap & (uint16_t)~VQ_EVENT_WRAP;
	if (!!(e.off_wrap & VQ_EVENT_WRAP) != q->used_wrap)
		event = (uint16_t)(event - q->size);	/* in the round before */
	return vq_passed(event, q->used, (uint16_t)(q->used - q->unsignalled));
}

static void event_set(const struct vq *q, uint16_t off_wrap, uint16_t flags)
{
	__atomic_store_n((uint32_t *)q->device_area, off_wrap | (uint32_t)flags << 16, __ATOMIC_RELAXED);
}

void vq_packed_mute(struct vq *q)
{
	event_set(q, 0, VQ_EVENT_DISABLE);
}

bool vq_packed_listen(struct vq *q)
{
	uint16_t flags;

	if (q->event_idx)
		event_set(q, (uint16_t)(q->avail | (q->avail_wrap ? VQ_EVENT_WRAP : 0)), VQ_EVENT_DESC);
	else
		event_set(q, 0, VQ_EVENT_ENABLE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* then look again: the driver may not have seen it in time */
	flags = (uint16_t)(__atomic_load_n((const uint64_t *)(const void *)&q->ring[q->avail] + 1, __ATOMIC_ACQUIRE) >> 48);
	return !available(flags, q->avail_wrap);
}
