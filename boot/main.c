/* SPDX-License-Identifier: Apache-2.0 */
/* From the loader's data to struct boot_info; then the kernel starts. */
#include <kernel/boot_info.h>
#include <kernel/panic.h>
#include <kernel/phys_window.h>
#include <kernel/string.h>
#include <kernel/upcall.h>

#include "boot.h"

struct boot_info boot_info;

/* A page of its own, because root is shown it. */
static uint8_t rsdp_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

extern const char kernel_base[], kernel_phys_start[], kernel_phys_end[];	/* linker.ld */

NORETURN void boot_main(uint32_t magic, uint32_t info);

/* The end of a module's last page belongs to whoever gets the module: it must not show what the loader left there. */
static void clear_module_tails(void)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.module[i];
		uint64_t used = m->size & PAGE_MASK;

		if (used)
			memset((uint8_t *)(uintptr_t)phys_at(&phys_window_boot, m->base + m->size, PAGE_SIZE - used), 0,
			       PAGE_SIZE - used);
	}
}

static void find_rsdp(void)
{
	if (memcmp(boot_info.rsdp_copy, "RSD PTR ", 8) == 0) {
		memcpy(rsdp_page, boot_info.rsdp_copy, sizeof(boot_info.rsdp_copy));
		boot_info.rsdp = (uint64_t)rsdp_page - (uint64_t)kernel_base;
	}
	if (boot_info.rsdp == 0)
		boot_info.rsdp = rsdp_search(&phys_window_boot);
}

/* First C code, called by entry64.asm on the boot stack with the boot page tables loaded. */
void boot_main(uint32_t magic, uint32_t info)
{
	struct boot_error err = { .text = "" };
	const struct phys_window *mem = &phys_window_boot;
	uint64_t start = (uint64_t)kernel_phys_start, end = (uint64_t)kernel_phys_end;
	bool ok;

	if (magic == MB2_LOADER_MAGIC)
		ok = mb2_parse(mem, info, &boot_info, &err);
	else
		ok = pvh_parse(mem, info, &boot_info, &err) && bundle_split(mem, &boot_info, &err);
	if (!ok || !modules_check(mem, &boot_info, start, end, &err))
		cannot_run("boot information: %s", err.text);
	if (!ranges_ram(&boot_info, start, end - start))
		cannot_run("boot information: the kernel at %#llx to %#llx is not in RAM", (unsigned long long)start,
			   (unsigned long long)end);
	clear_module_tails();
	find_rsdp();
	kernel_main();
}
