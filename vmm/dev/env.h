/* SPDX-License-Identifier: Apache-2.0 */
/* What every device model is given at its creation. */
#ifndef DEV_ENV_H
#define DEV_ENV_H

#include <lib/base.h>

struct vm;
struct irqchip;
struct timer_queue;

struct dev_env {
	struct vm *vm;			/* passed back in upcalls */
	struct irqchip *chip;
	struct timer_queue *timers;
	uint64_t tsc_hz;		/* frequency of clock_now() */
};

#endif
