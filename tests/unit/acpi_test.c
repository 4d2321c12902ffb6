/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables: found, linked and summed up as an operating system expects. */
/* sources: vmm/acpi.c */
#define _GNU_SOURCE
#include "acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dev/hpet.h>
#include <dev/pci.h>
#include <dev/pm.h>

#include "layout.h"

#define CPUS	3u

static uint8_t area[LAYOUT_ACPI_SIZE];

static uint64_t word(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static uint8_t sum(const uint8_t *p, uint64_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static const uint8_t *at(uint64_t gpa)
{
	assert_in_range(gpa, LAYOUT_ACPI, LAYOUT_ACPI + LAYOUT_ACPI_SIZE - 1);
	return area + (gpa - LAYOUT_ACPI);
}

/* The table that the XSDT lists under @signature, checked. */
static const uint8_t *table(const char *signature)
{
	const uint8_t *xsdt = at(word(area + 24, 8)), *rsdt = at(word(area + 16, 4));
	unsigned count = (unsigned)(word(xsdt + 4, 4) - 36) / 8;

	assert_memory_equal(xsdt, "XSDT", 4);
	assert_memory_equal(rsdt, "RSDT", 4);
	assert_int_equal(sum(xsdt, word(xsdt + 4, 4)), 0);
	assert_int_equal(sum(rsdt, word(rsdt + 4, 4)), 0);
	assert_int_equal((word(rsdt + 4, 4) - 36) / 4, count);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *t = at(word(xsdt + 36 + 8 * i, 8));

		assert_int_equal(word(rsdt + 36 + 4 * i, 4), word(xsdt + 36 + 8 * i, 8));
		assert_int_equal(sum(t, word(t + 4, 4)), 0);
		if (!memcmp(t, signature, 4))
			return t;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(area, 0, sizeof(area));
	assert_true(acpi_build(area, sizeof(area), LAYOUT_ACPI, &(struct acpi_config){ .cpu_count = CPUS, .ioapic_id = 0 }));
	return 0;
}

static void the_rsdp_is_the_first_thing_in_the_area_and_both_its_sums_are_right(void **state)
{
	(void)state;
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);
}

static void the_fadt_describes_the_power_management_block_that_exists(void **state)
{
	const uint8_t *f = table("FACP");

	(void)state;
	assert_int_equal(word(f + 4, 4), 276);
	assert_int_equal(word(f + 46, 2), 9);
	assert_int_equal(word(f + 48, 4), 0);			/* no SMI command: always in ACPI mode */
	assert_int_equal(word(f + 56, 4), PM_BASE + PM1A_EVT);
	assert_int_equal(word(f + 64, 4), PM_BASE + PM1A_CNT);
	assert_int_equal(word(f + 76, 4), PM_BASE + PM_TMR);
	assert_int_equal(word(f + 120, 8), 0xcf9);
	assert_int_equal(f[128], 6);
	assert_true(word(f + 112, 4) & BIT(10));
	assert_int_equal(word(f + 40, 4), word(f + 140, 8));
	assert_memory_equal(at(word(f + 36, 4)), "FACS", 4);
	assert_int_equal(word(f + 36, 4) % 64, 0);
	assert_memory_equal(at(word(f + 40, 4)), "DSDT", 4);
}

static void the_dsdt_has_its_own_right_sum_and_the_sleep_type_of_the_hardware(void **state)
{
	const uint8_t *d = at(word(table("FACP") + 140, 8));
	uint64_t len = word(d + 4, 4);
	const uint8_t *s5 = memmem(d, len, "_S5_", 4);

	(void)state;
	assert_int_equal(sum(d, len), 0);
	assert_non_null(s5);
	/* PackageOp, length, count, BytePrefix, value */
	assert_int_equal(s5[4], 0x12);
	assert_int_equal(s5[7], 0x0a);
	assert_int_equal(s5[8], PM_S5_TYPE);
}

static void only_a_machine_that_can_be_suspended_says_so(void **state)
{
	const uint8_t *d = at(word(table("FACP") + 140, 8)), *s3;

	assert_null(memmem(d, word(d + 4, 4), "_S3_", 4));
	memset(area, 0, sizeof(area));
	assert_true(acpi_build(area, sizeof(area), LAYOUT_ACPI, &(struct acpi_config){ .cpu_count = 1, .suspend = true }));
	d = at(word(table("FACP") + 140, 8));
	s3 = memmem(d, word(d + 4, 4), "_S3_", 4);
	assert_non_null(s3);
	assert_int_equal(s3[7], 1);			/* OneOp, the value of PM_S3_TYPE */
	assert_int_equal(sum(d, word(d + 4, 4)), 0);
	assert_ptr_equal(at(word(table("FACP") + 36, 4)) + 12, area + ACPI_WAKING_VECTOR);
	assert_int_equal(setup(state), 0);
}

static void the_madt_lists_every_cpu_once_the_ioapic_and_the_two_moved_interrupts(void **state)
{
	const uint8_t *m = table("APIC"), *end = m + word(m + 4, 4);
	unsigned cpus = 0, ioapics = 0, overrides = 0;

	(void)state;
	for (const uint8_t *e = m + 44; e < end; e += e[1]) {
		assert_true(e[1] >= 2);
		if (e[0] == 0) {
			assert_int_equal(e[3], cpus++);
		} else if (e[0] == 1) {
			ioapics++;
			assert_int_equal(word(e + 4, 4), 0xfec00000);
		} else if (e[0] == 2) {
			overrides++;
			assert_true((e[3] == 0 && word(e + 4, 4) == 2) || (e[3] == 9 && word(e + 4, 4) == 9));
		}
	}
	assert_int_equal(cpus, CPUS);
	assert_int_equal(ioapics, 1);
	assert_int_equal(overrides, 2);
}

static void the_mcfg_names_the_configuration_space_of_the_host_bridge(void **state)
{
	const uint8_t *m = table("MCFG");

	(void)state;
	assert_int_equal(word(m + 44, 8), PCI_ECAM_BASE);
	assert_int_equal((m[55] + 1) * MIB, PCI_ECAM_SIZE);
}

static void the_hpet_table_says_what_the_registers_say(void **state)
{
	const uint8_t *t = table("HPET");

	(void)state;
	assert_int_equal(word(t + 36, 4), HPET_ID);
	assert_int_equal(word(t + 44, 8), HPET_BASE);
}

static void an_area_that_is_too_small_is_reported_and_not_overrun(void **state)
{
	static uint8_t small[512 + 16];

	(void)state;
	for (uint64_t size = 0; size < 512; size += 7) {
		memset(small, 0, sizeof(small));
		memset(small + size, 0xa5, 16);
		assert_int_equal(acpi_build(small, size, LAYOUT_ACPI, &(struct acpi_config){ .cpu_count = 1 }), 0);
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(small[size + i], 0xa5);
	}
}

/* Every table is one that ACPICA's own reader takes apart without a complaint. */
static void iasl_disassembles_every_table(void **state)
{
	static const char *const name[] = { "FACP", "APIC", "MCFG", "HPET", "DSDT" };
	char dir[] = "/tmp/trivet-acpi-XXXXXX", command[400];

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < ARRAY_LEN(name); i++) {
		const uint8_t *t = i < 4 ? table(name[i]) : at(word(table("FACP") + 140, 8));
		char path[100];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s.dat", dir, name[i]);
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(t, 1, word(t + 4, 4), f), word(t + 4, 4));
		fclose(f);
		snprintf(command, sizeof(command), "iasl -p %s/%s -d %s >%s/log 2>&1 && ! grep -iE 'error|warning|invalid' %s/log",
			 dir, name[i], path, dir, dir);
		if (system(command))
			fail_msg("%s: see %s/log", name[i], dir);
	}
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_rsdp_is_the_first_thing_in_the_area_and_both_its_sums_are_right, setup),
		cmocka_unit_test_setup(the_fadt_describes_the_power_management_block_that_exists, setup),
		cmocka_unit_test_setup(the_dsdt_has_its_own_right_sum_and_the_sleep_type_of_the_hardware, setup),
		cmocka_unit_test_setup(only_a_machine_that_can_be_suspended_says_so, setup),
		cmocka_unit_test_setup(the_madt_lists_every_cpu_once_the_ioapic_and_the_two_moved_interrupts, setup),
		cmocka_unit_test_setup(the_mcfg_names_the_configuration_space_of_the_host_bridge, setup),
		cmocka_unit_test_setup(the_hpet_table_says_what_the_registers_say, setup),
		cmocka_unit_test_setup(an_area_that_is_too_small_is_reported_and_not_overrun, setup),
		cmocka_unit_test_setup(iasl_disassembles_every_table, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
