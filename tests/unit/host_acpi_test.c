/* SPDX-License-Identifier: Apache-2.0 */
/* sources: arch/x86/acpi.c kernel/fmt.c */
#include "arch/x86/acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot_image.h"

static struct image im;
static struct acpi_info info;
static struct acpi_error err;

static int setup(void **state)
{
	(void)state;
	image_init(&im);
	memset(&err, 0, sizeof(err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_free(&im);
	return 0;
}

static void fix_sum(uint64_t pa, size_t size, unsigned at)
{
	uint8_t sum = 0;

	im.memory[pa + at] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + im.memory[pa + i]);
	im.memory[pa + at] = (uint8_t)-sum;
}

/* A table with header, @body and correct checksum. */
static uint64_t table(const char *signature, const void *body, uint32_t size)
{
	uint8_t t[2048] = { 0 };
	uint32_t length = 36 + size;
	uint64_t pa;

	memcpy(t, signature, 4);
	memcpy(t + 4, &length, 4);
	memcpy(t + 36, body, size);
	pa = image_put(&im, t, length);
	fix_sum(pa, length, 9);
	return pa;
}

static const uint8_t madt_body[] = {
	0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0,			/* local APIC at 0xfee00000 */
	0, 8, 0, 0, 1, 0, 0, 0,					/* CPUs 0, 2; 3 is disabled */
	0, 8, 1, 2, 1, 0, 0, 0,
	0, 8, 2, 3, 0, 0, 0, 0,
	1, 12, 7, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0,	/* IOAPIC 7 */
	2, 10, 0, 0, 2, 0, 0, 0, 0, 0,				/* ISA 0 -> GSI 2 */
	2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0,			/* ISA 9: high, level */
	4, 6, 0xff, 0, 0, 1,					/* LINT1 is an NMI everywhere */
	9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0,	/* x2APIC id 0x1234 */
	9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,	/* CPU 2 again */
	0x80, 4, 1, 2,						/* somebody's own */
};

static uint64_t rsdp_of(uint64_t root, bool extended)
{
	uint8_t r[36] = "RSD PTR ";
	uint32_t root32 = (uint32_t)root, length = 36;
	uint64_t pa;

	memcpy(r + 16, &root32, 4);
	memcpy(r + 20, &length, 4);
	if (extended) {
		r[15] = 2;
		memset(r + 16, 0, 4);
		memcpy(r + 24, &root, 8);
	}
	pa = image_put(&im, r, sizeof(r));
	fix_sum(pa, 20, 8);
	fix_sum(pa, 36, 32);
	return pa;
}

/* RSDP -> RSDT or XSDT -> @madt (and @other, if not 0). */
static uint64_t machine(uint64_t madt, uint64_t other, bool extended)
{
	uint64_t wide[2] = { madt, other };
	uint32_t narrow[2] = { (uint32_t)madt, (uint32_t)other };
	unsigned n = other ? 2 : 1;

	return rsdp_of(extended ? table("XSDT", wide, 8 * n) : table("RSDT", narrow, 4 * n), extended);
}

static uint64_t madt(void)
{
	return table("APIC", madt_body, sizeof(madt_body));
}

static bool parse(uint64_t rsdp)
{
	return acpi_parse(&im.window, rsdp, &info, &err);
}

static void assert_error(const char *part)
{
	if (!strstr(err.text, part))
		fail_msg("error is \"%s\", expected it to contain \"%s\"", err.text, part);
}

static void a_usual_machine_is_understood(void **state)
{
	uint8_t fadt[276 - 36] = { 0 };

	(void)state;
	fadt[76 - 36] = 0x08;
	fadt[77 - 36] = 0x06;
	fadt[91 - 36] = 4;
	fadt[113 - 36] = 1;
	for (unsigned extended = 0; extended < 2; extended++) {
		assert_true(parse(machine(madt(), table("FACP", fadt, sizeof(fadt)), extended)));
		assert_int_equal(info.lapic_base, 0xfee00000);
		assert_int_equal(info.cpu_count, 3);
		assert_int_equal(info.cpu[1].apic_id, 2);
		assert_int_equal(info.cpu[2].apic_id, 0x1234);
		assert_int_equal(info.ioapic_count, 1);
		assert_int_equal(info.ioapic[0].base, 0xfec00000);
		assert_true(info.isa[0].valid);
		assert_int_equal(info.isa[0].gsi, 2);
		assert_false(info.isa[1].valid);
		assert_int_equal(ACPI_TRIGGER(info.isa[9].flags), ACPI_LEVEL);
		assert_int_equal(ACPI_POLARITY(info.isa[9].flags), ACPI_ACTIVE_HIGH);
		assert_int_equal(info.nmi_count, 1);
		assert_int_equal(info.nmi[0].acpi_cpu, ~0u);
		assert_int_equal(info.nmi[0].lint, 1);
		assert_int_equal(info.pm_timer_port, 0x608);
		assert_true(info.pm_timer_32);
	}
}

static void wrong_checksums_are_named(void **state)
{
	uint64_t m = madt(), rsdp = machine(m, 0, true);

	(void)state;
	im.memory[m + 20] ^= 1;
	assert_false(parse(rsdp));
	assert_error("table APIC");
	assert_error("wrong checksum");
	im.memory[rsdp + 30] ^= 1;
	assert_false(parse(rsdp));
	assert_error("extended RSDP");
	im.memory[rsdp + 10] ^= 1;
	assert_false(parse(rsdp));
	assert_error("the RSDP at");
	im.memory[rsdp] = 'x';
	assert_false(parse(rsdp));
	assert_error("no RSDP");
}

static void a_broken_table_that_nobody_needs_is_ignored(void **state)
{
	uint64_t fadt = table("FACP", (uint8_t[200]){ 0 }, 200);

	(void)state;
	im.memory[fadt + 50] ^= 1;
	assert_true(parse(machine(madt(), fadt, true)));
	assert_int_equal(info.pm_timer_port, 0);
	assert_true(parse(machine(madt(), 0xfffffff0, true)));
}

static void impossible_lengths_are_named(void **state)
{
	static const uint32_t lengths[] = { 0, 35, 0x100001, 0xffffffff };
	uint64_t m = madt(), rsdp = machine(m, 0, false);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		memcpy(im.memory + m + 4, &lengths[i], 4);
		assert_false(parse(rsdp));
		assert_error("claims");
	}
	assert_false(parse(machine(table("APIC", "", 0), 0, false)));
	assert_error("too few");
}

/* Any MADT that is cut short either still makes sense or is refused; the sanitizers watch. */
static void every_cut_of_the_madt_is_survived(void **state)
{
	(void)state;
	for (uint32_t size = 0; size <= sizeof(madt_body); size++) {
		im.next = 0x10000;
		parse(machine(table("APIC", madt_body, size), 0, true));
	}
	for (unsigned at = 8; at < sizeof(madt_body); at++) {
		uint8_t body[sizeof(madt_body)];

		memcpy(body, madt_body, sizeof(body));
		for (unsigned v = 0; v < 256; v += 15) {
			body[at] = (uint8_t)v;
			im.next = 0x10000;
			parse(machine(table("APIC", body, sizeof(body)), 0, true));
		}
	}
}

static void a_machine_without_the_necessary_is_refused(void **state)
{
	uint8_t body[44] = { 0 };

	(void)state;
	assert_false(parse(machine(table("SSDT", body, 4), 0, true)));
	assert_error("no MADT");
	assert_false(parse(machine(table("APIC", body, 8), 0, true)));
	assert_error("no CPU");
	memcpy(body, madt_body, 16);
	assert_false(parse(machine(table("APIC", body, 16), 0, true)));
	assert_error("no IOAPIC");
	assert_false(parse(rsdp_of(table("SSDT", body, 8), true)));
	assert_error("leads to a table SSDT");
	assert_false(parse(rsdp_of(~0ull, true)));
	assert_error("out of reach");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_usual_machine_is_understood),
		T(wrong_checksums_are_named),
		T(a_broken_table_that_nobody_needs_is_ignored),
		T(impossible_lengths_are_named),
		T(every_cut_of_the_madt_is_survived),
		T(a_machine_without_the_necessary_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
