/* SPDX-License-Identifier: Apache-2.0 */
/* sources: kernel/log.c kernel/fmt.c kernel/boot_option.c */
#include <kernel/log.h>

#include <arch/console.h>
#include <arch/cpu.h>
#include <kernel/boot_info.h>
#include <kernel/fmt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define ARCH_SET_GS	0x1001

struct boot_info boot_info;
uint64_t fake_tsc;

static char console[4096];
static size_t console_length;
static uint64_t hz;
static struct arch_cpu cpu = { .self = &cpu, .id = 3 };

uint64_t time_hz(void) { return hz; }

void console_write(const char *text, size_t length)
{
	memcpy(console + console_length, text, length);
	console_length += length;
	console[console_length] = '\0';
}

static unsigned restarts;

void console_restart(void) { restarts++; }

static int setup(void **state)
{
	(void)state;
	console_length = 0;
	console[0] = '\0';
	boot_info.cmdline[0] = '\0';
	log_quiet(false);
	return syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu) ? -1 : 0;
}

static void a_line_has_time_cpu_and_level(void **state)
{
	(void)state;
	hz = 2000000000;
	fake_tsc = 12 * hz + 246912;
	log_warn("disk %s has %u sectors", "sda", 7u);
	assert_string_equal(console, "[   12.000123] cpu3 warning: disk sda has 7 sectors\n");
}

static void a_line_before_the_clock_runs_has_time_zero(void **state)
{
	(void)state;
	hz = 0;
	log_info("x");
	assert_string_equal(console, "[    0.000000] cpu3 info: x\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	assert_true(console_length <= 256);
	assert_int_equal(console[console_length - 1], '\n');
	assert_int_equal(console[console_length - 2], 'a');
}

static void quiet_stops_the_console_and_not_the_ring(void **state)
{
	char buf[64] = "";
	uint64_t pos = ~0ull;

	(void)state;
	assert_int_equal(log_copy(&pos, buf, 0), 0);
	log_quiet(true);
	log_text("hidden", 6);
	assert_int_equal(console_length, 0);
	assert_int_equal(log_copy(&pos, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "hidden", 6);
	assert_int_equal(log_copy(&pos, buf, sizeof(buf)), 0);
	restarts = 0;
	log_quiet(false);
	log_quiet(false);
	assert_int_equal(restarts, 1);		/* the driver may have left the device in any state */
}

static void debug_lines_are_printed_only_on_demand(void **state)
{
	(void)state;
	log_debug("a");
	assert_int_equal(console_length, 0);
	strcpy(boot_info.cmdline, "off=x debug");
	log_debug("b");
	assert_true(console_length > 0);
}

static void a_slow_reader_gets_the_last_64_kib(void **state)
{
	static char buf[70000];
	uint64_t pos = ~0ull, start;
	size_t n;

	(void)state;
	log_copy(&pos, buf, 0);
	start = pos;
	log_quiet(true);
	for (unsigned i = 0; i < 10000; i++) {
		char text[16];

		log_text(text, (size_t)snprintf(text, sizeof(text), "%07u\n", i));
	}
	pos = start;
	n = log_copy(&pos, buf, sizeof(buf));
	assert_int_equal(n, 65536);
	assert_int_equal(pos, start + 80000);
	assert_memory_equal(buf + n - 8, "0009999\n", 8);
	assert_memory_equal(buf, "0001808\n", 8);
	pos = start + 80000 - 3;
	assert_int_equal(log_copy(&pos, buf, 2), 2);
	assert_memory_equal(buf, "99", 2);
}

/* Our formatter says what the C library says, for everything that it promises. */
static void the_formatter_agrees_with_printf(void **state)
{
	static const char *const ints[] = { "%d", "%5d", "%-5d|", "%05d", "%u", "%x", "%08x", "%#x", "%#10x", "%-#6x|", "%c" };
	static const char *const longs[] = { "%ld", "%lu", "%lx", "%llx", "%zu", "%016lx", "%#018lx", "%20ld", "%-20ld|", "%lld" };
	static const char *const strings[] = { "%s", "%10s", "%-10s|", "%.3s", "%10.2s", "%%%s" };
	static const long values[] = { 0, 1, -1, 65, 2147483647, -2147483648, 0x7fffffffffffffff, -0x7fffffffffffffff - 1 };
	char a[128], b[128];

	(void)state;
#define BOTH(f, v) do {                                                         \
		fmt_text(a, sizeof(a), f, v);                                   \
		snprintf(b, sizeof(b), f, v);                                   \
		assert_string_equal(a, b);                                      \
	} while (0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
		for (unsigned i = 0; i < ARRAY_LEN(ints); i++)
			if (((int)values[v] != 0 || !strchr(ints[i], '#')) && (ints[i][1] != 'c' || values[v] == 65))
				BOTH(ints[i], (int)values[v]);
		for (unsigned i = 0; i < ARRAY_LEN(longs); i++)
			if (values[v] != 0 || !strchr(longs[i], '#'))	/* printf writes 0 without the 0x */
				BOTH(longs[i], values[v]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(strings); i++)
		BOTH(strings[i], "trivet");
	BOTH("%p", (void *)0x1234);
#pragma GCC diagnostic pop
}

static void the_formatter_never_writes_behind_the_buffer(void **state)
{
	char buf[9];

	(void)state;
	for (size_t size = 1; size < 9; size++) {
		memset(buf, '#', sizeof(buf));
		assert_int_equal(fmt_text(buf, size, "%08x", 0x12345678u), size - 1);
		assert_int_equal(buf[size - 1], '\0');
		assert_int_equal(size == 9 ? '#' : buf[size], '#');
	}
	assert_int_equal(fmt_text(buf, sizeof(buf), "%20000d", 1), 8);
	assert_int_equal(fmt_text(buf, sizeof(buf), "%0999d", 1), 8);
}

static void options_are_found_by_whole_words(void **state)
{
	char buf[8];

	(void)state;
	strcpy(boot_info.cmdline, "  offset=1 off=nextrip,decode  debug off2 last=abcdefghijkl");
	assert_true(boot_option("off", buf, sizeof(buf)));
	assert_string_equal(buf, "nextrip");
	assert_true(boot_option_has("off", "nextrip"));
	assert_true(boot_option_has("off", "decode"));
	assert_false(boot_option_has("off", "dec"));
	assert_false(boot_option_has("off", "nextrip,decode"));
	assert_true(boot_option("debug", buf, sizeof(buf)));
	assert_string_equal(buf, "");
	assert_false(boot_option("bug", buf, sizeof(buf)));
	assert_false(boot_option("1", buf, sizeof(buf)));
	assert_true(boot_option("last", buf, sizeof(buf)));
	assert_string_equal(buf, "abcdefg");
	strcpy(boot_info.cmdline, "x=1 x=2");
	assert_true(boot_option("x", buf, sizeof(buf)));
	assert_string_equal(buf, "2");
	assert_false(boot_option_has("y", ""));
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_line_has_time_cpu_and_level),
		T(a_line_before_the_clock_runs_has_time_zero),
		T(a_long_line_is_cut_and_still_ends),
		T(quiet_stops_the_console_and_not_the_ring),
		T(debug_lines_are_printed_only_on_demand),
		T(a_slow_reader_gets_the_last_64_kib),
		T(the_formatter_agrees_with_printf),
		T(the_formatter_never_writes_behind_the_buffer),
		T(options_are_found_by_whole_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
