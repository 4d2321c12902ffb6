/* SPDX-License-Identifier: Apache-2.0 */
/* 16550A serial port. */
/* sources: vmm/dev/uart.c vmm/timer.c tests/fake/dev_fake.c tests/fake/dev_lines.c */
#include <dev/uart.h>
#include <dev_fake.h>

#define GSI 4

enum { DATA = 0, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = 2 };
enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };

static struct vm vm;
static struct timer_queue queue;
static struct uart uart;

static uint8_t in(unsigned reg)
{
	return (uint8_t)uart_ops.read(&uart, reg, 1);
}

static void out(unsigned reg, uint8_t val)
{
	uart_ops.write(&uart, reg, 1, val);
}

static int setup(void **state)
{
	struct dev_env env = { .vm = &vm, .timers = &queue, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	memset(fake_line, 0, sizeof(fake_line));
	timer_queue_init(&queue, &vm);
	uart_init(&uart, &env, 0, GSI);
	return 0;
}

/* As a driver sets it up: FIFO on with trigger level code @trigger, OUT2, interrupts @ier. */
static void driver(uint8_t trigger, uint8_t ier)
{
	out(FCR, (uint8_t)(0x07 | trigger << 6));
	out(MCR, 0x0b);
	out(IER, ier);
}

static void pass(uint64_t tsc)
{
	fake_now += tsc;
	timer_queue_run(&queue, fake_now);
}

static bool line(void)
{
	return fake_line[GSI].level;
}

static void reset_values(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_false(line());
}

static void the_divisor_hides_behind_dlab(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(0, 0x34);
	out(1, 0x12);
	assert_int_equal(in(0), 0x34);
	assert_int_equal(in(1), 0x12);
	out(LCR, 0x03);
	assert_int_equal(in(1), 0);
	assert_int_equal(vm.tx_count, 0);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
}

static void fifo_enable_shows_in_iir(void **state)
{
	(void)state;
	out(FCR, 0xc7);
	assert_int_equal(in(IIR), 0xc1);
	out(FCR, 0x06);				/* without bit 0 nothing else counts */
	assert_int_equal(in(IIR), 0x01);
}

static void bytes_go_out_at_once(void **state)
{
	(void)state;
	for (const char *p = "hello"; *p; p++) {
		assert_int_equal(in(LSR) & 0x60, 0x60);
		out(DATA, (uint8_t)*p);
	}
	assert_int_equal(vm.tx_count, 5);
	assert_memory_equal(vm.tx, "hello", 5);
}

static void a_backend_without_room_holds_thre(void **state)
{
	(void)state;
	driver(0, IER_THRE);
	assert_int_equal(in(IIR), 0xc2);
	vm.tx_room = 1;
	out(DATA, 'a');
	assert_int_equal(in(LSR) & 0x60, 0x60);
	assert_int_equal(in(IIR), 0xc2);
	for (unsigned i = 0; i < 16; i++)
		out(DATA, (uint8_t)('A' + i));
	assert_int_equal(in(LSR) & 0x60, 0);
	assert_int_equal(in(IIR), 0xc1);
	assert_false(line());
	assert_true(uart_tx_pending(&uart));
	vm.tx_room = 10;
	uart_tx_ready(&uart);
	assert_int_equal(in(LSR) & 0x60, 0);		/* not empty yet */
	assert_false(line());
	vm.tx_room = 100;
	uart_tx_ready(&uart);
	assert_int_equal(in(LSR) & 0x60, 0x60);
	assert_true(line());
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(vm.tx_count, 17);
	assert_memory_equal(vm.tx, "aABCDEFGHIJKLMNOP", 17);
	assert_false(uart_tx_pending(&uart));
}

static void a_full_transmitter_drops_what_does_not_wait(void **state)
{
	(void)state;
	vm.tx_room = 0;
	out(DATA, 'x');				/* FIFO off: one byte of room */
	out(DATA, 'y');
	vm.tx_room = 10;
	uart_tx_ready(&uart);
	assert_int_equal(vm.tx_count, 1);
	assert_int_equal(vm.tx[0], 'x');
}

static void bytes_keep_their_order_across_refusals(void **state)
{
	unsigned sent = 0;

	(void)state;
	driver(0, 0);
	for (unsigned i = 0; sent < 1000; i++) {
		vm.tx_room = i % 5;
		uart_tx_ready(&uart);
		while ((in(LSR) & 0x20) && sent < 1000)
			for (unsigned k = 0; k < 16 && sent < 1000; k++)
				out(DATA, (uint8_t)sent++);
	}
	vm.tx_room = 100;
	uart_tx_ready(&uart);
	assert_int_equal(vm.tx_count, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal((uint8_t)vm.tx[i], i & 0xff);
}

static void thre_interrupt_comes_on_enable_and_goes_on_reading_iir(void **state)
{
	(void)state;
	driver(0, 0);
	assert_false(line());
	out(IER, IER_THRE);
	assert_true(line());
	out(IER, IER_THRE);			/* writing the same again raises nothing new */
	assert_int_equal(in(IIR), 0xc2);
	assert_false(line());
	out(IER, IER_THRE);
	assert_false(line());
	assert_int_equal(in(IIR), 0xc1);
	out(IER, 0);
	out(IER, IER_THRE);
	assert_true(line());
}

static void each_byte_sent_makes_a_new_edge(void **state)
{
	unsigned rises;

	(void)state;
	driver(0, IER_THRE);
	rises = fake_line[GSI].rises;
	out(DATA, 'x');				/* without having read IIR */
	assert_int_equal(fake_line[GSI].rises, rises + 1);
	assert_true(line());
	in(IIR);
	assert_false(line());
	out(DATA, 'y');
	assert_int_equal(fake_line[GSI].rises, rises + 2);
}

static void reading_iir_for_another_source_does_not_acknowledge_thre(void **state)
{
	(void)state;
	driver(0, IER_RX | IER_THRE);
	assert_true(uart_rx(&uart, 'a'));
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc1);
}

static void input_interrupts_at_each_trigger_level(void **state)
{
	static const unsigned level[4] = { 1, 4, 8, 14 };

	(void)state;
	for (uint8_t t = 0; t < 4; t++) {
		setup(state);
		driver(t, IER_RX);
		for (unsigned i = 1; i <= 16; i++) {
			assert_true(uart_rx(&uart, (uint8_t)i));
			assert_int_equal(in(IIR), i >= level[t] ? 0xc4 : 0xc1);
		}
		for (unsigned i = 1; i <= 16; i++) {
			assert_int_equal(in(LSR) & 1, 1);
			assert_int_equal(in(DATA), i);
		}
		assert_int_equal(in(LSR) & 1, 0);
		assert_false(line());
		assert_int_equal(in(DATA), 0);
	}
}

static void bytes_below_the_trigger_level_interrupt_after_four_characters(void **state)
{
	(void)state;
	out(LCR, 0x80);
	out(0, 12);				/* 9600 baud: 4 characters take 4.17 ms */
	out(LCR, 0x03);
	driver(3, IER_RX);
	assert_true(uart_rx(&uart, 'a'));
	pass(FAKE_MS(4));
	assert_false(line());
	assert_true(uart_rx(&uart, 'b'));	/* starts the wait again */
	pass(FAKE_MS(4));
	assert_false(line());
	pass(FAKE_MS(1));
	assert_true(line());
	assert_int_equal(in(IIR), 0xcc);
	assert_int_equal(in(DATA), 'a');	/* reading a byte ends it, and the wait begins anew for the next */
	assert_int_equal(in(IIR), 0xc1);
	pass(FAKE_MS(5));
	assert_int_equal(in(IIR), 0xcc);
	assert_int_equal(in(DATA), 'b');
	pass(FAKE_MS(50));
	assert_false(line());
}

static void the_timeout_stays_in_bounds_for_every_divisor(void **state)
{
	(void)state;
	for (unsigned d = 0; d < 0x10000; d += 0x7ff) {
		out(LCR, 0x80);
		out(0, (uint8_t)d);
		out(1, (uint8_t)(d >> 8));
		out(LCR, 0x03);
		driver(3, IER_RX);
		assert_true(uart_rx(&uart, 'a'));
		assert_in_range(timer_queue_next(&queue) - fake_now, FAKE_US(99), FAKE_MS(5) + 1);
	}
}

static void a_full_fifo_refuses_and_nothing_of_a_pasted_text_is_lost(void **state)
{
	unsigned sent = 0, got = 0;

	(void)state;
	driver(2, IER_RX);
	while (got < 1000) {
		while (sent < 1000 && uart_rx(&uart, (uint8_t)sent))
			sent++;
		assert_true(uart.s.rx_count <= 16);
		if (!line())
			pass(FAKE_MS(5));
		assert_true(line());
		vm.rx_space = 0;
		while (in(LSR) & 1)
			assert_int_equal(in(DATA), got++ & 0xff);
		assert_int_equal(vm.rx_space, sent < 1000 ? 1 : vm.rx_space);
	}
	assert_int_equal(in(LSR) & 0x1e, 0);
}

static void without_fifo_there_is_room_for_one_byte(void **state)
{
	(void)state;
	assert_true(uart_rx(&uart, 'a'));
	assert_false(uart_rx(&uart, 'b'));
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(vm.rx_space, 1);
	assert_true(uart_rx(&uart, 'b'));
}

static void clearing_or_toggling_the_fifo_empties_it_and_tells_the_backend(void **state)
{
	(void)state;
	driver(0, 0);
	while (uart_rx(&uart, 'a'))
		;
	out(FCR, 0x03);
	assert_int_equal(in(LSR) & 1, 0);
	assert_int_equal(vm.rx_space, 1);
	while (uart_rx(&uart, 'a'))
		;
	out(FCR, 0x00);
	assert_int_equal(in(LSR) & 1, 0);
	assert_int_equal(vm.rx_space, 2);
	out(FCR, 0x01);
	vm.tx_room = 0;
	out(DATA, 'x');
	assert_int_equal(in(LSR) & 0x60, 0);
	out(FCR, 0x05);
	assert_int_equal(in(LSR) & 0x60, 0x60);
}

static void interrupts_need_out2(void **state)
{
	(void)state;
	out(IER, IER_RX);
	assert_true(uart_rx(&uart, 'a'));
	assert_int_equal(in(IIR), 0x04);
	assert_false(line());
	out(MCR, 0x08);
	assert_true(line());
	out(MCR, 0x18);
	assert_false(line());
}

static void loopback_returns_bytes_and_modem_lines(void **state)
{
	static const struct { uint8_t mcr, msr; } rows[] = {
		{ 0x10, 0x00 }, { 0x11, 0x20 }, { 0x12, 0x10 }, { 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1f, 0xf0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		out(MCR, rows[i].mcr);
		assert_int_equal(in(MSR) & 0xf0, rows[i].msr);
	}
	out(DATA, 'q');
	assert_int_equal(vm.tx_count, 0);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'q');
	assert_false(uart_rx(&uart, 'z'));	/* the outside is cut off */
	assert_int_equal(vm.rx_space, 0);
	out(MCR, 0x0b);
	assert_int_equal(vm.rx_space, 1);
	assert_int_equal(in(MSR) & 0xf0, 0xb0);
}

static void an_overrun_in_loopback_is_a_line_status_error(void **state)
{
	(void)state;
	out(MCR, 0x10);
	out(IER, IER_LINE);
	out(DATA, 'a');
	out(DATA, 'b');
	assert_int_equal(in(IIR), 0x06);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(DATA), 'a');
}

static void modem_deltas_interrupt_and_clear_on_reading(void **state)
{
	(void)state;
	out(MCR, 0x10);
	in(MSR);
	out(IER, IER_MODEM);
	assert_int_equal(in(IIR), 0x01);
	out(MCR, 0x11);				/* DTR -> DSR */
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0x22);
	assert_int_equal(in(MSR), 0x20);
	assert_int_equal(in(IIR), 0x01);
	out(MCR, 0x14);				/* RI rising: no delta for it */
	assert_int_equal(in(MSR), 0x42);
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x04);	/* trailing edge of RI */
}

static void sources_have_the_priorities_of_the_data_sheet(void **state)
{
	(void)state;
	out(MCR, 0x10);
	out(IER, 0x0f);
	out(DATA, 'a');
	out(DATA, 'b');				/* overrun, data, THRE, and modem deltas from entering loopback */
	assert_int_equal(in(IIR), 0x06);
	in(LSR);
	assert_int_equal(in(IIR), 0x04);
	in(DATA);
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x00);
	in(MSR);
	assert_int_equal(in(IIR), 0x01);
}

static void reset_frees_the_line_and_a_waiting_backend(void **state)
{
	(void)state;
	driver(0, IER_RX);
	while (uart_rx(&uart, 'a'))
		;
	vm.tx_room = 0;
	out(DATA, 'x');
	uart_reset(&uart);
	assert_false(line());
	assert_int_equal(vm.rx_space, 1);
	assert_false(uart_tx_pending(&uart));
	assert_int_equal(in(LSR), 0x60);
	assert_true(timer_queue_next(&queue) == TIMER_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reset_values, setup),
		cmocka_unit_test_setup(the_divisor_hides_behind_dlab, setup),
		cmocka_unit_test_setup(fifo_enable_shows_in_iir, setup),
		cmocka_unit_test_setup(bytes_go_out_at_once, setup),
		cmocka_unit_test_setup(a_backend_without_room_holds_thre, setup),
		cmocka_unit_test_setup(a_full_transmitter_drops_what_does_not_wait, setup),
		cmocka_unit_test_setup(bytes_keep_their_order_across_refusals, setup),
		cmocka_unit_test_setup(thre_interrupt_comes_on_enable_and_goes_on_reading_iir, setup),
		cmocka_unit_test_setup(each_byte_sent_makes_a_new_edge, setup),
		cmocka_unit_test_setup(reading_iir_for_another_source_does_not_acknowledge_thre, setup),
		cmocka_unit_test_setup(input_interrupts_at_each_trigger_level, setup),
		cmocka_unit_test_setup(bytes_below_the_trigger_level_interrupt_after_four_characters, setup),
		cmocka_unit_test_setup(the_timeout_stays_in_bounds_for_every_divisor, setup),
		cmocka_unit_test_setup(a_full_fifo_refuses_and_nothing_of_a_pasted_text_is_lost, setup),
		cmocka_unit_test_setup(without_fifo_there_is_room_for_one_byte, setup),
		cmocka_unit_test_setup(clearing_or_toggling_the_fifo_empties_it_and_tells_the_backend, setup),
		cmocka_unit_test_setup(interrupts_need_out2, setup),
		cmocka_unit_test_setup(loopback_returns_bytes_and_modem_lines, setup),
		cmocka_unit_test_setup(an_overrun_in_loopback_is_a_line_status_error, setup),
		cmocka_unit_test_setup(modem_deltas_interrupt_and_clear_on_reading, setup),
		cmocka_unit_test_setup(sources_have_the_priorities_of_the_data_sheet, setup),
		cmocka_unit_test_setup(reset_frees_the_line_and_a_waiting_backend, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
