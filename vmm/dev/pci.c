/* SPDX-License-Identifier: Apache-2.0 */
/* PCI bus 0: the two configuration mechanisms, the host bridge, the reset control register and INTx lines. */
#include <dev/pci_cfg.h>
#include "irqchip.h"
#include "record.h"
#include "upcall.h"

#define ADDRESS_ENABLE		BIT(31)
#define ADDRESS_BUS(a)		((a) >> 16 & 0xff)
#define ADDRESS_DEVFN(a)	((a) >> 8 & 0xff)
#define ADDRESS_REG(a)		((a) & 0xfc)
#define ADDRESS_WRITABLE	0x80fffffcu

/* Ports relative to CF8h. */
#define PORT_RESET		1
#define PORT_DATA		4
#define RESET_CPU		0x04		/* 0 -> 1 resets; bits 1 and 3 choose how hard, which is all the same here */
#define RESET_WRITABLE		0x0e

/* What operating systems know as the Q35 memory controller hub. */
static const struct pci_row bridge_rows[] = {
	{ PCI_VENDOR, 2, 0x8086, 0, 0 },
	{ PCI_DEVICE, 2, 0x29c0, 0, 0 },
	{ PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0x0140, 0 },
	{ PCI_STATUS, 2, 0, 0, 0xf900 },
	{ PCI_CLASS, 4, 0x06000002, 0, 0 },		/* host bridge, revision 2 */
	{ PCI_SUBSYSTEM, 4, 0x00008086, 0, 0 },
	{ 0x60, 4, (uint32_t)PCI_ECAM_BASE | 1, 0, 0 },	/* PCIEXBAR: fixed, and where all firmware puts it */
	{ 0x90, 4, 0, 0x33333330, 0 },			/* PAM0 ... 6: what is below 1 MiB is RAM, whatever they say */
	{ 0x94, 2, 0, 0x3333, 0 },
	{ 0x96, 1, 0, 0x33, 0 },
	{ 0x9d, 2, 0x0002, 0x3840, 0 },			/* SMRAM, ESMRAMC: there is none */
	{ 0xdc, 4, 0, 0xffffffff, 0 },			/* "scratchpad data" */
};

static struct pci_func *func_find(const struct pci *p, unsigned devfn)
{
	for (unsigned i = 0; i < p->func_count; i++)
		if (p->func[i]->devfn == devfn)
			return p->func[i];
	return NULL;
}

static uint64_t config_read(const struct pci *p, unsigned bus, unsigned devfn, unsigned reg, unsigned size)
{
	struct pci_func *f = bus ? NULL : func_find(p, devfn);

	return f && range_inside(reg, size, PCI_CFG_SIZE) ? pci_cfg_guest_read(f, reg, size) : ~0ull;
}

static void config_write(struct pci *p, unsigned bus, unsigned devfn, unsigned reg, unsigned size, uint64_t val)
{
	struct pci_func *f = bus ? NULL : func_find(p, devfn);

	if (f && range_inside(reg, size, PCI_CFG_SIZE))
		pci_cfg_write(f, reg, size, (uint32_t)val);
}

/* CONFIG_ADDRESS is one register of 32 bits; only its second byte is another one, the reset control register. */
static uint64_t port_read(void *dev, uint64_t off, unsigned size)
{
	const struct pci *p = dev;
	uint32_t a = p->s.address;

	if (off == 0 && size == 4)
		return a;
	if (off == PORT_RESET && size == 1)
		return p->s.reset_control;
	if (off < PORT_DATA || !(a & ADDRESS_ENABLE))
		return ~0ull;
	return config_read(p, ADDRESS_BUS(a), ADDRESS_DEVFN(a), ADDRESS_REG(a) + (unsigned)(off - PORT_DATA), size);
}

static void reset_write(struct pci *p, uint8_t val)
{
	uint8_t old = p->s.reset_control;

	p->s.reset_control = val & RESET_WRITABLE;
	if (val & ~old & RESET_CPU)
		vm_reset(p->env.vm);
}

static void port_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pci *p = dev;
	uint32_t a = p->s.address;

	if (off == 0 && size == 4)
		p->s.address = (uint32_t)val & ADDRESS_WRITABLE;
	else if (off == PORT_RESET && size == 1)
		reset_write(p, (uint8_t)val);
	else if (off >= PORT_DATA && (a & ADDRESS_ENABLE))
		config_write(p, ADDRESS_BUS(a), ADDRESS_DEVFN(a), ADDRESS_REG(a) + (unsigned)(off - PORT_DATA), size, val);
}

/* ECAM: bus in bits 27:20, device and function 19:12, register 11:0 of the offset.  No function has extended registers. */
static uint64_t ecam_read(void *dev, uint64_t off, unsigned size)
{
	return config_read(dev, (unsigned)(off >> 20), off >> 12 & 0xff, off & 0xfff, size);
}

static void ecam_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	config_write(dev, (unsigned)(off >> 20), off >> 12 & 0xff, off & 0xfff, size, val);
}

const struct bus_ops pci_port_ops = { port_read, port_write };
const struct bus_ops pci_ecam_ops = { ecam_read, ecam_write };

/* Interrupt pin A ... D of a device is line (device + pin) of eight. */
unsigned pci_gsi(const struct pci_func *f)
{
	return GSI_PCI + ((f->devfn >> 3) + f->cfg[PCI_INTERRUPT_PIN] - 1u) % 8;
}

void pci_intx_update(struct pci_func *f)
{
	struct pci *p = f->bus;
	bool level = false;

	if (!f->cfg[PCI_INTERRUPT_PIN])
		return;
	for (unsigned i = 0; i < p->func_count; i++) {		/* a line is shared by all functions on it */
		const struct pci_func *g = p->func[i];

		if (g->cfg[PCI_INTERRUPT_PIN] && pci_gsi(g) == pci_gsi(f))
			level |= g->intx && !(pci_cfg_read(g, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
	}
	irq_line_set(p->env.chip, pci_gsi(f), level);
}

void pci_intx_set(struct pci_func *f, bool level)
{
	f->intx = level;
	f->cfg[PCI_STATUS] = (uint8_t)(level ? f->cfg[PCI_STATUS] | PCI_STATUS_INTX : f->cfg[PCI_STATUS] & ~PCI_STATUS_INTX);
	pci_intx_update(f);
}

bool pci_add(struct pci *p, struct pci_func *f)
{
	if (p->func_count == PCI_FUNCS || func_find(p, f->devfn))
		return false;
	f->bus = p;
	p->func[p->func_count++] = f;
	pci_cfg_init(f);
	return true;
}

/* @size bytes at a multiple of @size in [*@next, @end); 0: there is no room. */
static uint64_t place(uint64_t *next, uint64_t end, uint64_t size)
{
	uint64_t at = align_up(*next, size);

	if (at + size > end)
		return 0;
	*next = at + size;
	return at;
}

bool pci_place(struct pci *p, struct pci_func *f)
{
	bool all = true;

	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bar[n];

		if (!b->size)
			continue;
		f->placed[n] = b->io ? place(&p->free_io, PCI_IO_END, b->size) : place(&p->free_mem, PCI_MEM_END, b->size);
		all = all && f->placed[n];
	}
	pci_cfg_reset(f);
	return all;
}

void pci_reset(struct pci *p)
{
	p->s = (struct pci_state){ 0 };
	for (unsigned i = 0; i < p->func_count; i++) {
		pci_intx_set(p->func[i], false);
		pci_cfg_reset(p->func[i]);
	}
}

bool pci_restore(void *dev, const void *state)
{
	const struct pci_state *s = state;
	struct pci *p = dev;

	p->s.address = s->address & ADDRESS_WRITABLE;
	p->s.reset_control = s->reset_control & RESET_WRITABLE;
	return true;
}

/* The level of its INTx pin is the device's to drive again. */
bool pci_func_restore(void *dev, const void *state)
{
	const struct pci_func *s = state;
	struct pci_func *f = dev;

	pci_cfg_restore(f, s->cfg);
	return true;
}

void pci_init(struct pci *p, const struct dev_env *env, struct bus *pio, struct bus *mmio)
{
	*p = (struct pci){ .env = *env, .pio = pio, .mmio = mmio, .func_count = 1, .func = { &p->bridge },
			   .free_io = PCI_IO_BASE, .free_mem = PCI_MEM_BASE };
	p->bridge = (struct pci_func){ .rows = bridge_rows, .row_count = ARRAY_LEN(bridge_rows), .bus = p };
	pci_cfg_init(&p->bridge);
}
