/* SPDX-License-Identifier: Apache-2.0 */
/* sources: mm/frame.c */
#include <mm/frame.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <kernel/panic.h>

#define PAGES	1000u

static uint8_t *arena;
static jmp_buf on_panic;

void panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(on_panic, 1);
}

static bool inside(const void *p)
{
	return (const uint8_t *)p >= arena && (const uint8_t *)p < arena + PAGES * PAGE_SIZE;
}

static int setup(void **state)
{
	(void)state;
	arena = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	memset(arena, 0xcc, PAGES * PAGE_SIZE);
	frame_add(frame_pa(arena), 700 * PAGE_SIZE);
	frame_add(frame_pa(arena + 700 * PAGE_SIZE), 300 * PAGE_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(arena);
	return 0;
}

static void all_frames_come_once_and_zeroed(void **state)
{
	static void *got[PAGES];
	static const uint8_t zero[PAGE_SIZE];
	uint64_t total = frame_count_total();

	(void)state;
	assert_int_equal(total, PAGES - 2);		/* a page of each zone holds its bitmap */
	for (uint64_t i = 0; i < total; i++) {
		got[i] = frame_alloc();
		assert_true(inside(got[i]));
		assert_memory_equal(got[i], zero, PAGE_SIZE);
		memset(got[i], 0xee, PAGE_SIZE);
		for (uint64_t j = 0; j < i; j++)
			assert_ptr_not_equal(got[i], got[j]);
	}
	assert_null(frame_alloc());
	assert_int_equal(frame_count_free(), 0);
	for (uint64_t i = 0; i < total; i++)
		frame_free(got[i]);
	assert_int_equal(frame_count_free(), total);
	got[0] = frame_alloc();
	assert_memory_equal(got[0], zero, PAGE_SIZE);
	frame_free(got[0]);
}

static void runs_are_contiguous_and_do_not_cross_zones(void **state)
{
	uint8_t *a = frame_alloc_many(200), *b = frame_alloc_many(298), *c;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	c = frame_alloc_many(299);		/* the second zone has 299 pages: fits only there */
	assert_non_null(c);
	assert_true(c > arena + 700 * PAGE_SIZE);
	assert_null(frame_alloc_many(202));
	frame_free_many(b, 298);
	b = frame_alloc_many(400);
	assert_non_null(b);
	frame_free_many(a, 200);
	frame_free_many(b, 400);
	frame_free_many(c, 299);
	assert_int_equal(frame_count_free(), frame_count_total());
}

static void random_runs_never_overlap(void **state)
{
	static uint8_t owner[PAGES];
	struct { uint8_t *p; unsigned n; } run[64] = { { 0, 0 } };

	(void)state;
	srand(1);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)rand() % 64;

		if (run[i].p) {
			memset(owner + (run[i].p - arena) / PAGE_SIZE, 0, run[i].n);
			frame_free_many(run[i].p, run[i].n);
			run[i].p = NULL;
			continue;
		}
		run[i].n = 1 + (unsigned)rand() % (step % 16 ? 5 : 60);
		run[i].p = frame_alloc_many(run[i].n);
		for (unsigned k = 0; run[i].p && k < run[i].n; k++) {
			assert_int_equal(owner[(run[i].p - arena) / (long)PAGE_SIZE + k], 0);
			owner[(run[i].p - arena) / (long)PAGE_SIZE + k] = 1;
		}
	}
	for (unsigned i = 0; i < 64; i++)
		if (run[i].p)
			frame_free_many(run[i].p, run[i].n);
	assert_int_equal(frame_count_free(), frame_count_total());
}

static void freeing_what_is_not_allocated_is_a_panic(void **state)
{
	void *p = frame_alloc();

	(void)state;
	frame_free(p);
	if (!setjmp(on_panic)) {
		frame_free(p);
		fail();
	}
	if (!setjmp(on_panic)) {
		frame_free((uint8_t *)p + 8);
		fail();
	}
	if (!setjmp(on_panic)) {
		frame_free(&on_panic);
		fail();
	}
	assert_int_equal(frame_count_free(), frame_count_total());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_frames_come_once_and_zeroed),
		cmocka_unit_test(runs_are_contiguous_and_do_not_cross_zones),
		cmocka_unit_test(random_runs_never_overlap),
		cmocka_unit_test(freeing_what_is_not_allocated_is_a_panic),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
