/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's ACPI parser: any MADT behind correct checksums, or any memory at all. */
/* sources: arch/x86/acpi.c kernel/fmt.c */
#include "arch/x86/acpi.h"

#include <stdlib.h>
#include <string.h>

#define START		0xe0000ull
#define RSDP_SIZE	36u
#define XSDT_SIZE	44u	/* one pointer */
#define MADT_AT		80u
#define HEADER_SIZE	36u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign(uint8_t *p, size_t size, size_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

static void header(uint8_t *p, const char *signature, uint32_t size)
{
	memcpy(p, signature, 4);
	memcpy(p + 4, &size, 4);
	sign(p, size, 9);
}

/* Input: first byte odd: the rest is memory, RSDP first.  Even: the rest is the MADT behind its header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi_info info;
	struct acpi_error err = { .text = "" };
	size_t length = size == 0 || data[0] & 1 ? size : size - 1 + MADT_AT + HEADER_SIZE;
	uint8_t *memory = calloc(1, length + 1);
	struct phys_window mem = { .base = memory, .start = START, .size = length };

	if (size > 0 && !(data[0] & 1)) {
		uint64_t xsdt = START + RSDP_SIZE, madt = START + MADT_AT;

		memcpy(memory + MADT_AT + HEADER_SIZE, data + 1, size - 1);
		header(memory + MADT_AT, "APIC", (uint32_t)(HEADER_SIZE + size - 1));
		memcpy(memory + RSDP_SIZE + HEADER_SIZE, &madt, 8);
		header(memory + RSDP_SIZE, "XSDT", XSDT_SIZE);
		memcpy(memory, "RSD PTR ", 8);
		memory[15] = 2;
		memcpy(memory + 24, &xsdt, 8);
		sign(memory, 20, 8);
		sign(memory, RSDP_SIZE, 32);
	} else if (size > 0) {
		memcpy(memory, data + 1, size - 1);
	}
	if (acpi_parse(&mem, START, &info, &err)) {
		if (info.cpu_count == 0 || info.cpu_count > ACPI_CPUS || info.ioapic_count == 0 ||
		    info.ioapic_count > ACPI_IOAPICS || info.nmi_count > ACPI_NMIS)
			abort();
		for (unsigned i = 0; i < info.nmi_count; i++)
			if (info.nmi[i].lint > 1)
				abort();
	} else if (err.text[0] == '\0') {
		abort();
	}
	free(memory);
	return 0;
}
