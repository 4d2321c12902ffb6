/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of user programs: the host's time-stamp counter, in which all deadlines of the ABI are given. */
#ifndef RT_TIME_H
#define RT_TIME_H

#include <stdint.h>

/* The present time in TSC ticks.  Unit tests shadow this header with a clock that they set themselves. */
static inline uint64_t clock_now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#endif
