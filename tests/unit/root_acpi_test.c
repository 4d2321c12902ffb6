/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/acpi.c */
/* Switching off and resetting, as the firmware's tables describe it. */
#include <root/acpi.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Physical memory from address 0x1000 on; each piece is handed out as a copy of exact size, so that the sanitizer sees all. */
static uint8_t memory[0x4000];
static uint8_t *lent;

#define BASE	0x1000u
#define RSDP	0x1000u
#define XSDT	0x1100u
#define FADT	0x1200u
#define DSDT	0x1400u
#define SSDT	0x1800u

const uint8_t *acpi_at(uint64_t phys, uint64_t size)
{
	free(lent);
	lent = NULL;
	if (phys < BASE || !range_inside(phys - BASE, size, sizeof(memory)))
		return NULL;
	lent = malloc(size);
	memcpy(lent, memory + phys - BASE, size);
	return lent;
}

static void set(uint64_t phys, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, v >>= 8)
		memory[phys - BASE + i] = (uint8_t)v;
}

static void table(uint64_t phys, const char *signature, uint32_t length)
{
	memcpy(memory + phys - BASE, signature, 4);
	set(phys + 4, length, 4);
}

/* The DSDT of QEMU's q35, cut down: Name (_S5, Package (0x04) { 0, 0, 0, 0 }). */
static const uint8_t qemu_s5[] = { 0x10, 0x20, '\\', '_', 'S', 'B', '_', 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0 };

static void rsdp_sum(void)
{
	uint8_t sum = 0;

	memory[8] = 0;
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + memory[i]);
	memory[8] = (uint8_t)-sum;
}

static int setup(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, "RSD PTR ", 8);
	memory[15] = 2;
	set(RSDP + 24, XSDT, 8);
	rsdp_sum();
	table(XSDT, "XSDT", 36 + 16);
	set(XSDT + 36, FADT, 8);
	set(XSDT + 44, SSDT, 8);
	table(FADT, "FACP", 244);
	set(FADT + 40, DSDT, 4);
	set(FADT + 48, 0xb2, 4);
	set(FADT + 52, 0xa0, 1);
	set(FADT + 64, 0x604, 4);
	set(FADT + 112, 1 << 10, 4);
	set(FADT + 116, 1, 1);
	set(FADT + 120, 0xcf9, 8);
	set(FADT + 128, 0x0f, 1);
	table(DSDT, "DSDT", 36 + sizeof(qemu_s5));
	memcpy(memory + DSDT + 36 - BASE, qemu_s5, sizeof(qemu_s5));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(lent);
	lent = NULL;
	return 0;
}

static void the_tables_of_a_pc_are_understood(void **state)
{
	struct acpi_power p;

	(void)state;
	acpi_power_read(&p, RSDP);
	assert_true(p.can_sleep);
	assert_int_equal(p.pm1a_control, 0x604);
	assert_int_equal(p.pm1b_control, 0);
	assert_int_equal(p.sleep_type_a, 0);
	assert_int_equal(p.smi_command, 0xb2);
	assert_int_equal(p.acpi_enable, 0xa0);
	assert_true(p.can_reset);
	assert_int_equal(p.reset_port, 0xcf9);
	assert_int_equal(p.reset_value, 0x0f);
}

static void an_rsdt_and_a_short_fadt_of_acpi_1_do(void **state)
{
	struct acpi_power p;

	(void)state;
	memory[15] = 0;
	set(RSDP + 16, 0x3000, 4);
	rsdp_sum();
	table(0x3000, "RSDT", 36 + 4);
	set(0x3000 + 36, FADT, 4);
	table(FADT, "FACP", 116);
	acpi_power_read(&p, RSDP);
	assert_true(p.can_sleep);
	assert_int_equal(p.pm1a_control, 0x604);
	assert_false(p.can_reset);
}

static void the_extended_fields_go_first(void **state)
{
	struct acpi_power p;

	(void)state;
	set(FADT + 172, 1, 1);
	set(FADT + 176, 0x1804, 8);
	set(FADT + 184, 1, 1);
	set(FADT + 188, 0x1904, 8);
	set(FADT + 140, 0x2800, 8);
	table(0x2800, "DSDT", 36 + 12);
	memcpy(memory + 0x2800 + 36 - BASE, "\x08\\_S5_\x12\x05\x02\x0a\x05\x01", 12);
	acpi_power_read(&p, RSDP);
	assert_true(p.can_sleep);
	assert_int_equal(p.pm1a_control, 0x1804);
	assert_int_equal(p.pm1b_control, 0x1904);
	assert_int_equal(p.sleep_type_a, 5);
	assert_int_equal(p.sleep_type_b, 1);
}

static void s5_may_stand_in_an_ssdt(void **state)
{
	struct acpi_power p;

	(void)state;
	memory[DSDT + 36 + 8 - BASE] = 'X';
	table(SSDT, "SSDT", 36 + sizeof(qemu_s5));
	memcpy(memory + SSDT + 36 - BASE, qemu_s5, sizeof(qemu_s5));
	acpi_power_read(&p, RSDP);
	assert_true(p.can_sleep);
}

static void a_reset_register_in_memory_is_not_used(void **state)
{
	struct acpi_power p;

	(void)state;
	set(FADT + 116, 0, 1);
	acpi_power_read(&p, RSDP);
	assert_false(p.can_reset);
}

static void without_tables_nothing_can_be_done(void **state)
{
	struct acpi_power p;

	(void)state;
	acpi_power_read(&p, 0);
	assert_false(p.can_sleep || p.can_reset);
	acpi_power_read(&p, 0x100000);
	assert_false(p.can_sleep || p.can_reset);
	memory[9]++;
	acpi_power_read(&p, RSDP);
	assert_false(p.can_sleep || p.can_reset);
}

static void every_kind_of_integer_is_read(void **state)
{
	static const uint8_t aml[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x0b, 0x02, 0x0b, 0x07, 0x00, 0x0c, 0x03, 0, 0, 0, 0 };
	uint8_t type[2];

	(void)state;
	assert_true(acpi_find_s5(aml, sizeof(aml), type));
	assert_int_equal(type[0], 7);
	assert_int_equal(type[1], 3);
}

static void a_package_that_is_cut_off_is_refused_at_every_length(void **state)
{
	uint8_t type[2];

	(void)state;
	for (size_t size = 0; size < sizeof(qemu_s5); size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, qemu_s5, size);
		assert_false(acpi_find_s5(copy, size, type));
		free(copy);
	}
	assert_true(acpi_find_s5(qemu_s5, sizeof(qemu_s5), type));
}

static void a_damaged_byte_anywhere_leads_nowhere_else(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 0x800; at++)
		for (unsigned i = 0; i < 3; i++) {
			static const uint8_t values[] = { 0x00, 0xff, 0x80 };
			uint8_t saved = memory[at];
			struct acpi_power p;

			memory[at] = values[i];
			acpi_power_read(&p, RSDP);
			memory[at] = saved;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_tables_of_a_pc_are_understood, setup, teardown),
		cmocka_unit_test_setup_teardown(an_rsdt_and_a_short_fadt_of_acpi_1_do, setup, teardown),
		cmocka_unit_test_setup_teardown(the_extended_fields_go_first, setup, teardown),
		cmocka_unit_test_setup_teardown(s5_may_stand_in_an_ssdt, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_register_in_memory_is_not_used, setup, teardown),
		cmocka_unit_test_setup_teardown(without_tables_nothing_can_be_done, setup, teardown),
		cmocka_unit_test_setup_teardown(every_kind_of_integer_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_package_that_is_cut_off_is_refused_at_every_length, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_byte_anywhere_leads_nowhere_else, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
