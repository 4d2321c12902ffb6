/* SPDX-License-Identifier: Apache-2.0 */
/* sources: kernel/boot_memory.c boot/ranges.c boot/modules.c kernel/fmt.c */
#include <kernel/boot_memory.h>

#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/frame.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"

struct boot_info boot_info;

/* The kernel image, whose symbols are its physical addresses: wherever the linker puts it here, the test has RAM around it. */
__asm__(".data\n.balign 4096\n.globl kernel_phys_start, kernel_phys_end\n"
	"kernel_phys_start: .zero 0x40000\nkernel_phys_end: .byte 0\n.text");
extern const char kernel_phys_start[], kernel_phys_end[];
#define KERNEL		((uint64_t)kernel_phys_start)
#define KERNEL_RAM	(KERNEL - 0x100000)

static struct boot_area area[256];
static unsigned count;
static uint64_t pool_base, pool_size;
static uint64_t rsdp;
static char last_words[256];
static jmp_buf stopped;

unsigned machine_phys_bits(void) { return 48; }
uint64_t machine_rsdp(void) { return rsdp; }

unsigned machine_owned_pages(uint64_t *page, unsigned max)
{
	(void)max;
	page[0] = 0xfec00000;
	return 1;
}

void frame_add(hpa_t base, uint64_t size)
{
	assert_true(is_aligned(base.v | size, PAGE_SIZE));
	assert_true(base.v + size <= 4 * GIB);
	if (!pool_size)
		pool_base = base.v;
	pool_size += size;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void cannot_run(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_words, sizeof(last_words), fmt, args);
	va_end(args);
	longjmp(stopped, 1);
}

static void ram(uint64_t base, uint64_t size, uint32_t kind)
{
	struct boot_error err;

	assert_true(ranges_add(&boot_info, base, size, kind, &err));
	assert_true(ranges_normalise(&boot_info, &err) || boot_info.range_count < 2);
}

static void module(uint64_t base, uint64_t size)
{
	boot_info.module[boot_info.module_count++] = (struct boot_module){ .base = base, .size = size, .cmdline = "m" };
}

/* Every page of the address space belongs to exactly one of: an area, the kernel, nobody. */
static void check_disjoint(void)
{
	for (unsigned i = 0; i < count; i++) {
		assert_true(area[i].size > 0 && is_aligned(area[i].base | area[i].size, PAGE_SIZE));
		if (i)
			assert_true(area[i - 1].base + area[i - 1].size <= area[i].base);
		assert_true(area[i].base + area[i].size <= pool_base || area[i].base >= pool_base + pool_size);
	}
}

static uint32_t kind_at(uint64_t pa)
{
	for (unsigned i = 0; i < count; i++)
		if (pa >= area[i].base && pa - area[i].base < area[i].size)
			return area[i].kind;
	return 0;
}

/* The pool's bookkeeping lives as long as the kernel: one machine per test program run is set up once. */
static void a_machine_is_divided(void **state)
{
	uint64_t sum = 0;

	(void)state;
	ram(0, 0x9f000, BOOT_RAM);
	ram(0xf0000, 0x10000, BOOT_RESERVED);
	ram(0x100000, 508 * MIB, BOOT_RAM);
	ram(0x20000000, 0x10000, BOOT_ACPI);
	ram(0xb0000000, 0x10000000, BOOT_RESERVED);
	ram(4 * GIB, 2 * GIB, BOOT_RAM);
	ram(KERNEL_RAM, 2 * MIB, BOOT_RAM);
	module(0x400000, 0x1801);
	module(0x800000, 0x1000);
	module(0x900010, 0);
	rsdp = KERNEL + 0x3f010;

	boot_memory_init();
	assert_int_equal(pool_size, 160 * MIB);		/* a 16th of 2.5 GiB, in whole 2 MiB */
	assert_true(is_aligned(pool_base, 2 * MIB));
	count = boot_memory_areas(area, ARRAY_LEN(area));
	check_disjoint();
	assert_int_equal(kind_at(0x1000), 0);
	assert_int_equal(kind_at(0xb8000), TV_REGION_MMIO);
	assert_int_equal(kind_at(0xf5000), TV_REGION_ACPI);
	assert_int_equal(kind_at(KERNEL - 1), TV_REGION_RAM);
	assert_int_equal(kind_at(KERNEL), 0);
	assert_int_equal(kind_at(KERNEL + 0x3f000), TV_REGION_ACPI);	/* the loader's RSDP, copied into the image */
	assert_int_equal(kind_at(KERNEL + 0x40000), TV_REGION_RAM);
	assert_int_equal(kind_at(0x401800), TV_REGION_MODULE);
	assert_int_equal(kind_at(0x402000), TV_REGION_RAM);
	assert_int_equal(kind_at(0x800000), TV_REGION_MODULE);
	assert_int_equal(kind_at(0x20000000), TV_REGION_ACPI);
	assert_int_equal(kind_at(0xb0000000), TV_REGION_MMIO);
	assert_int_equal(kind_at(0xfebff000), TV_REGION_MMIO);
	assert_int_equal(kind_at(0xfec00000), 0);
	assert_int_equal(kind_at(0xfec01000), TV_REGION_MMIO);
	assert_int_equal(kind_at(0xfee00000), 0);
	assert_int_equal(kind_at(0xfef00000), TV_REGION_MMIO);
	assert_int_equal(kind_at(6 * GIB - 1), TV_REGION_RAM);
	assert_int_equal(kind_at(6 * GIB), TV_REGION_MMIO);
	assert_int_equal(kind_at(BIT(48) - 1), TV_REGION_MMIO);
	assert_int_equal(kind_at(BIT(48)), 0);
	for (unsigned i = 0; i < count; i++)
		if (area[i].kind == TV_REGION_RAM)
			sum += area[i].size;
	assert_int_equal(sum, boot_memory_total() - 0x9f000 - 0x40000 - pool_size - 0x3000);
}

static void modules_keep_their_index(void **state)
{
	(void)state;
	for (unsigned i = 0; i < count; i++) {
		if (area[i].base == 0x400000)
			assert_int_equal(area[i].module, 0);
		if (area[i].base == 0x800000)
			assert_int_equal(area[i].module, 1);
	}
}

static void the_smallest_areas_go_when_there_are_too_many(void **state)
{
	unsigned all = count;

	(void)state;
	count = boot_memory_areas(area, all - 3);
	assert_int_equal(count, all - 3);
	check_disjoint();
	assert_int_equal(kind_at(0x400000), TV_REGION_MODULE);	/* modules never go */
	assert_int_equal(kind_at(0x800000), TV_REGION_MODULE);
	assert_int_equal(kind_at(5 * GIB), TV_REGION_RAM);
}

static void too_little_memory_is_said_in_one_line(void **state)
{
	(void)state;
	memset(&boot_info, 0, sizeof(boot_info));
	ram(0x100000, 12 * MIB, BOOT_RAM);
	if (setjmp(stopped) == 0) {
		boot_memory_init();
		fail();
	}
	assert_non_null(strstr(last_words, "of free memory, the kernel alone needs 16 MiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_is_divided),
		cmocka_unit_test(modules_keep_their_index),
		cmocka_unit_test(the_smallest_areas_go_when_there_are_too_many),
		cmocka_unit_test(too_little_memory_is_said_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
