/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/cap.h>

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

/* Selectors that the tests use. */
enum { A = 200, B, C, D, E, DOM = 300, DOM2, DOM3 };

static enum tv_err derive(uint64_t dst, uint64_t src, uint64_t rights, uint64_t base, uint64_t size)
{
	return call(TV_CAP_DERIVE, TV_SEL_DOMAIN, dst, src, rights, base, size);
}

static void root_starts_with_what_the_abi_says(void **state)
{
	static const struct { uint64_t sel; enum tv_cap_type type; } has[] = {
		{ TV_SEL_DOMAIN, TV_CAP_DOMAIN }, { TV_SEL_THREAD, TV_CAP_THREAD }, { TV_SEL_SCHED, TV_CAP_SCHED },
		{ TV_SEL_LOG, TV_CAP_LOG }, { TV_SEL_PORTS, TV_CAP_PORTS }, { TV_SEL_MSRS, TV_CAP_MSRS },
		{ TV_SEL_IRQS, TV_CAP_IRQS }, { TV_SEL_REGION, TV_CAP_REGION },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(has); i++) {
		assert_int_equal(call(TV_CAP_INFO, has[i].sel), TV_OK);
		assert_int_equal(out[0], has[i].type);
	}
	assert_int_equal(call(TV_CAP_INFO, 0), TV_ECAP);
	assert_int_equal(call(TV_CAP_INFO, TV_SEL_MAX), TV_ECAP);
	assert_int_equal(call(TV_CAP_INFO, ~0ull), TV_ECAP);
}

static void a_derived_capability_has_no_more_rights_than_its_source(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	assert_int_equal(derive(B, A, TV_RIGHT_SIGNAL | TV_RIGHT_DERIVE, 0, 0), TV_OK);
	assert_int_equal(derive(C, B, TV_RIGHT_WAIT, 0, 0), TV_ERIGHT);
	assert_int_equal(derive(C, B, TV_RIGHT_SIGNAL, 0, 0), TV_OK);
	assert_int_equal(derive(D, C, TV_RIGHT_SIGNAL, 0, 0), TV_ERIGHT);	/* it lacks DERIVE */
	assert_int_equal(derive(D, B, TV_RIGHT_ALL + 1, 0, 0), TV_EINVAL);
	assert_int_equal(derive(B, A, 0, 0, 0), TV_EEXIST);
	assert_int_equal(derive(0, A, 0, 0, 0), TV_ECAP);
	assert_int_equal(derive(TV_SEL_MAX, A, 0, 0, 0), TV_ECAP);
	assert_int_equal(call(TV_NTFN_WAIT, C, 0), TV_ERIGHT);
	assert_int_equal(call(TV_NTFN_SIGNAL, C, 1), TV_OK);
	check_invariants();
}

static void a_range_only_narrows(void **state)
{
	(void)state;
	assert_int_equal(derive(A, sel_ram, TV_RIGHT_ALL & ~TV_RIGHT_GRANT, FAKE_RAM, 0x10000), TV_ERIGHT);
	assert_int_equal(derive(A, sel_ram, TV_RIGHT_DERIVE | TV_RIGHT_READ, FAKE_RAM + 0x1000, 0x10000), TV_OK);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM, 0x1000), TV_ERANGE);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM + 0x10000, 0x2000), TV_ERANGE);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM + 0x1000, ~0ull << 12), TV_ERANGE);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM + 0x1000, 0x1001), TV_EINVAL);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM + 0x800, 0x1000), TV_EINVAL);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, FAKE_RAM + 0x1000, 0), TV_EINVAL);
	assert_int_equal(derive(B, A, TV_RIGHT_READ, 0, 0), TV_OK);
	assert_int_equal(call(TV_CAP_INFO, B), TV_OK);
	assert_int_equal(out[2], FAKE_RAM + 0x1000);
	assert_int_equal(out[3], 0x10000);
	assert_int_equal(derive(C, TV_SEL_PORTS, TV_RIGHT_USE, 0x3f8, 8), TV_OK);
	assert_int_equal(derive(D, TV_SEL_PORTS, TV_RIGHT_USE, 0xfff8, 9), TV_ERANGE);
}

static void a_badge_once_given_cannot_be_replaced(void **state)
{
	(void)state;
	assert_int_equal(call(TV_EP_CREATE, A), TV_OK);
	assert_int_equal(derive(B, A, TV_RIGHT_DERIVE, 7, 0), TV_OK);
	assert_int_equal(derive(C, B, 0, 8, 0), TV_ERANGE);
	assert_int_equal(derive(C, B, 0, 7, 0), TV_OK);
	assert_int_equal(derive(D, B, 0, 0, 0), TV_OK);
	assert_int_equal(call(TV_CAP_INFO, D), TV_OK);
	assert_int_equal(out[2], 7);
	assert_int_equal(derive(E, A, 0, 7, 1), TV_EINVAL);
}

static void a_notification_mask_only_narrows_and_holds(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	assert_int_equal(derive(B, A, TV_RIGHT_DERIVE | TV_RIGHT_SIGNAL, 6, 0), TV_OK);
	assert_int_equal(derive(C, B, TV_RIGHT_SIGNAL, 5, 0), TV_ERANGE);
	assert_int_equal(derive(C, B, TV_RIGHT_SIGNAL, 2, 0), TV_OK);
	assert_int_equal(call(TV_NTFN_SIGNAL, C, 4), TV_ERANGE);
	assert_int_equal(call(TV_NTFN_SIGNAL, C, 2), TV_OK);
	assert_int_equal(call(TV_NTFN_SIGNAL, A, 0), TV_EINVAL);
	assert_int_equal(call(TV_NTFN_POLL, A), TV_OK);
	assert_int_equal(out[0], 2);
}

static void deleting_takes_all_that_was_derived(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	assert_int_equal(derive(B, A, TV_RIGHT_ALL, 0, 0), TV_OK);
	assert_int_equal(derive(C, B, TV_RIGHT_ALL, 0, 0), TV_OK);
	assert_int_equal(derive(D, B, TV_RIGHT_ALL, 0, 0), TV_OK);
	assert_int_equal(derive(E, A, TV_RIGHT_ALL, 0, 0), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, B), TV_OK);
	check_invariants();
	for (uint64_t sel = B; sel <= D; sel++)
		assert_int_equal(call(TV_CAP_INFO, sel), TV_ECAP);
	assert_int_equal(call(TV_NTFN_SIGNAL, E, 1), TV_OK);
	assert_int_equal(call(TV_CAP_REVOKE, A), TV_OK);
	assert_int_equal(call(TV_CAP_INFO, E), TV_ECAP);
	assert_int_equal(call(TV_CAP_INFO, A), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, A), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, A), TV_ECAP);
}

static void nobody_deletes_what_it_runs_on(void **state)
{
	(void)state;
	assert_int_equal(call(TV_CAP_DELETE, TV_SEL_DOMAIN), TV_EBUSY);
	assert_int_equal(call(TV_CAP_DELETE, TV_SEL_THREAD), TV_EBUSY);
	assert_int_equal(call(TV_DOMAIN_DESTROY, TV_SEL_DOMAIN), TV_EBUSY);
	assert_int_equal(derive(A, TV_SEL_DOMAIN, TV_RIGHT_CONTROL, 0, 0), TV_OK);
	assert_int_equal(call(TV_DOMAIN_DESTROY, A), TV_EBUSY);
}

/* A chain over domains: root -> DOM -> DOM2 ... each derives from what the one before was given. */
static void a_capability_in_another_domain_goes_with_its_source(void **state)
{
	(void)state;
	make_domain(DOM, 64);
	make_domain(DOM2, 64);
	assert_int_equal(call(TV_EP_CREATE, A), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, 5, A, TV_RIGHT_ALL), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, DOM2, 5, A, TV_RIGHT_ALL), TV_OK);
	assert_non_null(cap_slot(&root_domain_of(DOM)->table, 5));
	assert_int_equal(call(TV_CAP_DELETE, A), TV_OK);
	assert_null(cap_slot(&root_domain_of(DOM)->table, 5));
	assert_null(cap_slot(&root_domain_of(DOM2)->table, 5));
	check_invariants();
}

/* Depth and width beyond any chunk. */
static void a_deep_and_wide_tree_is_revoked_in_chunks(void **state)
{
	enum tv_err err;
	unsigned n = 0;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	/* A chain of 1500, and 1500 children of its first link. */
	for (uint64_t sel = 1000; sel < 2500; sel++)
		assert_int_equal(derive(sel, sel == 1000 ? (uint64_t)A : sel - 1, TV_RIGHT_ALL, 0, 0), TV_OK);
	for (uint64_t sel = 2500; sel < 4000; sel++)
		assert_int_equal(derive(sel, 1000, TV_RIGHT_ALL, 0, 0), TV_OK);
	check_invariants();
	/* Stop in the middle: everything is consistent, the capability itself cannot be used any more. */
	assert_false(call_chunks(20, &err, TV_CAP_DELETE, A, 0, 0, 0, 0, 0));
	revoking = true;
	check_invariants();
	revoking = false;
	assert_int_equal(call(TV_NTFN_SIGNAL, A, 1), TV_ECAP);
	assert_int_equal(derive(B, A, 0, 0, 0), TV_ECAP);
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_EEXIST);
	for (uint64_t sel = 1000; sel < 4000; sel++)
		n += cap_slot(&fake_root()->table, sel) != NULL;
	assert_true(n < 3000 && n > 1000);
	fake.restarts = 0;
	assert_int_equal(call(TV_CAP_DELETE, A), TV_OK);
	assert_in_range(fake.restarts, 10, 200);
	for (uint64_t sel = 1000; sel < 4000; sel++)
		assert_null(cap_slot(&fake_root()->table, sel));
	check_invariants();
}

static void contexts_made_from_contexts_go_from_the_leaves_up(void **state)
{
	(void)state;
	for (uint64_t sel = 1000; sel < 1200; sel++)
		assert_int_equal(call(TV_SCHED_CREATE, sel, sel == 1000 ? (uint64_t)TV_SEL_SCHED : sel - 1, 0, 200, 0, 0), TV_OK);
	for (uint64_t sel = 1200; sel < 1400; sel++)
		assert_int_equal(derive(sel, sel - 200, TV_RIGHT_READ, 0, 0), TV_OK);
	check_invariants();
	assert_int_equal(call(TV_CAP_DELETE, 1100), TV_OK);
	check_invariants();
	assert_non_null(root_cap(1099));
	assert_null(root_cap(1199));
	assert_null(root_cap(1300));
	assert_non_null(root_cap(1299));
	assert_int_equal(call(TV_CAP_REVOKE, TV_SEL_SCHED), TV_OK);
	assert_null(root_cap(1000));
	check_invariants();
}

static void table_pages_come_and_go_with_their_capabilities(void **state)
{
	uint64_t before = fake_root()->quota.used;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, A), TV_OK);
	for (uint64_t sel = 640; sel < 1280; sel++)
		assert_int_equal(derive(sel, A, 0, 0, 0), TV_OK);
	assert_true(fake_root()->quota.used >= before + 10);
	assert_int_equal(call(TV_CAP_DELETE, A), TV_OK);
	assert_int_equal(fake_root()->quota.used, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(root_starts_with_what_the_abi_says, setup, teardown),
		cmocka_unit_test_setup_teardown(a_derived_capability_has_no_more_rights_than_its_source, setup, teardown),
		cmocka_unit_test_setup_teardown(a_range_only_narrows, setup, teardown),
		cmocka_unit_test_setup_teardown(a_badge_once_given_cannot_be_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(a_notification_mask_only_narrows_and_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(deleting_takes_all_that_was_derived, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_deletes_what_it_runs_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_capability_in_another_domain_goes_with_its_source, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deep_and_wide_tree_is_revoked_in_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(contexts_made_from_contexts_go_from_the_leaves_up, setup, teardown),
		cmocka_unit_test_setup_teardown(table_pages_come_and_go_with_their_capabilities, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
