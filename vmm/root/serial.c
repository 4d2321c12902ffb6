/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial driver's life.  Its rings are in memory that root keeps, so what was put before the driver died is sent by its
 * successor.
 */
#include "serial.h"

#include <rt/fmt.h>
#include <rt/string.h>
#include <rt/time.h>
#include <svc/serial.h>

#include "child.h"
#include "mem.h"
#include "policy.h"
#include "root.h"
#include "shell.h"
#include "term.h"

#define COM1_PORT	0x3f8u
#define COM1_PORTS	8u
#define COM1_GSI	4u
#define COM1_BAUD	115200u

#define SERIAL_QUOTA	(64 * PAGE_SIZE)
#define SERIAL_NAME	"serial"
#define SERIAL_LOG_MAX	256u
#define RETRY_MS	5000u

static struct child child;
static struct serial_shared *shared;
static struct extent shared_extent;
static struct ring rx, tx, log_ring;
static struct policy policy;
static struct event_timer restart;
static const struct tv_root_module *module;
static bool expected, told_ready;

bool serial_expected(void) { return expected; }
struct ring *serial_tx(void) { return &tx; }
struct ring *serial_rx(void) { return &rx; }

bool serial_ready(void)
{
	return child.alive && atomic_load(&shared->ready);
}

void serial_wake(void)
{
	bool put = ring_wake_getter(&tx), got = ring_wake_putter(&rx);

	if ((put || got) && child.alive)
		(void)sys_ntfn_signal(child_ntfn(&child), SERIAL_SIGNAL_ROOT);
}

bool serial_drained(void)
{
	return !serial_ready() || (ring_used(&tx) == 0 && atomic_load(&shared->idle));
}

/* What the old driver left behind: its answers are void, what it has not sent yet stays, unless it has spoilt the indices. */
static void shared_renew(void)
{
	uint32_t tail = atomic_load(&shared->tx.tail), head = atomic_load(&shared->tx.head);

	memset(shared, 0, offsetof(struct serial_shared, pad));
	ring_init(&shared->rx);
	ring_init(&shared->tx);
	ring_init(&shared->log);
	if (tail - head <= SERIAL_TX_SIZE) {
		atomic_store(&shared->tx.tail, tail);
		atomic_store(&shared->tx.head, head);
	}
}

static bool serial_spawn(void)
{
	const struct child_limits limits = { .cpu = CONFIG_CPU_ROOT, .priority = ROOT_PRIORITY_DRIVER };
	const struct serial_config config = {
		.port = COM1_PORT, .gsi = COM1_GSI, .baud = COM1_BAUD, .root_signal = BIT(ROOT_BIT_SERIAL),
	};
	static bool have_ports;
	const uint64_t ports = ROOT_SEL_PORTS_SERIAL;

	shared_renew();
	child_begin(&child, ROOT_CHILD_SERIAL, SERIAL_NAME, SERIAL_QUOTA, ROOT_BIT_SERIAL_END);
	child_load(&child, module);
	child_area(&child, "shared", CHILD_SHARED, &shared_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_give(&child, "ntfn", child_ntfn(&child), TV_RIGHT_WAIT | TV_RIGHT_CONTROL, 0, 0);
	child_give(&child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, config.root_signal, 0);
	child_give(&child, "irqs", TV_SEL_IRQS, TV_RIGHT_USE, COM1_GSI, 1);
	if (!have_ports)
		have_ports = sys_cap_derive(TV_SEL_DOMAIN, ports, TV_SEL_PORTS, TV_RIGHT_USE, COM1_PORT, COM1_PORTS) == TV_OK;
	if (!child.wrong && (!have_ports || sys_port_grant(child_domain(&child), ports) != TV_OK))
		child.wrong = "granting its ports";
	child_thread(&child, &limits);
	return child_start(&child, &config, sizeof(config));
}

static void serial_start(void *arg)
{
	(void)arg;
	if (serial_spawn())
		return;
	root_say("driver serial: cannot be started: %s", child.wrong);
	child_end(&child);
	/* Once the terminal is its own nobody else prints: try again, memory may come back.  Before, the kernel goes on printing. */
	expected = told_ready;
	if (expected)
		event_timer_set(&root.loop, &restart, root_after_ms(RETRY_MS));
}

/* Lines of the driver's log appear on the shell. */
static void serial_log(void)
{
	char line[SERIAL_LOG_MAX];
	uint32_t length = 0;

	for (uint32_t left = ring_used(&log_ring); left; left--) {
		char c = (char)ring_peek(&log_ring, 0);

		ring_skip(&log_ring, 1);
		if (c >= ' ' && c <= '~' && length + 1 < sizeof(line)) {
			line[length++] = c;
		} else if (c == '\n') {
			line[length] = 0;
			length = 0;
			root_note("driver serial: %s", line);
		}
	}
	if (!ring_sleep_data(&log_ring))
		term_again();
}

static void serial_signalled(void *arg)
{
	(void)arg;
	if (serial_was_broken())
		return;
	serial_log();
	if (!told_ready && serial_ready()) {
		told_ready = true;
		term_ready();
	}
	term_run();
}

static void serial_why(char *text, size_t size, const struct sys_thread_info *info)
{
	static const char *const exits[] = {
		[SERIAL_EXIT_NO_DEVICE] = "there is no UART at its ports", [SERIAL_EXIT_REFUSED] = "the kernel refused it a call",
	};

	if (info->state == TV_THREAD_FAULTED)
		fmt_buf(text, size, "exception %u at 0x%lx, address 0x%lx", (unsigned)info->fault, info->rip, info->addr);
	else if (info->code < ARRAY_LEN(exits) && exits[info->code])
		fmt_buf(text, size, "%s", exits[info->code]);
	else
		fmt_buf(text, size, "exit code %lu", info->code);
}

/*
 * The driver is gone, for the reason @why: start it again, later and later if that repeats itself.  Without a console nobody
 * could start it by hand, so it is never given up.
 */
static void serial_again(const char *why)
{
	uint64_t now = clock_now(), start = now;

	child_end(&child);
	shared_renew();
	(void)policy_ended(&policy, CONFIG_RESTART_ALWAYS, CONFIG_RESTART_LIMIT, VM_EXIT_RESET, now, root.tsc_hz, &start);
	event_timer_set(&root.loop, &restart, start);
	root_say("driver serial: %s; it is started again", why);
}

static void serial_ended(void *arg)
{
	struct sys_thread_info info;
	char why[96];

	(void)arg;
	if (!child.alive || sys_thread_info(child_thread_sel(&child, 0), &info) != TV_OK ||
	    (info.state != TV_THREAD_FAULTED && info.state != TV_THREAD_EXITED))
		return;
	serial_log();
	serial_why(why, sizeof(why), &info);
	if (info.state != TV_THREAD_EXITED || info.code != SERIAL_EXIT_NO_DEVICE) {
		serial_again(why);
		return;
	}
	child_end(&child);
	expected = false;
	root_say("driver serial: %s", why);
}

void serial_restart(void)
{
	event_timer_cancel(&restart);
	child_end(&child);
	serial_start(NULL);
}

bool serial_was_broken(void)
{
	if (!ring_broken(&rx) && !ring_broken(&tx) && !ring_broken(&log_ring))
		return false;
	serial_again("it has broken the protocol of its rings");
	return true;
}

void serial_status(char *buf, size_t size)
{
	if (!serial_ready())
		fmt_buf(buf, size, expected ? "starting" : "not there");
	else
		fmt_buf(buf, size, "running, %lu interrupts, %lu bytes lost, %lu line errors", atomic_load(&shared->interrupts),
			atomic_load(&shared->overruns), atomic_load(&shared->line_errors));
}

/* The module is called like the image, with or without ".elf". */
static const struct tv_root_module *serial_module(void)
{
	char name[VM_MODULE_NAME];
	size_t length = str_copy(name, sizeof(name), root.config.serial_image);
	const struct tv_root_module *m = mem_module(name, NULL);

	if (m || length <= 4 || !str_equal(name + length - 4, ".elf"))
		return m;
	name[length - 4] = 0;
	return mem_module(name, NULL);
}

void serial_init(void)
{
	if (!root.config.serial)
		return;
	shared = mem_keep(sizeof(*shared), &shared_extent);
	rx = serial_ring_rx(shared);
	tx = serial_ring_tx(shared);
	log_ring = serial_ring_log(shared);
	module = serial_module();
	if (!module) {
		root_say("driver serial: there is no boot module \"%s\"", root.config.serial_image);
		return;
	}
	expected = true;
	event_timer_init(&restart, serial_start, NULL);
	event_on(&root.loop, ROOT_BIT_SERIAL, serial_signalled, NULL);
	event_on(&root.loop, ROOT_BIT_SERIAL_END, serial_ended, NULL);
	serial_start(NULL);
}
