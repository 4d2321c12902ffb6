/* SPDX-License-Identifier: Apache-2.0 */
/* Conversion between the TSC and a device's clock, and the queue of a VM's timers. */
#include "timer.h"
#include "upcall.h"

/*
 * @num / @den as a binary fraction: *@mult / 2^*@shift with a full 64-bit @mult, by long division (a freestanding program
 * has no 128-bit division).  Rounded down, or up if @up and there is a remainder.
 */
static void fraction(uint64_t num, uint64_t den, bool up, uint64_t *mult, uint8_t *shift)
{
	uint64_t q = num / den, r = num % den;
	unsigned n = 0;

	for (; q < BIT(63) && n < 126; n++) {
		bool carry = r >> 63 != 0;

		r <<= 1;
		q <<= 1;
		if (carry || r >= den) {
			r -= den;
			q |= 1;
		}
	}
	*mult = up && r && q != UINT64_MAX ? q + 1 : q;
	*shift = (uint8_t)n;
}

static uint64_t scale(uint64_t v, uint64_t mult, unsigned shift)
{
	unsigned __int128 x = (unsigned __int128)v * mult >> shift;

	return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

void clock_rate_init(struct clock_rate *r, uint64_t tsc_hz, uint64_t hz)
{
	/* Towards ticks rounds up, so that a whole number of ticks does not come out one too small. */
	fraction(hz, tsc_hz, true, &r->to_mult, &r->to_shift);
	fraction(tsc_hz, hz, false, &r->from_mult, &r->from_shift);
}

uint64_t clock_ticks(const struct clock_rate *r, uint64_t tsc)
{
	return scale(tsc, r->to_mult, r->to_shift);
}

uint64_t clock_tsc(const struct clock_rate *r, uint64_t ticks)
{
	uint64_t tsc = scale(ticks, r->from_mult, r->from_shift);

	/* The estimate is a unit or two off; a timer that fired a unit early would find its count not yet reached. */
	while (tsc > 0 && clock_ticks(r, tsc - 1) >= ticks)
		tsc--;
	while (tsc < TIMER_NEVER && clock_ticks(r, tsc) < ticks)
		tsc++;
	return tsc;
}

void timer_queue_init(struct timer_queue *q, struct vm *vm)
{
	list_init(&q->armed);
	q->vm = vm;
}

uint64_t timer_queue_next(const struct timer_queue *q)
{
	if (list_empty(&q->armed))
		return TIMER_NEVER;
	return list_first(&q->armed, struct timer, node)->deadline;
}

void timer_queue_run(struct timer_queue *q, uint64_t now)
{
	struct list due = LIST_INIT(due);

	/* First all that is due moves out of the queue: what handlers arm again is not looked at in this call. */
	while (!list_empty(&q->armed) && timer_queue_next(q) <= now) {
		struct timer *t = list_first(&q->armed, struct timer, node);

		list_del(&t->node);
		list_add_tail(&due, &t->node);
	}
	while (!list_empty(&due)) {	/* a handler may cancel one that is still in here */
		struct timer *t = list_first(&due, struct timer, node);

		list_del(&t->node);
		t->deadline = TIMER_NEVER;
		t->fire(t, now);
	}
}

void timer_init(struct timer *t, timer_fn *fire)
{
	list_init(&t->node);
	t->deadline = TIMER_NEVER;
	t->fire = fire;
}

void timer_cancel(struct timer *t)
{
	list_del(&t->node);
	t->deadline = TIMER_NEVER;
}

void timer_arm(struct timer_queue *q, struct timer *t, uint64_t deadline)
{
	uint64_t next = timer_queue_next(q);
	struct list *at;

	timer_cancel(t);
	if (deadline == TIMER_NEVER)
		return;
	at = q->armed.next;
	while (at != &q->armed && list_entry(at, struct timer, node)->deadline <= deadline)
		at = at->next;
	list_insert_between(&t->node, at->prev, at);
	t->deadline = deadline;
	if (deadline < next)
		vm_timers_changed(q->vm);
}
