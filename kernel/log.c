/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel log: a ring of the last 64 KiB, and the console devices until a driver owns them. */
#include <arch/console.h>
#include <arch/cpu.h>
#include <arch/time.h>
#include <kernel/boot_info.h>
#include <kernel/fmt.h>
#include <kernel/log.h>
#include <kernel/string.h>
#include <lib/spinlock.h>

#define LOG_SIZE	(64u * 1024)	/* a power of two */
#define LOG_LINE	256u

static struct spinlock lock;		/* guards all of this, and the console devices */
static bool broken;			/* a panic does without the lock               */
static char ring[LOG_SIZE];
static uint64_t written;		/* bytes ever logged */
static bool quiet;

static const char *const level_name[] = {
	[LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

/* false: a panic has broken the lock. */
static bool log_lock(void)
{
	uint32_t ticket;

	if (__atomic_load_n(&broken, __ATOMIC_RELAXED))
		return false;
	ticket = spin_ticket(&lock);
	while (!spin_is_served(&lock, ticket)) {
		if (__atomic_load_n(&broken, __ATOMIC_RELAXED))
			return false;
		cpu_relax();
	}
	return true;
}

static void log_unlock(bool locked)
{
	if (locked)
		spin_unlock(&lock);
}

void log_break(void)
{
	__atomic_store_n(&broken, true, __ATOMIC_SEQ_CST);
}

/* To the ring only. */
static void record(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		ring[written++ % LOG_SIZE] = text[i];
}

static void text_out(const char *text, size_t length, bool show)
{
	bool locked = log_lock();

	record(text, length);
	if (show && !quiet)
		console_write(text, length);
	log_unlock(locked);
}

void log_text(const char *text, size_t length)
{
	text_out(text, length, true);
}

/* Lines of LOG_DEBUG are recorded always, but printed only with the option "debug". */
void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE];
	uint64_t hz = time_hz(), now = time_now();
	size_t n;
	va_list args;

	n = fmt_text(line, sizeof(line), "[%5lu.%06lu] cpu%u %s: ", hz ? now / hz : 0ul,
		     hz ? now % hz * 1000000 / hz : 0ul, arch_cpu()->id, level_name[level]);
	va_start(args, fmt);
	n += fmt_text_v(line + n, sizeof(line) - 1 - n, fmt, args);
	va_end(args);
	line[n++] = '\n';
	text_out(line, n, level != LOG_DEBUG || boot_option("debug", NULL, 0));
}

size_t log_copy(uint64_t *pos, char *buf, size_t size)
{
	uint64_t at = *pos;
	bool locked = log_lock();
	size_t n;

	if (at > written)
		at = written;
	if (written - at > LOG_SIZE)
		at = written - LOG_SIZE;
	n = (size_t)min_u64(size, written - at);
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(at + i) % LOG_SIZE];
	*pos = at + n;
	log_unlock(locked);
	return n;
}

void log_quiet(bool q)
{
	bool locked = log_lock();

	if (quiet && !q)
		console_restart();
	quiet = q;
	log_unlock(locked);
}
