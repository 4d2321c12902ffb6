/* SPDX-License-Identifier: Apache-2.0 */
/* Formatted text: one pass over the format, each conversion parsed into a small record and then written. */
#include <rt/fmt.h>

struct fmt_out {
	char *buf;
	size_t size, length;
};

/* A conversion: %[flags][width][.precision][size]letter */
struct fmt_spec {
	bool left, zero;
	size_t width;
	size_t precision;		/* ~0: none given */
	unsigned bytes;			/* of the integer argument: 1, 2, 4, 8 */
	char letter;
};

#define FMT_DIGITS	20u		/* of 2^64 - 1 in decimal */
#define FMT_MAX_WIDTH	4096u

static void fmt_char(struct fmt_out *o, char c)
{
	if (o->length + 1 < o->size)
		o->buf[o->length++] = c;
}

static void fmt_fill(struct fmt_out *o, char c, size_t count)
{
	while (count--)
		fmt_char(o, c);
}

static void fmt_string(struct fmt_out *o, const struct fmt_spec *spec, const char *s)
{
	size_t length = 0;

	if (!s)
		s = "(null)";
	while (length < spec->precision && s[length])
		length++;

	size_t pad = spec->width > length ? spec->width - length : 0;

	if (!spec->left)
		fmt_fill(o, ' ', pad);
	for (size_t i = 0; i < length; i++)
		fmt_char(o, s[i]);
	if (spec->left)
		fmt_fill(o, ' ', pad);
}

static void fmt_number(struct fmt_out *o, const struct fmt_spec *spec, uint64_t value, unsigned base, const char *sign)
{
	const char *digits = spec->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[FMT_DIGITS];
	size_t length = 0, prefix = 0;

	do {
		text[length++] = digits[value % base];
		value /= base;
	} while (value);
	while (sign[prefix])
		prefix++;

	size_t total = length + prefix;
	size_t pad = spec->width > total ? spec->width - total : 0;

	if (!spec->left && !spec->zero)
		fmt_fill(o, ' ', pad);
	for (size_t i = 0; i < prefix; i++)
		fmt_char(o, sign[i]);
	if (!spec->left && spec->zero)
		fmt_fill(o, '0', pad);
	while (length--)
		fmt_char(o, text[length]);
	if (spec->left)
		fmt_fill(o, ' ', pad);
}

static size_t fmt_parse_size(const char **fmt)
{
	size_t v = 0;

	for (; **fmt >= '0' && **fmt <= '9'; ++*fmt)
		if (v < FMT_MAX_WIDTH)
			v = v * 10 + (size_t)(**fmt - '0');
	return v;
}

/* Parse after the '%'; leaves *@fmt behind the letter. */
static struct fmt_spec fmt_parse(const char **fmt, int star_width, int star_precision)
{
	struct fmt_spec s = { .precision = ~(size_t)0, .bytes = 4 };

	for (; **fmt == '-' || **fmt == '0'; ++*fmt)
		*(**fmt == '-' ? &s.left : &s.zero) = true;
	if (**fmt == '*') {
		++*fmt;
		s.left |= star_width < 0;
		s.width = (size_t)(star_width < 0 ? -(long)star_width : star_width);
	} else {
		s.width = fmt_parse_size(fmt);
	}
	if (**fmt == '.') {
		++*fmt;
		if (**fmt == '*') {
			++*fmt;
			if (star_precision >= 0)
				s.precision = (size_t)star_precision;
		} else {
			s.precision = fmt_parse_size(fmt);
		}
	}
	for (; **fmt == 'h'; ++*fmt)
		s.bytes /= 2;
	for (; **fmt == 'l' || **fmt == 'z'; ++*fmt)
		s.bytes = 8;
	s.letter = **fmt;
	if (s.letter)
		++*fmt;
	return s;
}

/* Which stars the conversion behind @fmt has: bit 0 width, bit 1 precision. */
static unsigned fmt_stars(const char *fmt)
{
	unsigned stars = 0;

	while (*fmt == '-' || *fmt == '0')
		fmt++;
	if (*fmt == '*') {
		stars |= 1;
		fmt++;
	}
	while (*fmt >= '0' && *fmt <= '9')
		fmt++;
	return fmt[0] == '.' && fmt[1] == '*' ? stars | 2 : stars;
}

static uint64_t fmt_narrow(uint64_t v, unsigned bytes)
{
	return bytes >= 8 ? v : v & (BIT(8 * bytes) - 1);
}

static int64_t fmt_extend(uint64_t v, unsigned bytes)
{
	unsigned shift = bytes >= 8 ? 0 : 64 - 8 * bytes;

	return (int64_t)(v << shift) >> shift;
}

size_t fmt_vbuf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct fmt_out o = { buf, size, 0 };

	if (!size)
		return 0;
	while (*fmt) {
		if (*fmt != '%') {
			fmt_char(&o, *fmt++);
			continue;
		}

		const char *start = fmt++;
		unsigned stars = fmt_stars(fmt);
		int width = stars & 1 ? va_arg(args, int) : 0;
		int precision = stars & 2 ? va_arg(args, int) : 0;
		struct fmt_spec s = fmt_parse(&fmt, width, precision);
		uint64_t v;

		switch (s.letter) {
		case 'd': case 'i':
			v = s.bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
			v = (uint64_t)fmt_extend(v, s.bytes);
			fmt_number(&o, &s, (int64_t)v < 0 ? -v : v, 10, (int64_t)v < 0 ? "-" : "");
			break;
		case 'u': case 'x': case 'X':
			v = s.bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
			fmt_number(&o, &s, fmt_narrow(v, s.bytes), s.letter == 'u' ? 10 : 16, "");
			break;
		case 'p':
			fmt_number(&o, &s, (uint64_t)va_arg(args, void *), 16, "0x");
			break;
		case 's':
			fmt_string(&o, &s, va_arg(args, const char *));
			break;
		case 'c':
			fmt_string(&o, &s, (const char[]){ (char)va_arg(args, int), 0 });
			break;
		case '%':
			fmt_char(&o, '%');
			break;
		default:
			while (start < fmt)
				fmt_char(&o, *start++);
		}
	}
	buf[o.length] = 0;
	return o.length;
}

size_t fmt_buf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	size_t length = fmt_vbuf(buf, size, fmt, args);
	va_end(args);
	return length;
}
