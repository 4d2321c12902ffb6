/* SPDX-License-Identifier: Apache-2.0 */
/* The serial driver: one 16550, its interrupt, and two rings that it shares with root.  include/svc/serial.h is the protocol. */
#include <rt/event.h>
#include <rt/log.h>
#include <rt/start.h>
#include <rt/sys.h>
#include <rt/time.h>
#include <svc/serial.h>
#include <x86/uart.h>

#include "uart.h"

#define SETTLE_US	100u		/* about one byte at 115200 baud */
#define US_PER_SECOND	1000000u

static struct {
	struct uart uart;
	struct serial_shared *shared;
	const struct serial_config *config;
	struct event_loop loop;
	struct event_timer settle;
	uint64_t root, irqs;		/* selectors */
} driver;

static void signal_root(void)
{
	(void)sys_ntfn_signal(driver.root, driver.config->root_signal);
}

static void log_write(const char *text, size_t length)
{
	struct ring log = serial_ring_log(driver.shared);

	if (ring_space(&log) < length)
		return;
	(void)ring_put(&log, text, (uint32_t)length);
	if (ring_wake_getter(&log))
		signal_root();
}

static void settle(void *arg)
{
	uint64_t pause = rt_info()->tsc_hz / (US_PER_SECOND / SETTLE_US);

	(void)arg;
	if (uart_settle(&driver.uart))
		signal_root();
	else if (!ring_used(&driver.uart.tx))
		event_timer_set(&driver.loop, &driver.settle, clock_now() + pause);
}

static void service(void)
{
	bool put, taken;

	uart_service(&driver.uart);
	/* Both are asked, whatever the first one says: each clears its own flag. */
	put = ring_wake_getter(&driver.uart.rx);
	taken = ring_wake_putter(&driver.uart.tx);
	if (put || taken)
		signal_root();
	settle(NULL);
}

static void on_root(void *arg)
{
	(void)arg;
	service();
}

static void on_interrupt(void *arg)
{
	(void)arg;
	atomic_fetch_add_explicit(&driver.shared->interrupts, 1, memory_order_relaxed);
	service();
	/* Only a level-triggered line waits for it. */
	(void)sys_irq_ack(driver.irqs, driver.config->gsi);
}

/* Everything that can be wrong is found out before the device is touched. */
static enum serial_exit setup(const struct tv_start *start)
{
	uint64_t ntfn = start_cap(start, "ntfn"), size = 0;
	enum tv_err err;

	driver.config = start_config(start, sizeof(*driver.config));
	driver.shared = start_area(start, "shared", &size);
	driver.root = start_cap(start, "root");
	driver.irqs = start_cap(start, "irqs");
	if (!driver.config || !driver.shared || size != sizeof(*driver.shared) || !driver.config->baud ||
	    driver.config->baud > UART_CLOCK)
		return SERIAL_EXIT_REFUSED;
	rt_log_to(log_write);
	if (!uart_probe((uint16_t)driver.config->port)) {
		rt_log("no 16550 UART at port 0x%x", driver.config->port);
		return SERIAL_EXIT_NO_DEVICE;
	}
	event_init(&driver.loop, ntfn);
	event_on(&driver.loop, (unsigned)__builtin_ctzll(SERIAL_SIGNAL_ROOT), on_root, NULL);
	event_on(&driver.loop, (unsigned)__builtin_ctzll(SERIAL_SIGNAL_IRQ), on_interrupt, NULL);
	event_timer_init(&driver.settle, settle, NULL);
	err = sys_irq_bind(driver.irqs, driver.config->gsi, ntfn, SERIAL_SIGNAL_IRQ, TV_IRQ_DEFAULT);
	if (err == TV_OK)
		err = sys_irq_ack(driver.irqs, driver.config->gsi);
	if (err != TV_OK) {
		rt_log("interrupt %u: status %d", driver.config->gsi, (int)err);
		return SERIAL_EXIT_REFUSED;
	}
	uart_init(&driver.uart, (uint16_t)driver.config->port, driver.config->baud, driver.shared);
	return 0;
}

uint64_t rt_main(const struct tv_start *start)
{
	enum serial_exit failed = setup(start);

	if (failed)
		return failed;
	atomic_store(&driver.shared->ready, 1);
	signal_root();
	service();
	for (;;)
		event_run(&driver.loop);
}
