/* SPDX-License-Identifier: Apache-2.0 */
/* Search for the ACPI RSDP on BIOS machines.  ACPI, "Finding the RSDP on IA-PC Systems". */
#include <kernel/string.h>

#include "boot.h"

#define BDA_EBDA_SEGMENT	0x40eu		/* real-mode segment of the extended BIOS data area */
#define EBDA_SEARCH		1024u
#define BIOS_START		0xe0000u
#define BIOS_END		0x100000u
#define RSDP_V1_SIZE		20u
#define RSDP_STEP		16u

static uint64_t search(const struct phys_window *mem, uint64_t start, uint64_t end)
{
	for (uint64_t pa = align_up(start, RSDP_STEP); pa + RSDP_V1_SIZE <= end; pa += RSDP_STEP) {
		const uint8_t *p = phys_at(mem, pa, RSDP_V1_SIZE);
		uint8_t sum = 0;

		if (!p || memcmp(p, "RSD PTR ", 8) != 0)
			continue;
		for (unsigned i = 0; i < RSDP_V1_SIZE; i++)
			sum = (uint8_t)(sum + p[i]);
		if (sum == 0)
			return pa;
	}
	return 0;
}

uint64_t rsdp_search(const struct phys_window *mem)
{
	uint16_t segment = 0;
	uint64_t ebda, found = 0;

	if (phys_copy(mem, BDA_EBDA_SEGMENT, &segment, sizeof(segment))) {
		ebda = (uint64_t)segment << 4;
		if (ebda >= 0x400 && ebda + EBDA_SEARCH <= 0xa0000)
			found = search(mem, ebda, ebda + EBDA_SEARCH);
	}
	return found ? found : search(mem, BIOS_START, BIOS_END);
}
