/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818 real-time clock and CMOS memory.
 *
 * While the clock runs, the time of day is computed from the TSC and the flags of register C are brought up to date
 * whenever somebody looks; a timer runs only for an enabled interrupt.  While it is stopped (SET, or the divider held in
 * reset) the registers are plain memory.
 */
#include <dev/rtc.h>
#include <lib/bytes.h>
#include <rt/time.h>
#include "irqchip.h"
#include "record.h"

enum rtc_reg {
	RTC_SEC = 0, RTC_SEC_ALARM, RTC_MIN, RTC_MIN_ALARM, RTC_HOUR, RTC_HOUR_ALARM, RTC_WDAY, RTC_MDAY, RTC_MONTH,
	RTC_YEAR, RTC_A, RTC_B, RTC_C, RTC_D,
	CMOS_EQUIPMENT = 0x14, CMOS_BASE_KIB = 0x15, CMOS_EXT_KIB = 0x17, CMOS_SUM = 0x2e, CMOS_EXT_KIB2 = 0x30,
	RTC_CENTURY = 0x32, CMOS_ABOVE_16M = 0x34, CMOS_ABOVE_4G = 0x5b,
};

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_DIVIDER_ON	0x20		/* 32768 Hz crystal */
#define A_DIVIDER_RESET	0x60		/* 11x: held in reset */
#define B_SET		0x80
#define B_BINARY	0x04
#define B_24H		0x02
#define C_IRQ		0x80
#define C_PERIODIC	0x40		/* the enable bits in register B have the same places */
#define C_ALARM		0x20
#define C_UPDATE	0x10
#define C_SOURCES	(C_PERIODIC | C_ALARM | C_UPDATE)
#define D_VALID		0x80
#define HOUR_PM		0x80

#define UIP_TICKS	8		/* update in progress for the last 244 us of a second */
#define DAY		86400
#define NO_ALARM	UINT32_MAX

static uint64_t ticks_now(const struct rtc *r)
{
	return clock_ticks(&r->rate, clock_now());
}

static bool divider_on(const struct rtc *r)
{
	return (r->s.ram[RTC_A] & A_DIVIDER) == A_DIVIDER_ON;
}

static bool running(const struct rtc *r)
{
	return divider_on(r) && !(r->s.ram[RTC_B] & B_SET);
}

static int64_t time_at(const struct rtc *r, uint64_t tick)
{
	return r->s.base_time + (int64_t)((tick - r->s.base) / RTC_HZ);
}

static uint32_t second_of_day(int64_t time)
{
	return (uint32_t)((time % DAY + DAY) % DAY);
}

static uint8_t encode(const struct rtc *r, unsigned v)
{
	return (uint8_t)(r->s.ram[RTC_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc *r, uint8_t v)
{
	return r->s.ram[RTC_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15u);
}

static uint8_t encode_hour(const struct rtc *r, unsigned h)
{
	if (r->s.ram[RTC_B] & B_24H)
		return encode(r, h);
	return encode(r, (h + 11) % 12 + 1) | (h >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->s.ram[RTC_B] & B_24H)
		return decode(r, v);
	return decode(r, v & (uint8_t)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/*
 * Gregorian calendar, in years that begin in March so that the leap day comes last; 400 years have 146097 days.
 * Day 0 is 1970-01-01.
 */
static int64_t days_from_date(int64_t year, unsigned month, unsigned mday)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t day_of_year = (int64_t)((153 * ((month + 9) % 12) + 2) / 5 + mday) - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *mday)
{
	int64_t d = days + 719468;			/* since 0000-03-01 */
	int64_t era = d / 146097, doe = d % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t m = (5 * doy + 2) / 153;		/* 0 = March */

	*mday = (unsigned)(doy - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static void registers_from_time(struct rtc *r, int64_t time)
{
	uint32_t s = second_of_day(time);
	int64_t days = (time - (int64_t)s) / DAY, year;
	unsigned month, mday;
	uint8_t *ram = r->s.ram;

	date_from_days(days, &year, &month, &mday);
	ram[RTC_SEC] = encode(r, s % 60);
	ram[RTC_MIN] = encode(r, s / 60 % 60);
	ram[RTC_HOUR] = encode_hour(r, s / 3600);
	ram[RTC_WDAY] = encode(r, (unsigned)((days % 7 + 11) % 7) + 1);		/* 1 = Sunday; day 0 was a Thursday */
	ram[RTC_MDAY] = encode(r, mday);
	ram[RTC_MONTH] = encode(r, month);
	ram[RTC_YEAR] = encode(r, (unsigned)(year % 100));
	ram[RTC_CENTURY] = encode(r, (unsigned)(year / 100 % 100));
}

/* Values out of range carry over into the next field, except that the month is kept in 1 ... 12. */
static int64_t time_from_registers(const struct rtc *r)
{
	const uint8_t *ram = r->s.ram;
	unsigned month = decode(r, ram[RTC_MONTH]);
	int64_t year = (int64_t)decode(r, ram[RTC_CENTURY]) * 100 + decode(r, ram[RTC_YEAR]);
	int64_t days;

	if (month < 1 || month > 12)
		month = 1;
	if (year < 1)
		year = 1;
	days = days_from_date(year, month, decode(r, ram[RTC_MDAY]));
	return days * DAY + (int64_t)decode_hour(r, ram[RTC_HOUR]) * 3600 + (int64_t)decode(r, ram[RTC_MIN]) * 60 +
	       decode(r, ram[RTC_SEC]);
}

/* Does a field of the alarm match ever, and now?  11xxxxxx in the register matches everything. */
static bool alarm_possible(uint8_t reg, unsigned want, unsigned limit)
{
	return reg >= 0xc0 || want < limit;
}

static bool alarm_matches(uint8_t reg, unsigned want, unsigned v)
{
	return reg >= 0xc0 || want == v;
}

/* Seconds from @time until the alarm goes off next, 1 ... 86400; NO_ALARM if its registers hold no time of day. */
static uint32_t alarm_distance(const struct rtc *r, int64_t time)
{
	const uint8_t *ram = r->s.ram;
	unsigned sec = decode(r, ram[RTC_SEC_ALARM]), min = decode(r, ram[RTC_MIN_ALARM]);
	unsigned hour = decode_hour(r, ram[RTC_HOUR_ALARM]);
	uint32_t from = second_of_day(time), t = from + 1;

	if (!alarm_possible(ram[RTC_SEC_ALARM], sec, 60) || !alarm_possible(ram[RTC_MIN_ALARM], min, 60) ||
	    !alarm_possible(ram[RTC_HOUR_ALARM], hour, 24))
		return NO_ALARM;
	/* At most 24 + 60 + 60 steps: each field that does not match is skipped as a whole. */
	while (t <= from + DAY) {
		uint32_t s = t % DAY;

		if (!alarm_matches(ram[RTC_HOUR_ALARM], hour, s / 3600))
			t += 3600 - s % 3600;
		else if (!alarm_matches(ram[RTC_MIN_ALARM], min, s / 60 % 60))
			t += 60 - s % 60;
		else if (!alarm_matches(ram[RTC_SEC_ALARM], sec, s % 60))
			t++;
		else
			return t - from;
	}
	return NO_ALARM;
}

/* Period of the periodic interrupt in ticks, 0 = off.  Rates 1 and 2 repeat 8 and 9. */
static uint64_t period(const struct rtc *r)
{
	unsigned rate = r->s.ram[RTC_A] & 15u;

	if (!rate || !divider_on(r))
		return 0;
	return BIT((rate < 3 ? rate + 7 : rate) - 1);
}

/* Set the flags of register C for what has happened up to @now, and the interrupt line with them. */
static void flags_sync(struct rtc *r, uint64_t now)
{
	uint64_t before = r->s.synced - r->s.base, after = now - r->s.base, p = period(r);
	uint8_t *c = &r->s.ram[RTC_C];
	uint8_t alarm = 0;
	bool irq;

	if (p && before / p != after / p)
		*c |= C_PERIODIC;
	if (running(r) && before / RTC_HZ != after / RTC_HZ) {
		*c |= C_UPDATE;
		if (alarm_distance(r, time_at(r, r->s.synced)) <= after / RTC_HZ - before / RTC_HZ)
			alarm = C_ALARM;
	}
	r->s.synced = now;
	*c |= alarm;
	if (alarm & r->s.ram[RTC_B] && r->alarm)
		r->alarm(r->alarm_arg);
	irq = (*c & r->s.ram[RTC_B] & C_SOURCES) != 0;
	*c = (uint8_t)(irq ? *c | C_IRQ : *c & ~C_IRQ);
	if (irq != r->s.irq) {
		r->s.irq = irq;
		irq_legacy_set(r->env.chip, GSI_RTC, irq);
	}
}

/* Arm the timer for the next enabled event.  While the line is high none is needed: reading C comes first. */
static void schedule(struct rtc *r)
{
	uint64_t since = r->s.synced - r->s.base, wait = UINT64_MAX, p = period(r);
	uint8_t enabled = r->s.ram[RTC_B];

	timer_cancel(&r->timer);
	if (r->s.irq)
		return;
	if ((enabled & C_PERIODIC) && p)
		wait = p - since % p;
	if ((enabled & C_UPDATE) && running(r))
		wait = min_u64(wait, RTC_HZ - since % RTC_HZ);
	if ((enabled & C_ALARM) && running(r)) {
		uint32_t s = alarm_distance(r, time_at(r, r->s.synced));

		if (s != NO_ALARM)
			wait = min_u64(wait, s * RTC_HZ - since % RTC_HZ);
	}
	if (wait != UINT64_MAX)
		timer_arm(r->env.timers, &r->timer, clock_tsc(&r->rate, r->s.synced + wait));
}

static void rtc_fire(struct timer *t, uint64_t now)
{
	struct rtc *r = container_of(t, struct rtc, timer);

	flags_sync(r, clock_ticks(&r->rate, now));
	schedule(r);
}

/* The registers hold the time: count on from there, in phase with the seconds so far. */
static void clock_set(struct rtc *r, uint64_t now)
{
	r->s.base = now - (now - r->s.base) % RTC_HZ;
	r->s.base_time = time_from_registers(r);
}

/* Registers A and B decide whether the clock runs: stop and restart it around a change. */
static void control_write(struct rtc *r, unsigned reg, uint8_t val, uint64_t now)
{
	bool held = (r->s.ram[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

	if (running(r))
		registers_from_time(r, time_at(r, now));
	r->s.ram[reg] = reg == RTC_A ? val & (uint8_t)~A_UIP : val;
	if (held && divider_on(r))
		r->s.base = r->s.synced = now - RTC_HZ / 2;	/* data sheet: the first update comes half a second later */
	if (running(r))
		clock_set(r, now);
}

static bool is_time(unsigned reg)
{
	return reg == RTC_SEC || reg == RTC_MIN || reg == RTC_HOUR || (reg >= RTC_WDAY && reg <= RTC_YEAR) || reg == RTC_CENTURY;
}

static void cmos_write(struct rtc *r, unsigned reg, uint8_t val)
{
	uint64_t now = ticks_now(r);

	if (reg > RTC_D && !is_time(reg)) {
		r->s.ram[reg] = val;
		return;
	}
	r->shown = RTC_UNKNOWN;		/* the time, or its format, may change */
	flags_sync(r, now);
	if (reg == RTC_A || reg == RTC_B) {
		control_write(r, reg, val, now);
	} else if (is_time(reg) && running(r)) {
		registers_from_time(r, time_at(r, now));
		r->s.ram[reg] = val;
		clock_set(r, now);
	} else if (reg != RTC_C && reg != RTC_D) {
		r->s.ram[reg] = val;
	}
	flags_sync(r, now);		/* an interrupt may have been enabled whose flag is set */
	schedule(r);
}

/* Programs read all registers, and again: once a second is often enough for divisions. */
static void show(struct rtc *r, int64_t time)
{
	if (likely(time == r->shown))
		return;
	registers_from_time(r, time);
	r->shown = time;
}

static uint8_t cmos_read(struct rtc *r, unsigned reg)
{
	uint64_t now;
	uint8_t val;

	if (reg > RTC_D && !is_time(reg))
		return r->s.ram[reg];
	now = ticks_now(r);
	if (is_time(reg) && running(r))
		show(r, time_at(r, now));
	val = r->s.ram[reg];
	if (reg == RTC_A && running(r) && (now - r->s.base) % RTC_HZ >= RTC_HZ - UIP_TICKS)
		val |= A_UIP;
	if (reg == RTC_C) {		/* reading acknowledges */
		flags_sync(r, now);
		val = r->s.ram[RTC_C];
		r->s.ram[RTC_C] = 0;
		flags_sync(r, now);
		schedule(r);
	}
	return val;
}

static uint64_t rtc_read(void *dev, uint64_t off, unsigned size)
{
	struct rtc *r = dev;
	unsigned bank = off / 2 & 1;

	(void)size;
	if (off % 2 == 0)
		return 0xff;		/* the index cannot be read */
	return bank ? r->s.ram[128 + (r->s.index[1] & 127)] : cmos_read(r, r->s.index[0] & 127);
}

/* Bit 7 of port 70h masks NMIs on a PC; nothing here raises one. */
static void rtc_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct rtc *r = dev;
	unsigned bank = off / 2 & 1;

	(void)size;
	if (off % 2 == 0)
		r->s.index[bank] = val & 127;
	else if (bank)
		r->s.ram[128 + (r->s.index[1] & 127)] = (uint8_t)val;
	else
		cmos_write(r, r->s.index[0] & 127, (uint8_t)val);
}

const struct bus_ops rtc_ops = { rtc_read, rtc_write };

void rtc_reset(struct rtc *r)
{
	r->s.ram[RTC_B] &= (uint8_t)~C_SOURCES;
	r->s.ram[RTC_C] = 0;
	flags_sync(r, ticks_now(r));
	r->s.ram[RTC_C] = 0;
	timer_cancel(&r->timer);
}

bool rtc_restore(void *dev, const void *state)
{
	const struct rtc_state *s = state;
	struct rtc *r = dev;
	uint64_t now = ticks_now(r);

	if (s->base > s->synced || s->synced > now || s->base_time < 0 || s->base_time > (int64_t)BIT(40))
		return false;
	r->s = *s;
	r->shown = RTC_UNKNOWN;
	r->s.irq = record_bool(&s->irq);
	irq_legacy_set(r->env.chip, GSI_RTC, r->s.irq);
	flags_sync(r, now);
	schedule(r);
	return true;
}

void rtc_init(struct rtc *r, const struct dev_env *env, int64_t unix_time)
{
	*r = (struct rtc){ .env = *env, .shown = RTC_UNKNOWN };
	clock_rate_init(&r->rate, env->tsc_hz, RTC_HZ);
	timer_init(&r->timer, rtc_fire);
	r->s.base = r->s.synced = ticks_now(r);
	r->s.base_time = unix_time < 0 ? 0 : unix_time;
	r->s.ram[RTC_A] = A_DIVIDER_ON | 6;	/* 1024 Hz */
	r->s.ram[RTC_B] = B_24H;
	r->s.ram[RTC_D] = D_VALID;
	r->s.ram[CMOS_EQUIPMENT] = 0x02;	/* FPU; no floppy disk, no PS/2 mouse */
}

static void put(uint8_t *p, unsigned bytes, uint64_t v)
{
	write_le(p, bytes, min_u64(v, BIT(8 * bytes) - 1));
}

void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g)
{
	uint8_t *ram = r->s.ram;
	uint64_t above_1m = below_4g > MIB ? below_4g - MIB : 0, above_16m = below_4g > 16 * MIB ? below_4g - 16 * MIB : 0;
	unsigned sum = 0;

	put(&ram[CMOS_BASE_KIB], 2, min_u64(below_4g, 640 * KIB) / KIB);
	put(&ram[CMOS_EXT_KIB], 2, above_1m / KIB);
	put(&ram[CMOS_EXT_KIB2], 2, above_1m / KIB);
	put(&ram[CMOS_ABOVE_16M], 2, above_16m / (64 * KIB));
	put(&ram[CMOS_ABOVE_4G], 3, above_4g / (64 * KIB));
	for (unsigned i = 0x10; i < CMOS_SUM; i++)
		sum += ram[i];
	ram[CMOS_SUM] = (uint8_t)(sum >> 8);		/* this checksum has its high byte first */
	ram[CMOS_SUM + 1] = (uint8_t)sum;
}
