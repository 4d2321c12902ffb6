/* SPDX-License-Identifier: Apache-2.0 */
/* 8254 interval timer and port 61h. */
/* sources: vmm/dev/pit.c vmm/timer.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/pit.h>
#include <dev_fake.h>

#define GSI 2

static struct vm vm;
static struct timer_queue queue;
static struct pit pit;

/* Time of PIT tick @n after the test began. */
static uint64_t origin;

static void at(uint64_t n)
{
	fake_now = clock_tsc(&pit.rate, origin + n);
}

/* Run the timers up to tick @n; how often the line rose. */
static unsigned run_to(uint64_t n)
{
	unsigned before = fake_line[GSI].rises;
	uint64_t end = clock_tsc(&pit.rate, origin + n);

	while (timer_queue_next(&queue) <= end) {
		fake_now = max_u64(fake_now, timer_queue_next(&queue));
		timer_queue_run(&queue, fake_now);
	}
	fake_now = end;
	return fake_line[GSI].rises - before;
}

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm, .timers = &queue, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	timer_queue_init(&queue, &vm);
	pit_init(&pit, &env);
	origin = clock_ticks(&pit.rate, fake_now) + 1;
	at(0);
	return 0;
}

static void out(unsigned port, uint8_t val)
{
	if (port == 0x61)
		pit_port61_ops.write(&pit, 0, 1, val);
	else
		pit_ops.write(&pit, port - 0x40, 1, val);
}

static uint8_t in(unsigned port)
{
	if (port == 0x61)
		return (uint8_t)pit_port61_ops.read(&pit, 0, 1);
	return (uint8_t)pit_ops.read(&pit, port - 0x40, 1);
}

static unsigned in16(unsigned port)
{
	unsigned low = in(port);

	return low | (unsigned)in(port) << 8;
}

static void load(unsigned channel, uint8_t mode, unsigned count)
{
	out(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
	out(0x40 + channel, (uint8_t)count);
	out(0x40 + channel, (uint8_t)(count >> 8));
}

static void nothing_ticks_until_it_is_programmed(void **state)
{
	(void)state;
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
	assert_int_equal(run_to(1000000), 0);
}

static void mode_2_interrupts_at_exactly_its_period(void **state)
{
	(void)state;
	load(0, 2, 1000);
	assert_int_equal(fake_line[GSI].rises, 1);	/* the output goes high when the mode is set */
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(run_to(i * 1000 - 1), 0);
		assert_int_equal(run_to(i * 1000), 1);
	}
}

static void a_late_tick_is_one_tick(void **state)
{
	(void)state;
	load(0, 2, 1000);
	run_to(0);
	at(57500);
	timer_queue_run(&queue, fake_now);
	assert_int_equal(fake_line[GSI].rises, 2);
	assert_int_equal(run_to(57999), 0);
	assert_int_equal(run_to(58000), 1);
}

static void a_tiny_count_cannot_storm(void **state)
{
	(void)state;
	load(0, 2, 1);
	assert_in_range(run_to(60000), 900, 1001);
	load(0, 3, 2);
	assert_in_range(run_to(120000), 900, 1001);
}

static void mode_0_interrupts_once_at_the_end(void **state)
{
	(void)state;
	load(0, 0, 500);
	assert_false(fake_line[GSI].level);
	assert_int_equal(run_to(499), 0);
	assert_int_equal(run_to(500), 1);
	assert_int_equal(run_to(1000000), 0);
	assert_true(fake_line[GSI].level);
	load(0, 0, 0);					/* 0 counts as 65536 */
	assert_int_equal(run_to(1000000 + 65535), 0);
	assert_int_equal(run_to(1000000 + 65536), 1);
}

static void mode_4_interrupts_once_after_its_strobe(void **state)
{
	(void)state;
	load(0, 4, 500);
	assert_int_equal(run_to(500), 0);
	assert_int_equal(run_to(501), 1);
	assert_int_equal(run_to(200000), 0);
}

static void the_first_byte_of_a_mode_0_count_stops_it(void **state)
{
	(void)state;
	load(0, 0, 500);
	run_to(400);
	out(0x40, 0x64);
	assert_int_equal(run_to(10000), 0);
	out(0x40, 0);
	assert_int_equal(run_to(10100), 1);
}

static void counts_can_be_read_and_latched(void **state)
{
	(void)state;
	load(0, 2, 0x1234);
	at(0x34);
	assert_int_equal(in16(0x40), 0x1200);
	out(0x43, 0x00);				/* latch */
	at(0x134);
	out(0x43, 0x00);				/* not taken: the first is still unread */
	assert_int_equal(in16(0x40), 0x1200);
	assert_int_equal(in16(0x40), 0x1100);
	at(0x1233);
	assert_int_equal(in16(0x40), 1);
	at(0x1234);
	assert_int_equal(in16(0x40), 0x1234);
	load(0, 0, 100);
	at(0x1234 + 103);
	assert_int_equal(in16(0x40), 0xfffd);		/* goes on below zero */
}

static void mode_3_counts_in_twos(void **state)
{
	(void)state;
	load(0, 3, 1000);
	at(100);
	assert_int_equal(in16(0x40), 800);
	at(600);
	assert_int_equal(in16(0x40), 800);
}

static void single_byte_access_modes(void **state)
{
	(void)state;
	out(0x43, 0x14);				/* low byte, mode 2 */
	out(0x40, 200);
	at(50);
	assert_int_equal(in(0x40), 150);
	assert_int_equal(in(0x40), 150);
	out(0x43, 0x24);				/* high byte */
	out(0x40, 2);
	assert_int_equal(pit.s.ch[0].reload, 0x200);
	at(50 + 0x80);
	assert_int_equal(in(0x40), 1);
}

static void bcd_counts(void **state)
{
	(void)state;
	out(0x43, 0x35);				/* mode 2, BCD */
	out(0x40, 0x34);
	out(0x40, 0x12);
	assert_int_equal(pit.s.ch[0].reload, 1234);
	at(35);
	assert_int_equal(in16(0x40), 0x1199);
	out(0x43, 0x35);
	out(0x40, 0);
	out(0x40, 0);
	assert_int_equal(pit.s.ch[0].reload, 10000);
	for (unsigned v = 0; v < 0x10000; v += 0xff) {	/* digits above 9 do no harm */
		out(0x40, (uint8_t)v);
		out(0x40, (uint8_t)(v >> 8));
		in16(0x40);
	}
}

static void read_back_latches_status_and_count_of_several_channels(void **state)
{
	(void)state;
	load(0, 2, 1000);
	load(2, 0, 500);
	out(0x61, 1);
	at(100);
	out(0x43, 0xc0 | 1 << 1 | 1 << 3);		/* both of both */
	at(777);
	assert_int_equal(in(0x40), 0x80 | 0x34);
	assert_int_equal(in16(0x40), 900);
	assert_int_equal(in(0x42), 0x00 | 0x30);
	assert_int_equal(in16(0x42), 400);
	out(0x43, 0xe0 | 1 << 3);			/* status only */
	assert_int_equal(in(0x42), 0x80 | 0x30);
	out(0x43, 0xb4);				/* no count yet: null count */
	out(0x43, 0xe0 | 1 << 3);
	assert_int_equal(in(0x42), 0x80 | 0x40 | 0x34);
}

static void channel_2_output_shows_in_port_61_as_linux_calibrates(void **state)
{
	(void)state;
	out(0x61, (uint8_t)((in(0x61) & ~2) | 1));
	load(2, 0, 59659);				/* 50 ms */
	assert_int_equal(in(0x61) & 0x20, 0);
	at(59658);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(59659);
	assert_int_equal(in(0x61) & 0x20, 0x20);
	/* 50 ms of the TSC, to within a tick */
	assert_in_range(fake_now - clock_tsc(&pit.rate, origin), FAKE_MS(50) - 2000, FAKE_MS(50) + 2000);
}

static void the_gate_pauses_mode_0_and_triggers_mode_1(void **state)
{
	(void)state;
	out(0x61, 1);
	load(2, 0, 1000);
	at(400);
	out(0x61, 0);
	at(5000);
	assert_int_equal(in16(0x42), 600);
	out(0x61, 1);
	at(5599);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(5600);
	assert_int_equal(in(0x61) & 0x20, 0x20);

	load(2, 1, 100);
	at(9000);
	assert_int_equal(in(0x61) & 0x20, 0x20);	/* not triggered */
	out(0x61, 0);
	out(0x61, 1);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(9099);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(9100);
	assert_int_equal(in(0x61) & 0x20, 0x20);
}

static void the_gate_restarts_modes_2_and_3_and_holds_them_high(void **state)
{
	(void)state;
	out(0x61, 1);
	load(2, 3, 100);
	at(60);
	assert_int_equal(in(0x61) & 0x20, 0);
	out(0x61, 0);
	assert_int_equal(in(0x61) & 0x20, 0x20);
	at(200);
	out(0x61, 1);
	at(249);
	assert_int_equal(in(0x61) & 0x20, 0x20);
	at(250);
	assert_int_equal(in(0x61) & 0x20, 0);
	load(2, 2, 100);
	at(250 + 98);
	assert_int_equal(in(0x61) & 0x20, 0x20);
	at(250 + 99);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(250 + 100);
	assert_int_equal(in(0x61) & 0x20, 0x20);
}

static void mode_5_strobes_after_a_trigger(void **state)
{
	(void)state;
	load(2, 5, 100);
	assert_int_equal(in(0x61) & 0x20, 0x20);
	out(0x61, 1);
	at(100);
	assert_int_equal(in(0x61) & 0x20, 0);
	at(101);
	assert_int_equal(in(0x61) & 0x20, 0x20);
}

static void port_61_toggles_its_refresh_bit_and_keeps_the_low_four(void **state)
{
	unsigned toggles = 0;
	uint8_t last = in(0x61);

	(void)state;
	for (unsigned i = 0; i < 1800; i++) {
		at(i);
		toggles += (last ^ in(0x61)) >> 4 & 1;
		last = in(0x61);
	}
	assert_in_range(toggles, 99, 101);
	out(0x61, 0xff);
	assert_int_equal(in(0x61) & 0xcf, 0x0f);
}

static void the_control_register_cannot_be_read(void **state)
{
	(void)state;
	assert_int_equal(in(0x43), 0xff);
}

static void reset_stops_everything(void **state)
{
	(void)state;
	load(0, 2, 1000);
	pit_reset(&pit);
	assert_false(fake_line[GSI].level);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_ticks_until_it_is_programmed, setup),
		cmocka_unit_test_setup(mode_2_interrupts_at_exactly_its_period, setup),
		cmocka_unit_test_setup(a_late_tick_is_one_tick, setup),
		cmocka_unit_test_setup(a_tiny_count_cannot_storm, setup),
		cmocka_unit_test_setup(mode_0_interrupts_once_at_the_end, setup),
		cmocka_unit_test_setup(mode_4_interrupts_once_after_its_strobe, setup),
		cmocka_unit_test_setup(the_first_byte_of_a_mode_0_count_stops_it, setup),
		cmocka_unit_test_setup(counts_can_be_read_and_latched, setup),
		cmocka_unit_test_setup(mode_3_counts_in_twos, setup),
		cmocka_unit_test_setup(single_byte_access_modes, setup),
		cmocka_unit_test_setup(bcd_counts, setup),
		cmocka_unit_test_setup(read_back_latches_status_and_count_of_several_channels, setup),
		cmocka_unit_test_setup(channel_2_output_shows_in_port_61_as_linux_calibrates, setup),
		cmocka_unit_test_setup(the_gate_pauses_mode_0_and_triggers_mode_1, setup),
		cmocka_unit_test_setup(the_gate_restarts_modes_2_and_3_and_holds_them_high, setup),
		cmocka_unit_test_setup(mode_5_strobes_after_a_trigger, setup),
		cmocka_unit_test_setup(port_61_toggles_its_refresh_bit_and_keeps_the_low_four, setup),
		cmocka_unit_test_setup(the_control_register_cannot_be_read, setup),
		cmocka_unit_test_setup(reset_stops_everything, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
