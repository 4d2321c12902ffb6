/* SPDX-License-Identifier: Apache-2.0 */
/* Several boot modules in one file, for loaders that pass only one: the PVH loader of `qemu -kernel -initrd`. */
#include <kernel/string.h>

#include "boot.h"

bool bundle_split(const struct phys_window *mem, struct boot_info *info, struct boot_error *err)
{
	struct boot_module file = info->module[0];
	struct bundle_header h;
	struct bundle_entry e;

	if (info->module_count != 1 || file.size < PAGE_SIZE)
		return true;
	if (!phys_at(mem, file.base, file.size) || !phys_copy(mem, file.base, &h, sizeof(h)))
		return boot_fail(err, "module 0 at %#llx, %#llx bytes, is out of reach", (unsigned long long)file.base,
				 (unsigned long long)file.size);
	if (memcmp(h.magic, BUNDLE_MAGIC, sizeof(h.magic)) != 0)
		return true;
	if (h.version != BUNDLE_VERSION)
		return boot_fail(err, "module bundle: version %u, expected %u", h.version, BUNDLE_VERSION);
	if (h.count > BOOT_MODULES)
		return boot_fail(err, "module bundle: %u modules, at most %u are possible", h.count, BOOT_MODULES);

	memset(info->module, 0, sizeof(info->module));
	info->module_count = 0;
	for (uint32_t i = 0; i < h.count; i++) {
		/* Inside the first page, which was checked above. */
		if (!phys_copy(mem, file.base + sizeof(h) + i * sizeof(e), &e, sizeof(e)))
			return boot_fail(err, "module bundle: entry %u is out of reach", i);
		if (!is_aligned(e.offset, PAGE_SIZE) || e.offset < PAGE_SIZE || !range_inside(e.offset, e.size, file.size))
			return boot_fail(err, "module bundle: module %u at %#llx, %#llx bytes, is not page aligned inside the "
					 "bundle's %#llx bytes", i, (unsigned long long)e.offset, (unsigned long long)e.size,
					 (unsigned long long)file.size);
		if (!modules_add(info, file.base + e.offset, e.size, e.cmdline, sizeof(e.cmdline), err))
			return false;
	}
	return true;
}
