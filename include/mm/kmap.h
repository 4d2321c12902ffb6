/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own half of every host address space. */
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include <lib/base.h>
#include <mm/pt.h>

/* Build the final kernel tables from the boot memory map (text RX, rodata R, data RW, direct map RW NX; the image's alias
 * in the direct map loses W), and load them. */
void kmap_init(void);
/* The format of host spaces' tables. */
const struct pt_format *kmap_format(void);
/* Give a zeroed top-level table the kernel's half. */
void kmap_space_init(uint64_t *root);
/* A table with nothing but the kernel's half, for a CPU that runs no thread. */
hpa_t kmap_root(void);
/* Map device registers for the kernel (uncached); valid for good.  NULL when the window is full. */
void *kmap_device(hpa_t pa, uint64_t size);
/* The same with another memory type: PT_UC or PT_WC. */
void *kmap_device_type(hpa_t pa, uint64_t size, uint32_t type);
/* Map @frames, @size bytes of the pool, as a shadow stack, with an unmapped page below it; valid for good.  Never freed. */
void *kmap_shadow_stack(void *frames, uint64_t size);
/* @frames, @size bytes of the pool, are no longer writable through the direct map.  Only while the boot CPU is alone. */
void kmap_seal(void *frames, uint64_t size);
/* The end of a kernel stack of @size bytes of its own, with an unmapped page below it; NULL without memory.  Never freed. */
void *kmap_stack(uint64_t size);

#endif
