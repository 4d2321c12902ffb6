/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High precision event timers.  Intel, "IA-PC HPET Specification", "Hardware Overview" and "Register Model".
 *
 * Nothing runs between accesses: sync() works out which comparators the counter has passed since the last time, and one timer
 * of the VM stands for the next match that interrupts.
 */
#include <dev/hpet.h>
#include <rt/time.h>
#include "irqchip.h"

enum { REG_ID = 0x00, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARE = 0x08, TIMER_STEP = 0x20 };

#define PERIOD_FS	(1000000000000000ull / HPET_HZ)

#define CONFIG_ENABLE	BIT(0)
#define CONFIG_LEGACY	BIT(1)

/* "Timer N Configuration and Capabilities Register" */
#define T_LEVEL		BIT(1)
#define T_ENABLE	BIT(2)
#define T_PERIODIC	BIT(3)
#define T_CAN_PERIODIC	BIT(4)
#define T_CAN_64	BIT(5)
#define T_VALUE_SET	BIT(6)			/* reads as 0 */
#define T_32		BIT(8)
#define T_ROUTE		MASK(13, 9)
#define T_ROUTE_OF(c)	((unsigned)((c) >> 9 & 31))
#define T_WRITABLE	(T_LEVEL | T_ENABLE | T_VALUE_SET | T_32)

#define ROUTES		(BIT(10) | BIT(11) | BIT(14) | BIT(15))	/* lines that no other device drives */
#define NEVER		UINT64_MAX

static uint64_t ticks_now(const struct hpet *h)
{
	return clock_ticks(&h->rate, clock_now());
}

static uint64_t counter_at(const struct hpet *h, uint64_t tick)
{
	return h->s.config & CONFIG_ENABLE ? h->s.counter + (tick - h->s.base) : h->s.counter;
}

/* The line of timer @n, as a bit; 0: it has none. */
static uint32_t line_of(const struct hpet *h, unsigned n)
{
	if (h->s.config & CONFIG_LEGACY && n < 2)
		return (uint32_t)BIT(n ? GSI_RTC : GSI_PIT);
	return (uint32_t)(BIT(T_ROUTE_OF(h->s.timer[n].config)) & ROUTES);
}

/* How far the counter, at @from, is before the next match of @t. */
static uint64_t distance(const struct hpet_timer *t, uint64_t from)
{
	if (t->config & T_32)
		return (uint32_t)(t->compare - from) ? (uint32_t)(t->compare - from) : BIT(32);
	return t->compare - from ? t->compare - from : NEVER;
}

/* The counter goes on from @from to @to: has it matched?  A periodic comparator then waits for its next value. */
static bool matched(struct hpet_timer *t, uint64_t from, uint64_t to)
{
	uint64_t d = distance(t, from), passed = to - from;

	if (passed < d)
		return false;
	if (t->config & T_PERIODIC && t->period)
		t->compare += ((passed - d) / t->period + 1) * t->period;
	if (t->config & T_32)
		t->compare = (uint32_t)t->compare;
	return true;
}

static void lines_drive(struct hpet *h, uint32_t lines)
{
	uint32_t changed = h->s.lines ^ lines;

	h->s.lines = lines;
	for (unsigned gsi = 0; changed; gsi++, changed >>= 1)
		if (changed & 1)
			irq_line_set(h->env.chip, gsi, (lines & BIT(gsi)) != 0);
}

/* The lines of level-triggered timers are as their status bits say; an edge stays high until the next one, as the PIT's does. */
static void levels_update(struct hpet *h)
{
	uint32_t level = 0, active = 0;

	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		if (!(h->s.timer[n].config & T_LEVEL))
			continue;
		level |= line_of(h, n);
		if (h->s.timer[n].config & T_ENABLE && h->s.status & BIT(n))
			active |= line_of(h, n);
	}
	lines_drive(h, (h->s.lines & ~level) | active);
}

/* All effects of the time that has passed. */
static void sync(struct hpet *h)
{
	uint64_t now = counter_at(h, ticks_now(h)), from = h->s.synced;

	h->s.synced = now;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		struct hpet_timer *t = &h->s.timer[n];

		if (!matched(t, from, now))
			continue;
		if (t->config & T_LEVEL) {
			h->s.status |= BIT(n);
		} else if (t->config & T_ENABLE) {
			lines_drive(h, h->s.lines & ~line_of(h, n));
			lines_drive(h, h->s.lines | line_of(h, n));
		}
	}
	levels_update(h);
}

/* After sync(): have it called again for the next interrupt. */
static void schedule(struct hpet *h)
{
	uint64_t next = NEVER, tick;

	timer_cancel(&h->timer);
	if (!(h->s.config & CONFIG_ENABLE))
		return;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		const struct hpet_timer *t = &h->s.timer[n];
		uint64_t d = distance(t, h->s.synced);

		if (!(t->config & T_ENABLE) || (t->config & T_LEVEL && h->s.status & BIT(n)))
			continue;
		if (t->config & T_PERIODIC && t->period < HPET_MIN_TICK)
			d = max_u64(d, HPET_MIN_TICK);
		next = min_u64(next, d);
	}
	tick = h->s.base + (h->s.synced - h->s.counter);
	if (next < NEVER - tick)
		timer_arm(h->env.timers, &h->timer, clock_tsc(&h->rate, tick + next));
}

static void hpet_fire(struct timer *timer, uint64_t now)
{
	struct hpet *h = container_of(timer, struct hpet, timer);

	(void)now;
	sync(h);
	schedule(h);
}

static uint64_t merge(uint64_t old, uint64_t mask, uint64_t val)
{
	return (old & ~mask) | (val & mask);
}

static void config_write(struct hpet *h, uint64_t val)
{
	uint64_t changed = (h->s.config ^ val) & (CONFIG_ENABLE | CONFIG_LEGACY), tick = ticks_now(h);

	if (changed & CONFIG_ENABLE) {
		h->s.counter = h->s.synced;
		h->s.base = tick;
	}
	if (changed & CONFIG_LEGACY) {		/* whoever gets the lines finds them low */
		lines_drive(h, h->s.lines & ~(uint32_t)(BIT(GSI_PIT) | BIT(GSI_RTC)));
		irq_legacy_replace(h->env.chip, (val & CONFIG_LEGACY) != 0);
	}
	h->s.config ^= changed;
}

static void timer_config_write(struct hpet *h, unsigned n, uint64_t mask, uint64_t val)
{
	struct hpet_timer *t = &h->s.timer[n];
	uint64_t route = merge(t->config, mask, val) & T_ROUTE, writable = T_WRITABLE | (n ? 0 : T_PERIODIC);

	/* What cannot be routed there stays where it was: so software finds out. */
	if (!route || BIT(T_ROUTE_OF(route)) & ROUTES)
		writable |= T_ROUTE;
	lines_drive(h, h->s.lines & ~line_of(h, n));
	t->config = merge(t->config, mask & writable, val);
	if (!(t->config & T_LEVEL))
		h->s.status &= ~BIT(n);
	if (!(t->config & T_32))
		return;
	t->compare = (uint32_t)t->compare;
	t->period = (uint32_t)t->period;
}

/*
 * "Timer N Comparator Value Register": of a periodic timer this is the period, and with T_VALUE_SET, for one write, the
 * value of the next match as well.
 */
static void compare_write(struct hpet_timer *t, uint64_t mask, uint64_t val)
{
	if (t->config & T_32)
		mask &= UINT32_MAX;
	if (t->config & T_PERIODIC)
		t->period = merge(t->period, mask, val);
	if (!(t->config & T_PERIODIC) || t->config & T_VALUE_SET)
		t->compare = merge(t->compare, mask, val);
	if (t->config & T_32 || mask >> 32)
		t->config &= ~T_VALUE_SET;
}

static uint64_t word_read(const struct hpet *h, uint64_t off)
{
	unsigned n = (unsigned)((off - REG_TIMERS) / TIMER_STEP);

	switch (off) {
	case REG_ID:
		return PERIOD_FS << 32 | HPET_ID;
	case REG_CONFIG:
		return h->s.config;
	case REG_STATUS:
		return h->s.status;
	case REG_COUNTER:
		return h->s.synced;
	default:
		break;
	}
	if (off < REG_TIMERS || n >= HPET_TIMERS)
		return 0;
	if (off % TIMER_STEP == TIMER_CONFIG)
		return ROUTES << 32 | (h->s.timer[n].config & ~T_VALUE_SET) | T_CAN_64 | (n ? 0 : T_CAN_PERIODIC);
	return off % TIMER_STEP == TIMER_COMPARE ? h->s.timer[n].compare : 0;
}

static void word_write(struct hpet *h, uint64_t off, uint64_t mask, uint64_t val)
{
	unsigned n = (unsigned)((off - REG_TIMERS) / TIMER_STEP);

	if (off == REG_CONFIG)
		config_write(h, merge(h->s.config, mask, val));
	else if (off == REG_STATUS)
		h->s.status &= ~(val & mask);
	else if (off == REG_COUNTER && !(h->s.config & CONFIG_ENABLE))
		h->s.counter = h->s.synced = merge(h->s.counter, mask, val);
	else if (off >= REG_TIMERS && n < HPET_TIMERS && off % TIMER_STEP == TIMER_CONFIG)
		timer_config_write(h, n, mask, val);
	else if (off >= REG_TIMERS && n < HPET_TIMERS && off % TIMER_STEP == TIMER_COMPARE)
		compare_write(&h->s.timer[n], mask, val);
}

static uint64_t hpet_read(void *dev, uint64_t off, unsigned size)
{
	uint64_t word = align_down(off, 8), shift = off % 8 * 8, val;

	sync(dev);
	schedule(dev);
	val = word_read(dev, word) >> shift;
	if (off % 8 + size > 8)
		val |= word_read(dev, word + 8) << (64 - shift);
	return val;
}

static void hpet_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	uint64_t word = align_down(off, 8), shift = off % 8 * 8, mask = MASK(8 * size - 1, 0);

	sync(dev);
	word_write(dev, word, mask << shift, val << shift);
	if (off % 8 + size > 8)
		word_write(dev, word + 8, mask >> (64 - shift), val >> (64 - shift));
	levels_update(dev);
	schedule(dev);
}

const struct bus_ops hpet_ops = { hpet_read, hpet_write };

void hpet_reset(struct hpet *h)
{
	lines_drive(h, 0);
	irq_legacy_replace(h->env.chip, false);
	timer_cancel(&h->timer);
	h->s = (struct hpet_state){ 0 };
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		h->s.timer[n].compare = UINT64_MAX;
}

bool hpet_restore(void *dev, const void *state)
{
	const struct hpet_state *s = state;
	struct hpet *h = dev;

	if (s->base > ticks_now(h) || s->config & ~(CONFIG_ENABLE | CONFIG_LEGACY) || s->status >> HPET_TIMERS)
		return false;
	h->s = *s;
	h->s.lines = 0;
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		h->s.timer[n].config &= T_WRITABLE | T_PERIODIC | T_ROUTE;
	irq_legacy_replace(h->env.chip, (s->config & CONFIG_LEGACY) != 0);
	lines_drive(h, s->lines & (uint32_t)(ROUTES | (s->config & CONFIG_LEGACY ? BIT(GSI_PIT) | BIT(GSI_RTC) : 0)));
	sync(h);
	schedule(h);
	return true;
}

void hpet_init(struct hpet *h, const struct dev_env *env)
{
	*h = (struct hpet){ .env = *env };
	clock_rate_init(&h->rate, env->tsc_hz, HPET_HZ);
	timer_init(&h->timer, hpet_fire);
	hpet_reset(h);
}
