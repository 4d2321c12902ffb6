/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All devices of a PC that the vCPUs share, wired up: what the monitor core creates once per VM.
 *
 * Everything in here is guarded by one lock, the device lock (vm_dev_lock()): the core holds it around bus_read(),
 * bus_write(), timer_queue_run(), uart_rx(), uart_tx_ready(), pm_power_button() and board_reset().  The local APICs are
 * not part of the board and are not reached through its buses.
 */
#ifndef DEV_BOARD_H
#define DEV_BOARD_H

#include "bus.h"
#include "irqchip.h"
#include "timer.h"
#include <dev/env.h>
#include <dev/hpet.h>
#include <dev/i8042.h>
#include <dev/ioapic.h>
#include <dev/misc.h>
#include <dev/pci.h>
#include <dev/pic.h>
#include <dev/pit.h>
#include <dev/pm.h>
#include <dev/rtc.h>
#include <dev/uart.h>

struct board {
	struct bus pio, mmio;
	struct timer_queue timers;
	struct irqchip chip;
	struct pic pic;
	struct ioapic ioapic;
	struct pit pit;
	struct rtc rtc;
	struct hpet hpet;
	struct uart com[2];
	struct pm pm;
	struct i8042 kbd;
	struct misc misc;
	struct pci pci;
};

struct board_config {
	uint64_t tsc_hz;		/* frequency of clock_now() */
	int64_t unix_time;		/* wall clock now */
	uint64_t ram_below_4g, ram_above_4g;	/* bytes, for the CMOS */
	unsigned ioapic_id;		/* as in the MADT */
};

/* Everything at power-up.  False: two devices claim one address, which is a bug of board.c. */
bool board_init(struct board *b, struct vm *vm, const struct board_config *cfg) MUST_USE;

/* All devices as after a reset; the time of day and the memory of the CMOS stay.  LAPICs: lapic_reset(). */
void board_reset(struct board *b);
/* What loses its state when the machine is suspended to memory: all but the RTC and what decides about waking. */
void board_suspend(struct board *b);

#endif
