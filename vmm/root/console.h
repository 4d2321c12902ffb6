/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer: one terminal for the management shell (source 0) and the VMs (sources 1 to n).
 *
 * A state machine without input or output of its own.  Bytes typed go into console_input(), which answers what they mean;
 * output of the sources goes in with console_put() and comes out, for the terminal, with console_pull().
 *
 * Each source has a ring that keeps its last output.  The source in front is drained to the terminal and accepts no more than
 * the ring has room for, so nothing of it is lost; the others overwrite their oldest output.
 */
#ifndef ROOT_CONSOLE_H
#define ROOT_CONSOLE_H

#include <lib/base.h>

#include "config.h"

#define CONSOLE_SHELL		0u
#define CONSOLE_SOURCES		(CONFIG_VMS + 1)
/* Output that was seen before and is shown again when a source comes to the front. */
#define CONSOLE_CONTEXT		1024u
#define CONSOLE_NOTICE		2048u

struct console_source {
	const char *name;
	char *ring;
	uint32_t size;			/* of the ring, a power of two                        */
	uint64_t end;			/* bytes that ever came in                            */
	uint64_t shown;			/* of those, the first that the terminal has not got  */
	uint64_t floor;			/* older output is not shown again                    */
};

enum console_state { CONSOLE_NORMAL, CONSOLE_PREFIXED, CONSOLE_CONFIRM };

struct console {
	uint8_t prefix;
	uint8_t state;			/* enum console_state                                 */
	unsigned front;
	unsigned count;			/* sources                                            */
	struct console_source source[CONSOLE_SOURCES];
	uint32_t notice_length, notice_at;
	char notice[CONSOLE_NOTICE];	/* the multiplexer's own output, before the source's  */
};

/* What a byte from the terminal means. */
enum console_action {
	CONSOLE_NOTHING,		/* it was the multiplexer's                           */
	CONSOLE_INPUT,			/* it is input of the source in front                 */
	CONSOLE_SWITCHED,		/* another source, or the same again, came to front   */
	CONSOLE_POWER_OFF,		/* the user wants, and has confirmed, to switch off   */
};

/* One source, the shell, with @ring of @size bytes, in front. */
void console_init(struct console *c, uint8_t prefix, char *ring, uint32_t size);
/* Add the source of a VM and return its number; @name must stay. */
unsigned console_add(struct console *c, const char *name, char *ring, uint32_t size);

enum console_action console_input(struct console *c, uint8_t byte);
/* Bring @source to the front; @say: with a banner. */
void console_show(struct console *c, unsigned source, bool say);
/* What @source has put so far is of an earlier run: only what was not seen is still shown. */
void console_restarted(struct console *c, unsigned source);
/* A line of the multiplexer's own, on whatever is in front. */
void console_notice(struct console *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Output of @source; returns how many of the @length bytes were taken. */
size_t console_put(struct console *c, unsigned source, const char *text, size_t length);
/* Is there room for output of @source? */
size_t console_room(const struct console *c, unsigned source);
/* The next bytes for the terminal, at most @size; 0: nothing to show. */
size_t console_pull(struct console *c, char *buf, size_t size);

/* The prefix key for people, such as "Ctrl-a", to @buf of at least 8 bytes. */
const char *console_key(const struct console *c, char *buf);

#endif
