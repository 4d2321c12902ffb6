/* SPDX-License-Identifier: Apache-2.0 */
/* A few MiB that stand for physical memory from address 0 on, and what a loader might have put there. */
#ifndef TESTS_BOOT_IMAGE_H
#define TESTS_BOOT_IMAGE_H

#include <kernel/phys_window.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_SIZE	(4 * MIB)
#define KERNEL_START	0x100000ull
#define KERNEL_END	0x140000ull

struct image {
	uint8_t *memory;
	struct phys_window window;
	uint64_t next;		/* where image_put() puts the next thing */
};

static inline void image_init(struct image *im)
{
	im->memory = calloc(1, IMAGE_SIZE);
	im->window = (struct phys_window){ .base = im->memory, .start = 0, .size = IMAGE_SIZE };
	im->next = 0x10000;
}

static inline void image_free(struct image *im)
{
	free(im->memory);
}

/* Copy @size bytes to the next free place, 8-byte aligned; returns the physical address. */
static inline uint64_t image_put(struct image *im, const void *data, size_t size)
{
	uint64_t pa = im->next;

	memcpy(im->memory + pa, data, size);
	im->next = align_up(pa + size, 8);
	return pa;
}

#endif
