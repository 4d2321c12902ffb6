/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sporadic server.  The budget lies in up to SCHED_REFILLS pieces in a ring, ordered by the time from which each may be used:
 *
 *      now                                    time ->
 *       |
 *   [ 300 ]        [ 120 ]            [ 80 ]          sum = budget, always
 *   ^ first: in use
 *
 * What is used leaves the first piece and comes back as a new last piece, one period after its use began.  So in any window
 * of one period at most the budget is used.  When the ring is full, the new piece joins the last one, at the later time: that
 * can only delay budget, never grant it early.
 */
#include <arch/time.h>
#include <kernel/refill.h>

static struct refill *refill_at(struct sched *s, unsigned i)
{
	return &s->refill[(s->refill_first + i) % SCHED_REFILLS];
}

static void refill_pop(struct sched *s)
{
	s->refill_first = (uint8_t)((s->refill_first + 1) % SCHED_REFILLS);
	s->refill_count--;
}

void refill_init(struct sched *s)
{
	s->refill_first = 0;
	s->refill_count = 1;
	s->refill[0] = (struct refill){ .time = 0, .amount = s->budget };
}

/* Let the first piece join the second one, at the second one's time. */
static void refill_join(struct sched *s)
{
	refill_at(s, 1)->amount += refill_at(s, 0)->amount;
	refill_pop(s);
}

uint64_t refill_now(struct sched *s, uint64_t now)
{
	uint64_t least = time_hz() / REFILL_MIN_HZ;

	while (s->refill_count > 1 && (refill_at(s, 1)->time <= now || refill_at(s, 0)->amount < least))
		refill_join(s);
	return refill_at(s, 0)->time <= now ? refill_at(s, 0)->amount : 0;
}

uint64_t refill_next(const struct sched *s)
{
	return s->refill[s->refill_first].time;
}

static void refill_add(struct sched *s, uint64_t time, uint64_t amount)
{
	struct refill *last;

	if (s->refill_count < SCHED_REFILLS) {
		s->refill_count++;
		*refill_at(s, s->refill_count - 1u) = (struct refill){ .time = time, .amount = amount };
		return;
	}
	last = refill_at(s, SCHED_REFILLS - 1);
	last->time = max_u64(last->time, time);
	last->amount += amount;
}

/* What was used beyond the whole budget (the timer came late) delays the last piece, at the rate at which budget comes back. */
static void refill_repay(struct sched *s, uint64_t overrun)
{
	uint64_t rate = (s->period + s->budget - 1) / s->budget;

	refill_at(s, s->refill_count - 1u)->time += min_u64(overrun, SCHED_MAX_PERIOD / rate) * rate;
}

/* Use that overruns the first piece is taken from the next ones. */
void refill_use(struct sched *s, uint64_t start, uint64_t used)
{
	unsigned pieces = s->refill_count;

	for (unsigned i = 0; i < pieces && used > 0; i++) {
		struct refill *first = refill_at(s, 0);
		uint64_t part = min_u64(used, first->amount);

		first->amount -= part;
		used -= part;
		if (first->amount == 0)
			refill_pop(s);
		refill_add(s, max_u64(start + s->period, s->refill_count ? refill_at(s, s->refill_count - 1u)->time : 0), part);
	}
	if (used)
		refill_repay(s, used);
}
