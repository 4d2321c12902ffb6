/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC timer.
 *
 * Nothing counts: the state is the bus tick at which the count reaches zero (timer_zero), and the registers are computed
 * from it.  The period of the periodic mode is kept in whole bus ticks, so it does not drift.  timer_fire is the same
 * instant as a TSC value; the vCPU's thread runs until then and calls lapic_timer_run().
 */
#include <rt/time.h>
#include "lapic_priv.h"

/*
 * The shortest distance between two interrupts of the periodic mode.  A faster timer would leave the guest no time to
 * run; it keeps its phase and its count, and loses ticks.
 */
#define PERIOD_MIN_TICKS	20000u		/* of the bus clock: 20 us */

static enum timer_mode timer_mode(const struct lapic *l)
{
	return (enum timer_mode)LVT_TIMER_MODE(l->s.lvt[LVT_TIMER]);
}

static bool counts(const struct lapic *l)
{
	return timer_mode(l) == TIMER_ONE_SHOT || timer_mode(l) == TIMER_PERIODIC;
}

/* SDM, "Divide Configuration Register": bits 3, 1, 0; 111 means divide by 1. */
static unsigned divide_shift(const struct lapic *l)
{
	uint32_t d = l->s.timer_divide;

	return ((d >> 1 & 4) + (d & 3) + 1) & 7;
}

static uint64_t period(const struct lapic *l)
{
	return (uint64_t)l->s.timer_initial << divide_shift(l);
}

static uint64_t bus_now(const struct lapic *l)
{
	return clock_ticks(&l->bus, clock_now());
}

/* Derive timer_fire from timer_zero. */
static void timer_schedule(struct lapic *l)
{
	l->s.timer_fire = l->s.timer_zero ? clock_tsc(&l->bus, l->s.timer_zero) : TIMER_NEVER;
}

/* Count down from @count, from now on.  0 stops. */
static void timer_count_from(struct lapic *l, uint64_t count)
{
	l->s.timer_zero = count ? bus_now(l) + (count << divide_shift(l)) : 0;
	timer_schedule(l);
}

/* Disarm in every mode and forget what was programmed. */
void lapic_timer_stop(struct lapic *l)
{
	l->s.timer_initial = 0;
	l->s.timer_zero = 0;
	l->s.tsc_deadline = 0;
	l->s.timer_fire = TIMER_NEVER;
}

void lapic_timer_run(struct lapic *l, uint64_t now)
{
	if (now < l->s.timer_fire)
		return;
	l->s.timer_fire = TIMER_NEVER;
	l->s.tsc_deadline = 0;
	if (timer_mode(l) == TIMER_PERIODIC && l->s.timer_zero && period(l)) {
		uint64_t ticks = clock_ticks(&l->bus, now), p = period(l);

		/* However many periods have passed since: one interrupt, and on to the first end of a period that lies ahead. */
		l->s.timer_zero += ((ticks - l->s.timer_zero) / p + 1) * p;
		timer_schedule(l);
		if (p < PERIOD_MIN_TICKS)
			l->s.timer_fire = max_u64(l->s.timer_fire, clock_tsc(&l->bus, ticks + PERIOD_MIN_TICKS));
	} else {
		l->s.timer_zero = 0;
	}
	lapic_lvt_deliver(l, LVT_TIMER);
}

/*
 * The timer's LVT entry is written.  Between one-shot and periodic the count goes on and the new mode decides what happens
 * at its end; to or from TSC-deadline mode disarms.  SDM, "TSC-Deadline Mode".
 */
void lapic_timer_lvt_write(struct lapic *l, uint32_t lvt)
{
	enum timer_mode old = timer_mode(l);
	bool counted = counts(l);

	if (old != (enum timer_mode)LVT_TIMER_MODE(lvt))
		lapic_timer_run(l, clock_now());	/* what ended before the write ends by the old mode */
	word_set(&l->s.lvt[LVT_TIMER], lvt);
	if (timer_mode(l) == old)
		return;
	if (counted && counts(l))
		timer_schedule(l);
	else
		lapic_timer_stop(l);
}

/* The initial-count register is written: starts the count, 0 stops it.  Ignored in TSC-deadline mode. */
void lapic_timer_start(struct lapic *l, uint32_t initial)
{
	if (!counts(l))
		return;
	l->s.timer_initial = initial;
	timer_count_from(l, initial);
}

/* A new divisor holds for the rest of the present count. */
void lapic_timer_divide_write(struct lapic *l, uint32_t divide)
{
	uint32_t count;

	lapic_timer_run(l, clock_now());
	count = lapic_timer_count(l);
	l->s.timer_divide = divide;
	if (l->s.timer_zero)
		timer_count_from(l, count);
}

/* The current-count register: rounded up, so that it is 0 only when the count has ended. */
uint32_t lapic_timer_count(struct lapic *l)
{
	uint64_t now = bus_now(l), left, p = period(l);

	if (!counts(l) || !l->s.timer_zero || !p)
		return 0;
	if (now < l->s.timer_zero)
		left = l->s.timer_zero - now;
	else if (timer_mode(l) == TIMER_PERIODIC)	/* its end has not been processed yet */
		left = p - (now - l->s.timer_zero) % p;
	else
		return 0;
	return (uint32_t)((left + BIT(divide_shift(l)) - 1) >> divide_shift(l));
}

uint64_t lapic_tsc_deadline_read(struct lapic *l)
{
	lapic_timer_run(l, clock_now());
	return l->s.tsc_deadline;
}

void lapic_tsc_deadline_write(struct lapic *l, uint64_t val)
{
	uint64_t now = clock_now(), guest_now = now + l->s.tsc_offset, wait;

	if (!l->cfg.tsc_deadline || timer_mode(l) != TIMER_TSC_DEADLINE)
		return;
	l->s.tsc_deadline = val;
	wait = val > guest_now ? val - guest_now : 0;
	if (!val || wait >= TIMER_NEVER - now)
		l->s.timer_fire = TIMER_NEVER;
	else
		l->s.timer_fire = now + wait;
}

void lapic_set_tsc_offset(struct lapic *l, uint64_t offset)
{
	l->s.tsc_offset = offset;
	if (l->s.tsc_deadline)
		lapic_tsc_deadline_write(l, l->s.tsc_deadline);
}

/* The state is another APIC's: derive when it fires, which may have been a while ago. */
void lapic_timer_restore(struct lapic *l)
{
	if (counts(l)) {
		timer_schedule(l);
		return;
	}
	l->s.timer_zero = 0;
	l->s.timer_fire = TIMER_NEVER;
	if (l->s.tsc_deadline)
		lapic_tsc_deadline_write(l, l->s.tsc_deadline);
}
