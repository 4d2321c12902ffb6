/* SPDX-License-Identifier: Apache-2.0 */
/* Clock conversion and the timer queue. */
/* sources: vmm/timer.c tests/fake/dev_fake.c */
#include "timer.h"
#include <dev_fake.h>

static const uint64_t tsc_rates[] = { 10000000, 999999999, 1000000000, 2399987654, 3000000000, 5700000001 };
static const uint64_t dev_rates[] = { 1, 32768, 1193182, 3579545, 14318180, 1000000000 };

static uint64_t random_state = 88172645463325252ull;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void the_tsc_of_a_tick_is_the_first_that_has_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(tsc_rates); i++) {
		for (unsigned j = 0; j < ARRAY_LEN(dev_rates); j++) {
			struct clock_rate r;

			clock_rate_init(&r, tsc_rates[i], dev_rates[j]);
			for (unsigned n = 0; n < 2000; n++) {
				/* up to 2^56: 200 days at the highest rate, 228 years at the lowest */
				uint64_t ticks = clock_ticks(&r, random64() >> (8 + n % 50)) + 1;
				uint64_t tsc = clock_tsc(&r, ticks);

				assert_true(clock_ticks(&r, tsc) >= ticks);
				assert_true(clock_ticks(&r, tsc - 1) < ticks);
			}
		}
	}
}

static void ticks_equal_the_exact_quotient(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(tsc_rates); i++) {
		for (unsigned j = 0; j < ARRAY_LEN(dev_rates); j++) {
			struct clock_rate r;

			clock_rate_init(&r, tsc_rates[i], dev_rates[j]);
			for (unsigned n = 0; n < 2000; n++) {
				uint64_t tsc = random64() >> (8 + n % 50);
				unsigned __int128 exact = (unsigned __int128)tsc * dev_rates[j] / tsc_rates[i];

				assert_true(clock_ticks(&r, tsc) - (uint64_t)exact <= 1);
			}
			for (uint64_t s = 0; s < 1000000; s += 997)	/* whole seconds come out exactly */
				assert_int_equal(clock_ticks(&r, s * tsc_rates[i]), s * dev_rates[j]);
		}
	}
}

static void a_tick_out_of_range_is_never(void **state)
{
	struct clock_rate r;

	(void)state;
	clock_rate_init(&r, 3000000000, 32768);
	assert_true(clock_tsc(&r, UINT64_MAX) == TIMER_NEVER);
	assert_int_equal(clock_tsc(&r, 0), 0);
}

static struct vm vm;
static struct timer_queue queue;
static struct timer timers[8];
static unsigned fired[16], fired_count;

static void note(struct timer *t, uint64_t now)
{
	(void)now;
	fired[fired_count++ % 16] = (unsigned)(t - timers);
}

static void note_and_rearm_in_the_past(struct timer *t, uint64_t now)
{
	note(t, now);
	timer_arm(&queue, t, now - 1);
}

static void note_and_cancel_next(struct timer *t, uint64_t now)
{
	note(t, now);
	timer_cancel(t + 1);
}

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	timer_queue_init(&queue, &vm);
	for (unsigned i = 0; i < ARRAY_LEN(timers); i++)
		timer_init(&timers[i], note);
	fired_count = 0;
	return 0;
}

static void timers_fire_in_order_of_their_deadlines(void **state)
{
	static const unsigned deadline[] = { 50, 10, 40, 20, 30, 60, 20, 99 };

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		timer_arm(&queue, &timers[i], deadline[i]);
	assert_int_equal(timer_queue_next(&queue), 10);
	timer_queue_run(&queue, 9);
	assert_int_equal(fired_count, 0);
	timer_queue_run(&queue, 50);
	assert_int_equal(fired_count, 6);
	for (unsigned i = 1; i < 6; i++)
		assert_true(deadline[fired[i - 1]] <= deadline[fired[i]]);
	assert_int_equal(fired[1], 3);		/* of equal ones, the one armed first */
	assert_int_equal(timer_queue_next(&queue), 60);
}

static void a_timer_that_rearms_in_the_past_does_not_hang_the_queue(void **state)
{
	(void)state;
	timer_init(&timers[0], note_and_rearm_in_the_past);
	timer_arm(&queue, &timers[0], 5);
	timer_queue_run(&queue, 100);
	assert_int_equal(fired_count, 1);
	timer_queue_run(&queue, 100);
	assert_int_equal(fired_count, 2);
}

static void a_due_timer_can_be_cancelled_by_one_before_it(void **state)
{
	(void)state;
	timer_init(&timers[0], note_and_cancel_next);
	timer_arm(&queue, &timers[0], 5);
	timer_arm(&queue, &timers[1], 6);
	timer_arm(&queue, &timers[2], 7);
	timer_queue_run(&queue, 10);
	assert_int_equal(fired_count, 2);
	assert_int_equal(fired[1], 2);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void only_an_earlier_deadline_is_announced(void **state)
{
	(void)state;
	timer_arm(&queue, &timers[0], 100);
	assert_int_equal(vm.timers_changed, 1);
	timer_arm(&queue, &timers[1], 200);
	assert_int_equal(vm.timers_changed, 1);
	timer_arm(&queue, &timers[1], 50);
	assert_int_equal(vm.timers_changed, 2);
	timer_arm(&queue, &timers[1], TIMER_NEVER);
	assert_int_equal(vm.timers_changed, 2);
	assert_int_equal(timer_queue_next(&queue), 100);
	assert_true(timers[1].deadline == TIMER_NEVER);
	timer_cancel(&timers[1]);		/* harmless */
	timer_cancel(&timers[0]);
	timer_queue_run(&queue, UINT64_MAX);
	assert_int_equal(fired_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tsc_of_a_tick_is_the_first_that_has_it),
		cmocka_unit_test(ticks_equal_the_exact_quotient),
		cmocka_unit_test(a_tick_out_of_range_is_never),
		cmocka_unit_test_setup(timers_fire_in_order_of_their_deadlines, setup),
		cmocka_unit_test_setup(a_timer_that_rearms_in_the_past_does_not_hang_the_queue, setup),
		cmocka_unit_test_setup(a_due_timer_can_be_cancelled_by_one_before_it, setup),
		cmocka_unit_test_setup(only_an_earlier_deadline_is_announced, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
