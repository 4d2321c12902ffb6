/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space by ECAM, or by the ports of configuration mechanism #1 where the firmware names no ECAM. */
#include "config.h"

#include <rt/io.h>

#include "access.h"

#define PORT_ADDRESS	0xcf8u
#define PORT_DATA	0xcfcu
#define PORT_ENABLE	0x80000000u
#define ECAM_SHIFT	12u		/* of the function's address */

static volatile uint8_t *ecam;
static uint32_t ecam_first, ecam_last;	/* functions */

void config_ecam(volatile void *base, unsigned first_bus, unsigned last_bus)
{
	ecam = base;
	ecam_first = first_bus << 8;
	ecam_last = last_bus << 8 | 0xff;
}

static uint32_t ones(unsigned size)
{
	return size == 4 ? ~0u : (1u << 8 * size) - 1;
}

/* Where the ECAM has these registers; NULL: nowhere. */
static volatile void *place(uint32_t address, unsigned offset)
{
	if (address < ecam_first || address > ecam_last || offset >= CFG_SIZE_EXPRESS)
		return NULL;
	return ecam + ((uint64_t)(address - ecam_first) << ECAM_SHIFT) + offset;
}

uint32_t config_read(uint32_t address, unsigned offset, unsigned size)
{
	volatile void *p = ecam ? place(address, offset) : NULL;

	if (!p && (ecam || offset >= CFG_SIZE))
		return ones(size);
	if (!p) {
		io_write32(PORT_ADDRESS, PORT_ENABLE | address << 8 | (offset & ~3u));
		return io_read32(PORT_DATA) >> 8 * (offset & 3) & ones(size);
	}
	return size == 1 ? *(volatile uint8_t *)p : size == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}

void config_write(uint32_t address, unsigned offset, unsigned size, uint32_t value)
{
	volatile void *p = ecam ? place(address, offset) : NULL;

	if (!p && (ecam || offset >= CFG_SIZE))
		return;
	if (!p) {
		io_write32(PORT_ADDRESS, PORT_ENABLE | address << 8 | (offset & ~3u));
		if (size == 1)
			io_write8((uint16_t)(PORT_DATA + (offset & 3)), (uint8_t)value);
		else if (size == 2)
			io_write16((uint16_t)(PORT_DATA + (offset & 3)), (uint16_t)value);
		else
			io_write32(PORT_DATA, value);
	} else if (size == 1) {
		*(volatile uint8_t *)p = (uint8_t)value;
	} else if (size == 2) {
		*(volatile uint16_t *)p = (uint16_t)value;
	} else {
		*(volatile uint32_t *)p = value;
	}
}
