/* SPDX-License-Identifier: Apache-2.0 */
/* Root's memory.  Regions are named by their index in the rootinfo page; the kernel gave a capability for each. */
#include "mem.h"

#include <rt/log.h>
#include <rt/string.h>
#include <rt/sys.h>

#include "root.h"

#define RAM_ALIGN	(2 * MIB)
#define KEEP_ALIGN	(64 * KIB)

static struct pool pool;
static uint64_t window_size;		/* of the open window, 0: none      */
static uint64_t module_size;		/* of the mapped module, 0: none    */
static uint64_t keep_next = ROOT_KEPT;

void mem_init(void)
{
	for (uint32_t i = 0; i < root.info->region_count; i++) {
		const struct tv_root_region *r = &root.info->region[i];

		if (r->kind == TV_REGION_RAM)
			RT_CHECK(pool_free(&pool, (struct extent){ r->base, r->size, i }));
	}
}

uint64_t mem_free_bytes(void)
{
	return pool_bytes(&pool);
}

bool mem_take(uint64_t size, struct extent *out)
{
	if (!pool_take_high(&pool, align_up(size, PAGE_SIZE), out))
		return false;
	for (uint64_t at = 0; at < out->size; at += MEM_WINDOW) {
		uint64_t piece = min_u64(MEM_WINDOW, out->size - at);
		void *window = mem_window(out, at, piece);

		if (!window) {
			mem_give_back(out);
			return false;
		}
		mem_scrub(window, piece);
		mem_window_close();
	}
	return true;
}

unsigned mem_take_ram(uint64_t size, struct extent *out, unsigned max)
{
	size = align_up(size, PAGE_SIZE);
	if (size >= GIB && pool_take(&pool, size, GIB, out))
		return 1;
	return pool_take_pieces(&pool, size, RAM_ALIGN, out, max);
}

void mem_give_back(const struct extent *e)
{
	if (!pool_free(&pool, *e))
		root_say("memory 0x%lx, %lu bytes: lost, it is too fragmented", e->base, e->size);
}

enum tv_err mem_map(uint64_t domain, uint64_t addr, const struct extent *e, uint64_t offset, uint64_t size, uint32_t rights)
{
	uint64_t start = e->base - root.info->region[e->region].base;

	return sys_mem_map(domain, addr, TV_SEL_REGION + e->region, start + offset, size, rights | TV_MAP_WB);
}

void *mem_window(const struct extent *e, uint64_t offset, uint64_t size)
{
	RT_CHECK(!window_size && size <= MEM_WINDOW);
	if (mem_map(TV_SEL_DOMAIN, ROOT_WINDOW, e, offset, size, TV_MAP_READ | TV_MAP_WRITE) != TV_OK)
		return NULL;
	window_size = size;
	return (void *)ROOT_WINDOW;
}

void mem_window_close(void)
{
	RT_CHECK(window_size && sys_mem_unmap(TV_SEL_DOMAIN, ROOT_WINDOW, window_size) == TV_OK);
	window_size = 0;
}

void *mem_keep(uint64_t size, struct extent *e)
{
	uint64_t addr = keep_next;

	size = align_up(size, PAGE_SIZE);
	if (!mem_take(size, e))
		rt_panic("no memory: %lu bytes wanted, %lu free", size, mem_free_bytes());
	RT_CHECK(mem_map(TV_SEL_DOMAIN, addr, e, 0, size, TV_MAP_READ | TV_MAP_WRITE) == TV_OK);
	keep_next = align_up(addr + size, KEEP_ALIGN);
	return (void *)addr;
}

void mem_scrub(void *at, uint64_t size)
{
	uint64_t *word = at;

	for (uint64_t i = 0; i < size / 8; i += 8) {
		uint64_t *w = word + i;

		if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
			memset(w, 0, 64);
	}
}

/* Is @name the first word of @cmdline? */
static bool first_word_is(const char *cmdline, const char *name)
{
	size_t length = strlen(name);

	return strncmp(cmdline, name, length) == 0 && (cmdline[length] == 0 || cmdline[length] == ' ');
}

const struct tv_root_module *mem_module(const char *name, unsigned *index)
{
	for (unsigned i = 0; i < root.info->module_count; i++)
		if (first_word_is(root.info->module[i].cmdline, name)) {
			if (index)
				*index = i;
			return &root.info->module[i];
		}
	return NULL;
}

const void *mem_module_map(const struct tv_root_module *m)
{
	uint64_t size = align_up(m->size, PAGE_SIZE);

	if (module_size)
		RT_CHECK(sys_mem_unmap(TV_SEL_DOMAIN, ROOT_MODULE, module_size) == TV_OK);
	module_size = 0;
	if (!size || sys_mem_map(TV_SEL_DOMAIN, ROOT_MODULE, TV_SEL_REGION + m->region, 0, size, TV_MAP_READ) != TV_OK)
		return NULL;
	module_size = size;
	return (const void *)ROOT_MODULE;
}

uint64_t mem_region_at(uint64_t phys, uint64_t size, uint32_t kind, uint64_t *offset)
{
	for (uint32_t i = 0; i < root.info->region_count; i++) {
		const struct tv_root_region *r = &root.info->region[i];

		if (r->kind == kind && phys >= r->base && range_inside(phys - r->base, size, r->size)) {
			*offset = phys - r->base;
			return TV_SEL_REGION + i;
		}
	}
	return 0;
}
