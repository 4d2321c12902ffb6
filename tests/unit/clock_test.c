/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/clock.c */
/* The battery-backed clock of a PC. */
#include <root/clock.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <root/power.h>
#include <root/root.h>
#include <rt/io.h>

struct root root;
uint64_t fake_now = 4711;

static uint8_t cmos[128];
static uint8_t selected;
static unsigned updating;		/* reads of register A that still say: being updated */
static unsigned reads;
static unsigned said;

void root_say(const char *fmt, ...) { (void)fmt; said++; }
bool power_ports(uint16_t base, uint16_t count) { return base == 0x70 && count == 2; }

void io_write8(uint16_t port, uint8_t v)
{
	assert_int_equal(port, 0x70);
	selected = v;
}

uint8_t io_read8(uint16_t port)
{
	assert_int_equal(port, 0x71);
	if (selected == 10)
		return updating && updating-- ? 0x80 : 0;
	if (selected == 0 && ++reads == 2)
		cmos[0] = 0x31;			/* the second passes between two readings */
	return cmos[selected];
}

static const struct clock_registers sample = { 0x30, 0x59, 0x23, 0x31, 0x12, 0x26, 0x02 };	/* 2026-12-31 23:59:30 */

static void every_day_of_the_century_is_the_one_of_the_c_library(void **state)
{
	(void)state;
	for (time_t t = 946684800; t < 4102444800; t += 86400 + 3661) {
		struct tm tm;
		struct clock_registers r = { .status_b = 0x06 };

		gmtime_r(&t, &tm);
		r.second = (uint8_t)tm.tm_sec;
		r.minute = (uint8_t)tm.tm_min;
		r.hour = (uint8_t)tm.tm_hour;
		r.day = (uint8_t)tm.tm_mday;
		r.month = (uint8_t)(tm.tm_mon + 1);
		r.year = (uint8_t)(tm.tm_year - 100);
		assert_int_equal(clock_seconds(&r), t);
	}
}

static void decimal_digits_and_twelve_hours_are_understood(void **state)
{
	struct clock_registers r = sample;

	(void)state;
	assert_int_equal(clock_seconds(&r), 1798761570);
	r.status_b = 0;
	r.hour = 0x91;				/* 11 in the evening */
	assert_int_equal(clock_seconds(&r), 1798761570);
	r.hour = 0x12;				/* midnight */
	assert_int_equal(clock_seconds(&r), 1798761570 - 23 * 3600);
	r.hour = 0x92;				/* noon */
	assert_int_equal(clock_seconds(&r), 1798761570 - 11 * 3600);
}

static void registers_that_hold_no_date_are_refused(void **state)
{
	(void)state;
	for (unsigned field = 0; field < 6; field++) {
		struct clock_registers r = sample;

		((uint8_t *)&r)[field] = 0xff;
		assert_int_equal(clock_seconds(&r), 0);
	}
}

static void a_reading_across_a_second_is_repeated(void **state)
{
	(void)state;
	memset(cmos, 0, sizeof(cmos));
	cmos[0] = 0x30;
	cmos[2] = 0x59;
	cmos[4] = 0x23;
	cmos[7] = 0x31;
	cmos[8] = 0x12;
	cmos[9] = 0x26;
	cmos[11] = 0x02;
	updating = 100;
	reads = 0;
	clock_init();
	assert_int_equal(root.wall_seconds, 1798761571);
	assert_int_equal(root.wall_tsc, 4711);
	assert_int_equal(reads, 4);
	assert_int_equal(said, 0);
}

static void a_clock_that_never_settles_ends_the_attempts(void **state)
{
	(void)state;
	memset(cmos, 0xff, sizeof(cmos));
	updating = ~0u;
	clock_init();
	assert_int_equal(root.wall_seconds, 0);
	assert_int_equal(said, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_the_century_is_the_one_of_the_c_library),
		cmocka_unit_test(decimal_digits_and_twelve_hours_are_understood),
		cmocka_unit_test(registers_that_hold_no_date_are_refused),
		cmocka_unit_test(a_reading_across_a_second_is_repeated),
		cmocka_unit_test(a_clock_that_never_settles_ends_the_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
