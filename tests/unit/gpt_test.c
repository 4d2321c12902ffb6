/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables: what is right is found, and no damaged byte leads anywhere else. */
/* sources: drivers/block/gpt.c */
#include <drv/gpt.h>
#include <lib/bytes.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crc.h"

#define BLOCKS	1000u
#define COUNT	8u
#define ENTRY	128u

static uint8_t block[512], entries[COUNT * ENTRY];

static void sign(void)
{
	write_le(block + 88, 4, fake_crc(entries, sizeof(entries)));
	write_le(block + 16, 4, 0);
	write_le(block + 16, 4, fake_crc(block, 92));
}

static void part_put(unsigned i, uint64_t first, uint64_t last, const char *name)
{
	uint8_t *e = entries + i * ENTRY;

	memset(e, 1, 32);
	write_le(e + 32, 8, first);
	write_le(e + 40, 8, last);
	for (unsigned n = 0; name[n]; n++)
		write_le(e + 56 + 2 * n, 2, (uint8_t)name[n]);
}

static int setup(void **state)
{
	(void)state;
	memset(block, 0, sizeof(block));
	memset(entries, 0, sizeof(entries));
	memcpy(block, "EFI PART", 8);
	write_le(block + 8, 4, 0x10000);
	write_le(block + 12, 4, 92);
	write_le(block + 24, 8, 1);
	write_le(block + 32, 8, BLOCKS - 1);
	write_le(block + 40, 8, 34);
	write_le(block + 48, 8, BLOCKS - 34);
	write_le(block + 72, 8, 2);
	write_le(block + 80, 4, COUNT);
	write_le(block + 84, 4, ENTRY);
	part_put(0, 40, 99, "boot");
	part_put(3, 100, 899, "root file system");
	sign();
	return 0;
}

static bool header(struct gpt_header *h)
{
	return gpt_header_read(h, block, sizeof(block), 1, BLOCKS);
}

static void partitions_have_numbers_names_and_places(void **state)
{
	struct gpt_part part[COUNT];
	struct gpt_header h;
	bool ok;

	(void)state;
	assert_true(header(&h));
	assert_int_equal(gpt_bytes(&h), sizeof(entries));
	assert_int_equal(gpt_entries_read(&h, entries, part, COUNT, &ok), 2);
	assert_true(ok);
	assert_string_equal(part[0].name, "boot");
	assert_int_equal(part[0].first, 40);
	assert_int_equal(part[0].count, 60);
	assert_int_equal(part[1].number, 4);
	assert_string_equal(part[1].name, "root?file?system");
	assert_int_equal(gpt_entries_read(&h, entries, part, 1, &ok), 1);
}

static void a_damaged_byte_anywhere_is_noticed(void **state)
{
	struct gpt_part part[COUNT];
	struct gpt_header h;
	bool ok;

	(void)state;
	for (unsigned i = 0; i < 92; i++) {
		block[i] ^= 0x10;
		assert_false(header(&h));
		block[i] ^= 0x10;
	}
	assert_true(header(&h));
	for (unsigned i = 0; i < sizeof(entries); i++) {
		entries[i] ^= 0x80;
		assert_int_equal(gpt_entries_read(&h, entries, part, COUNT, &ok), 0);
		assert_false(ok);
		entries[i] ^= 0x80;
	}
}

/* Signed as it should be, but it makes no sense. */
static void refused(unsigned at, unsigned size, uint64_t value)
{
	uint64_t was = read_le(block + at, size);
	struct gpt_header h;

	write_le(block + at, size, value);
	sign();
	assert_false(header(&h));
	write_le(block + at, size, was);
	sign();
	assert_true(header(&h));
}

static void a_header_that_cannot_be_is_refused(void **state)
{
	struct gpt_header h;

	(void)state;
	refused(12, 4, 91);
	refused(12, 4, 513);
	refused(12, 4, 0xffffffff);
	refused(24, 8, 2);
	refused(40, 8, 2000);
	refused(48, 8, BLOCKS);
	refused(72, 8, BLOCKS);
	refused(72, 8, ~0ull);
	refused(80, 4, 0);
	refused(80, 4, 129);
	refused(84, 4, 64);
	refused(84, 4, 192);
	refused(84, 4, 1024);
	assert_false(gpt_header_read(&h, block, sizeof(block), BLOCKS - 1, BLOCKS));
}

static void a_partition_that_cannot_be_is_left_out(void **state)
{
	static const uint64_t wrong[][2] = { { 10, 60 }, { 950, 980 }, { 60, 50 }, { 99, 120 }, { 40, 40 }, { ~0ull, ~0ull }, { 0, ~0ull } };
	struct gpt_part part[COUNT];
	struct gpt_header h;
	bool ok;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		part_put(3, wrong[i][0], wrong[i][1], "wrong");
		sign();
		assert_true(header(&h));
		assert_int_equal(gpt_entries_read(&h, entries, part, COUNT, &ok), 1);
		assert_true(ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(partitions_have_numbers_names_and_places, setup),
		cmocka_unit_test_setup(a_damaged_byte_anywhere_is_noticed, setup),
		cmocka_unit_test_setup(a_header_that_cannot_be_is_refused, setup),
		cmocka_unit_test_setup(a_partition_that_cannot_be_is_left_out, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
