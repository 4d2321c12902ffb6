/* SPDX-License-Identifier: Apache-2.0 */
/* Flash: see flash.h.  Intel, "Common Flash Interface and Command Sets", basic command set. */
#include <dev/flash.h>

enum flash_command {
	PROGRAM = 0x10, ERASE = 0x20, PROGRAM_ALTERNATE = 0x40, CLEAR_STATUS = 0x50, READ_STATUS = 0x70, READ_ID = 0x90,
	CONFIRM = 0xd0, READ_ARRAY = 0xff,
};

/*
 * Status: ready.  A chip is always ready once it answers; this one says so only after it has been given work, because that is how
 * UEFI firmware for virtual machines tells flash from read-only memory.
 */
#define STATUS_READY	0x80u
#define STATUS_SEQUENCE	0x30u		/* erase and program bits together: not a sequence of commands */

#define ID_MANUFACTURER	0x89u
#define ID_DEVICE	0x18u

static void mode_set(struct flash *f, uint8_t mode)
{
	bool hidden = mode != READ_ARRAY;

	f->mode = mode;
	if (hidden == f->hidden)
		return;
	f->hidden = hidden;
	f->s.show(f->s.arg, !hidden);
}

static uint64_t flash_read(void *dev, uint64_t off, unsigned size)
{
	const struct flash *f = dev;
	uint64_t val = 0;

	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = f->status;

		if (f->mode == READ_ARRAY)
			byte = f->s.data[off + i];
		else if (f->mode == READ_ID)
			byte = (off + i) % 2 ? ID_DEVICE : ID_MANUFACTURER;
		val |= (uint64_t)byte << (8 * i);
	}
	return val;
}

/* Programming makes ones into zeroes and never the other way. */
static void program(struct flash *f, uint64_t off, unsigned size, uint64_t val)
{
	for (unsigned i = 0; i < size; i++)
		f->s.data[off + i] &= (uint8_t)(val >> (8 * i));
	f->status |= STATUS_READY;
	f->mode = READ_STATUS;
}

static void erase(struct flash *f, uint64_t off, uint8_t confirm)
{
	f->status |= STATUS_READY;
	if (confirm == CONFIRM)
		__builtin_memset(f->s.data + align_down(off, FLASH_BLOCK), 0xff, FLASH_BLOCK);
	else
		f->status |= STATUS_SEQUENCE;
	f->mode = READ_STATUS;
}

static void flash_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct flash *f = dev;
	uint8_t command = (uint8_t)val;

	if (f->mode == PROGRAM) {
		program(f, off, size, val);
		return;
	}
	if (f->mode == ERASE) {
		erase(f, off, command);
		return;
	}
	switch (command) {
	case PROGRAM:
	case PROGRAM_ALTERNATE:
		mode_set(f, PROGRAM);
		break;
	case ERASE:
	case READ_STATUS:
	case READ_ID:
		mode_set(f, command);
		break;
	case CLEAR_STATUS:
		f->status = 0;
		mode_set(f, READ_ARRAY);
		break;
	default:		/* of unknown commands the array is what can be read again */
		mode_set(f, READ_ARRAY);
		break;
	}
}

static const struct bus_ops ops = { flash_read, flash_write };

bool flash_init(struct flash *f, const struct flash_setup *setup)
{
	const struct bus_range range = { setup->base, setup->size, &ops, f, "flash", 8 };

	*f = (struct flash){ .s = *setup, .mode = READ_ARRAY };
	return bus_add(setup->mmio, &range);
}
