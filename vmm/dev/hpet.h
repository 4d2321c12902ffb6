/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High precision event timers: a 64-bit counter of 100 MHz, and three comparators with interrupts over the IOAPIC or, as
 * legacy replacement, in the place of the PIT's and the RTC's.  Interrupt messages (FSB) are not offered.
 */
#ifndef DEV_HPET_H
#define DEV_HPET_H

#include "bus.h"
#include "timer.h"
#include <dev/env.h>

#define HPET_BASE	0xfed00000ull
#define HPET_SIZE	0x400ull
#define HPET_HZ		100000000ull
#define HPET_TIMERS	3u
/* Low half of the capabilities: Intel, legacy replacement, 64-bit counter, number of the last timer, revision. */
#define HPET_ID		(0x8086u << 16 | 1u << 15 | 1u << 13 | (HPET_TIMERS - 1) << 8 | 1u)
#define HPET_MIN_TICK	5000u		/* periods below 50 us do not give more interrupts than this one */

struct hpet_timer {
	uint64_t config;		/* what was written and exists                                     */
	uint64_t compare, period;
};

struct hpet_state {
	uint64_t config, status;
	uint64_t counter, base;		/* the counter stood at @counter at HPET tick @base, or stands there */
	uint64_t synced;		/* counter value up to which matches have had their effects          */
	uint32_t lines;			/* levels of the interrupt lines, a bit for each GSI                 */
	struct hpet_timer timer[HPET_TIMERS];
};

struct hpet {
	struct hpet_state s;
	struct clock_rate rate;
	struct timer timer;		/* the next match that interrupts */
	struct dev_env env;
};

extern const struct bus_ops hpet_ops;	/* HPET_SIZE bytes, up to 8 wide, dev = struct hpet */

void hpet_init(struct hpet *h, const struct dev_env *env);
void hpet_reset(struct hpet *h);
/* Before the PIT and the RTC, whose lines depend on it. */
bool hpet_restore(void *dev, const void *state) MUST_USE;

#endif
