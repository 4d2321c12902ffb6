/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map told to the guest: see layout.h. */
#include "layout.h"

#include <dev/pci.h>

_Static_assert(PCI_ECAM_BASE == LAYOUT_LOW_MAX, "low memory ends where the configuration space begins");
_Static_assert(PCI_ECAM_BASE + PCI_ECAM_SIZE <= LAYOUT_PCI_WINDOW, "the PCI window does not overlap it");

unsigned layout_e820(uint64_t memory, struct e820_entry map[LAYOUT_E820_MAX])
{
	uint64_t low = layout_low(memory);
	unsigned n = 0;

	map[n++] = (struct e820_entry){ 0, LAYOUT_EBDA, E820_RAM };
	map[n++] = (struct e820_entry){ LAYOUT_EBDA, LAYOUT_VGA - LAYOUT_EBDA, E820_RESERVED };
	map[n++] = (struct e820_entry){ LAYOUT_ACPI, LAYOUT_ACPI_SIZE, E820_RESERVED };
	map[n++] = (struct e820_entry){ LAYOUT_HIMEM, low - LAYOUT_HIMEM, E820_RAM };
	map[n++] = (struct e820_entry){ PCI_ECAM_BASE, PCI_ECAM_SIZE, E820_RESERVED };
	if (memory > low)
		map[n++] = (struct e820_entry){ LAYOUT_HIGH, memory - low, E820_RAM };
	return n;
}
