/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/rt/fmt.c */
/* Formatted text, compared with the C library's. */
#include <rt/fmt.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The format is the test's subject, so it cannot be a literal everywhere. */
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#pragma GCC diagnostic ignored "-Wformat-overflow"

#define SAME(...) do {                                                              \
	char ours[200], theirs[200];                                                \
	size_t length = fmt_buf(ours, sizeof(ours), __VA_ARGS__);                   \
	snprintf(theirs, sizeof(theirs), __VA_ARGS__);                              \
	assert_string_equal(ours, theirs);                                          \
	assert_int_equal(length, strlen(theirs));                                   \
} while (0)

static void it_agrees_with_the_c_library(void **state)
{
	(void)state;
	SAME("plain text, 100%%");
	SAME("");
	SAME("%d %i %u", -1, INT_MIN, UINT_MAX);
	SAME("%ld %lu %lld %llu", LONG_MIN, ULONG_MAX, LLONG_MAX, ULLONG_MAX);
	SAME("%zu %zx", (size_t)-1, (size_t)0xabc);
	SAME("%hd %hu %hhd %hhu", (short)-2, (unsigned short)65535, (signed char)-3, (unsigned char)255);
	SAME("%x %X %lx", 0xbeefu, 0xbeefu, 0xdeadbeefcafeul);
	SAME("[%8d] [%-8d] [%08d]", -42, -42, -42);
	SAME("[%2x] [%02x] [%-4x]", 0xabcu, 5u, 5u);
	SAME("[%s] [%8s] [%-8s] [%.2s] [%8.2s]", "text", "text", "text", "text", "text");
	SAME("[%.*s] [%*d] [%-*d] [%*d]", 3, "abcdef", 5, 7, 5, 7, -5, 7);
	SAME("%c%c%c [%4c] [%-4c]", 'a', 'b', 'c', 'd', 'e');
	SAME("%p", (void *)0x1234);
	SAME("%d%%%s%x", 1, "", 0u);
	SAME("%016lx|%20lu", 0x123ul, 7ul);
}

static void the_result_is_cut_and_always_ends(void **state)
{
	(void)state;
	for (size_t size = 1; size < 20; size++) {
		char *buf = malloc(size);		/* the sanitizer watches its end */
		size_t length = fmt_buf(buf, size, "%s-%d", "0123456789", 42);

		assert_int_equal(length, size - 1 < 13 ? size - 1 : 13);
		assert_int_equal(buf[length], 0);
		free(buf);
	}
	assert_int_equal(fmt_buf(NULL, 0, "%d", 1), 0);
}

static void a_string_without_end_is_read_up_to_its_precision(void **state)
{
	char *four = malloc(4), out[16];

	(void)state;
	memcpy(four, "abcd", 4);
	fmt_buf(out, sizeof(out), "%.4s|%.*s", four, 2, four);
	assert_string_equal(out, "abcd|ab");
	free(four);
}

static void unknown_conversions_are_shown_as_they_are(void **state)
{
	char out[32];
	const char *odd = "%q %-5y %";		/* the compiler must not judge it */

	(void)state;
	fmt_buf(out, sizeof(out), odd);
	assert_string_equal(out, "%q %-5y %");
	fmt_buf(out, sizeof(out), "%s", (const char *)NULL);
	assert_string_equal(out, "(null)");
}

static void a_width_beyond_reason_fills_the_buffer_only(void **state)
{
	char out[16];
	const char *wide = "%99999999999d";

	(void)state;
	assert_int_equal(fmt_buf(out, sizeof(out), wide, 1), 15);
}

static void random_numbers_agree_with_the_c_library(void **state)
{
	static const char *const formats[] = { "%lx", "%lu", "%ld", "%20ld", "%020ld", "%-20lu|", "%5lx", "%x", "%d", "%u", "%hhx" };

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned long v = (unsigned long)rand() << 33 ^ (unsigned long)rand() << 11 ^ (unsigned long)rand();

		v >>= rand() % 64;
		for (size_t f = 0; f < ARRAY_LEN(formats); f++)
			SAME(formats[f], v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_the_c_library),
		cmocka_unit_test(the_result_is_cut_and_always_ends),
		cmocka_unit_test(a_string_without_end_is_read_up_to_its_precision),
		cmocka_unit_test(unknown_conversions_are_shown_as_they_are),
		cmocka_unit_test(a_width_beyond_reason_fills_the_buffer_only),
		cmocka_unit_test(random_numbers_agree_with_the_c_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
