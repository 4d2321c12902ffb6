/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock at boot, out of the battery-backed clock of a PC. */
#ifndef ROOT_CLOCK_H
#define ROOT_CLOCK_H

#include <lib/base.h>

/* The registers of the clock: as they were read. */
struct clock_registers {
	uint8_t second, minute, hour, day, month, year, status_b;
};

/* Seconds since 1970-01-01 UTC; 0: the registers hold no date.  The century is taken to be the 21st. */
uint64_t clock_seconds(const struct clock_registers *r);

/* Read it: sets root.wall_seconds and root.wall_tsc. */
void clock_init(void);

#endif
