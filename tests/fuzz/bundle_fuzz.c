/* SPDX-License-Identifier: Apache-2.0 */
/* The module bundle with any file: never a read outside of it, and every module that comes out lies inside. */
/* sources: boot/bundle.c boot/modules.c boot/ranges.c kernel/fmt.c */
#include "boot/boot.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BASE	0x200000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: what of the file is not zero; the file itself is a page longer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	struct boot_error err = { .text = "" };
	size_t length = size + PAGE_SIZE;
	uint8_t *copy = calloc(1, length);
	struct phys_window mem = { .base = copy, .start = FILE_BASE, .size = length };

	memcpy(copy, data, size);
	memset(&info, 0, sizeof(info));
	info.module_count = 1;
	info.module[0] = (struct boot_module){ .base = FILE_BASE, .size = length };
	if (bundle_split(&mem, &info, &err)) {
		for (unsigned i = 0; i < info.module_count; i++) {
			const struct boot_module *m = &info.module[i];

			if (!phys_at(&mem, m->base, m->size) || !is_aligned(m->base, PAGE_SIZE) ||
			    strnlen(m->cmdline, sizeof(m->cmdline)) == sizeof(m->cmdline))
				abort();
		}
	} else if (err.text[0] == '\0') {
		abort();
	}
	free(copy);
	return 0;
}
