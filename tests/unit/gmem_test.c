/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: the one function between a guest's numbers and the monitor's pointers. */
/* sources: vmm/gmem.c */
#include "gmem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOW	0xa0000ull
#define ROUNDS	200000u

static uint8_t low[LOW], high[0x2000];
static struct gmem mem;

static gpa_t gpa(uint64_t v)
{
	return (gpa_t){ v };
}

static int setup(void **state)
{
	(void)state;
	memset(&mem, 0, sizeof(mem));
	assert_true(gmem_add(&mem, gpa(0), LOW, low, true));
	assert_true(gmem_add(&mem, gpa(4 * GIB), sizeof(high), high, false));
	return 0;
}

static void the_first_and_last_byte_of_a_region_are_inside(void **state)
{
	(void)state;
	assert_ptr_equal(gmem_at(&mem, gpa(0), 1, true), low);
	assert_ptr_equal(gmem_at(&mem, gpa(LOW - 1), 1, true), low + LOW - 1);
	assert_ptr_equal(gmem_at(&mem, gpa(0), LOW, true), low);
	assert_ptr_equal(gmem_at(&mem, gpa(4 * GIB), sizeof(high), false), high);
}

static void a_range_that_leaves_its_region_is_refused_as_a_whole(void **state)
{
	(void)state;
	assert_null(gmem_at(&mem, gpa(LOW - 1), 2, false));
	assert_null(gmem_at(&mem, gpa(LOW), 1, false));
	assert_null(gmem_at(&mem, gpa(4 * GIB - 1), 2, false));
	assert_null(gmem_at(&mem, gpa(0), 5 * GIB, false));
	assert_null(gmem_at(&mem, gpa(1), ~0ull, false));
	assert_null(gmem_at(&mem, gpa(~0ull), 2, false));
}

static void memory_that_the_guest_cannot_write_gives_no_pointer_for_writing(void **state)
{
	uint8_t byte = 1;

	(void)state;
	assert_null(gmem_at(&mem, gpa(4 * GIB), 1, true));
	assert_false(gmem_write(&mem, gpa(4 * GIB), &byte, 1));
	assert_true(gmem_read(&mem, gpa(4 * GIB), &byte, 1));
}

static void overlapping_empty_and_wrapping_regions_are_not_added(void **state)
{
	(void)state;
	assert_false(gmem_add(&mem, gpa(LOW - 1), 1, low, true));
	assert_false(gmem_add(&mem, gpa(LOW - 1), 16, low, true));
	assert_false(gmem_add(&mem, gpa(4 * GIB - 1), 2, low, true));
	assert_false(gmem_add(&mem, gpa(1 * GIB), 8 * GIB, low, true));
	assert_false(gmem_add(&mem, gpa(1 * GIB), 0, low, true));
	assert_false(gmem_add(&mem, gpa(~0ull), 2, low, true));
	assert_int_equal(mem.count, 2);
	assert_true(gmem_add(&mem, gpa(LOW), 1, low, true));
	assert_true(gmem_add(&mem, gpa(1 * GIB), 1, low, true));
	assert_false(gmem_add(&mem, gpa(2 * GIB), 1, low, true));	/* full */
}

static void bytes_below_a_limit_are_counted_over_all_regions(void **state)
{
	(void)state;
	assert_int_equal(gmem_bytes_below(&mem, 4 * GIB), LOW);
	assert_int_equal(gmem_bytes_below(&mem, 4 * GIB + 1), LOW + 1);
	assert_int_equal(gmem_bytes_below(&mem, ~0ull), LOW + sizeof(high));
	assert_int_equal(gmem_bytes_below(&mem, 0x1000), 0x1000);
}

/* Addresses and lengths near every edge, and anywhere. */
static uint64_t pick(void)
{
	static const uint64_t edge[] = { 0, LOW, 4 * GIB, 4 * GIB + sizeof(high), BIT(63), ~0ull };
	uint64_t v = (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();

	return random() & 1 ? v : edge[(unsigned)random() % ARRAY_LEN(edge)] + (uint64_t)(random() % 5) - 2;
}

static void any_address_and_length_give_a_pointer_inside_or_none(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t at = pick(), len = random() & 1 ? pick() : (uint64_t)(random() % 64);
		uint8_t *p = gmem_at(&mem, gpa(at), len, false);
		unsigned __int128 end = (unsigned __int128)at + len;
		bool in_low = at < LOW && end <= LOW;
		bool in_high = at >= 4 * GIB && at < 4 * GIB + sizeof(high) && end <= 4 * GIB + sizeof(high);

		assert_ptr_equal(p, in_low ? low + at : in_high ? high + (at - 4 * GIB) : NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_and_last_byte_of_a_region_are_inside, setup),
		cmocka_unit_test_setup(a_range_that_leaves_its_region_is_refused_as_a_whole, setup),
		cmocka_unit_test_setup(memory_that_the_guest_cannot_write_gives_no_pointer_for_writing, setup),
		cmocka_unit_test_setup(overlapping_empty_and_wrapping_regions_are_not_added, setup),
		cmocka_unit_test_setup(bytes_below_a_limit_are_counted_over_all_regions, setup),
		cmocka_unit_test_setup(any_address_and_length_give_a_pointer_inside_or_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
