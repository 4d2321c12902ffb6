/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All loaders with any file as kernel and any sizes of memory and modules.  They must never touch a byte outside of their
 * buffers, and what they accept must hold together: entry point, modules and GDT inside memory, the modules apart from each other.
 */
/* sources: vmm/load/linux.c vmm/load/load.c vmm/load/elf.c vmm/load/multiboot.c vmm/load/multiboot2.c vmm/load/place.c vmm/load/pvh.c vmm/gmem.c vmm/layout.c */
#include <load/load.h>

#include <stdlib.h>
#include <string.h>

#include <asm/bootparam.h>

#define MEMORY		(20 * MIB)
#define MODULE_MAX	(24 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Input: 4 bytes size and number of modules, 4 bytes memory beyond the least, then the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *ram;
	struct e820_entry map[LAYOUT_E820_MAX];
	struct gmem mem = { .count = 0 };
	struct load_input boot = { .cmdline = "console=ttyS0", .e820 = map, .rsdp = LAYOUT_ACPI };
	struct load_entry entry;
	struct load_error err = { .text = NULL };
	uint32_t module_size, more;
	uint64_t memory;

	if (size < 8)
		return 0;
	memcpy(&module_size, data, 4);
	memcpy(&more, data + 4, 4);
	if (!ram)
		ram = aligned_alloc(PAGE_SIZE, MEMORY);
	memory = LAYOUT_MIN + align_down(more % (MEMORY - LAYOUT_MIN), PAGE_SIZE);
	check(gmem_add(&mem, (gpa_t){ 0 }, LAYOUT_VGA, ram, true));
	check(gmem_add(&mem, (gpa_t){ LAYOUT_ROM }, memory - LAYOUT_ROM, ram + LAYOUT_ROM, true));
	boot.module_count = module_size >> 30;
	for (unsigned i = 0; i < boot.module_count; i++)
		boot.module[i] = (struct load_module){ 1 + module_size % MODULE_MAX, "module" };
	boot.e820_count = layout_e820(memory, map);
	boot.kernel_size = size - 8;
	boot.kernel = malloc(boot.kernel_size ? boot.kernel_size : 1);	/* its own block: one byte too far is seen */
	memcpy((uint8_t *)boot.kernel, data + 8, boot.kernel_size);

	if (load_kernel(&mem, &boot, &entry, &err)) {
		check(gmem_at(&mem, (gpa_t){ entry.rip }, 1, false) != NULL);
		check(gmem_at(&mem, (gpa_t){ entry.gdt_base }, entry.gdt_limit + 1, false) != NULL);
		for (unsigned i = 0; i < boot.module_count; i++) {
			check(gmem_at(&mem, (gpa_t){ entry.module[i] }, boot.module[i].size, true) != NULL);
			check(entry.module[i] > entry.rip);
			check(!i || entry.module[i] >= entry.module[i - 1] + boot.module[i - 1].size);
		}
	} else {
		check(err.text && err.file);
	}
	free((uint8_t *)boot.kernel);
	return 0;
}
