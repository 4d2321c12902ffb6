/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/space.h>

#include "kernel_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
	(void)state;
	fake_boot();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_shutdown();
	return 0;
}

enum { A = 200, B, C, DOM = 300, GUEST = 310 };

#define R	TV_MAP_READ
#define RW	(TV_MAP_READ | TV_MAP_WRITE)
#define RX	(TV_MAP_READ | TV_MAP_EXEC)
#define RWX	(TV_MAP_READ | TV_MAP_WRITE | TV_MAP_EXEC)

static enum tv_err map(uint64_t space, uint64_t va, uint64_t region, uint64_t off, uint64_t size, uint64_t flags)
{
	return call(TV_MEM_MAP, space, va, region, off, size, flags);
}

static struct space *space_of(uint64_t sel)
{
	const struct cap *c = root_cap(sel);

	return c->type == TV_CAP_DOMAIN ? &cap_domain(c)->space : cap_space(c);
}

/* The leaf at @va: its size, or 0 when nothing is mapped there; attributes in *@attr. */
static uint64_t leaf_at(uint64_t sel, uint64_t va, uint32_t *attr)
{
	uint64_t leaf;
	uint32_t a;
	hpa_t pa;

	if (!pt_lookup(&space_of(sel)->pt, va, &pa, &a, &leaf))
		return 0;
	if (attr)
		*attr = a & PT_RWX;
	return leaf;
}

static unsigned mapping_count(uint64_t sel)
{
	unsigned n = 0;

	for (struct tree_node *it = tree_first(&space_of(sel)->mappings); it; it = tree_next(it))
		n++;
	return n;
}

static void arguments_are_checked_before_anything_changes(void **state)
{
	uint64_t used = fake_root()->quota.used;

	(void)state;
	make_domain(DOM, 64);
	used = fake_root()->quota.used;
	assert_int_equal(map(DOM, 0x1001, sel_ram, 0, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0, sel_ram, 0, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 1, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1001, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0, RW), TV_EINVAL);
	assert_int_equal(map(DOM, TV_USER_MAX - 0x1000, sel_ram, 0, 0x2000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, TV_USER_MAX, sel_ram, 0, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0xffff800000000000ull, sel_ram, 0, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, ~0ull << 12, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, RWX), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, TV_MAP_WRITE), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, 0), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, RW | BIT(6)), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, RW | BIT(63)), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, RW | TV_MAP_TYPE), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_ram, 0, 0x1000, RW | TV_MAP_UC), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_mmio, 0, 0x1000, RW), TV_EINVAL);
	assert_int_equal(map(DOM, 0x1000, sel_mmio, 0, 0x1000, RX | TV_MAP_UC), TV_ERIGHT);
	assert_int_equal(map(DOM, 0x1000, sel_acpi, 0, 0x1000, RW), TV_ERIGHT);
	assert_int_equal(map(DOM, 0x1000, sel_ram, FAKE_RAM_SIZE, 0x1000, RW), TV_ERANGE);
	assert_int_equal(map(DOM, 0x1000, sel_ram, FAKE_RAM_SIZE - 0x1000, 0x2000, RW), TV_ERANGE);
	assert_int_equal(map(DOM, 0x1000, sel_ram, ~0ull << 12, 0x1000, RW), TV_ERANGE);
	assert_int_equal(map(TV_SEL_LOG, 0x1000, sel_ram, 0, 0x1000, RW), TV_ETYPE);
	assert_int_equal(map(DOM, 0x1000, TV_SEL_LOG, 0, 0x1000, RW), TV_ETYPE);
	assert_int_equal(map(999, 0x1000, sel_ram, 0, 0x1000, RW), TV_ECAP);
	assert_int_equal(fake_root()->quota.used, used);
	assert_int_equal(mapping_count(DOM), 0);
	check_invariants();
}

static void the_largest_leaves_that_fit_are_used(void **state)
{
	(void)state;
	assert_int_equal(call(TV_SPACE_CREATE, GUEST, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(map(GUEST, 0, sel_ram, 0, 2 * GIB, RWX), TV_OK);
	assert_int_equal(leaf_at(GUEST, 0, NULL), GIB);
	assert_int_equal(leaf_at(GUEST, 2 * GIB - 1, NULL), GIB);
	assert_int_equal(map(GUEST, 4 * GIB, sel_ram, 2 * MIB, 4 * MIB + 0x3000, RWX), TV_OK);
	assert_int_equal(leaf_at(GUEST, 4 * GIB, NULL), 2 * MIB);
	assert_int_equal(leaf_at(GUEST, 4 * GIB + 4 * MIB, NULL), PAGE_SIZE);
	assert_int_equal(map(GUEST, 8 * GIB, sel_ram, 0x1000, 4 * MIB, RWX), TV_OK);
	assert_int_equal(leaf_at(GUEST, 8 * GIB + 2 * MIB, NULL), PAGE_SIZE);
	assert_int_equal(map(GUEST, (1ull << 40) - 0x1000, sel_ram, 0, 0x1000, RWX), TV_OK);
	assert_int_equal(map(GUEST, 1ull << 40, sel_ram, 0, 0x1000, RWX), TV_EINVAL);
	check_invariants();
}

static void an_address_is_mapped_once(void **state)
{
	(void)state;
	make_domain(DOM, 64);
	assert_int_equal(map(DOM, 0x10000, sel_ram, 0, 0x4000, RW), TV_OK);
	assert_int_equal(map(DOM, 0xf000, sel_ram, 0, 0x2000, RW), TV_EEXIST);
	assert_int_equal(map(DOM, 0x13000, sel_ram, 0, 0x1000, RW), TV_EEXIST);
	assert_int_equal(map(DOM, 0x11000, sel_ram, 0, 0x1000, RW), TV_EEXIST);
	assert_int_equal(map(DOM, 0x10000, sel_ram, 0, 0x4000, RW), TV_EEXIST);
	assert_int_equal(map(DOM, 0xf000, sel_ram, 0, 0x1000, RW), TV_OK);
	assert_int_equal(map(DOM, 0x14000, sel_ram, 0, 0x1000, RX), TV_OK);
	check_invariants();
}

static void revoking_a_region_unmaps_it_everywhere(void **state)
{
	uint64_t generation;

	(void)state;
	make_domain(DOM, 128);
	cpu_set_add(&root_domain_of(DOM)->space.cpus, 0);	/* as if it had run */
	assert_int_equal(call(TV_SPACE_CREATE, GUEST, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(call(TV_VCPU_CREATE, A, GUEST), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, B, sel_ram, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE,
			      FAKE_RAM, 8 * MIB), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, C, B, TV_RIGHT_READ), TV_OK);
	assert_int_equal(map(DOM, 0x10000, B, 0, 0x8000, RW), TV_OK);
	assert_int_equal(map(TV_SEL_DOMAIN, 0x10000000, C, 0, 8 * MIB, R), TV_OK);
	assert_int_equal(map(GUEST, 0, B, 0, 8 * MIB, RW), TV_OK);
	assert_int_equal(map(GUEST, 8 * MIB, sel_ram, 8 * MIB, 8 * MIB, RW), TV_OK);
	check_invariants();
	generation = cap_space(root_cap(GUEST))->flush_generation;
	assert_int_equal(call(TV_CAP_DELETE, B), TV_OK);
	assert_int_equal(leaf_at(DOM, 0x10000, NULL), 0);
	assert_int_equal(leaf_at(TV_SEL_DOMAIN, 0x10000000, NULL), 0);
	assert_int_equal(leaf_at(GUEST, 0, NULL), 0);
	assert_int_not_equal(leaf_at(GUEST, 8 * MIB, NULL), 0);
	/* A vCPU flushes when it next runs; what this CPU may know of a host space that is not loaded goes at once. */
	assert_true(cap_space(root_cap(GUEST))->flush_generation > generation);
	assert_true(fake.flushes > 0 && fake.drops > 0);
	assert_false(cpu_set_has(&root_domain_of(DOM)->space.cpus, 0));
	assert_null(root_cap(C));
	check_invariants();
}

static void a_large_map_continues_after_interrupts(void **state)
{
	uint64_t used;
	enum tv_err err;

	(void)state;
	make_domain(DOM, 1024);
	used = root_domain_of(DOM)->quota.used;
	/* 20000 small pages: misaligned against each other. */
	assert_false(call_chunks(3, &err, TV_MEM_MAP, DOM, 0x100000, sel_ram, 0x1000, 20000 * PAGE_SIZE, RW));
	check_invariants();
	assert_int_equal(mapping_count(DOM), 1);
	assert_int_equal(map(DOM, 0x200000, sel_ram, 0, 0x1000, RW), TV_EEXIST);
	assert_int_equal(map(DOM, 0x100000, sel_ram, 0x1000, 20000 * PAGE_SIZE, RW), TV_OK);
	assert_int_equal(mapping_count(DOM), 1);
	check_invariants();
	/* Half done, then revoked with its source: all comes back. */
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 0x100000, 20000 * PAGE_SIZE), TV_OK);
	assert_int_equal(root_domain_of(DOM)->quota.used, used);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, B, sel_ram, TV_RIGHT_READ), TV_OK);
	assert_false(call_chunks(5, &err, TV_MEM_MAP, DOM, 0x100000, B, 0x1000, 20000 * PAGE_SIZE, R));
	assert_int_equal(call(TV_CAP_DELETE, B), TV_OK);
	assert_int_equal(root_domain_of(DOM)->quota.used, used);
	check_invariants();
}

static void a_half_made_mapping_is_protected_as_far_as_it_is_there(void **state)
{
	enum tv_err err;
	uint32_t attr;

	(void)state;
	make_domain(DOM, 1024);
	assert_false(call_chunks(2, &err, TV_MEM_MAP, DOM, 0x100000, sel_ram, 0x1000, 20000 * PAGE_SIZE, RW));
	assert_int_equal(map(DOM, 0x100000 + 20000 * PAGE_SIZE, sel_ram, 0, 0x1000, RW), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x100000, 20000 * PAGE_SIZE, R), TV_OK);
	check_invariants();
	assert_int_equal(leaf_at(DOM, 0x100000, &attr), PAGE_SIZE);
	assert_int_equal(attr, PT_R);
	assert_int_equal(leaf_at(DOM, 0x100000 + 20000 * PAGE_SIZE, &attr), PAGE_SIZE);
	assert_int_equal(attr & PT_W, PT_W);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x100000 + 9000 * PAGE_SIZE, 0x1000, R), TV_EBUSY);
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 0x100000 + 9000 * PAGE_SIZE, 0x1000), TV_EBUSY);
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 0x100000, 20000 * PAGE_SIZE), TV_OK);
	check_invariants();
}

static void unmapping_cuts_mappings_and_leaves(void **state)
{
	(void)state;
	assert_int_equal(call(TV_SPACE_CREATE, GUEST, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(map(GUEST, 0, sel_ram, 0, GIB, RWX), TV_OK);
	assert_int_equal(leaf_at(GUEST, 0, NULL), GIB);
	assert_int_equal(call(TV_MEM_UNMAP, GUEST, 0x5000, 0x1000), TV_OK);
	check_invariants();
	assert_int_equal(leaf_at(GUEST, 0x5000, NULL), 0);
	assert_int_equal(leaf_at(GUEST, 0x4000, NULL), PAGE_SIZE);
	assert_int_equal(leaf_at(GUEST, 2 * MIB, NULL), 2 * MIB);
	assert_int_equal(mapping_count(GUEST), 2);
	/* Over several mappings, holes and both edges. */
	assert_int_equal(map(GUEST, GIB + 0x1000, sel_ram, 0x3000, 4 * MIB, RW), TV_OK);
	assert_int_equal(call(TV_MEM_UNMAP, GUEST, 3 * MIB, GIB), TV_OK);
	check_invariants();
	assert_int_equal(leaf_at(GUEST, 3 * MIB - 1, NULL), PAGE_SIZE);
	assert_int_equal(leaf_at(GUEST, 3 * MIB, NULL), 0);
	assert_int_equal(leaf_at(GUEST, GIB + 3 * MIB, NULL), PAGE_SIZE);
	assert_int_equal(call(TV_MEM_UNMAP, GUEST, 0, 1ull << 40), TV_OK);
	assert_int_equal(mapping_count(GUEST), 0);
	assert_int_equal(call(TV_MEM_UNMAP, GUEST, 0, 0x1000), TV_OK);
	assert_int_equal(call(TV_MEM_UNMAP, GUEST, 0, 0), TV_EINVAL);
	check_invariants();
}

static void unmapping_fails_only_before_the_first_change(void **state)
{
	struct quota *q;
	uint64_t limit;

	(void)state;
	make_domain(DOM, 40);
	assert_int_equal(map(DOM, 2 * MIB, sel_ram, 2 * MIB, 2 * MIB, RW), TV_OK);
	q = &root_domain_of(DOM)->quota;
	limit = q->limit;
	q->limit = q->used;
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 2 * MIB + 0x1000, 0x1000), TV_EQUOTA);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 2 * MIB + 0x1000, 0x1000, R), TV_EQUOTA);
	assert_int_equal(leaf_at(DOM, 2 * MIB, NULL), 2 * MIB);
	assert_int_equal(mapping_count(DOM), 1);
	check_invariants();
	/* Whole mappings need nothing. */
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 2 * MIB, 2 * MIB), TV_OK);
	q->limit = limit;
	check_invariants();
}

static void protecting_splits_and_giving_back_merges(void **state)
{
	uint64_t used;
	uint32_t attr;

	(void)state;
	make_domain(DOM, 64);
	assert_int_equal(map(DOM, 4 * MIB, sel_ram, 4 * MIB, 4 * MIB, RW), TV_OK);
	used = root_domain_of(DOM)->quota.used;
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 4 * MIB + 0x3000, 0x2000, R), TV_OK);
	check_invariants();
	assert_int_equal(leaf_at(DOM, 4 * MIB + 0x3000, &attr), PAGE_SIZE);
	assert_int_equal(attr, PT_R);
	assert_int_equal(leaf_at(DOM, 4 * MIB + 0x5000, &attr), PAGE_SIZE);
	assert_int_equal(attr & PT_W, PT_W);
	assert_int_equal(mapping_count(DOM), 3);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 4 * MIB, 4 * MIB, RW), TV_OK);
	check_invariants();
	assert_int_equal(leaf_at(DOM, 4 * MIB + 0x3000, &attr), 2 * MIB);
	assert_int_equal(mapping_count(DOM), 1);
	assert_int_equal(root_domain_of(DOM)->quota.used, used);
	/* The piece alone given back merges too. */
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 4 * MIB + 0x3000, 0x1000, R), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 4 * MIB + 0x3000, 0x1000, RW), TV_OK);
	check_invariants();
	assert_int_equal(mapping_count(DOM), 1);
	assert_int_equal(leaf_at(DOM, 4 * MIB, NULL), 2 * MIB);
	assert_int_equal(root_domain_of(DOM)->quota.used, used);
}

static void protecting_gives_no_more_than_the_region_allows(void **state)
{
	uint32_t attr;

	(void)state;
	make_domain(DOM, 64);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, B, sel_ram, TV_RIGHT_READ | TV_RIGHT_EXEC), TV_OK);
	assert_int_equal(map(DOM, 0x10000, sel_ram, 0, 0x2000, RW), TV_OK);
	assert_int_equal(map(DOM, 0x12000, B, 0, 0x2000, R), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x10000, 0x4000, RW), TV_ERIGHT);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x12000, 0x1000, RX), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x10000, 0x1000, RWX), TV_EINVAL);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x10000, 0x1000, 0), TV_EINVAL);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x10000, 0x1000, TV_MAP_WRITE), TV_EINVAL);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 0x10000, 0x1000, R | TV_MAP_UC), TV_EINVAL);
	(void)leaf_at(DOM, 0x10000, &attr);
	assert_int_equal(attr & PT_W, PT_W);
	check_invariants();
}

/*
 * What a change in chunks meets when another thread changes the space in between.  Checking 32 mappings takes a whole chunk, so that
 * the first one ends right behind the cut: at 2 and 6 MiB large leaves that the range cuts in the middle, between them 30 pages.
 */
static void make_cut_in_progress(uint32_t before, uint32_t rights)
{
	enum tv_err err;

	make_domain(DOM, 200);
	assert_int_equal(map(DOM, 2 * MIB, sel_ram, 2 * MIB, 2 * MIB, before), TV_OK);
	assert_int_equal(map(DOM, 6 * MIB, sel_ram, 6 * MIB, 2 * MIB, before), TV_OK);
	for (uint64_t i = 0; i < 30; i++)
		assert_int_equal(map(DOM, 4 * MIB + i * 0x2000, sel_ram, 4 * MIB + i * 0x2000, 0x1000, before), TV_OK);
	assert_false(call_chunks(1, &err, TV_MEM_PROTECT, DOM, 3 * MIB, 4 * MIB, rights, 0, 0));
}

static void rights_that_stay_the_same_cut_leaves_as_well(void **state)
{
	(void)state;
	make_cut_in_progress(RW, RW);
	check_invariants();
	root_domain_of(DOM)->quota.limit = root_domain_of(DOM)->quota.used;
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 3 * MIB, MIB), TV_OK);
	root_domain_of(DOM)->quota.limit = 200;
	assert_int_equal(leaf_at(DOM, 3 * MIB - 1, NULL), PAGE_SIZE);
	assert_int_equal(leaf_at(DOM, 3 * MIB, NULL), 0);
	assert_int_equal(leaf_at(DOM, 4 * MIB, NULL), PAGE_SIZE);
	check_invariants();
}

static void what_is_mapped_behind_the_check_gets_no_more_than_its_region_allows(void **state)
{
	uint32_t attr;

	(void)state;
	make_cut_in_progress(R, RW);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, B, sel_ram, TV_RIGHT_READ), TV_OK);
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 2 * MIB, 2 * MIB), TV_OK);
	assert_int_equal(map(DOM, 2 * MIB, B, 0, 2 * MIB, R), TV_OK);
	/* The same call, whose check is behind it, goes on. */
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 3 * MIB, 4 * MIB, RW), TV_ERIGHT);
	assert_int_equal(leaf_at(DOM, 3 * MIB, &attr), 2 * MIB);
	assert_int_equal(attr & PT_W, 0);
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 2 * MIB, 2 * MIB), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 3 * MIB, 4 * MIB, RW), TV_OK);
	check_invariants();
}

static void protecting_goes_on_in_the_middle_of_a_leaf_that_is_new(void **state)
{
	struct quota *q;
	enum tv_err err;
	uint32_t attr;

	(void)state;
	make_domain(DOM, 200);
	q = &root_domain_of(DOM)->quota;
	/* Small pages, misaligned against memory: after the first chunk the change stands behind some of them. */
	assert_int_equal(map(DOM, 2 * MIB, sel_ram, 0x1000, 8 * MIB, R), TV_OK);
	assert_false(call_chunks(1, &err, TV_MEM_PROTECT, DOM, 2 * MIB, 6 * MIB, RW, 0, 0));
	assert_int_equal(call(TV_MEM_UNMAP, DOM, 2 * MIB, 8 * MIB), TV_OK);
	assert_int_equal(map(DOM, 2 * MIB, sel_ram, 2 * MIB, 8 * MIB, R), TV_OK);
	assert_int_equal(leaf_at(DOM, 2 * MIB, NULL), 2 * MIB);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 2 * MIB, 6 * MIB, RW), TV_OK);
	assert_int_equal(q->reserved, 0);
	assert_int_equal(leaf_at(DOM, 5 * MIB, &attr), 2 * MIB);
	assert_int_equal(attr & PT_W, PT_W);
}

static void a_leaf_never_spans_two_mappings(void **state)
{
	(void)state;
	make_domain(DOM, 64);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, A, sel_ram, TV_RIGHT_READ | TV_RIGHT_WRITE, FAKE_RAM, MIB), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, B, sel_ram, TV_RIGHT_READ | TV_RIGHT_WRITE, FAKE_RAM + MIB, MIB), TV_OK);
	assert_int_equal(map(DOM, 2 * MIB, A, 0, MIB, RW), TV_OK);
	assert_int_equal(map(DOM, 3 * MIB, B, 0, MIB, RW), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 2 * MIB, 2 * MIB, R), TV_OK);
	assert_int_equal(call(TV_MEM_PROTECT, DOM, 2 * MIB, 2 * MIB, RW), TV_OK);
	check_invariants();
	/* Without a page left, one of both can be revoked alone. */
	root_domain_of(DOM)->quota.limit = root_domain_of(DOM)->quota.used;
	assert_int_equal(call(TV_CAP_DELETE, A), TV_OK);
	root_domain_of(DOM)->quota.limit = 64;
	check_invariants();
	assert_int_equal(leaf_at(DOM, 2 * MIB, NULL), 0);
	assert_int_equal(leaf_at(DOM, 3 * MIB, NULL), PAGE_SIZE);
}

static void a_map_that_runs_out_of_quota_changes_nothing(void **state)
{
	(void)state;
	make_domain(DOM, 40);
	for (uint64_t pages = 1; pages < 40000; pages = pages * 3 + 1) {
		struct quota *q = &root_domain_of(DOM)->quota;
		uint64_t used = q->used;
		enum tv_err err = map(DOM, 0x1000, sel_ram, 0, pages * PAGE_SIZE, RW);

		assert_true(err == TV_OK || err == TV_EQUOTA);
		check_invariants();
		if (!err)
			assert_int_equal(call(TV_MEM_UNMAP, DOM, 0x1000, pages * PAGE_SIZE), TV_OK);
		assert_int_equal(q->used, used);
	}
}

/* Random maps, unmaps and protections, against a model of 64 pages. */
static void random_changes_agree_with_a_model(void **state)
{
	enum { PAGES = 1600, BASE = 0x600000 };
	static struct { uint64_t pa; uint32_t attr; } model[PAGES];

	(void)state;
	srand(7);
	make_domain(DOM, 200);
	for (unsigned i = 0; i < PAGES; i++)
		model[i].pa = 0;
	for (unsigned round = 0; round < 3000; round++) {
		uint64_t first = (uint64_t)rand() % PAGES, n = 1 + (uint64_t)rand() % (rand() % 8 ? 40 : PAGES - first);
		uint64_t off = rand() % 2 ? first * PAGE_SIZE : (uint64_t)(rand() % 64) * PAGE_SIZE;
		uint32_t rights = rand() % 2 ? RW : R;
		bool free = true;
		enum tv_err err;

		n = min_u64(n, PAGES - first);
		for (uint64_t i = first; i < first + n; i++)
			free &= model[i].pa == 0;
		switch (rand() % 3) {
		case 0:
			err = map(DOM, BASE + first * PAGE_SIZE, sel_ram, off, n * PAGE_SIZE, rights);
			assert_int_equal(err, free ? TV_OK : TV_EEXIST);
			for (uint64_t i = 0; i < n && free; i++) {
				model[first + i].pa = FAKE_RAM + off + i * PAGE_SIZE;
				model[first + i].attr = rights;
			}
			break;
		case 1:
			assert_int_equal(call(TV_MEM_UNMAP, DOM, BASE + first * PAGE_SIZE, n * PAGE_SIZE), TV_OK);
			for (uint64_t i = first; i < first + n; i++)
				model[i].pa = 0;
			break;
		default:
			assert_int_equal(call(TV_MEM_PROTECT, DOM, BASE + first * PAGE_SIZE, n * PAGE_SIZE, rights), TV_OK);
			for (uint64_t i = first; i < first + n; i++)
				model[i].attr = rights;
		}
		for (uint64_t i = 0; i < PAGES; i++) {
			uint64_t leaf;
			uint32_t attr;
			hpa_t pa;
			bool there = pt_lookup(&space_of(DOM)->pt, BASE + i * PAGE_SIZE, &pa, &attr, &leaf);

			assert_int_equal(there, model[i].pa != 0);
			if (there) {
				assert_int_equal(pa.v, model[i].pa);
				assert_int_equal(attr & PT_W, model[i].attr & PT_W);
			}
		}
		check_invariants();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(arguments_are_checked_before_anything_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_leaves_that_fit_are_used, setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_is_mapped_once, setup, teardown),
		cmocka_unit_test_setup_teardown(revoking_a_region_unmaps_it_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_map_continues_after_interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_half_made_mapping_is_protected_as_far_as_it_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(unmapping_cuts_mappings_and_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(unmapping_fails_only_before_the_first_change, setup, teardown),
		cmocka_unit_test_setup_teardown(protecting_splits_and_giving_back_merges, setup, teardown),
		cmocka_unit_test_setup_teardown(protecting_gives_no_more_than_the_region_allows, setup, teardown),
		cmocka_unit_test_setup_teardown(rights_that_stay_the_same_cut_leaves_as_well, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_mapped_behind_the_check_gets_no_more_than_its_region_allows, setup, teardown),
		cmocka_unit_test_setup_teardown(protecting_goes_on_in_the_middle_of_a_leaf_that_is_new, setup, teardown),
		cmocka_unit_test_setup_teardown(a_leaf_never_spans_two_mappings, setup, teardown),
		cmocka_unit_test_setup_teardown(a_map_that_runs_out_of_quota_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(random_changes_agree_with_a_model, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
