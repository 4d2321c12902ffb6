/* SPDX-License-Identifier: Apache-2.0 */
/* sources: tests/fake/kernel_fake.c tests/fake/kernel_invariants.c kernel/cap.c kernel/cross.c kernel/domain.c kernel/doorbell.c kernel/ep.c kernel/exit.c kernel/hc_cap.c kernel/hc_dev.c kernel/hc_domain.c kernel/hc_ipc.c kernel/hc_mem.c kernel/hc_sched.c kernel/hc_thread.c kernel/hc_vcpu.c kernel/hypercall.c kernel/irq.c kernel/klog.c kernel/limbo.c kernel/notify.c kernel/object.c kernel/port.c kernel/refill.c kernel/root.c kernel/sched.c kernel/space.c kernel/space_change.c kernel/thread.c kernel/timer.c kernel/vcpu.c mm/pt.c mm/quota.c */
#include <kernel/irq.h>

#include "kernel_fake.h"

#include <kernel/port.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>
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

enum { N = 200, N2, DOM = 210, SPACE, VCPU, P1 = 220, P2, P3, M1, IRQS, T1 = 230, S1, NROOT };
#define MS	(FAKE_HZ / 1000)

static unsigned gsi;
static void irq_now(void) { kernel_irq(gsi); }

static void interrupt(unsigned n)
{
	gsi = n;
	fake_interrupt(irq_now);
}

static void an_interrupt_becomes_a_signal(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, 11, N, 0x40, TV_IRQ_LEVEL | TV_IRQ_LOW), TV_OK);
	assert_int_equal(fake.irq_flags[11], TV_IRQ_LEVEL | TV_IRQ_LOW);
	assert_false(fake.masked[11]);
	interrupt(11);
	assert_int_equal(call(TV_NTFN_POLL, N), TV_OK);
	assert_int_equal(out[0], 0x40);
	fake.masked[11] = true;
	assert_int_equal(call(TV_IRQ_ACK, TV_SEL_IRQS, 11), TV_OK);
	assert_false(fake.masked[11]);
	assert_int_equal(call(TV_IRQ_MASK, TV_SEL_IRQS, 11), TV_OK);
	assert_true(fake.masked[11]);
	/* One that nobody wants is masked. */
	interrupt(3);
	assert_true(fake.masked[3]);
}

static void an_interrupt_wakes_its_driver_out_of_idle(void **state)
{
	struct thread *root = fake_current();

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, 4, N, 1, 0), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, N, TV_NEVER), FAKE_BLOCKED);
	assert_true(fake.idle);
	interrupt(4);
	assert_false(fake.idle);
	assert_ptr_equal(fake_current(), root);
	assert_int_equal(status_of(root), TV_OK);
	assert_int_equal(frame_word(&root->arch.frame, 0), 1);
}

static void binding_checks_everything_first(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, IRQS, TV_SEL_IRQS, TV_RIGHT_USE, 5, 2), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, N2, N, TV_RIGHT_CONTROL, 3), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 4, N, 1, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 7, N, 1, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, ~0ull, N, 1, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 0, 0), TV_EINVAL);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, 8), TV_EINVAL);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, TV_IRQ_LEVEL | TV_IRQ_EDGE), TV_EINVAL);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, TV_IRQ_LOW), TV_EINVAL);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N2, 4, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_ACK, IRQS, 5), TV_EDEAD);
	fake.fail_route = 1;
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, 0), TV_EUNSUP);
	fake.fail_route = 0;
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N2, 1, 0), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, 0), TV_EBUSY);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, 5, N, 1, 0), TV_EBUSY);
}

static void a_binding_goes_with_its_capability_or_its_notification(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, IRQS, TV_SEL_IRQS, TV_RIGHT_USE, 5, 2), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, 0), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, IRQS), TV_OK);
	assert_false(fake.routed[5]);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, 5, N, 1, 0), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, N), TV_OK);
	/* Still routed, but it signals nobody, is masked, and can be bound anew. */
	interrupt(5);
	assert_true(fake.masked[5]);
	assert_int_equal(call(TV_IRQ_ACK, TV_SEL_IRQS, 5), TV_EDEAD);
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, 5, N, 1, 0), TV_OK);
	assert_int_equal(call(TV_CAP_REVOKE, TV_SEL_IRQS), TV_OK);
	assert_false(fake.routed[5]);
	check_invariants();
}

static void a_message_has_an_address_and_a_signal_and_is_never_masked(void **state)
{
	const unsigned n = TV_IRQ_MESSAGE + 5;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, IRQS, TV_SEL_IRQS, TV_RIGHT_USE, n, 2), TV_OK);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, n - 1, N, 1, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, TV_IRQ_MAX, N, 1, 0), TV_ERANGE);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, TV_IRQ_MESSAGE - 1, N, 1, 0), TV_EINVAL);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, n, N, 1, TV_IRQ_EDGE), TV_EINVAL);
	fake.fail_route = 1;
	assert_int_equal(call(TV_IRQ_BIND, IRQS, n, N, 1, 0), TV_EUNSUP);
	fake.fail_route = 0;
	assert_int_equal(call(TV_IRQ_BIND, IRQS, n, N, 0x20, 0), TV_OK);
	assert_int_equal(out[0], 0xfee00000);
	assert_int_equal(out[1], 0x95);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, n, N, 1, 0), TV_EBUSY);
	interrupt(n);
	assert_int_equal(call(TV_NTFN_POLL, N), TV_OK);
	assert_int_equal(out[0], 0x20);
	assert_int_equal(call(TV_IRQ_MASK, IRQS, n), TV_OK);
	assert_int_equal(call(TV_IRQ_ACK, IRQS, n), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, IRQS), TV_OK);
	/* One that comes late, or that nobody has asked for, signals nobody. */
	interrupt(n);
	assert_int_equal(call(TV_NTFN_POLL, N), TV_EAGAIN);
	assert_int_equal(call(TV_IRQ_BIND, TV_SEL_IRQS, n, N, 1, 0), TV_OK);
	check_invariants();
}

static bool allowed(unsigned port)
{
	return fake.ports && port / 8 >= fake.port_first && port / 8 <= fake.port_last && !(fake.ports[port / 8] >> port % 8 & 1);
}

/*
 * A revocation that stops between the driver's capability and its binding, which is the 33rd thing: the domain that has paid for the
 * binding ends meanwhile.
 */
static void a_binding_ends_with_the_domain_that_paid_for_it(void **state)
{
	enum tv_err err;

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	make_domain(DOM, 100);
	(void)make_thread(T1, DOM, S1, 10);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, IRQS, TV_SEL_IRQS, TV_RIGHT_USE | TV_RIGHT_DERIVE), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, IRQS, IRQS, TV_RIGHT_USE, 5, 1), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, DOM, N, N, TV_RIGHT_CONTROL), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
	assert_int_equal(call(TV_IRQ_BIND, IRQS, 5, N, 1, 0), TV_OK);
	fake_time(fake_tsc + MS);
	for (unsigned i = 0; i < WORK_CHUNK / WORK_NODE - 1; i++)
		assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, 1000 + i, IRQS, TV_RIGHT_USE), TV_OK);
	assert_false(call_chunks(1, &err, TV_CAP_REVOKE, IRQS, 0, 0, 0, 0, 0));
	assert_null(cap_slot(&root_domain_of(DOM)->table, IRQS));
	assert_true(fake.routed[5]);
	assert_int_equal(call(TV_CAP_DELETE, DOM), TV_OK);
	assert_false(fake.routed[5]);
	assert_int_equal(call(TV_CAP_REVOKE, IRQS), TV_OK);
	check_invariants();
}

static void ports_are_seen_at_once_and_taken_back_at_once(void **state)
{
	uint64_t used = fake_root()->quota.used;

	(void)state;
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, P1, TV_SEL_PORTS, TV_RIGHT_USE, 0x3f8, 8), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, P2, TV_SEL_PORTS, TV_RIGHT_USE, 0x61, 1), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, P3, TV_SEL_PORTS, TV_RIGHT_USE, 0x3ff, 2), TV_OK);
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, P1), TV_OK);
	assert_true(allowed(0x3f8) && allowed(0x3ff) && !allowed(0x3f7) && !allowed(0x400));
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, P3), TV_EEXIST);
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, P1), TV_EEXIST);
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, P2), TV_OK);
	assert_true(allowed(0x61) && !allowed(0x60) && !allowed(0x62) && allowed(0x3f8));
	assert_int_equal(call(TV_CAP_DELETE, P1), TV_OK);
	assert_true(allowed(0x61) && !allowed(0x3f8));
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, P3), TV_OK);
	assert_true(allowed(0x3ff) && allowed(0x400));
	assert_int_equal(call(TV_CAP_DELETE, P2), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, P3), TV_OK);
	assert_null(fake.ports);
	assert_int_equal(call(TV_PORT_GRANT, TV_SEL_DOMAIN, TV_SEL_PORTS), TV_OK);
	assert_true(allowed(0) && allowed(65535));
	assert_int_equal(call(TV_CAP_REVOKE, TV_SEL_PORTS), TV_OK);
	assert_int_equal(fake_root()->quota.used, used);
}

static void each_domain_sees_its_own_ports(void **state)
{
	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	make_domain(DOM, 100);
	(void)make_thread(T1, DOM, S1, 10);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, P1, TV_SEL_PORTS, TV_RIGHT_USE, 0x3f8, 8), TV_OK);
	assert_int_equal(call(TV_PORT_GRANT, DOM, P1), TV_OK);
	assert_false(allowed(0x3f8));
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, fake_tsc + MS), FAKE_BLOCKED);
	assert_true(allowed(0x3f8));
	fake_time(fake_tsc + MS);
	assert_false(allowed(0x3f8));
}

static void grants_to_one_receiver_are_bounded(void **state)
{
	unsigned n = 0;
	enum tv_err err = TV_OK;

	(void)state;
	make_domain(DOM, 400);
	for (; !err; n++) {
		assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, 1000 + n, TV_SEL_PORTS, TV_RIGHT_USE, 2 * n + 1, 1), TV_OK);
		err = call(TV_PORT_GRANT, DOM, 1000 + n);
	}
	assert_int_equal(err, TV_EBUSY);
	assert_int_equal(n, GRANTS_MAX + 1);
}

static void make_vcpu(void)
{
	assert_int_equal(call(TV_SPACE_CREATE, SPACE, TV_SPACE_GUEST), TV_OK);
	assert_int_equal(call(TV_VCPU_CREATE, VCPU, SPACE), TV_OK);
}

static void vcpus_get_ports_and_msrs(void **state)
{
	(void)state;
	make_vcpu();
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, M1, TV_SEL_MSRS, TV_RIGHT_USE, 0xc0000100, 3), TV_OK);
	assert_int_equal(call(TV_CAP_DERIVE, TV_SEL_DOMAIN, P1, TV_SEL_MSRS, TV_RIGHT_USE, 0x10, 1), TV_OK);
	assert_int_equal(call(TV_MSR_GRANT, VCPU, M1), TV_OK);
	assert_int_equal(call(TV_MSR_GRANT, VCPU, M1), TV_EEXIST);
	assert_int_equal(call(TV_MSR_GRANT, VCPU, P1), TV_EUNSUP);
	assert_int_equal(call(TV_MSR_GRANT, VCPU, TV_SEL_MSRS), TV_EUNSUP);
	assert_int_equal(call(TV_PORT_GRANT, VCPU, TV_SEL_PORTS), TV_OK);
	assert_int_equal(fake.grants, 2);
	assert_int_equal(call(TV_CAP_DELETE, M1), TV_OK);
	assert_int_equal(fake.grants, 1);
	assert_int_equal(call(TV_CAP_DELETE, VCPU), TV_OK);
	assert_int_equal(fake.grants, 0);
}

static void the_state_page_goes_with_the_vcpu(void **state)
{
	uint32_t attr;
	uint64_t leaf;
	hpa_t pa;

	(void)state;
	make_vcpu();
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 0x1234), TV_EINVAL);
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 0), TV_EINVAL);
	assert_int_equal(call(TV_VCPU_MAP, VCPU, TV_USER_MAX), TV_EINVAL);
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 1ull << 63), TV_EINVAL);
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 0x800000), TV_OK);
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 0x800000), TV_EEXIST);
	assert_true(pt_lookup(&fake_root()->space.pt, 0x800000, &pa, &attr, &leaf));
	assert_int_equal(attr & PT_RWX, PT_R | PT_W);
	assert_int_equal(call(TV_MEM_PROTECT, TV_SEL_DOMAIN, 0x800000, 0x1000, TV_MAP_READ | TV_MAP_EXEC), TV_ERIGHT);
	assert_int_equal(call(TV_CAP_DELETE, VCPU), TV_OK);
	assert_false(pt_lookup(&fake_root()->space.pt, 0x800000, &pa, &attr, &leaf));
	check_invariants();
}

static void a_vcpu_goes_with_its_space(void **state)
{
	(void)state;
	make_vcpu();
	assert_int_equal(call(TV_VCPU_MAP, VCPU, 0x800000), TV_OK);
	assert_int_equal(call(TV_CAP_DELETE, SPACE), TV_OK);
	assert_null(root_cap(VCPU));
	check_invariants();
}

static void signal_root(void) { notify_signal(cap_notification(root_cap(NROOT)), 1); }
static struct thread *runner;
static void preempt(void)
{
	/* A host interrupt, in guest mode, that wakes root. */
	fake.vcpu_enter = NULL;
	signal_root();
}

static void a_preempted_vcpu_goes_on_later(void **state)
{
	(void)state;
	make_vcpu();
	assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	runner = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
	assert_int_equal(call(TV_THREAD_BIND, T1, N), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, TV_NEVER), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), runner);
	fake.vcpu_kind = TV_EXIT_NONE;
	fake.vcpu_enter = preempt;
	assert_int_equal(call(TV_VCPU_RUN, VCPU, TV_NEVER), FAKE_BLOCKED);
	assert_ptr_equal(fake_current()->domain, fake_root());
	assert_ptr_not_equal(fake_current(), runner);
	assert_int_equal(runner->cont, THREAD_CONT_VCPU_RUN);
	check_invariants();
	/* The bound notification ends it, and keeps its bits. */
	fake.vcpu_kind = TV_EXIT_HLT;
	assert_int_equal(call(TV_NTFN_SIGNAL, N, 0x10), TV_OK);
	assert_int_equal(call(TV_NTFN_WAIT, NROOT, TV_NEVER), FAKE_BLOCKED);
	assert_ptr_equal(fake_current(), runner);
	assert_int_equal(status_of(runner), TV_OK);
	assert_int_equal(cap_vcpu(root_cap(VCPU))->page->kind, TV_EXIT_KICK);
	assert_int_equal(call(TV_NTFN_POLL, N), TV_OK);
	assert_int_equal(out[0], 0x10);
	/* Now it runs until the exit. */
	assert_int_equal(call(TV_VCPU_RUN, VCPU, TV_NEVER), TV_OK);
	assert_int_equal(cap_vcpu(root_cap(VCPU))->page->kind, TV_EXIT_HLT);
	assert_int_equal(call(TV_VCPU_RUN, VCPU, fake_tsc), TV_OK);
	assert_int_equal(cap_vcpu(root_cap(VCPU))->page->kind, TV_EXIT_DEADLINE);
	fake_interrupt(signal_root);
}

static void a_vcpu_that_ends_while_it_runs_ends_the_call(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 3; what++) {
		make_vcpu();
		assert_int_equal(call(TV_NTFN_CREATE, NROOT), TV_OK);
		runner = make_thread(T1, TV_SEL_DOMAIN, S1, 10);
		assert_int_equal(call(TV_NTFN_WAIT, NROOT, TV_NEVER), FAKE_BLOCKED);
		fake.vcpu_kind = TV_EXIT_NONE;
		fake.vcpu_enter = preempt;
		assert_int_equal(call(TV_VCPU_RUN, VCPU, TV_NEVER), FAKE_BLOCKED);
		assert_int_equal(call(TV_VCPU_RUN, VCPU, TV_NEVER), TV_EBUSY);
		assert_int_equal(call(TV_CAP_DELETE, what == 0 ? VCPU : what == 1 ? SPACE : T1), TV_OK);
		check_invariants();
		if (what < 2) {
			assert_int_equal(status_of(runner), TV_EDEAD);
			assert_int_equal(runner->cont, THREAD_CONT_NONE);
		} else {
			assert_null(cap_vcpu(root_cap(VCPU))->owner);
		}
		for (uint64_t sel = SPACE; sel <= NROOT; sel++)
			(void)call(TV_CAP_DELETE, sel);
	}
}

static void the_log_is_written_read_and_watched(void **state)
{
	uint64_t word[5] = { 0 };
	char text[33] = { 0 };

	(void)state;
	assert_int_equal(call(TV_NTFN_CREATE, N), TV_OK);
	assert_int_equal(call(TV_LOG_BIND, TV_SEL_LOG, N, 0), TV_EINVAL);
	assert_false(fake.quiet);
	assert_int_equal(call(TV_LOG_BIND, TV_SEL_LOG, N, 8), TV_OK);
	assert_true(fake.quiet);
	(void)call(TV_NTFN_POLL, N);
	memcpy(word, "hello, root", 11);
	fake.log_length = fake.log_written = 0;
	assert_int_equal(call(TV_LOG_WRITE, TV_SEL_LOG, word[0], word[1], word[2], word[3], word[4]), TV_OK);
	assert_int_equal(fake.log_written, 11);
	assert_int_equal(call(TV_NTFN_POLL, N), TV_OK);
	assert_int_equal(out[0], 8);
	memset(word, 'x', sizeof(word));
	assert_int_equal(call(TV_LOG_WRITE, TV_SEL_LOG, word[0], word[1], word[2], word[3], word[4]), TV_OK);
	assert_int_equal(fake.log_written, 51);
	assert_int_equal(call(TV_LOG_READ, TV_SEL_LOG, 0), TV_OK);
	assert_int_equal(out[0], 32);
	memcpy(text, &out[1], 32);
	assert_string_equal(text, "hello, rootxxxxxxxxxxxxxxxxxxxxx");
	assert_int_equal(call(TV_LOG_READ, TV_SEL_LOG, 32), TV_OK);
	assert_int_equal(out[0], 51);
	memcpy(text, &out[1], 32);
	assert_string_equal(text, "xxxxxxxxxxxxxxxxxxx");
	assert_int_equal(call(TV_LOG_READ, TV_SEL_LOG, 51), TV_EAGAIN);
	assert_int_equal(call(TV_LOG_READ, TV_SEL_LOG, ~0ull), TV_EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_interrupt_becomes_a_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt_wakes_its_driver_out_of_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(binding_checks_everything_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_binding_goes_with_its_capability_or_its_notification, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_has_an_address_and_a_signal_and_is_never_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_binding_ends_with_the_domain_that_paid_for_it, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_are_seen_at_once_and_taken_back_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(each_domain_sees_its_own_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(grants_to_one_receiver_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(vcpus_get_ports_and_msrs, setup, teardown),
		cmocka_unit_test_setup_teardown(the_state_page_goes_with_the_vcpu, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vcpu_goes_with_its_space, setup, teardown),
		cmocka_unit_test_setup_teardown(a_preempted_vcpu_goes_on_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vcpu_that_ends_while_it_runs_ends_the_call, setup, teardown),
		cmocka_unit_test_setup_teardown(the_log_is_written_read_and_watched, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
