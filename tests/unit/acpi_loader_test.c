/* SPDX-License-Identifier: Apache-2.0 */
/* The script for firmware, executed as firmware does: afterwards the tables must be as sound as those that were built in place. */
/* sources: vmm/acpi.c vmm/acpi_loader.c */
#include "acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE		0x4000u
#define TABLES_AT	0x7fed1000ull		/* where this "firmware" puts the two files */
#define RSDP_AT		0xf5a50ull

static _Alignas(64) uint8_t tables[SIZE], script[SIZE], rsdp[ACPI_RSDP_SIZE];
static uint64_t size, commands;

static uint64_t get(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static uint8_t sum(const uint8_t *p, uint64_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return s;
}

static uint8_t *file(const char *name, uint64_t *at)
{
	bool tab = !strcmp(name, ACPI_FILE_TABLES);

	assert_true(tab || !strcmp(name, ACPI_FILE_RSDP));
	*at = tab ? TABLES_AT : RSDP_AT;
	return tab ? tables : rsdp;
}

static int setup(void **state)
{
	const struct acpi_config cfg = { .cpu_count = 2, .ioapic_id = 0 };

	(void)state;
	memset(tables, 0, sizeof(tables));
	size = acpi_build(tables, SIZE, 0, &cfg);
	assert_int_not_equal(size, 0);
	commands = acpi_loader(tables, size, rsdp, script, SIZE) / 128;
	assert_int_not_equal(commands, 0);
	return 0;
}

static void execute(void)
{
	for (uint64_t i = 0; i < commands; i++) {
		const uint8_t *c = script + 128 * i;
		uint64_t at, source_at, v;
		uint8_t *dest = file((const char *)c + 4, &at);

		if (get(c, 4) == 2) {
			uint8_t *field = dest + get(c + 116, 4);

			(void)file((const char *)c + 60, &source_at);
			v = get(field, c[120]);
			assert_true(v < size);
			v += source_at;
			memcpy(field, &v, c[120]);
		} else if (get(c, 4) == 3) {
			assert_int_equal(dest[get(c + 60, 4)], 0);
			dest[get(c + 60, 4)] = (uint8_t)-sum(dest + get(c + 64, 4), get(c + 68, 4));
		} else {
			assert_int_equal(get(c, 4), 1);
			assert_int_equal(c[64], dest == rsdp ? 2 : 1);
		}
	}
}

static const uint8_t *table(uint64_t at)
{
	assert_true(at >= TABLES_AT && at + 36 <= TABLES_AT + size);
	return tables + (at - TABLES_AT);
}

static void every_table_is_found_and_sums_up_to_zero(void **state)
{
	const uint8_t *sdt[2];
	unsigned found = 0;

	(void)state;
	execute();
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	sdt[0] = table(get(rsdp + 16, 4));
	sdt[1] = table(get(rsdp + 24, 8));
	for (unsigned i = 0; i < 2; i++) {
		unsigned width = i ? 8 : 4;

		assert_memory_equal(sdt[i], i ? "XSDT" : "RSDT", 4);
		assert_int_equal(sum(sdt[i], get(sdt[i] + 4, 4)), 0);
		for (uint64_t at = 36; at < get(sdt[i] + 4, 4); at += width, found++) {
			const uint8_t *t = table(get(sdt[i] + at, width));

			assert_int_equal(sum(t, get(t + 4, 4)), 0);
			if (memcmp(t, "FACP", 4))
				continue;
			assert_memory_equal(table(get(t + 36, 4)), "FACS", 4);
			assert_memory_equal(table(get(t + 40, 4)), "DSDT", 4);
			assert_int_equal(get(t + 40, 4), get(t + 140, 8));
		}
	}
	assert_int_equal(found, 2 * 4);		/* FADT, MADT, MCFG, HPET in both */
}

static void a_script_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	assert_int_equal(acpi_loader(tables, size, rsdp, script, 128 * (commands - 1)), 0);
	assert_int_equal(acpi_loader(tables, size, rsdp, script, 127), 0);
	assert_int_equal(acpi_loader(tables, 10, rsdp, script, SIZE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_table_is_found_and_sums_up_to_zero, setup),
		cmocka_unit_test_setup(a_script_that_does_not_fit_is_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
