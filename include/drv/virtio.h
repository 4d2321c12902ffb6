/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driving a virtio device over PCI, modern interface, split queues.  Virtual I/O Device (VIRTIO) specification, "Virtio Over PCI Bus",
 * "Split Virtqueues".  What the device writes is read once and checked: it can spoil its own data, nothing else.
 */
#ifndef DRV_VIRTIO_H
#define DRV_VIRTIO_H

#include <drv/driver.h>

#define VIRTIO_F_VERSION_1		(1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM	(1ull << 33)
#define VIRTIO_QUEUE_MAX		256u

struct virtio_driver {
	struct driver *driver;
	volatile uint8_t *common, *notify, *device;	/* mapped registers; @device may be NULL */
	uint32_t notify_size, notify_step, device_size;
	uint64_t features;				/* agreed on */
};

/* A piece of a buffer: DMA address and length. */
struct virtio_piece {
	uint64_t addr;
	uint32_t len;
};

struct virtio_ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtio_ring_used {
	uint32_t id, len;
};

struct virtio_queue {
	struct virtio_ring_desc *desc;
	volatile uint16_t *avail;		/* flags, index, ring ... */
	volatile uint16_t *used;		/* flags, index, then struct virtio_ring_used ... */
	volatile uint16_t *bell;
	uint16_t index, size;
	uint16_t free, free_count;		/* chain of free descriptors */
	uint16_t avail_index, used_index, told;
	uint16_t chain[VIRTIO_QUEUE_MAX];	/* descriptors of the buffer that begins here; 0: none does */
	uint16_t next[VIRTIO_QUEUE_MAX];	/* own copy of the links: the device can write the other one */
};

/*
 * Find the registers, reset the device and agree on those of @wanted that it has; VERSION_1 is a must.  False: logged, the device is of no use.
 */
bool virtio_begin(struct virtio_driver *v, struct driver *d, uint64_t wanted) MUST_USE;
/* Queue @index with at most @size entries and message @message.  False: the device has no such queue, or memory is used up. */
bool virtio_queue_begin(struct virtio_driver *v, struct virtio_queue *q, unsigned index, unsigned size, unsigned message) MUST_USE;
/* All queues are there: the device may work. */
void virtio_run(struct virtio_driver *v);
/* @size (1, 2, 4 or 8) bytes at @offset of its own configuration; 0 beyond the end. */
uint64_t virtio_config(const struct virtio_driver *v, unsigned offset, unsigned size);
/* Does it want to be reset? */
bool virtio_is_broken(const struct virtio_driver *v);

/* Offer a buffer: @out pieces to read, then @in to write.  Its number goes to *@id.  False: no room now. */
bool virtio_put(struct virtio_queue *q, const struct virtio_piece *piece, unsigned out, unsigned in, uint16_t *id) MUST_USE;
/* Tell the device about what was put since. */
void virtio_tell(struct virtio_queue *q);
/* The next buffer that comes back, and how much was written.  False: none, or nonsense (then *@id is VIRTIO_QUEUE_MAX). */
bool virtio_take(struct virtio_queue *q, uint16_t *id, uint32_t *len) MUST_USE;

#endif
