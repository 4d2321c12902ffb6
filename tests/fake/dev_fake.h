/* SPDX-License-Identifier: Apache-2.0 */
/* What the device models need around them in tests: a clock, a monitor core that records upcalls, recorded lines. */
#ifndef FAKE_DEV_FAKE_H
#define FAKE_DEV_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <lib/base.h>
#include <rt/time.h>

#define FAKE_HZ		2000000000ull		/* the TSC of the tests: 2 GHz */
#define FAKE_US(n)	((n) * (FAKE_HZ / 1000000))
#define FAKE_MS(n)	((n) * (FAKE_HZ / 1000))

struct vcpu {
	unsigned notified;
};

struct vm {
	unsigned timers_changed, poweroffs, resets, unclaimed;
	unsigned debug_exits, panicked;
	unsigned sleeps, wakes;
	bool can_sleep;
	uint32_t debug_code;
	uint64_t unclaimed_addr, unclaimed_val;
	unsigned unclaimed_size;
	bool locked;			/* the device lock */
	unsigned locks;			/* how often it was taken */
	char tx[4096];			/* what the serial ports sent */
	unsigned tx_count, tx_room;	/* @tx_room bytes are accepted, then no more */
	unsigned rx_space;
};

/* Everything forgotten; the clock starts at some odd value, and serial output is accepted. */
void fake_reset(struct vm *vm);

/* dev_lines.c: levels and rising edges of the lines, instead of irqchip.c. */
struct fake_line {
	bool level;
	unsigned rises;
};
extern struct fake_line fake_line[24];
extern bool fake_replaced;		/* the lines of PIT and RTC are the HPET's */

#endif
