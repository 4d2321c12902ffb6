/* SPDX-License-Identifier: Apache-2.0 */
/* Time is the TSC. */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include <lib/base.h>

/* The time stamp counter now; not ordered against other loads. */
static inline uint64_t time_now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* TSC ticks per second, measured or reported at boot. */
uint64_t time_hz(void);

/*
 * Arm this CPU's only timer for the absolute TSC value @deadline (~0: disarm); kernel_timer() is called once it has passed.
 * A deadline in the past fires at once.  May fire early when the hardware timer is narrower than the distance: the kernel
 * compares and arms again.
 */
void time_arm(uint64_t deadline);

#endif
