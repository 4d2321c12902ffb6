/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8254 interval timer.  Counts and outputs are computed from the time at which the count was loaded; only channel 0 needs
 * a timer, for its interrupt.
 *
 * A new count takes effect at once in every mode; the chip would wait for the end of the period in modes 2 and 3.
 */
#include <dev/pit.h>
#include <rt/time.h>
#include "irqchip.h"
#include "record.h"

#define CONTROL_BCD	BIT(0)
#define CONTROL_MODE(c)	((c) >> 1 & 7u)
#define CONTROL_RW(c)	((c) >> 4 & 3u)		/* 0 latch, 1 low byte, 2 high byte, 3 low then high */
#define RW_LATCH	0
#define RW_LOW		1
#define RW_HIGH		2
#define RW_BOTH		3
#define READ_BACK	3			/* channel number of the read-back command */

#define PORT61_GATE2	BIT(0)
#define PORT61_WRITABLE	0x0f
#define PORT61_REFRESH	0x10
#define PORT61_OUT2	0x20
#define REFRESH_TICKS	18			/* 15 us between two refresh cycles */

/* The shortest time between two interrupts of a periodic mode, so that the guest can still run: 50 us. */
#define PERIOD_MIN_TICKS 60

static uint64_t ticks_now(const struct pit *p)
{
	return clock_ticks(&p->rate, clock_now());
}

/* Modes 6 and 7 are 2 and 3. */
static unsigned mode_of(const struct pit_channel *c)
{
	unsigned m = CONTROL_MODE(c->control);

	return m > 5 ? m - 4 : m;
}

/* In modes 1 and 5 the gate starts the count; in the others it must be open for counting. */
static bool gate_triggers(const struct pit_channel *c)
{
	return mode_of(c) == 1 || mode_of(c) == 5;
}

/* Ticks counted since the count was loaded or triggered. */
static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
	if (!c->running)
		return 0;
	return c->gate || gate_triggers(c) ? now - c->start : c->frozen;
}

static uint16_t count_now(const struct pit_channel *c, uint64_t now)
{
	uint64_t d = elapsed(c, now), n = c->reload, modulus = c->control & CONTROL_BCD ? 10000 : 0x10000, v;

	switch (mode_of(c)) {
	case 2:
		v = n - d % n;
		break;
	case 3:			/* counts down by two, twice a period */
		v = (n - 2 * d % n) & ~1ull;
		break;
	default:		/* goes on below 0 */
		v = modulus + n - d % modulus;
		break;
	}
	v %= modulus;
	if (c->control & CONTROL_BCD)
		v = v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
	return (uint16_t)v;
}

static bool output_now(const struct pit_channel *c, uint64_t now)
{
	uint64_t d = elapsed(c, now), n = c->reload;

	if (!c->running)
		return mode_of(c) != 0;
	switch (mode_of(c)) {
	case 0:
	case 1:
		return d >= n;
	case 2:
		return !c->gate || d % n != n - 1;
	case 3:
		return !c->gate || d % n < (n + 1) / 2;
	default:
		return d != n;
	}
}

/* Arm the timer for the next rising edge of channel 0's output after @now. */
static void schedule(struct pit *p, uint64_t now)
{
	const struct pit_channel *c = &p->s.ch[0];
	uint64_t d = elapsed(c, now), n = c->reload, next;

	timer_cancel(&p->timer);
	if (!c->running)
		return;
	switch (mode_of(c)) {
	case 0:
		next = n;
		break;
	case 2:
	case 3:
		next = (d / n + 1) * n;
		if (n < PERIOD_MIN_TICKS)
			next = max_u64(next, d + PERIOD_MIN_TICKS);
		break;
	default:
		next = n + 1;
		break;
	}
	if (next > d)
		timer_arm(p->env.timers, &p->timer, clock_tsc(&p->rate, c->start + next));
}

/* However many edges have passed by now: one interrupt. */
static void pit_fire(struct timer *t, uint64_t now)
{
	struct pit *p = container_of(t, struct pit, timer);

	irq_legacy_set(p->env.chip, GSI_PIT, false);
	irq_legacy_set(p->env.chip, GSI_PIT, true);
	schedule(p, clock_ticks(&p->rate, now));
}

/* Channel 0 was programmed: mode 0 keeps the output low until the count ends, the others idle high. */
static void channel0_changed(struct pit *p, uint64_t now)
{
	irq_legacy_set(p->env.chip, GSI_PIT, mode_of(&p->s.ch[0]) != 0);
	schedule(p, now);
}

static void count_load(struct pit *p, unsigned n, uint16_t val)
{
	struct pit_channel *c = &p->s.ch[n];
	uint64_t now = ticks_now(p);
	uint32_t count = val;

	if (c->control & CONTROL_BCD)
		count = (val >> 12) * 1000u + (val >> 8 & 15u) * 100u + (val >> 4 & 15u) * 10u + (val & 15u);
	if (!count)
		count = c->control & CONTROL_BCD ? 10000 : 0x10000;
	c->reload = count;
	c->loaded = true;
	if (!gate_triggers(c)) {
		c->running = true;
		c->start = now;
		c->frozen = 0;
	}
	if (n == 0)
		channel0_changed(p, now);
}

static void count_write(struct pit *p, unsigned n, uint8_t val)
{
	struct pit_channel *c = &p->s.ch[n];

	switch (CONTROL_RW(c->control)) {
	case RW_LOW:
		count_load(p, n, val);
		break;
	case RW_HIGH:
		count_load(p, n, (uint16_t)(val << 8));
		break;
	default:
		if (c->write_high) {
			c->write_high = false;
			count_load(p, n, (uint16_t)(val << 8 | c->write_low));
			break;
		}
		c->write_low = val;
		c->write_high = true;
		if (mode_of(c) == 0) {		/* the first byte stops the count */
			c->running = false;
			if (n == 0)
				channel0_changed(p, ticks_now(p));
		}
		break;
	}
}

/* Nothing happens if the latch has not been read since the last time. */
static void count_latch(struct pit_channel *c, uint64_t now)
{
	if (c->latched)
		return;
	c->latch = count_now(c, now);
	c->latched = CONTROL_RW(c->control) == RW_BOTH ? 2 : 1;
}

static void status_latch(struct pit_channel *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->status = (uint8_t)(output_now(c, now) << 7 | !c->loaded << 6 | c->control);
	c->status_latched = true;
}

static uint8_t count_read(struct pit_channel *c, uint64_t now)
{
	unsigned rw = CONTROL_RW(c->control);
	uint16_t v;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	v = c->latched ? c->latch : count_now(c, now);
	high = rw == RW_HIGH || (rw == RW_BOTH && c->read_high);
	if (rw == RW_BOTH)
		c->read_high = !c->read_high;
	if (c->latched)
		c->latched--;
	return (uint8_t)(high ? v >> 8 : v);
}

/* Control word: bits 7:6 channel, 5:4 access, 3:1 mode, 0 BCD.  Read-back: bit 5 clear latches counts, bit 4 clear the status. */
static void control_write(struct pit *p, uint8_t val)
{
	unsigned n = val >> 6;
	uint64_t now = ticks_now(p);
	struct pit_channel *c;

	if (n == READ_BACK) {
		for (unsigned i = 0; i < 3; i++) {
			if (!(val & BIT(i + 1)))
				continue;
			if (!(val & BIT(5)))
				count_latch(&p->s.ch[i], now);
			if (!(val & BIT(4)))
				status_latch(&p->s.ch[i], now);
		}
		return;
	}
	c = &p->s.ch[n];
	if (CONTROL_RW(val) == RW_LATCH) {
		count_latch(c, now);
		return;
	}
	*c = (struct pit_channel){ .control = val & 0x3f, .gate = c->gate, .reload = c->reload };
	if (n == 0)
		channel0_changed(p, now);
}

static void gate_set(struct pit_channel *c, bool gate, uint64_t now)
{
	if (gate == c->gate)
		return;
	if (!gate) {
		c->frozen = elapsed(c, now);
	} else if (gate_triggers(c)) {
		c->running = c->loaded;
		c->start = now;
	} else if (mode_of(c) == 2 || mode_of(c) == 3) {
		c->start = now;			/* begins a new period */
	} else {
		c->start = now - c->frozen;
	}
	c->gate = gate;
}

static uint64_t pit_read(void *dev, uint64_t off, unsigned size)
{
	struct pit *p = dev;

	(void)size;
	return off < 3 ? count_read(&p->s.ch[off], ticks_now(p)) : 0xff;	/* the control word cannot be read */
}

static void pit_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)size;
	if (off < 3)
		count_write(dev, (unsigned)off, (uint8_t)val);
	else
		control_write(dev, (uint8_t)val);
}

static uint64_t port61_read(void *dev, uint64_t off, unsigned size)
{
	struct pit *p = dev;
	uint64_t now = ticks_now(p);

	(void)off;
	(void)size;
	return p->s.port61 | (now / REFRESH_TICKS % 2 ? PORT61_REFRESH : 0) | (output_now(&p->s.ch[2], now) ? PORT61_OUT2 : 0);
}

static void port61_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pit *p = dev;

	(void)off;
	(void)size;
	p->s.port61 = val & PORT61_WRITABLE;
	gate_set(&p->s.ch[2], (val & PORT61_GATE2) != 0, ticks_now(p));
}

const struct bus_ops pit_ops = { pit_read, pit_write };
const struct bus_ops pit_port61_ops = { port61_read, port61_write };

/* Nothing counts and no output moves until a channel is programmed. */
void pit_reset(struct pit *p)
{
	for (unsigned i = 0; i < 3; i++)
		p->s.ch[i] = (struct pit_channel){ .control = RW_BOTH << 4, .reload = 0x10000, .gate = i != 2 };
	p->s.port61 = 0;
	timer_cancel(&p->timer);
	irq_legacy_set(p->env.chip, GSI_PIT, false);
}

void pit_init(struct pit *p, const struct dev_env *env)
{
	*p = (struct pit){ .env = *env };
	clock_rate_init(&p->rate, env->tsc_hz, PIT_HZ);
	timer_init(&p->timer, pit_fire);
	pit_reset(p);
}

static bool channel_restore(struct pit_channel *c, const struct pit_channel *s, uint64_t now)
{
	if (s->start > now || s->frozen > now || !s->reload || s->reload > 0x10000 || s->latched > 2 || s->control > 0x3f)
		return false;
	*c = *s;
	c->status_latched = record_bool(&s->status_latched);
	c->write_high = record_bool(&s->write_high);
	c->read_high = record_bool(&s->read_high);
	c->gate = record_bool(&s->gate);
	c->loaded = record_bool(&s->loaded);
	c->running = record_bool(&s->running);
	return true;
}

/* An edge that fell into the gap must not be lost; one too many does no harm. */
bool pit_restore(void *dev, const void *state)
{
	const struct pit_state *s = state;
	uint64_t now = clock_now();
	struct pit *p = dev;

	for (unsigned i = 0; i < 3; i++)
		if (!channel_restore(&p->s.ch[i], &s->ch[i], clock_ticks(&p->rate, now)))
			return false;
	p->s.port61 = s->port61 & PORT61_WRITABLE;
	if (p->s.ch[0].running)
		timer_arm(p->env.timers, &p->timer, now);
	return true;
}
