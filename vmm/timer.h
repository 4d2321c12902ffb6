/* SPDX-License-Identifier: Apache-2.0 */
/* Time for device models: conversion between the TSC and a device's own clock, and the VM's queue of timers. */
#ifndef VMM_TIMER_H
#define VMM_TIMER_H

#include <lib/base.h>
#include <lib/list.h>

#define TIMER_NEVER UINT64_MAX	/* deadline of a timer that is not armed */

/*
 * A clock of a fixed frequency that counts since TSC 0.  Converting is one 128-bit multiplication and a shift each way;
 * with a 64-bit factor the error stays below one tick for 2^62 ticks.
 */
struct clock_rate {
	uint64_t to_mult, from_mult;
	uint8_t to_shift, from_shift;
};

/* @tsc_hz and @hz must not be zero.  Divides; meant for start-up. */
void clock_rate_init(struct clock_rate *r, uint64_t tsc_hz, uint64_t hz);

/* The clock's tick count at time @tsc: never decreases with @tsc. */
uint64_t clock_ticks(const struct clock_rate *r, uint64_t tsc);

/* The first TSC value at which clock_ticks() is at least @ticks; TIMER_NEVER if that is out of range. */
uint64_t clock_tsc(const struct clock_rate *r, uint64_t ticks);

struct vm;
struct timer;

/* Called at or after the deadline, once per arming, with the device lock held; it may arm and cancel any timer. */
typedef void timer_fn(struct timer *t, uint64_t now);

struct timer {
	struct list node;
	uint64_t deadline;	/* absolute TSC, TIMER_NEVER = not armed */
	timer_fn *fire;
};

/* The timers of one VM, in order of their deadlines: a dozen at most, so a sorted list is enough. */
struct timer_queue {
	struct list armed;
	struct vm *vm;
};

void timer_queue_init(struct timer_queue *q, struct vm *vm);

/* The earliest deadline (absolute TSC) or TIMER_NEVER. */
uint64_t timer_queue_next(const struct timer_queue *q);

/*
 * Fire everything that is due at @now, in order of the deadlines.  A timer that arms itself again fires at the
 * earliest in the next call, even if it is due: this always ends.
 */
void timer_queue_run(struct timer_queue *q, uint64_t now);

void timer_init(struct timer *t, timer_fn *fire);

/* (Re-)arm for the absolute TSC @deadline; TIMER_NEVER cancels.  vm_timers_changed() when the queue's next deadline gets earlier. */
void timer_arm(struct timer_queue *q, struct timer *t, uint64_t deadline);
void timer_cancel(struct timer *t);

#endif
