/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a program takes at its start and never gives back.  There is no free: what comes and goes uses pools of its own. */
#ifndef RT_HEAP_H
#define RT_HEAP_H

#include <lib/base.h>

/* Use [@base, @base + @size).  The runtime calls it with the area "heap" of the start page; root calls it itself. */
void heap_init(void *base, size_t size);
/* @size zeroed bytes, aligned to 16; panics when the heap is used up, for the sizes are known when the program starts. */
void *heap_alloc(size_t size) MUST_USE;
/* The same, aligned to @align, a power of two. */
void *heap_alloc_aligned(size_t size, size_t align) MUST_USE;
/* Bytes left. */
size_t heap_left(void);

#endif
