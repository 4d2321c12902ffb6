/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiboot2 parser with any boot information.  It must never read outside of it, and what it accepts must keep every
 * promise of struct boot_info.
 */
/* sources: boot/mb2.c boot/ranges.c boot/modules.c kernel/fmt.c */
#include "boot/boot.h"

#include <stdlib.h>
#include <string.h>

#define INFO	0x10000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_info(const struct boot_info *info)
{
	uint64_t end = 0;

	check(info->range_count <= BOOT_RANGES && info->module_count <= BOOT_MODULES);
	check(strnlen(info->cmdline, sizeof(info->cmdline)) < sizeof(info->cmdline));
	for (unsigned i = 0; i < info->range_count; i++) {
		const struct boot_range *r = &info->range[i];

		check(r->size > 0 && is_aligned(r->base | r->size, PAGE_SIZE) && r->base >= end);
		check(r->base + r->size > r->base && r->kind >= BOOT_RAM && r->kind <= BOOT_NVS);
		end = r->base + r->size;
	}
	for (unsigned i = 0; i < info->module_count; i++)
		check(strnlen(info->module[i].cmdline, sizeof(info->module[i].cmdline)) < sizeof(info->module[i].cmdline));
}

static void check_modules(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->module_count; i++) {
		const struct boot_module *m = &info->module[i];

		if (m->size == 0)
			continue;
		check(is_aligned(m->base, PAGE_SIZE) && ranges_ram(info, m->base, m->size));
		check(m->base + m->size <= 0x100000 || m->base >= 0x140000);
		for (unsigned k = 0; k < i; k++)
			check(info->module[k].size == 0 || m->base + m->size <= info->module[k].base ||
			      info->module[k].base + info->module[k].size <= m->base);
	}
}

/* Input: the boot information.  Modules are checked against 4 GiB, none of which is really there: nobody may look. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	const struct phys_window all = { .base = (const uint8_t *)(16 * GIB), .start = 0, .size = 4 * GIB };
	struct boot_error err = { .text = "" };
	uint8_t *copy = malloc(size + 1);
	struct phys_window mem = { .base = copy, .start = INFO, .size = size };

	memcpy(copy, data, size);
	memset(&info, 0, sizeof(info));
	if (mb2_parse(&mem, INFO, &info, &err)) {
		check_info(&info);
		if (modules_check(&all, &info, 0x100000, 0x140000, &err))
			check_modules(&info);
	} else {
		check(err.text[0] != '\0');
	}
	free(copy);
	return 0;
}
