/* SPDX-License-Identifier: Apache-2.0 */
/* Which event words are valid, and what becomes of two that meet. */
/* sources: kernel/event.c */
#include <kernel/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXC(v)		TV_EVENT(TV_EVENT_EXC, (v))
#define DF		(EXC(8) | TV_EVENT_HAS_ERROR)
#define TRIPLE		0

static void pairs_of_exceptions_follow_the_table_of_the_manuals(void **state)
{
	static const struct { uint64_t first, second, result; } rows[] = {
		/* benign, then anything: the second one */
		{ EXC(1), EXC(13), EXC(13) }, { EXC(3), EXC(14), EXC(14) }, { EXC(17), EXC(14), EXC(14) }, { EXC(6), EXC(0), EXC(0) },
		/* contributory, then contributory: double fault; then benign or page fault: the second one */
		{ EXC(0), EXC(10), DF }, { EXC(10), EXC(11), DF }, { EXC(11), EXC(12), DF }, { EXC(12), EXC(13), DF },
		{ EXC(13), EXC(0), DF }, { EXC(21), EXC(13), DF }, { EXC(13), EXC(21), DF },
		{ EXC(13), EXC(14), EXC(14) }, { EXC(13), EXC(1), EXC(1) },
		/* page fault, then contributory or page fault: double fault */
		{ EXC(14), EXC(14), DF }, { EXC(14), EXC(13), DF }, { EXC(14), EXC(0), DF }, { EXC(14), EXC(1), EXC(1) },
		{ EXC(14), EXC(17), EXC(17) },
		/* double fault, then the same: triple fault */
		{ DF, EXC(14), TRIPLE }, { DF, EXC(13), TRIPLE }, { DF, EXC(11), TRIPLE }, { DF, DF, TRIPLE }, { DF, EXC(1), EXC(1) },
		/* interrupts are not combined */
		{ TV_EVENT(TV_EVENT_EXTINT, 14), EXC(13), EXC(13) }, { TV_EVENT(TV_EVENT_NMI, 2), EXC(14), EXC(14) },
		{ TV_EVENT(TV_EVENT_SOFT_INT, 13), EXC(13), EXC(13) },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t result = 0;
		bool ok = event_merge(rows[i].first, rows[i].second, &result);

		assert_int_equal(ok, rows[i].result != TRIPLE);
		if (ok)
			assert_int_equal(result, rows[i].result);
	}
}

static void only_what_a_processor_can_deliver_is_valid(void **state)
{
	static const uint32_t with_error = 0x60227d00;

	(void)state;
	for (unsigned vector = 0; vector < 256; vector++) {
		assert_int_equal(event_ok(EXC(vector), 0), vector < 32 && vector != 2);
		assert_int_equal(event_ok(EXC(vector) | TV_EVENT_HAS_ERROR | 5ull << 32, 0),
				 vector < 32 && with_error >> vector & 1);
		assert_int_equal(event_ok(TV_EVENT(TV_EVENT_NMI, vector), 0), vector == 2);
		assert_true(event_ok(TV_EVENT(TV_EVENT_EXTINT, vector), 0));
		assert_true(event_ok(TV_EVENT(TV_EVENT_SOFT_INT, vector), 2));
		assert_int_equal(event_ok(TV_EVENT(TV_EVENT_SOFT_EXC, vector), 1), vector == 3 || vector == 4);
		assert_int_equal(event_ok(TV_EVENT(TV_EVENT_PRIV_EXC, vector), 1), vector == 1);
		assert_false(event_ok(TV_EVENT(1, vector), 1) || event_ok(TV_EVENT(7, vector), 1));
	}
	assert_false(event_ok(TV_EVENT(TV_EVENT_SOFT_INT, 0x80), 0) || event_ok(TV_EVENT(TV_EVENT_SOFT_INT, 0x80), 16));
	assert_false(event_ok(EXC(6) & ~TV_EVENT_VALID, 0));
	for (unsigned bit = 12; bit < 31; bit++)
		assert_false(event_ok(EXC(6) | BIT(bit), 0));
	for (unsigned bit = 32; bit < 64; bit++)
		assert_false(event_ok(EXC(6) | BIT(bit), 0));
}

static void the_interrupted_delivery_comes_before_what_the_monitor_injects(void **state)
{
	struct tv_exit_page p;
	struct event_queue q;

	(void)state;
	memset(&p, 0, sizeof(p));
	assert_int_equal(event_take(&p, false, &q), EVENT_NONE);
	p.inject = TV_EVENT(TV_EVENT_EXTINT, 0x30);
	assert_int_equal(event_take(&p, false, &q), EVENT_WAITS);
	assert_int_equal(q.now, p.inject);
	assert_false(q.now_pending);
	p.pending = TV_EVENT(TV_EVENT_NMI, 2);
	assert_int_equal(event_take(&p, false, &q), EVENT_WAITS);
	assert_int_equal(q.now, p.pending);
	assert_int_equal(q.later, p.inject);
	event_accepted(&p, &q);
	assert_int_equal(p.pending, 0);
	assert_int_not_equal(p.inject, 0);
}

static void an_exception_merges_with_the_interrupted_delivery_in_the_page(void **state)
{
	struct tv_exit_page p;
	struct event_queue q;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.pending = EXC(14) | TV_EVENT_HAS_ERROR;
	p.inject = EXC(13) | TV_EVENT_HAS_ERROR;
	assert_int_equal(event_take(&p, false, &q), EVENT_WAITS);
	assert_int_equal(q.now, DF);
	assert_int_equal(p.pending, DF);
	assert_int_equal(p.inject, 0);
	p.inject = EXC(13) | TV_EVENT_HAS_ERROR;
	assert_int_equal(event_take(&p, false, &q), EVENT_TRIPLE);
	assert_int_equal(p.pending | p.inject, 0);
}

static void software_events_need_a_cpu_that_can_deliver_them(void **state)
{
	struct tv_exit_page p;
	struct event_queue q;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.inject = TV_EVENT(TV_EVENT_SOFT_INT, 0x80);
	p.inject_len = 2;
	assert_int_equal(event_take(&p, false, &q), EVENT_REFUSED);
	assert_int_equal(event_take(&p, true, &q), EVENT_WAITS);
	p.inject = TV_EVENT(TV_EVENT_PRIV_EXC, 1);
	assert_int_equal(event_take(&p, false, &q), EVENT_WAITS);
	p.pending = TV_EVENT(TV_EVENT_SOFT_EXC, 3);
	p.pending_len = 1;
	assert_int_equal(event_take(&p, false, &q), EVENT_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_of_exceptions_follow_the_table_of_the_manuals),
		cmocka_unit_test(only_what_a_processor_can_deliver_is_valid),
		cmocka_unit_test(the_interrupted_delivery_comes_before_what_the_monitor_injects),
		cmocka_unit_test(an_exception_merges_with_the_interrupted_delivery_in_the_page),
		cmocka_unit_test(software_events_need_a_cpu_that_can_deliver_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
