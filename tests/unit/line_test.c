/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/line.c vmm/root/word.c vmm/rt/fmt.c */
/* The line editor, and the words of a line. */
#include <root/line.h>
#include <root/word.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct line l;
static char echoed[4096];

/* Type @text; returns what the last byte brought.  What was echoed is in @echoed. */
static enum line_event type(const char *text)
{
	enum line_event event = LINE_MORE;

	echoed[0] = 0;
	for (; *text; text++) {
		event = line_input(&l, (uint8_t)*text);
		strncat(echoed, l.echo, l.echo_length);
	}
	return event;
}

static int setup(void **state)
{
	(void)state;
	line_init(&l, "> ");
	return 0;
}

static void a_line_is_echoed_and_handed_over(void **state)
{
	(void)state;
	assert_int_equal(type("list all\r"), LINE_DONE);
	assert_string_equal(l.text, "list all");
	assert_string_equal(echoed, "list all\r\n");
	assert_int_equal(type("\n"), LINE_DONE);
	assert_string_equal(l.text, "");
}

static void backspace_erases_and_stops_at_the_start(void **state)
{
	(void)state;
	type("ab\x7f\b\b\bc\r");
	assert_string_equal(l.text, "c");
	assert_string_equal(echoed, "ab\b \b\b \bc\r\n");
}

static void control_keys_erase_line_and_word(void **state)
{
	(void)state;
	type("one two \x17three\r");
	assert_string_equal(l.text, "one three");
	type("one two\x15three\r");
	assert_string_equal(l.text, "three");
}

static void control_c_drops_the_line(void **state)
{
	(void)state;
	assert_int_equal(type("poweroff\x03"), LINE_CANCELLED);
	assert_string_equal(echoed, "poweroff^C\r\n");
	assert_int_equal(type("x\r"), LINE_DONE);
	assert_string_equal(l.text, "x");
}

static void up_and_down_walk_through_the_history(void **state)
{
	(void)state;
	type("first\rsecond\rsecond\r");
	type("\033[A\r");
	assert_string_equal(l.text, "second");
	type("\033[A\033[A\r");
	assert_string_equal(l.text, "first");
	type("\033[A\033[A\033[A\033[A\033[B\r");
	assert_string_equal(l.text, "second");
	type("abc\033[A\033[B\r");
	assert_string_equal(l.text, "");
}

static void the_history_keeps_the_last_lines(void **state)
{
	char text[8];

	(void)state;
	for (unsigned i = 0; i < 3 * LINE_HISTORY; i++) {
		text[0] = (char)('a' + i % 26);
		text[1] = (char)('0' + i % 10);
		text[2] = '\r';
		text[3] = 0;
		type(text);
	}
	for (unsigned i = 0; i < 2 * LINE_HISTORY; i++)
		type("\033[A");
	assert_string_equal(l.text, "g2");		/* line 32 of 0 to 47 */
}

static void other_escape_sequences_and_bytes_do_nothing(void **state)
{
	(void)state;
	type("a\033[15~b\033OPc\033xd\x01\x80\xff\r");
	assert_string_equal(l.text, "abcd");
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * LINE_SIZE; i++)
		type("x");
	assert_string_equal(echoed, "\a");
	assert_int_equal(type("\r"), LINE_DONE);
	assert_int_equal(strlen(l.text), LINE_SIZE - 1);
	type("\033[A");
	assert_int_equal(l.echo_length, strlen("\r\033[K> ") + LINE_SIZE - 1);
}

static void any_bytes_keep_the_line_in_its_bounds(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		static const char keys[] = "\r\b\x7f\x15\x17\x03\x0c\033[AB ";

		line_input(&l, (uint8_t)(rand() % 3 ? rand() : keys[(unsigned)rand() % (sizeof(keys) - 1)]));
		assert_in_range(l.length, 0, LINE_SIZE - 1);
		assert_in_range(l.echo_length, 0, LINE_ECHO - 1);
		assert_in_range(strnlen(l.text, LINE_SIZE), 0, LINE_SIZE - 1);
	}
}

static void a_line_is_split_at_blanks(void **state)
{
	char text[] = "  stop   web --force ", *word[3];

	(void)state;
	assert_int_equal(word_split(text, word, 3), 3);
	assert_string_equal(word[0], "stop");
	assert_string_equal(word[1], "web");
	assert_string_equal(word[2], "--force");

	char four[] = "a b c d", none[] = "   ";

	assert_int_equal(word_split(four, word, 3), 4);
	assert_int_equal(word_split(none, word, 3), 0);
}

static void the_distance_counts_typing_errors(void **state)
{
	static const struct { const char *a, *b; unsigned distance; } rows[] = {
		{ "stop", "stop", 0 }, { "stop", "sotp", 1 }, { "stop", "stp", 1 }, { "stop", "stopp", 1 }, { "stop", "stap", 1 },
		{ "", "abc", 3 }, { "abc", "", 3 }, { "restart", "start", 2 }, { "list", "help", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(word_distance(rows[i].a, rows[i].b), rows[i].distance);
	assert_true(word_near("statsu", "status"));
	assert_false(word_near("frobnicate", "status"));
	assert_false(word_near("a", "b"));
	assert_true(word_distance("a", "0123456789012345678901234567890123456789") >= 32);
}

static void sizes_are_short_and_exact(void **state)
{
	char buf[WORD_SIZE];

	(void)state;
	assert_string_equal(word_size(512 * MIB, buf), "512M");
	assert_string_equal(word_size(1536 * MIB, buf), "1536M");
	assert_string_equal(word_size(2 * GIB, buf), "2G");
	assert_string_equal(word_size(4096 + 1, buf), "4097 bytes");
	assert_string_equal(word_size(0, buf), "0 bytes");
	assert_string_equal(word_size(~0ull, buf), "18446744073709551615 bytes");
}

static void numbers_are_decimal_and_short(void **state)
{
	unsigned v = 7;

	(void)state;
	assert_true(word_number("12", &v));
	assert_int_equal(v, 12);
	assert_false(word_number("", &v));
	assert_false(word_number("1x", &v));
	assert_false(word_number("-1", &v));
	assert_false(word_number("4294967297", &v));
	assert_int_equal(v, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_is_echoed_and_handed_over, setup),
		cmocka_unit_test_setup(backspace_erases_and_stops_at_the_start, setup),
		cmocka_unit_test_setup(control_keys_erase_line_and_word, setup),
		cmocka_unit_test_setup(control_c_drops_the_line, setup),
		cmocka_unit_test_setup(up_and_down_walk_through_the_history, setup),
		cmocka_unit_test_setup(the_history_keeps_the_last_lines, setup),
		cmocka_unit_test_setup(other_escape_sequences_and_bytes_do_nothing, setup),
		cmocka_unit_test_setup(a_line_that_is_too_long_is_cut, setup),
		cmocka_unit_test_setup(any_bytes_keep_the_line_in_its_bounds, setup),
		cmocka_unit_test(a_line_is_split_at_blanks),
		cmocka_unit_test(the_distance_counts_typing_errors),
		cmocka_unit_test(sizes_are_short_and_exact),
		cmocka_unit_test(numbers_are_decimal_and_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
