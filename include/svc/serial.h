/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and the serial driver: one 16550 as two rings of bytes.
 *
 * Capabilities in the start page (rt/start.h):
 *   ntfn     NOTIFICATION   WAIT CONTROL       the driver binds its interrupt to bit SERIAL_SIGNAL_IRQ
 *   root     NOTIFICATION   SIGNAL             one bit of root's: signal serial_config.root_signal
 *   irqs     IRQS           USE                exactly its line
 * Its ports are granted to the domain by root; it holds no capability for them.
 *
 * Area "shared": struct serial_shared.  Root signals bit SERIAL_SIGNAL_ROOT of "ntfn", the driver signals "root", both as the
 * ring protocol (rt/ring.h) says.  While the receive ring is full the driver leaves input in the FIFO and drops RTS.
 */
#ifndef SVC_SERIAL_H
#define SVC_SERIAL_H

#include <stdatomic.h>

#include <lib/base.h>
#include <rt/ring.h>
#include <rt/start.h>

struct serial_config {
	uint32_t port;			/* first of eight I/O ports */
	uint32_t gsi;
	uint32_t baud;
	uint32_t reserved;
	uint64_t root_signal;		/* the bit to signal on "root" */
};
_Static_assert(sizeof(struct serial_config) == 24, "protocol");

/* Exit codes of the driver. */
enum serial_exit {
	SERIAL_EXIT_NO_DEVICE = 1,	/* nothing that behaves like a UART at the ports */
	SERIAL_EXIT_REFUSED   = 2,	/* the kernel refused a call                     */
};

#define SERIAL_SIGNAL_ROOT	(1ull << 0)
#define SERIAL_SIGNAL_IRQ	(1ull << 1)

#define SERIAL_RX_SIZE		4096u
#define SERIAL_TX_SIZE		16384u
#define SERIAL_LOG_SIZE		2048u

struct serial_shared {
	struct ring_shared rx;		/* the driver puts                                             */
	struct ring_shared tx;		/* root puts                                                   */
	struct ring_shared log;		/* text lines: the driver puts                                 */
	_Atomic uint32_t idle;		/* 1: everything taken from the ring has left the wire         */
	_Atomic uint32_t ready;		/* 1: the device was found and set up                          */
	_Atomic uint64_t interrupts;
	_Atomic uint64_t overruns;	/* bytes that the UART lost                                    */
	_Atomic uint64_t line_errors;	/* framing, parity                                             */
	uint8_t pad[4096 - 3 * 128 - 32];
	uint8_t rx_data[SERIAL_RX_SIZE];
	uint8_t tx_data[SERIAL_TX_SIZE];
	uint8_t log_data[SERIAL_LOG_SIZE];
	uint8_t pad1[4096 - SERIAL_LOG_SIZE];
};
_Static_assert(offsetof(struct serial_shared, idle) == 384, "protocol");
_Static_assert(offsetof(struct serial_shared, rx_data) == 4096, "protocol");
_Static_assert(sizeof(struct serial_shared) % 4096 == 0, "whole pages");

static inline struct ring serial_ring_rx(struct serial_shared *s)
{
	return (struct ring){ &s->rx, s->rx_data, SERIAL_RX_SIZE };
}
static inline struct ring serial_ring_tx(struct serial_shared *s)
{
	return (struct ring){ &s->tx, s->tx_data, SERIAL_TX_SIZE };
}
static inline struct ring serial_ring_log(struct serial_shared *s)
{
	return (struct ring){ &s->log, s->log_data, SERIAL_LOG_SIZE };
}

#endif
