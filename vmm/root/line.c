/* SPDX-License-Identifier: Apache-2.0 */
/* The line editor; line.h says what it can do. */
#include "line.h"

#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#define KEY(c)		((c) & 0x1f)
#define ESC		0x1b
#define DELETE		0x7f

enum { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_BRACKET };

void line_init(struct line *l, const char *prompt)
{
	memset(l, 0, sizeof(*l));
	l->prompt = prompt;
}

static void line_echo(struct line *l, const char *text)
{
	l->echo_length += (uint32_t)fmt_buf(l->echo + l->echo_length, LINE_ECHO - l->echo_length, "%s", text);
}

/* "\033[K" erases to the end of the line. */
void line_redraw(struct line *l)
{
	l->echo_length = (uint32_t)fmt_buf(l->echo, LINE_ECHO, "\r\033[K%s%s", l->prompt, l->text);
}

static void line_set(struct line *l, const char *text)
{
	l->length = (uint32_t)str_copy(l->text, LINE_SIZE, text);
	line_redraw(l);
}

static void line_erase(struct line *l)
{
	if (!l->length)
		return;
	l->text[--l->length] = 0;
	line_echo(l, "\b \b");
}

static void line_erase_word(struct line *l)
{
	uint32_t length = l->length;

	while (length && l->text[length - 1] == ' ')
		length--;
	while (length && l->text[length - 1] != ' ')
		length--;
	l->text[length] = 0;
	l->length = length;
	line_redraw(l);
}

/* Move by one through the history; @older or newer. */
static void line_history(struct line *l, bool older)
{
	uint32_t oldest = l->history_count > LINE_HISTORY ? l->history_count - LINE_HISTORY : 0;

	if (older ? l->history_at == oldest : l->history_at == l->history_count)
		return;
	l->history_at += older ? ~0u : 1u;
	line_set(l, l->history_at == l->history_count ? "" : l->history[l->history_at % LINE_HISTORY]);
}

static void line_escape(struct line *l, uint8_t byte)
{
	if (l->escape == ESCAPE_SEEN) {
		l->escape = byte == '[' || byte == 'O' ? ESCAPE_BRACKET : ESCAPE_NONE;
		return;
	}
	if (byte >= 0x40 && byte <= 0x7e) {		/* the final byte of a control sequence (ECMA-48, "Control sequences") */
		l->escape = ESCAPE_NONE;
		if (byte == 'A' || byte == 'B')
			line_history(l, byte == 'A');
	}
}

static enum line_event line_enter(struct line *l)
{
	const char *last = l->history[(l->history_count + LINE_HISTORY - 1) % LINE_HISTORY];

	line_echo(l, "\r\n");
	if (l->length && !(l->history_count && str_equal(last, l->text)))
		str_copy(l->history[l->history_count++ % LINE_HISTORY], LINE_SIZE, l->text);
	l->history_at = l->history_count;
	l->length = 0;			/* @text stays until the next byte */
	return LINE_DONE;
}

static void line_insert(struct line *l, uint8_t byte)
{
	char text[2] = { (char)byte, 0 };

	if (byte < ' ' || byte >= DELETE)
		return;
	if (l->length + 1 == LINE_SIZE) {
		line_echo(l, "\a");
		return;
	}
	l->text[l->length++] = (char)byte;
	l->text[l->length] = 0;
	line_echo(l, text);
}

enum line_event line_input(struct line *l, uint8_t byte)
{
	l->echo_length = 0;
	l->text[l->length] = 0;
	if (l->escape) {
		line_escape(l, byte);
		return LINE_MORE;
	}
	switch (byte) {
	case '\r': case '\n':
		return line_enter(l);
	case '\b': case DELETE:
		line_erase(l);
		break;
	case KEY('c'):
		line_echo(l, "^C\r\n");
		l->text[l->length = 0] = 0;
		l->history_at = l->history_count;
		return LINE_CANCELLED;
	case KEY('l'):
		line_redraw(l);
		break;
	case KEY('u'):
		line_set(l, "");
		break;
	case KEY('w'):
		line_erase_word(l);
		break;
	case ESC:
		l->escape = ESCAPE_SEEN;
		break;
	default:
		line_insert(l, byte);
	}
	return LINE_MORE;
}
