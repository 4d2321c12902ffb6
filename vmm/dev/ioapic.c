/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC: 24 inputs, each with a redirection entry that says which interrupt message it sends.
 *
 *   edge:	a rising edge sends one message, if the pin is not masked; an edge while it is masked is lost.
 *   level:	while the input is high, the pin is not masked and remote IRR is clear, a message is sent and remote IRR set;
 *		the EOI of its vector clears remote IRR, and an input that is still high sends again.
 */
#include <dev/ioapic.h>
#include "irqchip.h"

/* Redirection entry.  82093AA data sheet, "I/O Redirection Table Registers". */
#define RTE_VECTOR(e)		((uint8_t)(e))
#define RTE_MODE(e)		((uint8_t)((e) >> 8 & 7))
#define RTE_LOGICAL		BIT(11)
#define RTE_REMOTE_IRR		BIT(14)
#define RTE_LEVEL		BIT(15)
#define RTE_MASKED		BIT(16)
#define RTE_DEST(e)		((uint32_t)((e) >> 56))
/* Bits 12 (delivery status: always idle here) and 14 are read-only, 55:17 reserved. */
#define RTE_WRITABLE		(MASK(63, 56) | MASK(16, 15) | BIT(13) | MASK(11, 0))

/* MMIO registers, and the indirect ones behind them. */
enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { IOAPIC_ID = 0x00, IOAPIC_VERSION = 0x01, IOAPIC_ARB = 0x02, IOAPIC_RTE = 0x10 };

#define VERSION_VALUE		((IOAPIC_PINS - 1) << 16 | 0x20)

static bool rte_is_level(uint64_t e)
{
	return (e & RTE_LEVEL) && (RTE_MODE(e) == APIC_FIXED || RTE_MODE(e) == APIC_LOWEST);
}

/* Which vectors' EOIs matter: those programmed as level, and those sent whose EOI is still due. */
static void eoi_map_update(struct ioapic *io)
{
	uint64_t map[4] = { 0 };

	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		uint64_t e = io->s.rte[i];

		if (rte_is_level(e))
			map[RTE_VECTOR(e) / 64] |= BIT(RTE_VECTOR(e) % 64);
		if (e & RTE_REMOTE_IRR)
			map[io->s.sent[i] / 64] |= BIT(io->s.sent[i] % 64);
	}
	for (unsigned i = 0; i < 4; i++)
		__atomic_store_n(&io->s.eoi_map[i], map[i], __ATOMIC_RELEASE);
}

bool ioapic_wants_eoi(const struct ioapic *io, uint8_t vector)
{
	return (__atomic_load_n(&io->s.eoi_map[vector / 64], __ATOMIC_ACQUIRE) & BIT(vector % 64)) != 0;
}

static void ioapic_send(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->s.rte[pin];
	bool level = rte_is_level(e);
	struct apic_msg m = {
		.dest = RTE_DEST(e),
		.logical = (e & RTE_LOGICAL) != 0,
		.vector = RTE_VECTOR(e),
		.mode = RTE_MODE(e),
		.level = level,
	};

	if (level) {		/* before it is sent: the EOI may come from another thread at once */
		io->s.rte[pin] |= RTE_REMOTE_IRR;
		io->s.sent[pin] = m.vector;
	}
	/* Nobody took it: not in service anywhere, so no EOI will come. */
	if (!irqchip_message(io->chip, &m) && level)
		io->s.rte[pin] &= ~RTE_REMOTE_IRR;
}

/* Send for a level-triggered pin if its state asks for it. */
static void ioapic_service_level(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->s.rte[pin];

	if (rte_is_level(e) && !(e & (RTE_MASKED | RTE_REMOTE_IRR)) && (io->s.lines & BIT(pin)))
		ioapic_send(io, pin);
}

void ioapic_line_set(struct ioapic *io, unsigned pin, bool level)
{
	uint32_t bit, old = io->s.lines;

	if (pin >= IOAPIC_PINS)
		return;
	bit = (uint32_t)BIT(pin);
	io->s.lines = level ? old | bit : old & ~bit;
	if (!level)
		return;
	if (rte_is_level(io->s.rte[pin]))
		ioapic_service_level(io, pin);
	else if (!(old & bit) && !(io->s.rte[pin] & RTE_MASKED))
		ioapic_send(io, pin);
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		uint64_t e = io->s.rte[i];

		/* The entry may have been given another vector since: what was sent with the old one is over, too. */
		if (!(e & RTE_REMOTE_IRR) || (RTE_VECTOR(e) != vector && io->s.sent[i] != vector))
			continue;
		io->s.rte[i] = e & ~RTE_REMOTE_IRR;
		ioapic_service_level(io, i);
	}
	eoi_map_update(io);
}

static void rte_write(struct ioapic *io, unsigned pin, uint64_t mask, uint64_t val)
{
	uint64_t e = io->s.rte[pin];

	mask &= RTE_WRITABLE;
	e = (e & ~mask) | (val & mask);
	/* Operating systems clear a stuck remote IRR by making the entry edge-triggered for a moment. */
	if (!(e & RTE_LEVEL))
		e &= ~RTE_REMOTE_IRR;
	io->s.rte[pin] = e;
	eoi_map_update(io);
	ioapic_service_level(io, pin);
}

static uint32_t window_read(const struct ioapic *io)
{
	unsigned reg = io->s.select & 0xff, pin = (reg - IOAPIC_RTE) / 2;

	switch (reg) {
	case IOAPIC_ID:
	case IOAPIC_ARB:	/* loaded from the ID */
		return io->s.id;
	case IOAPIC_VERSION:
		return VERSION_VALUE;
	default:
		if (reg < IOAPIC_RTE || pin >= IOAPIC_PINS)
			return 0;
		return (uint32_t)(io->s.rte[pin] >> (reg % 2 * 32));
	}
}

static void window_write(struct ioapic *io, uint32_t val)
{
	unsigned reg = io->s.select & 0xff, pin = (reg - IOAPIC_RTE) / 2;

	if (reg == IOAPIC_ID)
		io->s.id = val & (uint32_t)MASK(27, 24);
	else if (reg >= IOAPIC_RTE && pin < IOAPIC_PINS)
		rte_write(io, pin, MASK(31, 0) << (reg % 2 * 32), (uint64_t)val << (reg % 2 * 32));
}

/* Registers are 32 bits wide at multiples of 16; a part of one can be read, only whole ones and IOREGSEL's byte written. */
static uint64_t ioapic_read(void *dev, uint64_t off, unsigned size)
{
	const struct ioapic *io = dev;
	uint32_t val;

	if (off % 16 + size > 4)
		return ~0ull;
	switch (off & ~15ull) {
	case IOREGSEL:
		val = io->s.select;
		break;
	case IOWIN:
		val = window_read(io);
		break;
	default:
		val = 0;
		break;
	}
	return val >> (off % 16 * 8);
}

static void ioapic_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct ioapic *io = dev;

	if (off == IOREGSEL)
		io->s.select = val & 0xff;
	else if (off == IOWIN && size == 4)
		window_write(io, (uint32_t)val);
	else if (off == IOEOI)
		ioapic_eoi(io, (uint8_t)val);
}

const struct bus_ops ioapic_ops = { ioapic_read, ioapic_write };

void ioapic_reset(struct ioapic *io)
{
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->s.rte[i] = RTE_MASKED;
	io->s.select = 0;
	eoi_map_update(io);
}

void ioapic_init(struct ioapic *io, struct irqchip *chip, unsigned id)
{
	*io = (struct ioapic){ .chip = chip };
	io->s.id = (id & 0xf) << 24;
	ioapic_reset(io);
}

/* Levels that wait for nobody's EOI are sent again: that they were sent may have been the last thing to happen. */
bool ioapic_restore(void *dev, const void *state)
{
	const struct ioapic_state *s = state;
	struct ioapic *io = dev;

	io->s = *s;
	io->s.id &= (uint32_t)MASK(27, 24);
	io->s.select &= 0xff;
	io->s.lines &= (uint32_t)MASK(IOAPIC_PINS - 1, 0);
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		io->s.rte[i] &= RTE_WRITABLE | RTE_REMOTE_IRR;
		if (!(io->s.rte[i] & RTE_LEVEL))
			io->s.rte[i] &= ~RTE_REMOTE_IRR;
	}
	eoi_map_update(io);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		ioapic_service_level(io, i);
	return true;
}
