/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/domain.h>

#include "kernel_fake.h"

#include <kernel/irq.h>
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

enum { DOM = 200, DOM2, A = 210, B, C, T1 = 220, S1, NROOT = 230 };
#define RW	(TV_MAP_READ | TV_MAP_WRITE)
#define MS	(FAKE_HZ / 1000)

static void quota_moves_only_between_creator_and_created(void **state)
{
	uint64_t used = fake_root()->quota.used;

	(void)state;
	assert_int_equal(call(TV_DOMAIN_CREATE, DOM, 100), TV_EINVAL);
	assert_int_equal(call(TV_DOMAIN_CREATE, DOM, 0), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_CREATE, DOM, 1ull << 40), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_CREATE, DOM, ~0ull << 12), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_CREATE, DOM, 3 * PAGE_SIZE), TV_EQUOTA);	/* too few for its tables */
	assert_int_equal(fake_root()->quota.used, used);
	assert_null(root_cap(DOM));
	make_domain(DOM, 20);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 10 * PAGE_SIZE), TV_OK);
	assert_int_equal(call(TV_DOMAIN_INFO, DOM), TV_OK);
	assert_int_equal(out[0], 30 * PAGE_SIZE);
	assert_int_equal(out[2], 0);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 0 - 30 * PAGE_SIZE), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 0 - 20 * PAGE_SIZE), TV_OK);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 1ull << 63), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 1ull << 62), TV_EQUOTA);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM, 1), TV_EINVAL);
	assert_int_equal(call(TV_DOMAIN_QUOTA, TV_SEL_DOMAIN, PAGE_SIZE), TV_ERIGHT);
	assert_int_equal(call(TV_DOMAIN_DESTROY, DOM), TV_OK);
	assert_int_equal(fake_root()->quota.used, used);
}

/* Fill domain @sel, from outside, with everything a domain can have. */
static void furnish(uint64_t sel)
{
	assert_int_equal(call(TV_CAP_DERIVE, sel, 1, sel, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, sel, 2, sel_ram, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE, FAKE_RAM, GIB), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, sel, 3, TV_SEL_SCHED, TV_RIGHT_CONTROL | TV_RIGHT_DERIVE), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, sel, 4, TV_SEL_IRQS, TV_RIGHT_USE, 1, 4), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, sel, 5, TV_SEL_PORTS, TV_RIGHT_USE, 0x3f8, 8), TV_OK);
	assert_int_equal(call(TV_PORT_GRANT, sel, TV_SEL_PORTS), TV_OK);
	assert_int_equal(call(TV_MEM_MAP, sel, 0x400000, sel_ram, 0, 64 * PAGE_SIZE, RW), TV_OK);
	assert_int_equal(call(TV_DOMAIN_WATCH, sel, NROOT, 1), TV_OK);
}

/* The same from inside: the current thread creates one object of each type, and uses them. */
static void live(void)
{
	assert_int_equal(call(TV_NTFN_CREATE, 20), TV_OK);
	assert_int_equal(call(TV_EP_CREATE, 21), TV_OK);
	assert_int_equal(call(TV_SPACE_CREATE, 22, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(call(TV_MEM_MAP, 22, 0, 2, 0, 32 * MIB, RW), TV_OK);
	assert_int_equal(call(TV_VCPU_CREATE, 23, 22), TV_OK);
	assert_int_equal(call(TV_VCPU_MAP, 23, 0x900000), TV_OK);
	assert_int_equal(call(TV_PORT_GRANT, 23, 5), TV_OK);
	assert_int_equal(call(TV_THREAD_CREATE, 24, 1, 0x1000, 0x1000, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, 25, 3, 0, 15, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, 25, 24), TV_OK);
	assert_int_equal(call(TV_THREAD_BIND, 24, 20), TV_OK);
	assert_int_equal(call(TV_THREAD_START, 24), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, 4, 3, 20, 1, 0), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, 1, 26, 20, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_DOMAIN_CREATE, 27, 40 * PAGE_SIZE), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, 27, 9, 20, TV_RIGHT_SIGNAL), TV_OK);
	assert_int_equal(call(TV_MEM_MAP, 27, 0x400000, 2, 0, PAGE_SIZE, RW), TV_OK);
	check_invariants();
}

static void destroying_returns_the_quota_to_the_byte(void **state)
{
	uint64_t used;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	used = fake_root()->quota.used;
	for (unsigned through = 0; through < 2; through++) {
		unsigned frames = (unsigned)fake.frames;

		make_domain(DOM, 400);
		furnish(DOM);
		(void)make_thread(T1, DOM, S1, 20);
		assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
		live();
		/* It blocks somewhere inside. */
		assert_int_equal(call(TV_EP_CALL, 21), FAKE_BLOCKED);
		fake_time(fake_tsc + MS);
		assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, DOM2, DOM, TV_RIGHT_ALL), TV_OK);
		assert_int_equal(call(TV_DOMAIN_DESTROY, through ? DOM2 : DOM), TV_OK);
		check_invariants();
		assert_null(root_cap(DOM));
		assert_null(root_cap(DOM2));
		assert_null(root_cap(T1));
		assert_false(irq_is_bound(3));
		assert_false(fake.routed[3]);
		assert_int_equal(call(TV_CAP_DELETE, S1), TV_OK);
		assert_int_equal(fake_root()->quota.used, used);
		assert_int_equal(fake.frames, frames);
	}
}

static void a_domain_half_destroyed_gets_nothing_new(void **state)
{
	enum tv_err err;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	make_domain(DOM, 400);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, DOM2, DOM, TV_RIGHT_ALL), TV_OK);
	for (uint64_t sel = 1; sel < 1000; sel++)
		assert_int_equal(call(TV_CAP_DERIVE, DOM, sel, A, 0), TV_OK);
	assert_false(call_chunks(4, &err, TV_DOMAIN_DESTROY, DOM2, 0, 0, 0, 0, 0));
	revoking = true;
	check_invariants();
	revoking = false;
	assert_int_equal(call(TV_CAP_DERIVE, DOM2, 1, A, 0), TV_EDEAD);
	assert_int_equal(call(TV_MEM_MAP, DOM2, 0x1000, sel_ram, 0, 0x1000, RW), TV_EDEAD);
	assert_int_equal(call(TV_THREAD_CREATE, T1, DOM2, 0x1000, 0x1000, 0, 0), TV_EDEAD);
	assert_int_equal(call(TV_PORT_GRANT, DOM2, TV_SEL_PORTS), TV_EDEAD);
	assert_int_equal(call(TV_DOMAIN_QUOTA, DOM2, PAGE_SIZE), TV_EDEAD);
	assert_int_equal(call(TV_DOMAIN_WATCH, DOM2, A, 1), TV_EDEAD);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 1, A, 0), TV_ECAP);	/* the original is out of reach */
	/* Anyone may go on, also by another way. */
	assert_int_equal(call(TV_CAP_DELETE, DOM), TV_OK);
	assert_null(root_cap(DOM2));
	check_invariants();
}

static void domains_in_domains_go_from_the_inside_out(void **state)
{
	uint64_t used = fake_root()->quota.used;
	unsigned levels = 1;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	make_domain(DOM, 4000);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 1, DOM, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 3, TV_SEL_SCHED, TV_RIGHT_ALL), TV_OK);
	(void)make_thread(T1, DOM, S1, 20);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
	/* Each level creates the next, with a thread that goes on there. */
	for (;;) {
		enum tv_err err = call(TV_DOMAIN_CREATE, 10, (4000ull - 100 * levels) * PAGE_SIZE);

		if (err) {
			assert_int_equal(err, TV_EUNSUP);
			break;
		}
		assert_int_equal(call(TV_CAP_DERIVE, 10, 1, 10, TV_RIGHT_ALL), TV_OK);
		assert_int_equal(call(TV_CAP_DERIVE, 10, 3, 3, TV_RIGHT_ALL), TV_OK);
		assert_int_equal(call(TV_THREAD_CREATE, 11, 10, 0x1000, 0x1000, 0, 0), TV_OK);
		assert_int_equal(call(TV_SCHED_CREATE, 12, 3, 0, 20 + levels, 0, 0), TV_OK);
		assert_int_equal(call(TV_SCHED_BIND, 12, 11), TV_OK);
		assert_int_equal(call(TV_THREAD_START, 11), FAKE_BLOCKED);	/* it is higher */
		levels++;
		check_invariants();
	}
	assert_int_equal(levels, DOMAIN_LEVELS - 1);
	fake_time(fake_tsc + MS);
	assert_ptr_equal(fake_current()->domain, fake_root());
	assert_int_equal(call(TV_CAP_DELETE, DOM), TV_OK);
	check_invariants();
	assert_int_equal(call(TV_CAP_DELETE, S1), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, NROOT), TV_OK);
	assert_int_equal(fake_root()->quota.used, used);
}

static void a_child_cannot_end_its_creator(void **state)
{
	struct thread *t1;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	make_domain(DOM, 400);
	furnish(DOM);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 9, TV_SEL_DOMAIN, TV_RIGHT_ALL), TV_OK);
	t1 = make_thread(T1, DOM, S1, 20);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 10, T1, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(call(TV_DOMAIN_DESTROY, 9), TV_EBUSY);
	assert_int_equal(call(TV_DOMAIN_DESTROY, 1), TV_EBUSY);
	assert_int_equal(call(TV_CAP_DELETE, 10), TV_OK);	/* only a copy */
	assert_ptr_equal(fake_current(), t1);
	fake_time(fake_tsc + MS);
}

/* One script that does a bit of everything, with a domain of @pages; returns the first status that is not TV_OK. */
static enum tv_err script(uint64_t pages)
{
	enum tv_err err = TV_OK;

#define STEP(...) do { if (!err) err = call(__VA_ARGS__); } while (0)
	STEP(TV_NTFN_CREATE, 700);
	STEP(TV_EP_CREATE, 800);
	STEP(TV_DOMAIN_CREATE, 900, pages * PAGE_SIZE);
	STEP(TV_CAP_DERIVE, 900, 700, 700, TV_RIGHT_ALL);
	STEP(TV_MEM_MAP, 900, 0x400000, sel_ram, 0, 4 * MIB, RW);
	STEP(TV_MEM_PROTECT, 900, 0x405000, 0x3000, TV_MAP_READ);
	STEP(TV_MEM_UNMAP, 900, 0x407000, 0x300000);
	STEP(TV_SPACE_CREATE, 1000, TV_SPACE_GUEST);
	STEP(TV_MEM_MAP, 1000, 0, sel_ram, 0, GIB, RW);
	STEP(TV_MEM_UNMAP, 1000, 0x5000, 0x1000);
	STEP(TV_VCPU_CREATE, 1100, 1000);
	STEP(TV_VCPU_MAP, 1100, 0x900000);
	STEP(TV_PORT_GRANT, 900, TV_SEL_PORTS);
	STEP(TV_PORT_GRANT, 1100, TV_SEL_PORTS);
	STEP(TV_THREAD_CREATE, 1200, 900, 0x1000, 0x1000, 0, 0);
	STEP(TV_SCHED_CREATE, 1300, TV_SEL_SCHED, 0, 10, 0, 0);
	STEP(TV_SCHED_BIND, 1300, 1200);
	STEP(TV_IRQ_BIND, TV_SEL_IRQS, 5, 700, 1, 0);
#undef STEP
	return err;
}

static void script_undo(void)
{
	for (uint64_t sel = 700; sel <= 1300; sel += 100)
		(void)call(TV_CAP_DELETE, sel);
	(void)call(TV_CAP_REVOKE, TV_SEL_PORTS);
	(void)call(TV_CAP_REVOKE, TV_SEL_IRQS);
	(void)call(TV_MEM_UNMAP, TV_SEL_DOMAIN, 0x900000, 0x1000);
}

/* Memory runs out at the n-th page, for every n: of root's quota, and of the new domain's. */
static void any_page_may_be_the_last_and_nothing_leaks(void **state)
{
	struct quota *q = &fake_root()->quota;
	uint64_t limit = q->limit, used = q->used, frames = fake.frames, n;

	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		for (n = 1; n < 300; n++) {
			enum tv_err err;

			if (which == 0)
				q->limit = q->used + n;
			err = script(which == 0 ? 60 : n);
			check_invariants();
			assert_true(err == TV_OK || err == TV_EQUOTA);
			script_undo();
			q->limit = limit;
			check_invariants();
			assert_int_equal(q->used, used);
			assert_int_equal(fake.frames, frames);
			if (!err)
				break;
		}
		assert_in_range(n, 10, 200);
	}
}

/* The same with a quota that is too small by n pages, for each single call: status, then nothing has changed. */
static void a_call_that_runs_out_of_quota_changes_nothing(void **state)
{
	struct quota *q = &fake_root()->quota;
	uint64_t limit = q->limit;

	(void)state;
	for (uint64_t room = 0; room < 120; room++) {
		uint64_t used = q->used;
		enum tv_err err;

		q->limit = q->used + room;
		err = call(TV_DOMAIN_CREATE, DOM, 50 * PAGE_SIZE);
		check_invariants();
		if (err) {
			assert_int_equal(err, TV_EQUOTA);
			assert_int_equal(q->used, used);
		} else {
			assert_int_equal(call(TV_CAP_DELETE, DOM), TV_OK);
		}
		err = call(TV_MEM_MAP, TV_SEL_DOMAIN, 0x10000000, sel_ram, 0x1000, 64 * MIB, RW);
		if (err) {
			assert_int_equal(err, TV_EQUOTA);
			assert_int_equal(q->used, used);
		} else {
			assert_int_equal(call(TV_MEM_UNMAP, TV_SEL_DOMAIN, 0x10000000, 64 * MIB), TV_OK);
		}
		assert_int_equal(q->used, used);
	}
	q->limit = limit;
}

/* Create, derive, map, bind, grant, revoke, destroy at random. */
static void a_random_graph_of_objects_stays_consistent(void **state)
{
	static const uint64_t doms[] = { TV_SEL_DOMAIN, 300, 301, 302, 303 };
	uint64_t used;

	(void)state;
	used = fake_root()->quota.used;
	srand(5);
	for (unsigned round = 0; round < 20000; round++) {
		uint64_t a = 310 + (uint64_t)rand() % 60, b = 310 + (uint64_t)rand() % 60, d = doms[rand() % ARRAY_LEN(doms)];
		uint64_t page = 0x1000000 + (uint64_t)(rand() % 600) * PAGE_SIZE, size = (uint64_t)(1 + rand() % 600) * PAGE_SIZE;

		switch (rand() % 24) {
		case 0: (void)call(TV_DOMAIN_CREATE, doms[1 + rand() % 4], (uint64_t)(10 + rand() % 300) * PAGE_SIZE); break;
		case 1: (void)call(TV_NTFN_CREATE, a); break;
		case 2: (void)call(TV_EP_CREATE, a); break;
		case 3: (void)call(TV_SPACE_CREATE, a, TV_SPACE_GUEST); break;
		case 4: (void)call(TV_THREAD_CREATE, a, d, 0x1000, 0x1000, 0, 0); break;
		case 5: (void)call(TV_SCHED_CREATE, a, rand() % 2 ? b : (uint64_t)TV_SEL_SCHED, 0, 5, 0, 0); break;
		case 6: (void)call(TV_VCPU_CREATE, a, b); break;
		case 7: (void)call(TV_CAP_DERIVE, TV_SEL_DOMAIN, a, sel_ram, TV_RIGHT_DERIVE | TV_RIGHT_READ | TV_RIGHT_WRITE, FAKE_RAM, 4 * MIB); break;
		case 8: case 9: case 10: (void)call(TV_CAP_DERIVE, d, a, b, (uint64_t)rand() & TV_RIGHT_ALL & (rand() % 2 ? 0xfff : 0x1f)); break;
		case 11: (void)call(TV_MEM_MAP, rand() % 2 ? d : b, page, a, 0, size, RW); break;
		case 12: (void)call(TV_MEM_MAP, rand() % 2 ? d : b, page, sel_ram, 0x3000, size, RW); break;
		case 13: (void)call(TV_MEM_UNMAP, rand() % 2 ? d : b, page, size); break;
		case 14: (void)call(TV_MEM_PROTECT, rand() % 2 ? d : b, page, size, rand() % 2 ? RW : TV_MAP_READ); break;
		case 15: (void)call(TV_VCPU_MAP, a, page); break;
		case 16: (void)call(TV_PORT_GRANT, rand() % 2 ? d : b, rand() % 2 ? a : (uint64_t)TV_SEL_PORTS); break;
		case 17: (void)call(TV_IRQ_BIND, TV_SEL_IRQS, (uint64_t)rand() % 24, a, 1, 0); break;
		case 18: (void)call(TV_THREAD_BIND, a, rand() % 3 ? b : 0); break;
		case 19: (void)call(TV_SCHED_BIND, a, rand() % 3 ? b : 0); break;
		case 20: (void)call(TV_DOMAIN_WATCH, d, a, 1); break;
		case 21: (void)call(TV_CAP_REVOKE, rand() % 2 ? a : (uint64_t)(1 + rand() % 7)); break;
		case 22: (void)call(TV_CAP_DELETE, a); break;
		default: (void)call(TV_CAP_DELETE, rand() % 8 ? b : doms[1 + rand() % 4]); break;
		}
		if (fake.idle || fake_current()->domain != fake_root())
			fail_msg("root stopped in round %u", round);
		if (round % 16 == 0)
			check_invariants();
	}
	check_invariants();
	for (uint64_t sel = 300; sel < 400; sel++)
		(void)call(TV_CAP_DELETE, sel);
	for (uint64_t sel = 1; sel <= sel_ram; sel++)
		if (root_cap(sel))
			assert_int_equal(call(TV_CAP_REVOKE, sel), TV_OK);
	assert_int_equal(fake_root()->quota.used, used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(quota_moves_only_between_creator_and_created, setup, teardown),
		cmocka_unit_test_setup_teardown(destroying_returns_the_quota_to_the_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(a_domain_half_destroyed_gets_nothing_new, setup, teardown),
		cmocka_unit_test_setup_teardown(domains_in_domains_go_from_the_inside_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_child_cannot_end_its_creator, setup, teardown),
		cmocka_unit_test_setup_teardown(any_page_may_be_the_last_and_nothing_leaks, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call_that_runs_out_of_quota_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_random_graph_of_objects_stays_consistent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
