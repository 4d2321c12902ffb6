/* SPDX-License-Identifier: Apache-2.0 */
/* The AHCI driver: a controller whose ports are the units of the block service. */
#include "ahci.h"

#include <rt/heap.h>
#include <rt/log.h>
#include <rt/time.h>

#define ABAR		5u
#define PORT_WORDS	32u
#define PORT_FIRST	64u		/* words: 0x100 */
#define ABAR_SIZE(n)	((PORT_FIRST + PORT_WORDS * (n)) * 4)

/* Registers of the controller, in words. */
enum hba_reg { HBA_CAP = 0, HBA_GHC = 1, HBA_IS = 2, HBA_PI = 3, HBA_CAP2 = 9, HBA_BOHC = 10 };
#define CAP_PORTS(v)	(((v) & 0x1f) + 1)
#define CAP_SLOTS(v)	(((v) >> 8 & 0x1f) + 1)
#define CAP_NCQ		(1u << 30)
#define CAP_64		(1u << 31)
#define GHC_RESET	(1u << 0)
#define GHC_INTERRUPTS	(1u << 1)
#define GHC_AHCI	(1u << 31)
#define CAP2_HANDOFF	(1u << 0)
#define BOHC_BIOS	(1u << 0)
#define BOHC_OS		(1u << 1)
#define RESET_MS	1000u
#define HANDOFF_MS	2000u

static struct {
	struct driver driver;
	volatile uint32_t *regs;
	struct block *block;
	struct ahci_port port[BLOCK_UNITS];
	uint32_t ports;			/* that have a disk */
} hba;

static bool submit(void *device, struct block_request *r)
{
	(void)device;
	return ahci_port_submit(&hba.port[r->unit], r, block_request_index(hba.block, r));
}

static void commit(void *device)
{
	(void)device;
}

static const struct block_ops ops = { submit, commit };

static void on_interrupt(void *arg)
{
	uint32_t ports = hba.regs[HBA_IS];

	(void)arg;
	atomic_fetch_add_explicit(&hba.driver.shared->interrupts, 1, memory_order_relaxed);
	hba.regs[HBA_IS] = ports;
	/* All of them: what came between the port's register and the controller's has made no message of its own. */
	for (ports = hba.ports; ports; ports &= ports - 1)
		ahci_port_interrupt(&hba.port[__builtin_ctz(ports)]);
	if (hba.block)
		block_batch(hba.block);
}

static bool gone(enum hba_reg reg, uint32_t bit, unsigned ms)
{
	uint64_t end = clock_now() + rt_info()->tsc_hz / 1000 * ms;

	while (hba.regs[reg] & bit)
		if (clock_now() > end)
			return false;
	return true;
}

/* "BIOS/OS Handoff", then "HBA Reset": whatever was under way for others ends here. */
static bool controller_reset(void)
{
	if (hba.regs[HBA_CAP2] & CAP2_HANDOFF) {
		hba.regs[HBA_BOHC] |= BOHC_OS;
		(void)gone(HBA_BOHC, BOHC_BIOS, HANDOFF_MS);
	}
	hba.regs[HBA_GHC] |= GHC_AHCI;
	hba.regs[HBA_GHC] |= GHC_RESET;
	if (!gone(HBA_GHC, GHC_RESET, RESET_MS))
		return false;
	hba.regs[HBA_GHC] |= GHC_AHCI;
	return true;
}

/* The ports are numbered as the controller numbers them. */
static void ports_find(void)
{
	uint32_t cap = hba.regs[HBA_CAP], there = hba.regs[HBA_PI];
	uint64_t end = clock_now() + rt_info()->tsc_hz / 1000 * AHCI_LINK_MS;

	for (unsigned i = 0; i < CAP_PORTS(cap); i++)
		if (there >> i & 1)
			ahci_port_power(hba.regs + PORT_FIRST + PORT_WORDS * i);
	while (clock_now() < end)
		;
	for (unsigned i = 0; i < CAP_PORTS(cap); i++) {
		struct ahci_port *p = &hba.port[i];

		if (!(there >> i & 1) || !ahci_port_begin(p, &hba.driver, hba.regs + PORT_FIRST + PORT_WORDS * i, CAP_SLOTS(cap)))
			continue;
		if (!ahci_port_identify(p, &hba.driver, cap & CAP_NCQ, block_unit(hba.block, i)))
			*block_unit(hba.block, i) = (struct block_unit){ .sectors = 0 };
		else
			hba.ports |= 1u << i;
		p->block = hba.block;
	}
}

uint64_t rt_main(const struct tv_start *start)
{
	struct driver *d = &hba.driver;
	uint32_t cap;

	if (!driver_begin(d, start))
		return DRIVER_EXIT_REFUSED;
	if (!device_enable(d, PCI_ENABLE_MEMORY))
		return DRIVER_EXIT_DEVICE;
	hba.regs = device_map(d, ABAR, 0, ABAR_SIZE(1));
	if (hba.regs) {
		cap = hba.regs[HBA_CAP];
		hba.regs = device_map(d, ABAR, 0, ABAR_SIZE(CAP_PORTS(cap)));
	}
	hba.block = block_begin(d, &ops, NULL);
	if (!hba.block)
		return DRIVER_EXIT_REFUSED;
	if (!hba.regs || !controller_reset() || !device_message(d, 0, on_interrupt, NULL) ||
	    !device_enable(d, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER))
		return DRIVER_EXIT_DEVICE;
	if (!(hba.regs[HBA_CAP] & CAP_64) && (d->dma_addr + d->dma_size) >> 32) {
		rt_log("the controller does not reach the memory");
		return DRIVER_EXIT_DEVICE;
	}
	ports_find();
	hba.regs[HBA_IS] = ~0u;
	hba.regs[HBA_GHC] |= GHC_INTERRUPTS;
	for (uint32_t ports = hba.ports; ports; ports &= ports - 1)
		if (!block_unit_ready(hba.block, (unsigned)__builtin_ctz(ports)))
			return DRIVER_EXIT_DEVICE;
	block_serve(hba.block);
	driver_run(d);
}
