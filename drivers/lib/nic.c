/* SPDX-License-Identifier: Apache-2.0 */
/* The uplink of a network: see drv/nic.h. */
#include <drv/nic.h>
#include <rt/log.h>
#include <rt/sys.h>

enum owner { OWN_NONE = 0, OWN_DEVICE, OWN_SWITCH };

_Static_assert(NIC_BUFFERS <= LINK_TAGS, "the number of a buffer is its tag");

static void signal_switch(const struct nic *n)
{
	(void)sys_ntfn_signal(n->net, n->signal);
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t addr_of(const struct nic_direction *d, unsigned i) { return d->addr + i * NIC_BUFFER; }
/* Links count from the start of the data memory. */
static uint64_t offset_of(const struct nic *n, const struct nic_direction *d, unsigned i) { return addr_of(d, i) - n->driver->dma_addr; }

/* --- the device ------------------------------------------------------------------------------------------------------ */

static void offer(struct nic *n, unsigned i)
{
	n->rx.owner[i] = OWN_DEVICE;
	n->ops->offer(i, addr_of(&n->rx, i));
}

/* What was received goes to the switch; if that is not there it is lost, as on any wire. */
void nic_received(struct nic *n, unsigned i, uint32_t len)
{
	const struct link_segment seg = { offset_of(n, &n->rx, i) + n->header, len - n->header, 0 };
	const struct link_request r = { .tag = i, .op = NET_SEND, .segments = 1 };

	count(&n->driver->shared->requests);
	n->rx.owner[i] = OWN_SWITCH;
	if (len < n->header + NET_FRAME_MIN || len > NIC_BUFFER || !link_request(&n->rx.link, &r, &seg))
		offer(n, i);
}

/* Lend buffer @i to the switch, for a frame to send. */
static void lend(struct nic *n, unsigned i)
{
	const struct link_segment seg = { offset_of(n, &n->tx, i), NIC_BUFFER, 0 };
	const struct link_request r = { .tag = i, .op = NET_BUFFER, .segments = 1, .arg = { n->header } };

	n->tx.owner[i] = link_request(&n->tx.link, &r, &seg) ? OWN_SWITCH : OWN_NONE;
}

void nic_sent(struct nic *n, unsigned i)
{
	lend(n, i);
}

void nic_batch(struct nic *n)
{
	bool rx = link_needs_signal(&n->rx.link, false), tx = link_needs_signal(&n->tx.link, false);

	count(&n->driver->shared->interrupts);
	n->ops->commit();
	if (rx || tx)
		signal_switch(n);
}

/* --- the switch ------------------------------------------------------------------------------------------------------ */

/* The link of received frames is new: what the switch had will not be completed. */
static void rx_again(struct nic *n)
{
	for (unsigned i = 0; i < NIC_BUFFERS; i++)
		if (n->rx.owner[i] != OWN_DEVICE)
			offer(n, i);
}

static void tx_again(struct nic *n)
{
	for (unsigned i = 0; i < NIC_BUFFERS; i++)
		if (n->tx.owner[i] != OWN_DEVICE)
			lend(n, i);
}

/* A frame that the switch has copied into a buffer.  False: it breaks the rules. */
static bool transmit(struct nic *n, const struct link_completion *c)
{
	uint32_t len = (uint32_t)c->arg[2];

	if (c->tag >= NIC_BUFFERS || n->tx.owner[c->tag] != OWN_SWITCH || c->status != NET_OK || !len || len > NIC_BUFFER - n->header ||
	    c->arg[2] >> 32 != 1)
		return false;
	__builtin_memset(n->tx.memory + c->tag * NIC_BUFFER, 0, n->header);
	n->tx.owner[c->tag] = OWN_DEVICE;
	n->ops->send(c->tag, addr_of(&n->tx, c->tag), n->header + len);
	count(&n->driver->shared->requests);
	return true;
}

static void completions(struct nic *n)
{
	struct link_completion c;
	bool good = true;

	while (good && link_completion(&n->rx.link, &c)) {
		good = c.tag < NIC_BUFFERS && n->rx.owner[c.tag] == OWN_SWITCH;
		if (good)
			offer(n, c.tag);
	}
	while (good && link_completion(&n->tx.link, &c))
		good = transmit(n, &c);
	if (good && !link_broken(&n->rx.link) && !link_broken(&n->tx.link))
		return;
	count(&n->driver->shared->errors);
	link_client_restart(&n->rx.link);
	link_client_restart(&n->tx.link);
	signal_switch(n);
}

static void on_switch(void *arg)
{
	struct nic *n = arg;
	enum link_state rx, tx;
	bool signal[2];

	do {
		rx = link_client_poll(&n->rx.link, &signal[0]);
		tx = link_client_poll(&n->tx.link, &signal[1]);
		if (signal[0] || signal[1])
			signal_switch(n);
		if (rx == LINK_NEW)
			rx_again(n);
		if (tx == LINK_NEW)
			tx_again(n);
		completions(n);
	} while ((rx != LINK_DOWN && !link_sleep(&n->rx.link, false)) || (tx != LINK_DOWN && !link_sleep(&n->tx.link, false)));
	n->ops->commit();
	if (link_needs_signal(&n->tx.link, false))
		signal_switch(n);
}

/* --- the beginning --------------------------------------------------------------------------------------------------- */

bool nic_begin(struct nic *n, struct driver *d, const struct nic_ops *ops, uint32_t header)
{
	uint64_t size = 0;

	*n = (struct nic){ .driver = d, .ops = ops, .header = header };
	n->shared = start_area(d->start, "net0", &size);
	n->net = start_cap(d->start, "net0");
	if (!n->shared || size < sizeof(*n->shared) || !n->net || d->config->client_count != 1)
		return false;
	n->signal = d->config->client[0].signal;
	n->rx.memory = dma_alloc(d, NIC_BUFFERS * NIC_BUFFER, PAGE_SIZE, &n->rx.addr);
	n->tx.memory = dma_alloc(d, NIC_BUFFERS * NIC_BUFFER, PAGE_SIZE, &n->tx.addr);
	return n->rx.memory && n->tx.memory;
}

NORETURN void nic_run(struct nic *n, uint64_t mac)
{
	rt_log("address %02x:%02x:%02x:%02x:%02x:%02x", (unsigned)mac & 0xff, (unsigned)(mac >> 8) & 0xff, (unsigned)(mac >> 16) & 0xff,
	       (unsigned)(mac >> 24) & 0xff, (unsigned)(mac >> 32) & 0xff, (unsigned)(mac >> 40) & 0xff);
	link_client_init(&n->rx.link, &n->shared->send);
	link_client_init(&n->tx.link, &n->shared->receive);
	event_on(&n->driver->loop, DRIVER_BIT_CLIENT(0), on_switch, n);
	rx_again(n);
	n->ops->commit();
	signal_switch(n);
	driver_ready(n->driver);
	driver_run(n->driver);
}
