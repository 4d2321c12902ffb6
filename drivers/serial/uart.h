/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550 between two rings of bytes: no interrupt is lost, no byte is dropped while the FIFO holds, nothing ever waits. */
#ifndef SERIAL_UART_H
#define SERIAL_UART_H

#include <svc/serial.h>

struct uart {
	uint16_t port;			/* first of its eight I/O ports                      */
	uint8_t ier;			/* interrupts that are enabled now                   */
	uint8_t fifo;			/* bytes that the transmitter takes at once          */
	struct serial_shared *shared;
	struct ring rx, tx;
};

/* Does what @port leads to behave like a UART?  Tries the scratch and the interrupt enable register; leaves interrupts off. */
bool uart_probe(uint16_t port);
/* Program @baud, 8 data bits, no parity, FIFOs; ready to work on @shared.  @baud divides 115200. */
void uart_init(struct uart *u, uint16_t port, uint32_t baud, struct serial_shared *shared);

/* Do what there is to do: take what was received, send what waits.  Called for each interrupt and each signal of root. */
void uart_service(struct uart *u);
/* Has everything that was sent left the wire?  Publishes it in @shared.idle; to be asked again while it has not. */
bool uart_settle(struct uart *u);

#endif
