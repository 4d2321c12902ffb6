/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables for the guest. */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <lib/base.h>

struct acpi_config {
	unsigned cpu_count;		/* APIC IDs 0 ... cpu_count - 1 */
	unsigned ioapic_id;
	bool suspend;			/* the machine can be suspended to memory */
};

/*
 * Build the tables in @buf, @size bytes of zeros that the guest will see at @gpa (16-byte aligned, in the range where an
 * operating system searches the RSDP), the RSDP first.  Returns the bytes used; 0: @size is too small.
 */
uint64_t acpi_build(uint8_t *buf, uint64_t size, uint64_t gpa, const struct acpi_config *cfg) MUST_USE;

/* Offset of the FACS' waking vector in what acpi_build() makes: 32 bits, the guest's. */
#define ACPI_WAKING_VECTOR	(64u + 12u)

/* Names of the files by which firmware gets the tables and the script that tells it how to place them. */
#define ACPI_FILE_RSDP		"etc/acpi/rsdp"
#define ACPI_FILE_TABLES	"etc/acpi/tables"
#define ACPI_FILE_SCRIPT	"etc/table-loader"

#define ACPI_RSDP_SIZE		36u

/*
 * Write that script for the @size bytes that acpi_build() made at @tables for address 0, prepare them for it, and put the RSDP into
 * @rsdp.  Returns its size in bytes; 0: @script_size is too small.
 */
uint64_t acpi_loader(uint8_t *tables, uint64_t size, uint8_t rsdp[ACPI_RSDP_SIZE], void *script, uint64_t script_size) MUST_USE;

#endif
