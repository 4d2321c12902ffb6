/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel log: a ring that keeps the last 64 KiB, printed on serial and framebuffer until a driver takes them over. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <lib/base.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line: level, time and CPU are put before it, a newline after it.  Formats: %s %c %d %u %x %p with l, ll, z, width, 0, -. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_error(...)	log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_line(LOG_DEBUG, __VA_ARGS__)

/* Append bytes as they are (a user's log_write). */
void log_text(const char *text, size_t length);
/* Copy up to @size bytes from position @pos on (positions count all bytes ever logged); *@pos becomes the next position.
 * Bytes that the ring no longer holds are skipped.  Returns the number of bytes copied. */
size_t log_copy(uint64_t *pos, char *buf, size_t size);
/* Stop (or, for a panic, resume) printing on the console devices: a driver owns them now. */
void log_quiet(bool quiet);

/* For a panic: from here on no lock is taken.  The holder of the lock, on whatever CPU, may never go on. */
void log_break(void);

#endif
