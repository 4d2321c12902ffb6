/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script by which firmware places the ACPI tables: allocate, patch pointers, compute checksums.  QEMU, "hw/acpi: BIOS linker
 * loader interface", as SeaBIOS and OVMF execute it.
 *
 * The tables are those that acpi_build() made for address 0, so that every pointer in them is an offset already.  The RSDP at their
 * beginning is copied to a file of its own, for only that has to lie where it is searched; the one in the tables is not used.
 */
#include "acpi.h"

#define FILE_NAME	56u
#define COMMAND_SIZE	128u

enum { CMD_ALLOCATE = 1, CMD_POINTER = 2, CMD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };	/* the RSDP is found by scanning the BIOS area */

struct command {
	uint32_t type;
	char file[FILE_NAME];
	union {
		struct { uint32_t align; uint8_t zone; } allocate;
		struct __attribute__((packed)) { char source[FILE_NAME]; uint32_t offset; uint8_t size; } pointer;
		struct { uint32_t offset, start, length; } checksum;
		uint8_t pad[COMMAND_SIZE - 4 - FILE_NAME];
	};
};
_Static_assert(sizeof(struct command) == COMMAND_SIZE, "loader script");
_Static_assert(offsetof(struct command, pointer.offset) == 116, "loader script");

/* Offsets in the tables.  ACPI specification, "RSDP Structure", "System Description Table Header", FADT. */
enum {
	RSDP_CHECKSUM = 8, RSDP_RSDT = 16, RSDP_XSDT = 24, RSDP_CHECKSUM_ALL = 32, RSDP_V1 = 20, RSDP_ALIGN = 16, FACS_ALIGN = 64,
	TABLE_LENGTH = 4, TABLE_CHECKSUM = 9, TABLE_ENTRIES = 36,
	FADT_FACS = 36, FADT_DSDT = 40, FADT_X_DSDT = 140,
};

struct script {
	uint8_t *tables, *rsdp;
	uint64_t size;
	struct command *command;
	unsigned count, max;
};

static uint64_t get(const struct script *s, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	if (range_inside(off, size, s->size))
		__builtin_memcpy(&v, s->tables + off, size);
	return v;
}

/* A new command about the tables or, with @rsdp, about the RSDP. */
static struct command *add(struct script *s, uint32_t type, bool rsdp)
{
	struct command *c = &s->command[s->count < s->max ? s->count : s->max - 1];

	s->count++;
	__builtin_memset(c, 0, sizeof(*c));
	c->type = type;
	if (rsdp)
		__builtin_memcpy(c->file, ACPI_FILE_RSDP, sizeof(ACPI_FILE_RSDP));
	else
		__builtin_memcpy(c->file, ACPI_FILE_TABLES, sizeof(ACPI_FILE_TABLES));
	return c;
}

static void add_pointer(struct script *s, bool rsdp, uint64_t off, uint8_t size)
{
	struct command *c = add(s, CMD_POINTER, rsdp);

	__builtin_memcpy(c->pointer.source, ACPI_FILE_TABLES, sizeof(ACPI_FILE_TABLES));
	c->pointer.offset = (uint32_t)off;
	c->pointer.size = size;
}

/* The byte at @off becomes what makes the sum of [@start, @start + @length) zero; the script wants it zero before. */
static void add_checksum(struct script *s, bool rsdp, uint64_t off, uint64_t start, uint64_t length)
{
	struct command *c = add(s, CMD_CHECKSUM, rsdp);

	c->checksum.offset = (uint32_t)off;
	c->checksum.start = (uint32_t)start;
	c->checksum.length = (uint32_t)length;
	if (rsdp)
		s->rsdp[off] = 0;
	else if (off < s->size)
		s->tables[off] = 0;
}

static void table_checksum(struct script *s, uint64_t table)
{
	add_checksum(s, false, table + TABLE_CHECKSUM, table, get(s, table + TABLE_LENGTH, 4));
}

/* The RSDT or XSDT at @sdt, whose entries are @width bytes wide; its tables too if @tables. */
static void add_sdt(struct script *s, uint64_t sdt, uint8_t width, bool tables)
{
	uint64_t end = sdt + get(s, sdt + TABLE_LENGTH, 4);

	for (uint64_t at = sdt + TABLE_ENTRIES; at + width <= end; at += width) {
		uint64_t table = get(s, at, width);

		add_pointer(s, false, at, width);
		if (!tables)
			continue;
		if (get(s, table, 4) == 0x50434146) {			/* "FACP" */
			add_pointer(s, false, table + FADT_FACS, 4);
			add_pointer(s, false, table + FADT_DSDT, 4);
			add_pointer(s, false, table + FADT_X_DSDT, 8);
		}
		table_checksum(s, table);
	}
	table_checksum(s, sdt);
}

static void add_allocation(struct script *s, bool rsdp, uint32_t align, uint8_t zone)
{
	struct command *c = add(s, CMD_ALLOCATE, rsdp);

	c->allocate.align = align;
	c->allocate.zone = zone;
}

uint64_t acpi_loader(uint8_t *tables, uint64_t size, uint8_t rsdp[ACPI_RSDP_SIZE], void *script, uint64_t script_size)
{
	struct script s = { tables, rsdp, size, script, 0, (unsigned)(script_size / sizeof(struct command)) };

	if (!s.max || size < ACPI_RSDP_SIZE)
		return 0;
	__builtin_memcpy(rsdp, tables, ACPI_RSDP_SIZE);
	add_allocation(&s, true, RSDP_ALIGN, ZONE_FSEG);
	add_allocation(&s, false, FACS_ALIGN, ZONE_HIGH);
	add_pointer(&s, true, RSDP_RSDT, 4);
	add_pointer(&s, true, RSDP_XSDT, 8);
	add_sdt(&s, get(&s, RSDP_RSDT, 4), 4, true);
	add_sdt(&s, get(&s, RSDP_XSDT, 8), 8, false);
	add_checksum(&s, true, RSDP_CHECKSUM, 0, RSDP_V1);
	add_checksum(&s, true, RSDP_CHECKSUM_ALL, 0, ACPI_RSDP_SIZE);
	return s.count <= s.max ? s.count * sizeof(struct command) : 0;
}
