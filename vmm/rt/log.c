/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: formatted on the caller's stack, given as a whole to whoever takes them. */
#include <rt/log.h>

#include <stdatomic.h>

#include <rt/fmt.h>
#include <rt/start.h>
#include <rt/sys.h>

static void (*log_write)(const char *text, size_t length);
static atomic_flag log_busy = ATOMIC_FLAG_INIT;

void rt_log_to(void (*write)(const char *text, size_t length))
{
	log_write = write;
}

/* A thread that meets another one in here drops its line: on one CPU, waiting for it could last for ever. */
static void log_vline(const char *fmt, va_list args)
{
	char line[RT_LOG_LINE + 1];
	size_t length = fmt_vbuf(line, RT_LOG_LINE, fmt, args);

	line[length++] = '\n';
	if (!log_write || atomic_flag_test_and_set(&log_busy))
		return;
	log_write(line, length);
	atomic_flag_clear(&log_busy);
}

void rt_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vline(fmt, args);
	va_end(args);
}

NORETURN void rt_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vline(fmt, args);
	va_end(args);
	sys_thread_exit(RT_EXIT_PANIC);
}
