/* SPDX-License-Identifier: Apache-2.0 */
/* The functions on the machine's PCI buses: see scan.h. */
#include "scan.h"

#include "config.h"

#define DEVICES_OF_BUS	32u
#define FUNCTIONS	8u
#define NO_VENDOR	0xffffu
#define CAPABILITIES	48u		/* as many as fit; a longer chain is a loop */

/* Sizes of the BARs are found by writing ones, so the function must not decode addresses meanwhile. */
static void bars_read(struct pci_device *d)
{
	uint32_t command = config_read(d->address, CFG_COMMAND, 2);

	config_write(d->address, CFG_COMMAND, 2, command & ~(CFG_COMMAND_IO | CFG_COMMAND_MEMORY));
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &d->bar[i];
		uint32_t low = config_read(d->address, CFG_BAR(i), 4), high = 0, mask = low & CFG_BAR_IO ? 0x3u : 0xfu;
		bool wide = !(low & CFG_BAR_IO) && (low & CFG_BAR_TYPE) == CFG_BAR_TYPE_64 && i + 1 < PCI_BARS;
		uint64_t size, base;

		config_write(d->address, CFG_BAR(i), 4, ~0u);
		size = config_read(d->address, CFG_BAR(i), 4) & ~mask;
		config_write(d->address, CFG_BAR(i), 4, low);
		size |= wide || !size ? 0 : 0xffffffffull << 32;
		if (wide) {
			high = config_read(d->address, CFG_BAR(i + 1), 4);
			config_write(d->address, CFG_BAR(i + 1), 4, ~0u);
			size |= (uint64_t)config_read(d->address, CFG_BAR(i + 1), 4) << 32;
			config_write(d->address, CFG_BAR(i + 1), 4, high);
		}
		size = -size;
		if (low & CFG_BAR_IO)
			size &= 0xffff;		/* the upper half need not be there */
		base = (uint64_t)high << 32 | (low & ~mask);
		if (size && !(size & (size - 1)) && base && is_aligned(base, size) && base + size > base) {
			bar->base = base;
			bar->size = size;
			bar->flags = (low & CFG_BAR_IO ? PCI_BAR_IO : 0) | (wide ? PCI_BAR_WIDE : 0) |
				     (!(low & CFG_BAR_IO) && low & CFG_BAR_PREFETCH ? PCI_BAR_PREFETCH : 0);
		}
		i += wide;
	}
	config_write(d->address, CFG_COMMAND, 2, command);
}

unsigned scan_capability(uint32_t address, unsigned id)
{
	unsigned at = CFG_CAPABILITIES;

	if (!(config_read(address, CFG_STATUS, 2) & CFG_STATUS_CAPABILITIES))
		return 0;
	at = config_read(address, at, 1) & ~3u;
	for (unsigned i = 0; i < CAPABILITIES && at >= CFG_FIRST_CAPABILITY; i++) {
		if (config_read(address, at, 1) == id)
			return at;
		at = config_read(address, at + 1, 1) & ~3u;
	}
	return 0;
}

/* Is [@offset, @offset + @size) memory of BAR @bar? */
static bool in_bar(const struct pci_device *d, unsigned bar, uint64_t offset, uint64_t size)
{
	return bar < PCI_BARS && !(d->bar[bar].flags & PCI_BAR_IO) && range_inside(offset, size, d->bar[bar].size);
}

static void messages_read(struct pci_device *d)
{
	unsigned msix = scan_capability(d->address, CAP_MSIX), count;
	uint32_t table, pba;

	d->msi = (uint8_t)scan_capability(d->address, CAP_MSI);
	d->messages = d->msi ? 1 : 0;
	if (!msix)
		return;
	count = (config_read(d->address, msix + MSIX_CONTROL, 2) & MSIX_CONTROL_SIZE) + 1;
	table = config_read(d->address, msix + MSIX_TABLE, 4);
	pba = config_read(d->address, msix + MSIX_PBA, 4);
	if (!in_bar(d, table & MSIX_BIR, table & ~MSIX_BIR, (uint64_t)count * MSIX_ENTRY) ||
	    !in_bar(d, pba & MSIX_BIR, pba & ~MSIX_BIR, align_up(count, 64) / 8))
		return;
	d->msix = (uint8_t)msix;
	d->messages = (uint16_t)count;
	d->table_bar = (uint8_t)(table & MSIX_BIR);
	d->table_offset = table & ~MSIX_BIR;
	d->pba_bar = (uint8_t)(pba & MSIX_BIR);
	d->pba_offset = pba & ~MSIX_BIR;
}

static void function_read(struct pci_shared *s, uint32_t address, uint32_t vendor)
{
	struct pci_device d = { .address = (uint16_t)address, .vendor = (uint16_t)vendor };

	if (s->count == PCI_DEVICES) {
		s->more++;
		return;
	}
	d.device = (uint16_t)config_read(address, CFG_DEVICE, 2);
	d.class = config_read(address, CFG_CLASS, 4) >> 8;
	/* Bridges stay as the firmware has set them; what lies behind them is found on its bus. */
	if (!(config_read(address, CFG_HEADER, 1) & CFG_HEADER_TYPE) && d.class >> 16 != CFG_CLASS_BRIDGE) {
		bars_read(&d);
		messages_read(&d);
	}
	s->device[s->count++] = d;
}

void scan(struct pci_shared *s, unsigned first, unsigned last)
{
	s->count = s->more = 0;
	for (uint32_t at = first * DEVICES_OF_BUS * FUNCTIONS; at < (last + 1) * DEVICES_OF_BUS * FUNCTIONS; at++) {
		uint32_t vendor = config_read(at, CFG_VENDOR, 2);

		if (vendor != NO_VENDOR)
			function_read(s, at, vendor);
		/* Function 0 says whether there are others. */
		if (at % FUNCTIONS == 0 && (vendor == NO_VENDOR || !(config_read(at, CFG_HEADER, 1) & CFG_HEADER_MULTI)))
			at += FUNCTIONS - 1;
	}
}
