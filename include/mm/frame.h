/* SPDX-License-Identifier: Apache-2.0 */
/* Physical page frames of the kernel's own pool. */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include <lib/base.h>

/* All physical memory is visible to the kernel at this address (PML4 slots 256 ...), no-execute. */
#define DIRECT_MAP		0xffff800000000000ull
/* The image is linked here + its physical address. */
#define KERNEL_BASE		0xffffffff80000000ull

static inline void *frame_va(hpa_t pa) { return (void *)(uintptr_t)(pa.v + DIRECT_MAP); }
/* Only for pointers into the direct map. */
static inline hpa_t frame_pa(const void *va) { return (hpa_t){ (uint64_t)(uintptr_t)va - DIRECT_MAP }; }

/* Hand [@base, @base + @size) (page aligned, RAM, not in use) to the pool.  Boot only. */
void frame_add(hpa_t base, uint64_t size);
/* One zeroed page, or NULL.  Callers outside mm go through a quota (mm/quota.h). */
void *frame_alloc(void) MUST_USE;
/* @count contiguous zeroed pages (boot time: stacks, permission maps; and back-ends' few multi-page structures), or NULL. */
void *frame_alloc_many(unsigned count) MUST_USE;
/* Back to the pool.  Contents are cleared before anyone else gets them. */
void frame_free(void *page);
void frame_free_many(void *pages, unsigned count);
uint64_t frame_count_free(void);
uint64_t frame_count_total(void);

#endif
