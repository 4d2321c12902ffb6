/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues: what both kinds of ring have in common. */
#include "record.h"
#include "vq_priv.h"

#define DESC_ALIGN	16u
#define AVAIL_ALIGN	2u
#define USED_ALIGN	4u
#define EVENT_ALIGN	4u

static void *area(const struct vq *q, uint64_t addr, uint64_t size, uint64_t align)
{
	return is_aligned(addr, align) ? gmem_at(q->mem, (gpa_t){ addr }, size, true) : NULL;
}

bool vq_enable(struct vq *q)
{
	uint64_t n = q->size;
	void *ring, *driver, *device;

	if (n == 0 || n > VQ_SIZE_MAX || (!q->packed && (n & (n - 1))))
		return false;
	ring = area(q, q->desc, n * sizeof(struct vq_desc), DESC_ALIGN);
	if (q->packed) {
		driver = area(q, q->driver, sizeof(struct vq_event), EVENT_ALIGN);
		device = area(q, q->device, sizeof(struct vq_event), EVENT_ALIGN);
	} else {
		/* The event words behind both rings are there, whether they are used or not. */
		driver = area(q, q->driver, sizeof(struct vq_avail) + 2 * n + 2, AVAIL_ALIGN);
		device = area(q, q->device, sizeof(struct vq_used) + sizeof(struct vq_used_elem) * n + 2, USED_ALIGN);
	}
	if (!ring || !driver || !device)
		return false;
	q->ring = ring;
	q->driver_area = driver;
	q->device_area = device;
	q->avail = q->used = q->in_flight = 0;
	q->unsignalled = 0;
	q->avail_wrap = q->used_wrap = true;
	q->enabled = true;
	return true;
}

bool vq_restore(struct vq *q, const struct vq *from)
{
	q->size = from->size;
	q->desc = from->desc;
	q->driver = from->driver;
	q->device = from->device;
	q->packed = record_bool(&from->packed);
	q->event_idx = record_bool(&from->event_idx);
	q->indirect = record_bool(&from->indirect);
	if (!record_bool(&from->enabled))
		return true;
	if (from->in_flight || !vq_enable(q) || (q->packed && (from->avail >= q->size || from->used >= q->size)))
		return false;
	q->avail = from->avail;
	q->used = from->used;
	q->avail_wrap = record_bool(&from->avail_wrap);
	q->used_wrap = record_bool(&from->used_wrap);
	q->unsignalled = 1;		/* whether the driver was told of the last one is not known */
	return true;
}

void vq_reset(struct vq *q)
{
	*q = (struct vq){ .mem = q->mem };
}

bool vq_add(const struct vq *q, struct vq_chain *c, const struct vq_desc *d, bool write)
{
	uint8_t *p = gmem_at(q->mem, (gpa_t){ d->addr }, d->len, write);
	unsigned n = c->out + c->in;

	if (!p || !d->len || n == q->size || d->len > UINT32_MAX - c->out_len - c->in_len)
		return false;
	if (!write && c->in)
		return false;			/* what the device reads comes first */
	c->seg[n] = (struct vq_segment){ p, d->len };
	if (write) {
		c->in++;
		c->in_len += d->len;
	} else {
		c->out++;
		c->out_len += d->len;
	}
	return true;
}

const struct vq_desc *vq_table(const struct vq *q, const struct vq_desc *d, uint32_t *count)
{
	*count = d->len / sizeof(struct vq_desc);
	if (!q->indirect || !*count || d->len % sizeof(struct vq_desc))
		return NULL;
	/* A longer table than the queue has entries can be allocated, but no chain in it can be that long. */
	return gmem_at(q->mem, (gpa_t){ d->addr }, d->len, false);
}

enum vq_got vq_pop(struct vq *q, struct vq_chain *c)
{
	enum vq_got got;

	if (!q->enabled)
		return VQ_EMPTY;
	c->out = c->in = 0;
	c->out_len = c->in_len = 0;
	c->slots = 1;
	got = q->packed ? vq_packed_pop(q, c) : vq_split_pop(q, c);
	if (got == VQ_CHAIN && q->in_flight++ == q->size)
		return VQ_BROKEN;		/* it must have made one available twice */
	return got;
}

void vq_push_all(struct vq *q, const struct vq_returned *r, unsigned n)
{
	if (!q->enabled || !n)
		return;
	q->in_flight = (uint16_t)(q->in_flight - n);
	for (unsigned i = 0; i < n; i++)
		q->unsignalled += r[i].slots;
	if (q->packed)
		vq_packed_push(q, r, n);
	else
		vq_split_push(q, r, n);
}

void vq_push(struct vq *q, uint16_t id, uint16_t slots, uint32_t written)
{
	const struct vq_returned r = { id, slots, written };

	vq_push_all(q, &r, 1);
}

bool vq_wants_interrupt(struct vq *q)
{
	bool wanted;

	if (!q->enabled || !q->unsignalled)
		return false;
	/* The used entries first, then whether the driver wants to hear of them: it does these two in the other order. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wanted = q->packed ? vq_packed_wants_interrupt(q) : vq_split_wants_interrupt(q);
	q->unsignalled = 0;
	return wanted;
}

void vq_mute(struct vq *q)
{
	if (!q->enabled)
		return;
	if (q->packed)
		vq_packed_mute(q);
	else
		vq_split_mute(q);
}

bool vq_listen(struct vq *q)
{
	if (!q->enabled)
		return true;
	return q->packed ? vq_packed_listen(q) : vq_split_listen(q);
}

/* Walk over [@skip, @skip + @len) of @count segments from @seg on. */
struct walk {
	const struct vq_segment *seg;
	unsigned count;
	uint32_t skip, len;
};

/* The next piece; false: that was all. */
static bool walk_next(struct walk *w, struct vq_segment *piece)
{
	while (w->count && w->skip >= w->seg->len) {
		w->skip -= w->seg->len;
		w->seg++;
		w->count--;
	}
	if (!w->count || !w->len)
		return false;
	piece->p = w->seg->p + w->skip;
	piece->len = w->seg->len - w->skip < w->len ? w->seg->len - w->skip : w->len;
	w->skip += piece->len;
	w->len -= piece->len;
	return true;
}

uint32_t vq_copy_out(const struct vq_chain *c, uint32_t skip, void *to, uint32_t len)
{
	struct walk w = { c->seg, c->out, skip, len };
	struct vq_segment s;
	uint32_t done = 0;

	for (; walk_next(&w, &s); done += s.len)
		__builtin_memcpy((char *)to + done, s.p, s.len);
	return done;
}

uint32_t vq_copy_in(const struct vq_chain *c, uint32_t skip, const void *from, uint32_t len)
{
	struct walk w = { c->seg + c->out, c->in, skip, len };
	struct vq_segment s;
	uint32_t done = 0;

	for (; walk_next(&w, &s); done += s.len)
		__builtin_memcpy(s.p, (const char *)from + done, s.len);
	return done;
}

unsigned vq_slice(const struct vq_chain *c, bool in, uint32_t skip, uint32_t len, struct vq_segment *seg, unsigned max)
{
	struct walk w = { in ? c->seg + c->out : c->seg, in ? c->in : c->out, skip, len };
	unsigned n = 0;

	while (n < max && walk_next(&w, &seg[n]))
		n++;
	return n;
}
