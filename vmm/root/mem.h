/* SPDX-License-Identifier: Apache-2.0 */
/* Root's memory: physical memory for others, windows into it, boot modules. */
#ifndef ROOT_MEM_H
#define ROOT_MEM_H

#include <abi/info.h>
#include <abi/status.h>
#include <lib/base.h>

#include "pool.h"

/* Collect what is free.  Once, before anything else here. */
void mem_init(void);

/* Bytes that are free now. */
uint64_t mem_free_bytes(void);

/* @size bytes for a small thing, zeroed. */
bool mem_take(uint64_t size, struct extent *out) MUST_USE;
/* Guest RAM in at most @max pieces, 2 MiB aligned, in 1 GiB alignment if that is possible; contents undefined.  0: none. */
unsigned mem_take_ram(uint64_t size, struct extent *out, unsigned max) MUST_USE;
void mem_give_back(const struct extent *e);

/* Map [@offset, @offset + @size) of @e to @addr in the host space of @domain. */
enum tv_err mem_map(uint64_t domain, uint64_t addr, const struct extent *e, uint64_t offset, uint64_t size, uint32_t rights) MUST_USE;

/* Make part of @e writable for root itself until mem_window_close(); one window at a time, at most MEM_WINDOW bytes. */
#define MEM_WINDOW	(16 * MIB)
void *mem_window(const struct extent *e, uint64_t offset, uint64_t size);
void mem_window_close(void);

/*
 * Memory that root keeps mapped: @size bytes, zeroed, taken from the pool.  Panics when there is none: called at boot, in
 * amounts that the configuration bounds.  *@e says which memory it is, for mapping it into a child as well.
 */
void *mem_keep(uint64_t size, struct extent *e);

/* Write zeros over [@at, @at + @size) where it is not zero already: memory of an emulated machine stays untouched. */
void mem_scrub(void *at, uint64_t size);

/* The boot module whose command line begins with the word @name; NULL: there is none.  *@index, unless NULL, becomes its number. */
const struct tv_root_module *mem_module(const char *name, unsigned *index);
/* Its content, readable until the next call; NULL if it is empty or cannot be mapped. */
const void *mem_module_map(const struct tv_root_module *m);

/* Selector of the region that holds [@phys, @phys + @size) and is of @kind; *@offset is where it begins.  0: none does. */
uint64_t mem_region_at(uint64_t phys, uint64_t size, uint32_t kind, uint64_t *offset);

#endif
