/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/root/console.c vmm/rt/fmt.c */
/* The console multiplexer. */
#include <root/console.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rt/log.h>

void rt_panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

#define RING 4096u

static struct console c;
static char rings[3][RING];
static char seen[65536];

static int setup(void **state)
{
	(void)state;
	console_init(&c, 1, rings[0], RING);
	assert_int_equal(console_add(&c, "web", rings[1], RING), 1);
	assert_int_equal(console_add(&c, "db", rings[2], RING), 2);
	return 0;
}

/* What the terminal gets from now on, pulled in small pieces. */
static const char *pull(void)
{
	size_t length = 0, n;

	while ((n = console_pull(&c, seen + length, 7)) > 0)
		length += n;
	seen[length] = 0;
	return seen;
}

static size_t put(unsigned source, const char *text)
{
	return console_put(&c, source, text, strlen(text));
}

static void bytes_pass_untouched_both_ways(void **state)
{
	char all[256];

	(void)state;
	console_show(&c, 1, false);
	for (unsigned b = 0; b < 256; b++) {
		all[b] = (char)b;
		if (b != 1)
			assert_int_equal(console_input(&c, (uint8_t)b), CONSOLE_INPUT);
	}
	assert_int_equal(console_put(&c, 1, all, 256), 256);
	assert_int_equal(console_pull(&c, seen, sizeof(seen)), 256);
	assert_memory_equal(seen, all, 256);
}

static void the_prefix_twice_is_the_prefix_itself(void **state)
{
	(void)state;
	assert_int_equal(console_input(&c, 1), CONSOLE_NOTHING);
	assert_int_equal(console_input(&c, 1), CONSOLE_INPUT);
	assert_int_equal(console_input(&c, '1'), CONSOLE_INPUT);
	assert_string_equal(pull(), "");
}

static void digits_and_neighbours_select_the_front(void **state)
{
	static const struct { char key; unsigned front; } rows[] = {
		{ '2', 2 }, { '0', 0 }, { '1', 1 }, { 'n', 2 }, { 'n', 0 }, { 'p', 2 }, { 'p', 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		console_input(&c, 1);
		assert_int_equal(console_input(&c, (uint8_t)rows[i].key), CONSOLE_SWITCHED);
		assert_int_equal(c.front, rows[i].front);
	}
	console_input(&c, 1);
	console_input(&c, '2');
	pull();
	console_input(&c, 1);
	console_input(&c, '1');
	assert_string_equal(pull(), "\r\n[trivet: console of web]\r\n");
}

static void an_unknown_key_prints_help_and_forwards_nothing(void **state)
{
	(void)state;
	console_show(&c, 1, false);
	for (unsigned key = 0; key < 256; key++) {
		if (key == 1 || key == 'n' || key == 'p' || key == 'x' || (key >= '0' && key <= '2'))
			continue;
		console_input(&c, 1);
		assert_int_equal(console_input(&c, (uint8_t)key), CONSOLE_NOTHING);
		assert_non_null(strstr(pull(), "Ctrl-a 0        management shell\r\n"));
		assert_int_equal(c.front, 1);
		assert_int_equal(console_input(&c, 'a'), CONSOLE_INPUT);
	}
}

static void switching_off_wants_a_yes(void **state)
{
	(void)state;
	console_input(&c, 1);
	assert_int_equal(console_input(&c, 'x'), CONSOLE_NOTHING);
	assert_int_equal(console_input(&c, '\r'), CONSOLE_NOTHING);
	assert_int_equal(console_input(&c, 'y'), CONSOLE_INPUT);
	console_input(&c, 1);
	console_input(&c, 'x');
	assert_int_equal(console_input(&c, 'y'), CONSOLE_POWER_OFF);
}

static void the_background_stays_silent_and_is_shown_when_it_comes_to_front(void **state)
{
	(void)state;
	console_show(&c, 1, false);
	put(2, "db boots\r\nlogin: ");
	put(1, "web\r\n");
	assert_string_equal(pull(), "web\r\n");
	console_show(&c, 2, true);
	assert_string_equal(pull(), "\r\n[trivet: console of db]\r\ndb boots\r\nlogin: ");
	put(1, "later\r\n");
	assert_string_equal(pull(), "");
}

static void coming_back_shows_the_last_lines_again(void **state)
{
	char line[32];

	(void)state;
	console_show(&c, 1, false);
	for (unsigned i = 0; i < 100; i++) {
		memset(line, 'a' + (int)(i % 26), 18);
		memcpy(line + 18, "\r\n", 3);
		put(1, line);
	}
	put(1, "web# ");
	pull();
	console_show(&c, 0, false);
	pull();
	console_show(&c, 1, false);
	pull();
	assert_in_range(strlen(seen), CONSOLE_CONTEXT - 20, CONSOLE_CONTEXT);
	assert_string_equal(seen + strlen(seen) - 7, "\r\nweb# ");
	assert_int_equal(seen[0], seen[17]);		/* begins with a whole line */
}

static void what_was_seen_before_a_restart_is_not_shown_again(void **state)
{
	(void)state;
	console_show(&c, 1, false);
	put(1, "first boot\r\n");
	pull();
	console_show(&c, 0, false);
	put(1, "its end\r\n");
	console_restarted(&c, 1);
	put(1, "second boot\r\n");
	console_show(&c, 1, false);
	assert_string_equal(pull(), "its end\r\nsecond boot\r\n");
	console_show(&c, 1, false);
	assert_string_equal(pull(), "second boot\r\n");
}

static void the_front_is_slowed_down_and_loses_nothing(void **state)
{
	size_t sent = 0, got = 0;

	(void)state;
	console_show(&c, 1, false);
	while (sent < 5 * RING) {
		char byte = (char)(sent % 251);

		if (console_put(&c, 1, &byte, 1))
			sent++;
		else
			for (size_t n = console_pull(&c, seen, 100), i = 0; i < n; i++, got++)
				assert_int_equal((uint8_t)seen[i], got % 251);
	}
	while (console_pull(&c, seen, 1)) {
		assert_int_equal((uint8_t)seen[0], got % 251);
		got++;
	}
	assert_int_equal(got, sent);
}

static void the_background_overwrites_its_oldest_output(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * RING; i++)
		assert_int_equal(put(2, i == 3 * RING - 1 ? "!" : "x"), 1);
	console_show(&c, 2, false);
	pull();
	assert_int_equal(strlen(seen), RING);
	assert_int_equal(seen[RING - 1], '!');
}

static void the_shell_is_never_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * RING; i++)
		assert_int_equal(put(0, "x"), 1);
	assert_int_equal(strlen(pull()), RING);
}

static void too_many_notices_are_cut_and_harm_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		console_notice(&c, "notice number %u", i);
	assert_in_range(strlen(pull()), CONSOLE_NOTICE - 40, CONSOLE_NOTICE);
	console_notice(&c, "again");
	assert_string_equal(pull(), "again\r\n");
}

static void the_prefix_has_a_name(void **state)
{
	char key[8];

	(void)state;
	assert_string_equal(console_key(&c, key), "Ctrl-a");
	c.prefix = 28;
	assert_string_equal(console_key(&c, key), "Ctrl-\\");
	c.prefix = 20;
	assert_string_equal(console_key(&c, key), "Ctrl-t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bytes_pass_untouched_both_ways, setup),
		cmocka_unit_test_setup(the_prefix_twice_is_the_prefix_itself, setup),
		cmocka_unit_test_setup(digits_and_neighbours_select_the_front, setup),
		cmocka_unit_test_setup(an_unknown_key_prints_help_and_forwards_nothing, setup),
		cmocka_unit_test_setup(switching_off_wants_a_yes, setup),
		cmocka_unit_test_setup(the_background_stays_silent_and_is_shown_when_it_comes_to_front, setup),
		cmocka_unit_test_setup(coming_back_shows_the_last_lines_again, setup),
		cmocka_unit_test_setup(what_was_seen_before_a_restart_is_not_shown_again, setup),
		cmocka_unit_test_setup(the_front_is_slowed_down_and_loses_nothing, setup),
		cmocka_unit_test_setup(the_background_overwrites_its_oldest_output, setup),
		cmocka_unit_test_setup(the_shell_is_never_refused, setup),
		cmocka_unit_test_setup(too_many_notices_are_cut_and_harm_nothing, setup),
		cmocka_unit_test_setup(the_prefix_has_a_name, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
