/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A serial port.  Input is paced by the backend: uart_rx() takes a byte or refuses it, and vm_uart_rx_space() says
 * when to go on, so that nothing of a pasted text is lost.  Output goes out through vm_uart_tx().
 */
#ifndef DEV_UART_H
#define DEV_UART_H

#include "bus.h"
#include "timer.h"
#include <dev/env.h>

#define UART_COM1	0x3f8
#define UART_COM2	0x2f8
#define UART_PORTS	8
#define UART_FIFO	16

struct uart_state {
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
	uint8_t rx[UART_FIFO];		/* receive FIFO: @rx_count bytes from @rx_head on, wrapping */
	uint8_t rx_head, rx_count;
	uint8_t tx[UART_FIFO];		/* bytes that the backend refused, same form */
	uint8_t tx_head, tx_count;
	bool thre_irq;			/* the "transmitter empty" interrupt is pending */
	bool rx_timeout;		/* bytes below the trigger level have waited long enough */
	bool rx_refused;		/* the backend waits for vm_uart_rx_space() */
	bool irq;			/* level of the interrupt line */
};

struct uart {
	struct uart_state s;
	struct dev_env env;
	unsigned port, gsi;
	struct clock_rate ns;		/* nanoseconds: for the receive timeout */
	struct timer timer;
};

extern const struct bus_ops uart_ops;		/* 8 ports, byte wide, dev = struct uart */

/* @port: number handed to the upcalls (0 = COM1); @gsi: its line. */
void uart_init(struct uart *u, const struct dev_env *env, unsigned port, unsigned gsi);
void uart_reset(struct uart *u);
bool uart_restore(void *dev, const void *state) MUST_USE;
/* A byte from the outside.  False: no room; the byte was not taken and vm_uart_rx_space() will follow.  Device lock held. */
bool uart_rx(struct uart *u, uint8_t byte);
/* The backend has room again after vm_uart_tx() returned false.  Device lock held. */
void uart_tx_ready(struct uart *u);
/* Is there output that the backend has not taken yet? */
bool uart_tx_pending(const struct uart *u);

#endif
