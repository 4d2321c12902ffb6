/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for include/arch/time.h in unit tests: the TSC is the variable fake_tsc where a test has one. */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include <lib/base.h>

extern uint64_t fake_tsc __attribute__((weak));

static inline uint64_t time_now(void)
{
	return &fake_tsc ? fake_tsc : __builtin_ia32_rdtsc();
}

uint64_t time_hz(void);
void time_arm(uint64_t deadline);

#endif
