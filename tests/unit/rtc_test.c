/* SPDX-License-Identifier: Apache-2.0 */
/* Real-time clock and CMOS memory. */
/* sources: vmm/dev/rtc.c vmm/timer.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/rtc.h>
#include <dev_fake.h>
#include <time.h>

#define GSI 8

enum { SEC = 0, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR, A, B, C, D, CENTURY = 0x32 };

static struct vm vm;
static struct timer_queue queue;
static struct rtc rtc;
static uint64_t origin;		/* RTC tick at the start */

static void out(unsigned port, uint8_t val)
{
	rtc_ops.write(&rtc, port - 0x70, 1, val);
}

static uint8_t in(unsigned port)
{
	return (uint8_t)rtc_ops.read(&rtc, port - 0x70, 1);
}

static uint8_t get(uint8_t reg)
{
	out(0x70, reg);
	return in(0x71);
}

static void put(uint8_t reg, uint8_t val)
{
	out(0x70, reg);
	out(0x71, val);
}

/* Let @ticks of 1/32768 s pass, running the timers. */
static void pass(uint64_t ticks)
{
	uint64_t end;

	origin += ticks;
	end = clock_tsc(&rtc.rate, origin);
	while (timer_queue_next(&queue) <= end) {
		fake_now = max_u64(fake_now, timer_queue_next(&queue));
		timer_queue_run(&queue, fake_now);
	}
	fake_now = end;
}

static void start(int64_t unix_time)
{
	struct dev_env env = { .vm = &vm, .timers = &queue, .tsc_hz = FAKE_HZ };

	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	timer_queue_init(&queue, &vm);
	rtc_init(&rtc, &env, unix_time);
	origin = clock_ticks(&rtc.rate, fake_now);
}

static int setup(void **state)
{
	(void)state;
	start(1700000000);		/* 2023-11-14 22:13:20, a Tuesday */
	return 0;
}

static unsigned bcd(unsigned v)
{
	return v / 10 << 4 | v % 10;
}

static void the_time_of_day_is_right_for_every_kind_of_date(void **state)
{
	static const int64_t times[] = {
		0, 86399, 951782399, 951782400 /* 2000-02-29 */, 951868800, 978307199, 1078012800 /* 2004-02-29 */, 1700000000,
		2147483648, 4102444800 /* 2100-01-01 */, 4107542400 /* 2100-03-01 */, 253402300799 /* end of 9999 */,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(times) * 50; i++) {
		int64_t when = i < ARRAY_LEN(times) ? times[i] : (int64_t)i * 7654321;
		time_t t = (time_t)when;
		struct tm tm;

		start(when);
		gmtime_r(&t, &tm);
		assert_int_equal(get(SEC), bcd((unsigned)tm.tm_sec));
		assert_int_equal(get(MIN), bcd((unsigned)tm.tm_min));
		assert_int_equal(get(HOUR), bcd((unsigned)tm.tm_hour));
		assert_int_equal(get(WDAY), tm.tm_wday + 1);
		assert_int_equal(get(MDAY), bcd((unsigned)tm.tm_mday));
		assert_int_equal(get(MONTH), bcd((unsigned)tm.tm_mon + 1));
		assert_int_equal(get(YEAR), bcd((unsigned)tm.tm_year % 100));
		assert_int_equal(get(CENTURY), bcd((unsigned)tm.tm_year / 100 + 19));
	}
}

static void it_runs_at_one_second_per_second(void **state)
{
	(void)state;
	assert_int_equal(get(SEC), 0x20);
	pass(32767);
	assert_int_equal(get(SEC), 0x20);
	pass(1);
	assert_int_equal(get(SEC), 0x21);
	pass(32768ull * 3600 * 24 * 400);
	assert_int_equal(get(SEC), 0x21);
	assert_int_equal(get(MONTH), 0x12);
	assert_int_equal(get(YEAR), 0x24);
}

static void binary_and_12_hour_formats(void **state)
{
	(void)state;
	put(B, 0x80);				/* SET, BCD, 12 hours */
	put(HOUR, 0x92);			/* 12 PM */
	put(B, 0x00);
	assert_int_equal(get(HOUR), 0x92);
	pass(32768 * 3600);
	assert_int_equal(get(HOUR), 0x81);
	put(B, 0x86);				/* SET, binary, 24 hours */
	put(HOUR, 23);
	put(MIN, 59);
	put(SEC, 58);
	put(MDAY, 31);
	put(MONTH, 12);
	put(YEAR, 99);
	put(CENTURY, 19);
	put(B, 0x06);
	pass(32768 * 2);
	assert_int_equal(get(HOUR), 0);
	assert_int_equal(get(MDAY), 1);
	assert_int_equal(get(MONTH), 1);
	assert_int_equal(get(YEAR), 0);
	assert_int_equal(get(CENTURY), 20);
	assert_int_equal(get(WDAY), 7);		/* 2000-01-01 was a Saturday */
	put(B, 0x04);				/* 12 hours again: midnight is 12 AM; the registers must be set anew */
	put(HOUR, 12);
	assert_int_equal(rtc.s.base_time % 86400, 0);
	put(HOUR, 12 | 0x80);
	assert_int_equal(rtc.s.base_time % 86400, 12 * 3600);
}

static void set_freezes_the_time(void **state)
{
	(void)state;
	put(B, 0x82);
	pass(32768 * 10);
	assert_int_equal(get(SEC), 0x20);
	put(SEC, 0x30);
	put(B, 0x02);
	assert_int_equal(get(SEC), 0x30);
	pass(32768);
	assert_int_equal(get(SEC), 0x31);
}

static void setting_one_register_while_it_runs_keeps_the_others(void **state)
{
	(void)state;
	pass(10000);
	put(MIN, 0x45);
	assert_int_equal(get(SEC), 0x20);
	assert_int_equal(get(HOUR), 0x22);
	pass(22768);				/* and the phase of the second */
	assert_int_equal(get(SEC), 0x21);
	assert_int_equal(get(MIN), 0x45);
}

static void after_a_divider_reset_the_first_second_is_half_as_long(void **state)
{
	uint8_t a = get(A);

	(void)state;
	put(B, 0x82);
	put(A, a | 0x70);
	put(SEC, 0x10);
	pass(12345);
	put(B, 0x02);
	put(A, a);
	pass(16383);
	assert_int_equal(get(SEC), 0x10);
	pass(1);
	assert_int_equal(get(SEC), 0x11);
	pass(32767);
	assert_int_equal(get(SEC), 0x11);
}

static void update_in_progress_shows_before_the_second_changes(void **state)
{
	(void)state;
	assert_int_equal(get(A), 0x26);
	pass(32768 - 9);
	assert_int_equal(get(A), 0x26);
	pass(1);
	assert_int_equal(get(A), 0xa6);
	pass(7);
	assert_int_equal(get(A), 0xa6);
	pass(1);
	assert_int_equal(get(A), 0x26);
	put(A, 0xff);				/* read-only */
	assert_int_equal(get(A), 0x7f);
	put(A, 0x26);
	put(B, 0x82);
	pass(32768 - 1);
	assert_int_equal(get(A), 0x26);		/* never while SET */
}

static void flags_show_without_an_interrupt_and_reading_clears_them(void **state)
{
	(void)state;
	put(SEC_ALARM, 0x22);
	put(MIN_ALARM, 0x13);
	put(HOUR_ALARM, 0x22);
	assert_int_equal(get(C), 0);
	pass(32768);
	assert_int_equal(get(C), 0x50);		/* periodic and update */
	assert_int_equal(get(C), 0);
	pass(32768);
	assert_int_equal(get(C), 0x70);		/* and the alarm */
	assert_int_equal(fake_line[GSI].rises, 0);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void the_update_interrupt_comes_every_second_if_acknowledged(void **state)
{
	(void)state;
	put(B, 0x12);
	for (unsigned i = 1; i <= 5; i++) {
		pass(32768);
		assert_int_equal(fake_line[GSI].rises, i);
		assert_true(fake_line[GSI].level);
		assert_int_equal(get(C) & 0x90, 0x90);
		assert_false(fake_line[GSI].level);
	}
	pass(32768 * 5);
	assert_int_equal(fake_line[GSI].rises, 6);	/* not acknowledged: one only */
}

static void every_periodic_rate_is_exact(void **state)
{
	(void)state;
	for (uint8_t rate = 1; rate < 16; rate++) {
		uint64_t period = 1ull << ((rate < 3 ? rate + 7 : rate) - 1);
		unsigned before;

		put(B, 0x02);
		put(A, 0x20 | rate);
		pass(32768 - (origin - rtc.s.base) % 32768);
		get(C);
		put(B, 0x42);
		before = fake_line[GSI].rises;
		for (unsigned i = 1; i <= 20; i++) {
			pass(period - 1);
			assert_int_equal(fake_line[GSI].rises, before + i - 1);
			pass(1);
			assert_int_equal(fake_line[GSI].rises, before + i);
			assert_int_equal(get(C) & 0xc0, 0xc0);
		}
	}
	put(B, 0x02);
	put(A, 0x20);
	put(B, 0x42);
	get(C);
	pass(32768 * 3);
	assert_int_equal(get(C) & 0x40, 0);
}

static void the_alarm_matches_with_wildcards(void **state)
{
	static const struct { uint8_t h, m, s; uint32_t wait; } rows[] = {	/* from 22:13:20 */
		{ 0x22, 0x13, 0x21, 1 }, { 0x22, 0x13, 0x20, 86400 }, { 0xff, 0xff, 0xff, 1 }, { 0xff, 0xff, 0x05, 45 },
		{ 0xff, 0x10, 0x00, 56 * 60 + 40 }, { 0x00, 0x00, 0x00, 6400 }, { 0xc0, 0x13, 0x19, 3599 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		start(1700000000);
		put(HOUR_ALARM, rows[i].h);
		put(MIN_ALARM, rows[i].m);
		put(SEC_ALARM, rows[i].s);
		put(B, 0x22);
		pass(rows[i].wait * 32768ull - 1);
		assert_int_equal(fake_line[GSI].rises, 0);
		pass(1);
		assert_int_equal(fake_line[GSI].rises, 1);
		assert_int_equal(get(C) & 0xa0, 0xa0);
	}
}

static void an_alarm_that_is_no_time_of_day_never_comes(void **state)
{
	(void)state;
	put(HOUR_ALARM, 0x25);
	put(B, 0x22);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	pass(32768ull * 200000);
	assert_int_equal(get(C) & 0x20, 0);
}

/* Each write looks for the next alarm; a day's seconds one by one would take minutes here. */
static void an_alarm_second_that_never_comes_costs_no_time(void **state)
{
	(void)state;
	put(B, 0x22);
	put(HOUR_ALARM, 0xff);
	put(MIN_ALARM, 0xff);
	for (unsigned i = 0; i < 100000; i++)
		put(SEC_ALARM, 0x75);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	put(HOUR_ALARM, 0x30);
	put(SEC_ALARM, 0xff);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

static void day_0_of_a_month_is_the_last_of_the_month_before(void **state)
{
	(void)state;
	put(B, 0x82);
	put(YEAR, 0x24);
	put(CENTURY, 0x20);
	put(MONTH, 0x03);
	put(MDAY, 0x00);
	put(B, 0x02);
	assert_int_equal(get(MDAY), 0x29);
	assert_int_equal(get(MONTH), 0x02);
	assert_int_equal(get(YEAR), 0x24);
}

static void enabling_an_interrupt_whose_flag_is_set_raises_it(void **state)
{
	(void)state;
	pass(32768);
	put(B, 0x12);
	assert_true(fake_line[GSI].level);
}

static void ram_keeps_what_is_written_in_both_banks(void **state)
{
	(void)state;
	for (unsigned i = 0x0e; i < 128; i++)
		if (i != CENTURY)
			put((uint8_t)i, (uint8_t)(i ^ 0x5a));
	for (unsigned i = 0; i < 128; i++) {
		out(0x72, (uint8_t)(i | 0x80));
		out(0x73, (uint8_t)(i ^ 0xa5));
	}
	for (unsigned i = 0x0e; i < 128; i++)
		if (i != CENTURY)
			assert_int_equal(get((uint8_t)(i | 0x80)), i ^ 0x5a);
	for (unsigned i = 0; i < 128; i++) {
		out(0x72, (uint8_t)i);
		assert_int_equal(in(0x73), i ^ 0xa5);
	}
	assert_int_equal(in(0x70), 0xff);
	assert_int_equal(get(D), 0x80);
	put(D, 0);
	assert_int_equal(get(D), 0x80);
	put(C, 0xff);
	assert_int_equal(get(C), 0);
}

static void memory_sizes_stand_where_firmware_looks(void **state)
{
	unsigned sum = 0;

	(void)state;
	rtc_set_memory(&rtc, 2 * GIB, 6 * GIB);
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x17) | get(0x18) << 8, 0xffff);
	assert_int_equal((get(0x34) | get(0x35) << 8) * 65536ull + 16 * MIB, 2 * GIB);
	assert_int_equal((get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16) * 65536ull, 6 * GIB);
	for (uint8_t i = 0x10; i < 0x2e; i++)
		sum += get(i);
	assert_int_equal(get(0x2e) << 8 | get(0x2f), sum);
	rtc_set_memory(&rtc, 4 * MIB, 0);
	assert_int_equal(get(0x17) | get(0x18) << 8, 3072);
	assert_int_equal(get(0x34) | get(0x35) << 8, 0);
	assert_int_equal(get(0x5b) | get(0x5c) | get(0x5d), 0);
}

static void garbage_in_the_time_registers_does_no_harm(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		put(x >> 24 & 15, (uint8_t)(x >> 16));
		x = x * 1664525 + 1013904223;
		if (i % 7 == 0)
			put(CENTURY, (uint8_t)(x >> 16));
		get(x >> 20 & 15);
		pass(x >> 12);
	}
}

static void reset_disables_interrupts_and_keeps_the_time(void **state)
{
	(void)state;
	put(B, 0x12);
	pass(32768 * 3);
	assert_true(fake_line[GSI].level);
	rtc_reset(&rtc);
	assert_false(fake_line[GSI].level);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_int_equal(get(SEC), 0x23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_time_of_day_is_right_for_every_kind_of_date, setup),
		cmocka_unit_test_setup(it_runs_at_one_second_per_second, setup),
		cmocka_unit_test_setup(binary_and_12_hour_formats, setup),
		cmocka_unit_test_setup(set_freezes_the_time, setup),
		cmocka_unit_test_setup(setting_one_register_while_it_runs_keeps_the_others, setup),
		cmocka_unit_test_setup(after_a_divider_reset_the_first_second_is_half_as_long, setup),
		cmocka_unit_test_setup(update_in_progress_shows_before_the_second_changes, setup),
		cmocka_unit_test_setup(flags_show_without_an_interrupt_and_reading_clears_them, setup),
		cmocka_unit_test_setup(the_update_interrupt_comes_every_second_if_acknowledged, setup),
		cmocka_unit_test_setup(every_periodic_rate_is_exact, setup),
		cmocka_unit_test_setup(the_alarm_matches_with_wildcards, setup),
		cmocka_unit_test_setup(an_alarm_that_is_no_time_of_day_never_comes, setup),
		cmocka_unit_test_setup(an_alarm_second_that_never_comes_costs_no_time, setup),
		cmocka_unit_test_setup(day_0_of_a_month_is_the_last_of_the_month_before, setup),
		cmocka_unit_test_setup(enabling_an_interrupt_whose_flag_is_set_raises_it, setup),
		cmocka_unit_test_setup(ram_keeps_what_is_written_in_both_banks, setup),
		cmocka_unit_test_setup(memory_sizes_stand_where_firmware_looks, setup),
		cmocka_unit_test_setup(garbage_in_the_time_registers_does_no_harm, setup),
		cmocka_unit_test_setup(reset_disables_interrupts_and_keeps_the_time, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
