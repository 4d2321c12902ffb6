/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's memory and string functions, compared with the C library's.  The file under test is included, with its functions
 * renamed: the program itself needs those of the C library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy	rt_memcpy
#define memmove	rt_memmove
#define memset	rt_memset
#define memcmp	rt_memcmp
#define memchr	rt_memchr
#define strlen	rt_strlen
#define strnlen	rt_strnlen
#define strcmp	rt_strcmp
#define strncmp	rt_strncmp
#define strchr	rt_strchr
#define strrchr	rt_strrchr
#include <vmm/rt/string.c>
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

static int sign(int v) { return (v > 0) - (v < 0); }

static void copying_moves_exactly_the_bytes_it_is_given(void **state)
{
	uint8_t from[80], to[80], want[80];

	(void)state;
	for (size_t size = 0; size <= 64; size++)
		for (size_t at = 0; at < 8; at++) {
			for (unsigned i = 0; i < sizeof(from); i++) {
				from[i] = (uint8_t)(i * 3);
				to[i] = want[i] = 0xee;
			}
			memcpy(want + at, from + 3, size);
			assert_ptr_equal(rt_memcpy(to + at, from + 3, size), to + at);
			assert_memory_equal(to, want, sizeof(to));
		}
}

static void moving_works_in_both_directions(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	for (size_t from = 0; from < 16; from++)
		for (size_t to = 0; to < 16; to++)
			for (size_t size = 0; size <= 40; size += 5) {
				for (unsigned i = 0; i < sizeof(a); i++)
					a[i] = b[i] = (uint8_t)i;
				memmove(a + to, a + from, size);
				assert_ptr_equal(rt_memmove(b + to, b + from, size), b + to);
				assert_memory_equal(a, b, sizeof(a));
			}
}

static void filling_and_comparing_stop_at_the_size(void **state)
{
	uint8_t a[40], b[40];

	(void)state;
	for (size_t size = 0; size <= 32; size++) {
		memset(a, 1, sizeof(a));
		memset(b, 1, sizeof(b));
		memset(a + 2, 0x1a5, size);
		assert_ptr_equal(rt_memset(b + 2, 0x1a5, size), b + 2);
		assert_memory_equal(a, b, sizeof(a));
		b[2 + size] ^= 0x80;
		assert_int_equal(rt_memcmp(a + 2, b + 2, size), 0);
		assert_int_equal(sign(rt_memcmp(a + 2, b + 2, size + 1)), sign(memcmp(a + 2, b + 2, size + 1)));
	}
}

static void strings_agree_with_the_c_library(void **state)
{
	static const char *const s[] = { "", "a", "b", "ab", "abc", "abd", "\xff", "aaab", "config", "conf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		assert_int_equal(rt_strlen(s[i]), strlen(s[i]));
		for (int c = 0; c < 256; c++) {
			assert_ptr_equal(rt_strchr(s[i], c), strchr(s[i], c));
			assert_ptr_equal(rt_strrchr(s[i], c), strrchr(s[i], c));
			assert_ptr_equal(rt_memchr(s[i], c, strlen(s[i])), memchr(s[i], c, strlen(s[i])));
		}
		for (size_t j = 0; j < ARRAY_LEN(s); j++) {
			assert_int_equal(sign(rt_strcmp(s[i], s[j])), sign(strcmp(s[i], s[j])));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(rt_strncmp(s[i], s[j], n)), sign(strncmp(s[i], s[j], n)));
		}
	}
	assert_int_equal(rt_strnlen("abc", 2), 2);
	assert_int_equal(rt_strnlen("abc", 9), 3);
}

static void copies_of_strings_are_cut_and_always_end(void **state)
{
	char to[4];

	(void)state;
	assert_int_equal(str_copy(to, sizeof(to), "ab"), 2);
	assert_string_equal(to, "ab");
	assert_int_equal(str_copy(to, sizeof(to), "abcdef"), 3);
	assert_string_equal(to, "abc");
	assert_int_equal(str_copy(to, 1, "abc"), 0);
	assert_string_equal(to, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copying_moves_exactly_the_bytes_it_is_given),
		cmocka_unit_test(moving_works_in_both_directions),
		cmocka_unit_test(filling_and_comparing_stop_at_the_size),
		cmocka_unit_test(strings_agree_with_the_c_library),
		cmocka_unit_test(copies_of_strings_are_cut_and_always_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
