/* SPDX-License-Identifier: Apache-2.0 */
/* Block device: from the guest's queues to checked requests, and back.  See blk.h. */
#include <virtio/blk.h>

#define CLASS_STORAGE	0x01800000u

/* "Feature bits" */
#define F_SEG_MAX	BIT(2)
#define F_RO		BIT(5)
#define F_BLK_SIZE	BIT(6)
#define F_FLUSH		BIT(9)
#define F_TOPOLOGY	BIT(10)
#define F_MQ		BIT(12)
#define F_DISCARD	BIT(13)
#define F_WRITE_ZEROES	BIT(14)

/* "Device configuration layout" */
enum {
	CFG_CAPACITY = 0, CFG_SEG_MAX = 12, CFG_BLK_SIZE = 20, CFG_PHYSICAL_EXP = 24, CFG_MIN_IO = 26, CFG_WRITEBACK = 32,
	CFG_QUEUES = 34, CFG_DISCARD_MAX = 36, CFG_DISCARD_SEGS = 40, CFG_DISCARD_ALIGN = 44, CFG_ZEROES_MAX = 48,
	CFG_ZEROES_SEGS = 52, CFG_ZEROES_UNMAP = 56, CFG_SIZE = 60,
};

/* "Device Operation" */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
struct header {
	uint32_t type, reserved;
	uint64_t sector;
};
struct range {			/* of discard and write zeroes */
	uint64_t sector;
	uint32_t sectors, flags;
};
#define RANGE_UNMAP	1u

static uint64_t config_read(struct virtio *v, uint64_t off, unsigned size)
{
	const struct blk *b = container_of(v, struct blk, virtio);
	const struct blk_geometry *g = &b->geometry;
	uint8_t image[CFG_SIZE] = { 0 };
	uint64_t val = 0;
	const struct { uint8_t at, size; uint64_t v; } field[] = {
		{ CFG_CAPACITY, 8, g->sectors }, { CFG_SEG_MAX, 4, BLK_SEGMENTS }, { CFG_BLK_SIZE, 4, BLK_SECTOR },
		{ CFG_PHYSICAL_EXP, 1, (uint64_t)__builtin_ctz(g->block / BLK_SECTOR) }, { CFG_MIN_IO, 2, g->block / BLK_SECTOR },
		{ CFG_WRITEBACK, 1, (g->flags & BLK_HAS_FLUSH) != 0 }, { CFG_QUEUES, 2, v->queue_count },
		{ CFG_DISCARD_MAX, 4, g->max_discard }, { CFG_DISCARD_SEGS, 4, 1 }, { CFG_DISCARD_ALIGN, 4, g->block / BLK_SECTOR },
		{ CFG_ZEROES_MAX, 4, g->max_discard }, { CFG_ZEROES_SEGS, 4, 1 },
		{ CFG_ZEROES_UNMAP, 1, (g->flags & BLK_HAS_DISCARD) != 0 },
	};

	if (!range_inside(off, size, CFG_SIZE))
		return 0;
	for (unsigned i = 0; i < ARRAY_LEN(field); i++)
		__builtin_memcpy(image + field[i].at, &field[i].v, field[i].size);
	__builtin_memcpy(&val, image + off, size);
	return val;
}

/* --- from the queue -------------------------------------------------------------------------------------------------- */

static struct blk_request *request_take(struct blk *b)
{
	for (unsigned i = 0; i < b->requests; i++) {
		if (!b->request[i].used) {
			b->request[i].used = true;
			b->request[i].dropped = false;
			return &b->request[i];
		}
	}
	return NULL;
}

/* Everything but the header or the status byte as the request's data; false: in too many pieces, or not in whole sectors. */
static bool data_set(struct blk *b, struct blk_request *r, const struct header *h, bool in)
{
	const struct vq_chain *c = &b->chain;
	uint32_t skip = in ? 0 : (uint32_t)sizeof(*h), len = in ? c->in_len - 1 : c->out_len - skip, sum = 0;

	r->op = in ? BLK_READ : BLK_WRITE;
	r->sector = h->sector;
	r->sectors = len / BLK_SECTOR;
	r->count = vq_slice(c, in, skip, len, r->seg, BLK_SEGMENTS);
	for (unsigned i = 0; i < r->count; i++)
		sum += r->seg[i].len;
	return sum == len && len % BLK_SECTOR == 0;
}

static bool inside(const struct blk *b, const struct blk_request *r)
{
	return range_inside(r->sector, r->sectors, b->geometry.sectors);
}

static unsigned transfer(struct blk *b, struct blk_request *r, const struct header *h)
{
	bool in = h->type == T_IN;

	if (!data_set(b, r, h, in) || !inside(b, r))
		return BLK_ERANGE;
	if (!in && b->geometry.flags & BLK_READ_ONLY)
		return BLK_EROFS;
	if (in)
		r->written = b->chain.in_len;
	return r->sectors ? b->back->submit(b, r) : BLK_OK;
}

/* Discard and write zeroes: one range in the data. */
static unsigned clearing(struct blk *b, struct blk_request *r, const struct header *h)
{
	uint64_t needs = h->type == T_DISCARD ? BLK_HAS_DISCARD : BLK_HAS_ZEROES;
	struct range range;

	if (!(b->geometry.flags & needs))
		return BLK_EUNSUP;
	if (b->geometry.flags & BLK_READ_ONLY)
		return BLK_EROFS;
	if (b->chain.out_len != sizeof(*h) + sizeof(range))
		return BLK_ERANGE;
	(void)vq_copy_out(&b->chain, sizeof(*h), &range, sizeof(range));
	if (range.flags & (h->type == T_DISCARD ? UINT32_MAX : ~RANGE_UNMAP))
		return BLK_EUNSUP;
	r->op = h->type == T_DISCARD ? BLK_DISCARD : BLK_ZEROES;
	r->flags = range.flags & RANGE_UNMAP ? BLK_UNMAP : 0;
	r->sector = range.sector;
	r->sectors = range.sectors;
	if (!inside(b, r) || r->sectors > b->geometry.max_discard)
		return BLK_ERANGE;
	return r->sectors ? b->back->submit(b, r) : BLK_OK;
}

static unsigned serial(struct blk *b, struct blk_request *r)
{
	r->written = vq_copy_in(&b->chain, 0, b->geometry.serial,
				b->chain.in_len - 1 < BLK_SERIAL ? b->chain.in_len - 1 : BLK_SERIAL);
	return BLK_OK;
}

static unsigned flush(struct blk *b, struct blk_request *r)
{
	r->op = BLK_FLUSH;
	return b->geometry.flags & BLK_HAS_FLUSH ? b->back->submit(b, r) : BLK_OK;
}

/* What the driver is told. */
static uint8_t status_of(unsigned status)
{
	return status == BLK_OK ? S_OK : status == BLK_EUNSUP ? S_UNSUPP : S_IOERR;
}

/* The chain as a request; false: it has no place for header or status. */
static bool request_begin(struct blk *b, struct blk_request *r, unsigned q)
{
	const struct vq_chain *c = &b->chain;
	struct vq_segment s;
	struct header h;
	unsigned status;

	if (vq_copy_out(c, 0, &h, sizeof(h)) != sizeof(h) || !c->in_len || !vq_slice(c, true, c->in_len - 1, 1, &s, 1))
		return false;
	r->queue = (uint8_t)q;
	r->id = c->id;
	r->slots = c->slots;
	r->status = s.p;
	r->op = r->flags = 0;
	r->sector = r->sectors = 0;
	r->written = 0;
	r->count = 0;
	switch (h.type) {
	case T_IN:
	case T_OUT:
		status = transfer(b, r, &h);
		break;
	case T_DISCARD:
	case T_ZEROES:
		status = clearing(b, r, &h);
		break;
	case T_GET_ID:
		status = serial(b, r);
		break;
	case T_FLUSH:
		status = flush(b, r);
		break;
	default:
		status = BLK_EUNSUP;
	}
	if (status != BLK_PENDING)
		blk_done(b, r, status);
	return true;
}

static void queue_run(struct blk *b, unsigned q)
{
	struct virtio *v = &b->virtio;
	struct blk_request *r;

	do {
		while ((r = request_take(b)) && virtio_pop(v, q, &b->chain)) {
			if (!request_begin(b, r, q)) {
				r->used = false;
				virtio_broken(v);
				return;
			}
		}
		if (!r) {
			b->stalled |= 1u << q;		/* blk_resume() goes on */
			return;
		}
		r->used = false;
	} while (virtio_more(v, q));
}

/* --- to the queue ---------------------------------------------------------------------------------------------------- */

void blk_done(struct blk *b, struct blk_request *r, unsigned status)
{
	if (!r->dropped) {
		WRITE_ONCE(*r->status, status_of(status));
		/* The status is the last byte: unless all before it was written, none counts as written. */
		vq_push(&b->virtio.queue[r->queue], r->id, r->slots, status == BLK_OK ? r->written : 0);
		b->touched |= 1u << r->queue;
	}
	r->used = false;
}

static void interrupts(struct blk *b)
{
	for (unsigned q = 0; q < b->virtio.queue_count; q++)
		if (b->touched & 1u << q)
			virtio_interrupt(&b->virtio, q);
	b->touched = 0;
}

/* Is the back-end through with all requests of queue @q (VIRTIO_ALL: of all)? */
static bool idle(const struct blk *b, uint32_t q)
{
	for (unsigned i = 0; i < b->requests; i++)
		if (b->request[i].used && (q == VIRTIO_ALL || b->request[i].queue == q))
			return false;
	return true;
}

void blk_resume(struct blk *b)
{
	struct virtio *v = &b->virtio;
	uint32_t stalled = b->stalled;

	if (v->resetting && idle(b, VIRTIO_ALL))
		virtio_stopped(v, VIRTIO_ALL);
	for (unsigned q = 0; q < v->queue_count; q++)
		if (v->stopping & 1u << q && idle(b, q))
			virtio_stopped(v, q);
	b->stalled = 0;
	for (unsigned q = 0; q < v->queue_count; q++)
		if (stalled & 1u << q)
			virtio_kick(v, q);
	interrupts(b);
}

static void notify(struct virtio *v, unsigned q)
{
	struct blk *b = container_of(v, struct blk, virtio);

	queue_run(b, q);
	if (b->back->commit)
		b->back->commit(b);
	interrupts(b);
}

/* Nothing is pushed for what is under way now; it ends before the reset does, because it uses guest memory. */
static bool stop(struct virtio *v, uint32_t q)
{
	struct blk *b = container_of(v, struct blk, virtio);

	b->stalled &= q == VIRTIO_ALL ? 0 : ~(1u << q);
	if (idle(b, q))
		return true;
	for (unsigned i = 0; i < b->requests; i++)
		if (b->request[i].used && (q == VIRTIO_ALL || b->request[i].queue == q))
			b->request[i].dropped = true;
	b->back->drop(b);
	return false;
}

static const struct virtio_type blk_type = {
	.name = "virtio-blk", .id = VIRTIO_ID_BLK, .class = CLASS_STORAGE, .notify = notify, .config_read = config_read, .stop = stop,
};

bool blk_init(struct blk *b, const struct blk_setup *setup)
{
	const struct blk_geometry *g = &setup->geometry;
	uint64_t offered = F_SEG_MAX | F_BLK_SIZE | F_TOPOLOGY | F_MQ;

	offered |= (g->flags & BLK_READ_ONLY ? F_RO : 0) | (g->flags & BLK_HAS_FLUSH ? F_FLUSH : 0) |
		   (g->flags & BLK_HAS_DISCARD ? F_DISCARD : 0) | (g->flags & BLK_HAS_ZEROES ? F_WRITE_ZEROES : 0);
	*b = (struct blk){
		.virtio = { .type = &blk_type, .offered = offered, .queue_count = setup->queues },
		.back = setup->back, .back_state = setup->back_state, .geometry = *g,
		.request = setup->request, .requests = setup->requests,
	};
	return virtio_init(&b->virtio, setup->pci, setup->mem, setup->slot);
}
