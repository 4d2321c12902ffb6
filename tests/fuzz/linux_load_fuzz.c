/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bzImage loader with any file as kernel and any sizes of memory and initrd.  It must never touch a byte outside of its
 * buffers, and what it accepts must hold together: kernel, initrd and boot parameters inside memory and apart from each other.
 */
/* sources: vmm/load/linux.c vmm/gmem.c vmm/layout.c */
#include <load/linux.h>

#include <stdlib.h>
#include <string.h>

#include <asm/bootparam.h>

#define MEMORY		(20 * MIB)
#define INITRD_MAX	(24 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Input: 4 bytes initrd size, 4 bytes memory beyond the least, then the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *ram;
	struct e820_entry map[LAYOUT_E820_MAX];
	struct gmem mem = { .count = 0 };
	struct linux_boot boot = { .cmdline = "console=ttyS0", .e820 = map };
	struct linux_entry entry;
	struct load_error err = { .text = NULL };
	uint32_t initrd_size, more;
	uint64_t memory;

	if (size < 8)
		return 0;
	memcpy(&initrd_size, data, 4);
	memcpy(&more, data + 4, 4);
	if (!ram)
		ram = aligned_alloc(PAGE_SIZE, MEMORY);
	memory = LAYOUT_MIN + align_down(more % (MEMORY - LAYOUT_MIN), PAGE_SIZE);
	check(gmem_add(&mem, (gpa_t){ 0 }, LAYOUT_VGA, ram, true));
	check(gmem_add(&mem, (gpa_t){ LAYOUT_ROM }, memory - LAYOUT_ROM, ram + LAYOUT_ROM, true));
	boot.initrd_size = initrd_size % INITRD_MAX;
	boot.e820_count = layout_e820(memory, map);
	boot.kernel_size = size - 8;
	boot.kernel = malloc(boot.kernel_size ? boot.kernel_size : 1);	/* its own block: one byte too far is seen */
	memcpy((uint8_t *)boot.kernel, data + 8, boot.kernel_size);

	if (linux_load(&mem, &boot, &entry, &err)) {
		const struct boot_params *p = (const void *)(ram + LAYOUT_BOOT_PARAMS);
		uint64_t kernel_end = p->hdr.pref_address + p->hdr.init_size;

		check(entry.rip == p->hdr.pref_address + 0x200 && p->hdr.pref_address >= LAYOUT_HIMEM && kernel_end <= memory);
		check(p->hdr.ramdisk_size == boot.initrd_size);
		check(!boot.initrd_size || (p->hdr.ramdisk_image >= kernel_end &&
					    p->hdr.ramdisk_image + boot.initrd_size <= memory));
	} else {
		check(err.text && err.file);
	}
	free((uint8_t *)boot.kernel);
	return 0;
}
