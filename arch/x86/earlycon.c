/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's serial console: a polled 16550 at COM1, 115200 8N1.  It programs the UART itself at the first byte. */
#include <lib/base.h>
#include <x86/insn.h>
#include <x86/uart.h>

#include "console.h"

/*
 * A byte takes 87 us at 115200 baud; one read of a port takes about 1 us.  A UART that is busy for seconds is stuck (the other
 * end holds it up, or an emulator's reader sleeps): from then on bytes are dropped, without waiting, until it takes them again.
 */
#define WAIT_POLLS	2000000u

enum uart_state { UART_UNKNOWN, UART_READY, UART_STUCK, UART_ABSENT };
static enum uart_state state;

static void reg_write(unsigned reg, unsigned v) { out8((uint16_t)(UART_COM1 + reg), (uint8_t)v); }
static uint8_t reg_read(unsigned reg) { return in8((uint16_t)(UART_COM1 + reg)); }

/* Without a UART all reads give ones; the line status never does, its highest bits exclude each other in an idle one. */
static enum uart_state setup(void)
{
	reg_write(UART_LCR, UART_LCR_DLAB);	/* first of all: some emulators print with whatever line control there is */
	reg_write(UART_DATA, 1);
	reg_write(UART_IER, 0);
	reg_write(UART_LCR, UART_LCR_8N1);
	reg_write(UART_IER, 0);
	reg_write(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR);
	reg_write(UART_MCR, UART_MCR_DTR_RTS);
	return reg_read(UART_LCR) == UART_LCR_8N1 && reg_read(UART_LSR) != 0xff ? UART_READY : UART_ABSENT;
}

static void put(char c)
{
	unsigned polls = state == UART_STUCK ? 1 : WAIT_POLLS;

	for (; polls; polls--)
		if (reg_read(UART_LSR) & UART_LSR_THRE) {
			state = UART_READY;
			reg_write(UART_DATA, (unsigned char)c);
			return;
		}
	state = UART_STUCK;
}

void earlycon_restart(void)
{
	state = UART_UNKNOWN;
}

void earlycon_write(const char *text, size_t length)
{
	if (state == UART_UNKNOWN)
		state = setup();
	for (size_t i = 0; i < length && state != UART_ABSENT; i++) {
		if (text[i] == '\n')
			put('\r');
		put(text[i]);
	}
}
