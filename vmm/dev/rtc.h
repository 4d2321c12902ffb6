/* SPDX-License-Identifier: Apache-2.0 */
/* MC146818-compatible real-time clock and CMOS memory: ports 70h-71h, second bank 72h-73h. */
#ifndef DEV_RTC_H
#define DEV_RTC_H

#include "bus.h"
#include "timer.h"
#include <dev/env.h>

#define RTC_HZ 32768ull
#define RTC_UNKNOWN INT64_MIN

struct rtc_state {
	uint8_t index[2];		/* last index written to port 70h and 72h, 0 ... 127 */
	uint8_t ram[256];		/* registers 0-13 included; the time of day is current only while it is set (SET) */
	uint64_t base;			/* RTC tick at which the clock stood at @base_time, second boundary */
	int64_t base_time;		/* seconds since 1970-01-01 */
	uint64_t synced;		/* RTC tick up to which the flags of register C are computed */
	bool irq;			/* level of the interrupt line */
};

struct rtc {
	struct rtc_state s;
	int64_t shown;			/* the registers hold the time of this second; RTC_UNKNOWN: perhaps of none */
	struct clock_rate rate;
	struct timer timer;
	struct dev_env env;
	void (*alarm)(void *arg);	/* called when the alarm interrupts; NULL: nobody wants to know */
	void *alarm_arg;
};

extern const struct bus_ops rtc_ops;		/* 4 ports from 70h, byte wide, dev = struct rtc */

/* @unix_time: the wall clock now, in seconds since 1970. */
void rtc_init(struct rtc *r, const struct dev_env *env, int64_t unix_time);
/* Interrupts off; the time and the memory stay. */
void rtc_reset(struct rtc *r);
bool rtc_restore(void *dev, const void *state) MUST_USE;
/* Describe RAM in the CMOS bytes that firmware and old loaders read: bytes below and from 4 GiB on. */
void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g);

#endif
