/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8259A pair.  The slave's output is input 2 of the master; the master's output is the INTR line of the CPUs.
 *
 * Names as in the 8259A data sheet: ICW1-4 are the initialisation sequence, OCW1 the mask, OCW2 ends interrupts and
 * rotates priorities, OCW3 selects what can be read.
 */
#include <dev/pic.h>
#include "irqchip.h"

#define MASTER		0
#define SLAVE		1
#define CASCADE		2u		/* the master's input that the slave drives */
#define SPURIOUS	7u		/* the input whose vector is given when there is no request */
#define NONE		8u

#define ICW1_INIT	BIT(4)
#define ICW1_WANT_ICW4	BIT(0)
#define ICW1_SINGLE	BIT(1)
#define ICW1_LEVEL	BIT(3)
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)
#define OCW3		BIT(3)
#define OCW3_RIS	BIT(0)
#define OCW3_RR		BIT(1)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(5)
#define OCW3_ESMM	BIT(6)

/* Inputs that are edge-triggered whatever ELCR says: timer, keyboard, cascade; RTC and FPU on the slave. */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

/* The set input of highest priority in @bits (priority starts after @lowest), or NONE. */
static unsigned highest(const struct pic_state *s, uint8_t bits)
{
	for (unsigned i = 1; i <= 8; i++) {
		unsigned input = (s->lowest + i) % 8;

		if (bits & BIT(input))
			return input;
	}
	return NONE;
}

/* 0 for the highest priority ... 7 for the lowest; NONE is below all. */
static unsigned rank(const struct pic_state *s, unsigned input)
{
	return input == NONE ? 8 : (input - s->lowest - 1) & 7;
}

/* The input this chip would interrupt for now, or NONE. */
static unsigned requested(const struct pic_state *s, bool master)
{
	/* In special mask mode, what is masked does not inhibit lower priorities. */
	uint8_t in_service = s->special_mask ? s->isr & (uint8_t)~s->imr : s->isr, waiting = s->irr & (uint8_t)~s->imr;
	unsigned input, current;

	if (!waiting || s->icw)
		return NONE;
	input = highest(s, waiting);
	current = highest(s, in_service);
	/* Special fully nested: the slave may interrupt its own service routine. */
	if (master && s->special_nested && input == CASCADE && current == CASCADE)
		return CASCADE;
	return rank(s, input) < rank(s, current) ? input : NONE;
}

static bool is_level(const struct pic_state *s, unsigned input)
{
	return s->icw1_level || (s->elcr & BIT(input));
}

static void input_set(struct pic_state *s, unsigned input, bool level)
{
	uint8_t bit = (uint8_t)BIT(input);

	if (is_level(s, input))
		s->irr = (uint8_t)(level ? s->irr | bit : s->irr & ~bit);
	else if (level && !(s->lines & bit))
		s->irr |= bit;
	s->lines = (uint8_t)(level ? s->lines | bit : s->lines & ~bit);
}

/* Carry changed requests from the slave to the master and from there to the CPUs. */
static void pic_update(struct pic *p)
{
	bool intr;

	/* The cascade is a level whatever the trigger mode is: it follows the slave's output. */
	if (requested(&p->s[SLAVE], false) != NONE) {
		p->s[MASTER].irr |= (uint8_t)BIT(CASCADE);
	} else {
		p->s[MASTER].irr &= (uint8_t)~BIT(CASCADE);
	}
	intr = requested(&p->s[MASTER], true) != NONE;
	if (intr == (p->intr != 0))
		return;
	__atomic_store_n(&p->intr, (uint32_t)intr, __ATOMIC_RELEASE);
	irqchip_pic_changed(p->chip, intr);
}

bool pic_restore(void *dev, const void *state)
{
	const struct pic_state *s = state;
	struct pic *p = dev;

	for (unsigned i = 0; i < 2; i++) {
		if (s[i].lowest > 7 || s[i].icw == 1 || s[i].icw > 4 || s[i].elcr & (uint8_t)~elcr_writable[i])
			return false;
		p->s[i] = s[i];
	}
	/* Tell the CPUs, whatever they have been told. */
	p->intr = requested(&p->s[MASTER], true) == NONE;
	pic_update(p);
	return true;
}

void pic_line_set(struct pic *p, unsigned irq, bool level)
{
	if (irq >= 16 || irq == CASCADE)
		return;
	input_set(&p->s[irq / 8], irq % 8, level);
	pic_update(p);
}

/* @input is being acknowledged by the CPU or by a poll. */
static void acknowledge(struct pic_state *s, unsigned input)
{
	uint8_t bit = (uint8_t)BIT(input);

	if (!is_level(s, input))
		s->irr &= (uint8_t)~bit;
	if (!s->auto_eoi)
		s->isr |= bit;
	else if (s->rotate_aeoi)
		s->lowest = (uint8_t)input;
}

uint8_t pic_inta(struct pic *p)
{
	struct pic_state *master = &p->s[MASTER], *slave = &p->s[SLAVE];
	unsigned input = requested(master, true);
	uint8_t vector;

	if (input == NONE) {
		vector = (uint8_t)(master->base + SPURIOUS);
	} else if (input != CASCADE) {
		acknowledge(master, input);
		vector = (uint8_t)(master->base + input);
	} else {
		unsigned sub = requested(slave, false);

		acknowledge(master, CASCADE);
		if (sub != NONE)
			acknowledge(slave, sub);
		vector = (uint8_t)(slave->base + (sub == NONE ? SPURIOUS : sub));
	}
	/* The acknowledge cycle drops the output; a request that is left raises it again. */
	if (p->intr) {
		__atomic_store_n(&p->intr, 0, __ATOMIC_RELEASE);
		irqchip_pic_changed(p->chip, false);
	}
	pic_update(p);
	return vector;
}

static void init_start(struct pic_state *s, uint8_t val)
{
	uint8_t elcr = s->elcr, lines = s->lines, base = s->base;

	/* ICW1 clears the mask and the edge latches; a level that is high requests again. */
	*s = (struct pic_state){ .elcr = elcr, .lines = lines, .base = base, .lowest = 7, .icw = 2 };
	s->single = (val & ICW1_SINGLE) != 0;
	s->want_icw4 = (val & ICW1_WANT_ICW4) != 0;
	s->icw1_level = (val & ICW1_LEVEL) != 0;
	s->irr = s->icw1_level ? lines : lines & elcr;
}

/* OCW2: bits 7:5 are rotate, specific, end of interrupt. */
static void ocw2(struct pic_state *s, uint8_t val)
{
	uint8_t in_service = s->special_mask ? s->isr & (uint8_t)~s->imr : s->isr;
	unsigned input = val & 0x40 ? val & 7u : highest(s, in_service);
	bool rotate = (val & 0x80) != 0, eoi = (val & 0x20) != 0;

	if (!eoi && !(val & 0x40)) {		/* rotate in automatic EOI mode: set or clear */
		s->rotate_aeoi = rotate;
		return;
	}
	if (input == NONE || (!eoi && !rotate))	/* 010 is no operation */
		return;
	if (eoi)
		s->isr &= (uint8_t)~BIT(input);
	if (rotate)
		s->lowest = (uint8_t)input;
}

static void ocw3(struct pic_state *s, uint8_t val)
{
	if (val & OCW3_ESMM)
		s->special_mask = (val & OCW3_SMM) != 0;
	if (val & OCW3_POLL)
		s->poll = 1;
	else if (val & OCW3_RR)
		s->read_isr = (val & OCW3_RIS) != 0;
}

static void data_write(struct pic_state *s, uint8_t val)
{
	switch (s->icw) {
	case 2:
		s->base = val & 0xf8;
		s->icw = s->single ? (s->want_icw4 ? 4 : 0) : 3;
		break;
	case 3:			/* which input is cascaded is fixed by the board */
		s->icw = s->want_icw4 ? 4 : 0;
		break;
	case 4:
		s->auto_eoi = (val & ICW4_AEOI) != 0;
		s->special_nested = (val & ICW4_SFNM) != 0;
		s->icw = 0;
		break;
	default:		/* OCW1 */
		s->imr = val;
		break;
	}
}

static void chip_write(struct pic *p, unsigned chip, uint64_t off, uint8_t val)
{
	struct pic_state *s = &p->s[chip];

	if (off == 1)
		data_write(s, val);
	else if (val & ICW1_INIT)
		init_start(s, val);
	else if (val & OCW3)
		ocw3(s, val);
	else
		ocw2(s, val);
	pic_update(p);
}

/* A read after the poll command acknowledges like INTA: bit 7 says that there was a request, bits 2:0 which. */
static uint8_t poll_read(struct pic *p, unsigned chip)
{
	struct pic_state *s = &p->s[chip];
	unsigned input = requested(s, chip == MASTER);

	s->poll = 0;
	if (input == NONE)
		return 0;
	acknowledge(s, input);
	pic_update(p);
	return (uint8_t)(0x80 | input);
}

static uint8_t chip_read(struct pic *p, unsigned chip, uint64_t off)
{
	struct pic_state *s = &p->s[chip];

	if (s->poll)
		return poll_read(p, chip);
	if (off == 1)
		return s->imr;
	return s->read_isr ? s->isr : s->irr;
}

static uint64_t master_read(void *dev, uint64_t off, unsigned size)
{
	(void)size;
	return chip_read(dev, MASTER, off);
}

static void master_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)size;
	chip_write(dev, MASTER, off, (uint8_t)val);
}

static uint64_t slave_read(void *dev, uint64_t off, unsigned size)
{
	(void)size;
	return chip_read(dev, SLAVE, off);
}

static void slave_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)size;
	chip_write(dev, SLAVE, off, (uint8_t)val);
}

static uint64_t elcr_read(void *dev, uint64_t off, unsigned size)
{
	const struct pic *p = dev;

	(void)size;
	return p->s[off & 1].elcr;
}

static void elcr_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pic *p = dev;
	struct pic_state *s = &p->s[off & 1];
	uint8_t old = s->elcr;

	(void)size;
	s->elcr = (uint8_t)val & elcr_writable[off & 1];
	/* Inputs that became level follow their line from now on. */
	s->irr = (uint8_t)((s->irr & ~(s->elcr & ~old)) | (s->lines & s->elcr & ~old));
	pic_update(p);
}

const struct bus_ops pic_master_ops = { master_read, master_write };
const struct bus_ops pic_slave_ops = { slave_read, slave_write };
const struct bus_ops pic_elcr_ops = { elcr_read, elcr_write };

/* The chip's state after power-up is undefined until ICW1; here it is everything masked. */
void pic_reset(struct pic *p)
{
	for (unsigned i = 0; i < 2; i++)
		p->s[i] = (struct pic_state){ .lines = p->s[i].lines, .lowest = 7, .imr = 0xff };
	pic_update(p);
}

void pic_init(struct pic *p, struct irqchip *chip)
{
	*p = (struct pic){ .chip = chip };
	pic_reset(p);
}
