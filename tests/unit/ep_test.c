/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/ep.h>

#include "kernel_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EP = 200, EP2, EPC, C1 = 210, S1, V1, V2, SC1 = 220, SC2, SV1, SV2, NROOT = 230, N, DOM = 240 };
#define MS	(FAKE_HZ / 1000)

static int setup(void **state)
{
	(void)state;
	fake_boot();
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_EP_CREATE, EP), TV_OK);
	assert_int_equal(call(TV_EP_CREATE, EP2), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, EPC, EP, TV_RIGHT_SIGNAL, 77), TV_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_shutdown();
	return 0;
}

/* Root sleeps for a while, and the others run. */
static void step_aside(void)
{
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
	check_invariants();
}

static void root_again(void)
{
	fake_time(fake_tsc + MS);
	assert_false(fake.idle);
	assert_ptr_equal(fake_current()->own->priority == 255 ? fake_current() : NULL, fake_current());
	check_invariants();
}

/* A server thread in V1 that waits at EP; @priority 0: without a context of its own afterwards. */
static struct thread *make_server(uint64_t sel, uint64_t sched, uint64_t ep, bool passive)
{
	struct thread *v = make_thread(sel, TV_SEL_DOMAIN, sched, 20);

	step_aside();
	assert_ptr_equal(fake_current(), v);
	assert_int_equal(call(TV_EP_WAIT, ep), FAKE_BLOCKED);
	root_again();
	if (passive)
		assert_int_equal(call(TV_CAP_DELETE, sched), TV_OK);
	return v;
}

static void a_call_carries_words_and_badge_there_and_back(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, false), *root = fake_current();
	unsigned arms = fake.arms;

	(void)state;
	assert_int_equal(call(TV_EP_CALL, EPC, 1, 2, 3, 4, 5), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v);
	check_invariants();
	assert_int_equal(status_of(v), TV_OK);
	assert_int_equal(v->arch.frame.rdi, 77);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(frame_word(&v->arch.frame, i), i + 1);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 11, 12, 13, 14, 15), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), root);
	assert_int_equal(status_of(root), TV_OK);
	assert_int_equal(root->arch.frame.rdi, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(frame_word(&root->arch.frame, i), i + 11);
	/* On the way: no timer, no other context. */
	assert_int_equal(fake.arms, arms);
	check_invariants();
}

static void the_work_runs_on_the_callers_priority_and_budget(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, true), *c;
	uint64_t before;

	(void)state;
	c = make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	step_aside();
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SC1));
	before = root_sched_of(SC1)->consumed;
	fake_tsc += 5000;
	root_again();
	assert_true(root_sched_of(SC1)->consumed - before >= 5000);
	step_aside();
	assert_ptr_equal(fake_current(), v);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 9), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(frame_word(&c->arch.frame, 0), 9);
	root_again();
}

static void callers_queue_and_are_served_in_order(void **state)
{
	struct thread *v, *c1, *c2;

	(void)state;
	c1 = make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	c2 = make_thread(S1, TV_SEL_DOMAIN, SC2, 80);
	step_aside();
	assert_ptr_equal(fake_current(), c1);
	assert_int_equal(call(TV_EP_CALL, EPC, 1), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c2);
	assert_int_equal(call(TV_EP_CALL, EP, 2), FAKE_BLOCKED);
	assert_true(fake.idle);
	root_again();
	v = make_thread(V1, TV_SEL_DOMAIN, SV1, 20);
	step_aside();
	assert_ptr_equal(fake_current(), v);
	assert_int_equal(call(TV_EP_WAIT, EP), TV_OK);		/* on c1's context now */
	assert_int_equal(out_badge, 77);
	assert_int_equal(out[0], 1);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SC1));
	check_invariants();
	/* The reply makes c1 go on, the higher of the two. */
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 21), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c1);
	assert_int_equal(frame_word(&c1->arch.frame, 0), 21);
	check_invariants();
	assert_int_equal(call(TV_THREAD_SUSPEND, C1), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v);			/* with c2's call, on c2's context */
	assert_int_equal(v->arch.frame.rdi, 0);
	assert_int_equal(frame_word(&v->arch.frame, 0), 2);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 22), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c2);
	root_again();
}

/* C1 -> V1 -> V2, all on C1's context. */
static void make_chain(struct thread **c, struct thread **v1, struct thread **v2, bool passive)
{
	*v1 = make_server(V1, SV1, EP, passive);
	*v2 = make_server(V2, SV2, EP2, passive);
	*c = make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	step_aside();
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	assert_int_equal(call(TV_EP_CALL, EP2, 2), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), *v2);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SC1));
	check_invariants();
}

static void nested_calls_lend_on_and_give_back(void **state)
{
	struct thread *c, *v1, *v2;

	(void)state;
	make_chain(&c, &v1, &v2, true);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP2, 3), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v1);
	assert_int_equal(frame_word(&v1->arch.frame, 0), 3);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 4), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(frame_word(&c->arch.frame, 0), 4);
	root_again();
}

static void the_end_of_a_server_gives_the_callers_their_context_back(void **state)
{
	static const uint64_t ends[] = { V1, V2 };

	(void)state;
	for (unsigned passive = 0; passive < 2; passive++) {
		for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
			struct thread *c, *v1, *v2, *next;

			make_chain(&c, &v1, &v2, passive);
			root_again();
			assert_int_equal(call(TV_CAP_DELETE, ends[i]), TV_OK);
			check_invariants();
			step_aside();
			next = ends[i] == V1 ? c : v1;
			assert_ptr_equal(fake_current(), next);
			assert_int_equal(status_of(next), TV_EDEAD);
			assert_ptr_equal(first_cpu.sched, root_sched_of(SC1));
			root_again();
			for (uint64_t sel = C1; sel <= SV2; sel++)
				(void)call(TV_CAP_DELETE, sel);
			check_invariants();
		}
	}
}

static void a_server_outlives_its_caller_on_the_callers_context(void **state)
{
	struct thread *c, *v1, *v2;

	(void)state;
	make_chain(&c, &v1, &v2, true);
	root_again();
	assert_int_equal(call(TV_CAP_DELETE, C1), TV_OK);
	check_invariants();
	step_aside();
	assert_ptr_equal(fake_current(), v2);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP2, 3), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v1);
	/* Its caller is gone: the reply goes nowhere, and the context has nobody. */
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 4), FAKE_BLOCKED);
	assert_true(fake.idle);
	assert_null(root_sched_of(SC1)->runs);
	root_again();
}

static void the_end_of_a_context_stops_who_runs_on_it(void **state)
{
	struct thread *c, *v1, *v2;

	(void)state;
	make_chain(&c, &v1, &v2, true);
	root_again();
	assert_int_equal(call(TV_CAP_DELETE, SC1), TV_OK);
	check_invariants();
	step_aside();
	assert_true(fake.idle);
	root_again();
	/* A new one for the client helps where its call is being worked on. */
	assert_int_equal(call(TV_SCHED_CREATE, SC2, TV_SEL_SCHED, 0, 40, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, SC2, C1), TV_OK);
	check_invariants();
	step_aside();
	assert_ptr_equal(fake_current(), v2);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP2, 3), FAKE_BLOCKED);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 4), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), c);
	root_again();
}

static void a_server_with_a_context_falls_back_on_it(void **state)
{
	struct thread *c, *v1, *v2;

	(void)state;
	make_chain(&c, &v1, &v2, false);
	root_again();
	assert_int_equal(call(TV_CAP_DELETE, SC1), TV_OK);
	check_invariants();
	step_aside();
	assert_ptr_equal(fake_current(), v2);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SV2));
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP2, 3), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v1);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SV1));
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 4), FAKE_BLOCKED);
	assert_true(fake.idle);			/* the client has none any more */
	assert_int_equal(status_of(c), TV_OK);
	root_again();
}

static void a_client_cannot_stall_a_server_by_running_out_of_budget(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, false), *c;

	(void)state;
	assert_int_equal(call(TV_SCHED_CREATE, SC1, TV_SEL_SCHED, 0, 90, MS / 10, 100 * MS), TV_OK);
	c = make_thread(C1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, SC1, C1), TV_OK);
	step_aside();
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SC1));
	fake_time(fake_tsc + MS / 2);
	check_invariants();
	assert_ptr_equal(fake_current(), v);
	assert_ptr_equal(first_cpu.sched, root_sched_of(SV1));
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 2), FAKE_BLOCKED);
	assert_int_equal(root_sched_of(SC1)->state, SCHED_EMPTY);
	check_invariants();
	root_again();
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + 200 * MS), FAKE_BLOCKED);
	fake_time(fake_tsc + 100 * MS);
	assert_ptr_equal(fake_current(), c);
	fake_time(fake_tsc + 200 * MS);
}

static void a_passive_server_waits_for_the_callers_budget(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, true);

	(void)state;
	assert_int_equal(call(TV_SCHED_CREATE, SC1, TV_SEL_SCHED, 0, 90, MS / 10, 2 * MS), TV_OK);
	(void)make_thread(C1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, SC1, C1), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + 20 * MS), FAKE_BLOCKED);
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	fake_time(fake_tsc + MS / 2);
	assert_true(fake.idle);
	check_invariants();
	fake_time(fake_tsc + 2 * MS);
	assert_ptr_equal(fake_current(), v);
	fake_time(fake_tsc + 20 * MS);
}

static void waiting_without_a_reply_ends_the_call(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, false), *root = fake_current();

	(void)state;
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), v);
	assert_int_equal(call(TV_EP_WAIT, EP2), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), root);
	assert_int_equal(status_of(root), TV_EDEAD);
	check_invariants();
}

static void a_server_that_faults_or_exits_ends_the_call(void **state)
{
	struct thread *root = fake_current();

	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		(void)make_server(V1, SV1, EP, how);
		assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
		if (how)
			fake_fault(13, 0, 0);
		else
			assert_int_equal(call(TV_THREAD_EXIT, 0), FAKE_BLOCKED);
		assert_ptr_equal(fake_current(), root);
		assert_int_equal(status_of(root), TV_EDEAD);
		check_invariants();
		assert_int_equal(call(TV_CAP_DELETE, V1), TV_OK);
		(void)call(TV_CAP_DELETE, SV1);
	}
}

static void the_end_of_an_endpoint_wakes_both_sides(void **state)
{
	struct thread *v = make_server(V1, SV1, EP2, false), *c;

	(void)state;
	c = make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	step_aside();
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	root_again();
	assert_int_equal(call(TV_CAP_DELETE, EP), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, EP2), TV_OK);
	check_invariants();
	assert_int_equal(status_of(c), TV_EDEAD);
	assert_int_equal(status_of(v), TV_EDEAD);
	step_aside();
	assert_ptr_equal(fake_current(), c);
	root_again();
}

static void a_suspended_server_keeps_its_caller_waiting(void **state)
{
	struct thread *v = make_server(V1, SV1, EP, true), *c;

	(void)state;
	c = make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	assert_int_equal(call(TV_THREAD_SUSPEND, V1), TV_OK);
	step_aside();
	assert_int_equal(call(TV_EP_CALL, EP, 1), FAKE_BLOCKED);
	assert_true(fake.idle);
	root_again();
	assert_int_equal(call(TV_THREAD_START, V1), TV_OK);
	step_aside();
	assert_ptr_equal(fake_current(), v);
	root_again();
	assert_int_equal(call(TV_THREAD_SUSPEND, C1), TV_OK);
	step_aside();
	assert_ptr_equal(fake_current(), v);
	assert_int_equal(call(TV_EP_REPLY_WAIT, EP, 2), FAKE_BLOCKED);
	assert_true(fake.idle);
	root_again();
	assert_int_equal(call(TV_THREAD_START, C1), TV_OK);
	step_aside();
	assert_ptr_equal(fake_current(), c);
	assert_int_equal(frame_word(&c->arch.frame, 0), 2);
	root_again();
}

static void calls_nest_to_a_limit(void **state)
{
	(void)state;
	/* Server n waits at endpoint 400 + n; each calls the next. */
	for (uint64_t n = 0; n < EP_CALL_LEVELS + 1; n++) {
		assert_int_equal(call(TV_EP_CREATE, 400 + n), TV_OK);
		(void)make_server(500 + n, 600 + n, 400 + n, true);
	}
	(void)make_thread(C1, TV_SEL_DOMAIN, SC1, 90);
	step_aside();
	for (uint64_t n = 0; n < EP_CALL_LEVELS; n++)
		assert_int_equal(call(TV_EP_CALL, 400 + n, n), FAKE_BLOCKED);
	check_invariants();
	assert_int_equal(call(TV_EP_CALL, 400 + EP_CALL_LEVELS, 1), TV_EBUSY);
	assert_int_equal(call(TV_EP_REPLY_WAIT, 400 + EP_CALL_LEVELS - 1, 7), FAKE_BLOCKED);
	assert_int_equal(frame_word(&fake_current()->arch.frame, 0), 7);
	root_again();
	/* The end of the first server: what lies below goes on alone. */
	assert_int_equal(call(TV_CAP_DELETE, 500), TV_OK);
	check_invariants();
}

/* Random calls, replies, deaths of threads and contexts: the links stay right. */
static void random_chains_stay_consistent(void **state)
{
	enum { THREADS = 8, EPS = 4 };

	(void)state;
	srand(11);
	for (unsigned n = 0; n < EPS; n++)
		assert_int_equal(call(TV_EP_CREATE, 400 + n), TV_OK);
	for (unsigned round = 0; round < 4000; round++) {
		uint64_t ep = 400 + (uint64_t)rand() % EPS, n = (uint64_t)rand() % THREADS;

		if (!fake.idle && fake_current()->own && fake_current()->own->priority == 255) {
			switch (rand() % 6) {
			case 0:
				(void)call(TV_CAP_DELETE, 500 + n);
				break;
			case 1:
				(void)call(TV_CAP_DELETE, 600 + n);
				break;
			case 2:
				(void)call(TV_THREAD_CREATE, 500 + n, TV_SEL_DOMAIN, 0x1000, 0x1000, 0, 0);
				(void)call(TV_THREAD_START, 500 + n);
				break;
			case 3:
				(void)call(TV_SCHED_CREATE, 600 + n, TV_SEL_SCHED, 0, 10 + (uint64_t)rand() % 90,
					   rand() % 2 ? 50000 : 0, 0);
				(void)call(TV_SCHED_CREATE, 600 + n, TV_SEL_SCHED, 0, 50, 50000, 200000);
				(void)call(TV_SCHED_BIND, 600 + n, rand() % 8 ? 500 + (uint64_t)rand() % THREADS : 0);
				break;
			case 4:
				(void)call(rand() % 3 ? TV_THREAD_START : TV_THREAD_SUSPEND, 500 + n);
				if (rand() % 8 == 0) {
					(void)call(TV_CAP_DELETE, ep);
					(void)call(TV_EP_CREATE, ep);
				}
				break;
			default:
				(void)call(TV_NTFN_WAIT, NROOT, fake_tsc + 100000 + (uint64_t)rand() % 300000);
			}
		} else if (fake.idle) {
			fake_time(fake_tsc + 20000);
		} else {
			switch (rand() % 8) {
			case 0:
			case 1:
			case 2:
				(void)call(TV_EP_CALL, ep, round);
				break;
			case 3:
				(void)call(TV_EP_WAIT, ep);
				break;
			case 4:
			case 5:
				(void)call(TV_EP_REPLY_WAIT, ep, round);
				break;
			case 6:
				fake_time(fake_tsc + (uint64_t)rand() % 60000);
				break;
			default:
				if (rand() % 10 == 0)
					fake_fault(6, 0, 0);
				else
					(void)call(TV_NTFN_WAIT, N, fake_tsc + 10000);
			}
		}
		check_invariants();
	}
	while (fake.idle || !fake_current()->own || fake_current()->own->priority != 255)
		fake_time(fake_tsc + 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_carries_words_and_badge_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_work_runs_on_the_callers_priority_and_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(callers_queue_and_are_served_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(nested_calls_lend_on_and_give_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_server_gives_the_callers_their_context_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_outlives_its_caller_on_the_callers_context, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_context_stops_who_runs_on_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_with_a_context_falls_back_on_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_cannot_stall_a_server_by_running_out_of_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(a_passive_server_waits_for_the_callers_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_without_a_reply_ends_the_call, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_faults_or_exits_ends_the_call, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_an_endpoint_wakes_both_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(a_suspended_server_keeps_its_caller_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_nest_to_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(random_chains_stay_consistent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
