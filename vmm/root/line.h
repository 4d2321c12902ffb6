/* SPDX-License-Identifier: Apache-2.0 */
/* Editing one line of input on a terminal: backspace, Ctrl-u, Ctrl-w, Ctrl-c, Ctrl-l, and up and down through the history. */
#ifndef ROOT_LINE_H
#define ROOT_LINE_H

#include <lib/base.h>

#define LINE_SIZE	128u
#define LINE_HISTORY	16u
#define LINE_ECHO	(LINE_SIZE + 32u)

struct line {
	const char *prompt;
	char text[LINE_SIZE];			/* NUL-terminated                                       */
	uint32_t length;
	uint8_t escape;				/* how much of an escape sequence has come              */
	uint32_t history_count;			/* lines ever entered; the last LINE_HISTORY are kept   */
	uint32_t history_at;			/* the one that is shown; == history_count: a new one   */
	char history[LINE_HISTORY][LINE_SIZE];
	char echo[LINE_ECHO];			/* what the terminal is to print after line_input()     */
	uint32_t echo_length;
};

enum line_event {
	LINE_MORE,		/* the line is not complete                                              */
	LINE_DONE,		/* @text is what was entered, until the next line_input()                */
	LINE_CANCELLED,		/* Ctrl-c: @text is empty                                                */
};

void line_init(struct line *l, const char *prompt);
/* One byte from the terminal. */
enum line_event line_input(struct line *l, uint8_t byte);
/* Put prompt and text so far into @echo, at the start of a line of the terminal. */
void line_redraw(struct line *l);

#endif
