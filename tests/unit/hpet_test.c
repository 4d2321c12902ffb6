/* SPDX-License-Identifier: Apache-2.0 */
/* High precision event timers. */
/* sources: vmm/dev/hpet.c vmm/timer.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/hpet.h>
#include <dev_fake.h>

#define TICK		(FAKE_HZ / HPET_HZ)
#define CONFIG		0x10
#define STATUS		0x20
#define COUNTER		0xf0
#define T(n)		(0x100u + 0x20u * (n))
#define COMPARE(n)	(T(n) + 8)
#define ENABLE		0x004u
#define LEVEL		0x002u
#define PERIODIC	0x008u
#define SET		0x040u
#define MODE32		0x100u
#define ROUTE(gsi)	((gsi) << 9)

static struct vm vm;
static struct timer_queue queue;
static struct hpet hpet;

static uint64_t in(unsigned off, unsigned size)
{
	return hpet_ops.read(&hpet, off, size) & MASK(8 * size - 1, 0);
}

static void out(unsigned off, unsigned size, uint64_t val)
{
	hpet_ops.write(&hpet, off, size, val);
}

/* So many ticks of 10 ns pass. */
static void pass(uint64_t ticks)
{
	uint64_t end = fake_now + ticks * TICK;

	while (timer_queue_next(&queue) <= end) {
		fake_now = max_u64(fake_now, timer_queue_next(&queue));
		timer_queue_run(&queue, fake_now);
	}
	fake_now = end;
}

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm, .timers = &queue, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	fake_now = 1000 * FAKE_HZ;
	memset(fake_line, 0, sizeof(fake_line));
	timer_queue_init(&queue, &vm);
	hpet_init(&hpet, &env);
	return 0;
}

static void it_says_what_it_is(void **state)
{
	uint64_t id = in(0, 8);

	(void)state;
	assert_int_equal(id >> 32, 10000000);			/* femtoseconds: 10 ns */
	assert_int_equal((id >> 8 & 31) + 1, HPET_TIMERS);
	assert_true(id & BIT(13));				/* 64 bits */
	assert_true(id & BIT(15));				/* legacy replacement */
	out(0, 8, 0);
	assert_true(in(0, 8) == id);
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		assert_true(in(T(n), 4) & 0x20);
		assert_int_equal(in(T(n), 4) & 0x8000, 0);	/* no messages */
		assert_true(in(T(n) + 4, 4) != 0);
		assert_int_equal(in(T(n) + 4, 4) & 0xff33ff, 0);
	}
	assert_true(in(T(0), 4) & 0x10);
	assert_false(in(T(1), 4) & 0x10);
}

static void the_counter_counts_only_while_enabled_and_is_set_only_while_not(void **state)
{
	(void)state;
	out(COUNTER, 8, 0x1122334455667788);
	pass(100);
	assert_true(in(COUNTER, 8) == 0x1122334455667788);
	out(CONFIG, 8, 1);
	pass(100);
	assert_true(in(COUNTER, 8) == 0x1122334455667788 + 100);
	assert_int_equal(in(COUNTER + 4, 4), 0x11223344);
	assert_int_equal(in(COUNTER + 1, 1), 0x77);
	out(COUNTER, 8, 0);
	assert_true(in(COUNTER, 8) == 0x1122334455667788 + 100);
	out(CONFIG, 8, 0);
	pass(100);
	assert_true(in(COUNTER, 8) == 0x1122334455667788 + 100);
	out(COUNTER + 4, 4, 0);
	assert_true(in(COUNTER, 8) == 0x55667788 + 100);
}

static void a_comparator_interrupts_once_when_the_counter_gets_there(void **state)
{
	(void)state;
	out(CONFIG, 8, 1);
	out(T(1), 8, ENABLE | ROUTE(11));
	out(COMPARE(1), 8, in(COUNTER, 8) + 500);
	pass(499);
	assert_int_equal(fake_line[11].rises, 0);
	pass(1);
	assert_int_equal(fake_line[11].rises, 1);
	pass(1000000);
	assert_int_equal(fake_line[11].rises, 1);
	out(COMPARE(1), 8, in(COUNTER, 8) + 500);
	pass(500);
	assert_int_equal(fake_line[11].rises, 2);		/* a second edge, although nobody lowered the line */
	assert_int_equal(in(STATUS, 8), 0);
}

static void a_periodic_timer_goes_on_from_the_value_that_was_set(void **state)
{
	(void)state;
	out(CONFIG, 8, 1);
	pass(12345);
	out(T(0), 8, ENABLE | PERIODIC | SET | MODE32 | ROUTE(10));
	assert_int_equal(in(T(0), 4) & SET, 0);
	out(COMPARE(0), 4, (uint32_t)in(COUNTER, 8) + 20000);
	out(COMPARE(0), 4, 10000);				/* the period */
	pass(19999);
	assert_int_equal(fake_line[10].rises, 0);
	pass(1);
	assert_int_equal(fake_line[10].rises, 1);
	pass(100000);
	assert_int_equal(fake_line[10].rises, 11);
	fake_now += 100000 * TICK;				/* nobody looked for a while: one interrupt, no storm */
	timer_queue_run(&queue, fake_now);
	assert_int_equal(fake_line[10].rises, 12);
	assert_true(timer_queue_next(&queue) > fake_now);
	assert_true((uint32_t)(in(COMPARE(0), 4) - in(COUNTER, 4)) <= 10000);
}

static void a_period_of_nothing_does_not_keep_the_monitor_busy(void **state)
{
	(void)state;
	out(CONFIG, 8, 1);
	out(T(0), 8, ENABLE | PERIODIC | SET | ROUTE(10));
	out(COMPARE(0), 8, 1);
	pass(HPET_MIN_TICK * 10);
	assert_in_range(fake_line[10].rises, 9, 11);
}

static void in_32_bit_mode_the_comparator_wraps_with_the_low_half(void **state)
{
	(void)state;
	out(COUNTER, 8, 0x1fffffff0);
	out(CONFIG, 8, 1);
	out(T(2), 8, ENABLE | MODE32 | ROUTE(15));
	out(COMPARE(2), 8, 0xabcdef0000000010);
	assert_int_equal(in(COMPARE(2), 8), 0x10);
	pass(0x1f);
	assert_int_equal(fake_line[15].rises, 0);
	pass(1);
	assert_int_equal(fake_line[15].rises, 1);
}

static void a_level_stays_until_its_status_bit_is_cleared(void **state)
{
	(void)state;
	out(CONFIG, 8, 1);
	out(T(2), 8, ENABLE | LEVEL | ROUTE(14));
	out(COMPARE(2), 8, in(COUNTER, 8) + 100);
	pass(1000);
	assert_true(fake_line[14].level);
	assert_int_equal(in(STATUS, 8), 4);
	out(STATUS, 8, 3);
	assert_true(fake_line[14].level);
	out(STATUS, 8, 4);
	assert_false(fake_line[14].level);
	assert_int_equal(in(STATUS, 8), 0);
}

static void a_disabled_timer_is_silent_and_so_is_a_halted_counter(void **state)
{
	(void)state;
	out(CONFIG, 8, 1);
	out(T(1), 8, LEVEL | ROUTE(14));
	out(COMPARE(1), 8, in(COUNTER, 8) + 100);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	pass(1000);
	assert_int_equal(in(STATUS, 8), 2);			/* it says so nevertheless */
	assert_false(fake_line[14].level);
	out(T(2), 8, ENABLE | ROUTE(11));
	out(COMPARE(2), 8, in(COUNTER, 8) + 100);
	out(CONFIG, 8, 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	pass(1000);
	assert_int_equal(fake_line[11].rises, 0);
}

static void routes_that_do_not_exist_are_not_taken(void **state)
{
	(void)state;
	out(T(1), 8, ROUTE(11));
	for (unsigned gsi = 1; gsi < 32; gsi++) {
		bool can = in(T(1) + 4, 4) >> gsi & 1;

		out(T(1), 8, ROUTE(11));
		out(T(1), 8, ROUTE(gsi));
		assert_int_equal(in(T(1), 4) >> 9 & 31, can ? gsi : 11);
	}
}

static void legacy_replacement_takes_the_lines_of_pit_and_rtc(void **state)
{
	(void)state;
	out(CONFIG, 8, 3);
	assert_true(fake_replaced);
	out(T(0), 8, ENABLE | ROUTE(11));
	out(T(1), 8, ENABLE | ROUTE(11));
	out(COMPARE(0), 8, in(COUNTER, 8) + 100);
	out(COMPARE(1), 8, in(COUNTER, 8) + 200);
	pass(150);
	assert_int_equal(fake_line[2].rises, 1);
	assert_int_equal(fake_line[8].rises, 0);
	pass(50);
	assert_int_equal(fake_line[8].rises, 1);
	assert_int_equal(fake_line[11].rises, 0);
	out(CONFIG, 8, 1);
	assert_false(fake_replaced);
	assert_false(fake_line[2].level);
	assert_false(fake_line[8].level);
}

static void a_reset_halts_it_and_gives_the_lines_back(void **state)
{
	(void)state;
	out(CONFIG, 8, 3);
	out(T(0), 8, ENABLE);
	out(COMPARE(0), 8, in(COUNTER, 8) + 100);
	pass(100);
	assert_true(fake_line[2].level);
	hpet_reset(&hpet);
	assert_false(fake_line[2].level);
	assert_false(fake_replaced);
	assert_int_equal(in(COUNTER, 8), 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void another_monitor_goes_on_counting_and_makes_up_for_what_it_missed(void **state)
{
	struct hpet_state kept;
	uint64_t counter;

	out(CONFIG, 8, 3);
	out(T(0), 8, ENABLE);
	counter = in(COUNTER, 8);
	out(COMPARE(0), 8, counter + 100);
	kept = hpet.s;
	assert_int_equal(setup(state), 0);
	fake_now += 1000 * TICK;
	assert_true(hpet_restore(&hpet, &kept));
	assert_true(fake_replaced);
	assert_int_equal(fake_line[2].rises, 1);
	assert_int_equal(in(COUNTER, 8), counter + 1000);
	kept.base = UINT64_MAX;
	assert_false(hpet_restore(&hpet, &kept));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_says_what_it_is, setup),
		cmocka_unit_test_setup(the_counter_counts_only_while_enabled_and_is_set_only_while_not, setup),
		cmocka_unit_test_setup(a_comparator_interrupts_once_when_the_counter_gets_there, setup),
		cmocka_unit_test_setup(a_periodic_timer_goes_on_from_the_value_that_was_set, setup),
		cmocka_unit_test_setup(a_period_of_nothing_does_not_keep_the_monitor_busy, setup),
		cmocka_unit_test_setup(in_32_bit_mode_the_comparator_wraps_with_the_low_half, setup),
		cmocka_unit_test_setup(a_level_stays_until_its_status_bit_is_cleared, setup),
		cmocka_unit_test_setup(a_disabled_timer_is_silent_and_so_is_a_halted_counter, setup),
		cmocka_unit_test_setup(routes_that_do_not_exist_are_not_taken, setup),
		cmocka_unit_test_setup(legacy_replacement_takes_the_lines_of_pit_and_rtc, setup),
		cmocka_unit_test_setup(a_reset_halts_it_and_gives_the_lines_back, setup),
		cmocka_unit_test_setup(another_monitor_goes_on_counting_and_makes_up_for_what_it_missed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
