/* SPDX-License-Identifier: Apache-2.0 */
/* sources: */
#include <lib/elf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LOWEST	0x1000ull
#define LIMIT	0x7fff00000000ull

static struct {
	struct elf_header h;
	struct elf_program_header p[3];
	uint8_t content[0x3000];
} image;
static struct elf_layout layout;
static struct elf_error error;

static int setup(void **state)
{
	(void)state;
	memset(&image, 0, sizeof(image));
	image.h = (struct elf_header){ .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = 62, .entry = 0x400100,
				       .phoff = 64, .phentsize = 56, .phnum = 3 };
	image.p[0] = (struct elf_program_header){ .type = 1, .flags = ELF_R | ELF_X, .offset = 0x1000, .vaddr = 0x400000,
						  .filesz = 0x800, .memsz = 0x800 };
	image.p[1] = (struct elf_program_header){ .type = 1, .flags = ELF_R | ELF_W, .offset = 0x2000, .vaddr = 0x402000,
						  .filesz = 0x100, .memsz = 0x5000 };
	image.p[2] = (struct elf_program_header){ .type = 0x6474e551, .flags = 7 };	/* GNU_STACK: not ours */
	return 0;
}

static bool check_size(uint64_t size) { return elf_check(&image, size, LOWEST, LIMIT, &layout, &error); }

static void refused(const char *why)
{
	if (check_size(sizeof(image)))
		fail_msg("accepted, expected: %s", why);
	assert_string_equal(error.text, why);
}

static void a_static_program_is_accepted(void **state)
{
	(void)state;
	assert_true(check_size(sizeof(image)));
	assert_int_equal(layout.count, 2);
	assert_int_equal(layout.entry, 0x400100);
	assert_int_equal(layout.segment[1].vaddr, 0x402000);
	assert_int_equal(layout.segment[1].memsz, 0x5000);
	assert_int_equal(layout.segment[1].filesz, 0x100);
}

static void a_file_that_is_something_else_says_what_it_is(void **state)
{
	(void)state;
	image.h.machine = 183;
	refused("ELF for machine 183 (AArch64), expected 62 (x86-64)");
	image.h.machine = 9999;
	refused("ELF for machine 9999, expected 62 (x86-64)");
	image.h.machine = 62;
	image.h.type = 3;
	refused("ELF of type 3, expected 2 (executable, statically linked)");
	image.h.ident[4] = 1;
	refused("ELF of class 1, expected 2 (64-bit)");
	image.h.ident[4] = 2;
	image.h.ident[5] = 2;
	refused("ELF with byte order 2, expected 1 (little-endian)");
	image.h.ident[0] = 0;
	refused("no ELF file");
	assert_false(check_size(63));
	assert_string_equal(error.text, "no ELF file: 63 bytes");
}

static void a_truncated_file_is_refused_at_every_length(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < 64 + 0x2000 + 56 * 3; size++)
		if (size < 0x2100)
			assert_false(check_size(size));
	assert_false(check_size(0x20ff));
	assert_non_null(strstr(error.text, "truncated"));
	assert_true(check_size(0x2100));
}

static void segments_are_checked_one_by_one(void **state)
{
	(void)state;
	image.p[1].flags = 7;
	refused("ELF segment 1 is writable and executable");
	image.p[1].flags = 6;
	image.p[1].filesz = 0x5001;
	refused("ELF segment 1 has more bytes in the file than in memory");
	image.p[1].filesz = 0x100;
	image.p[1].offset = ~0ull;
	refused("ELF segment 1 lies outside the file: truncated");
	image.p[1].offset = 0x2000;
	image.p[1].vaddr = 0x400fff;
	refused("ELF segment 1 shares a page with another segment");
	image.p[1].vaddr = 0x400800;
	refused("ELF segment 1 shares a page with another segment");
	image.p[1].vaddr = 0x800;
	refused("ELF segment 1 lies outside the addresses of a user program");
	image.p[1].vaddr = LIMIT - 0x4000;
	refused("ELF segment 1 lies outside the addresses of a user program");
	image.p[1].vaddr = ~0ull - 0x10;
	refused("ELF segment 1 lies outside the addresses of a user program");
	image.p[1].vaddr = 0x402000;
	image.p[1].memsz = ~0ull;
	refused("ELF segment 1 lies outside the addresses of a user program");
}

static void headers_that_wrap_or_lie_outside_are_refused(void **state)
{
	(void)state;
	image.h.phoff = ~0ull - 8;
	assert_false(check_size(sizeof(image)));
	image.h.phoff = 64;
	image.h.phentsize = 57;
	assert_false(check_size(sizeof(image)));
	image.h.phentsize = 56;
	image.h.phnum = 0xffff;
	assert_false(check_size(sizeof(image)));
}

static void the_entry_must_be_code(void **state)
{
	(void)state;
	image.h.entry = 0x402000;
	refused("ELF whose entry point lies in no executable segment");
	image.h.entry = 0x400800;
	refused("ELF whose entry point lies in no executable segment");
	image.h.phnum = 0;
	refused("ELF whose entry point lies in no executable segment");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_static_program_is_accepted, setup),
		cmocka_unit_test_setup(a_file_that_is_something_else_says_what_it_is, setup),
		cmocka_unit_test_setup(a_truncated_file_is_refused_at_every_length, setup),
		cmocka_unit_test_setup(segments_are_checked_one_by_one, setup),
		cmocka_unit_test_setup(headers_that_wrap_or_lie_outside_are_refused, setup),
		cmocka_unit_test_setup(the_entry_must_be_code, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
