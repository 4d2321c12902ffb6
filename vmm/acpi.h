/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables for the guest. */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <lib/base.h>

struct acpi_config {
	unsigned cpu_count;		/* APIC IDs 0 ... cpu_count - 1 */
	unsigned ioapic_id;
};

/*
 * Build the tables in @buf, @size bytes of zeros that the guest will see at @gpa (16-byte aligned, in the range where an
 * operating system searches the RSDP), the RSDP first.  Returns the bytes used; 0: @size is too small.
 */
uint64_t acpi_build(uint8_t *buf, uint64_t size, uint64_t gpa, const struct acpi_config *cfg) MUST_USE;

#endif
