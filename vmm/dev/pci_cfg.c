/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of a PCI function: registers as bytes with masks, and BARs that follow what the guest writes. */
#include <dev/pci_cfg.h>

#define BAR_IO		0x1u
#define BAR_64		0x4u
#define BAR_PREFETCH	0x8u

static void put(uint8_t *bytes, unsigned off, unsigned size, uint32_t v)
{
	for (unsigned i = 0; i < size && off + i < PCI_CFG_SIZE; i++)
		bytes[off + i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get(const uint8_t *bytes, unsigned off, unsigned size)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < size && off + i < PCI_CFG_SIZE; i++)
		v |= (uint32_t)bytes[off + i] << (8 * i);
	return v;
}

/* The fixed low bits of BAR @n. */
static uint32_t bar_flags(const struct pci_bar *b)
{
	if (b->io)
		return BAR_IO;
	return (b->wide ? BAR_64 : 0) | (b->prefetch ? BAR_PREFETCH : 0);
}

void pci_cfg_init(struct pci_func *f)
{
	for (unsigned i = 0; i < f->row_count; i++) {
		put(f->writable, f->rows[i].off, f->rows[i].size, f->rows[i].writable);
		put(f->w1c, f->rows[i].off, f->rows[i].size, f->rows[i].w1c);
	}
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bar[n];
		uint64_t mask = ~(b->size - 1);

		f->mapped[n] = PCI_UNMAPPED;
		if (!b->size)
			continue;
		put(f->writable, PCI_BAR0 + 4 * n, 4, (uint32_t)mask);
		if (b->wide && n + 1 < PCI_BARS)
			put(f->writable, PCI_BAR0 + 4 * (n + 1), 4, (uint32_t)(mask >> 32));
	}
	pci_cfg_reset(f);
}

/* The address that BAR @n asks for, or PCI_UNMAPPED while its kind of decoding is off. */
static uint64_t bar_wanted(const struct pci_func *f, unsigned n)
{
	const struct pci_bar *b = &f->bar[n];
	uint32_t command = get(f->cfg, PCI_COMMAND, 2);
	uint64_t addr = get(f->cfg, PCI_BAR0 + 4 * n, 4);

	if (!b->size || !(command & (b->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return PCI_UNMAPPED;
	if (b->wide && n + 1 < PCI_BARS)
		addr |= (uint64_t)get(f->cfg, PCI_BAR0 + 4 * (n + 1), 4) << 32;
	addr &= ~(b->size - 1);
	return addr ? addr : PCI_UNMAPPED;
}

/*
 * Bring the buses in line with the registers: first everything leaves that moves, then it arrives, so that two BARs can
 * change places.  A place that is taken, or outside the bus, leaves the BAR unmapped until it is written again; the
 * values that a guest writes to learn the size pass through here.
 */
static void bars_update(struct pci_func *f)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (f->mapped[n] == PCI_UNMAPPED || f->mapped[n] == bar_wanted(f, n))
			continue;
		bus_remove(f->bar[n].io ? f->bus->pio : f->bus->mmio, f->mapped[n]);
		f->mapped[n] = PCI_UNMAPPED;
	}
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bar[n];
		struct bus_range r = {
			.base = bar_wanted(f, n), .len = b->size, .ops = b->ops, .dev = f->dev, .name = b->name,
			.max_size = b->max_size,
		};

		if (r.base == PCI_UNMAPPED || f->mapped[n] != PCI_UNMAPPED)
			continue;
		if (bus_add(b->io ? f->bus->pio : f->bus->mmio, &r))
			f->mapped[n] = r.base;
	}
}

void pci_cfg_reset(struct pci_func *f)
{
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		f->cfg[i] = 0;
	for (unsigned i = 0; i < f->row_count; i++)
		put(f->cfg, f->rows[i].off, f->rows[i].size, f->rows[i].reset);
	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (!f->bar[n].size)
			continue;
		put(f->cfg, PCI_BAR0 + 4 * n, 4, (uint32_t)f->placed[n] | bar_flags(&f->bar[n]));
		if (f->bar[n].wide && n + 1 < PCI_BARS)
			put(f->cfg, PCI_BAR0 + 4 * (n + 1), 4, (uint32_t)(f->placed[n] >> 32));
	}
	bars_update(f);
}

uint32_t pci_cfg_read(const struct pci_func *f, unsigned reg, unsigned size)
{
	return get(f->cfg, reg, size);
}

uint32_t pci_cfg_guest_read(struct pci_func *f, unsigned reg, unsigned size)
{
	if (f->ops && f->ops->cfg_reading)
		f->ops->cfg_reading(f, reg, size);
	return get(f->cfg, reg, size);
}

void pci_cfg_set(struct pci_func *f, unsigned reg, unsigned size, uint32_t val)
{
	put(f->cfg, reg, size, val);
}

static bool touches(unsigned reg, unsigned size, unsigned first, unsigned len)
{
	return reg < first + len && first < reg + size;
}

void pci_cfg_write(struct pci_func *f, unsigned reg, unsigned size, uint32_t val)
{
	for (unsigned i = reg; i < reg + size && i < PCI_CFG_SIZE; i++, val >>= 8) {
		uint8_t v = (uint8_t)val;

		f->cfg[i] = (uint8_t)((f->cfg[i] & ~f->writable[i]) | (v & f->writable[i]));
		f->cfg[i] &= (uint8_t)~(v & f->w1c[i]);
	}
	if (touches(reg, size, PCI_COMMAND, 2) || touches(reg, size, PCI_BAR0, 4 * PCI_BARS))
		bars_update(f);
	if (touches(reg, size, PCI_COMMAND, 2))
		pci_intx_update(f);
	if (f->ops && f->ops->cfg_wrote)
		f->ops->cfg_wrote(f, reg, size);
}

void pci_cfg_restore(struct pci_func *f, const uint8_t cfg[PCI_CFG_SIZE])
{
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		f->cfg[i] = (uint8_t)((f->cfg[i] & ~f->writable[i]) | (cfg[i] & f->writable[i]));
	bars_update(f);
}
