/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio disk of the machine.  Virtual I/O Device (VIRTIO) specification, "Block Device". */
#include <drv/block.h>
#include <drv/virtio.h>
#include <rt/heap.h>
#include <rt/log.h>

#define F_SEG_MAX	(1ull << 2)
#define F_RO		(1ull << 5)
#define F_BLK_SIZE	(1ull << 6)
#define F_FLUSH		(1ull << 9)
#define F_DISCARD	(1ull << 13)
#define F_WRITE_ZEROES	(1ull << 14)

/* "Device configuration layout". */
#define CFG_CAPACITY	0u
#define CFG_SEG_MAX	12u
#define CFG_BLK_SIZE	20u
#define CFG_MAX_DISCARD	36u
#define CFG_MAX_ZEROES	48u

#define T_IN		0u
#define T_OUT		1u
#define T_FLUSH		4u
#define T_GET_ID	8u
#define T_DISCARD	11u
#define T_WRITE_ZEROES	13u
#define ZEROES_UNMAP	1u
#define S_OK		0u
#define S_UNSUPP	2u
#define S_PENDING	0xffu		/* none of the device's */

#define MAX_SECTORS	0xffffu
#define NO_REQUEST	0xffu

/* What stands around the data of a request, in DMA memory. */
struct frame {
	uint32_t type, reserved;
	uint64_t sector;
	uint64_t range_sector;		/* of discard and write zeroes */
	uint32_t range_count, range_flags;
	uint8_t status;
	uint8_t pad[31];
};
_Static_assert(sizeof(struct frame) == 64, "none crosses a page");

static struct {
	struct driver driver;
	struct virtio_driver virtio;
	struct virtio_queue queue;
	struct block *block;
	struct frame *frame;		/* one for each request */
	uint64_t frame_addr;
	uint8_t of[VIRTIO_QUEUE_MAX];	/* request of each buffer */
} disk;

static uint32_t type_of(const struct block_request *r)
{
	static const uint32_t type[] = {
		[BLK_READ] = T_IN, [BLK_WRITE] = T_OUT, [BLK_FLUSH] = T_FLUSH, [BLK_DISCARD] = T_DISCARD, [BLK_ZEROES] = T_WRITE_ZEROES,
	};

	return type[r->op];
}

static bool submit(void *device, struct block_request *r)
{
	unsigned index = block_request_index(disk.block, r), n = 0;
	struct frame *f = &disk.frame[index];
	uint64_t at = disk.frame_addr + index * sizeof(*f);
	struct virtio_piece piece[BLOCK_SEGMENTS + 3];
	bool in = r->op == BLK_READ;
	uint16_t id;

	(void)device;
	*f = (struct frame){ .type = type_of(r), .sector = r->op == BLK_READ || r->op == BLK_WRITE ? r->sector : 0, .status = S_PENDING };
	piece[n++] = (struct virtio_piece){ at, offsetof(struct frame, range_sector) };
	if (r->op == BLK_DISCARD || r->op == BLK_ZEROES) {
		f->range_sector = r->sector;
		f->range_count = (uint32_t)r->sectors;
		f->range_flags = r->op == BLK_ZEROES && r->flags & BLK_UNMAP ? ZEROES_UNMAP : 0;
		piece[n++] = (struct virtio_piece){ at + offsetof(struct frame, range_sector), 16 };
	}
	for (unsigned i = 0; i < r->count; i++)
		piece[n++] = (struct virtio_piece){ r->seg[i].addr, r->seg[i].len };
	piece[n] = (struct virtio_piece){ at + offsetof(struct frame, status), 1 };
	if (!virtio_put(&disk.queue, piece, in ? 1 : n, in ? n : 1, &id))
		return false;
	disk.of[id] = (uint8_t)index;
	return true;
}

static void commit(void *device)
{
	(void)device;
	virtio_tell(&disk.queue);
}

static const struct block_ops ops = { submit, commit };

static enum blk_status status_of(const struct frame *f)
{
	uint8_t status = READ_ONCE(f->status);

	return status == S_OK ? BLK_OK : status == S_UNSUPP ? BLK_EUNSUP : BLK_EIO;
}

static void on_interrupt(void *arg)
{
	uint16_t id;
	uint32_t len;

	(void)arg;
	atomic_fetch_add_explicit(&disk.driver.shared->interrupts, 1, memory_order_relaxed);
	while (virtio_take(&disk.queue, &id, &len))
		block_done(disk.block, block_request(disk.block, disk.of[id]), status_of(&disk.frame[disk.of[id]]));
	if (id == VIRTIO_QUEUE_MAX)
		rt_panic("the device returns what it was never given");
	block_batch(disk.block);
}

/* What kind of disk it is. */
static bool unit_fill(struct block_unit *u)
{
	const struct virtio_driver *v = &disk.virtio;
	uint32_t block = v->features & F_BLK_SIZE ? (uint32_t)virtio_config(v, CFG_BLK_SIZE, 4) : BLK_SECTOR;

	*u = (struct block_unit){
		.sectors = virtio_config(v, CFG_CAPACITY, 8), .block = block, .max_sectors = MAX_SECTORS,
		.flags = (v->features & F_RO ? BLK_READ_ONLY : 0) | (v->features & F_FLUSH ? BLK_HAS_FLUSH : 0) |
			 (v->features & F_DISCARD ? BLK_HAS_DISCARD : 0) | (v->features & F_WRITE_ZEROES ? BLK_HAS_ZEROES : 0),
		.max_discard = UINT32_MAX,
	};
	if (v->features & F_DISCARD)
		u->max_discard = (uint32_t)virtio_config(v, CFG_MAX_DISCARD, 4);
	if (v->features & F_WRITE_ZEROES)
		u->max_discard = (uint32_t)min_u64(u->max_discard, virtio_config(v, CFG_MAX_ZEROES, 4));
	if (v->features & F_SEG_MAX && virtio_config(v, CFG_SEG_MAX, 4) < 126) {
		rt_log("the device takes too few pieces in a request");
		return false;
	}
	return u->sectors && u->sectors < UINT64_MAX / BLK_SECTOR && block >= BLK_SECTOR && block <= PAGE_SIZE && !(block & (block - 1));
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &disk.driver;

	if (!driver_begin(d, start))
		return DRIVER_EXIT_REFUSED;
	disk.block = block_begin(d, &ops, NULL);
	disk.frame = dma_alloc(d, BLOCK_REQUESTS * sizeof(*disk.frame), sizeof(*disk.frame), &disk.frame_addr);
	if (!disk.block || !disk.frame)
		return DRIVER_EXIT_REFUSED;
	if (!virtio_begin(&disk.virtio, d, F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES) ||
	    !device_message(d, 0, on_interrupt, NULL) || !virtio_queue_begin(&disk.virtio, &disk.queue, 0, VIRTIO_QUEUE_MAX, 0) ||
	    !unit_fill(block_unit(disk.block, 0)))
		return DRIVER_EXIT_DEVICE;
	virtio_run(&disk.virtio);
	if (!block_unit_ready(disk.block, 0))
		return DRIVER_EXIT_DEVICE;
	block_serve(disk.block);
	driver_run(d);
}
