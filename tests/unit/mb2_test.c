/* SPDX-License-Identifier: Apache-2.0 */
/* sources: boot/mb2.c boot/ranges.c boot/modules.c kernel/fmt.c */
#include "boot/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot_image.h"

static struct image im;
static struct boot_info info;
static struct boot_error err;
static uint64_t start;		/* of the boot information */

static int setup(void **state)
{
	(void)state;
	image_init(&im);
	memset(&info, 0, sizeof(info));
	memset(&err, 0, sizeof(err));
	start = im.next;
	im.next += 8;		/* header */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_free(&im);
	return 0;
}

static void put32(uint64_t pa, uint32_t v) { memcpy(im.memory + pa, &v, 4); }

/* Append a tag; returns its physical address. */
static uint64_t tag(uint32_t type, const void *payload, uint32_t size)
{
	uint64_t pa = im.next;

	put32(pa, type);
	put32(pa + 4, size + 8);
	memcpy(im.memory + pa + 8, payload, size);
	im.next = align_up(pa + 8 + size, 8);
	return pa;
}

static void tag_module(uint32_t base, uint32_t end, const char *cmdline)
{
	uint8_t p[256];

	memcpy(p, &base, 4);
	memcpy(p + 4, &end, 4);
	memcpy(p + 8, cmdline, strlen(cmdline) + 1);
	tag(3, p, (uint32_t)(8 + strlen(cmdline) + 1));
}

struct entry {
	uint64_t base, size;
	uint32_t type, zero;
};

static void tag_mmap(const struct entry *e, unsigned count)
{
	uint8_t p[8 + 200 * sizeof(*e)];
	uint32_t size = sizeof(*e), version = 0;

	memcpy(p, &size, 4);
	memcpy(p + 4, &version, 4);
	memcpy(p + 8, e, count * sizeof(*e));
	tag(6, p, (uint32_t)(8 + count * sizeof(*e)));
}

static const struct entry usual[] = {
	{ 0, 0x9fc00, 1, 0 }, { 0x9fc00, 0x400, 2, 0 }, { 0xf0000, 0x10000, 2, 0 }, { 0x100000, 0x2f0000, 1, 0 },
	{ 0x3f0000, 0x10000, 3, 0 },
};

static bool parse(void)
{
	put32(start, (uint32_t)(im.next - start));
	return mb2_parse(&im.window, start, &info, &err);
}

static bool parse_ended(void)
{
	tag(0, "", 0);
	return parse();
}

static void assert_error(const char *part)
{
	if (!strstr(err.text, part))
		fail_msg("error is \"%s\", expected it to contain \"%s\"", err.text, part);
}

static void a_usual_boot_is_understood(void **state)
{
	static const uint8_t rsdp1[20] = "RSD PTR ", rsdp2[36] = "RSD PTR 2";
	static const struct { uint64_t base; uint32_t pitch, width, height; uint8_t bpp, type; uint16_t zero; uint8_t c[6]; }
		fb = { 0xfd000000, 4096, 1024, 768, 32, 1, 0, { 16, 8, 8, 8, 0, 8 } };

	(void)state;
	tag(1, "off=nextrip debug", 18);
	tag(2, "GRUB 2.06", 10);
	tag_module(0x200000, 0x200123, "root arg");
	tag(15, rsdp2, 36);
	tag(14, rsdp1, 20);
	tag(8, &fb, 30);
	tag_mmap(usual, ARRAY_LEN(usual));
	assert_true(parse_ended());
	assert_string_equal(info.loader, "multiboot2");
	assert_string_equal(info.cmdline, "off=nextrip debug");
	assert_int_equal(info.module_count, 1);
	assert_int_equal(info.module[0].size, 0x123);
	assert_string_equal(info.module[0].cmdline, "root arg");
	assert_int_equal(info.rsdp_copy[8], '2');		/* the newer one wins, in whatever order */
	assert_int_equal(info.fb.width, 1024);
	assert_int_equal(info.fb.red_shift, 16);
	assert_true(ranges_ram(&info, 0x100000, 0x2f0000));
	assert_false(ranges_ram(&info, 0x100000, 0x2f0001));
	assert_true(modules_check(&im.window, &info, KERNEL_START, KERNEL_END, &err));
}

static void every_truncation_is_an_error(void **state)
{
	uint32_t total;

	(void)state;
	tag(1, "x", 2);
	tag_module(0x200000, 0x201000, "root");
	tag_mmap(usual, ARRAY_LEN(usual));
	assert_true(parse_ended());
	total = (uint32_t)(im.next - start);
	for (uint32_t cut = 0; cut < total; cut++) {
		memset(&info, 0, sizeof(info));
		put32(start, cut);
		assert_false(mb2_parse(&im.window, start, &info, &err));
		assert_true(err.text[0]);
	}
}

static void overlapping_ranges_are_resolved_in_favour_of_reserved(void **state)
{
	static const struct entry e[] = {
		{ 0x300000, 0x100000, 1, 0 }, { 0x100000, 0x280000, 1, 0 }, { 0x180000, 0x1000, 2, 0 }, { 0x200800, 0x1000, 3, 0 },
		{ 0x200000, 0x3000, 4, 0 },
	};
	static const struct boot_range expected[] = {
		{ 0x100000, 0x80000, BOOT_RAM }, { 0x180000, 0x1000, BOOT_RESERVED }, { 0x181000, 0x7f000, BOOT_RAM },
		{ 0x200000, 0x3000, BOOT_NVS }, { 0x203000, 0x1fd000, BOOT_RAM },
	};

	(void)state;
	tag_mmap(e, ARRAY_LEN(e));
	assert_true(parse_ended());
	assert_int_equal(info.range_count, ARRAY_LEN(expected));
	for (unsigned i = 0; i < ARRAY_LEN(expected); i++) {
		assert_int_equal(info.range[i].base, expected[i].base);
		assert_int_equal(info.range[i].size, expected[i].size);
		assert_int_equal(info.range[i].kind, expected[i].kind);
	}
}

static void ram_shrinks_and_reserved_grows_to_pages(void **state)
{
	static const struct entry e[] = { { 0x100001, 0x2ffe, 1, 0 }, { 0x300fff, 2, 2, 0 }, { 0x400000, 0xfff, 1, 0 } };

	(void)state;
	tag_mmap(e, ARRAY_LEN(e));
	assert_true(parse_ended());
	assert_int_equal(info.range_count, 2);
	assert_int_equal(info.range[0].base, 0x101000);
	assert_int_equal(info.range[0].size, 0x1000);
	assert_int_equal(info.range[1].base, 0x300000);
	assert_int_equal(info.range[1].size, 0x2000);
}

static void a_range_up_to_the_end_of_the_address_space_is_accepted(void **state)
{
	static const struct entry e[] = { { 0x100000, 0x100000, 1, 0 }, { 0xffffffffffff0000, 0x10000, 2, 0 } };

	(void)state;
	tag_mmap(e, ARRAY_LEN(e));
	assert_true(parse_ended());
	assert_int_equal(info.range_count, 2);
}

static void impossible_memory_maps_are_named(void **state)
{
	static const struct entry wraps = { 0xfffffffffffff000, 0x2000, 1, 0 }, reserved = { 0, 0x1000, 2, 0 };
	uint64_t mark = im.next;

	(void)state;
	assert_false(parse_ended());
	assert_error("no memory map");
	im.next = mark;
	tag_mmap(&wraps, 1);
	assert_false(parse_ended());
	assert_error("wraps around");
	im.next = mark;
	info.range_count = 0;
	tag_mmap(&reserved, 1);
	assert_false(parse_ended());
	assert_error("no RAM");
	im.next = mark;
	tag_mmap(usual, ARRAY_LEN(usual));
	tag_mmap(usual, ARRAY_LEN(usual));
	assert_false(parse_ended());
	assert_error("second memory map");
}

static void more_ranges_than_fit_are_an_error(void **state)
{
	struct entry e[BOOT_RANGES + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(e); i++)
		e[i] = (struct entry){ 0x100000 + 0x2000 * i, 0x1000, 1, 0 };
	tag_mmap(e, ARRAY_LEN(e));
	assert_false(parse_ended());
	assert_error("more than 128 ranges");
}

static void entries_of_an_odd_size_are_an_error(void **state)
{
	static const uint32_t sizes[] = { 0, 8, 20, 23, 25, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		im.next = start + 8;
		uint64_t pa = tag(6, (uint8_t[8 + 24]){ 0 }, 8 + 24);

		put32(pa + 8, sizes[i]);
		assert_false(parse_ended());
		assert_error("entries of");
	}
}

static void an_unterminated_string_is_an_error(void **state)
{
	uint64_t pa;

	(void)state;
	tag(1, "abcd", 4);
	assert_false(parse_ended());
	assert_error("does not end");
	im.next = start + 8;
	pa = tag(3, (uint8_t[12]){ 0, 0, 0x20, 0, 0, 0x10, 0x20, 0, 'r', 'o', 'o', 't' }, 12);
	(void)pa;
	assert_false(parse_ended());
	assert_error("module 0: its command line does not end");
}

static void too_long_a_string_is_an_error_not_a_cut(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[299] = 0;
	tag(1, text, 300);
	assert_false(parse_ended());
	assert_error("at most 255");
	im.next = start + 8;
	text[96] = 0;
	tag_module(0x200000, 0x201000, text);
	assert_false(parse_ended());
	assert_error("at most 95");
}

/* One module, one complaint. */
static void check_module(uint32_t base, uint32_t end, const char *complaint)
{
	im.next = start + 8;
	memset(&info, 0, sizeof(info));
	tag_mmap(usual, ARRAY_LEN(usual));
	tag_module(0x200000, 0x201001, "first");
	tag_module(base, end, "second");
	if (!parse_ended()) {
		assert_error(complaint);
		return;
	}
	assert_false(modules_check(&im.window, &info, KERNEL_START, KERNEL_END, &err));
	assert_error(complaint);
}

static void misplaced_modules_are_named(void **state)
{
	(void)state;
	check_module(0x300000, 0x2fffff, "ends at 0x2fffff before it starts");
	check_module(0x300010, 0x301000, "not page aligned");
	check_module(0x201000, 0x202000, "overlaps module 0 (first)");	/* whose last page is 0x201000 */
	check_module(0x13f000, 0x150000, "overlaps the kernel");
	check_module(0xf0000, 0xf1000, "is not in RAM");
	check_module(0x3ef000, 0x3f0001, "is not in RAM");
	check_module(0xfffff000, 0xffffffff, "is not below");
}

static void an_empty_module_is_passed_on(void **state)
{
	(void)state;
	tag_mmap(usual, ARRAY_LEN(usual));
	tag_module(0x200800, 0x200800, "nothing");
	tag_module(0x200000, 0x201000, "around it");
	assert_true(parse_ended());
	assert_true(modules_check(&im.window, &info, KERNEL_START, KERNEL_END, &err));
	assert_int_equal(info.module_count, 2);
}

static void more_modules_than_fit_are_an_error(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= BOOT_MODULES; i++)
		tag_module(0x200000 + i * 0x1000, 0x201000 + i * 0x1000, "m");
	assert_false(parse_ended());
	assert_error("more than 32 modules");
}

static void a_framebuffer_that_cannot_be_drawn_on_is_none(void **state)
{
	struct __attribute__((packed)) { uint64_t base; uint32_t pitch, width, height; uint8_t bpp, type; uint16_t zero; uint8_t c[6]; }
		fb = { 0xb8000, 160, 80, 25, 16, 2, 0, { 0 } };

	(void)state;
	tag(8, &fb, 24);			/* text mode has no colour fields */
	tag_mmap(usual, ARRAY_LEN(usual));
	assert_true(parse_ended());
	assert_int_equal(info.fb.base, 0);

	im.next = start + 8;
	memset(&info, 0, sizeof(info));
	fb.type = 1;
	fb.bpp = 32;
	fb.width = 10000;
	memcpy(fb.c, (uint8_t[]){ 16, 8, 8, 8, 0, 8 }, 6);
	tag(8, &fb, 30);
	assert_false(parse_ended());
	assert_error("is impossible");
	im.next = start + 8;
	tag(8, &fb, 20);
	assert_false(parse_ended());
	assert_error("framebuffer tag");
}

static void boot_information_out_of_reach_is_an_error(void **state)
{
	(void)state;
	assert_false(mb2_parse(&im.window, IMAGE_SIZE - 4, &info, &err));
	assert_false(mb2_parse(&im.window, ~0ull, &info, &err));
	put32(start, 0xffffffff);
	assert_false(mb2_parse(&im.window, start, &info, &err));
	assert_error("impossible");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_usual_boot_is_understood),
		T(every_truncation_is_an_error),
		T(overlapping_ranges_are_resolved_in_favour_of_reserved),
		T(ram_shrinks_and_reserved_grows_to_pages),
		T(a_range_up_to_the_end_of_the_address_space_is_accepted),
		T(impossible_memory_maps_are_named),
		T(more_ranges_than_fit_are_an_error),
		T(entries_of_an_odd_size_are_an_error),
		T(an_unterminated_string_is_an_error),
		T(too_long_a_string_is_an_error_not_a_cut),
		T(misplaced_modules_are_named),
		T(an_empty_module_is_passed_on),
		T(more_modules_than_fit_are_an_error),
		T(a_framebuffer_that_cannot_be_drawn_on_is_none),
		T(boot_information_out_of_reach_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
