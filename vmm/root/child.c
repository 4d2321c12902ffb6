/* SPDX-License-Identifier: Apache-2.0 */
/* Children: domains with a program in them.  The order of selectors in root's table is in the enum below. */
#include "child.h"

#include <lib/elf.h>
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#include "mem.h"
#include "root.h"

/* Selectors of one child in root's table, from ROOT_SEL_CHILD + slot * CHILD_SELS on. */
enum {
	SEL_DOMAIN = 0,
	SEL_NTFN   = 1,
	SEL_THREAD = 2,
	SEL_SCHED  = SEL_THREAD + CHILD_THREADS,
	SEL_END    = SEL_SCHED + CHILD_THREADS,
};
_Static_assert(SEL_END <= CHILD_SELS, "selectors of a child");
_Static_assert(ROOT_SEL_CHILD + ROOT_CHILDREN * CHILD_SELS <= TV_SEL_MAX, "selectors of all children");

static uint64_t child_sel(const struct child *c, unsigned which)
{
	return ROOT_SEL_CHILD + c->slot * CHILD_SELS + which;
}

uint64_t child_domain(const struct child *c) { return child_sel(c, SEL_DOMAIN); }
uint64_t child_ntfn(const struct child *c) { return child_sel(c, SEL_NTFN); }
uint64_t child_thread_sel(const struct child *c, unsigned index) { return child_sel(c, SEL_THREAD + index); }
uint64_t child_sched_sel(const struct child *c, unsigned index) { return child_sel(c, SEL_SCHED + index); }

/* Keep the first error; false if there is one. */
static bool child_check(struct child *c, enum tv_err err, const char *what)
{
	if (err == TV_OK || c->wrong)
		return !c->wrong;
	c->wrong = what;
	c->err = err;
	return false;
}

static bool child_fail(struct child *c, const char *what)
{
	if (!c->wrong)
		c->wrong = what;
	return false;
}

void child_begin(struct child *c, unsigned slot, const char *name, uint64_t quota, unsigned end_bit)
{
	memset(c, 0, sizeof(*c));
	c->slot = slot;
	c->start = (struct tv_start){ .magic = TV_START_MAGIC, .version = TV_START_VERSION, .size = sizeof(c->start), .free_sel = 1 };
	str_copy(c->start.name, sizeof(c->start.name), name);
	if (!child_check(c, sys_domain_create(child_domain(c), align_up(quota, PAGE_SIZE)), "creating the domain"))
		return;
	c->alive = true;
	if (child_check(c, sys_ntfn_create(child_ntfn(c)), "creating the notification"))
		child_check(c, sys_domain_watch(child_domain(c), ROOT_SEL_NTFN, BIT(end_bit)), "watching the domain");
}

/* @size zeroed bytes that are the child's alone; NULL: see @wrong. */
static const struct extent *child_memory(struct child *c, uint64_t size)
{
	struct extent *e = &c->extent[c->extent_count];

	if (c->wrong)
		return NULL;
	RT_CHECK(c->extent_count < CHILD_EXTENTS);
	if (!mem_take(size, e)) {
		child_fail(c, "not enough memory for its program");
		return NULL;
	}
	c->extent_count++;
	return e;
}

static void child_map(struct child *c, uint64_t addr, const struct extent *e, uint64_t offset, uint64_t size, uint32_t rights)
{
	if (!c->wrong)
		child_check(c, mem_map(child_domain(c), addr, e, offset, size, rights), "mapping memory");
}

/* Copy [@from, @from + @size) to offset @at of @e. */
static void child_fill(struct child *c, const struct extent *e, uint64_t at, const void *from, uint64_t size)
{
	uint64_t first = align_down(at, PAGE_SIZE);
	char *window;

	if (c->wrong || !size)
		return;
	if (size > MEM_WINDOW - 2 * PAGE_SIZE) {
		child_fail(c, "a segment of its program is too large");
		return;
	}
	window = mem_window(e, first, align_up(at + size, PAGE_SIZE) - first);
	if (!window) {
		child_fail(c, "mapping its memory into root");
		return;
	}
	memcpy(window + (at - first), from, size);
	mem_window_close();
}

static void child_load_segment(struct child *c, const void *elf, const struct elf_segment *s)
{
	uint64_t first = align_down(s->vaddr, PAGE_SIZE), size = align_up(s->vaddr + s->memsz, PAGE_SIZE) - first;
	const struct extent *e = child_memory(c, size);

	if (!e)
		return;
	if (s->flags & ELF_W) {
		c->data = c->extent_count - 1;
		c->data_addr = first;
	}
	child_fill(c, e, s->vaddr - first, (const char *)elf + s->offset, s->filesz);
	child_map(c, first, e, 0, size,
		  TV_MAP_READ | (s->flags & ELF_W ? TV_MAP_WRITE : 0) | (s->flags & ELF_X ? TV_MAP_EXEC : 0));
}

/* "module NAME: WHAT" */
static void child_fail_module(struct child *c, const struct tv_root_module *m, const char *what)
{
	unsigned length = 0;

	while (m->cmdline[length] && m->cmdline[length] != ' ')
		length++;
	fmt_buf(c->wrong_text, sizeof(c->wrong_text), "module %.*s: %s", (int)length, m->cmdline, what);
	child_fail(c, c->wrong_text);
}

void child_load(struct child *c, const struct tv_root_module *m)
{
	struct elf_layout l;
	struct elf_error e;
	const void *elf;

	if (c->wrong)
		return;
	elf = mem_module_map(m);
	if (!elf) {
		child_fail_module(c, m, "expected an ELF file, it is empty");
		return;
	}
	if (!elf_check(elf, m->size, TV_USER_MIN, CHILD_PROGRAM_END, &l, &e)) {
		child_fail_module(c, m, e.text);
		return;
	}
	if (l.count > CHILD_SEGMENTS) {
		child_fail_module(c, m, "too many segments");
		return;
	}
	c->entry = l.entry;
	for (unsigned i = 0; i < l.count; i++)
		child_load_segment(c, elf, &l.segment[i]);
}

void child_area(struct child *c, const char *name, uint64_t addr, const struct extent *e, uint32_t rights)
{
	struct tv_start_area *a = &c->start.area[c->start.area_count];

	RT_CHECK(c->start.area_count < TV_START_AREAS);
	child_map(c, addr, e, 0, e->size, rights);
	a->addr = addr;
	a->size = e->size;
	str_copy(a->name, sizeof(a->name), name);
	c->start.area_count++;
}

void child_heap(struct child *c, uint64_t size)
{
	const struct extent *e = child_memory(c, size);

	if (e)
		child_area(c, "heap", CHILD_HEAP, e, TV_MAP_READ | TV_MAP_WRITE);
}

uint32_t child_give(struct child *c, const char *name, uint64_t sel, uint32_t rights, uint64_t base, uint64_t size)
{
	struct tv_start_cap *cap = &c->start.cap[c->start.cap_count];

	RT_CHECK(c->start.cap_count < TV_START_CAPS);
	if (c->wrong)
		return 0;
	cap->sel = c->start.free_sel;
	str_copy(cap->name, sizeof(cap->name), name);
	if (!child_check(c, sys_cap_derive(child_domain(c), cap->sel, sel, rights, base, size), "giving it a capability"))
		return 0;
	c->start.cap_count++;
	return c->start.free_sel++;
}

/* The upper half of the thread's place; the lower one stays empty, so that an overflow faults. */
static bool child_stack(struct child *c, unsigned index)
{
	const struct extent *e = child_memory(c, CHILD_STACK);

	if (!e)
		return false;
	child_map(c, CHILD_STACKS + index * CHILD_STACK_STEP + CHILD_STACK, e, 0, CHILD_STACK, TV_MAP_READ | TV_MAP_WRITE);
	return !c->wrong;
}

uint32_t child_thread(struct child *c, const struct child_limits *limits)
{
	unsigned index = c->thread_count;
	uint64_t top = CHILD_STACKS + (index + 1) * CHILD_STACK_STEP, thread = child_thread_sel(c, index);
	uint64_t sched = child_sched_sel(c, index), us = root.tsc_hz / 1000000;
	char name[12];

	RT_CHECK(index < CHILD_THREADS);
	if (c->wrong || !child_stack(c, index))
		return 0;
	c->thread_count++;
	child_check(c, sys_thread_create(thread, child_domain(c), c->entry, top, CHILD_START + index, 0), "creating a thread");
	child_check(c, sys_sched_create(sched, TV_SEL_SCHED, limits->cpu, limits->priority, limits->budget_us * us,
					limits->period_us * us), "creating a scheduling context");
	if (c->wrong || !child_check(c, sys_sched_bind(sched, thread), "binding a scheduling context"))
		return 0;
	fmt_buf(name, sizeof(name), "sched%u", index);
	child_give(c, name, sched, TV_RIGHT_READ, 0, 0);
	fmt_buf(name, sizeof(name), "thread%u", index);
	return child_give(c, name, thread, TV_RIGHT_CONTROL | TV_RIGHT_READ, 0, 0);
}

bool child_start(struct child *c, const void *config, size_t size)
{
	const struct extent *e = child_memory(c, PAGE_SIZE);

	RT_CHECK(size <= sizeof(c->start.config));
	if (!e)
		return false;
	memcpy(c->start.config, config, size);
	c->start.config_size = (uint32_t)size;
	child_fill(c, e, 0, &c->start, sizeof(c->start));
	child_map(c, CHILD_START, e, 0, PAGE_SIZE, TV_MAP_READ);
	return !c->wrong && child_check(c, sys_thread_start(child_thread_sel(c, 0)), "starting its thread");
}

bool child_unload(struct child *c, struct extent *data, uint64_t *addr)
{
	for (unsigned i = 0; i < c->thread_count; i++)
		child_check(c, sys_thread_suspend(child_thread_sel(c, i)), "stopping a thread");
	child_check(c, sys_mem_unmap(child_domain(c), TV_USER_MIN, TV_USER_MAX - TV_USER_MIN), "taking its memory away");
	if (!c->wrong && !c->data_addr)
		child_fail(c, "its program has no memory of its own");
	if (c->wrong)
		return false;
	*data = c->extent[c->data];
	*addr = c->data_addr;
	c->extent[c->data] = c->extent[--c->extent_count];
	while (c->extent_count)
		mem_give_back(&c->extent[--c->extent_count]);
	c->start.area_count = 0;
	c->data_addr = 0;
	return true;
}

void child_threads_again(struct child *c)
{
	for (unsigned i = 0; i < c->thread_count; i++) {
		uint64_t top = CHILD_STACKS + (i + 1) * CHILD_STACK_STEP;

		if (child_stack(c, i))
			child_check(c, sys_thread_reset(child_thread_sel(c, i), c->entry, top, CHILD_START + i),
				    "beginning anew with a thread");
	}
}

/* What is not there any more, or never was, answers TV_ECAP. */
void child_end(struct child *c)
{
	if (c->alive)
		RT_CHECK(sys_domain_destroy(child_domain(c)) == TV_OK);
	for (unsigned which = SEL_NTFN; c->alive && which < SEL_END; which++) {
		enum tv_err err = sys_cap_delete(child_sel(c, which));

		RT_CHECK(err == TV_OK || err == TV_ECAP);
	}
	c->alive = false;
	while (c->extent_count)
		mem_give_back(&c->extent[--c->extent_count]);
	c->thread_count = 0;
}
