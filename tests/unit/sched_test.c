/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/sched.h>

#include <kernel/ep.h>
#include <kernel/notify.h>
#include <kernel/refill.h>
#include <kernel/upcall.h>

#include "kernel_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

enum { T1 = 200, T2, T3, S1 = 210, S2, S3, N = 220, NROOT, E };

#define MS	(FAKE_HZ / 1000)

/* Root gets out of the way until @tsc. */
static void root_sleeps_until(uint64_t tsc)
{
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, tsc), FAKE_BLOCKED);
	check_invariants();
}

static void make_ntfn(void)
{
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
}

static void the_highest_priority_runs_first(void **state)
{
	struct thread *t1, *t2, *t3;

	(void)state;
	make_ntfn();
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	t2 = make_thread(T2, TV_SEL_DOMAIN, S2, 30);
	t3 = make_thread(T3, TV_SEL_DOMAIN, S3, 20);
	root_sleeps_until(TV_NEVER);
	assert_ptr_equal(fake_current(), t2);
	assert_int_equal(call(TV_THREAD_EXIT, 5), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), t3);
	assert_int_equal(call(TV_THREAD_EXIT, 5), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(call(TV_NTFN_SIGNAL, NROOT, 1), FAKE_BLOCKED);	/* root is higher: it runs at once */
	assert_int_equal(fake_current()->domain == fake_root(), 1);
	assert_int_equal(status_of(t1), TV_OK);
	assert_int_equal(call(TV_THREAD_INFO, T2), TV_OK);
	assert_int_equal(out[0], TV_THREAD_EXITED);
	assert_int_equal(out[4], 5);
	check_invariants();
}

static void equal_priorities_take_turns(void **state)
{
	struct thread *t[3], *seen;
	unsigned turns[3] = { 0 };

	(void)state;
	make_ntfn();
	for (unsigned i = 0; i < 3; i++)
		t[i] = make_thread(T1 + i, TV_SEL_DOMAIN, S1 + i, 50);
	root_sleeps_until(TV_NEVER);
	for (unsigned i = 0; i < 30; i++) {
		seen = fake_current();
		for (unsigned n = 0; n < 3; n++)
			turns[n] += seen == t[n];
		fake_time(fake.armed);
		assert_ptr_not_equal(fake_current(), seen);
		check_invariants();
	}
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(turns[n], 10);
	(void)call(TV_NTFN_SIGNAL, NROOT, 1);
}

/* Root interrupts them more often than a turn is long. */
static void a_turn_ends_however_often_it_is_interrupted(void **state)
{
	struct thread *t[2];
	unsigned ran[2] = { 0 };

	(void)state;
	make_ntfn();
	for (unsigned i = 0; i < 2; i++)
		t[i] = make_thread(T1 + i, TV_SEL_DOMAIN, S1 + i, 50);
	for (unsigned i = 0; i < 200; i++) {
		root_sleeps_until(fake_tsc + 3 * MS);
		fake_time(fake_tsc + MS);
		for (unsigned n = 0; n < 2; n++)
			ran[n] += fake_current() == t[n];
		fake_time(fake_tsc + 2 * MS);
		assert_ptr_equal(fake_current()->domain, fake_root());
		assert_ptr_not_equal(fake_current(), t[0]);
		assert_ptr_not_equal(fake_current(), t[1]);
	}
	assert_in_range(ran[0], 90, 110);
	assert_in_range(ran[1], 90, 110);
}

static void a_context_alone_is_not_interrupted(void **state)
{
	(void)state;
	make_ntfn();
	(void)make_thread(T1, TV_SEL_DOMAIN, S1, 50);
	root_sleeps_until(TV_NEVER);
	assert_true(fake.armed == TV_NEVER || fake.armed == 0);
	(void)call(TV_NTFN_SIGNAL, NROOT, 1);
}

static void parameters_are_bounded_by_the_source(void **state)
{
	(void)state;
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 256, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 1, 10, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, ~0ull, 10, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, 2 * MS, MS), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, 0, MS), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, 1, MS), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, MS, ~0ull), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 100, 2 * MS, 10 * MS), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, S2, S1, 0, 101, MS, 10 * MS), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S2, S1, 0, 100, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S2, S1, 0, 100, 3 * MS, 10 * MS), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S2, S1, 0, 100, MS, 5 * MS), TV_OK);
	assert_int_equal(call(TV_SCHED_INFO, S2), TV_OK);
	assert_int_equal(out[1], 100);
	assert_int_equal(out[3], MS);
	assert_int_equal(out[4], 5 * MS);
}

/* How long @t runs in [from, to). */
static uint64_t share(const struct thread *t, uint64_t to)
{
	uint64_t ran = 0;

	while (fake_tsc < to) {
		uint64_t next = fake_tsc + 10000;

		if (!fake.idle && fake_current() == t)
			ran += next - fake_tsc;
		fake_time(next);
		check_invariants();
	}
	return ran;
}

static void a_budget_bounds_the_share_of_the_cpu(void **state)
{
	struct thread *t1, *t2;
	uint64_t ran;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 100, 2 * MS, 10 * MS), TV_OK);
	t1 = make_thread(T1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	t2 = make_thread(T2, TV_SEL_DOMAIN, S2, 50);
	root_sleeps_until(fake_tsc + 500 * MS);
	assert_ptr_equal(fake_current(), t1);
	ran = share(t1, fake_tsc + 100 * MS);
	assert_in_range(ran, 20 * MS - 300000, 20 * MS + 300000);
	ran = share(t2, fake_tsc + 100 * MS);
	assert_in_range(ran, 80 * MS - 400000, 80 * MS + 400000);
	fake_time(fake_tsc + 500 * MS);
	assert_int_equal(call(TV_SCHED_INFO, S1), TV_OK);
	assert_in_range(out[0], 90 * MS, 110 * MS);
}

static void a_context_with_all_of_its_period_runs_on(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 100, MS, MS), TV_OK);
	t1 = make_thread(T1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	root_sleeps_until(fake_tsc + 100 * MS);
	assert_in_range(share(t1, fake_tsc + 20 * MS), 18 * MS, 20 * MS);
	fake_time(fake_tsc + 100 * MS);
}

/* Over any window of one period no more than the budget is used, however the use is cut into pieces. */
static void the_sporadic_server_never_overspends(void **state)
{
	enum { PIECES = 4000 };
	static struct { uint64_t start, end; } used[PIECES];
	unsigned first = 0;
	uint64_t now = 1000, window = 0;
	struct sched s = { .budget = 100000, .period = 1000000 };

	(void)state;
	srand(3);
	refill_init(&s);
	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t there = refill_now(&s, now), sum = 0, part;

		if (!there) {
			assert_true(refill_next(&s) > now);
			now = refill_next(&s);
			there = refill_now(&s, now);
			assert_true(there > 0);
		}
		part = 1 + (uint64_t)rand() % there;
		refill_use(&s, now, part);
		used[i].start = now;
		used[i].end = now += part;
		window += part;
		while (used[first].end + s.period < now) {
			window -= used[first].end - used[first].start;
			first++;
		}
		/* The window may cut the first piece. */
		assert_true(window <= s.budget + (used[first].end - used[first].start));
		for (unsigned n = 0; n < s.refill_count; n++)
			sum += s.refill[(s.refill_first + n) % SCHED_REFILLS].amount;
		assert_int_equal(sum, s.budget);
		now += (uint64_t)rand() % (rand() % 4 ? 1000 : 400000);
	}
}

/* However late the timer comes, the share holds in the long run. */
static void an_overrun_is_paid_back(void **state)
{
	struct sched s = { .budget = 100000, .period = 1000000 };
	uint64_t now = 0, used = 0;

	(void)state;
	srand(4);
	refill_init(&s);
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t there = refill_now(&s, now), part;

		if (!there) {
			now = refill_next(&s);
			there = refill_now(&s, now);
		}
		part = there + (uint64_t)rand() % 400000;
		refill_use(&s, now, part);
		used += part;
		now += part;
	}
	assert_true(used <= now / 10 + 1000000);
	assert_true(used >= now / 12);
}

static void binding_is_one_to_one(void **state)
{
	(void)state;
	(void)make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	(void)make_thread(T2, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S1, T2), TV_EBUSY);
	assert_int_equal(call(TV_SCHED_CREATE, S2, TV_SEL_SCHED, 0, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S2, T1), TV_EBUSY);
	assert_int_equal(call(TV_SCHED_BIND, S1, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S2, T1), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S1, T2), TV_OK);
	check_invariants();
}

static void whoever_loses_its_context_stops_until_it_gets_another(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	assert_int_equal(call(TV_CAP_DELETE, S1), TV_OK);
	check_invariants();
	root_sleeps_until(fake_tsc + MS);
	assert_true(fake.idle);
	fake_time(fake_tsc + MS);
	assert_int_equal(status_of(fake_current()), TV_ETIMEOUT);
	assert_int_equal(call(TV_SCHED_CREATE, S2, TV_SEL_SCHED, 0, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S2, T1), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	fake_time(fake_tsc + MS);
}

static void a_thread_may_unbind_itself(void **state)
{
	struct thread *root = fake_current();

	(void)state;
	make_ntfn();
	(void)make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	/* Root's own context goes: the call is through, but root does not run on. */
	assert_int_equal(call(TV_SCHED_BIND, TV_SEL_SCHED, 0), FAKE_BLOCKED);
	assert_int_equal(status_of(root), TV_OK);
	check_invariants();
	assert_int_equal(call(TV_SCHED_BIND, TV_SEL_SCHED, TV_SEL_THREAD), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), root);
	check_invariants();
}

static void suspending_stops_and_starting_goes_on(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	assert_int_equal(call(TV_THREAD_SUSPEND, T1), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_true(fake.idle);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_INFO, T1), TV_OK);
	assert_int_equal(out[0], TV_THREAD_SUSPENDED);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	/* By itself. */
	assert_int_equal(call(TV_THREAD_SUSPEND, T1), FAKE_BLOCKED);
	assert_int_equal(status_of(t1), TV_OK);
	assert_true(fake.idle);
	fake_time(fake_tsc + MS);
	check_invariants();
}

static void a_thread_that_has_ended_begins_anew(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	t1->stop = 0;
	assert_int_equal(call(TV_THREAD_RESET, T1, 0x2000, 0x3000, 7), TV_EBUSY);	/* it runs */
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(call(TV_THREAD_EXIT, 5), FAKE_BLOCKED);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_START, T1), TV_EDEAD);
	assert_int_equal(call(TV_THREAD_RESET, T1, 0x800000000000, 0x3000, 7), TV_EINVAL);
	assert_int_equal(call(TV_THREAD_RESET, T1, 0x2000, 0x3000, 7), TV_OK);
	assert_int_equal(call(TV_THREAD_INFO, T1), TV_OK);
	assert_int_equal(out[0], TV_THREAD_SUSPENDED);
	assert_int_equal(out[4], 0);
	root_sleeps_until(fake_tsc + MS);
	assert_true(fake.idle);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(t1->arch.frame.rip, 0x2000);
	assert_int_equal(t1->arch.frame.rsp, 0x3000);
	assert_int_equal(t1->arch.frame.rdi, 7);
	fake_time(fake_tsc + MS);
	check_invariants();
}

static void a_reset_ends_a_wait(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	root_sleeps_until(fake_tsc + MS);
	assert_int_equal(call(TV_NTFN_WAIT, N, fake_tsc + 3 * MS), FAKE_BLOCKED);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_RESET, T1, 0x2000, 0x3000, 0), TV_EBUSY);	/* not suspended */
	assert_int_equal(call(TV_THREAD_SUSPEND, T1), TV_OK);
	assert_int_equal(call(TV_THREAD_RESET, T1, 0x2000, 0x3000, 0), TV_OK);
	assert_int_equal(call(TV_NTFN_SIGNAL, N, 1), TV_OK);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	root_sleeps_until(fake_tsc + 5 * MS);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(t1->arch.frame.rip, 0x2000);
	assert_int_equal(t1->arch.frame.rax, 0);		/* neither signal nor deadline reached it */
	fake_time(fake_tsc + 5 * MS);
	check_invariants();
}

static void a_signal_to_a_suspended_thread_is_not_lost(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	t1 = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(call(TV_NTFN_WAIT, N, TV_NEVER), FAKE_BLOCKED);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_SUSPEND, T1), TV_OK);
	assert_int_equal(call(TV_NTFN_SIGNAL, N, 0x30), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_true(fake.idle);
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	root_sleeps_until(fake_tsc + MS);
	assert_ptr_equal(fake_current(), t1);
	assert_int_equal(status_of(t1), TV_OK);
	assert_int_equal(frame_word(&t1->arch.frame, 0), 0x30);
	fake_time(fake_tsc + MS);
}

static void a_fault_stops_the_thread_and_tells_the_watcher(void **state)
{
	struct thread *root = fake_current(), *t1;

	(void)state;
	make_ntfn();
	make_domain(300, 64);
	assert_int_equal(call(TV_DOMAIN_WATCH, 300, NROOT, 0x100), TV_OK);
	t1 = make_thread(T1, 300, S1, 10);
	root_sleeps_until(TV_NEVER);
	assert_ptr_equal(fake_current(), t1);
	fake_fault(14, 6, 0xdead0000);
	assert_ptr_equal(fake_current(), root);
	assert_int_equal(frame_word(&root->arch.frame, 0), 0x100);
	assert_int_equal(call(TV_THREAD_INFO, T1), TV_OK);
	assert_int_equal(out[0], TV_THREAD_FAULTED);
	assert_int_equal(out[1], 14 | 6ull << 32);
	assert_int_equal(out[3], 0xdead0000);
	assert_int_equal(call(TV_THREAD_START, T1), TV_EDEAD);
	assert_int_equal(call(TV_DOMAIN_WATCH, 300, 0, 0), TV_OK);
	check_invariants();
}

static void waiting_ends_at_the_deadline_and_not_before(void **state)
{
	uint64_t deadline = fake_tsc + 5 * MS;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc), TV_ETIMEOUT);
	assert_int_equal(out[0], 0);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, 0), TV_ETIMEOUT);
	root_sleeps_until(deadline);
	assert_true(fake.idle);
	assert_int_equal(fake.armed, deadline);
	fake_time(deadline - 1);
	assert_true(fake.idle);
	/* A timer that fires early is set again. */
	fake.armed = fake_tsc;
	fake_time(fake_tsc);
	assert_true(fake.idle);
	assert_int_equal(fake.armed, deadline);
	fake_time(deadline);
	assert_false(fake.idle);
	assert_int_equal(status_of(fake_current()), TV_ETIMEOUT);
}

static void signals_collect_until_they_are_taken(void **state)
{
	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_NTFN_POLL, NROOT), TV_EAGAIN);
	assert_int_equal(call(TV_NTFN_SIGNAL, NROOT, 1), TV_OK);
	assert_int_equal(call(TV_NTFN_SIGNAL, NROOT, 1ull << 63), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, TV_NEVER), TV_OK);
	assert_int_equal(out[0], 1 | 1ull << 63);
	assert_int_equal(call(TV_NTFN_POLL, NROOT), TV_EAGAIN);
}

static void waiters_are_served_in_the_order_they_came(void **state)
{
	struct thread *t[3];

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	for (unsigned i = 0; i < 3; i++)
		t[i] = make_thread(T1 + i, TV_SEL_DOMAIN, S1 + i, 50 - i);
	root_sleeps_until(fake_tsc + MS);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(fake_current(), t[i]);
		assert_int_equal(call(TV_NTFN_WAIT, N, TV_NEVER), FAKE_BLOCKED);
	}
	fake_time(fake_tsc + MS);
	assert_int_equal(call(TV_NTFN_SIGNAL, N, 1), TV_OK);
	assert_int_equal(t[0]->wait, WAIT_NONE);
	assert_int_equal(call(TV_NTFN_SIGNAL, N, 2), TV_OK);
	assert_int_equal(t[1]->wait, WAIT_NONE);
	assert_int_equal(frame_word(&t[1]->arch.frame, 0), 2);
	/* The third wakes because the notification ends. */
	assert_int_equal(call(TV_CAP_DELETE, N), TV_OK);
	assert_int_equal(t[2]->wait, WAIT_NONE);
	assert_int_equal(status_of(t[2]), TV_EDEAD);
	check_invariants();
}

static void the_hardware_is_armed_only_when_the_first_deadline_changes(void **state)
{
	struct timer t[40];
	unsigned arms;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		timer_init(&t[i], TIMER_SLICE);
	timer_start(&t[0], fake_tsc + 1000);
	arms = fake.arms;
	for (unsigned i = 1; i < 40; i++)
		timer_start(&t[i], fake_tsc + 1000 + i);
	timer_start(&t[0], fake_tsc + 1000);
	for (unsigned i = 1; i < 40; i++)
		timer_stop(&t[i]);
	assert_int_equal(fake.arms, arms);
	timer_start(&t[1], fake_tsc + 500);
	assert_int_equal(fake.arms, arms + 1);
	assert_int_equal(fake.armed, fake_tsc + 500);
	timer_stop(&t[1]);
	timer_stop(&t[0]);
	timer_start(&t[2], TV_NEVER);
	assert_null(first_cpu.timers.root);
}

static void who_waits_for_budget_can_be_stopped_and_goes_on(void **state)
{
	struct thread *t1;

	(void)state;
	make_ntfn();
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 100, MS, 10 * MS), TV_OK);
	t1 = make_thread(T1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	root_sleeps_until(fake_tsc + 3 * MS);
	assert_ptr_equal(fake_current(), t1);
	fake_time(fake_tsc + 3 * MS);
	assert_int_equal(root_sched_of(S1)->state, SCHED_EMPTY);
	assert_int_equal(call(TV_THREAD_SUSPEND, T1), TV_OK);
	check_invariants();
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	check_invariants();
	assert_int_equal(root_sched_of(S1)->state, SCHED_EMPTY);
	root_sleeps_until(fake_tsc + 20 * MS);
	assert_true(fake.idle);
	fake_time(fake_tsc + 8 * MS);
	assert_ptr_equal(fake_current(), t1);
	fake_time(fake_tsc + 20 * MS);
}

static struct cpu second;

static void wait_on_second(void)
{
	assert_int_equal(notify_wait(cap_notification(root_cap(NROOT)), root_thread_of(T1)), TV_OK);
	timer_start(&root_thread_of(T1)->timer, fake_tsc + 1000);
	sched_block(root_thread_of(T1));
}

static void serve_mail(void) { kernel_ipi(); }

static void a_thread_belongs_to_the_cpu_of_its_context(void **state)
{
	struct thread *t1;

	(void)state;
	fake_add_cpu(&second);
	make_ntfn();
	assert_int_equal(call(TV_THREAD_CREATE, T1, TV_SEL_DOMAIN, 0x1000, 0x7000, 0, 0), TV_OK);
	t1 = root_thread_of(T1);
	assert_int_equal(t1->cpu, 0);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 2, 10, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 1, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	assert_int_equal(t1->cpu, 1);
	assert_int_equal(call(TV_THREAD_START, T1), TV_OK);
	assert_int_equal(root_sched_of(S1)->state, SCHED_READY);
	assert_int_equal(first_cpu.ready_map[0], 0);
	assert_true(second.resched && second.ready_map[0] == BIT(10));

	/* Its wait is ended by another CPU, but it is its own that lets it go on. */
	fake_on_cpu(1, wait_on_second);
	assert_ptr_equal(t1->timer.cpu, &second);
	assert_int_equal(call(TV_NTFN_SIGNAL, NROOT, 6), TV_OK);
	assert_ptr_equal(second.mail, t1);
	assert_int_equal(t1->wait, WAIT_NOTIFICATION);
	fake_on_cpu(1, serve_mail);
	assert_null(second.mail);
	assert_int_equal(t1->wait, WAIT_NONE);
	assert_int_equal(frame_word(&t1->arch.frame, 0), 6);
	assert_false(timer_running(&t1->timer));
	assert_int_equal(root_sched_of(S1)->state, SCHED_READY);

	/* It takes the rest of its wait along to another CPU. */
	fake_on_cpu(1, wait_on_second);
	assert_int_equal(call(TV_SCHED_BIND, S1, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, S2, TV_SEL_SCHED, 0, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S2, T1), TV_OK);
	assert_int_equal(t1->cpu, 0);
	assert_ptr_equal(t1->timer.cpu, &first_cpu);
	assert_null(second.timers.root);
	fake_time(fake_tsc + 1001);
	assert_int_equal(status_of(t1), TV_ETIMEOUT);
}

static void promises_fit_on_their_cpu(void **state)
{
	(void)state;
	fake_add_cpu(&second);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, 6 * MS, 10 * MS), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, S2, TV_SEL_SCHED, 0, 10, 5 * MS, 10 * MS), TV_EBUSY);
	assert_int_equal(out[0], TV_SCHED_WHOLE * 6 / 10);
	assert_int_equal(out[1], TV_SCHED_WHOLE / 2);
	/* The rest is there, to the last tick; another CPU is another matter; without a budget nothing is promised. */
	assert_int_equal(call(TV_SCHED_CREATE, S2, TV_SEL_SCHED, 0, 10, 4 * MS, 10 * MS), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, S3, TV_SEL_SCHED, 1, 10, 10 * MS, 10 * MS), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, N, TV_SEL_SCHED, 0, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, S1), TV_OK);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 0, 10, 6 * MS, 10 * MS), TV_OK);
}

static void an_endpoint_is_used_on_one_cpu(void **state)
{
	struct thread *t1;

	(void)state;
	fake_add_cpu(&second);
	t1 = make_thread(T1, TV_SEL_DOMAIN, 0, 0);
	assert_int_equal(call(TV_SCHED_CREATE, S1, TV_SEL_SCHED, 1, 10, 0, 0), TV_OK);
	assert_int_equal(call(TV_SCHED_BIND, S1, T1), TV_OK);
	assert_int_equal(t1->cpu, 1);
	assert_int_equal(call(TV_EP_CREATE, E), TV_OK);
	cap_endpoint(root_cap(E))->cpu = 1;	/* as if it had been there */
	assert_int_equal(call(TV_EP_CALL, E), TV_EBUSY);
}

static void a_flood_of_faults_does_not_fill_the_log(void **state)
{
	uint64_t written;

	(void)state;
	make_ntfn();
	written = fake.log_written;
	for (unsigned i = 0; i < 100; i++) {
		(void)make_thread(T1, TV_SEL_DOMAIN, S1, 10);
		assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + 1000), FAKE_BLOCKED);
		fake_fault(13, 0, 0);
		fake_time(fake_tsc + 1000);
		assert_int_equal(call(TV_CAP_DELETE, T1), TV_OK);
		assert_int_equal(call(TV_CAP_DELETE, S1), TV_OK);
	}
	assert_in_range(fake.log_written - written, 20 * 30, 20 * 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_highest_priority_runs_first, setup, teardown),
		cmocka_unit_test_setup_teardown(equal_priorities_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(a_turn_ends_however_often_it_is_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_alone_is_not_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(parameters_are_bounded_by_the_source, setup, teardown),
		cmocka_unit_test_setup_teardown(a_budget_bounds_the_share_of_the_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(a_context_with_all_of_its_period_runs_on, setup, teardown),
		cmocka_unit_test(the_sporadic_server_never_overspends),
		cmocka_unit_test(an_overrun_is_paid_back),
		cmocka_unit_test_setup_teardown(binding_is_one_to_one, setup, teardown),
		cmocka_unit_test_setup_teardown(whoever_loses_its_context_stops_until_it_gets_another, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thread_may_unbind_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(suspending_stops_and_starting_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thread_that_has_ended_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_ends_a_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_to_a_suspended_thread_is_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fault_stops_the_thread_and_tells_the_watcher, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_at_the_deadline_and_not_before, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_collect_until_they_are_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(waiters_are_served_in_the_order_they_came, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_budget_can_be_stopped_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thread_belongs_to_the_cpu_of_its_context, setup, teardown),
		cmocka_unit_test_setup_teardown(promises_fit_on_their_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(an_endpoint_is_used_on_one_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_of_faults_does_not_fill_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(the_hardware_is_armed_only_when_the_first_deadline_changes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
