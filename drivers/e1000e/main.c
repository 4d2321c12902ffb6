/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's 82574 Gigabit Ethernet controller: legacy descriptors, one queue each way.  82574 GbE Controller Family Datasheet, "Programming
 * Interface", "Initialization"; registers are named as there.
 */
#include <drv/nic.h>
#include <rt/log.h>
#include <rt/time.h>

#define REGISTERS	0x20000u	/* BAR 0 */

#define CTRL		0x0000u
#define STATUS		0x0008u
#define ICR		0x00c0u
#define IMS		0x00d0u
#define IMC		0x00d8u
#define IVAR		0x00e4u
#define RCTL		0x0100u
#define TCTL		0x0400u
#define TIPG		0x0410u
#define RDBAL		0x2800u
#define TDBAL		0x3800u
#define TXDCTL		0x3828u
#define MTA		0x5200u
#define MTA_WORDS	128u
#define RAL0		0x5400u
#define RAH0		0x5404u
#define GCR		0x5b00u
/* Offsets from RDBAL and TDBAL. */
#define RING_HIGH	0x04u
#define RING_LENGTH	0x08u
#define RING_HEAD	0x10u
#define RING_TAIL	0x18u

#define CTRL_SLU	(1u << 6)	/* set link up */
#define CTRL_RST	(1u << 26)
#define GCR_MUST	(1u << 22)	/* "3GIO Control Register": software must set it */
#define TXDCTL_MUST	(1u << 22)	/* reads 1, and must be written so */
/* Unicast and multicast promiscuous (the switch decides), broadcasts, buffers of 2048 bytes, no CRC. */
#define RCTL_SET	(1u << 1 | 1u << 3 | 1u << 4 | 1u << 15 | 1u << 26)
/* Enabled, short packets padded, the collision values of full duplex. */
#define TCTL_SET	(1u << 1 | 1u << 3 | 0xfu << 4 | 0x3fu << 12)
#define TIPG_SET	0x00602008u	/* "Transmit IPG Register": for copper */
/* Queues and all else raise message 0; bits 3, 11 and 19 say that an entry is valid. */
#define IVAR_SET	(1u << 3 | 1u << 11 | 1u << 19)
/* Causes: descriptors written back both ways, link, receive overrun; and those of the two queues, which are for MSI-X. */
#define CAUSES		(1u << 0 | 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7)
#define CAUSES_MSIX	(1u << 20 | 1u << 22 | 1u << 24)
#define MICROSECOND	1000000u
#define RESET_US	1000u		/* before the first access after a reset, generously */
#define RESET_SECONDS	1u

#define RING		256u		/* descriptors: more than there are buffers, so that a ring is never full */
#define RX_DONE		(1u << 0)
#define RX_WHOLE	(1u << 1)	/* end of packet */
#define TX_DONE		(1u << 0)
#define TX_COMMAND	(1u << 0 | 1u << 1 | 1u << 3)	/* end of packet, insert FCS, report status */
_Static_assert(RING > NIC_BUFFERS, "room for all");

struct rx_descriptor {
	uint64_t addr;
	uint16_t length, checksum;
	uint8_t status, errors;
	uint16_t special;
};

struct tx_descriptor {
	uint64_t addr;
	uint16_t length;
	uint8_t checksum, command, status, checksum_start;
	uint16_t special;
};
_Static_assert(sizeof(struct rx_descriptor) == 16 && sizeof(struct tx_descriptor) == 16, "the device's");

/* One ring: @put and @got count descriptors. */
struct side {
	uint32_t put, got;
	uint8_t of[RING];			/* buffer of each descriptor */
};

static struct {
	struct driver driver;
	struct nic nic;
	volatile uint8_t *regs;
	volatile struct rx_descriptor *rx_desc;
	volatile struct tx_descriptor *tx_desc;
	struct side rx, tx;
} card;

static uint32_t get(unsigned reg) { return *(volatile uint32_t *)(card.regs + reg); }
static void set(unsigned reg, uint32_t v) { *(volatile uint32_t *)(card.regs + reg) = v; }

/* --- descriptors ----------------------------------------------------------------------------------------------------- */

static void offer(unsigned i, uint64_t addr)
{
	unsigned at = card.rx.put++ % RING;

	card.rx.of[at] = (uint8_t)i;
	card.rx_desc[at].addr = addr;
	card.rx_desc[at].status = 0;
}

static void send(unsigned i, uint64_t addr, uint32_t len)
{
	unsigned at = card.tx.put++ % RING;
	volatile struct tx_descriptor *d = &card.tx_desc[at];

	card.tx.of[at] = (uint8_t)i;
	d->addr = addr;
	d->length = (uint16_t)len;
	d->checksum = d->checksum_start = d->status = 0;
	d->special = 0;
	d->command = TX_COMMAND;
}

/* The device reads descriptors up to the tail: they must be there before it moves. */
static void commit(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	set(RDBAL + RING_TAIL, card.rx.put % RING);
	set(TDBAL + RING_TAIL, card.tx.put % RING);
}

static const struct nic_ops ops = { offer, send, commit };

/* What the device has filled.  A frame that is not whole, or is damaged, counts as empty, and its buffer is offered again. */
static void received(void)
{
	while (card.rx.got != card.rx.put) {
		unsigned at = card.rx.got % RING;
		volatile struct rx_descriptor *d = &card.rx_desc[at];
		uint8_t status = d->status;
		uint32_t len;

		if (!(status & RX_DONE))
			return;
		atomic_thread_fence(memory_order_acquire);	/* the status first, then what it covers */
		len = d->length;
		if (!(status & RX_WHOLE) || d->errors)
			len = 0;
		card.rx.got++;
		nic_received(&card.nic, card.rx.of[at], len);
	}
}

static void sent(void)
{
	for (; card.tx.got != card.tx.put; card.tx.got++) {
		unsigned at = card.tx.got % RING;

		if (!(card.tx_desc[at].status & TX_DONE))
			return;
		nic_sent(&card.nic, card.tx.of[at]);
	}
}

/* Causes are cleared first: what happens from then on raises a message again. */
static void on_message(void *arg)
{
	(void)arg;
	set(ICR, get(ICR));
	received();
	sent();
	nic_batch(&card.nic);
}

/* --- the beginning --------------------------------------------------------------------------------------------------- */

static void pause(uint64_t us)
{
	uint64_t end = clock_now() + rt_info()->tsc_hz / MICROSECOND * us;

	while (clock_now() < end)
		;
}

/* "Global Reset": everything is as after power-on, and what a predecessor had going on has ended. */
static bool reset(void)
{
	uint64_t end = clock_now() + RESET_SECONDS * rt_info()->tsc_hz;

	set(IMC, ~0u);
	set(RCTL, 0);
	set(TCTL, 0);
	set(CTRL, get(CTRL) | CTRL_RST);
	pause(RESET_US);
	while (get(CTRL) & CTRL_RST)
		if (clock_now() > end)
			return false;
	set(IMC, ~0u);
	(void)get(ICR);
	return true;
}

static void ring_set(unsigned base, uint64_t addr)
{
	set(base, (uint32_t)addr);
	set(base + RING_HIGH, (uint32_t)(addr >> 32));
	set(base + RING_LENGTH, RING * sizeof(struct rx_descriptor));
	set(base + RING_HEAD, 0);
	set(base + RING_TAIL, 0);
}

static bool rings_make(void)
{
	uint64_t rx, tx;

	card.rx_desc = dma_alloc(&card.driver, RING * sizeof(*card.rx_desc), PAGE_SIZE, &rx);
	card.tx_desc = dma_alloc(&card.driver, RING * sizeof(*card.tx_desc), PAGE_SIZE, &tx);
	if (!card.rx_desc || !card.tx_desc)
		return false;
	ring_set(RDBAL, rx);
	ring_set(TDBAL, tx);
	return true;
}

static void device_run(void)
{
	bool msix = card.driver.config->device.msix != 0;

	for (unsigned i = 0; i < MTA_WORDS; i++)
		set(MTA + 4 * i, 0);
	set(GCR, get(GCR) | GCR_MUST);
	set(TXDCTL, get(TXDCTL) | TXDCTL_MUST);
	set(TIPG, TIPG_SET);
	set(CTRL, get(CTRL) | CTRL_SLU);
	if (msix)
		set(IVAR, IVAR_SET);
	set(TCTL, TCTL_SET);
	set(RCTL, RCTL_SET);
	set(IMS, CAUSES | (msix ? CAUSES_MSIX : 0));
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &card.driver;

	if (!driver_begin(d, start) || !nic_begin(&card.nic, d, &ops, 0))
		return DRIVER_EXIT_REFUSED;
	if (!device_enable(d, PCI_ENABLE_MEMORY))
		return DRIVER_EXIT_DEVICE;
	card.regs = device_map(d, 0, 0, REGISTERS);
	if (!card.regs || !reset() || !device_enable(d, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER) || !device_message(d, 0, on_message, NULL) ||
	    !rings_make())
		return DRIVER_EXIT_DEVICE;
	device_run();
	nic_run(&card.nic, get(RAL0) | (uint64_t)(get(RAH0) & 0xffff) << 32);
}
