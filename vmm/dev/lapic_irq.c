/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC: acceptance, priority and end of interrupts; NMI, INIT and SIPI; errors.
 *
 * A request is a bit in IRR, set by any thread.  The vCPU's thread moves it to ISR when the CPU takes it, and EOI clears
 * the highest bit of ISR.  TMR remembers how the interrupt came, so that only level-triggered ones go on to the IOAPIC.
 */
#include "lapic_priv.h"
#include "upcall.h"

/* Two words at once: others change them one by one, in any order, so it need not be atomic. */
typedef uint64_t __attribute__((may_alias, aligned(4))) word_pair;

/* Highest bit of a 256-bit register, -1 if none is set. */
int lapic_highest(const uint32_t words[8])
{
	const volatile word_pair *p = (const volatile word_pair *)words;
	uint64_t pair;

	if (unlikely((pair = p[3])))
		return 255 - __builtin_clzll(pair);
	if (unlikely((pair = p[2])))
		return 191 - __builtin_clzll(pair);
	if ((pair = p[1]))
		return 127 - __builtin_clzll(pair);
	pair = p[0];
	return pair ? 63 - __builtin_clzll(pair) : -1;
}

/* SDM, "Processor Priority Register": the higher class of TPR and of the interrupt in service. */
uint32_t lapic_ppr(const struct lapic *l)
{
	int v = lapic_highest(l->s.isr);
	uint32_t isr = v < 0 ? 0 : (uint32_t)v & 0xf0, tpr = word_get(&l->s.tpr);

	return (tpr & 0xf0) >= isr ? tpr : isr;
}

int lapic_highest_irr(const struct lapic *l)
{
	return lapic_enabled(l) ? lapic_highest(l->s.irr) : -1;
}

int lapic_pending(const struct lapic *l)
{
	int v = lapic_highest_irr(l);

	return v >= 0 && ((uint32_t)v & 0xf0) > (lapic_ppr(l) & 0xf0) ? v : -1;
}

/* The priority fell: is there something that it held back? */
void lapic_priority_fell(struct lapic *l)
{
	if (lapic_pending(l) >= 0)
		vcpu_notify(l->vcpu);
}

void lapic_accept(struct lapic *l, int vector)
{
	unsigned w = (unsigned)vector / 32 % 8;
	uint32_t bit = 1u << ((unsigned)vector % 32);

	__atomic_fetch_and(&l->s.irr[w], ~bit, __ATOMIC_ACQ_REL);
	word_set(&l->s.isr[w], l->s.isr[w] | bit);
}

/* The EOI register was written: the interrupt in service with the highest priority has been dealt with. */
void lapic_eoi(struct lapic *l)
{
	int v = lapic_highest(l->s.isr);
	unsigned w = (unsigned)v / 32 % 8;
	uint32_t bit = 1u << ((unsigned)v % 32);

	if (v < 0)
		return;
	word_set(&l->s.isr[w], l->s.isr[w] & ~bit);
	if ((word_get(&l->s.tmr[w]) & bit) && !(l->s.svr & SVR_NO_BROADCAST))
		irqchip_eoi(l->chip, (uint8_t)v);
	lapic_priority_fell(l);
}

/* A fixed interrupt arrives.  The vCPU is told only of a request that is new: an older one has been told already. */
static bool lapic_request(struct lapic *l, uint8_t vector, bool level)
{
	unsigned w = vector / 32;
	uint32_t bit = 1u << (vector % 32);

	if (!lapic_enabled(l) || !(word_get(&l->s.svr) & SVR_ENABLE))
		return false;
	if (vector < APIC_FIRST_VECTOR) {
		lapic_error(l, ESR_RECEIVE_ILLEGAL);
		return false;
	}
	/* TMR before IRR, whose release pairs with the acquire in lapic_accept(): the EOI will see the right one. */
	if (level && !(word_get(&l->s.tmr[w]) & bit))
		__atomic_fetch_or(&l->s.tmr[w], bit, __ATOMIC_RELAXED);
	else if (!level && (word_get(&l->s.tmr[w]) & bit))
		__atomic_fetch_and(&l->s.tmr[w], ~bit, __ATOMIC_RELAXED);
	if (!(__atomic_fetch_or(&l->s.irr[w], bit, __ATOMIC_ACQ_REL) & bit))
		vcpu_notify(l->vcpu);
	return true;
}

/* Replace @clear by @set in the event word in one step, and wake the vCPU. */
void lapic_events_set(struct lapic *l, uint32_t set, uint32_t clear)
{
	uint32_t old = __atomic_load_n(&l->s.events, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&l->s.events, &old, (old & ~clear) | set, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
	vcpu_notify(l->vcpu);
}

uint32_t lapic_events(const struct lapic *l)
{
	return __atomic_load_n(&l->s.events, __ATOMIC_ACQUIRE);
}

uint32_t lapic_events_take(struct lapic *l, uint32_t mask)
{
	uint32_t vector = mask & LAPIC_EV_SIPI ? 0xff00u : 0;
	uint32_t old = __atomic_fetch_and(&l->s.events, ~(mask | vector), __ATOMIC_ACQ_REL);

	return old & (mask | vector);
}

/* Only the first SIPI after an INIT counts: later ones are dropped until the first has been taken. */
static bool lapic_sipi(struct lapic *l, uint8_t vector)
{
	uint32_t old = __atomic_load_n(&l->s.events, __ATOMIC_RELAXED);

	do {
		if (old & LAPIC_EV_SIPI)
			return true;
	} while (!__atomic_compare_exchange_n(&l->s.events, &old, old | LAPIC_EV_SIPI | (uint32_t)vector << 8, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	vcpu_notify(l->vcpu);
	return true;
}

bool lapic_post(struct lapic *l, const struct apic_msg *m)
{
	if (!lapic_enabled(l))
		return false;
	switch (m->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return lapic_request(l, m->vector, m->level);
	case APIC_NMI:
		lapic_events_set(l, LAPIC_EV_NMI, 0);
		return true;
	case APIC_SMI:
		lapic_events_set(l, LAPIC_EV_SMI, 0);
		return true;
	case APIC_INIT:		/* a SIPI that came before it is lost with everything else */
		lapic_events_set(l, LAPIC_EV_INIT, LAPIC_EV_SIPI | 0xff00);
		return true;
	case APIC_SIPI:
		return lapic_sipi(l, m->vector);
	case APIC_EXTINT:
		lapic_events_set(l, LAPIC_EV_EXTINT, 0);
		return true;
	default:
		return false;
	}
}

/*
 * An error was detected.  The error interrupt is raised for the first of a kind; one whose own vector is illegal only
 * sets its bit, so this never recurses.
 */
void lapic_error(struct lapic *l, uint32_t bits)
{
	uint32_t lvt = word_get(&l->s.lvt[LVT_ERROR]);
	uint32_t old = __atomic_fetch_or(&l->s.esr, bits, __ATOMIC_RELAXED);

	if (!(bits & ~old) || (lvt & LVT_MASKED))
		return;
	if ((lvt & 0xff) < APIC_FIRST_VECTOR)
		__atomic_fetch_or(&l->s.esr, (uint32_t)ESR_RECEIVE_ILLEGAL, __ATOMIC_RELAXED);
	else
		lapic_request(l, (uint8_t)lvt, false);
}

/* A local interrupt source fires.  False: it is masked.  Timer and error entries have no delivery mode: they are fixed. */
bool lapic_lvt_deliver(struct lapic *l, enum lapic_lvt source)
{
	uint32_t lvt = word_get(&l->s.lvt[source]);
	struct apic_msg m = { .vector = (uint8_t)lvt, .mode = LVT_MODE(lvt) };

	if (lvt & LVT_MASKED)
		return false;
	if (m.mode == APIC_LOWEST || m.mode == APIC_SIPI)
		return false;		/* reserved in the LVT */
	return lapic_post(l, &m);
}

void lapic_local(struct lapic *l, enum lapic_lvt source)
{
	bool delivered = lapic_lvt_deliver(l, source);

	/* SDM, "Local Vector Table": the counter's entry masks itself, the handler unmasks it. */
	if (delivered && source == LVT_PERF)
		__atomic_fetch_or(&l->s.lvt[LVT_PERF], (uint32_t)LVT_MASKED, __ATOMIC_RELAXED);
}

void lapic_lint0_set(struct lapic *l, bool level)
{
	bool was = __atomic_exchange_n(&l->s.lint0, (uint32_t)level, __ATOMIC_ACQ_REL) != 0;

	/* An ExtINT that the IOAPIC sent for the PIC is void once the PIC no longer asks, be it that it was acknowledged. */
	if (!level && (lapic_events(l) & LAPIC_EV_EXTINT))
		lapic_events_take(l, LAPIC_EV_EXTINT);
	if (!level || was)
		return;
	/* As ExtINT the level itself is the request, see lapic_extint(); in the other modes its rising edge is an event. */
	if (!lapic_enabled(l) || LVT_MODE(word_get(&l->s.lvt[LVT_LINT0])) == APIC_EXTINT)
		vcpu_notify(l->vcpu);
	else
		lapic_lvt_deliver(l, LVT_LINT0);
}

bool lapic_extint(const struct lapic *l)
{
	uint32_t lvt = word_get(&l->s.lvt[LVT_LINT0]);

	if (!irqchip_pic_intr(l->chip))
		return false;
	if (!lapic_enabled(l))		/* LINT0 is the plain INTR pin then */
		return true;
	return (!(lvt & LVT_MASKED) && LVT_MODE(lvt) == APIC_EXTINT) || (lapic_events(l) & LAPIC_EV_EXTINT);
}

bool lapic_has_work(const struct lapic *l)
{
	return lapic_pending(l) >= 0 || (lapic_events(l) & ~(0xff00u | LAPIC_EV_EXTINT)) || lapic_extint(l);
}
