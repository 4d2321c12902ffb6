/* SPDX-License-Identifier: Apache-2.0 */
/* The list of boot modules and its checks, common to all loaders. */
#include <kernel/boot_info.h>
#include <kernel/fmt.h>
#include <kernel/string.h>

#include "boot.h"

bool boot_fail(struct boot_error *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_text_v(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return false;
}

bool modules_add(struct boot_info *info, uint64_t base, uint64_t size, const char *cmdline, size_t max, struct boot_error *err)
{
	unsigned n = info->module_count;
	size_t length = strnlen(cmdline, max);

	if (n == BOOT_MODULES)
		return boot_fail(err, "more than %u modules", BOOT_MODULES);
	if (length == max)
		return boot_fail(err, "module %u: its command line does not end", n);
	if (length >= sizeof(info->module[n].cmdline))
		return boot_fail(err, "module %u: its command line has %zu characters, at most %zu are possible", n, length,
				 sizeof(info->module[n].cmdline) - 1);
	info->module[n].base = base;
	info->module[n].size = size;
	memcpy(info->module[n].cmdline, cmdline, length);	/* the rest is zero */
	info->module_count++;
	return true;
}

static bool overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	return a < b_end && b < a_end;
}

static bool check_one(const struct phys_window *mem, const struct boot_info *info, unsigned n, uint64_t kernel_start,
		      uint64_t kernel_end, struct boot_error *err)
{
	const struct boot_module *m = &info->module[n];
	unsigned long long base = m->base, size = m->size;
	uint64_t end;

	if (size == 0)			/* an empty file lies nowhere; who wanted something in it will say so */
		return true;
	if (!is_aligned(base, PAGE_SIZE))
		return boot_fail(err, "module %u (%s) at %#llx is not page aligned", n, m->cmdline, base);
	if (!phys_at(mem, base, size))
		return boot_fail(err, "module %u (%s) at %#llx, %#llx bytes, is not below %#llx", n, m->cmdline, base, size,
				 (unsigned long long)(mem->start + mem->size));
	end = base + align_up(size, PAGE_SIZE);
	if (!ranges_ram(info, base, end - base))
		return boot_fail(err, "module %u (%s) at %#llx, %#llx bytes, is not in RAM", n, m->cmdline, base, size);
	if (overlap(base, end, kernel_start, kernel_end))
		return boot_fail(err, "module %u (%s) at %#llx overlaps the kernel", n, m->cmdline, base);
	for (unsigned i = 0; i < n; i++) {
		const struct boot_module *o = &info->module[i];

		if (o->size && overlap(base, end, o->base, o->base + align_up(o->size, PAGE_SIZE)))
			return boot_fail(err, "module %u (%s) at %#llx overlaps module %u (%s)", n, m->cmdline, base, i,
					 o->cmdline);
	}
	return true;
}

bool modules_check(const struct phys_window *mem, const struct boot_info *info, uint64_t kernel_start, uint64_t kernel_end,
		   struct boot_error *err)
{
	for (unsigned n = 0; n < info->module_count; n++)
		if (!check_one(mem, info, n, kernel_start, kernel_end, err))
			return false;
	return true;
}
