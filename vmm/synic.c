/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hyper-V's synthetic interrupt controller and timers, of one CPU: see hyperv.h.  A timer that expires raises a vector of the local
 * APIC, or leaves a message in the slot of one of sixteen interrupt sources and raises that one's vector.  While the slot is
 * taken, the message waits for the guest's write to EOM.
 */
#include "hyperv.h"

#include <rt/time.h>

#include "vcpu.h"
#include "vm.h"

#define ENABLED		BIT(0)
#define SINT_MASKED	BIT(16)
#define SINT_AUTO_EOI	BIT(17)
#define SINT_RESERVED	(MASK(63, 19) | MASK(15, 8))
#define TIMER_PERIODIC	BIT(1)
#define TIMER_AUTO	BIT(3)		/* a new count starts it */
#define TIMER_DIRECT	BIT(12)		/* raises its vector, leaves no message */
#define TIMER_VECTOR(c)	((uint8_t)((c) >> 4))
#define TIMER_SINT(c)	((unsigned)((c) >> 16 & 15))
#define TIMER_RESERVED	(MASK(63, 20) | MASK(15, 13))
#define PERIOD_MIN	200u		/* 20 us: a faster one would leave the guest no time to run */
#define FIRST_VECTOR	16u
#define MODE_FIXED	0u

enum { MSR_SCONTROL = 0x40000080, MSR_SVERSION, MSR_SIEFP, MSR_SIMP, MSR_EOM, MSR_SINT0 = 0x40000090, MSR_STIMER0 = 0x400000b0 };

#define MESSAGE_TIMER	0x80000010u
#define MESSAGE_PENDING	1u		/* flags: another one waits for this slot */
#define MESSAGE_SIZE	256u

struct message {
	uint32_t type;			/* 0: the slot is free */
	uint8_t size, flags, reserved[2];
	uint64_t sender;
	uint32_t timer, reserved1;
	uint64_t expired, delivered;	/* reference times */
};
_Static_assert(sizeof(struct message) == 40, "TLFS");

static void raise(struct vcpu *v, uint8_t vector)
{
	const struct apic_msg m = { .dest = v->lapic.s.id, .vector = vector, .mode = MODE_FIXED };

	if (vector >= FIRST_VECTOR)
		(void)lapic_post(&v->lapic, &m);
}

/* False: the slot is taken. */
static bool message_put(struct vcpu *v, unsigned n, uint64_t expired)
{
	struct hv_cpu *hv = &v->msr.hv;
	unsigned sint = TIMER_SINT(hv->timer[n].config);
	gpa_t at = { (hv->simp & ~MASK(11, 0)) + sint * MESSAGE_SIZE };
	struct message *m = gmem_at(&v->vm->mem, at, sizeof(*m), true);

	if (!(hv->scontrol & ENABLED) || !(hv->simp & ENABLED) || !m)
		return true;			/* nobody listens */
	if (__atomic_load_n(&m->type, __ATOMIC_ACQUIRE)) {
		(void)__atomic_fetch_or(&m->flags, MESSAGE_PENDING, __ATOMIC_SEQ_CST);
		/* Whoever has emptied it meanwhile may not have seen the flag. */
		if (__atomic_load_n(&m->type, __ATOMIC_SEQ_CST))
			return false;
	}
	m->size = sizeof(*m) - offsetof(struct message, timer);
	m->flags = 0;
	m->sender = 0;
	m->timer = n;
	m->reserved1 = 0;
	m->expired = expired;
	m->delivered = hv_time(v->vm, clock_now());
	__atomic_store_n(&m->type, MESSAGE_TIMER, __ATOMIC_RELEASE);
	if (!(hv->sint[sint] & SINT_MASKED))
		raise(v, (uint8_t)hv->sint[sint]);
	return true;
}

static void expire(struct vcpu *v, unsigned n, uint64_t expired)
{
	struct hv_timer *t = &v->msr.hv.timer[n];

	t->waits = 0;
	if (t->config & TIMER_DIRECT)
		raise(v, TIMER_VECTOR(t->config));
	else if (!message_put(v, n, expired))
		t->waits = expired;
}

static void schedule(struct vcpu *v)
{
	const struct vm *vm = v->vm;
	struct hv_cpu *hv = &v->msr.hv;
	uint64_t due = UINT64_MAX, zero = clock_ticks(&vm->hv_rate, vm->start.tsc);

	for (unsigned n = 0; n < HV_TIMERS; n++)
		if (hv->timer[n].due)
			due = min_u64(due, hv->timer[n].due);
	hv->next = due < UINT64_MAX - zero ? clock_tsc(&vm->hv_rate, due + zero) : TIMER_NEVER;
}

/* From a write of either register. */
static void start(struct vcpu *v, struct hv_timer *t)
{
	t->waits = 0;
	t->due = 0;
	if (t->config & ENABLED && t->count) {
		uint64_t now = hv_time(v->vm, clock_now());

		t->due = t->config & TIMER_PERIODIC ? (t->count < UINT64_MAX - now ? now + t->count : UINT64_MAX) : t->count;
	}
	schedule(v);
}

void synic_timers_run(struct vcpu *v, uint64_t now)
{
	struct hv_cpu *hv = &v->msr.hv;
	uint64_t time = hv_time(v->vm, now);

	if (now < hv->next)
		return;
	for (unsigned n = 0; n < HV_TIMERS; n++) {
		struct hv_timer *t = &hv->timer[n];
		uint64_t expired = t->due;

		if (!expired || expired > time)
			continue;
		if (t->config & TIMER_PERIODIC) {
			/* However many periods have passed: one expiration, and on to the next that lies ahead. */
			t->due += ((time - expired) / t->count + 1) * t->count;
			t->due = max_u64(t->due, time + PERIOD_MIN);
		} else {
			t->due = 0;
			t->config &= ~ENABLED;
		}
		expire(v, n, expired);
	}
	schedule(v);
}

/* --- registers ------------------------------------------------------------------------------------------------------- */

static bool timer_set(struct vcpu *v, unsigned n, bool count, uint64_t val)
{
	struct hv_timer *t = &v->msr.hv.timer[n];

	if (count) {
		t->count = val;
		if (!val)
			t->config &= ~ENABLED;
		else if (t->config & TIMER_AUTO)
			t->config |= ENABLED;
	} else {
		if (val & TIMER_RESERVED || (val & TIMER_DIRECT && TIMER_VECTOR(val) < FIRST_VECTOR))
			return false;
		t->config = val;
	}
	/* Interrupt source 0 is not for timers. */
	if (!(t->config & TIMER_DIRECT) && !TIMER_SINT(t->config))
		t->config &= ~ENABLED;
	start(v, t);
	return true;
}

static bool sint_set(struct hv_cpu *hv, unsigned n, uint64_t val)
{
	if (val & SINT_RESERVED || (!(val & SINT_MASKED) && (val & 0xff) < FIRST_VECTOR))
		return false;
	hv->sint[n] = val;
	hv->auto_eoi = 0;
	for (unsigned i = 0; i < HV_SINTS; i++)
		hv->auto_eoi |= hv->sint[i] & SINT_MASKED ? 0 : hv->sint[i] & SINT_AUTO_EOI;
	return true;
}

static bool page_set(struct vcpu *v, uint64_t *reg, uint64_t val)
{
	if (val & ENABLED && !gmem_at(&v->vm->mem, (gpa_t){ val & ~MASK(11, 0) }, PAGE_SIZE, true))
		return false;
	*reg = val;
	return true;
}

bool synic_get(const struct vcpu *v, uint32_t msr, uint64_t *val)
{
	const struct hv_cpu *hv = &v->msr.hv;

	switch (msr) {
	case MSR_SCONTROL:	*val = hv->scontrol; return true;
	case MSR_SVERSION:	*val = 1; return true;
	case MSR_SIEFP:		*val = hv->siefp; return true;
	case MSR_SIMP:		*val = hv->simp; return true;
	case MSR_EOM:		*val = 0; return true;
	default:		break;
	}
	if (msr >= MSR_SINT0 && msr < MSR_SINT0 + HV_SINTS)
		*val = hv->sint[msr - MSR_SINT0];
	else if (msr >= MSR_STIMER0 && msr < MSR_STIMER0 + 2 * HV_TIMERS)
		*val = msr & 1 ? hv->timer[(msr - MSR_STIMER0) / 2].count : hv->timer[(msr - MSR_STIMER0) / 2].config;
	else
		return false;
	return true;
}

bool synic_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	struct hv_cpu *hv = &v->msr.hv;

	switch (msr) {
	case MSR_SCONTROL:
		hv->scontrol = val & ENABLED;
		return true;
	case MSR_SIEFP:
		return page_set(v, &hv->siefp, val);
	case MSR_SIMP:
		return page_set(v, &hv->simp, val);
	case MSR_EOM:
		for (unsigned n = 0; n < HV_TIMERS; n++)
			if (hv->timer[n].waits)
				expire(v, n, hv->timer[n].waits);
		return true;
	default:
		break;
	}
	if (msr >= MSR_SINT0 && msr < MSR_SINT0 + HV_SINTS)
		return sint_set(hv, msr - MSR_SINT0, val);
	if (msr >= MSR_STIMER0 && msr < MSR_STIMER0 + 2 * HV_TIMERS)
		return timer_set(v, (msr - MSR_STIMER0) / 2, msr & 1, val);
	return false;
}

bool synic_auto_eoi(const struct vcpu *v, unsigned vector)
{
	const struct hv_cpu *hv = &v->msr.hv;

	for (unsigned i = 0; i < HV_SINTS; i++)
		if ((hv->sint[i] & (SINT_MASKED | SINT_AUTO_EOI)) == SINT_AUTO_EOI && (hv->sint[i] & 0xff) == vector)
			return true;
	return false;
}

void synic_reset(struct vcpu *v)
{
	v->msr.hv = (struct hv_cpu){ .next = TIMER_NEVER };
	for (unsigned i = 0; i < HV_SINTS; i++)
		v->msr.hv.sint[i] = SINT_MASKED;
}

/* The registers came out of a record, where anything may stand. */
void synic_restored(struct vcpu *v)
{
	struct hv_cpu *hv = &v->msr.hv;

	for (unsigned n = 0; n < HV_TIMERS; n++)
		if (!hv->timer[n].count)
			hv->timer[n].due = 0;
	schedule(v);
}
