/* SPDX-License-Identifier: Apache-2.0 */
/* 8254 programmable interval timer (ports 40h-43h) and system control port B (61h). */
#ifndef DEV_PIT_H
#define DEV_PIT_H

#include "bus.h"
#include "timer.h"
#include <dev/env.h>

#define PIT_HZ 1193182ull

struct pit_channel {
	uint64_t start;			/* PIT tick at which the present count began (as if it had never been paused) */
	uint64_t frozen;		/* ticks counted when the gate closed */
	uint32_t reload;		/* 1 ... 65536 ticks */
	uint16_t latch;			/* count latched for reading ... */
	uint8_t latched;		/* ... and how many of its bytes are still to be read */
	uint8_t control;		/* bits 5:0 of the control word */
	uint8_t status;			/* latched status ... */
	bool status_latched;		/* ... not read yet */
	uint8_t write_low;		/* first byte of a two-byte write */
	bool write_high, read_high;	/* the next byte is the high one */
	bool gate;			/* level of the gate input */
	bool loaded;			/* a count was written since the control word */
	bool running;			/* it counts, or would if the gate were open */
};

struct pit_state {
	struct pit_channel ch[3];
	uint8_t port61;			/* bits 3:0 as written */
};

struct pit {
	struct pit_state s;
	struct clock_rate rate;
	struct timer timer;		/* next interrupt of channel 0 */
	struct dev_env env;
};

extern const struct bus_ops pit_ops;		/* 4 ports, byte wide, dev = struct pit */
extern const struct bus_ops pit_port61_ops;	/* 1 port */

void pit_init(struct pit *p, const struct dev_env *env);
void pit_reset(struct pit *p);
bool pit_restore(void *dev, const void *state) MUST_USE;

#endif
