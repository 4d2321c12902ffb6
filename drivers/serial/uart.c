/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a 16550.
 *
 * Its interrupt line is an edge on PCs: an edge comes only after every source was served, so uart_service() ends with no enabled
 * source left.  A source that cannot be served now (the receive ring is full, nothing is left to send) is disabled
 * instead, and enabled again by the signal that ends that state.
 */
#include "uart.h"

#include <rt/io.h>
#include <x86/uart.h>

#define IER_RX		0x01u		/* received data, and the timeout of a part-filled FIFO */
#define IER_TX		0x02u		/* transmitter empty   */
#define IER_LINE	0x04u		/* overrun, framing    */
#define FCR_TRIGGER_8	0x80u		/* interrupt at 8 of 16 bytes, or after a pause */
#define IIR_NONE	0x01u		/* no enabled source is left */
#define IIR_FIFOS	0xc0u		/* both bits: working FIFOs */
#define MCR_DTR		0x01u
#define MCR_RTS		0x02u
#define MCR_OUT2	0x08u		/* connects the interrupt line on PCs */
#define LSR_DATA	0x01u
#define LSR_OVERRUN	0x02u
#define LSR_LINE_ERROR	0x0cu		/* parity, framing */
#define LSR_EMPTY	0x40u		/* FIFO and shift register */
#define FIFO_SIZE	16u
#define ALL_ONES	0xffu
/* More register reads than this in one service mean that the device is not there any more. */
#define SERVICE_MAX	1024u

static uint8_t uart_read(const struct uart *u, unsigned reg) { return io_read8((uint16_t)(u->port + reg)); }
static void uart_write(const struct uart *u, unsigned reg, uint8_t v) { io_write8((uint16_t)(u->port + reg), v); }

bool uart_probe(uint16_t port)
{
	static const uint8_t pattern[] = { 0x55, 0xaa };

	for (unsigned i = 0; i < ARRAY_LEN(pattern); i++) {
		io_write8((uint16_t)(port + UART_SCRATCH), pattern[i]);
		if (io_read8((uint16_t)(port + UART_SCRATCH)) != pattern[i])
			return false;
	}
	io_write8((uint16_t)(port + UART_LCR), UART_LCR_8N1);
	io_write8((uint16_t)(port + UART_IER), 0);
	return io_read8((uint16_t)(port + UART_IER)) == 0;
}

/* Only on a change: each write costs a bus access. */
static void interrupts_set(struct uart *u, uint8_t ier)
{
	if (u->ier == ier)
		return;
	u->ier = ier;
	uart_write(u, UART_IER, ier);
}

void uart_init(struct uart *u, uint16_t port, uint32_t baud, struct serial_shared *shared)
{
	uint32_t divisor = UART_CLOCK / baud;

	*u = (struct uart){ .port = port, .shared = shared, .rx = serial_ring_rx(shared), .tx = serial_ring_tx(shared) };
	uart_write(u, UART_LCR, UART_LCR_DLAB | UART_LCR_8N1);
	uart_write(u, UART_DATA, (uint8_t)divisor);
	uart_write(u, UART_IER, (uint8_t)(divisor >> 8));
	uart_write(u, UART_LCR, UART_LCR_8N1);
	/* The receive FIFO keeps what was typed before; the kernel's last bytes leave the other one by themselves. */
	uart_write(u, UART_FCR, UART_FCR_ENABLE | FCR_TRIGGER_8);
	u->fifo = (uart_read(u, UART_FCR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_SIZE : 1;
	uart_write(u, UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	u->ier = 0;
	interrupts_set(u, IER_RX | IER_LINE);
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Take what was received; false: the ring is full, and the rest stays where it is. */
static bool receive(struct uart *u)
{
	for (unsigned n = 0; n < SERVICE_MAX; n++) {
		uint8_t lsr = uart_read(u, UART_LSR), byte;

		if (lsr & LSR_OVERRUN)
			count(&u->shared->overruns);
		if (lsr & LSR_LINE_ERROR)
			count(&u->shared->line_errors);
		if (!(lsr & LSR_DATA) || lsr == ALL_ONES)
			return true;
		if (!ring_space(&u->rx) && ring_sleep_space(&u->rx))
			return false;
		byte = uart_read(u, UART_DATA);
		(void)ring_put(&u->rx, &byte, 1);
	}
	return true;
}

/* Fill the transmitter; false: it has no room now. */
static bool transmit(struct uart *u)
{
	uint8_t bytes[FIFO_SIZE];

	while (ring_used(&u->tx)) {
		uint32_t len;

		if (!(uart_read(u, UART_LSR) & UART_LSR_THRE))
			return false;
		len = ring_get(&u->tx, bytes, u->fifo);
		for (uint32_t i = 0; i < len; i++)
			uart_write(u, UART_DATA, bytes[i]);
	}
	return true;
}

static void serve(struct uart *u)
{
	uint8_t ier = IER_LINE, mcr = MCR_DTR | MCR_OUT2;

	do {
		if (!transmit(u)) {
			ier |= IER_TX;
			break;
		}
	} while (!ring_sleep_data(&u->tx));
	if (receive(u)) {
		ier |= IER_RX;
		mcr |= MCR_RTS;
	}
	if (uart_read(u, UART_MCR) != mcr)
		uart_write(u, UART_MCR, mcr);
	interrupts_set(u, ier);
}

void uart_service(struct uart *u)
{
	atomic_store(&u->shared->idle, 0);
	/* A source that came up while another was served has made no edge.  Reading the identification also takes a transmitter
	 * interrupt back. */
	for (unsigned n = 0; n < SERVICE_MAX; n++) {
		serve(u);
		if (uart_read(u, UART_FCR) & IIR_NONE)
			return;
	}
}

bool uart_settle(struct uart *u)
{
	bool idle = !ring_used(&u->tx) && uart_read(u, UART_LSR) & LSR_EMPTY;

	if (idle)
		atomic_store(&u->shared->idle, 1);
	return idle;
}
