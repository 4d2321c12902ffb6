/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259A interrupt controllers of a PC: ports 20h-21h, A0h-A1h, edge/level control 4D0h-4D1h. */
#ifndef DEV_PIC_H
#define DEV_PIC_H

#include "bus.h"

struct irqchip;

struct pic_state {
	uint8_t irr, isr, imr;		/* request, in-service, mask */
	uint8_t lines;			/* levels of the inputs */
	uint8_t elcr;			/* 1 = level triggered */
	uint8_t base;			/* ICW2: vector of input 0 */
	uint8_t lowest;			/* input of lowest priority, normally 7 */
	uint8_t icw;			/* next initialisation word expected (2, 3, 4), 0 = operational */
	uint8_t single, want_icw4, icw1_level;	/* from ICW1 */
	uint8_t auto_eoi, rotate_aeoi, special_nested, special_mask;
	uint8_t read_isr, poll;		/* what the next read of the even port returns */
};

struct pic {
	struct pic_state s[2];		/* master, slave */
	uint32_t intr;			/* output of the master: atomic, read by any vCPU thread */
	struct irqchip *chip;
};

extern const struct bus_ops pic_master_ops, pic_slave_ops, pic_elcr_ops;	/* 2 ports each, byte wide, dev = struct pic */

void pic_init(struct pic *p, struct irqchip *chip);
void pic_reset(struct pic *p);
/* Make it what @state, a struct pic_state[2] out of a record, says; as all restore functions, false: that is impossible. */
bool pic_restore(void *dev, const void *state) MUST_USE;
/* Input @irq 0 ... 15; input 2 belongs to the cascade and is ignored. */
void pic_line_set(struct pic *p, unsigned irq, bool level);
/* The CPU's acknowledge: vector, the spurious one (input 7) if no request is left. */
uint8_t pic_inta(struct pic *p);

#endif
