/* SPDX-License-Identifier: Apache-2.0 */
/* The console multiplexer; console.h describes it. */
#include "console.h"

#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#define CONSOLE_KEYS	9u		/* VMs that a digit selects */

void console_init(struct console *c, uint8_t prefix, char *ring, uint32_t size)
{
	memset(c, 0, sizeof(*c));
	c->prefix = prefix;
	console_add(c, "management shell", ring, size);
}

unsigned console_add(struct console *c, const char *name, char *ring, uint32_t size)
{
	RT_CHECK(c->count < CONSOLE_SOURCES && size && (size & (size - 1)) == 0);
	c->source[c->count] = (struct console_source){ .name = name, .ring = ring, .size = size };
	return c->count++;
}

const char *console_key(const struct console *c, char *buf)
{
	char key = (char)(c->prefix | 0x40);

	if (key >= 'A' && key <= 'Z')
		key = (char)(key | 0x20);
	fmt_buf(buf, 8, "Ctrl-%c", key);
	return buf;
}

/* --- output --- */

void console_notice(struct console *c, const char *fmt, ...)
{
	size_t room;
	va_list args;

	if (c->notice_at == c->notice_length)
		c->notice_at = c->notice_length = 0;
	room = CONSOLE_NOTICE - c->notice_length;
	if (room < 4)				/* a byte, its line end, and the NUL of fmt_vbuf() */
		return;
	va_start(args, fmt);
	size_t length = fmt_vbuf(c->notice + c->notice_length, room - 2, fmt, args);
	va_end(args);
	memcpy(c->notice + c->notice_length + length, "\r\n", 2);
	c->notice_length += (uint32_t)length + 2;
}

/* Oldest byte of @s that is still in its ring. */
static uint64_t source_oldest(const struct console_source *s)
{
	return s->end > s->size ? s->end - s->size : 0;
}

size_t console_room(const struct console *c, unsigned source)
{
	const struct console_source *s = &c->source[source];

	return source == c->front && source != CONSOLE_SHELL ? s->size - (size_t)(s->end - s->shown) : s->size;
}

size_t console_put(struct console *c, unsigned source, const char *text, size_t length)
{
	struct console_source *s = &c->source[source];

	length = (size_t)min_u64(length, console_room(c, source));
	for (size_t i = 0; i < length; i++)
		s->ring[s->end++ & (s->size - 1)] = text[i];
	s->shown = max_u64(s->shown, source_oldest(s));
	return length;
}

size_t console_pull(struct console *c, char *buf, size_t size)
{
	struct console_source *s = &c->source[c->front];
	size_t length = 0;

	while (length < size && c->notice_at < c->notice_length)
		buf[length++] = c->notice[c->notice_at++];
	while (length < size && s->shown < s->end)
		buf[length++] = s->ring[s->shown++ & (s->size - 1)];
	return length;
}

/*
 * Where showing @s begins: at what was not seen yet, or, if that is little, somewhat before; at the start of a line if one
 * begins there.
 */
static void source_rewind(struct console_source *s)
{
	uint64_t oldest = max_u64(source_oldest(s), s->floor);
	uint64_t from = s->end - oldest > CONSOLE_CONTEXT ? s->end - CONSOLE_CONTEXT : oldest;

	if (from >= s->shown)
		return;				/* more than the context was not seen: show all of that */
	s->shown = from;
	if (from == s->floor)
		return;
	while (from < s->end && s->ring[from++ & (s->size - 1)] != '\n')
		;
	if (from < s->end)
		s->shown = from;
}

void console_show(struct console *c, unsigned source, bool say)
{
	struct console_source *s = &c->source[source];

	c->front = source;
	if (say)
		console_notice(c, "\r\n[trivet: console of %s]", s->name);
	if (source != CONSOLE_SHELL)
		source_rewind(s);
}

void console_restarted(struct console *c, unsigned source)
{
	c->source[source].floor = c->source[source].end;
}

/* --- input --- */

static void console_help(struct console *c)
{
	char key[8];

	console_key(c, key);
	console_notice(c, "\r\n[trivet: in front is %s]", c->source[c->front].name);
	console_notice(c, "  %s 0        management shell", key);
	for (unsigned i = 1; i < c->count && i <= CONSOLE_KEYS; i++)
		console_notice(c, "  %s %u        console of %s", key, i, c->source[i].name);
	console_notice(c, "  %s n, p     next, previous console", key);
	console_notice(c, "  %s %s   the key %s itself", key, key, key);
	console_notice(c, "  %s x        stop everything and switch off (asks first)", key);
	console_notice(c, "  %s h, ?     this help", key);
}

/* The key after the prefix. */
static enum console_action console_command(struct console *c, uint8_t byte)
{
	char key[8];

	if (byte >= '0' && byte <= '9' && (unsigned)(byte - '0') < c->count) {
		console_show(c, (unsigned)(byte - '0'), true);
		return CONSOLE_SWITCHED;
	}
	switch (byte) {
	case 'n':
		console_show(c, (c->front + 1) % c->count, true);
		return CONSOLE_SWITCHED;
	case 'p':
		console_show(c, (c->front + c->count - 1) % c->count, true);
		return CONSOLE_SWITCHED;
	case 'x':
		console_notice(c, "\r\n[trivet: stop all VMs and switch the machine off?  y: yes, any other key: no]");
		c->state = CONSOLE_CONFIRM;
		return CONSOLE_NOTHING;
	case 'h': case '?':
		break;
	default:
		if (byte >= '0' && byte <= '9')
			console_notice(c, "\r\n[trivet: there is no VM %c]", byte);
		else
			console_notice(c, "\r\n[trivet: this key means nothing after %s]", console_key(c, key));
	}
	console_help(c);
	return CONSOLE_NOTHING;
}

enum console_action console_input(struct console *c, uint8_t byte)
{
	enum console_state state = c->state;

	c->state = CONSOLE_NORMAL;
	switch (state) {
	case CONSOLE_PREFIXED:
		return byte == c->prefix ? CONSOLE_INPUT : console_command(c, byte);
	case CONSOLE_CONFIRM:
		if (byte == 'y' || byte == 'Y')
			return CONSOLE_POWER_OFF;
		console_notice(c, "[trivet: not switched off]");
		return CONSOLE_NOTHING;
	default:
		if (byte != c->prefix)
			return CONSOLE_INPUT;
		c->state = CONSOLE_PREFIXED;
		return CONSOLE_NOTHING;
	}
}
