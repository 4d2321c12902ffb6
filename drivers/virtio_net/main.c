/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio network card of the machine.  Virtual I/O Device (VIRTIO) specification, "Network Device". */
#include <drv/nic.h>
#include <drv/virtio.h>
#include <rt/log.h>

#define F_MAC		(1ull << 5)
#define CFG_MAC		0u
#define QUEUE_RX	0u
#define QUEUE_TX	1u
#define HEADER		12u		/* "Device Operation": struct virtio_net_hdr of modern devices; all zero: nothing is left to do */

/* A queue, and which buffer each of its own is. */
struct side {
	struct virtio_queue queue;
	uint8_t of[VIRTIO_QUEUE_MAX];
};

static struct {
	struct driver driver;
	struct virtio_driver virtio;
	struct side rx, tx;
	struct nic nic;
} card;

static void put(struct side *r, unsigned i, uint64_t addr, uint32_t len, bool in)
{
	const struct virtio_piece piece = { addr, len };
	uint16_t id;

	if (!virtio_put(&r->queue, &piece, !in, in, &id))
		rt_panic("a queue of %u has no room for buffer %u", r->queue.size, i);
	r->of[id] = (uint8_t)i;
}

static void offer(unsigned i, uint64_t addr) { put(&card.rx, i, addr, NIC_BUFFER, true); }
static void send(unsigned i, uint64_t addr, uint32_t len) { put(&card.tx, i, addr, len, false); }

static void commit(void)
{
	virtio_tell(&card.rx.queue);
	virtio_tell(&card.tx.queue);
}

static const struct nic_ops ops = { offer, send, commit };

static void on_message(void *arg)
{
	uint16_t id;
	uint32_t len;

	(void)arg;
	while (virtio_take(&card.rx.queue, &id, &len))
		nic_received(&card.nic, card.rx.of[id], len);
	if (id != VIRTIO_QUEUE_MAX)
		while (virtio_take(&card.tx.queue, &id, &len))
			nic_sent(&card.nic, card.tx.of[id]);
	if (id == VIRTIO_QUEUE_MAX)
		rt_panic("the device returns what it was never given");
	nic_batch(&card.nic);
}

/* One message for both queues, which have room for all buffers. */
static bool queue_begin(struct side *r, unsigned index)
{
	return virtio_queue_begin(&card.virtio, &r->queue, index, NIC_BUFFERS, 0) && r->queue.size == NIC_BUFFERS;
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &card.driver;

	if (!driver_begin(d, start) || !nic_begin(&card.nic, d, &ops, HEADER))
		return DRIVER_EXIT_REFUSED;
	if (!virtio_begin(&card.virtio, d, F_MAC) || !device_message(d, 0, on_message, NULL) || !queue_begin(&card.rx, QUEUE_RX) ||
	    !queue_begin(&card.tx, QUEUE_TX))
		return DRIVER_EXIT_DEVICE;
	virtio_run(&card.virtio);
	nic_run(&card.nic, virtio_config(&card.virtio, CFG_MAC, 4) | virtio_config(&card.virtio, CFG_MAC + 4, 2) << 32);
}
