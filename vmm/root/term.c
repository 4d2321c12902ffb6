/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal.  Input: serial driver -> multiplexer -> shell or VM.  Output: VMs and shell -> multiplexer -> serial driver.
 * Without a serial driver, output goes to the kernel log, which the kernel prints, and there is no input.
 */
#include "term.h"

#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "mem.h"
#include "root.h"
#include "serial.h"
#include "shell.h"
#include "system.h"
#include "vms.h"

#define SHELL_RING	(64 * KIB)
#define TERM_CHUNK	512u
#define LOG_WRITE	40u		/* bytes of one log_write */
#define LOG_READ	32u
#define LOG_READS	256u		/* in one go              */
/* A VM that takes no input for so long loses it: its user must be able to get away from it. */
#define STALL_MS	1000u

static struct event_timer again;
static struct event_timer stall;
static bool stalled;			/* input for the VM in front is dropped    */
static bool bound;			/* the terminal is ours, not the kernel's  */
static uint64_t log_position;

static void log_grown(void *arg);

static void term_again_due(void *arg)
{
	(void)arg;
	term_run();
}

static void term_stall_due(void *arg)
{
	(void)arg;
	stalled = true;
	term_run();
}

void term_init(void)
{
	struct extent e;

	event_timer_init(&again, term_again_due, NULL);
	event_timer_init(&stall, term_stall_due, NULL);
	console_init(&root.console, root.config.prefix, mem_keep(SHELL_RING, &e), SHELL_RING);
}

void term_again(void)
{
	if (!event_timer_armed(&again))
		event_timer_set(&root.loop, &again, clock_now());
}

/* --- kernel log --- */

/* Text that the kernel has logged since the last call goes to the shell, unless it was printed by the kernel itself. */
static void log_grown(void *arg)
{
	uint64_t text[LOG_READ / 8];

	(void)arg;
	for (unsigned i = 0; i < LOG_READS; i++) {
		if (sys_log_read(TV_SEL_LOG, &log_position, text) != TV_OK) {
			term_run();
			return;
		}
		shell_text((const char *)text, strnlen((const char *)text, sizeof(text)));
	}
	(void)sys_ntfn_signal(ROOT_SEL_NTFN, BIT(ROOT_BIT_LOG));	/* the rest in the next round */
}

/* Where the kernel log ends now: everything before has been printed. */
static void log_skip(void)
{
	uint64_t text[LOG_READ / 8];

	while (sys_log_read(TV_SEL_LOG, &log_position, text) == TV_OK)
		;
}

void term_ready(void)
{
	if (bound)
		return;
	log_skip();
	event_on(&root.loop, ROOT_BIT_LOG, log_grown, NULL);
	/* From here on the kernel leaves the device to the driver. */
	bound = sys_log_bind(TV_SEL_LOG, ROOT_SEL_NTFN, BIT(ROOT_BIT_LOG)) == TV_OK;
}

bool term_is_ours(void)
{
	return bound;
}

static void log_write(const char *text, size_t length)
{
	while (length) {
		uint64_t word[LOG_WRITE / 8] = { 0 };
		size_t n = (size_t)min_u64(length, LOG_WRITE);

		memcpy(word, text, n);
		(void)sys_log_write(TV_SEL_LOG, word);
		text += n;
		length -= n;
	}
}

/* --- input --- */

static void term_act(uint8_t byte)
{
	switch (console_input(&root.console, byte)) {
	case CONSOLE_SWITCHED:
		event_timer_cancel(&stall);
		stalled = false;
		if (root.console.front == CONSOLE_SHELL)
			shell_shown();
		break;
	case CONSOLE_POWER_OFF:
		system_finish(SYSTEM_POWER_OFF, false);
		break;
	case CONSOLE_INPUT:
		if (root.console.front == CONSOLE_SHELL)
			shell_input(byte);
		else
			vm_input(vms_get(root.console.front - 1), byte);
		break;
	case CONSOLE_NOTHING:
		break;
	}
}

/* Would @byte go to a VM that has no room for it?  After a while it is let through all the same, and dropped there. */
static bool term_must_wait(uint8_t byte)
{
	const struct console *c = &root.console;
	bool literal = c->state == CONSOLE_PREFIXED && byte == c->prefix;

	if (c->front == CONSOLE_SHELL || !(literal || (c->state == CONSOLE_NORMAL && byte != c->prefix)))
		return false;
	if (vm_takes_input(vms_get(c->front - 1))) {
		event_timer_cancel(&stall);
		stalled = false;
		return false;
	}
	if (!stalled && !event_timer_armed(&stall))
		event_timer_set(&root.loop, &stall, root_after_ms(STALL_MS));
	return !stalled;
}

static void term_input(void)
{
	struct ring *rx = serial_rx();

	for (uint32_t left = rx->size; left; left--) {
		uint8_t byte;

		if (!ring_used(rx)) {
			if (ring_sleep_data(rx))
				return;
			continue;
		}
		byte = ring_peek(rx, 0);
		if (term_must_wait(byte))
			return;			/* the VM signals when it has room, or the stall timer decides */
		ring_skip(rx, 1);		/* before it acts: it may restart the driver, and the ring with it */
		term_act(byte);
	}
	term_again();
}

/* --- output --- */

/* What the terminal takes now; true: it took something. */
static bool term_output(void)
{
	char chunk[TERM_CHUNK];
	struct ring *tx = serial_tx();
	uint64_t room = serial_expected() ? ring_space(tx) : TERM_CHUNK;
	size_t length = console_pull(&root.console, chunk, (size_t)min_u64(room, TERM_CHUNK));

	if (!serial_expected())
		log_write(chunk, length);
	else if (length)
		ring_put(tx, chunk, (uint32_t)length);
	else if (!room && !ring_sleep_space(tx))
		term_again();
	return length != 0;
}

void term_run(void)
{
	if (serial_expected() && !serial_was_broken())
		term_input();
	do {
		for (unsigned i = 0; i < vms_count(); i++)
			vm_drain(vms_get(i));
	} while (term_output());
	if (serial_expected())
		serial_wake();
}

bool term_flushed(void)
{
	return root.console.notice_at == root.console.notice_length &&
	       root.console.source[root.console.front].shown == root.console.source[root.console.front].end &&
	       (!serial_expected() || serial_drained());
}
