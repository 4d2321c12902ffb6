/* SPDX-License-Identifier: Apache-2.0 */
/* Events into the guest: order, windows, blocking, and what an interrupted delivery becomes. */
/* sources: arch/vmx/cpu.c arch/vmx/controls.c arch/vmx/vcpu.c arch/vmx/state.c arch/vmx/run.c arch/vmx/exit.c arch/vmx/inject.c arch/vmx/bitmap.c arch/vmx/pt_ept.c arch/vmx/vpid.c arch/vmx/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/vmx/fake.c */
#include "tests/fake/vmx/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INTR(v)		TV_EVENT(TV_EVENT_EXTINT, (v))
#define NMI		TV_EVENT(TV_EVENT_NMI, 2)
#define EXC(v)		TV_EVENT(TV_EVENT_EXC, (v))
#define WITH_ERROR(e)	(TV_EVENT_HAS_ERROR | (uint64_t)(e) << 32)
#define HW(type, v)	(EVENT_VALID | (uint32_t)(type) << 8 | (v))

#define CPUID_EXIT	10u
#define EPT_EXIT	48u

static int setup(void **state)
{
	(void)state;
	fake_vcpu("");
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
	uint32_t event, error, len, blocking, proc;	/* seen by the guest */
	uint64_t rflags;
	const char *wrong;
	uint32_t reason, vectoring, vectoring_error, info;	/* of the exit */
	uint64_t qualification;
} hwstate;

static uint32_t guest(uint64_t *gpr)
{
	(void)gpr;
	hwstate.event = (uint32_t)FIELD(VMCS_ENTRY_EVENT);
	hwstate.error = (uint32_t)FIELD(VMCS_ENTRY_ERROR_CODE);
	hwstate.len = (uint32_t)FIELD(VMCS_ENTRY_INSN_LEN);
	hwstate.blocking = (uint32_t)FIELD(VMCS_GUEST_INTERRUPTIBILITY);
	hwstate.proc = (uint32_t)FIELD(VMCS_PROC_CONTROLS);
	hwstate.rflags = FIELD(VMCS_GUEST_RFLAGS);
	hwstate.wrong = vmx_check();
	FIELD(VMCS_EXIT_REASON) = hwstate.reason;
	FIELD(VMCS_IDT_VECTORING) = hwstate.vectoring;
	FIELD(VMCS_IDT_VECTORING_ERROR) = hwstate.vectoring_error;
	FIELD(VMCS_EXIT_EVENT) = hwstate.info;
	FIELD(VMCS_EXIT_QUALIFICATION) = hwstate.qualification;
	FIELD(VMCS_EXIT_INSN_LEN) = 2;
	return VMX_EXITED;
}

/* An entry that ends with @reason, after which nothing of the guest's state is known. */
static uint32_t run(uint32_t reason)
{
	uint32_t kind;

	hwstate.reason = reason;
	hwstate.event = 0;
	hwstate.wrong = NULL;
	fake.guest = guest;
	kind = vmx_run(&vcpu);
	if (hwstate.wrong)
		fail_msg("VM entry would refuse: %s", hwstate.wrong);
	return kind;
}

/* An entry whose delivery is interrupted by an exit. */
static uint32_t run_interrupted(uint32_t reason, uint32_t vectoring, uint32_t error)
{
	uint32_t kind;

	hwstate.vectoring = vectoring;
	hwstate.vectoring_error = error;
	kind = run(reason);
	hwstate.vectoring = 0;
	return kind;
}

static uint32_t windows(void) { return hwstate.proc & (PROC_INTR_WINDOW | PROC_NMI_WINDOW); }

static void an_interrupt_goes_in_when_it_can(void **state)
{
	(void)state;
	page.inject = INTR(0x30);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(0, 0x30));
	assert_int_equal(page.inject, 0);
	assert_int_equal(windows(), 0);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_false(hwstate.event & EVENT_VALID);
}

static void an_interrupt_that_cannot_go_in_waits_behind_a_window(void **state)
{
	static const struct { uint64_t rflags; uint32_t blocking; } rows[] = {
		{ RFLAGS_ONE, 0 }, { RFLAGS_ONE | RFLAGS_IF, INTERRUPTIBILITY_STI }, { RFLAGS_ONE | RFLAGS_IF, INTERRUPTIBILITY_MOVSS },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		fake_state(rows[i].rflags, rows[i].blocking);
		page.inject = INTR(0x30);
		assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
		assert_false(hwstate.event & EVENT_VALID);
		assert_int_equal(page.inject, INTR(0x30));
		assert_int_equal(windows(), PROC_INTR_WINDOW);
		/* The window opens: nothing for the monitor, and the event goes in. */
		assert_int_equal(run(7), TV_EXIT_NONE);
		fake_state(RFLAGS_ONE | RFLAGS_IF, 0);
		assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
		assert_int_equal(hwstate.event, HW(0, 0x30));
		assert_int_equal(windows(), 0);
	}
}

static void a_window_that_the_monitor_asked_for_is_reported(void **state)
{
	(void)state;
	page.window = TV_WINDOW_INTR;
	assert_int_equal(run(7), TV_EXIT_WINDOW);
	assert_int_equal(windows(), PROC_INTR_WINDOW);
	assert_int_equal(page.arg0, TV_WINDOW_INTR);
	page.window = TV_WINDOW_NMI;
	assert_int_equal(run(8), TV_EXIT_WINDOW);
	assert_int_equal(windows(), PROC_NMI_WINDOW);
	assert_int_equal(page.arg0, TV_WINDOW_NMI);
	/* Not asked for any more when it opens. */
	page.window = 0;
	assert_int_equal(run(8), TV_EXIT_NONE);
	assert_int_equal(windows(), 0);
}

static void an_nmi_waits_for_any_shadow_and_for_iret(void **state)
{
	(void)state;
	page.inject = NMI;
	fake_state(RFLAGS_ONE | RFLAGS_IF, INTERRUPTIBILITY_STI);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(windows(), PROC_NMI_WINDOW);
	/* Else the window could open inside the shadow of STI, again and again. */
	assert_int_equal(hwstate.blocking, INTERRUPTIBILITY_MOVSS);
	fake_state(RFLAGS_ONE, INTERRUPTIBILITY_NMI);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(page.inject, NMI);
	assert_int_equal(hwstate.blocking, INTERRUPTIBILITY_NMI);
	assert_int_equal(run(8), TV_EXIT_NONE);
	fake_state(RFLAGS_ONE, 0);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(2, 2));
	assert_int_equal(page.inject, 0);
}

static void the_shadow_of_sti_ends_with_a_single_step_left_alone(void **state)
{
	(void)state;
	page.inject = NMI;
	fake_state(RFLAGS_ONE | RFLAGS_IF | RFLAGS_TF, INTERRUPTIBILITY_STI);
	FIELD(VMCS_GUEST_PENDING_DBG) = PENDING_DBG_BS;
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.blocking, INTERRUPTIBILITY_MOVSS);
	assert_int_equal(FIELD(VMCS_GUEST_PENDING_DBG), PENDING_DBG_BS);
	FIELD(VMCS_GUEST_PENDING_DBG) = 0;
}

static void exceptions_have_the_error_code_that_entry_demands(void **state)
{
	static const struct { uint64_t event; uint32_t hw; } rows[] = {
		{ EXC(EXC_UD), HW(3, EXC_UD) }, { EXC(EXC_GP) | WITH_ERROR(0x18), HW(3, EXC_GP) | EVENT_ERROR },
		{ EXC(EXC_PF), HW(3, EXC_PF) | EVENT_ERROR }, { EXC(EXC_CP) | WITH_ERROR(1), HW(3, EXC_CP) },
		{ EXC(EXC_DF) | WITH_ERROR(0), HW(3, EXC_DF) | EVENT_ERROR },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.inject = rows[i].event;
		fake_state(RFLAGS_ONE, INTERRUPTIBILITY_MOVSS);
		assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
		assert_int_equal(hwstate.event, rows[i].hw);
		if (rows[i].hw & EVENT_ERROR)
			assert_int_equal(hwstate.error, rows[i].event >> 32);
		/* Faults suppress the breakpoint of the instruction that they return to; the shadow is over. */
		assert_int_equal(hwstate.rflags & RFLAGS_RF, TV_EVENT_VECTOR(rows[i].event) == EXC_DF ? 0 : RFLAGS_RF);
		assert_int_equal(hwstate.blocking, 0);
	}
	/* In real mode no exception has one. */
	page.cr0 = CR0_ET;
	page.cr4 = page.efer = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	page.inject = EXC(EXC_GP) | WITH_ERROR(0);
	page.rip = 0;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(3, EXC_GP));
}

static void software_events_go_with_their_length(void **state)
{
	static const struct { uint64_t event; uint32_t type; } rows[] = {
		{ TV_EVENT(TV_EVENT_SOFT_INT, 0x80), 4 }, { TV_EVENT(TV_EVENT_SOFT_EXC, 3), 6 }, { TV_EVENT(TV_EVENT_PRIV_EXC, 1), 5 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.inject = rows[i].event;
		page.inject_len = 1 + i;
		assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
		assert_int_equal(hwstate.event, HW(rows[i].type, TV_EVENT_VECTOR(rows[i].event)));
		assert_int_equal(hwstate.len, 1 + i);
	}
	page.inject = TV_EVENT(TV_EVENT_SOFT_INT, 0x80);
	page.inject_len = 16;
	assert_int_equal(vmx_run(&vcpu), VIRT_REFUSED);
	page.inject = TV_EVENT(1, 0x80);
	assert_int_equal(vmx_run(&vcpu), VIRT_REFUSED);
	page.inject = 0;
}

static void an_interrupted_delivery_is_repeated_first(void **state)
{
	(void)state;
	page.inject = EXC(EXC_GP) | WITH_ERROR(0x10);
	assert_int_equal(run_interrupted(EPT_EXIT, HW(3, EXC_GP) | EVENT_ERROR | EVENT_NMI_UNBLOCKED, 0x10), TV_EXIT_MMIO);
	assert_int_equal(page.pending, EXC(EXC_GP) | WITH_ERROR(0x10));
	/* With an interrupt behind it, which then needs a window. */
	page.inject = INTR(0x40);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(3, EXC_GP) | EVENT_ERROR);
	assert_int_equal(page.pending, 0);
	assert_int_equal(page.inject, INTR(0x40));
	assert_int_equal(windows(), PROC_INTR_WINDOW);
	page.inject = 0;
}

static void an_interrupted_software_interrupt_keeps_its_length(void **state)
{
	(void)state;
	assert_int_equal(run_interrupted(EPT_EXIT, HW(4, 0x80), 0), TV_EXIT_MMIO);
	assert_int_equal(page.pending, TV_EVENT(TV_EVENT_SOFT_INT, 0x80));
	assert_int_equal(page.pending_len, 2);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(4, 0x80));
	assert_int_equal(hwstate.len, 2);
}

static void an_nmi_whose_delivery_was_interrupted_does_not_block_itself(void **state)
{
	(void)state;
	fake_state(RFLAGS_ONE, INTERRUPTIBILITY_NMI);	/* as the CPU leaves it */
	assert_int_equal(run_interrupted(EPT_EXIT, HW(2, 2), 0), TV_EXIT_MMIO);
	assert_int_equal(page.pending, NMI);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(2, 2));
}

static void an_iret_that_faulted_blocks_nmis_again(void **state)
{
	(void)state;
	fake_state(RFLAGS_ONE, 0);
	hwstate.qualification = BIT(12) | BIT(0);
	assert_int_equal(run(EPT_EXIT), TV_EXIT_MMIO);
	assert_int_equal(FIELD(VMCS_GUEST_INTERRUPTIBILITY), INTERRUPTIBILITY_NMI);
	hwstate.qualification = 0;
	fake_state(RFLAGS_ONE, 0);
	page.exc_intercept = 1u << EXC_GP;
	hwstate.info = HW(3, EXC_GP) | EVENT_ERROR | EVENT_NMI_UNBLOCKED;
	assert_int_equal(run(0), TV_EXIT_EXC);
	assert_int_equal(page.arg0 & 0xffffffff, (EXC(EXC_GP) | TV_EVENT_HAS_ERROR) & 0xffffffff);
	vmx_pull(&vcpu, TV_REGS_RIP);
	assert_int_equal(page.shadow, TV_SHADOW_NMI);
	/* But not if the exit came while something else was delivered. */
	fake_state(RFLAGS_ONE, 0);
	assert_int_equal(run_interrupted(0, HW(0, 0x30), 0), TV_EXIT_EXC);
	assert_int_equal(FIELD(VMCS_GUEST_INTERRUPTIBILITY), 0);
	page.pending = 0;
}

static void intercepted_traps_of_the_guest_go_back_to_it(void **state)
{
	(void)state;
	hwstate.info = HW(3, EXC_DB);
	hwstate.qualification = BIT(14);
	hw->dr6 = DR6_INIT | 3;
	assert_int_equal(run(0), TV_EXIT_NONE);
	assert_int_equal(hw->dr6, DR6_INIT | BIT(14));	/* breakpoints of earlier traps are gone */
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(3, EXC_DB));
	hwstate.info = HW(5, EXC_DB);			/* ICEBP */
	assert_int_equal(run(0), TV_EXIT_NONE);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(5, EXC_DB));
	assert_int_equal(hwstate.len, 2);
	hwstate.info = HW(3, EXC_AC) | EVENT_ERROR;
	assert_int_equal(run(0), TV_EXIT_NONE);
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_CPUID);
	assert_int_equal(hwstate.event, HW(3, EXC_AC) | EVENT_ERROR);
}

static void an_exception_on_top_of_a_double_fault_is_a_triple_fault(void **state)
{
	(void)state;
	hwstate.info = HW(3, EXC_AC) | EVENT_ERROR;
	assert_int_equal(run_interrupted(0, HW(3, EXC_PF) | EVENT_ERROR, 2), TV_EXIT_NONE);
	assert_int_equal(page.pending & 0xff, EXC_AC);	/* #AC is benign */
	page.pending = EXC(EXC_DF) | WITH_ERROR(0);
	page.inject = EXC(EXC_GP) | WITH_ERROR(0);
	fake.entries = 0;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_SHUTDOWN);
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_SHUTDOWN);
	assert_int_equal(fake.entries, 0);
	assert_int_equal(page.pending | page.inject, 0);
}

static void a_triple_fault_of_the_guest_stops_it(void **state)
{
	(void)state;
	assert_int_equal(run_interrupted(2, HW(3, EXC_DF) | EVENT_ERROR, 0), TV_EXIT_SHUTDOWN);
	assert_int_equal(page.pending, 0);
	fake.entries = 0;
	assert_int_equal(run(CPUID_EXIT), TV_EXIT_SHUTDOWN);
	assert_int_equal(fake.entries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(an_interrupt_goes_in_when_it_can), T(an_interrupt_that_cannot_go_in_waits_behind_a_window),
		T(a_window_that_the_monitor_asked_for_is_reported), T(an_nmi_waits_for_any_shadow_and_for_iret),
		T(the_shadow_of_sti_ends_with_a_single_step_left_alone), T(exceptions_have_the_error_code_that_entry_demands),
		T(software_events_go_with_their_length), T(an_interrupted_delivery_is_repeated_first),
		T(an_interrupted_software_interrupt_keeps_its_length), T(an_nmi_whose_delivery_was_interrupted_does_not_block_itself),
		T(an_iret_that_faulted_blocks_nmis_again), T(intercepted_traps_of_the_guest_go_back_to_it),
		T(an_exception_on_top_of_a_double_fault_is_a_triple_fault), T(a_triple_fault_of_the_guest_stops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
