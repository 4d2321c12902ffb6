/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware's ACPI tables say about switching the machine off and resetting it.  There is no AML interpreter here. */
#ifndef ROOT_ACPI_H
#define ROOT_ACPI_H

#include <lib/base.h>

struct acpi_power {
	bool can_sleep;			/* the next five are good                                             */
	uint16_t pm1a_control;		/* I/O ports of the control registers; pm1b 0: none                   */
	uint16_t pm1b_control;
	uint8_t sleep_type_a, sleep_type_b;	/* SLP_TYP of S5 for each                                     */
	uint16_t smi_command;		/* I/O port that takes @acpi_enable to switch to ACPI mode; 0: always */
	uint8_t acpi_enable;

	bool can_reset;			/* the reset register is an I/O port                                  */
	uint16_t reset_port;
	uint8_t reset_value;
};

/* PM1 control register.  ACPI specification, "PM1 Control Registers". */
#define ACPI_SCI_EN		(1u << 0)
#define ACPI_SLP_TYP_SHIFT	10u
#define ACPI_SLP_TYP		(7u << ACPI_SLP_TYP_SHIFT)
#define ACPI_SLP_EN		(1u << 13)

/*
 * Bytes [@phys, @phys + @size) of physical memory, readable, or NULL.  Good until the next call.  root/power.c maps them; tests
 * bring their own.
 */
const uint8_t *acpi_at(uint64_t phys, uint64_t size);

/* Read the tables that begin at @rsdp.  What is not found, or damaged, leaves its can_...  false. */
void acpi_power_read(struct acpi_power *p, uint64_t rsdp);

/* Address of the first table with @signature, 0: there is none; *@length: its bytes. */
uint64_t acpi_table(uint64_t rsdp, const char *signature, uint32_t *length);

/* The first ECAM of segment 0 in the MCFG: where configuration space of bus 0 would be, and which buses it has.  False: there is none. */
struct acpi_ecam {
	uint64_t base;
	uint8_t first_bus, last_bus;
};
bool acpi_ecam_read(struct acpi_ecam *e, uint64_t rsdp) MUST_USE;

/*
 * Find `Name (_S5, Package () { a, b, ... })` in @size bytes of AML and store its first two numbers.  ACPI specification,
 * "Named Objects Encoding" and "Package Length Encoding".
 */
bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t type[2]);

#endif
