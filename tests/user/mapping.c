/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping, unmapping, protecting and revoking memory, as the CPU sees it. */
#include <rt/start.h>

#include "child.h"

#define VA		0x100000000ull
#define RW		(TV_MAP_READ | TV_MAP_WRITE)

static volatile uint64_t *at(uint64_t va) { return (volatile uint64_t *)va; }

static void two_mappings_show_the_same_memory(void)
{
	uint64_t off = memory_take(4 * MIB, 2 * MIB);

	expect_err(sys_mem_map(TV_SEL_DOMAIN, VA, ram_sel, off, 4 * MIB, RW), TV_OK);
	expect_err(sys_mem_map(TV_SEL_DOMAIN, VA + 8 * MIB + 0x1000, ram_sel, off, 4 * MIB, RW), TV_OK);
	for (uint64_t i = 0; i < 4 * MIB; i += 0x1000)
		*at(VA + i + 8) = i ^ 0x5555;
	for (uint64_t i = 0; i < 4 * MIB; i += 0x1000)
		expect(*at(VA + 8 * MIB + 0x1000 + i + 8) == (i ^ 0x5555));
	expect_err(sys_mem_unmap(TV_SEL_DOMAIN, VA, 4 * MIB), TV_OK);
	expect_err(sys_mem_unmap(TV_SEL_DOMAIN, VA + 8 * MIB + 0x1000, 4 * MIB), TV_OK);
	verdict("large and small pages show the same memory");
}

static void what_is_mapped_anew_is_seen_at_once(void)
{
	uint64_t a = memory_take(0x1000, 0x1000), b = memory_take(0x1000, 0x1000);

	for (unsigned i = 0; i < 200; i++) {
		expect_err(sys_mem_map(TV_SEL_DOMAIN, VA, ram_sel, i & 1 ? a : b, 0x1000, RW), TV_OK);
		if (i > 1)
			expect(*at(VA) == i - 2);
		*at(VA) = i;
		expect_err(sys_mem_unmap(TV_SEL_DOMAIN, VA, 0x1000), TV_OK);
	}
	verdict("no stale translation survives unmapping");
}

/* The child reads or writes @va; true: it faulted there. */
static bool child_faults(struct child *c, const char *entry, uint64_t va)
{
	struct sys_thread_info info;
	uint64_t bits;

	child_thread(c, entry, va, 50);
	expect_err(sys_thread_start(c->thread), TV_OK);
	expect_err(sys_ntfn_wait(c->done, TV_NEVER, &bits), TV_OK);
	expect_err(sys_thread_info(c->thread, &info), TV_OK);
	expect_err(sys_cap_delete(c->thread), TV_OK);
	expect_err(sys_cap_delete(c->sched), TV_OK);
	/* UD2 follows an access that went well. */
	return (info.fault & 0xffffffff) == 14 && info.addr == va;
}

static void revoking_takes_memory_away_from_another_domain(void)
{
	uint64_t off = memory_take(0x4000, 0x1000), base = root_info()->region[ram_sel - TV_SEL_REGION].base;
	uint64_t part = sel_new(), copy = sel_new();
	struct child c;

	child_domain(&c);
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, part, ram_sel, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE, base + off,
				  0x4000), TV_OK);
	expect_err(sys_cap_derive(TV_SEL_DOMAIN, copy, part, TV_RIGHT_READ | TV_RIGHT_WRITE, 0, 0), TV_OK);
	expect_err(sys_mem_map(c.domain, 0x700000, copy, 0, 0x4000, RW), TV_OK);
	expect(!child_faults(&c, child_write, 0x703000));
	expect_err(sys_mem_protect(c.domain, 0x702000, 0x1000, TV_MAP_READ), TV_OK);
	expect(child_faults(&c, child_write, 0x702000));
	expect(!child_faults(&c, child_read, 0x702000));
	expect(!child_faults(&c, child_write, 0x701000));
	expect_err(sys_mem_protect(c.domain, 0x700000, 0x4000, RW), TV_OK);
	expect(!child_faults(&c, child_write, 0x702000));
	expect_err(sys_mem_unmap(c.domain, 0x701000, 0x1000), TV_OK);
	expect(child_faults(&c, child_read, 0x701000));
	verdict("protecting and unmapping a part changes only the part");
	expect_err(sys_cap_delete(part), TV_OK);
	expect(child_faults(&c, child_read, 0x700000));
	expect(child_faults(&c, child_read, 0x703000));
	verdict("revoking a region unmaps it in another domain");
	child_end(&c);
}

/* A higher thread must get through while root maps and unmaps a lot: lateness of its deadlines, at worst. */
static void long_operations_let_others_in(void)
{
	uint64_t off = memory_take(64 * MIB, 2 * MIB), worst = 0, hz = rt_info()->tsc_hz;
	struct sys_domain_info info;
	bool between = false;
	struct child c;

	child_domain(&c);
	child_thread(&c, child_count, CHILD_SHARED, 255);
	expect_err(sys_thread_start(c.thread), TV_OK);
	/* Same priority as root: they take turns, also in the middle of root's hypercalls. */
	for (unsigned i = 0; i < 50 && !between; i++) {
		uint64_t before = c.page->counter, start = __builtin_ia32_rdtsc();

		expect_err(sys_mem_map(TV_SEL_DOMAIN, VA, ram_sel, off + 0x1000, 60 * MIB, RW), TV_OK);
		expect_err(sys_mem_protect(TV_SEL_DOMAIN, VA, 60 * MIB, TV_MAP_READ), TV_OK);
		expect_err(sys_mem_unmap(TV_SEL_DOMAIN, VA, 60 * MIB), TV_OK);
		worst = max_u64(worst, __builtin_ia32_rdtsc() - start);
		between = c.page->counter > before;
	}
	expect(between);
	expect_err(sys_thread_suspend(c.thread), TV_OK);
	child_end(&c);
	expect_err(sys_domain_info(TV_SEL_DOMAIN, &info), TV_OK);
	print("60 MiB in small pages: mapped, protected and unmapped in %u ms\n", (unsigned)(worst * 1000 / hz));
	verdict("other threads run while large ranges are mapped");
}

static void exhaustion_is_an_error_and_nothing_else(void)
{
	uint64_t off = memory_take(32 * MIB, 2 * MIB);
	struct sys_domain_info before, after;
	struct child c;

	child_domain(&c);
	expect_err(sys_domain_info(c.domain, &before), TV_OK);
	expect_err(sys_mem_map(c.domain, VA, ram_sel, off + 0x1000, 31 * MIB, RW), TV_OK);
	expect_err(sys_mem_map(c.domain, VA + GIB, ram_sel, off + 0x1000, 31 * MIB, RW), TV_OK);
	for (unsigned i = 2; i < 10; i++)
		if (sys_mem_map(c.domain, VA + i * GIB, ram_sel, off + 0x1000, 31 * MIB, RW) == TV_EQUOTA)
			break;
		else
			expect(i < 9);
	for (unsigned i = 0; i < 10; i++)
		expect_err(sys_mem_unmap(c.domain, VA + i * GIB, 31 * MIB), TV_OK);
	expect_err(sys_domain_info(c.domain, &after), TV_OK);
	expect(after.used == before.used);
	expect(after.peak > before.used);
	child_end(&c);
	verdict("a domain that runs out of kernel memory gets an error, and all comes back");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	memory_init();
	two_mappings_show_the_same_memory();
	what_is_mapped_anew_is_seen_at_once();
	revoking_takes_memory_away_from_another_domain();
	long_operations_let_others_in();
	exhaustion_is_an_error_and_nothing_else();
	done();
}
