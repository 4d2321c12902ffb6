/* SPDX-License-Identifier: Apache-2.0 */
/* Events into the guest: order, windows, blocking, and what an interrupted delivery becomes. */
/* sources: arch/svm/cpu.c arch/svm/controls.c arch/svm/vcpu.c arch/svm/state.c arch/svm/run.c arch/svm/exit.c arch/svm/inject.c arch/svm/bitmap.c arch/svm/pt_npt.c arch/svm/asid.c arch/svm/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/svm/fake.c */
#include "tests/fake/svm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INTR(v)		TV_EVENT(TV_EVENT_EXTINT, (v))
#define NMI		TV_EVENT(TV_EVENT_NMI, 2)
#define EXC(v)		TV_EVENT(TV_EVENT_EXC, (v))
#define HW(type, v)	(EVENT_VALID | (uint64_t)(type) << 8 | (v))

static int setup(void **state)
{
	(void)state;
	fake_vcpu(0);
	fake_long_mode();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vcpu_end();
	return 0;
}

/* One entry: what went in, and how it comes out. */
static struct {
	uint64_t event;			/* seen by the guest          */
	uint64_t rflags;
	bool window;
	uint64_t code, int_info;	/* of the exit                */
	uint64_t rip, new_rflags;	/* 0: as before               */
	uint64_t dr6_set, shadow;
} hwstate;

static void guest(uint64_t *gpr)
{
	(void)gpr;
	hwstate.event = vmcb->event_inj;
	hwstate.rflags = vmcb->rflags;
	hwstate.window = vmcb->v_intr & VINTR_IRQ;
	vmcb->exit_code = hwstate.code;
	vmcb->exit_int_info = hwstate.int_info;
	if (hwstate.rip)
		vmcb->rip = hwstate.rip;
	if (hwstate.new_rflags)
		vmcb->rflags = hwstate.new_rflags;
	vmcb->dr6 |= hwstate.dr6_set;
	vmcb->int_state = hwstate.shadow;
}

/* An entry that ends with @code. */
static uint32_t run(uint64_t code)
{
	hwstate.code = code;
	fake.guest = guest;
	return svm_run(&vcpu);
}

static int clean(void **state)
{
	memset(&hwstate, 0, sizeof(hwstate));
	return setup(state);
}

static void an_interrupt_goes_in_when_the_guest_allows_it(void **state)
{
	(void)state;
	page.inject = INTR(0x31);
	assert_int_equal(run(SVM_EXIT_HLT), TV_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_INTR, 0x31));
	assert_int_equal(page.inject, 0);
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, 0);	/* once only */
}

static void an_interrupt_waits_for_if_behind_a_window(void **state)
{
	(void)state;
	vmcb->rflags = RFLAGS_ONE;
	page.inject = INTR(0x31);
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, 0);
	assert_true(hwstate.window);
	assert_int_equal(page.inject, INTR(0x31));
	assert_true(vmcb->icpt_misc1 & ICPT1_VINTR);
	assert_true(vmcb->icpt_cr & ICPT_WRITE(8));
	assert_int_equal(vmcb->v_intr & (VINTR_IGNORE_TPR | VINTR_PRIORITY_MAX), VINTR_IGNORE_TPR | VINTR_PRIORITY_MAX);
	/* It opens; the monitor did not ask, so only the next entry notices. */
	hwstate.new_rflags = RFLAGS_ONE | RFLAGS_IF;
	assert_int_equal(run(SVM_EXIT_VINTR), TV_EXIT_NONE);
	assert_false(vmcb->icpt_misc1 & ICPT1_VINTR);
	assert_int_equal(run(SVM_EXIT_HLT), TV_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_INTR, 0x31));
	assert_false(hwstate.window);
	assert_false(vmcb->icpt_cr & ICPT_WRITE(8));
}

static void a_cancelled_interrupt_closes_its_window(void **state)
{
	(void)state;
	vmcb->rflags = RFLAGS_ONE;
	page.inject = INTR(0x31);
	run(SVM_EXIT_CPUID);
	page.inject = 0;
	run(SVM_EXIT_CPUID);
	assert_false(hwstate.window);
	assert_false(vmcb->icpt_misc1 & ICPT1_VINTR);
}

static void no_interrupt_goes_into_a_shadow(void **state)
{
	(void)state;
	vmcb->int_state = INT_SHADOW;
	hwstate.shadow = INT_SHADOW;
	page.inject = INTR(0x31);
	run(SVM_EXIT_CPUID);
	assert_int_equal(hwstate.event, 0);
	assert_true(hwstate.window);
	assert_false(hwstate.rflags & RFLAGS_TF);
	/* Where the shadow is lost on entry, the instruction in it is stepped over instead. */
	svm.qemu = true;
	run(SVM_EXIT_CPUID);
	assert_false(hwstate.window);
	assert_true(hwstate.rflags & RFLAGS_TF);
	assert_false(vmcb->rflags & RFLAGS_TF);
}

static void an_exception_does_not_wait_and_sets_rf_if_it_is_a_fault(void **state)
{
	(void)state;
	vmcb->rflags = RFLAGS_ONE;
	page.inject = EXC(EXC_PF) | TV_EVENT_HAS_ERROR | 2ull << 32;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_PF) | EVENT_ERROR_VALID | 2ull << 32);
	assert_true(hwstate.rflags & RFLAGS_RF);
	vmcb->rflags = RFLAGS_ONE;
	page.inject = EXC(EXC_DB);
	run(SVM_EXIT_HLT);
	assert_false(hwstate.rflags & RFLAGS_RF);
	/* In real mode there is no error code. */
	vmcb->cr0 = CR0_ET;
	page.inject = EXC(EXC_GP) | TV_EVENT_HAS_ERROR | 8ull << 32;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_GP));
}

static void malformed_events_are_refused_before_anything_runs(void **state)
{
	static const uint64_t bad[] = {
		TV_EVENT(1, 3), TV_EVENT(7, 0), TV_EVENT(TV_EVENT_NMI, 3), EXC(2), EXC(32), EXC(0xff), EXC(EXC_UD) | TV_EVENT_HAS_ERROR,
		EXC(EXC_GP) | 1ull << 32, INTR(0x30) | TV_EVENT_HAS_ERROR, INTR(0x30) | BIT(12), INTR(0x30) | BIT(30),
		TV_EVENT(TV_EVENT_SOFT_INT, 0x80) /* no next-RIP save */, TV_EVENT(TV_EVENT_SOFT_EXC, 3), TV_EVENT(TV_EVENT_PRIV_EXC, 3),
	};
	unsigned entries = fake.entries;

	(void)state;
	page.inject_len = page.pending_len = 2;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		page.inject = bad[i];
		assert_int_equal(run(SVM_EXIT_HLT), VIRT_REFUSED);
		assert_int_equal(page.inject, bad[i]);
		page.inject = 0;
		page.pending = bad[i];
		assert_int_equal(run(SVM_EXIT_HLT), VIRT_REFUSED);
		page.pending = 0;
	}
	assert_int_equal(fake.entries, entries);
}

static void an_interrupted_delivery_comes_first_on_the_next_entry(void **state)
{
	(void)state;
	hwstate.int_info = HW(EVENT_INTR, 0x40) | BIT(20);	/* a reserved bit */
	assert_int_equal(run(SVM_EXIT_NPF), TV_EXIT_MMIO);
	assert_int_equal(page.pending, INTR(0x40));
	hwstate.int_info = 0;
	page.inject = INTR(0x50);
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_INTR, 0x40));
	assert_true(hwstate.window);			/* for the other one */
	assert_int_equal(page.pending, 0);
	assert_int_equal(page.inject, INTR(0x50));
}

static void a_monitor_can_cancel_an_interrupted_delivery(void **state)
{
	(void)state;
	hwstate.int_info = HW(EVENT_EXCEPTION, EXC_GP) | EVENT_ERROR_VALID | 0x18ull << 32;
	run(SVM_EXIT_NPF);
	assert_int_equal(page.pending, EXC(EXC_GP) | TV_EVENT_HAS_ERROR | 0x18ull << 32);
	page.pending = 0;
	hwstate.int_info = 0;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, 0);
}

static void software_events_of_the_guest_are_executed_again(void **state)
{
	(void)state;
	hwstate.int_info = HW(EVENT_SOFT_INT, 0x80);
	run(SVM_EXIT_NPF);
	assert_int_equal(page.pending, 0);
	hwstate.int_info = HW(EVENT_EXCEPTION, EXC_BP);
	run(SVM_EXIT_NPF);
	assert_int_equal(page.pending, 0);
}

static void software_events_of_the_monitor_are_kept(void **state)
{
	(void)state;
	svm.next_rip = true;
	page.inject = TV_EVENT(TV_EVENT_SOFT_EXC, EXC_BP);
	page.inject_len = 1;
	hwstate.int_info = HW(EVENT_EXCEPTION, EXC_BP);
	run(SVM_EXIT_NPF);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_BP));
	assert_int_equal(vmcb->next_rip, 0x401001);
	assert_int_equal(page.pending, TV_EVENT(TV_EVENT_SOFT_EXC, EXC_BP));
	assert_int_equal(page.pending_len, 1);
	hwstate.int_info = 0;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_BP));
	svm.next_rip = false;
}

static void icebp_saves_the_address_behind_it(void **state)
{
	(void)state;
	page.inject = TV_EVENT(TV_EVENT_PRIV_EXC, EXC_DB);
	page.inject_len = 1;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_DB));
	assert_int_equal(vmcb->rip, 0x401001);
}

static void an_exception_in_a_delivery_becomes_a_double_and_then_a_triple_fault(void **state)
{
	unsigned entries;

	(void)state;
	page.pending = EXC(EXC_PF) | TV_EVENT_HAS_ERROR;
	page.inject = EXC(EXC_GP) | TV_EVENT_HAS_ERROR;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_DF) | EVENT_ERROR_VALID);
	entries = fake.entries;
	page.pending = EXC(EXC_DF) | TV_EVENT_HAS_ERROR;
	page.inject = EXC(EXC_PF) | TV_EVENT_HAS_ERROR;
	assert_int_equal(run(SVM_EXIT_HLT), TV_EXIT_SHUTDOWN);
	assert_int_equal(run(SVM_EXIT_HLT), TV_EXIT_SHUTDOWN);
	assert_int_equal(fake.entries, entries);
}

static void a_triple_fault_leaves_nothing_to_deliver(void **state)
{
	(void)state;
	hwstate.int_info = HW(EVENT_EXCEPTION, EXC_DF) | EVENT_ERROR_VALID;
	assert_int_equal(run(SVM_EXIT_SHUTDOWN), TV_EXIT_SHUTDOWN);
	assert_int_equal(page.pending, 0);
}

static void a_debug_exception_in_a_delivery_replaces_it(void **state)
{
	(void)state;
	hwstate.int_info = HW(EVENT_EXCEPTION, EXC_PF) | EVENT_ERROR_VALID;
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB), TV_EXIT_NONE);
	hwstate.int_info = 0;
	run(SVM_EXIT_HLT);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_DB));
}

/* --- windows that the monitor asks for ---- */

static void a_window_is_reported_when_it_opens(void **state)
{
	(void)state;
	page.window = TV_WINDOW_INTR;
	vmcb->rflags = RFLAGS_ONE;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_true(hwstate.window);
	hwstate.new_rflags = RFLAGS_ONE | RFLAGS_IF;
	assert_int_equal(run(SVM_EXIT_VINTR), TV_EXIT_WINDOW);
	assert_int_equal(page.arg0, TV_WINDOW_INTR);
}

static void an_open_nmi_window_is_reported_at_once(void **state)
{
	unsigned entries = fake.entries;

	(void)state;
	page.window = TV_WINDOW_NMI;
	assert_int_equal(run(SVM_EXIT_HLT), TV_EXIT_WINDOW);
	assert_int_equal(page.arg0, TV_WINDOW_NMI);
	assert_int_equal(fake.entries, entries);
}

/* --- NMIs ---- */

static void inject_nmi(void)
{
	page.inject = NMI;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(EVENT_NMI, 2));
	assert_true(svm_nmi_blocked(hw));
	assert_true(vmcb->icpt_misc1 & ICPT1_IRET);
}

static void a_second_nmi_waits_until_the_first_ones_iret_retired(void **state)
{
	(void)state;
	inject_nmi();
	page.inject = NMI;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, 0);
	assert_int_equal(page.inject, NMI);
	/* The guest reaches its IRET, at 0x402000. */
	hwstate.rip = 0x402000;
	assert_int_equal(run(SVM_EXIT_IRET), TV_EXIT_NONE);
	assert_false(vmcb->icpt_misc1 & ICPT1_IRET);
	/* A host interrupt comes before it is executed: nothing changes. */
	assert_int_equal(run(SVM_EXIT_INTR), TV_EXIT_NONE);
	assert_true(hwstate.rflags & RFLAGS_TF);
	assert_false(vmcb->rflags & RFLAGS_TF);
	assert_true(svm_nmi_blocked(hw));
	/* It retires, with RFLAGS from the stack, and the trap of our step follows. */
	hwstate.rip = 0x401000;
	hwstate.new_rflags = RFLAGS_ONE | RFLAGS_IF | RFLAGS_ZF;
	hwstate.dr6_set = BIT(14);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB), TV_EXIT_NONE);
	assert_int_equal(page.pending, 0);
	assert_int_equal(vmcb->dr6, DR6_INIT);
	assert_int_equal(vmcb->rflags, RFLAGS_ONE | RFLAGS_IF | RFLAGS_ZF);
	assert_false(svm_nmi_blocked(hw));
	hwstate.dr6_set = 0;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(EVENT_NMI, 2));
}

static void an_nmi_window_opens_behind_the_iret(void **state)
{
	(void)state;
	inject_nmi();
	page.window = TV_WINDOW_NMI;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	run(SVM_EXIT_IRET);
	hwstate.rip = 0x403000;
	hwstate.dr6_set = BIT(14);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB), TV_EXIT_NONE);
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_WINDOW);
	assert_int_equal(page.arg0, TV_WINDOW_NMI);
}

static void an_iret_that_faults_has_unblocked_nmis(void **state)
{
	(void)state;
	inject_nmi();
	run(SVM_EXIT_IRET);
	hwstate.rip = 0xffffffff81000000;	/* the handler of #GP */
	hwstate.new_rflags = RFLAGS_ONE;
	assert_int_equal(run(SVM_EXIT_CPUID), TV_EXIT_CPUID);
	assert_false(svm_nmi_blocked(hw));
}

static void an_nmi_whose_delivery_faulted_does_not_block(void **state)
{
	(void)state;
	page.inject = NMI;
	hwstate.int_info = HW(EVENT_NMI, 2);
	run(SVM_EXIT_NPF);
	assert_int_equal(page.pending, NMI);
	assert_false(svm_nmi_blocked(hw));
	hwstate.int_info = 0;
	run(SVM_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(EVENT_NMI, 2));
}

static void an_nmi_behind_another_event_comes_right_after_it(void **state)
{
	(void)state;
	page.pending = EXC(EXC_PF) | TV_EVENT_HAS_ERROR;
	page.inject = NMI;
	run(SVM_EXIT_INTR);
	assert_int_equal(hwstate.event, HW(EVENT_EXCEPTION, EXC_PF) | EVENT_ERROR_VALID);
	assert_false(hwstate.rflags & RFLAGS_TF);	/* the saved RFLAGS would show it */
	assert_int_equal(fake.self_ipis, 1);
	run(SVM_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(EVENT_NMI, 2));
}

static void an_nmi_passes_the_shadow_of_mov_ss_by_a_step(void **state)
{
	(void)state;
	vmcb->rflags = RFLAGS_ONE;
	vmcb->int_state = INT_SHADOW;
	page.inject = NMI;
	hwstate.dr6_set = BIT(14);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB), TV_EXIT_NONE);
	assert_int_equal(hwstate.event, 0);
	assert_true(hwstate.rflags & RFLAGS_TF);
	assert_int_equal(vmcb->rflags, RFLAGS_ONE);
	hwstate.dr6_set = 0;
	run(SVM_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(EVENT_NMI, 2));
}

static void a_guest_that_steps_itself_gets_its_own_trap(void **state)
{
	(void)state;
	vmcb->rflags = RFLAGS_ONE | RFLAGS_TF;
	vmcb->int_state = INT_SHADOW;
	page.inject = NMI;
	hwstate.dr6_set = BIT(14);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB), TV_EXIT_NONE);
	assert_true(vmcb->rflags & RFLAGS_TF);
	assert_int_equal(page.pending, EXC(EXC_DB));
	assert_true(vmcb->dr6 & BIT(14));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, clean, teardown)
		T(an_interrupt_goes_in_when_the_guest_allows_it), T(an_interrupt_waits_for_if_behind_a_window),
		T(a_cancelled_interrupt_closes_its_window), T(no_interrupt_goes_into_a_shadow),
		T(an_exception_does_not_wait_and_sets_rf_if_it_is_a_fault), T(malformed_events_are_refused_before_anything_runs),
		T(an_interrupted_delivery_comes_first_on_the_next_entry), T(a_monitor_can_cancel_an_interrupted_delivery),
		T(software_events_of_the_guest_are_executed_again), T(software_events_of_the_monitor_are_kept),
		T(icebp_saves_the_address_behind_it), T(an_exception_in_a_delivery_becomes_a_double_and_then_a_triple_fault),
		T(a_triple_fault_leaves_nothing_to_deliver), T(a_debug_exception_in_a_delivery_replaces_it), T(a_window_is_reported_when_it_opens),
		T(an_open_nmi_window_is_reported_at_once), T(a_second_nmi_waits_until_the_first_ones_iret_retired),
		T(an_nmi_window_opens_behind_the_iret), T(an_iret_that_faults_has_unblocked_nmis),
		T(an_nmi_whose_delivery_faulted_does_not_block), T(an_nmi_behind_another_event_comes_right_after_it),
		T(an_nmi_passes_the_shadow_of_mov_ss_by_a_step), T(a_guest_that_steps_itself_gets_its_own_trap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
