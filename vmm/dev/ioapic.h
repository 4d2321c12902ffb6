/* SPDX-License-Identifier: Apache-2.0 */
/* I/O APIC with 24 inputs, version 0x20 (with EOI register), at 0xFEC00000. */
#ifndef DEV_IOAPIC_H
#define DEV_IOAPIC_H

#include "bus.h"

#define IOAPIC_BASE	0xfec00000ull
#define IOAPIC_SIZE	0x1000ull
#define IOAPIC_PINS	24

struct irqchip;

struct ioapic_state {
	uint64_t rte[IOAPIC_PINS];	/* redirection table */
	uint8_t sent[IOAPIC_PINS];	/* vector of the delivery that set remote IRR */
	uint32_t lines;			/* levels of the inputs */
	uint32_t id;			/* bits 27:24 */
	uint32_t select;
	uint64_t eoi_map[4];		/* vectors whose EOI concerns this chip: atomic words, read by any vCPU thread */
};

struct ioapic {
	struct ioapic_state s;
	struct irqchip *chip;
};

extern const struct bus_ops ioapic_ops;		/* dev = struct ioapic, up to 4 bytes wide */

/* @id is the initial APIC ID of the chip (0 ... 15), the one the MADT tells. */
void ioapic_init(struct ioapic *io, struct irqchip *chip, unsigned id);
void ioapic_reset(struct ioapic *io);
bool ioapic_restore(void *dev, const void *state) MUST_USE;
void ioapic_line_set(struct ioapic *io, unsigned pin, bool level);
/* An EOI of @vector reached the chip: pins of that vector may interrupt again. */
void ioapic_eoi(struct ioapic *io, uint8_t vector);
/* Does any pin wait for an EOI of @vector or is programmed for it as level triggered?  Any thread, no lock. */
bool ioapic_wants_eoi(const struct ioapic *io, uint8_t vector);

#endif
