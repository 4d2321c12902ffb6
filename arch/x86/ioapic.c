/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device interrupts: global system interrupt (GSI) -> IOAPIC entry -> vector.  A level-triggered one is masked when it arrives
 * and stays so until irq_unmask(), because its device keeps asserting it until a user-mode driver has served it.
 */
#include <abi/object.h>
#include <arch/cpu.h>
#include <arch/irq.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/upcall.h>
#include <lib/spinlock.h>
#include <mm/kmap.h>
#include <x86/apic.h>
#include <x86/insn.h>

#include "apic.h"

struct ioapic {
	volatile uint32_t *regs;
	uint32_t gsi_base, entries;
};

/* A routed GSI, found by its vector. */
struct route {
	const struct ioapic *io;	/* NULL: free */
	uint32_t gsi, pin;
	uint64_t rte;			/* as programmed, without the mask bit */
};

#define ISA_IRQS	16u

static struct ioapic ioapics[ACPI_IOAPICS];
static unsigned ioapic_count, gsi_count;
static struct acpi_override isa[ACPI_ISA_IRQS];
static struct route routes[VECTOR_MESSAGE - VECTOR_DEVICE];
/* For the pairs of index and data register, and for @routes: drivers on any CPU mask and unmask. */
static struct spinlock lock;

static uint32_t reg_read(const struct ioapic *io, uint32_t reg)
{
	io->regs[IOAPIC_INDEX / 4] = reg;
	return io->regs[IOAPIC_DATA / 4];
}

static void reg_write(const struct ioapic *io, uint32_t reg, uint32_t v)
{
	io->regs[IOAPIC_INDEX / 4] = reg;
	io->regs[IOAPIC_DATA / 4] = v;
}

/* A whole entry, which is masked before its destination changes and stays so. */
static void rte_write(const struct ioapic *io, uint32_t pin, uint64_t rte)
{
	reg_write(io, IOAPIC_REG_RTE(pin), (uint32_t)(rte | IOAPIC_RTE_MASKED));
	reg_write(io, IOAPIC_REG_RTE(pin) + 1, (uint32_t)(rte >> 32));
}

/* Move the 8259s' vectors away from the exceptions, because even masked ones may raise a spurious interrupt; mask all. */
void pic_disable(void)
{
	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
	out8(PIC1_COMMAND, PIC_ICW1_INIT);
	out8(PIC2_COMMAND, PIC_ICW1_INIT);
	out8(PIC1_DATA, VECTOR_PIC);
	out8(PIC2_DATA, VECTOR_PIC + 8);
	out8(PIC1_DATA, 1 << 2);	/* the second one hangs on input 2 */
	out8(PIC2_DATA, 2);
	out8(PIC1_DATA, PIC_ICW4_8086);
	out8(PIC2_DATA, PIC_ICW4_8086);
	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
}

void ioapic_init(const struct acpi_info *acpi)
{
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++)
		isa[i] = acpi->isa[i];
	for (unsigned i = 0; i < acpi->ioapic_count; i++) {
		struct ioapic *io = &ioapics[ioapic_count++];

		io->regs = kmap_device((hpa_t){ acpi->ioapic[i].base }, IOAPIC_SIZE);
		CHECK(io->regs);
		io->gsi_base = acpi->ioapic[i].gsi_base;
		io->entries = (uint32_t)IOAPIC_VERSION_MAX_RTE(reg_read(io, IOAPIC_REG_VERSION)) + 1;
		for (uint32_t pin = 0; pin < io->entries; pin++)
			rte_write(io, pin, 0);
		gsi_count = (unsigned)max_u64(gsi_count, (uint64_t)io->gsi_base + io->entries);
		log_info("IOAPIC %u: interrupts %u to %u", acpi->ioapic[i].id, io->gsi_base, io->gsi_base + io->entries - 1);
	}
}

unsigned irq_count(void)
{
	return gsi_count;
}

static const struct ioapic *ioapic_of(unsigned gsi)
{
	for (unsigned i = 0; i < ioapic_count; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].entries)
			return &ioapics[i];
	return NULL;
}

static struct route *route_of(unsigned gsi)
{
	for (unsigned i = 0; i < ARRAY_LEN(routes); i++)
		if (routes[i].io && routes[i].gsi == gsi)
			return &routes[i];
	return NULL;
}

/* Trigger mode and polarity of @gsi: the override of the ISA interrupt that is wired to it, else by the kind of bus. */
static uint64_t default_mode(unsigned gsi)
{
	uint64_t isa_mode = 0, pci_mode = IOAPIC_RTE_LEVEL | IOAPIC_RTE_ACTIVE_LOW, mode;

	for (unsigned i = 0; i < ISA_IRQS; i++) {
		if (!isa[i].valid || isa[i].gsi != gsi)
			continue;
		mode = ACPI_TRIGGER(isa[i].flags) == ACPI_LEVEL ? IOAPIC_RTE_LEVEL : 0;
		return mode | (ACPI_POLARITY(isa[i].flags) == ACPI_ACTIVE_LOW ? IOAPIC_RTE_ACTIVE_LOW : 0);
	}
	return gsi < ISA_IRQS ? isa_mode : pci_mode;
}

/* The mask bit is in the lower half, so that one write does it. */
static void set_mask(const struct route *r, bool masked)
{
	reg_write(r->io, IOAPIC_REG_RTE(r->pin), (uint32_t)(r->rte | (masked ? IOAPIC_RTE_MASKED : 0)));
}

/* A GSI that is routed already keeps its vector and is programmed anew. */
static enum tv_err route(const struct ioapic *io, unsigned gsi, uint32_t flags)
{
	struct route *r = route_of(gsi);
	uint64_t mode;

	for (unsigned i = 0; i < ARRAY_LEN(routes) && !r; i++)
		if (!routes[i].io)
			r = &routes[i];
	if (!r)
		return TV_EUNSUP;
	mode = default_mode(gsi);
	if (flags != TV_IRQ_DEFAULT)
		mode = (flags & TV_IRQ_LEVEL ? IOAPIC_RTE_LEVEL : 0) | (flags & TV_IRQ_LOW ? IOAPIC_RTE_ACTIVE_LOW : 0);
	r->io = io;
	r->gsi = gsi;
	r->pin = gsi - io->gsi_base;
	r->rte = (uint64_t)arch_cpu()->apic_id << IOAPIC_RTE_DEST_SHIFT | mode | (uint64_t)(VECTOR_DEVICE + (r - routes));
	rte_write(io, r->pin, r->rte);
	return TV_OK;
}

enum tv_err irq_route(unsigned gsi, uint32_t flags)
{
	const struct ioapic *io = ioapic_of(gsi);
	enum tv_err err;

	if (!io || (flags & ~TV_IRQ_FLAGS) || (flags & TV_IRQ_LEVEL && flags & TV_IRQ_EDGE))
		return TV_EINVAL;
	/* An entry of an IOAPIC has eight bits for the CPU; to reach others would take interrupt remapping. */
	if (arch_cpu()->apic_id >= LAPIC_XAPIC_BROADCAST)
		return TV_EUNSUP;
	spin_lock(&lock);
	err = route(io, gsi, flags);
	spin_unlock(&lock);
	return err;
}

static void mask_gsi(unsigned gsi, bool masked)
{
	const struct route *r;

	spin_lock(&lock);
	r = route_of(gsi);
	if (r)
		set_mask(r, masked);
	spin_unlock(&lock);
}

void irq_mask(unsigned gsi)
{
	mask_gsi(gsi, true);
}

void irq_unmask(unsigned gsi)
{
	mask_gsi(gsi, false);
}

void irq_unroute(unsigned gsi)
{
	struct route *r;

	spin_lock(&lock);
	r = route_of(gsi);
	if (r) {
		rte_write(r->io, r->pin, 0);
		r->io = NULL;
	}
	spin_unlock(&lock);
}

void ioapic_dispatch(unsigned vector)
{
	struct route *r = &routes[vector - VECTOR_DEVICE];
	bool routed;
	unsigned gsi;

	spin_lock(&lock);
	routed = r->io;			/* otherwise it was on its way when the route was removed */
	gsi = r->gsi;
	if (routed && r->rte & IOAPIC_RTE_LEVEL)
		set_mask(r, true);	/* before the EOI, after which the IOAPIC would send it again */
	spin_unlock(&lock);
	lapic_eoi();
	if (routed)
		kernel_irq(gsi);
}
