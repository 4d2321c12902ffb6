/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot loader said, checked and turned into plain data.  Filled by boot/, read by everything else, never changed. */
#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <lib/base.h>

#define BOOT_RANGES	128u
#define BOOT_MODULES	32u

enum boot_memory {		/* kind of a range of the memory map */
	BOOT_RAM = 1,
	BOOT_RESERVED = 2,
	BOOT_ACPI = 3,		/* tables, reclaimable */
	BOOT_NVS = 4,
};

struct boot_range {
	uint64_t base, size;
	uint32_t kind;		/* enum boot_memory */
};

struct boot_module {
	uint64_t base, size;	/* physical; an empty file has size 0 and any base */
	char cmdline[96];	/* its first word is its name */
};

struct boot_framebuffer {
	uint64_t base;		/* 0: none */
	uint32_t width, height, pitch, bpp;
	uint8_t red_shift, green_shift, blue_shift;
};

struct boot_info {
	const char *loader;	/* "multiboot2" or "pvh" */
	uint64_t rsdp;			/* physical address of the ACPI RSDP, 0: none */
	uint8_t rsdp_copy[36];		/* multiboot2 gives only a copy; boot_main() puts it into a page and sets @rsdp */
	char cmdline[256];
	unsigned range_count, module_count;
	struct boot_range range[BOOT_RANGES];		/* sorted, not overlapping */
	struct boot_module module[BOOT_MODULES];
	struct boot_framebuffer fb;
};

extern struct boot_info boot_info;

/* The value of option "@name=value" of the hypervisor's command line, copied to @buf; a bare "@name" gives "".  false: absent. */
bool boot_option(const char *name, char *buf, size_t size);
/* Is the word @value in the comma-separated list of option @name?  Used as boot_option_has("off", "nextrip"). */
bool boot_option_has(const char *name, const char *value);

#endif
