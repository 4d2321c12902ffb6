/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stretch of physical memory that a parser may look at.  The parsers of boot information and ACPI tables reach memory only
 * through it, so that they are pure functions: on the host, a test buffer takes the place of the first 4 GiB.
 */
#ifndef KERNEL_PHYS_WINDOW_H
#define KERNEL_PHYS_WINDOW_H

#include <lib/base.h>

struct phys_window {
	const uint8_t *base;	/* where physical address @start is visible */
	uint64_t start, size;	/* bytes                                    */
};

/* [@pa, @pa + @size) as a pointer, or NULL when any byte is outside the window. */
static inline const void *phys_at(const struct phys_window *w, uint64_t pa, uint64_t size)
{
	if (pa < w->start || !range_inside(pa - w->start, size, w->size))
		return NULL;
	return w->base + (pa - w->start);
}

/* Copy @size bytes, which need no alignment, to @dst; false: not inside the window, @dst untouched. */
static inline bool phys_copy(const struct phys_window *w, uint64_t pa, void *dst, size_t size)
{
	const void *src = phys_at(w, pa, size);

	if (src)
		__builtin_memcpy(dst, src, size);
	return src != NULL;
}

/* What the boot page tables show: the first 4 GiB.  Gone after kmap_init(). */
#define PHYS_WINDOW_BOOT_SIZE	(4 * GIB)
extern const struct phys_window phys_window_boot;

#endif
