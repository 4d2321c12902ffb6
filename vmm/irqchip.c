/* SPDX-License-Identifier: Apache-2.0 */
/* Routing of interrupt lines to the PIC and the IOAPIC, and of interrupt messages to local APICs. */
#include "irqchip.h"
#include "upcall.h"
#include <dev/ioapic.h>
#include <dev/lapic.h>
#include <dev/pic.h>

void irqchip_init(struct irqchip *c, struct vm *vm, struct pic *pic, struct ioapic *ioapic)
{
	*c = (struct irqchip){ .vm = vm, .pic = pic, .ioapic = ioapic };
}

bool irqchip_add_lapic(struct irqchip *c, struct lapic *l)
{
	if (c->lapic_count == IRQCHIP_CPUS)
		return false;
	for (unsigned i = 0; i < c->lapic_count; i++)
		if (c->lapic[i]->s.id == l->s.id)
			return false;
	c->lapic[c->lapic_count++] = l;
	return true;
}

void irq_line_set(struct irqchip *c, unsigned gsi, bool level)
{
	if (gsi == GSI_PIT)
		pic_line_set(c->pic, 0, level);
	else if (gsi > 0 && gsi < 16)
		pic_line_set(c->pic, gsi, level);
	if (gsi > 0 && gsi < IRQCHIP_GSIS)	/* pin 0 is the PIC's output */
		ioapic_line_set(c->ioapic, gsi, level);
}

void irq_legacy_set(struct irqchip *c, unsigned gsi, bool level)
{
	c->legacy = (uint32_t)(level ? c->legacy | BIT(gsi) : c->legacy & ~BIT(gsi));
	if (!c->replaced)
		irq_line_set(c, gsi, level);
}

void irq_legacy_replace(struct irqchip *c, bool on)
{
	static const uint8_t line[] = { GSI_PIT, GSI_RTC };

	if (on == c->replaced)
		return;
	c->replaced = on;
	for (unsigned i = 0; i < ARRAY_LEN(line); i++)
		irq_line_set(c, line[i], !on && c->legacy & BIT(line[i]));
}

static bool post_to_lowest(struct irqchip *c, const struct apic_msg *m)
{
	struct lapic *best = NULL;
	uint32_t best_prio = UINT32_MAX;

	for (unsigned i = 0; i < c->lapic_count; i++) {
		struct lapic *l = c->lapic[i];
		uint32_t prio;

		if (!lapic_matches(l, m))
			continue;
		prio = lapic_arbitration(l);
		if (prio < best_prio) {
			best = l;
			best_prio = prio;
		}
	}
	return best && lapic_post(best, m);
}

bool irqchip_message(struct irqchip *c, const struct apic_msg *m)
{
	bool taken = false;

	/* The common case without a loop: APIC IDs usually are the indices. */
	if (m->shorthand == APIC_DEST && !m->logical && m->dest < c->lapic_count && c->lapic[m->dest]->s.id == m->dest)
		return lapic_matches(c->lapic[m->dest], m) && lapic_post(c->lapic[m->dest], m);
	if (m->mode == APIC_LOWEST)
		return post_to_lowest(c, m);
	for (unsigned i = 0; i < c->lapic_count; i++)
		if (lapic_matches(c->lapic[i], m))
			taken |= lapic_post(c->lapic[i], m);
	return taken;
}

/* SDM, "Message Address Register Format" and "Message Data Register Format". */
bool msi_deliver(struct irqchip *c, uint64_t addr, uint32_t data)
{
	bool level = (data & BIT(15)) != 0, asserted = (data & BIT(14)) != 0;
	struct apic_msg m = {
		.dest = addr >> 12 & 0xff,
		.logical = (addr & BIT(2)) != 0,
		.vector = (uint8_t)data,
		.mode = data >> 8 & 7,
		.level = level,
	};

	if ((addr & ~MASK(19, 0)) != LAPIC_DEFAULT_BASE)
		return false;
	if (level && !asserted)
		return true;		/* the end of a level: nothing to deliver */
	if (m.mode == APIC_FIXED && (addr & BIT(3)) && m.logical)
		m.mode = APIC_LOWEST;	/* redirection hint */
	irqchip_message(c, &m);
	return true;
}

bool irqchip_pic_intr(const struct irqchip *c)
{
	return __atomic_load_n(&c->pic->intr, __ATOMIC_ACQUIRE) != 0;
}

uint8_t irqchip_inta(struct irqchip *c)
{
	uint8_t vector;

	vm_dev_lock(c->vm);
	vector = pic_inta(c->pic);
	vm_dev_unlock(c->vm);
	return vector;
}

void irqchip_eoi(struct irqchip *c, uint8_t vector)
{
	if (!ioapic_wants_eoi(c->ioapic, vector))
		return;
	vm_dev_lock(c->vm);
	ioapic_eoi(c->ioapic, vector);
	vm_dev_unlock(c->vm);
}

void irqchip_pic_changed(struct irqchip *c, bool intr)
{
	ioapic_line_set(c->ioapic, 0, intr);
	for (unsigned i = 0; i < c->lapic_count; i++)
		lapic_lint0_set(c->lapic[i], intr);
}
