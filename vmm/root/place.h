/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPU of the machine each virtual CPU runs on, and the admission test: no CPU promises more time than it has, and nobody
 * runs on a CPU that is another VM's alone.  Pure bookkeeping; tools/trivetlib/placement.py does the same before boot.
 */
#ifndef ROOT_PLACE_H
#define ROOT_PLACE_H

#include <lib/base.h>

#include "config.h"

#define PLACE_WHOLE	1000000u	/* all time of a CPU: shares are counted in millionths */

struct place_cpu {
	uint32_t share;			/* promised: sum of budget / period                       */
	uint32_t unpromised;		/* virtual CPUs without a promise, which take what is left */
	const char *user;		/* name of a VM that runs on it; NULL: none does          */
	bool exclusive;			/* it is @user's alone                                    */
};

struct place {
	unsigned cpus;
	struct place_cpu cpu[CONFIG_CPUS];
};

/* A machine with @cpus CPUs, on which no VM runs. */
void place_init(struct place *p, unsigned cpus);

/* The share of a CPU that each virtual CPU of @vm is promised, in millionths; 0: none, it takes what is left. */
uint32_t place_share(const struct config_vm *vm);

/* Virtual CPU i of @vm runs on CPU @cpu[i]. */
void place_add(struct place *p, const struct config_vm *vm, const uint32_t *cpu);

/*
 * Choose a CPU for each virtual CPU of @vm: that of its list, else the one with the least load among those that have room; a
 * virtual CPU without a promise is a load of a whole CPU.  NULL, or what does not fit, with the numbers; good until the next call.  @p is not changed.
 */
const char *place_choose(const struct place *p, const struct config_vm *vm, uint32_t *cpu) MUST_USE;

#endif
