/* SPDX-License-Identifier: Apache-2.0 */
/* sources: boot/pvh.c boot/bundle.c boot/ranges.c boot/modules.c boot/rsdp.c kernel/fmt.c */
#include "boot/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot_image.h"

static struct image im;
static struct boot_info info;
static struct boot_error err;

struct start {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, map;
	uint32_t map_count, reserved;
};
struct module {
	uint64_t base, size, cmdline, reserved;
};
struct range {
	uint64_t base, size;
	uint32_t type, reserved;
};

static const struct range map[] = {
	{ 0, 0x9fc00, 1, 0 }, { 0xf0000, 0x10000, 2, 0 }, { 0x100000, 0x2f0000, 1, 0 }, { 0x3f0000, 0x8000, 3, 0 },
	{ 0x3f8000, 0x8000, 4, 0 },
};

static struct start start;

static int setup(void **state)
{
	(void)state;
	image_init(&im);
	memset(&info, 0, sizeof(info));
	memset(&err, 0, sizeof(err));
	start = (struct start){ .magic = PVH_START_MAGIC, .version = 1, .map_count = ARRAY_LEN(map) };
	start.map = image_put(&im, map, sizeof(map));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_free(&im);
	return 0;
}

static bool parse(void)
{
	return pvh_parse(&im.window, image_put(&im, &start, sizeof(start)), &info, &err);
}

static void add_module(uint64_t base, uint64_t size, const char *cmdline)
{
	struct module m = { base, size, cmdline ? image_put(&im, cmdline, strlen(cmdline) + 1) : 0, 0 };

	start.modules = 1;
	start.module_list = image_put(&im, &m, sizeof(m));
}

static void assert_error(const char *part)
{
	if (!strstr(err.text, part))
		fail_msg("error is \"%s\", expected it to contain \"%s\"", err.text, part);
}

static void a_usual_boot_is_understood(void **state)
{
	(void)state;
	start.cmdline = image_put(&im, "off=x2apic", 11);
	start.rsdp = 0xf0010;
	add_module(0x200000, 5, "root");
	assert_true(parse());
	assert_string_equal(info.loader, "pvh");
	assert_string_equal(info.cmdline, "off=x2apic");
	assert_int_equal(info.rsdp, 0xf0010);
	assert_int_equal(info.range_count, ARRAY_LEN(map));
	assert_int_equal(info.range[0].size, 0x9f000);
	assert_int_equal(info.module_count, 1);
	assert_string_equal(info.module[0].cmdline, "root");
	assert_true(modules_check(&im.window, &info, KERNEL_START, KERNEL_END, &err));
}

static void a_module_without_command_line_has_an_empty_one(void **state)
{
	(void)state;
	add_module(0x200000, 5, NULL);
	assert_true(parse());
	assert_string_equal(info.module[0].cmdline, "");
}

static void wrong_magic_and_version_are_named(void **state)
{
	(void)state;
	start.magic++;
	assert_false(parse());
	assert_error("expected 0x336ec578");
	start.magic--;
	start.version = 0;
	assert_false(parse());
	assert_error("version 0 has no memory map");
}

static void pointers_out_of_reach_are_named(void **state)
{
	static const uint64_t bad[] = { IMAGE_SIZE - 1, IMAGE_SIZE, 1ull << 32, ~0ull, ~0ull - 23 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct start good = start;

		assert_false(pvh_parse(&im.window, bad[i], &info, &err));
		start.map = bad[i];
		assert_false(parse());
		assert_error("memory map");
		start = good;
		start.modules = 1;
		start.module_list = bad[i];
		info.range_count = 0;
		assert_false(parse());
		assert_error("module list");
		start = good;
		start.cmdline = bad[i];
		info.range_count = 0;
		if (bad[i] < IMAGE_SIZE)
			im.memory[bad[i]] = 'x';
		assert_false(parse());
		assert_error("command line");
		start = good;
	}
}

static void a_string_that_runs_out_of_memory_is_an_error(void **state)
{
	(void)state;
	memset(im.memory + IMAGE_SIZE - 16, 'a', 16);
	add_module(0x200000, 5, "x");
	((struct module *)(im.memory + start.module_list))->cmdline = IMAGE_SIZE - 16;
	assert_false(parse());
	assert_error("does not end");
}

/* --- bundles --- */

static struct bundle_header *bundle(uint32_t count)
{
	struct bundle_header *h = (struct bundle_header *)(im.memory + 0x200000);

	memcpy(h->magic, BUNDLE_MAGIC, 8);
	h->version = BUNDLE_VERSION;
	h->count = count;
	for (uint32_t i = 0; i < count && i < BOOT_MODULES; i++) {
		snprintf(h->entry[i].cmdline, sizeof(h->entry[i].cmdline), "module%u arg", i);
		h->entry[i].offset = 0x1000 + 0x2000ull * i;
		h->entry[i].size = 0x1001;
	}
	memset(&info, 0, sizeof(info));
	info.module_count = 1;
	info.module[0] = (struct boot_module){ .base = 0x200000, .size = 0x100000 };
	return h;
}

static bool split(void)
{
	return bundle_split(&im.window, &info, &err);
}

static void a_bundle_becomes_its_modules(void **state)
{
	(void)state;
	bundle(3);
	assert_true(split());
	assert_int_equal(info.module_count, 3);
	assert_int_equal(info.module[2].base, 0x205000);
	assert_int_equal(info.module[2].size, 0x1001);
	assert_string_equal(info.module[2].cmdline, "module2 arg");
}

static void what_is_no_bundle_stays(void **state)
{
	struct bundle_header *h = bundle(3);

	(void)state;
	h->magic[0] = 't';
	assert_true(split());
	assert_int_equal(info.module_count, 1);
	bundle(3);
	info.module[0].size = PAGE_SIZE - 1;
	assert_true(split());
	assert_int_equal(info.module_count, 1);
	bundle(3);
	info.module_count = 2;
	assert_true(split());
	assert_int_equal(info.module_count, 2);
}

static void broken_bundles_are_named(void **state)
{
	(void)state;
	bundle(3)->version = 2;
	assert_false(split());
	assert_error("version 2, expected 1");
	bundle(33);
	assert_false(split());
	assert_error("33 modules");
	bundle(3)->entry[1].offset = 0x1800;
	assert_false(split());
	assert_error("module 1 at 0x1800");
	bundle(3)->entry[0].offset = 0;
	assert_false(split());
	assert_error("module 0 at 0");
	bundle(3)->entry[2].size = ~0ull;
	assert_false(split());
	assert_error("module 2");
	bundle(3)->entry[2].offset = 0x100000;
	assert_false(split());
	assert_error("module 2");
	memset(bundle(3)->entry[1].cmdline, 'x', 96);
	assert_false(split());
	assert_error("module 1: its command line does not end");
}

static void modules_of_a_bundle_may_not_overlap(void **state)
{
	(void)state;
	bundle(3)->entry[1].offset = 0x2000;
	assert_true(split());
	assert_true(ranges_add(&info, 0x100000, 0x200000, BOOT_RAM, &err) && ranges_normalise(&info, &err));
	assert_false(modules_check(&im.window, &info, KERNEL_START, KERNEL_END, &err));
	assert_error("module 1 (module1 arg) at 0x202000 overlaps module 0");
}

/* --- RSDP --- */

static void put_rsdp(uint64_t pa)
{
	uint8_t sum = 0;

	memcpy(im.memory + pa, "RSD PTR ", 8);
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + im.memory[pa + i]);
	im.memory[pa + 8] = (uint8_t)(im.memory[pa + 8] - sum);
}

static void the_rsdp_is_found_in_the_bios_and_first_in_the_ebda(void **state)
{
	(void)state;
	assert_int_equal(rsdp_search(&im.window), 0);
	memcpy(im.memory + 0xe1000, "RSD PTR bad sum", 15);
	put_rsdp(0xffff0 - 16);
	assert_int_equal(rsdp_search(&im.window), 0xfffe0);
	memcpy(im.memory + 0x40e, &(uint16_t){ 0x9fc0 }, 2);
	put_rsdp(0x9fc00 + 0x30);
	assert_int_equal(rsdp_search(&im.window), 0x9fc30);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_usual_boot_is_understood),
		T(a_module_without_command_line_has_an_empty_one),
		T(wrong_magic_and_version_are_named),
		T(pointers_out_of_reach_are_named),
		T(a_string_that_runs_out_of_memory_is_an_error),
		T(a_bundle_becomes_its_modules),
		T(what_is_no_bundle_stays),
		T(broken_bundles_are_named),
		T(modules_of_a_bundle_may_not_overlap),
		T(the_rsdp_is_found_in_the_bios_and_first_in_the_ebda),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
