/* SPDX-License-Identifier: Apache-2.0 */
/* The bzImage loader: where things go, and what it says about files that are none. */
/* sources: vmm/load/linux.c vmm/load/load.c vmm/load/elf.c vmm/load/multiboot.c vmm/load/multiboot2.c vmm/load/place.c vmm/load/pvh.c vmm/gmem.c vmm/layout.c */
#include <load/load.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <asm/bootparam.h>
#include <cmocka.h>

#define MEMORY		(64 * MIB)
#define PREF		(16 * MIB)
#define INIT_SIZE	(8 * MIB)
#define SETUP_SECTS	3u
#define PAYLOAD		((SETUP_SECTS + 1) * 512u)
#define CODE_SIZE	0x10000u

static uint8_t *ram, file[PAYLOAD + CODE_SIZE];
static struct gmem mem;
static struct load_input boot;
static struct load_entry entry;
static struct load_error err;
static struct e820_entry map[LAYOUT_E820_MAX];

static struct setup_header *header(void)
{
	return (struct setup_header *)(void *)(file + 0x1f1);
}

static const struct boot_params *params(void)
{
	return (const struct boot_params *)(const void *)(ram + LAYOUT_BOOT_PARAMS);
}

static int setup(void **state)
{
	struct setup_header *h = header();

	(void)state;
	if (!ram)
		ram = aligned_alloc(PAGE_SIZE, MEMORY);
	memset(ram, 0xee, MEMORY);
	memset(&mem, 0, sizeof(mem));
	assert_true(gmem_add(&mem, (gpa_t){ 0 }, LAYOUT_VGA, ram, true));
	assert_true(gmem_add(&mem, (gpa_t){ LAYOUT_ROM }, MEMORY - LAYOUT_ROM, ram + LAYOUT_ROM, true));

	memset(file, 0, sizeof(file));
	for (unsigned i = 0; i < CODE_SIZE; i++)
		file[PAYLOAD + i] = (uint8_t)(i * 7);
	*h = (struct setup_header){
		.setup_sects = SETUP_SECTS, .syssize = CODE_SIZE / 16, .boot_flag = 0xaa55, .jump = 0x66eb, .header = 0x53726448,
		.version = 0x20f, .loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff, .kernel_alignment = 2 * MIB,
		.relocatable_kernel = 1, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047, .pref_address = PREF,
		.init_size = INIT_SIZE,
	};
	boot = (struct load_input){
		.kernel = file, .kernel_size = sizeof(file), .cmdline = "console=ttyS0", .rsdp = 0xe0000, .e820 = map,
		.e820_count = layout_e820(MEMORY, map),
	};
	memset(&err, 0, sizeof(err));
	return 0;
}

static void initrd(uint64_t size)
{
	boot.module_count = 1;
	boot.module[0] = (struct load_module){ size, "" };
}

static void refused(const char *what, const char *text)
{
	assert_false(load_kernel(&mem, &boot, &entry, &err));
	assert_string_equal(err.file, what);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
}

static void a_kernel_goes_to_its_preferred_address_and_is_entered_at_the_64_bit_entry(void **state)
{
	(void)state;
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	assert_memory_equal(ram + PREF, file + PAYLOAD, CODE_SIZE);
	assert_int_equal(entry.rip, PREF + 0x200);
	assert_int_equal(entry.rsi, LAYOUT_BOOT_PARAMS);
	assert_int_equal(params()->hdr.type_of_loader, 0xff);
	assert_int_equal(params()->acpi_rsdp_addr, 0xe0000);
	assert_int_equal(params()->hdr.ramdisk_size, 0);
	assert_string_equal(ram + params()->hdr.cmd_line_ptr, "console=ttyS0");
	assert_int_equal(params()->sentinel, 0);
}

static void the_page_tables_map_4_gib_one_to_one_and_the_gdt_has_the_protocols_segments(void **state)
{
	const uint64_t *gdt, *pml4, *pdpt;

	(void)state;
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	pml4 = (const uint64_t *)(const void *)(ram + entry.cr3);
	pdpt = (const uint64_t *)(const void *)(ram + (pml4[0] & ~0xfffull));
	for (uint64_t va = 0; va < 4 * GIB; va += 2 * MIB) {
		const uint64_t *pd = (const uint64_t *)(const void *)(ram + (pdpt[va >> 30] & ~0xfffull));

		assert_int_equal(pd[va >> 21 & 511] & ~0x83ull, va);
		assert_int_equal(pd[va >> 21 & 511] & 0x83, 0x83);
	}
	gdt = (const uint64_t *)(const void *)(ram + entry.gdt_base);
	assert_int_equal(gdt[entry.cs / 8] >> 53 & 1, 1);	/* L */
	assert_int_equal(gdt[entry.ds / 8] >> 40 & 0x9e, 0x92);	/* present data, writable */
}

static void the_initrd_lies_as_high_as_memory_and_kernel_allow_on_a_page_of_its_own(void **state)
{
	(void)state;
	initrd(5000);
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	assert_int_equal(params()->hdr.ramdisk_image, MEMORY - 0x2000);
	assert_int_equal(params()->hdr.ramdisk_size, 5000);
	assert_int_equal(entry.module[0], MEMORY - 0x2000);

	header()->initrd_addr_max = 0x2ffffff;
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	assert_int_equal(params()->hdr.ramdisk_image, 0x3000000 - 0x2000);
}

static void an_initrd_that_does_not_fit_above_the_kernel_is_refused_with_both_sizes(void **state)
{
	(void)state;
	initrd(MEMORY - PREF - INIT_SIZE + 1);
	refused("initrd", "larger than");
	assert_int_equal(err.need, boot.module[0].size);
	assert_int_equal(err.have, MEMORY - PREF - INIT_SIZE);
	initrd(~0ull);
	refused("initrd", "larger than");
	header()->initrd_addr_max = PREF;
	initrd(1);
	refused("initrd", "larger than");
	assert_int_equal(err.have, 0);
}

static void more_than_one_module_is_refused(void **state)
{
	(void)state;
	initrd(1);
	boot.module[boot.module_count++] = (struct load_module){ 1, "" };
	refused("module", "one, its initrd");
}

static void the_memory_map_is_handed_over_with_memory_above_4_gib(void **state)
{
	const struct boot_e820_entry *e = params()->e820_table;
	uint64_t ram_bytes = 0;

	(void)state;
	boot.e820_count = layout_e820(5 * GIB, map);
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	for (unsigned i = 0; i < params()->e820_entries; i++) {
		if (e[i].type == E820_RAM)
			ram_bytes += e[i].size;
		if (i)
			assert_true(e[i].addr >= e[i - 1].addr + e[i - 1].size);
	}
	assert_int_equal(e[params()->e820_entries - 1].addr, 4 * GIB);
	assert_int_equal(e[params()->e820_entries - 1].size, 3 * GIB);
	assert_int_equal(ram_bytes, 5 * GIB - (LAYOUT_HIMEM - LAYOUT_EBDA));
}

static void a_command_line_may_be_as_long_as_the_kernel_says_and_no_longer(void **state)
{
	static char line[2049];

	(void)state;
	memset(line, 'x', 2048);
	line[2047] = 0;
	boot.cmdline = line;
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	line[2047] = 'x';
	refused("cmdline", "longer");
	assert_int_equal(err.have, 2047);
}

static void memory_that_the_kernel_does_not_fit_into_is_refused_before_anything_is_copied(void **state)
{
	(void)state;
	header()->init_size = (uint32_t)(MEMORY - PREF + 1);
	refused("memory", "too small");
	assert_int_equal(err.need, MEMORY + 1);
	assert_int_equal(ram[PREF], 0xee);
	header()->pref_address = 3 * GIB;
	refused("memory", "too small");
}

static void truncated_old_32_bit_and_senseless_kernels_are_each_named(void **state)
{
	(void)state;
	boot.kernel_size -= 16;
	refused("kernel", "truncated");
	boot.kernel_size = PAYLOAD;
	refused("kernel", "truncated");
	setup(NULL);
	header()->version = 0x20b;
	refused("kernel", "older than 2.12");
	setup(NULL);
	header()->xloadflags = 0;
	refused("kernel", "32-bit");
	setup(NULL);
	header()->kernel_alignment = 3;
	refused("kernel", "corrupt");
	setup(NULL);
	header()->pref_address = 0x1000;
	refused("kernel", "corrupt");
	setup(NULL);
	header()->init_size = CODE_SIZE - 1;
	refused("kernel", "corrupt");
	setup(NULL);
	header()->syssize = 0;
	refused("kernel", "corrupt");
}

static void the_last_paragraph_need_not_be_whole(void **state)
{
	(void)state;
	boot.kernel_size -= 15;
	assert_true(load_kernel(&mem, &boot, &entry, &err));
	assert_memory_equal(ram + PREF, file + PAYLOAD, CODE_SIZE - 15);
	assert_int_equal(ram[PREF + CODE_SIZE - 15], 0xee);
}

static void a_header_that_ends_early_does_not_take_code_for_fields(void **state)
{
	(void)state;
	header()->jump = 0x4aeb;		/* ends before init_size */
	refused("kernel", "corrupt");
}

static void a_file_of_another_kind_is_called_by_its_name(void **state)
{
	static const struct {
		const char *bytes;
		unsigned off, len;
		const char *text;
	} kind[] = {
		{ "\x1f\x8b", 0, 2, "gzip" }, { "\xfd" "7zXZ\0", 0, 6, "xz" }, { "\x28\xb5\x2f\xfd", 0, 4, "zstd" },
		{ "\x02\x21\x4c\x18", 0, 4, "lz4" }, { "BZh", 0, 3, "bzip2" }, { "\x7f" "ELF", 0, 4, "ELF" },
		{ "ARM\x64", 0x38, 4, "AArch64" }, { "MZ", 0, 2, "PE/COFF" }, { "070701", 0, 6, "cpio" }, { "#!", 0, 2, "script" },
		{ "\x55\xaa", 510, 2, "boot sector" }, { "x", 0, 1, "nothing known" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(kind); i++) {
		memset(file, 0, sizeof(file));
		memcpy(file + kind[i].off, kind[i].bytes, kind[i].len);
		refused("kernel", kind[i].text);
		assert_true(err.unknown);
	}
	boot.kernel_size = 1;
	refused("kernel", "nothing known");
	boot.kernel_size = 0;
	refused("kernel", "an empty file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_kernel_goes_to_its_preferred_address_and_is_entered_at_the_64_bit_entry, setup),
		cmocka_unit_test_setup(the_page_tables_map_4_gib_one_to_one_and_the_gdt_has_the_protocols_segments, setup),
		cmocka_unit_test_setup(the_initrd_lies_as_high_as_memory_and_kernel_allow_on_a_page_of_its_own, setup),
		cmocka_unit_test_setup(an_initrd_that_does_not_fit_above_the_kernel_is_refused_with_both_sizes, setup),
		cmocka_unit_test_setup(more_than_one_module_is_refused, setup),
		cmocka_unit_test_setup(the_memory_map_is_handed_over_with_memory_above_4_gib, setup),
		cmocka_unit_test_setup(a_command_line_may_be_as_long_as_the_kernel_says_and_no_longer, setup),
		cmocka_unit_test_setup(memory_that_the_kernel_does_not_fit_into_is_refused_before_anything_is_copied, setup),
		cmocka_unit_test_setup(truncated_old_32_bit_and_senseless_kernels_are_each_named, setup),
		cmocka_unit_test_setup(the_last_paragraph_need_not_be_whole, setup),
		cmocka_unit_test_setup(a_header_that_ends_early_does_not_take_code_for_fields, setup),
		cmocka_unit_test_setup(a_file_of_another_kind_is_called_by_its_name, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
