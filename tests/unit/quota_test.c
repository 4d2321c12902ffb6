/* SPDX-License-Identifier: Apache-2.0 */
/* sources: mm/quota.c */
#include <mm/quota.h>

#include <mm/frame.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned frames, fail;

void *frame_alloc_many(unsigned count)
{
	void *p = fail ? NULL : aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	if (!p)
		return NULL;
	memset(p, 0, count * PAGE_SIZE);
	frames += count;
	return p;
}
void *frame_alloc(void) { return frame_alloc_many(1); }
void frame_free_many(void *p, unsigned count) { frames -= count; free(p); }
void frame_free(void *p) { frame_free_many(p, 1); }

static void an_exhausted_quota_refuses_and_changes_nothing(void **state)
{
	struct quota q;
	void *a, *b;

	(void)state;
	quota_init(&q, 2);
	a = quota_frame_alloc(&q);
	b = quota_frame_alloc(&q);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(quota_frame_alloc(&q));
	assert_null(quota_alloc(&q, 64));
	assert_false(quota_reserve(&q, 1));
	assert_int_equal(q.used, 2);
	quota_frame_free(&q, a);
	quota_frame_free(&q, b);
	assert_int_equal(q.used, 0);
	assert_int_equal(q.peak, 2);
	assert_int_equal(frames, 0);
}

static void a_pool_without_memory_leaves_the_quota_as_it_was(void **state)
{
	struct quota q;

	(void)state;
	quota_init(&q, 10);
	fail = 1;
	assert_null(quota_frame_alloc(&q));
	assert_null(quota_frames_alloc(&q, 2));
	assert_null(quota_alloc(&q, 100));
	fail = 0;
	assert_int_equal(q.used, 0);
}

static void a_reservation_is_used_before_it_is_charged_again(void **state)
{
	struct quota q;
	void *page;

	(void)state;
	quota_init(&q, 3);
	assert_true(quota_reserve(&q, 3));
	assert_false(quota_reserve(&q, 1));
	page = quota_frame_take(&q);
	assert_int_equal(q.used, 3);
	assert_int_equal(q.reserved, 2);
	quota_unreserve(&q, 2);
	assert_int_equal(q.used, 1);
	quota_frame_free(&q, page);
	assert_int_equal(q.used, 0);
}

static void quota_moves_between_domains_and_back(void **state)
{
	struct quota a, b;
	void *page;

	(void)state;
	quota_init(&a, 10);
	quota_init(&b, 0);
	assert_true(quota_give(&a, &b, 4));
	assert_false(quota_give(&a, &b, 7));
	assert_int_equal(a.used, 4);
	assert_int_equal(b.limit, 4);
	page = quota_frame_alloc(&b);
	assert_false(quota_return(&b, &a, 4));
	assert_true(quota_return(&b, &a, 3));
	assert_int_equal(a.used, 1);
	quota_frame_free(&b, page);
	assert_true(quota_return(&b, &a, 1));
	assert_int_equal(a.used, 0);
	assert_int_equal(b.limit, 0);
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 1, 64, 65, 128, 200, 256, 512, 1000, 1024, 2048 };
	struct quota q;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		char *object[100];

		quota_init(&q, 200);
		for (unsigned round = 0; round < 2; round++) {
			for (unsigned n = 0; n < ARRAY_LEN(object); n++) {
				object[n] = quota_alloc(&q, sizes[i]);
				assert_non_null(object[n]);
				assert_true(is_aligned((uintptr_t)object[n], 64));
				for (size_t at = 0; at < sizes[i]; at++)
					assert_int_equal(object[n][at], 0);
				memset(object[n], (int)n + 1, sizes[i]);
			}
			for (unsigned n = 0; n < ARRAY_LEN(object); n++) {
				for (size_t at = 0; at < sizes[i]; at++)
					assert_int_equal(object[n][at], (char)(n + 1));
				quota_free(&q, object[n], sizes[i]);
			}
			assert_int_equal(q.used, 0);
			assert_int_equal(frames, 0);
		}
	}
}

static void an_object_of_more_than_half_a_page_is_refused(void **state)
{
	struct quota q;

	(void)state;
	quota_init(&q, 10);
	assert_null(quota_alloc(&q, 2049));
	assert_int_equal(q.used, 0);
}

static void random_allocation_and_freeing_balances(void **state)
{
	struct { void *p; size_t size; } held[300] = { 0 };
	struct quota q;

	(void)state;
	srand(1);
	quota_init(&q, 60);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned n = (unsigned)rand() % ARRAY_LEN(held);

		if (held[n].p) {
			quota_free(&q, held[n].p, held[n].size);
			held[n].p = NULL;
		} else {
			held[n].size = 1 + (size_t)rand() % 2048;
			held[n].p = quota_alloc(&q, held[n].size);
		}
		assert_int_equal(q.used, frames);
		assert_true(q.used <= 60);
	}
	for (unsigned n = 0; n < ARRAY_LEN(held); n++)
		if (held[n].p)
			quota_free(&q, held[n].p, held[n].size);
	assert_int_equal(q.used, 0);
	assert_int_equal(frames, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exhausted_quota_refuses_and_changes_nothing),
		cmocka_unit_test(a_pool_without_memory_leaves_the_quota_as_it_was),
		cmocka_unit_test(a_reservation_is_used_before_it_is_charged_again),
		cmocka_unit_test(quota_moves_between_domains_and_back),
		cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
		cmocka_unit_test(an_object_of_more_than_half_a_page_is_refused),
		cmocka_unit_test(random_allocation_and_freeing_balances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
