/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest-physical address map, that of a PC:
 *
 *	0 .......... 9fc00	RAM; the loader's own structures are at 10000-2ffff, see below
 *	9fc00 ...... a0000	RAM, reserved: extended BIOS data area
 *	a0000 ...... c0000	hole: video memory of a VGA, which does not exist
 *	c0000 ...... e0000	RAM, unused (option ROMs)
 *	e0000 ..... 100000	RAM, reserved: ACPI tables, from the RSDP on
 *	100000 ... low end	RAM
 *	b0000000 . b0100000	PCI Express configuration space of bus 0
 *	c0000000 . febfffff	window for the memory of PCI devices
 *	fec00000, fed00000	IOAPIC, HPET
 *	fee00000		local APICs
 *	4 GiB .... high end	RAM
 *
 * The low end is at most LAYOUT_LOW_MAX; what does not fit goes above 4 GiB, and then the split is at LAYOUT_LOW_SPLIT, a
 * multiple of 1 GiB: both parts can be mapped by the largest pages, because memory and addresses are aligned alike.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <lib/base.h>

#define LAYOUT_EBDA		0x9fc00ull
#define LAYOUT_VGA		0xa0000ull
#define LAYOUT_ROM		0xc0000ull
#define LAYOUT_ACPI		0xe0000ull
#define LAYOUT_ACPI_SIZE	0x20000ull
#define LAYOUT_HIMEM		0x100000ull
#define LAYOUT_LOW_SPLIT	(2 * GIB)
#define LAYOUT_LOW_MAX		0xb0000000ull
#define LAYOUT_PCI_WINDOW	0xc0000000ull
#define LAYOUT_PCI_WINDOW_END	0xfec00000ull
#define LAYOUT_HIGH		(4 * GIB)
#define LAYOUT_MIN		(16 * MIB)	/* least memory of a guest */

/* What the loader leaves in low memory for the kernel's first instructions. */
#define LAYOUT_BOOT		0x10000ull
#define LAYOUT_BOOT_SIZE	0x20000ull
#define LAYOUT_BOOT_GDT		LAYOUT_BOOT
#define LAYOUT_BOOT_PARAMS	0x11000ull
#define LAYOUT_BOOT_TABLES	0x12000ull	/* six pages */
#define LAYOUT_BOOT_CMDLINE	0x20000ull
#define LAYOUT_BOOT_CMDLINE_MAX	0x10000ull

/* How @memory bytes are divided: what lies below 4 GiB; the rest is above. */
static inline uint64_t layout_low(uint64_t memory)
{
	return memory <= LAYOUT_LOW_MAX ? memory : LAYOUT_LOW_SPLIT;
}

enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;		/* enum e820_type */
};
#define LAYOUT_E820_MAX		8

/* The memory map that is told to a guest with @memory bytes; returns the number of entries. */
unsigned layout_e820(uint64_t memory, struct e820_entry map[LAYOUT_E820_MAX]);

#endif
