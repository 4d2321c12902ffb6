/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text that a program leaves for root: `log NAME` of the management shell shows them. */
#ifndef RT_LOG_H
#define RT_LOG_H

#include <lib/base.h>

#define RT_LOG_LINE	256u		/* longest line; the rest is cut off */

/* One line; the newline is added.  Lines that find no room are counted and dropped: logging never blocks.  Any thread. */
void rt_log(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Who takes the lines: @write gets each complete line with its newline and must not block; NULL: nobody. */
void rt_log_to(void (*write)(const char *text, size_t length));

/* The program is wrong and cannot go on: log the line and end the thread with RT_EXIT_PANIC; root stops the program. */
NORETURN void rt_panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* For what would be an error of this program, never of its input.  Always on. */
#define RT_CHECK(x)	(likely(x) ? (void)0 : rt_panic("%s:%d: %s", __FILE__, __LINE__, #x))

#endif
