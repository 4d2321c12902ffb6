/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: sending interrupts to other CPUs, and which messages address this one. */
#include "lapic_priv.h"

/* ICR.  SDM, "Interrupt Command Register". */
#define ICR_VECTOR(icr)		((uint8_t)(icr))
#define ICR_MODE(icr)		((uint8_t)((icr) >> 8 & 7))
#define ICR_LOGICAL		BIT(11)
#define ICR_ASSERT		BIT(14)
#define ICR_LEVEL		BIT(15)
#define ICR_SHORTHAND(icr)	((uint8_t)((icr) >> 18 & 3))

#define BROADCAST_WIDE		0xffffffffu
#define BROADCAST		0xffu

/* SDM, "Logical Destination Mode in x2APIC Mode": the cluster in bits 31:16, and one bit for the member. */
static uint32_t x2apic_ldr(uint32_t id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

uint32_t lapic_ldr(const struct lapic *l)
{
	return lapic_is_x2apic(l) ? x2apic_ldr(l->s.id) : word_get(&l->s.ldr);
}

/* xAPIC: flat model (DFR 1111) has eight members, the cluster model (0000) 15 clusters of four. */
static bool matches_logical_xapic(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = word_get(&l->s.ldr) >> 24, model = word_get(&l->s.dfr) >> 28;

	if (dest > BROADCAST)
		return false;
	if (model == 0xf)
		return (ldr & dest) != 0;
	return model == 0 && ldr >> 4 == dest >> 4 && (ldr & dest & 0xf) != 0;
}

bool lapic_matches(const struct lapic *l, const struct apic_msg *m)
{
	uint32_t ldr;

	if (m->shorthand != APIC_DEST)
		return m->shorthand == APIC_ALL || (l == m->from) == (m->shorthand == APIC_SELF);
	if (m->dest == (m->wide ? BROADCAST_WIDE : BROADCAST))
		return true;
	if (!m->logical)
		return m->dest == l->s.id;
	if (!lapic_is_x2apic(l))
		return matches_logical_xapic(l, m->dest);
	ldr = x2apic_ldr(l->s.id);
	return ldr >> 16 == m->dest >> 16 && (ldr & m->dest & 0xffff) != 0;
}

/* An APIC that cannot take the interrupt loses against every other one. */
uint32_t lapic_arbitration(const struct lapic *l)
{
	if (!lapic_enabled(l) || !(word_get(&l->s.svr) & SVR_ENABLE))
		return UINT32_MAX - 1;
	return lapic_ppr(l);
}

static void send(struct lapic *l, const struct apic_msg *m)
{
	if ((m->mode == APIC_FIXED || m->mode == APIC_LOWEST) && m->vector < APIC_FIRST_VECTOR) {
		lapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	if (m->shorthand == APIC_SELF)
		lapic_post(l, m);
	else
		irqchip_message(l->chip, m);
}

/*
 * The low half of ICR was written: send.  IPIs are edge triggered whatever the trigger bit says; the one level-triggered
 * kind, INIT level de-assert, has had no effect since the Pentium 4.  ExtINT and the reserved mode are dropped.
 */
void lapic_icr_write(struct lapic *l, uint64_t icr)
{
	struct apic_msg m = {
		.from = l,
		.shorthand = ICR_SHORTHAND(icr),
		.vector = ICR_VECTOR(icr),
		.mode = ICR_MODE(icr),
		.logical = (icr & ICR_LOGICAL) != 0,
		.wide = lapic_is_x2apic(l),
		.dest = (uint32_t)(icr >> (lapic_is_x2apic(l) ? 32 : 56)),
	};

	l->s.icr = icr;
	if (m.mode == APIC_EXTINT || m.mode == 3)
		return;
	if (m.mode == APIC_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return;
	send(l, &m);
}

void lapic_self_ipi(struct lapic *l, uint32_t val)
{
	struct apic_msg m = { .from = l, .shorthand = APIC_SELF, .vector = (uint8_t)val, .mode = APIC_FIXED };

	send(l, &m);
}
