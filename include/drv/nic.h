/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all drivers of network cards share: the uplink of a network, a client of its switch (svc/net.h).
 *
 *	device -> receive buffers -> send link    -> switch		a buffer belongs to the device, or to the switch, until that has
 *	device <- send buffers    <- receive link <- switch		copied from it or to it
 *
 * All buffers are in DMA memory, which is also the data memory of the links: nothing is copied here.  The driver itself knows the device:
 * it is told to offer and to send buffers, and says which ones came back.
 */
#ifndef DRV_NIC_H
#define DRV_NIC_H

#include <drv/driver.h>
#include <svc/net.h>

#define NIC_BUFFERS	128u		/* each way; the number of one is its tag */
#define NIC_BUFFER	2048u		/* room for what the device puts before a frame, and a frame with a VLAN tag */

struct nic_ops {
	/* Receive into buffer @i, its NIC_BUFFER bytes at @addr.  There is room for all of them in the device's queue. */
	void (*offer)(unsigned i, uint64_t addr);
	/* Send @len bytes, the header included, from buffer @i at @addr. */
	void (*send)(unsigned i, uint64_t addr, uint32_t len);
	/* Tell the device about all that was offered or is to be sent. */
	void (*commit)(void);
};

/* The buffers of one direction. */
struct nic_direction {
	struct link link;
	uint8_t *memory;
	uint64_t addr;			/* for the device */
	uint8_t owner[NIC_BUFFERS];
};

struct nic {
	struct driver *driver;
	const struct nic_ops *ops;
	uint32_t header;		/* bytes before each frame, zero in those that are sent */
	struct nic_direction rx, tx;
	struct net_shared *shared;
	uint64_t net, signal;		/* whom to signal */
};

/* Take over what root gave.  False: return DRIVER_EXIT_REFUSED from rt_main(). */
bool nic_begin(struct nic *n, struct driver *d, const struct nic_ops *ops, uint32_t header) MUST_USE;
/* The device runs: offer it all buffers, meet the switch, and serve both for ever.  @mac is for the log. */
NORETURN void nic_run(struct nic *n, uint64_t mac);
/* In the handler of the device's messages: buffer @i has been filled with @len bytes, or sent; at last nic_batch(). */
void nic_received(struct nic *n, unsigned i, uint32_t len);
void nic_sent(struct nic *n, unsigned i);
void nic_batch(struct nic *n);

#endif
