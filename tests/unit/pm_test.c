/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware. */
/* sources: vmm/dev/pm.c vmm/timer.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/pm.h>
#include <dev_fake.h>

#define GSI 9

static struct vm vm;
static struct timer_queue queue;
static struct pm pm;

static uint64_t in(unsigned off, unsigned size)
{
	return pm_ops.read(&pm, off, size) & MASK(8 * size - 1, 0);
}

static void out(unsigned off, unsigned size, uint64_t val)
{
	pm_ops.write(&pm, off, size, val);
}

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm, .timers = &queue, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	timer_queue_init(&queue, &vm);
	pm_init(&pm, &env);
	return 0;
}

static void acpi_mode_is_always_on(void **state)
{
	(void)state;
	assert_int_equal(in(PM1A_CNT, 2), 1);
	out(PM1A_CNT, 2, 0);
	assert_int_equal(in(PM1A_CNT, 2), 1);
	out(PM1A_CNT, 2, 0x1c02);
	assert_int_equal(in(PM1A_CNT, 2), 0x1c03);
	assert_int_equal(vm.poweroffs, 0);
}

static void the_timer_counts_at_3579545_hz_and_is_read_only(void **state)
{
	uint64_t a = in(PM_TMR, 4);

	(void)state;
	fake_now += FAKE_HZ;
	assert_in_range(in(PM_TMR, 4) - a, 3579544, 3579546);
	out(PM_TMR, 4, 0);
	assert_in_range(in(PM_TMR, 4) - a, 3579544, 3579546);
	assert_int_equal(in(PM_TMR + 1, 1), in(PM_TMR, 4) >> 8 & 0xff);
	assert_int_equal(in(PM_TMR + 2, 2), in(PM_TMR, 4) >> 16);
}

static void the_timer_wraps_at_32_bits_and_sets_its_status_at_each_half(void **state)
{
	uint64_t half = 600ull * FAKE_HZ;	/* 2^31 ticks are 599.9 s */

	(void)state;
	out(PM1A_EVT, 2, 1);
	fake_now += half;
	assert_true(in(PM_TMR, 4) <= UINT32_MAX);
	assert_int_equal(in(PM1A_EVT, 2), 1);
	out(PM1A_EVT, 2, 1);
	assert_int_equal(in(PM1A_EVT, 2), 0);
	assert_false(fake_line[GSI].level);	/* not enabled */
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	fake_now += half;
	assert_int_equal(in(PM1A_EVT, 2), 1);
	assert_true(in(PM_TMR, 4) < 3579545);	/* around */
}

static void an_enabled_timer_event_raises_the_sci_on_time(void **state)
{
	uint64_t next;

	(void)state;
	out(PM1A_EVT + 2, 2, 1);
	next = timer_queue_next(&queue);
	assert_in_range(next - fake_now, 590ull * FAKE_HZ, 600ull * FAKE_HZ);
	fake_now = next;
	timer_queue_run(&queue, fake_now);
	assert_true(fake_line[GSI].level);
	assert_int_equal(in(PM_TMR, 4), 0x80000000);
	out(PM1A_EVT, 2, 1);
	assert_false(fake_line[GSI].level);
	assert_in_range(timer_queue_next(&queue) - fake_now, 599ull * FAKE_HZ, 600ull * FAKE_HZ);
}

static void the_power_button_raises_the_sci_until_it_is_acknowledged(void **state)
{
	(void)state;
	pm_power_button(&pm);
	assert_int_equal(in(PM1A_EVT, 2), 0x100);
	assert_false(fake_line[GSI].level);
	out(PM1A_EVT + 2, 2, 0x100);
	assert_true(fake_line[GSI].level);
	out(PM1A_EVT, 2, 0x0fe);		/* other bits do not clear it */
	assert_true(fake_line[GSI].level);
	out(PM1A_EVT + 1, 1, 0x01);		/* byte access */
	assert_false(fake_line[GSI].level);
	assert_int_equal(in(PM1A_EVT, 4), 0x01000000);
	pm_power_button(&pm);
	assert_true(fake_line[GSI].level);
	out(PM1A_EVT + 2, 2, 0);
	assert_false(fake_line[GSI].level);
}

static void only_existing_events_can_be_enabled(void **state)
{
	(void)state;
	out(PM1A_EVT + 2, 2, 0xffff);
	assert_int_equal(in(PM1A_EVT + 2, 2), 0x521);	/* RTC, too */
}

static void soft_off_needs_its_type_and_the_enable_bit(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 8; type++)
		out(PM1A_CNT, 2, type << 10);
	assert_int_equal(vm.poweroffs, 0);
	for (unsigned type = 0; type < 8; type++) {
		out(PM1A_CNT, 2, type << 10 | 0x2000);
		assert_int_equal(vm.poweroffs, 1u + (type >= PM_S5_TYPE));	/* type 0 is UEFI's */
		assert_int_equal(in(PM1A_CNT, 2) & 0x2000, 0);
	}
	out(PM1A_CNT, 2, PM_S5_TYPE << 10);	/* the two halves of the register one after the other */
	out(PM1A_CNT + 1, 1, PM_S5_TYPE << 2 | 0x20);
	assert_int_equal(vm.poweroffs, 3);
}

static void suspend_ends_with_an_event_that_is_enabled(void **state)
{
	(void)state;
	out(PM1A_CNT, 2, PM_S3_TYPE << 10 | 0x2000);
	assert_int_equal(vm.sleeps, 1);			/* refused: nothing to wake */
	out(PM1A_EVT + 2, 2, 0x400);
	pm_rtc_alarm(&pm);
	assert_int_equal(vm.wakes, 0);
	out(PM1A_EVT, 2, 0x400);
	vm.can_sleep = true;
	out(PM1A_CNT, 2, PM_S3_TYPE << 10 | 0x2000);
	assert_int_equal(vm.sleeps, 2);
	pm_power_button(&pm);				/* not enabled */
	assert_int_equal(vm.wakes, 0);
	pm_rtc_alarm(&pm);
	assert_int_equal(vm.wakes, 1);
	assert_int_equal(in(PM1A_EVT, 2), 0x8500);	/* awake, by the alarm; and the button was pressed */
	pm_rtc_alarm(&pm);
	assert_int_equal(vm.wakes, 1);
	out(PM1A_CNT, 2, PM_S3_TYPE << 10 | 0x2000);	/* the alarm has not been acknowledged: back at once */
	assert_int_equal(vm.wakes, 2);
}

static void the_gpe_block_exists_and_is_silent(void **state)
{
	(void)state;
	out(PM_GPE0, 4, 0xffffffff);
	assert_int_equal(in(PM_GPE0, 4), 0);
	out(PM_GPE0 + 4, 4, 0xffffffff);
	out(PM_GPE0 + 5, 1, 0x12);
	assert_int_equal(in(PM_GPE0 + 4, 4), 0xffff12ff);
	assert_false(fake_line[GSI].level);
}

static void every_access_inside_the_block_is_harmless(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned off = 0; off + size <= PM_LEN; off++) {
			in(off, size);
			out(off, size, ~0ull);
		}
	}
}

static void reset_clears_events_and_the_sci(void **state)
{
	(void)state;
	out(PM1A_EVT + 2, 2, 0x100);
	pm_power_button(&pm);
	pm_reset(&pm);
	assert_false(fake_line[GSI].level);
	assert_int_equal(in(PM1A_EVT, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(acpi_mode_is_always_on, setup),
		cmocka_unit_test_setup(the_timer_counts_at_3579545_hz_and_is_read_only, setup),
		cmocka_unit_test_setup(the_timer_wraps_at_32_bits_and_sets_its_status_at_each_half, setup),
		cmocka_unit_test_setup(an_enabled_timer_event_raises_the_sci_on_time, setup),
		cmocka_unit_test_setup(the_power_button_raises_the_sci_until_it_is_acknowledged, setup),
		cmocka_unit_test_setup(only_existing_events_can_be_enabled, setup),
		cmocka_unit_test_setup(soft_off_needs_its_type_and_the_enable_bit, setup),
		cmocka_unit_test_setup(suspend_ends_with_an_event_that_is_enabled, setup),
		cmocka_unit_test_setup(the_gpe_block_exists_and_is_silent, setup),
		cmocka_unit_test_setup(every_access_inside_the_block_is_harmless, setup),
		cmocka_unit_test_setup(reset_clears_events_and_the_sci, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
