/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for include/rt/time.h in unit tests: time moves only when the test says so. */
#ifndef RT_TIME_H
#define RT_TIME_H

#include <stdint.h>

extern uint64_t fake_now;

static inline uint64_t clock_now(void)
{
	return fake_now;
}

#endif
