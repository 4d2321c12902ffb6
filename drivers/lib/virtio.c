/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device and its registers: see drv/virtio.h.  Queues are in virtqueue.c. */
#include <drv/virtio.h>
#include <rt/log.h>
#include <rt/time.h>

/* Capabilities of the device that say where registers are.  "Virtio Structure PCI Capabilities". */
#define CFG_CAPABILITIES	0x34u
#define CAPABILITIES		48u
#define CAP_VENDOR		0x09u
#define CAP_TYPE		3u
#define CAP_BAR			4u
#define CAP_OFFSET		8u
#define CAP_LENGTH		12u
#define CAP_NOTIFY_STEP		16u
#define CAP_COMMON		1u
#define CAP_NOTIFY		2u
#define CAP_DEVICE		4u

/* "Common configuration structure layout". */
#define COMMON_FEATURE_SELECT	0x00u
#define COMMON_FEATURE		0x04u
#define COMMON_DRIVER_SELECT	0x08u
#define COMMON_DRIVER_FEATURE	0x0cu
#define COMMON_MSIX		0x10u
#define COMMON_STATUS		0x14u
#define COMMON_QUEUE_SELECT	0x16u
#define COMMON_QUEUE_SIZE	0x18u
#define COMMON_QUEUE_MSIX	0x1au
#define COMMON_QUEUE_ENABLE	0x1cu
#define COMMON_QUEUE_NOTIFY	0x1eu
#define COMMON_QUEUE_DESC	0x20u
#define COMMON_QUEUE_AVAIL	0x28u
#define COMMON_QUEUE_USED	0x30u
#define COMMON_LENGTH		0x38u
#define STATUS_ACKNOWLEDGE	1u
#define STATUS_DRIVER		2u
#define STATUS_DRIVER_OK	4u
#define STATUS_FEATURES_OK	8u
#define STATUS_NEEDS_RESET	64u
#define NO_VECTOR		0xffffu
#define RESET_SECONDS		5u

static uint8_t get8(const volatile uint8_t *p) { return *p; }
static uint16_t get16(const volatile uint8_t *p) { return *(const volatile uint16_t *)p; }
static uint32_t get32(const volatile uint8_t *p) { return *(const volatile uint32_t *)p; }
static void put8(volatile uint8_t *p, uint8_t v) { *p = v; }
static void put16(volatile uint8_t *p, uint16_t v) { *(volatile uint16_t *)p = v; }
static void put32(volatile uint8_t *p, uint32_t v) { *(volatile uint32_t *)p = v; }

static void put64(volatile uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

/* The first one of each type counts: the device's order is its preference. */
static void capability_take(struct virtio_driver *v, unsigned at)
{
	unsigned type = device_config(v->driver, at + CAP_TYPE, 1), bar = device_config(v->driver, at + CAP_BAR, 1);
	uint32_t offset = device_config(v->driver, at + CAP_OFFSET, 4), length = device_config(v->driver, at + CAP_LENGTH, 4);

	if (type == CAP_COMMON && !v->common && length >= COMMON_LENGTH) {
		v->common = device_map(v->driver, bar, offset, COMMON_LENGTH);
	} else if (type == CAP_NOTIFY && !v->notify) {
		v->notify = device_map(v->driver, bar, offset, length);
		v->notify_size = length;
		v->notify_step = device_config(v->driver, at + CAP_NOTIFY_STEP, 4);
	} else if (type == CAP_DEVICE && !v->device) {
		v->device = device_map(v->driver, bar, offset, length);
		v->device_size = length;
	}
}

static bool registers_find(struct virtio_driver *v)
{
	unsigned at = device_config(v->driver, CFG_CAPABILITIES, 1) & ~3u;

	for (unsigned i = 0; i < CAPABILITIES && at; i++) {
		if (device_config(v->driver, at, 1) == CAP_VENDOR)
			capability_take(v, at);
		at = device_config(v->driver, at + 1, 1) & ~3u;
	}
	return v->common && v->notify && is_aligned((uint64_t)v->common, 4) && is_aligned((uint64_t)v->notify, 2);
}

/* "Device Requirements: Device Status Field": the reset is done when the status reads 0. */
static bool reset(struct virtio_driver *v)
{
	uint64_t end = clock_now() + RESET_SECONDS * rt_info()->tsc_hz;

	put8(v->common + COMMON_STATUS, 0);
	while (get8(v->common + COMMON_STATUS))
		if (clock_now() > end)
			return false;
	return true;
}

static bool features_agree(struct virtio_driver *v, uint64_t wanted)
{
	uint64_t offered;

	put32(v->common + COMMON_FEATURE_SELECT, 0);
	offered = get32(v->common + COMMON_FEATURE);
	put32(v->common + COMMON_FEATURE_SELECT, 1);
	offered |= (uint64_t)get32(v->common + COMMON_FEATURE) << 32;
	v->features = offered & (wanted | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM);
	put32(v->common + COMMON_DRIVER_SELECT, 0);
	put32(v->common + COMMON_DRIVER_FEATURE, (uint32_t)v->features);
	put32(v->common + COMMON_DRIVER_SELECT, 1);
	put32(v->common + COMMON_DRIVER_FEATURE, (uint32_t)(v->features >> 32));
	put8(v->common + COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return v->features & VIRTIO_F_VERSION_1 && get8(v->common + COMMON_STATUS) & STATUS_FEATURES_OK;
}

bool virtio_begin(struct virtio_driver *v, struct driver *d, uint64_t wanted)
{
	*v = (struct virtio_driver){ .driver = d };
	/* What a predecessor has left going on ends with the reset; only then may the device be master again. */
	if (!device_enable(d, PCI_ENABLE_MEMORY) || !registers_find(v)) {
		rt_log("no modern virtio device");
		return false;
	}
	if (!reset(v)) {
		rt_log("the device does not end its reset");
		return false;
	}
	put8(v->common + COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (!features_agree(v, wanted) || !device_enable(d, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER)) {
		rt_log("no agreement on features with the device");
		return false;
	}
	put16(v->common + COMMON_MSIX, NO_VECTOR);
	return true;
}

bool virtio_queue_begin(struct virtio_driver *v, struct virtio_queue *q, unsigned index, unsigned size, unsigned message)
{
	uint64_t desc, avail, used, bell;
	uint16_t max;

	put16(v->common + COMMON_QUEUE_SELECT, (uint16_t)index);
	max = get16(v->common + COMMON_QUEUE_SIZE);
	size = (unsigned)min_u64(min_u64(size, VIRTIO_QUEUE_MAX), max);
	bell = (uint64_t)get16(v->common + COMMON_QUEUE_NOTIFY) * v->notify_step;
	if (!size || size & (size - 1) || !is_aligned(bell, 2) || !range_inside(bell, 2, v->notify_size))
		return false;
	*q = (struct virtio_queue){ .index = (uint16_t)index, .size = (uint16_t)size, .free_count = (uint16_t)size };
	q->bell = (volatile uint16_t *)(v->notify + bell);
	q->desc = dma_alloc(v->driver, size * sizeof(*q->desc), 16, &desc);
	q->avail = dma_alloc(v->driver, 2 * (size + 3), 2, &avail);
	q->used = dma_alloc(v->driver, 6 + size * sizeof(struct virtio_ring_used), 4, &used);
	if (!q->desc || !q->avail || !q->used)
		return false;
	for (unsigned i = 0; i < size; i++)
		q->next[i] = (uint16_t)(i + 1);
	put16(v->common + COMMON_QUEUE_SIZE, (uint16_t)size);
	put16(v->common + COMMON_QUEUE_MSIX, (uint16_t)message);
	if (get16(v->common + COMMON_QUEUE_MSIX) != message)
		return false;
	put64(v->common + COMMON_QUEUE_DESC, desc);
	put64(v->common + COMMON_QUEUE_AVAIL, avail);
	put64(v->common + COMMON_QUEUE_USED, used);
	put16(v->common + COMMON_QUEUE_ENABLE, 1);
	return true;
}

void virtio_run(struct virtio_driver *v)
{
	put8(v->common + COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

bool virtio_is_broken(const struct virtio_driver *v)
{
	return get8(v->common + COMMON_STATUS) & STATUS_NEEDS_RESET;
}

uint64_t virtio_config(const struct virtio_driver *v, unsigned offset, unsigned size)
{
	uint64_t value = 0;

	if (!v->device || !range_inside(offset, size, v->device_size))
		return 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)get8(v->device + offset + i) << (8 * i);
	return value;
}
