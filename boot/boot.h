/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsers of boot information.  All are pure functions over a struct phys_window; each returns true, or false with
 * @err->text saying what is wrong and where.  Everything they read is outside input.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include <kernel/boot_info.h>
#include <kernel/phys_window.h>
#include <lib/base.h>

struct boot_error {
	char text[160];
};

/* Write @err->text and return false. */
bool boot_fail(struct boot_error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* EAX at entry. */
#define MB2_LOADER_MAGIC	0x36d76289u
#define PVH_START_MAGIC		0x336ec578u

/* Fill @out, which the caller has zeroed, from the structures at physical address @info. */
bool mb2_parse(const struct phys_window *mem, uint64_t info, struct boot_info *out, struct boot_error *err) MUST_USE;
bool pvh_parse(const struct phys_window *mem, uint64_t info, struct boot_info *out, struct boot_error *err) MUST_USE;

/*
 * `qemu -kernel` passes one module only.  If it is a bundle, replace it in @info by the modules that it holds; else leave it.
 * A bundle is page aligned and begins with a page of struct bundle_header.
 */
bool bundle_split(const struct phys_window *mem, struct boot_info *info, struct boot_error *err) MUST_USE;

/* Append a range as the loader reported it; kinds other than enum boot_memory become BOOT_RESERVED.  Empty ranges vanish. */
bool ranges_add(struct boot_info *info, uint64_t base, uint64_t size, uint32_t kind, struct boot_error *err) MUST_USE;
/* Sort the ranges, make them page granular, and resolve overlaps: reserved wins over NVS, ACPI, RAM. */
bool ranges_normalise(struct boot_info *info, struct boot_error *err) MUST_USE;
/* Does RAM alone cover [@base, @base + @size)?  After ranges_normalise(). */
bool ranges_ram(const struct boot_info *info, uint64_t base, uint64_t size);

/* Append a module whose command line ends within @max characters of @cmdline. */
bool modules_add(struct boot_info *info, uint64_t base, uint64_t size, const char *cmdline, size_t max,
		 struct boot_error *err) MUST_USE;
/* Modules that are not empty are page aligned, in RAM, below the window's end, and overlap neither the kernel nor each other. */
bool modules_check(const struct phys_window *mem, const struct boot_info *info, uint64_t kernel_start, uint64_t kernel_end,
		   struct boot_error *err) MUST_USE;

/* Physical address of a checked RSDP in the BIOS areas of the first MiB; 0: none. */
uint64_t rsdp_search(const struct phys_window *mem);

struct bundle_entry {
	char cmdline[96];
	uint64_t offset;	/* from the start of the bundle, page aligned */
	uint64_t size;		/* bytes                                      */
};
struct bundle_header {
	char magic[8];		/* BUNDLE_MAGIC       */
	uint32_t version;	/* BUNDLE_VERSION     */
	uint32_t count;
	struct bundle_entry entry[];
};
#define BUNDLE_MAGIC	"TVBUNDLE"
#define BUNDLE_VERSION	1u
_Static_assert(sizeof(struct bundle_entry) == 112, "tools write it");
_Static_assert(sizeof(struct bundle_header) == 16, "tools write it");
_Static_assert(sizeof(struct bundle_header) + BOOT_MODULES * sizeof(struct bundle_entry) <= PAGE_SIZE, "one page");

#endif
