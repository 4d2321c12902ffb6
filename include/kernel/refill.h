/* SPDX-License-Identifier: Apache-2.0 */
/* The budget of a scheduling context, as a sporadic server. */
#ifndef KERNEL_REFILL_H
#define KERNEL_REFILL_H

#include <kernel/sched.h>
#include <lib/base.h>

/* Shortest piece of a budget that is worth a timer interrupt, and smallest budget: 1/100000 s. */
#define REFILL_MIN_HZ	100000u

/* The whole budget is there. */
void refill_init(struct sched *s);
/* How many ticks may be used from @now on; 0: none before refill_next(). */
uint64_t refill_now(struct sched *s, uint64_t now);
/* Absolute TSC at which the next piece comes. */
uint64_t refill_next(const struct sched *s);
/* @used ticks were used from @start on: they come back at @start + period. */
void refill_use(struct sched *s, uint64_t start, uint64_t used);

#endif
