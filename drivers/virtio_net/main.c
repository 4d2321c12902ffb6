/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio network card of the machine, plugged into a switch as one of its clients (svc/net.h).  Virtual I/O Device (VIRTIO)
 * specification, "Network Device".
 *
 *	device -> receive buffers -> send link    -> switch		a buffer belongs to the device, or to the switch, until that has
 *	device <- send buffers    <- receive link <- switch		copied from it or to it
 *
 * All buffers are in DMA memory, which is also the data memory of the links: nothing is copied here.
 */
#include <drv/virtio.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <svc/net.h>

#define F_MAC		(1ull << 5)
#define CFG_MAC		0u

#define QUEUE_RX	0u
#define QUEUE_TX	1u

#define BUFFERS		128u		/* each way */
#define BUFFER		2048u		/* a header, and a frame with a VLAN tag */
#define HEADER		12u		/* "Device Operation": struct virtio_net_hdr of modern devices; all zero: nothing is left to do */
_Static_assert(BUFFERS <= LINK_TAGS && BUFFERS <= VIRTIO_QUEUE_MAX, "the number of a buffer is its tag");

enum owner { OWN_NONE = 0, OWN_DEVICE, OWN_SWITCH };

/* The buffers of one direction. */
struct direction {
	struct virtio_queue queue;
	struct link link;
	uint8_t *memory;
	uint64_t addr;			/* for the device */
	uint64_t offset;		/* in the data memory */
	uint8_t owner[BUFFERS];		/* enum owner */
	uint8_t of[VIRTIO_QUEUE_MAX];	/* buffer of each that the device has */
};

static struct {
	struct driver driver;
	struct virtio_driver virtio;
	struct direction rx, tx;
	struct net_shared *shared;
	uint64_t net;			/* selector: signals the switch */
	uint64_t signal;
} nic;

static void signal_switch(void)
{
	(void)sys_ntfn_signal(nic.net, nic.signal);
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* --- buffers --------------------------------------------------------------------------------------------------------- */

/* Buffer @i with @len bytes belongs to the device; its queue has room for all. */
static void to_device(struct direction *d, unsigned i, uint32_t len, bool in)
{
	const struct virtio_piece piece = { d->addr + i * BUFFER, len };
	uint16_t id;

	if (!virtio_put(&d->queue, &piece, !in, in, &id))
		rt_panic("a queue of %u has no room for buffer %u", d->queue.size, i);
	d->of[id] = (uint8_t)i;
	d->owner[i] = OWN_DEVICE;
}

/* What was received goes to the switch; if that is not there it is lost, as on any wire. */
static void received(unsigned i, uint32_t len)
{
	const struct link_segment seg = { nic.rx.offset + i * BUFFER + HEADER, len - HEADER, 0 };
	const struct link_request r = { .tag = i, .op = NET_SEND, .segments = 1 };

	count(&nic.driver.shared->requests);
	if (len < HEADER + NET_FRAME_MIN || len > BUFFER || !link_request(&nic.rx.link, &r, &seg))
		to_device(&nic.rx, i, BUFFER, true);
	else
		nic.rx.owner[i] = OWN_SWITCH;
}

/* Lend buffer @i to the switch, for a frame to send. */
static void lend(unsigned i)
{
	const struct link_segment seg = { nic.tx.offset + i * BUFFER, BUFFER, 0 };
	const struct link_request r = { .tag = i, .op = NET_BUFFER, .segments = 1, .arg = { HEADER } };

	nic.tx.owner[i] = link_request(&nic.tx.link, &r, &seg) ? OWN_SWITCH : OWN_NONE;
}

/* --- the device ------------------------------------------------------------------------------------------------------ */

static void on_interrupt(void *arg)
{
	uint16_t id;
	uint32_t len;

	(void)arg;
	count(&nic.driver.shared->interrupts);
	while (virtio_take(&nic.rx.queue, &id, &len))
		received(nic.rx.of[id], len);
	if (id != VIRTIO_QUEUE_MAX)
		while (virtio_take(&nic.tx.queue, &id, &len))
			lend(nic.tx.of[id]);
	if (id == VIRTIO_QUEUE_MAX)
		rt_panic("the device returns what it was never given");
	virtio_tell(&nic.rx.queue);
	if (link_needs_signal(&nic.rx.link, false) | link_needs_signal(&nic.tx.link, false))
		signal_switch();
}

/* --- the switch ------------------------------------------------------------------------------------------------------ */

/* The link of received frames is new: what the switch had will not be completed. */
static void rx_again(void)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		if (nic.rx.owner[i] != OWN_DEVICE)
			to_device(&nic.rx, i, BUFFER, true);
}

static void tx_again(void)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		if (nic.tx.owner[i] != OWN_DEVICE)
			lend(i);
}

/* A frame that the switch has copied into a buffer.  False: it breaks the rules. */
static bool transmit(const struct link_completion *c)
{
	uint32_t len = (uint32_t)c->arg[2];

	if (c->tag >= BUFFERS || nic.tx.owner[c->tag] != OWN_SWITCH || c->status != NET_OK || !len || len > BUFFER - HEADER ||
	    c->arg[2] >> 32 != 1)
		return false;
	__builtin_memset(nic.tx.memory + c->tag * BUFFER, 0, HEADER);
	to_device(&nic.tx, c->tag, HEADER + len, false);
	count(&nic.driver.shared->requests);
	return true;
}

static void completions(void)
{
	struct link_completion c;
	bool good = true;

	while (good && link_completion(&nic.rx.link, &c)) {
		good = c.tag < BUFFERS && nic.rx.owner[c.tag] == OWN_SWITCH;
		if (good)
			to_device(&nic.rx, c.tag, BUFFER, true);
	}
	while (good && link_completion(&nic.tx.link, &c))
		good = transmit(&c);
	if (good && !link_broken(&nic.rx.link) && !link_broken(&nic.tx.link))
		return;
	count(&nic.driver.shared->errors);
	link_client_restart(&nic.rx.link);
	link_client_restart(&nic.tx.link);
	signal_switch();
}

static void on_switch(void *arg)
{
	enum link_state rx, tx;
	bool signal[2];

	(void)arg;
	do {
		rx = link_client_poll(&nic.rx.link, &signal[0]);
		tx = link_client_poll(&nic.tx.link, &signal[1]);
		if (signal[0] || signal[1])
			signal_switch();
		if (rx == LINK_NEW)
			rx_again();
		if (tx == LINK_NEW)
			tx_again();
		completions();
	} while ((rx != LINK_DOWN && !link_sleep(&nic.rx.link, false)) || (tx != LINK_DOWN && !link_sleep(&nic.tx.link, false)));
	virtio_tell(&nic.rx.queue);
	virtio_tell(&nic.tx.queue);
	if (link_needs_signal(&nic.tx.link, false))
		signal_switch();
}

/* --- the beginning --------------------------------------------------------------------------------------------------- */

static bool direction_begin(struct direction *d, unsigned queue)
{
	d->memory = dma_alloc(&nic.driver, BUFFERS * BUFFER, PAGE_SIZE, &d->addr);
	if (!d->memory)
		return false;
	d->offset = d->addr - nic.driver.dma_addr;
	return virtio_queue_begin(&nic.virtio, &d->queue, queue, BUFFERS, 0) && d->queue.size == BUFFERS;
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &nic.driver;
	uint64_t size = 0, mac;

	if (!driver_begin(d, start) || d->config->client_count != 1)
		return DRIVER_EXIT_REFUSED;
	nic.shared = start_area(start, "net0", &size);
	nic.net = start_cap(start, "net0");
	nic.signal = d->config->client[0].signal;
	if (!nic.shared || size < sizeof(*nic.shared) || !nic.net)
		return DRIVER_EXIT_REFUSED;
	if (!virtio_begin(&nic.virtio, d, F_MAC) || !device_message(d, 0, on_interrupt, NULL) || !direction_begin(&nic.rx, QUEUE_RX) ||
	    !direction_begin(&nic.tx, QUEUE_TX))
		return DRIVER_EXIT_DEVICE;
	mac = virtio_config(&nic.virtio, CFG_MAC, 6);
	virtio_run(&nic.virtio);
	rt_log("address %02x:%02x:%02x:%02x:%02x:%02x", (unsigned)mac & 0xff, (unsigned)(mac >> 8) & 0xff, (unsigned)(mac >> 16) & 0xff,
	       (unsigned)(mac >> 24) & 0xff, (unsigned)(mac >> 32) & 0xff, (unsigned)(mac >> 40) & 0xff);
	link_client_init(&nic.rx.link, &nic.shared->send);
	link_client_init(&nic.tx.link, &nic.shared->receive);
	event_on(&d->loop, DRIVER_BIT_CLIENT(0), on_switch, NULL);
	rx_again();
	virtio_tell(&nic.rx.queue);
	signal_switch();
	driver_ready(d);
	driver_run(d);
}
