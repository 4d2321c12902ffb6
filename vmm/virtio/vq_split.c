/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues: a table of descriptors, a ring of heads from the driver, a ring of heads back. */
#include "vq_priv.h"

/* The words that EVENT_IDX adds behind the rings. */
static uint16_t *used_event(const struct vq *q)
{
	return &((struct vq_avail *)q->driver_area)->ring[q->size];
}

static uint16_t *avail_event(const struct vq *q)
{
	return (uint16_t *)(void *)&((struct vq_used *)q->device_area)->ring[q->size];
}

/* Follow the chain from @head on, through at most one indirect table, for at most as many descriptors as the queue has. */
static bool chain_walk(const struct vq *q, struct vq_chain *c, uint16_t head)
{
	const struct vq_desc *table = q->ring;
	uint32_t count = q->size, at = head;
	bool indirect = false;

	for (unsigned steps = 0; steps <= q->size; steps++) {
		struct vq_desc d;

		if (at >= count)
			return false;
		d = vq_desc_read(&table[at]);
		if (d.a & VQ_DESC_INDIRECT) {
			if (indirect || d.a & VQ_DESC_NEXT)
				return false;
			table = vq_table(q, &d, &count);
			if (!table)
				return false;
			indirect = true;
			at = 0;
			continue;
		}
		if (!vq_add(q, c, &d, d.a & VQ_DESC_WRITE))
			return false;
		if (!(d.a & VQ_DESC_NEXT))
			return true;
		at = d.b;
	}
	return false;
}

enum vq_got vq_split_pop(struct vq *q, struct vq_chain *c)
{
	struct vq_avail *a = q->driver_area;
	uint16_t there = (uint16_t)(__atomic_load_n(&a->idx, __ATOMIC_ACQUIRE) - q->avail);

	if (!there)
		return VQ_EMPTY;
	if (there > q->size)
		return VQ_BROKEN;
	c->id = __atomic_load_n(&a->ring[q->avail % q->size], __ATOMIC_RELAXED);
	q->avail++;
	return chain_walk(q, c, c->id) ? VQ_CHAIN : VQ_BROKEN;
}

void vq_split_push(struct vq *q, const struct vq_returned *r, unsigned n)
{
	struct vq_used *u = q->device_area;

	for (unsigned i = 0; i < n; i++, q->used++) {
		struct vq_used_elem *e = &u->ring[q->used % q->size];

		WRITE_ONCE(e->id, r[i].id);
		WRITE_ONCE(e->len, r[i].written);
	}
	__atomic_store_n(&u->idx, q->used, __ATOMIC_RELEASE);
}

bool vq_split_wants_interrupt(struct vq *q)
{
	const struct vq_avail *a = q->driver_area;

	if (!q->event_idx)
		return !(__atomic_load_n(&a->flags, __ATOMIC_RELAXED) & VQ_AVAIL_NO_INTERRUPT);
	return vq_passed(__atomic_load_n(used_event(q), __ATOMIC_RELAXED), q->used, (uint16_t)(q->used - q->unsignalled));
}

void vq_split_mute(struct vq *q)
{
	struct vq_used *u = q->device_area;

	/* With EVENT_IDX the old threshold is behind the driver already. */
	if (!q->event_idx)
		__atomic_store_n(&u->flags, VQ_USED_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool vq_split_listen(struct vq *q)
{
	struct vq_used *u = q->device_area;
	const struct vq_avail *a = q->driver_area;

	if (q->event_idx)
		__atomic_store_n(avail_event(q), q->avail, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&u->flags, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* then look again: the driver may not have seen it in time */
	return __atomic_load_n(&a->idx, __ATOMIC_ACQUIRE) == q->avail;
}
