/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/policy.c */
/* Who is started again, when, and when it is given up. */
#include <root/policy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HZ	1000ull		/* ticks a second */
#define LIMIT	CONFIG_RESTART_LIMIT

static struct policy p;
static uint64_t start;

static int setup(void **state)
{
	(void)state;
	memset(&p, 0, sizeof(p));
	return 0;
}

static void each_policy_restarts_exactly_the_ends_it_names(void **state)
{
	static const bool restarts[3][VM_EXITS] = {
		[CONFIG_RESTART_NEVER]      = { [VM_EXIT_RESET] = true },
		[CONFIG_RESTART_ON_FAILURE] = { [VM_EXIT_RESET] = true, [VM_EXIT_CRASH] = true, [VM_EXIT_MONITOR] = true },
		[CONFIG_RESTART_ALWAYS]     = { [VM_EXIT_RESET] = true, [VM_EXIT_CRASH] = true, [VM_EXIT_MONITOR] = true,
						[VM_EXIT_POWEROFF] = true },
	};

	(void)state;
	for (unsigned restart = 0; restart < 3; restart++)
		for (unsigned exit = 0; exit < VM_EXITS; exit++) {
			memset(&p, 0, sizeof(p));
			assert_int_equal(policy_ended(&p, restart, LIMIT, exit, 5000, HZ, &start),
					 restarts[restart][exit] ? POLICY_RESTART : POLICY_STAY);
		}
}

static void the_pause_doubles_and_then_it_is_given_up(void **state)
{
	static const uint64_t pause[LIMIT] = { 0, 1, 2, 4, 8 };
	uint64_t now = 100000;

	(void)state;
	for (unsigned i = 0; i < LIMIT; i++) {
		assert_int_equal(policy_ended(&p, CONFIG_RESTART_ALWAYS, LIMIT, VM_EXIT_CRASH, now, HZ, &start), POLICY_RESTART);
		assert_int_equal(start - now, pause[i] * HZ);
		now = start + 10;
	}
	assert_int_equal(policy_ended(&p, CONFIG_RESTART_ALWAYS, LIMIT, VM_EXIT_CRASH, now, HZ, &start), POLICY_GIVE_UP);
}

static void after_a_quiet_window_everything_is_forgotten(void **state)
{
	uint64_t now = 100000;

	(void)state;
	for (unsigned i = 0; i < LIMIT; i++, now = start)
		assert_int_equal(policy_ended(&p, CONFIG_RESTART_ALWAYS, LIMIT, VM_EXIT_CRASH, now, HZ, &start), POLICY_RESTART);
	now += POLICY_WINDOW_S * HZ;
	assert_int_equal(policy_ended(&p, CONFIG_RESTART_ALWAYS, LIMIT, VM_EXIT_CRASH, now, HZ, &start), POLICY_RESTART);
	assert_int_equal(start, now);
}

static void a_guest_that_resets_itself_for_ever_is_slowed_down_but_not_given_up(void **state)
{
	uint64_t now = 100000;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(policy_ended(&p, CONFIG_RESTART_NEVER, LIMIT, VM_EXIT_RESET, now, HZ, &start), POLICY_RESTART);
		assert_in_range(start - now, 0, POLICY_PAUSE_MAX_S * HZ);
		if (i >= LIMIT)
			assert_true(start - now >= HZ);
		now = start + 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_policy_restarts_exactly_the_ends_it_names, setup),
		cmocka_unit_test_setup(the_pause_doubles_and_then_it_is_given_up, setup),
		cmocka_unit_test_setup(after_a_quiet_window_everything_is_forgotten, setup),
		cmocka_unit_test_setup(a_guest_that_resets_itself_for_ever_is_slowed_down_but_not_given_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
