/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the RSDP to the FADT and the DSDT.  The tables are the firmware's, and only a few well-known places in them are read;
 * every length is checked before it is believed.
 */
#include "acpi.h"

#include <rt/string.h>

#define TABLE_HEADER	36u
#define TABLE_MAX	(4 * MIB)
#define ROOT_ENTRIES	128u		/* tables that are looked at */

/* Fixed ACPI Description Table (FADT): offsets.  ACPI specification, "Fixed ACPI Description Table (FADT)". */
#define FADT_DSDT		40u
#define FADT_SMI_CMD		48u
#define FADT_ACPI_ENABLE	52u
#define FADT_PM1A_CNT_BLK	64u
#define FADT_PM1B_CNT_BLK	68u
#define FADT_MIN		76u
#define FADT_FLAGS		112u
#define FADT_RESET_REG		116u
#define FADT_RESET_VALUE	128u
#define FADT_X_DSDT		140u
#define FADT_X_PM1A_CNT_BLK	172u
#define FADT_X_PM1B_CNT_BLK	184u
#define FADT_RESET_REG_SUP	(1u << 10)

/* Generic Address Structure: address space. */
#define GAS_SIZE		12u
#define GAS_ADDRESS		4u
#define GAS_IO			1u

/* PCI Firmware Specification, "MCFG Table Description": offsets of the entries, and in one. */
#define MCFG_ENTRIES		44u
#define MCFG_ENTRY		16u
#define MCFG_SEGMENT		8u
#define MCFG_FIRST_BUS		10u
#define MCFG_LAST_BUS		11u

/* AML. */
#define AML_ZERO		0x00u
#define AML_ONE			0x01u
#define AML_NAME		0x08u
#define AML_BYTE		0x0au
#define AML_WORD		0x0bu
#define AML_DWORD		0x0cu
#define AML_PACKAGE		0x12u

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* Length of the table at @phys if its header is readable and says a sensible one; otherwise 0. */
static uint32_t table_length(uint64_t phys, char signature[4])
{
	const uint8_t *t = phys ? acpi_at(phys, TABLE_HEADER) : NULL;
	uint32_t length;

	if (!t)
		return 0;
	memcpy(signature, t, 4);
	length = (uint32_t)get(t + 4, 4);
	return length >= TABLE_HEADER && length <= TABLE_MAX ? length : 0;
}

/* --- AML --- */

/* PkgLength at *@at: the end of the package, or 0. */
static size_t aml_package_end(const uint8_t *aml, size_t size, size_t *at)
{
	size_t start = *at, length;
	unsigned more;

	if (start >= size)
		return 0;
	more = aml[start] >> 6;
	if (more >= size - start)
		return 0;
	length = more ? aml[start] & 0x0fu : aml[start] & 0x3fu;
	for (unsigned i = 0; i < more; i++)
		length |= (size_t)aml[start + 1 + i] << (4 + 8 * i);
	*at = start + 1 + more;
	return length > more && length <= size - start ? start + length : 0;
}

/* An integer constant at *@at inside [0, @end); its low byte to *@value. */
static bool aml_integer(const uint8_t *aml, size_t end, size_t *at, uint8_t *value)
{
	static const uint8_t bytes[] = { [AML_BYTE] = 1, [AML_WORD] = 2, [AML_DWORD] = 4 };

	if (*at >= end)
		return false;

	uint8_t op = aml[(*at)++];

	if (op == AML_ZERO || op == AML_ONE) {
		*value = op;
		return true;
	}
	if (op >= sizeof(bytes) || !bytes[op] || bytes[op] > end - *at)
		return false;
	*value = aml[*at];
	*at += bytes[op];
	return true;
}

/* Behind the name _S5_ at @at. */
static bool aml_s5_package(const uint8_t *aml, size_t size, size_t at, uint8_t type[2])
{
	size_t end;

	if (at >= size || aml[at++] != AML_PACKAGE)
		return false;
	end = aml_package_end(aml, size, &at);
	if (at >= end || aml[at++] < 2)		/* number of elements */
		return false;
	return aml_integer(aml, end, &at, &type[0]) && aml_integer(aml, end, &at, &type[1]);
}

bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t type[2])
{
	for (size_t at = 1; at + 4 <= size; at++) {
		if (memcmp(aml + at, "_S5_", 4) != 0)
			continue;

		bool named = aml[at - 1] == AML_NAME || (at > 1 && aml[at - 1] == '\\' && aml[at - 2] == AML_NAME);

		if (named && aml_s5_package(aml, size, at + 4, type))
			return true;
	}
	return false;
}

/* --- tables --- */

/* The I/O port in the generic address structure at @gas, or in the 32-bit field @legacy; 0: none. */
static uint16_t io_port(const uint8_t *gas, uint64_t legacy)
{
	uint64_t address = 0;

	if (gas && gas[0] == GAS_IO)
		address = get(gas + GAS_ADDRESS, 8);
	if (!address)
		address = legacy;
	return address < 0x10000 ? (uint16_t)address : 0;
}

static const uint8_t *field(const uint8_t *table, uint32_t length, uint32_t offset, uint32_t size)
{
	return range_inside(offset, size, length) ? table + offset : NULL;
}

/* Returns the address of the DSDT, 0: none. */
static uint64_t fadt_read(struct acpi_power *p, const uint8_t *t, uint32_t length)
{
	const uint8_t *reset = field(t, length, FADT_RESET_REG, GAS_SIZE + 1), *x_dsdt = field(t, length, FADT_X_DSDT, 8);

	if (length < FADT_MIN)
		return 0;
	p->pm1a_control = io_port(field(t, length, FADT_X_PM1A_CNT_BLK, GAS_SIZE), get(t + FADT_PM1A_CNT_BLK, 4));
	p->pm1b_control = io_port(field(t, length, FADT_X_PM1B_CNT_BLK, GAS_SIZE), get(t + FADT_PM1B_CNT_BLK, 4));
	p->smi_command = io_port(NULL, get(t + FADT_SMI_CMD, 4));
	p->acpi_enable = t[FADT_ACPI_ENABLE];
	if (reset && get(t + FADT_FLAGS, 4) & FADT_RESET_REG_SUP && reset[0] == GAS_IO) {
		p->reset_port = io_port(reset, 0);
		p->reset_value = t[FADT_RESET_VALUE];
		p->can_reset = p->reset_port != 0;
	}
	return x_dsdt && get(x_dsdt, 8) ? get(x_dsdt, 8) : get(t + FADT_DSDT, 4);
}

/* Look for _S5 in the DSDT or an SSDT at @phys. */
static void aml_table_read(struct acpi_power *p, uint64_t phys)
{
	char signature[4];
	uint32_t length = table_length(phys, signature);
	const uint8_t *t = length ? acpi_at(phys, length) : NULL;
	uint8_t type[2];

	if (!t || p->can_sleep || !acpi_find_s5(t + TABLE_HEADER, length - TABLE_HEADER, type))
		return;
	p->sleep_type_a = type[0] & 7;
	p->sleep_type_b = type[1] & 7;
	p->can_sleep = true;
}

static void table_read(struct acpi_power *p, uint64_t phys)
{
	char signature[4];
	uint32_t length = table_length(phys, signature);

	if (length && memcmp(signature, "FACP", 4) == 0) {
		const uint8_t *t = acpi_at(phys, length);

		if (t)
			aml_table_read(p, fadt_read(p, t, length));
	} else if (length && memcmp(signature, "SSDT", 4) == 0) {
		aml_table_read(p, phys);
	}
}

/* Address of the RSDT or XSDT, and the size of its entries. */
static uint64_t root_table(uint64_t rsdp, unsigned *entry)
{
	const uint8_t *r = rsdp ? acpi_at(rsdp, 20) : NULL;
	uint8_t sum = 0, revision;
	uint64_t rsdt;

	if (!r || memcmp(r, "RSD PTR ", 8) != 0)
		return 0;
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + r[i]);
	if (sum)
		return 0;
	revision = r[15];
	rsdt = get(r + 16, 4);
	r = revision >= 2 ? acpi_at(rsdp, 36) : NULL;
	*entry = r && get(r + 24, 8) ? 8 : 4;
	return *entry == 8 ? get(r + 24, 8) : rsdt;
}

/* Calls @each with the address of every table until it answers true; then that address, else 0. */
static uint64_t tables_walk(uint64_t rsdp, bool (*each)(void *arg, uint64_t phys), void *arg)
{
	unsigned entry = 4;
	uint64_t root = root_table(rsdp, &entry);
	char signature[4];
	uint32_t length = table_length(root, signature);
	uint32_t count = length ? (length - TABLE_HEADER) / entry : 0;

	for (uint32_t i = 0; i < count && i < ROOT_ENTRIES; i++) {
		const uint8_t *e = acpi_at(root + TABLE_HEADER + i * entry, entry);
		uint64_t phys = e ? get(e, entry) : 0;

		if (phys && each(arg, phys))
			return phys;
	}
	return 0;
}

static bool power_table(void *power, uint64_t phys)
{
	table_read(power, phys);
	return false;
}

void acpi_power_read(struct acpi_power *p, uint64_t rsdp)
{
	memset(p, 0, sizeof(*p));
	(void)tables_walk(rsdp, power_table, p);
	p->can_sleep &= p->pm1a_control != 0;
}

struct wanted {
	const char *signature;
	uint32_t length;
};

static bool wanted_table(void *arg, uint64_t phys)
{
	struct wanted *w = arg;
	char signature[4];

	w->length = table_length(phys, signature);
	return w->length && memcmp(signature, w->signature, 4) == 0;
}

uint64_t acpi_table(uint64_t rsdp, const char *signature, uint32_t *length)
{
	struct wanted w = { signature, 0 };
	uint64_t phys = tables_walk(rsdp, wanted_table, &w);

	*length = phys ? w.length : 0;
	return phys;
}

bool acpi_ecam_read(struct acpi_ecam *e, uint64_t rsdp)
{
	uint32_t length, at;
	uint64_t phys = acpi_table(rsdp, "MCFG", &length);
	const uint8_t *t = phys ? acpi_at(phys, length) : NULL;

	for (at = MCFG_ENTRIES; t && at + MCFG_ENTRY <= length; at += MCFG_ENTRY) {
		*e = (struct acpi_ecam){ get(t + at, 8), t[at + MCFG_FIRST_BUS], t[at + MCFG_LAST_BUS] };
		if (get(t + at + MCFG_SEGMENT, 2) == 0 && e->first_bus <= e->last_bus && is_aligned(e->base, MIB))
			return true;
	}
	return false;
}
