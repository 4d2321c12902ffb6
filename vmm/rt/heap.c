/* SPDX-License-Identifier: Apache-2.0 */
/* The arena allocator: a pointer that moves up. */
#include <rt/heap.h>

#include <rt/log.h>
#include <rt/string.h>

static uint64_t heap_next, heap_end;

void heap_init(void *base, size_t size)
{
	heap_next = (uint64_t)base;
	heap_end = heap_next + size;
}

void *heap_alloc_aligned(size_t size, size_t align)
{
	uint64_t at = align_up(heap_next, align);

	if (at < heap_next || at > heap_end || size > heap_end - at)
		rt_panic("heap: no room for %zu bytes, %zu left", size, heap_left());
	heap_next = at + size;
	return memset((void *)at, 0, size);
}

void *heap_alloc(size_t size)
{
	return heap_alloc_aligned(size, 16);
}

size_t heap_left(void)
{
	return heap_end - heap_next;
}
