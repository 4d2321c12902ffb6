/* SPDX-License-Identifier: Apache-2.0 */
/* The serial driver's 16550, against a model of the chip that counts the edges of its interrupt line. */
/* sources: drivers/serial/uart.c */
#include "drivers/serial/uart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rt/io.h>

enum { DATA, IER, FCR, LCR, MCR, LSR, MSR, SCRATCH };

static struct {
	uint8_t reg[8], divisor[2];
	uint8_t rx[64];			/* received, not read yet  */
	unsigned rx_count;
	unsigned tx_count;		/* in the transmit FIFO    */
	bool thre;			/* its interrupt is pending */
	bool fifo;
	bool present;
	char wire[65536];
	unsigned wire_count;
	bool line;
	unsigned edges;
	void (*on_lsr)(void);		/* something happens while the driver looks */
} chip;

static struct serial_shared shared;
static struct uart uart;

static bool line_level(void)
{
	return (chip.reg[IER] & 1 && chip.rx_count) || (chip.reg[IER] & 2 && chip.thre);
}

static void line_update(void)
{
	if (line_level() && !chip.line)
		chip.edges++;
	chip.line = line_level();
}

static void chip_receive(char c)
{
	assert_true(chip.rx_count < sizeof(chip.rx));
	chip.rx[chip.rx_count++] = (uint8_t)c;
	line_update();
}

/* The wire takes all that is in the FIFO. */
static void chip_sent(void)
{
	chip.tx_count = 0;
	chip.thre = true;
	line_update();
}

uint8_t io_read8(uint16_t port)
{
	unsigned reg = port & 7u;
	uint8_t v;

	if (!chip.present)
		return 0xff;
	switch (reg) {
	case DATA:
		v = chip.rx[0];
		assert_true(chip.rx_count > 0);
		memmove(chip.rx, chip.rx + 1, --chip.rx_count);
		break;
	case FCR:
		v = (uint8_t)((chip.fifo ? 0xc0 : 0) | (line_level() ? 0 : 1));
		if (!(chip.reg[IER] & 1 && chip.rx_count) && chip.reg[IER] & 2)
			chip.thre = false;
		break;
	case LSR:
		if (chip.on_lsr)
			chip.on_lsr();
		v = (uint8_t)((chip.rx_count ? 1 : 0) | (chip.tx_count ? 0 : 0x60));
		break;
	default:
		v = chip.reg[reg];
	}
	line_update();
	return v;
}

void io_write8(uint16_t port, uint8_t v)
{
	unsigned reg = port & 7u;

	if (!chip.present)
		return;
	if (chip.reg[LCR] & 0x80 && reg <= IER) {
		chip.divisor[reg] = v;
	} else if (reg == DATA) {
		assert_true(chip.tx_count < (chip.fifo ? 16u : 1u));
		chip.wire[chip.wire_count++] = (char)v;
		chip.tx_count++;
		chip.thre = false;
	} else {
		/* Enabling the transmitter interrupt while it is empty raises it. */
		if (reg == IER && v & 2 && !(chip.reg[IER] & 2) && !chip.tx_count)
			chip.thre = true;
		chip.reg[reg] = v;
	}
	line_update();
}

uint16_t io_read16(uint16_t port) { return io_read8(port); }
void io_write16(uint16_t port, uint16_t v) { io_write8(port, (uint8_t)v); }
void io_write32(uint16_t port, uint32_t v) { io_write8(port, (uint8_t)v); }

static int setup(void **state)
{
	(void)state;
	memset(&chip, 0, sizeof(chip));
	memset(&shared, 0, sizeof(shared));
	chip.present = chip.fifo = true;
	uart_init(&uart, 0x3f8, 115200, &shared);
	return 0;
}

static void send(const char *text)
{
	struct ring tx = serial_ring_tx(&shared);

	assert_int_equal(ring_put(&tx, text, (uint32_t)strlen(text)), strlen(text));
}

static void the_line_is_set_to_115200_8n1_with_its_interrupt_connected(void **state)
{
	(void)state;
	assert_int_equal(chip.divisor[0], 1);
	assert_int_equal(chip.divisor[1], 0);
	assert_int_equal(chip.reg[LCR], 0x03);
	assert_int_equal(chip.reg[MCR], 0x0b);
}

static void ports_without_a_uart_are_found_out(void **state)
{
	(void)state;
	assert_true(uart_probe(0x3f8));
	chip.present = false;
	assert_false(uart_probe(0x3f8));
}

static void a_long_text_leaves_in_order_one_fifo_at_an_interrupt(void **state)
{
	char text[1001];

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		text[i] = (char)('a' + i % 26);
	text[1000] = 0;
	send(text);
	uart_service(&uart);
	for (unsigned i = 0; i < 100 && chip.wire_count < 1000; i++) {
		unsigned before = chip.edges;

		chip_sent();
		assert_int_equal(chip.edges, before + 1);	/* a lost edge would stop the traffic here */
		uart_service(&uart);
	}
	assert_int_equal(chip.wire_count, 1000);
	assert_memory_equal(chip.wire, text, 1000);
}

static void without_fifo_one_byte_goes_at_a_time(void **state)
{
	(void)state;
	chip.fifo = false;
	uart_init(&uart, 0x3f8, 115200, &shared);
	send("ab");
	uart_service(&uart);
	assert_int_equal(chip.wire_count, 1);
	chip_sent();
	uart_service(&uart);
	assert_int_equal(chip.wire_count, 2);
}

static void the_end_of_the_text_is_told_only_when_the_wire_is_quiet(void **state)
{
	(void)state;
	send("x");
	uart_service(&uart);
	assert_false(uart_settle(&uart));
	assert_int_equal(shared.idle, 0);
	chip_sent();
	uart_service(&uart);
	assert_true(uart_settle(&uart));
	assert_int_equal(shared.idle, 1);
	assert_false(chip.reg[IER] & 2);		/* and no interrupt asks for more */
}

static void input_waits_in_the_fifo_while_the_ring_is_full_and_rts_falls(void **state)
{
	struct ring rx = serial_ring_rx(&shared);
	char buf[SERIAL_RX_SIZE];

	(void)state;
	memset(buf, 'f', sizeof(buf));
	assert_int_equal(ring_put(&rx, buf, sizeof(buf)), sizeof(buf));
	chip_receive('1');
	uart_service(&uart);
	assert_int_equal(chip.rx_count, 1);
	assert_false(chip.reg[MCR] & 2);
	assert_false(chip.line);			/* so that the next edge can come */

	assert_int_equal(ring_get(&rx, buf, sizeof(buf)), sizeof(buf));
	assert_true(ring_wake_putter(&rx));
	uart_service(&uart);
	assert_int_equal(ring_get(&rx, buf, 2), 1);
	assert_int_equal(buf[0], '1');
	assert_true(chip.reg[MCR] & 2);
}

static void late_byte(void)
{
	static unsigned calls;

	if (++calls == 2)
		chip_receive('L');
}

static void a_byte_that_arrives_during_the_service_is_not_lost(void **state)
{
	struct ring rx = serial_ring_rx(&shared);
	char c;

	(void)state;
	chip.on_lsr = late_byte;
	chip_receive('E');
	uart_service(&uart);
	assert_false(chip.line);
	assert_int_equal(ring_get(&rx, &c, 1), 1);
	assert_int_equal(c, 'E');
	assert_int_equal(ring_get(&rx, &c, 1), 1);
	assert_int_equal(c, 'L');
}

static void a_transmitter_that_empties_while_input_is_served_still_makes_an_edge(void **state)
{
	(void)state;
	send("0123456789abcdefXY");			/* 16 go, 2 wait */
	uart_service(&uart);
	assert_int_equal(chip.wire_count, 16);
	chip_receive('i');				/* the line goes up */
	chip_sent();					/* and stays up     */
	uart_service(&uart);
	assert_int_equal(chip.wire_count, 18);
	assert_false(chip.line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_line_is_set_to_115200_8n1_with_its_interrupt_connected, setup),
		cmocka_unit_test_setup(ports_without_a_uart_are_found_out, setup),
		cmocka_unit_test_setup(a_long_text_leaves_in_order_one_fifo_at_an_interrupt, setup),
		cmocka_unit_test_setup(without_fifo_one_byte_goes_at_a_time, setup),
		cmocka_unit_test_setup(the_end_of_the_text_is_told_only_when_the_wire_is_quiet, setup),
		cmocka_unit_test_setup(input_waits_in_the_fifo_while_the_ring_is_full_and_rts_falls, setup),
		cmocka_unit_test_setup(a_byte_that_arrives_during_the_service_is_not_lost, setup),
		cmocka_unit_test_setup(a_transmitter_that_empties_while_input_is_served_still_makes_an_edge, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
