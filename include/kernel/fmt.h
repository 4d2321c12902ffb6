/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting text into a buffer.  Formats: %s %c %d %u %x %p %% with l, ll, z, width, 0, -, #; precision only for %s. */
#ifndef KERNEL_FMT_H
#define KERNEL_FMT_H

#include <lib/base.h>
#include <stdarg.h>

/*
 * Write at most @size - 1 characters and a NUL to @buf (@size > 0).  Returns the number of characters written: text that
 * does not fit is cut.  A conversion that is not listed above is printed as it stands.
 */
size_t fmt_text(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
size_t fmt_text_v(char *buf, size_t size, const char *fmt, va_list args);

#endif
