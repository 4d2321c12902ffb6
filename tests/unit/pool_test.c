/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/pool.c */
/* The bookkeeping of free physical memory. */
#include <root/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rt/log.h>

void rt_panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static struct pool p;

static void give(uint64_t base, uint64_t size, uint32_t region)
{
	assert_true(pool_free(&p, (struct extent){ base, size, region }));
}

static int setup(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	return 0;
}

static void neighbours_of_one_region_join_and_those_of_two_do_not(void **state)
{
	(void)state;
	give(0x1000, 0x1000, 0);
	give(0x3000, 0x1000, 0);
	give(0x2000, 0x1000, 0);
	assert_int_equal(p.count, 1);
	assert_int_equal(p.extent[0].size, 0x3000);
	give(0x4000, 0x1000, 1);
	assert_int_equal(p.count, 2);
	assert_int_equal(pool_bytes(&p), 0x4000);
}

static void a_piece_is_aligned_and_comes_from_the_lowest_place(void **state)
{
	struct extent e;

	(void)state;
	give(0x5000, 8 * MIB, 3);
	assert_true(pool_take(&p, 2 * MIB, 2 * MIB, &e));
	assert_int_equal(e.base, 2 * MIB);
	assert_int_equal(e.region, 3);
	assert_int_equal(p.count, 2);
	assert_true(pool_take(&p, 0x1000, 0x1000, &e));
	assert_int_equal(e.base, 0x5000);
}

static void small_pieces_come_from_the_top(void **state)
{
	struct extent e;

	(void)state;
	give(0, 4 * MIB, 0);
	assert_true(pool_take_high(&p, 0x3000, &e));
	assert_int_equal(e.base, 4 * MIB - 0x3000);
	assert_int_equal(p.count, 1);
}

static void what_is_not_there_is_refused_and_nothing_changes(void **state)
{
	struct extent e;

	(void)state;
	give(0x1000, 4 * MIB, 0);
	assert_false(pool_take(&p, 4 * MIB, 2 * MIB, &e));
	assert_false(pool_take_high(&p, 5 * MIB, &e));
	assert_int_equal(pool_bytes(&p), 4 * MIB);
	assert_int_equal(p.count, 1);
}

static void memory_at_the_end_of_the_address_space_does_not_wrap(void **state)
{
	struct extent e;

	(void)state;
	give(0xffffffffffe01000ull, 0x1000, 0);
	assert_false(pool_take(&p, 0x1000, GIB, &e));
	assert_true(pool_take(&p, 0x1000, 0x1000, &e));
}

static void scattered_memory_is_taken_in_the_fewest_pieces(void **state)
{
	struct extent e[4];

	(void)state;
	give(0, 4 * MIB, 0);
	give(16 * MIB, 8 * MIB, 0);
	give(64 * MIB, 6 * MIB, 0);
	assert_int_equal(pool_take_pieces(&p, 14 * MIB, 2 * MIB, e, 4), 2);
	assert_int_equal(e[0].base, 16 * MIB);
	assert_int_equal(e[1].base, 64 * MIB);
	assert_int_equal(pool_take_pieces(&p, 6 * MIB, 2 * MIB, e, 4), 0);
	assert_int_equal(pool_bytes(&p), 4 * MIB);
}

static void a_number_of_pieces_that_does_not_suffice_changes_nothing(void **state)
{
	struct extent e[2];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		give(i * 8 * MIB, 2 * MIB, 0);
	assert_int_equal(pool_take_pieces(&p, 6 * MIB, 2 * MIB, e, 2), 0);
	assert_int_equal(p.count, 3);
	assert_int_equal(pool_bytes(&p), 6 * MIB);
}

static void random_use_never_loses_or_doubles_a_page(void **state)
{
	static struct extent held[64];
	static uint8_t owner[4096];		/* one byte a page: times that somebody has it */
	unsigned count = 0;

	(void)state;
	give(0, 2048 * PAGE_SIZE, 0);
	give(2048 * PAGE_SIZE, 2048 * PAGE_SIZE, 1);
	srand(1);
	for (unsigned i = 0; i < 100000; i++) {
		if (count < 64 && rand() % 2) {
			struct extent e;
			uint64_t size = (1 + (uint64_t)rand() % 40) * PAGE_SIZE;
			bool got = rand() % 2 ? pool_take(&p, size, PAGE_SIZE << rand() % 5, &e) : pool_take_high(&p, size, &e);

			if (!got)
				continue;
			for (uint64_t page = e.base / PAGE_SIZE; page < (e.base + e.size) / PAGE_SIZE; page++) {
				assert_int_equal(owner[page]++, 0);
				assert_int_equal(page / 2048, e.region);
			}
			held[count++] = e;
		} else if (count) {
			unsigned n = (unsigned)rand() % count;
			struct extent e = held[n];

			for (uint64_t page = e.base / PAGE_SIZE; page < (e.base + e.size) / PAGE_SIZE; page++)
				owner[page]--;
			assert_true(pool_free(&p, e));
			held[n] = held[--count];
		}
	}
	while (count)
		assert_true(pool_free(&p, held[--count]));
	assert_int_equal(p.count, 2);
	assert_int_equal(pool_bytes(&p), 4096 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(neighbours_of_one_region_join_and_those_of_two_do_not, setup),
		cmocka_unit_test_setup(a_piece_is_aligned_and_comes_from_the_lowest_place, setup),
		cmocka_unit_test_setup(small_pieces_come_from_the_top, setup),
		cmocka_unit_test_setup(what_is_not_there_is_refused_and_nothing_changes, setup),
		cmocka_unit_test_setup(memory_at_the_end_of_the_address_space_does_not_wrap, setup),
		cmocka_unit_test_setup(scattered_memory_is_taken_in_the_fewest_pieces, setup),
		cmocka_unit_test_setup(a_number_of_pieces_that_does_not_suffice_changes_nothing, setup),
		cmocka_unit_test_setup(random_use_never_loses_or_doubles_a_page, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
