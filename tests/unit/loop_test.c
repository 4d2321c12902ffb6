/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/rt/event.c */
/* The event loop of user programs. */
#include <rt/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <rt/time.h>

uint64_t fake_now;
static uint64_t pending;
static enum tv_err wait_error;
static jmp_buf panicked;

void rt_panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(panicked, 1);
}

enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	assert_int_equal(ntfn, 7);
	*bits = pending;
	pending = 0;
	if (wait_error)
		return wait_error;
	if (*bits)
		return TV_OK;
	assert_true(deadline != TV_NEVER);		/* the test would hang */
	if (deadline > fake_now)
		fake_now = deadline;
	return TV_ETIMEOUT;
}

static struct event_loop loop;
static char order[64];

static void note(void *arg)
{
	strcat(order, arg);
}

static int setup(void **state)
{
	(void)state;
	fake_now = 1000;
	pending = 0;
	wait_error = TV_OK;
	order[0] = 0;
	event_init(&loop, 7);
	return 0;
}

static void each_bit_has_its_handler_and_unknown_ones_are_ignored(void **state)
{
	(void)state;
	event_on(&loop, 0, note, "a");
	event_on(&loop, 63, note, "z");
	pending = BIT(0) | BIT(5) | BIT(63);
	event_run(&loop);
	assert_string_equal(order, "az");
	event_on(&loop, 0, NULL, NULL);
	pending = BIT(0);
	event_run(&loop);
	assert_string_equal(order, "az");
}

static void timers_run_in_the_order_of_their_deadlines(void **state)
{
	struct event_timer t[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		event_timer_init(&t[i], note, &"a\0b\0c\0d"[2 * i]);
	event_timer_set(&loop, &t[0], 3000);
	event_timer_set(&loop, &t[1], 2000);
	event_timer_set(&loop, &t[2], 3000);
	event_timer_set(&loop, &t[3], 1500);
	event_timer_set(&loop, &t[3], 2500);		/* again: the last word counts */
	event_run(&loop);
	assert_string_equal(order, "b");
	event_run(&loop);
	event_run(&loop);
	assert_string_equal(order, "bdac");
	assert_int_equal(fake_now, 3000);
}

static void a_cancelled_timer_stays_silent(void **state)
{
	struct event_timer a, b;

	(void)state;
	event_timer_init(&a, note, "a");
	event_timer_init(&b, note, "b");
	event_timer_cancel(&a);				/* not armed: nothing happens */
	event_timer_set(&loop, &a, 2000);
	event_timer_set(&loop, &b, 2000);
	assert_true(event_timer_armed(&a));
	event_timer_cancel(&a);
	assert_false(event_timer_armed(&a));
	event_run(&loop);
	assert_string_equal(order, "b");
}

static struct event_timer other;

static void cancel_other(void *arg)
{
	(void)arg;
	strcat(order, "c");
	event_timer_cancel(&other);
}

static void a_handler_may_cancel_a_timer_that_is_due_with_it(void **state)
{
	struct event_timer t;

	(void)state;
	event_timer_init(&t, cancel_other, NULL);
	event_timer_init(&other, note, "o");
	event_timer_set(&loop, &t, 2000);
	event_timer_set(&loop, &other, 2000);
	event_run(&loop);
	assert_string_equal(order, "c");
	assert_false(event_timer_armed(&other));
}

static void again_at_once(void *arg)
{
	strcat(order, "r");
	event_timer_set(&loop, arg, 0);
}

static void a_timer_that_is_always_due_lets_bits_have_their_turn(void **state)
{
	struct event_timer t;

	(void)state;
	event_timer_init(&t, again_at_once, &t);
	event_timer_set(&loop, &t, 0);
	event_on(&loop, 1, note, "b");
	event_run(&loop);
	pending = BIT(1);
	event_run(&loop);
	event_run(&loop);
	assert_string_equal(order, "rbrr");
}

static void a_wait_that_the_kernel_refuses_is_a_panic(void **state)
{
	(void)state;
	wait_error = TV_ECAP;
	if (setjmp(panicked) == 0) {
		event_run(&loop);
		fail();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_bit_has_its_handler_and_unknown_ones_are_ignored, setup),
		cmocka_unit_test_setup(timers_run_in_the_order_of_their_deadlines, setup),
		cmocka_unit_test_setup(a_cancelled_timer_stays_silent, setup),
		cmocka_unit_test_setup(a_handler_may_cancel_a_timer_that_is_due_with_it, setup),
		cmocka_unit_test_setup(a_timer_that_is_always_due_lets_bits_have_their_turn, setup),
		cmocka_unit_test_setup(a_wait_that_the_kernel_refuses_is_a_panic, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
