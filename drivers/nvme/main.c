/* SPDX-License-Identifier: Apache-2.0 */
/* The NVMe driver: a controller whose namespaces are the units of the block service; unit 0 is namespace 1. */
#include "controller.h"

#include <rt/log.h>

#define OP_FLUSH	0x00u
#define OP_WRITE	0x01u
#define OP_READ		0x02u
#define OP_ZEROES	0x08u
#define OP_DATASET	0x09u
#define DATASET_DISCARD	(1u << 2)
#define ZEROES_UNMAP	(1u << 25)	/* "Deallocate" */
#define TRANSFER_MAX	((NVME_PRPS - 1) * (uint64_t)NVME_PAGE)	/* then no list of PRPs is ever too short */

/* A request as commands. */
struct progress {
	uint64_t done;			/* bytes that commands were made for */
	unsigned pending;
	enum blk_status status;
};

static struct {
	struct driver driver;
	struct nvme_controller controller;
	struct block *block;
	struct progress progress[BLOCK_REQUESTS];
	struct block_request *unfinished;	/* more commands are to be made for it */
	uint64_t busy;				/* ids */
	uint8_t of[NVME_DEPTH];			/* request of each id */
	uint64_t *list;				/* a page for each id */
	uint64_t list_addr;
} nvme;

static uint64_t bytes_of(const struct block_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE ? r->sectors * BLK_SECTOR : 0;
}

/* The next command for @r, whose memory is described on the page of @id. */
static void command_make(const struct block_request *r, struct progress *p, unsigned id, struct nvme_command *c)
{
	const struct nvme_namespace *n = &nvme.controller.namespace[r->unit];
	uint64_t *list = nvme.list + id * NVME_PRPS, addr = nvme.list_addr + id * (uint64_t)NVME_PAGE;
	uint64_t at = (r->sector * BLK_SECTOR + p->done) >> n->shift, count = r->sectors * BLK_SECTOR >> n->shift;
	static const uint8_t opcode[] = { [BLK_READ] = OP_READ, [BLK_WRITE] = OP_WRITE, [BLK_FLUSH] = OP_FLUSH, [BLK_DISCARD] = OP_DATASET,
					  [BLK_ZEROES] = OP_ZEROES };

	*c = (struct nvme_command){ .opcode = opcode[r->op], .id = (uint16_t)id, .namespace = r->unit + 1u };
	if (r->op == BLK_FLUSH)
		return;
	if (r->op == BLK_DISCARD) {
		list[0] = count << 32;	/* no attributes, blocks; where */
		list[1] = at;
		c->prp[0] = addr;
		c->word[1] = DATASET_DISCARD;
		return;
	}
	if (r->op != BLK_ZEROES)
		count = nvme_prps(r, &p->done, nvme.controller.max_transfer, c, list, addr) >> n->shift;
	c->word[0] = (uint32_t)at;
	c->word[1] = (uint32_t)(at >> 32);
	c->word[2] = (uint32_t)(count - 1) | (r->op == BLK_ZEROES && r->flags & BLK_UNMAP ? ZEROES_UNMAP : 0);
}

/* As many commands for @r as there is room for. */
static void feed(struct block_request *r)
{
	unsigned index = block_request_index(nvme.block, r);
	struct progress *p = &nvme.progress[index];
	struct nvme_command c;

	nvme.unfinished = NULL;
	do {
		unsigned id = (unsigned)__builtin_ctzll(~nvme.busy);

		if (!nvme_queue_room(&nvme.controller.io)) {
			nvme.unfinished = r;
			return;
		}
		command_make(r, p, id, &c);
		nvme.busy |= 1ull << id;
		nvme.of[id] = (uint8_t)index;
		p->pending++;
		nvme_queue_put(&nvme.controller.io, &c);
	} while (p->done < bytes_of(r));
}

static bool submit(void *device, struct block_request *r)
{
	(void)device;
	if (nvme.unfinished || !nvme_queue_room(&nvme.controller.io))
		return false;
	nvme.progress[block_request_index(nvme.block, r)] = (struct progress){ .status = BLK_OK };
	feed(r);
	return true;
}

static void commit(void *device)
{
	(void)device;
	nvme_queue_tell(&nvme.controller.io);
}

static const struct block_ops ops = { submit, commit };

static void on_interrupt(void *arg)
{
	uint16_t id, status;

	(void)arg;
	atomic_fetch_add_explicit(&nvme.driver.shared->interrupts, 1, memory_order_relaxed);
	while (nvme_queue_take(&nvme.controller.io, &id, &status)) {
		struct block_request *r;
		struct progress *p;

		if (id >= NVME_DEPTH || !(nvme.busy >> id & 1))
			rt_panic("the controller answers what it was not asked");
		nvme.busy &= ~(1ull << id);
		r = block_request(nvme.block, nvme.of[id]);
		p = &nvme.progress[nvme.of[id]];
		p->pending--;
		if (status)
			p->status = BLK_EIO;
		if (nvme.unfinished)
			feed(nvme.unfinished);
		if (!p->pending && nvme.unfinished != r)
			block_done(nvme.block, r, p->status);
	}
	block_batch(nvme.block);
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &nvme.driver;

	if (!driver_begin(d, start))
		return DRIVER_EXIT_REFUSED;
	nvme.block = block_begin(d, &ops, NULL);
	nvme.list = dma_alloc(d, NVME_DEPTH * (uint64_t)NVME_PAGE, NVME_PAGE, &nvme.list_addr);
	if (!nvme.block || !nvme.list)
		return DRIVER_EXIT_REFUSED;
	if (!nvme_controller_begin(&nvme.controller, d) || !device_message(d, 0, on_interrupt, NULL) ||
	    !nvme_controller_run(&nvme.controller, nvme.block))
		return DRIVER_EXIT_DEVICE;
	nvme.controller.max_transfer = min_u64(nvme.controller.max_transfer, TRANSFER_MAX);
	for (unsigned i = 0; i < NVME_NAMESPACES; i++)
		if (block_unit(nvme.block, i)->sectors && !block_unit_ready(nvme.block, i))
			return DRIVER_EXIT_DEVICE;
	block_serve(nvme.block);
	driver_run(d);
}
