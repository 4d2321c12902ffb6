/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text for programs without a C library.
 * Conversions: %s %c %d %i %u %x %X %p %%, with the sizes hh h l ll z, a width, a precision (%s only; "*" for both), and the
 * flags 0 and -.  Anything else stands in the output as it was written.
 */
#ifndef RT_FMT_H
#define RT_FMT_H

#include <stdarg.h>

#include <lib/base.h>

/*
 * Write at most @size bytes including the final NUL to @buf.  Returns the length of the text that was written, which is less
 * than @size: unlike snprintf(), the result can always be used as an offset into @buf.  @size 0 writes nothing.
 */
size_t fmt_vbuf(char *buf, size_t size, const char *fmt, va_list args);
size_t fmt_buf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
