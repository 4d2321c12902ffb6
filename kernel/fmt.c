/* SPDX-License-Identifier: Apache-2.0 */
/* A small printf into a buffer, for log lines and error texts. */
#include <kernel/fmt.h>

struct out {
	char *buf;
	size_t size, length;
};

/* One conversion, "%-08llx" being left, zero, width 8, 64 bits, 'x'. */
struct spec {
	bool left, zero, alternate, wide;
	unsigned width, precision;	/* precision: ~0 for none */
};

static void put(struct out *o, char c)
{
	if (o->length + 1 < o->size)
		o->buf[o->length++] = c;
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t length)
{
	size_t pad = s->width > length ? s->width - length : 0;

	for (size_t i = 0; i < pad && !s->left; i++)
		put(o, ' ');
	for (size_t i = 0; i < length; i++)
		put(o, text[i]);
	for (size_t i = 0; i < pad && s->left; i++)
		put(o, ' ');
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t length = 0;

	if (!text)
		text = "(null)";
	while (length < s->precision && text[length])
		length++;
	put_padded(o, s, text, length);
}

/* @prefix: "-", "0x" or "". */
static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base, const char *prefix)
{
	char digits[24], text[64];
	size_t n = 0, length = 0, signs = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	while (prefix[signs])
		text[length++] = prefix[signs++];
	/* More zeros than a number of 64 bits has digits are left out. */
	while (s->zero && !s->left && n + signs < s->width && n < sizeof(digits))
		digits[n++] = '0';
	while (n > 0)
		text[length++] = digits[--n];
	put_padded(o, s, text, length);
}

static const char *parse_spec(const char *p, struct spec *s)
{
	*s = (struct spec){ .precision = ~0u };
	for (;; p++) {
		if (*p == '-')
			s->left = true;
		else if (*p == '0')
			s->zero = true;
		else if (*p == '#')
			s->alternate = true;
		else
			break;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		s->width = s->width * 10 + (unsigned)(*p - '0');
	if (*p == '.')
		for (p++, s->precision = 0; *p >= '0' && *p <= '9'; p++)
			s->precision = s->precision * 10 + (unsigned)(*p - '0');
	for (; *p == 'l' || *p == 'z'; p++)
		s->wide = true;
	return p;
}

size_t fmt_text_v(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { .buf = buf, .size = size };
	struct spec s;

	for (const char *p = fmt; *p; p++) {
		const char *start = p;
		int64_t d;

		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		p = parse_spec(p + 1, &s);
		switch (*p) {
		case 's':
			put_string(&o, &s, va_arg(args, const char *));
			break;
		case 'c': {
			char c = (char)va_arg(args, int);

			put_padded(&o, &s, &c, 1);
			break;
		}
		case 'd':
			d = s.wide ? va_arg(args, long) : va_arg(args, int);
			put_number(&o, &s, d < 0 ? 0 - (uint64_t)d : (uint64_t)d, 10, d < 0 ? "-" : "");
			break;
		case 'u':
			put_number(&o, &s, s.wide ? va_arg(args, unsigned long) : va_arg(args, unsigned), 10, "");
			break;
		case 'x':
			put_number(&o, &s, s.wide ? va_arg(args, unsigned long) : va_arg(args, unsigned), 16,
				   s.alternate ? "0x" : "");
			break;
		case 'p':
			put_number(&o, &s, (uint64_t)(uintptr_t)va_arg(args, void *), 16, "0x");
			break;
		case '%':
			put(&o, '%');
			break;
		default:
			put(&o, '%');
			p = start;	/* print what follows as text */
		}
	}
	buf[o.length] = '\0';
	return o.length;
}

size_t fmt_text(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = fmt_text_v(buf, size, fmt, args);
	va_end(args);
	return n;
}
