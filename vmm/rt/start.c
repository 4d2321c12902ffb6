/* SPDX-License-Identifier: Apache-2.0 */
/* The way from crt0 to the program's own code: check the start page, set up the heap, call rt_main or rt_thread_main. */
#include <rt/start.h>

#include <rt/heap.h>
#include <rt/string.h>
#include <rt/sys.h>

/* A program with one thread has no second entry. */
__attribute__((weak)) void rt_thread_main(const struct tv_start *start, unsigned index)
{
	(void)start;
	(void)index;
	sys_thread_exit(RT_EXIT_START);
}

static bool start_valid(const struct tv_start *s)
{
	return s->magic == TV_START_MAGIC && s->version == TV_START_VERSION && s->size == sizeof(*s) &&
	       s->cap_count <= TV_START_CAPS && s->area_count <= TV_START_AREAS && s->config_size <= sizeof(s->config);
}

NORETURN void rt_start(uint64_t arg)
{
	const struct tv_start *s = (const struct tv_start *)align_down(arg, PAGE_SIZE);
	unsigned index = (unsigned)(arg & PAGE_MASK);

	if (s && !start_valid(s))
		sys_thread_exit(RT_EXIT_START);
	if (index) {
		rt_thread_main(s, index);
		sys_thread_exit(0);
	}
	if (s) {
		uint64_t size;
		void *heap = start_area(s, "heap", &size);

		if (heap)
			heap_init(heap, size);
	}
	sys_thread_exit(rt_main(s));
}

const struct tv_info *rt_info(void)
{
	return (const struct tv_info *)TV_INFO_ADDR;
}

uint64_t start_cap(const struct tv_start *start, const char *name)
{
	for (uint32_t i = 0; i < start->cap_count; i++)
		if (str_equal(start->cap[i].name, name))
			return start->cap[i].sel;
	return 0;
}

void *start_area(const struct tv_start *start, const char *name, uint64_t *size)
{
	for (uint32_t i = 0; i < start->area_count; i++) {
		if (!str_equal(start->area[i].name, name))
			continue;
		if (size)
			*size = start->area[i].size;
		return (void *)start->area[i].addr;
	}
	return NULL;
}

const void *start_config(const struct tv_start *start, size_t size)
{
	return start->config_size == size ? start->config : NULL;
}
