/* SPDX-License-Identifier: Apache-2.0 */
/* Exit reasons of the hardware as neutral records, failed entries, and the registers around an entry. */
/* sources: arch/vmx/cpu.c arch/vmx/controls.c arch/vmx/vcpu.c arch/vmx/state.c arch/vmx/run.c arch/vmx/exit.c arch/vmx/inject.c arch/vmx/bitmap.c arch/vmx/pt_ept.c arch/vmx/vpid.c arch/vmx/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/vmx/fake.c */
#include "tests/fake/vmx/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/hypercall.h>

uint64_t fake_tsc;

static int setup(void **state)
{
	(void)state;
	fake_vcpu("");
	fake_long_mode();
	(void)vmx_run(&vcpu);		/* gets its VPID */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vcpu_end();
	return 0;
}

/* What the hardware says next. */
static struct {
	uint32_t reason, event, error, vectoring, vectoring_error;
	uint64_t qualification, gpa;
} next;

static uint32_t guest(uint64_t *gpr)
{
	(void)gpr;
	FIELD(VMCS_EXIT_REASON) = next.reason;
	FIELD(VMCS_EXIT_EVENT) = next.event;
	FIELD(VMCS_EXIT_EVENT_ERROR) = next.error;
	FIELD(VMCS_IDT_VECTORING) = next.vectoring;
	FIELD(VMCS_IDT_VECTORING_ERROR) = next.vectoring_error;
	FIELD(VMCS_EXIT_QUALIFICATION) = next.qualification;
	FIELD(VMCS_EXIT_GPA) = next.gpa;
	FIELD(VMCS_EXIT_INSN_LEN) = 3;
	return VMX_EXITED;
}

static uint32_t run(uint32_t reason, uint64_t qualification)
{
	next.reason = reason;
	next.qualification = qualification;
	fake.guest = guest;
	return vmx_run(&vcpu);
}

/* An exit by an exception: @info is the interruption information without its valid bit. */
static uint32_t run_exception(uint32_t info, uint32_t error, uint64_t qualification)
{
	uint32_t kind;

	next.event = info | EVENT_VALID;
	next.error = error;
	kind = run(0, qualification);
	next.event = next.error = 0;
	return kind;
}

static void every_intercepted_instruction_has_its_kind_and_its_length(void **state)
{
	static const struct { uint32_t reason, kind, insn; } rows[] = {
		{ 10, TV_EXIT_CPUID, 0 }, { 11, TV_EXIT_INSN, TV_INSN_GETSEC }, { 12, TV_EXIT_HLT, 0 }, { 13, TV_EXIT_INSN, TV_INSN_INVD },
		{ 14, TV_EXIT_INSN, TV_INSN_INVLPG }, { 15, TV_EXIT_INSN, TV_INSN_RDPMC }, { 16, TV_EXIT_INSN, TV_INSN_RDTSC },
		{ 17, TV_EXIT_INSN, TV_INSN_RSM }, { 18, TV_EXIT_HYPERCALL, 0 }, { 19, TV_EXIT_INSN, TV_INSN_VIRT },
		{ 20, TV_EXIT_INSN, TV_INSN_VIRT }, { 21, TV_EXIT_INSN, TV_INSN_VIRT }, { 22, TV_EXIT_INSN, TV_INSN_VIRT },
		{ 23, TV_EXIT_INSN, TV_INSN_VIRT }, { 24, TV_EXIT_INSN, TV_INSN_VIRT }, { 25, TV_EXIT_INSN, TV_INSN_VIRT },
		{ 26, TV_EXIT_INSN, TV_INSN_VIRT }, { 27, TV_EXIT_INSN, TV_INSN_VIRT }, { 31, TV_EXIT_RDMSR, 0 }, { 32, TV_EXIT_WRMSR, 0 },
		{ 36, TV_EXIT_INSN, TV_INSN_MWAIT }, { 39, TV_EXIT_INSN, TV_INSN_MONITOR }, { 40, TV_EXIT_INSN, TV_INSN_PAUSE },
		{ 50, TV_EXIT_INSN, TV_INSN_VIRT }, { 51, TV_EXIT_INSN, TV_INSN_RDTSCP }, { 53, TV_EXIT_INSN, TV_INSN_VIRT },
		{ 54, TV_EXIT_INSN, TV_INSN_WBINVD }, { 55, TV_EXIT_XSETBV, 0 }, { 58, TV_EXIT_INSN, TV_INSN_INVPCID },
		{ 59, TV_EXIT_INSN, TV_INSN_VIRT }, { 60, TV_EXIT_INSN, TV_INSN_ENCLS }, { 70, TV_EXIT_INSN, TV_INSN_ENCLS },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.arg0 = 99;
		assert_int_equal(run(rows[i].reason, 0), rows[i].kind);
		if (rows[i].kind == TV_EXIT_INSN)
			assert_int_equal(page.arg0, rows[i].insn);
		assert_int_equal(page.insn_len, 3);
		assert_int_equal(page.insn_count, 0);
	}
}

static void what_nobody_asked_for_is_a_failure(void **state)
{
	static const uint32_t reasons[] = { 5, 6, 33, 34, 35, 37, 41, 43, 49, 57, 61, 62, 63, 69, 71, 76, 0xffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(reasons); i++) {
		assert_int_equal(run(reasons[i], 0), TV_EXIT_FAIL);
		assert_int_equal(page.arg0, TV_FAIL_UNKNOWN);
		assert_int_equal(page.arg1, reasons[i]);
	}
}

static void port_io_is_decoded(void **state)
{
	(void)state;
	assert_int_equal(run(30, 0x3f8ull << 16 | 0), TV_EXIT_PIO);
	assert_int_equal(page.arg0, 0x3f8);
	assert_int_equal(page.arg1, TV_PIO_MK_SIZE(1));
	assert_int_equal(page.insn_len, 3);
	assert_int_equal(run(30, 0xcfcull << 16 | BIT(3) | 3), TV_EXIT_PIO);
	assert_int_equal(page.arg1, TV_PIO_MK_SIZE(4) | TV_PIO_IN);
	assert_int_equal(run(30, 0x1f0ull << 16 | BIT(5) | BIT(4) | BIT(3) | 1), TV_EXIT_PIO);
	assert_int_equal(page.arg1, TV_PIO_MK_SIZE(2) | TV_PIO_IN | TV_PIO_STRING | TV_PIO_REP);
}

static void control_register_accesses_name_their_operand(void **state)
{
	(void)state;
	assert_int_equal(run(28, 4 | 11ull << 8), TV_EXIT_CR);
	assert_int_equal(page.arg0, 4);
	assert_int_equal(page.arg1, TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(11));
	assert_int_equal(run(28, 3 | 1 << 4 | 2 << 8), TV_EXIT_CR);
	assert_int_equal(page.arg0, 3);
	assert_int_equal(page.arg1, TV_CR_GPR_VALID | TV_CR_MK_GPR(2));
	assert_int_equal(run(28, 2 << 4), TV_EXIT_CR);
	assert_int_equal(page.arg1, TV_CR_WRITE | TV_CR_CLTS);
	assert_int_equal(run(28, 3 << 4 | 0x31ull << 16), TV_EXIT_CR);
	assert_int_equal(page.arg0, 0);
	assert_int_equal(page.arg1, TV_CR_WRITE | TV_CR_LMSW);
}

static void an_access_to_missing_memory_says_how(void **state)
{
	(void)state;
	next.gpa = 0xfee00030;
	assert_int_equal(run(48, BIT(1) | BIT(7) | BIT(8)), TV_EXIT_MMIO);
	assert_int_equal(page.arg0, 0xfee00030);
	assert_int_equal(page.arg1, TV_MMIO_WRITE);
	assert_int_equal(page.insn_len, 0);
	assert_int_equal(run(48, BIT(0) | BIT(7)), TV_EXIT_MMIO);
	assert_int_equal(page.arg1, TV_MMIO_WALK);
	FIELD(VMCS_GUEST_ACCESS(TV_SS)) |= 0x60;
	assert_int_equal(run(48, BIT(2) | BIT(7) | BIT(8)), TV_EXIT_MMIO);
	assert_int_equal(page.arg1, TV_MMIO_EXEC | TV_MMIO_USER);
}

static void task_switches_tell_their_source_and_error_code(void **state)
{
	(void)state;
	assert_int_equal(run(9, 0x28 | 2ull << 30), TV_EXIT_TASK);
	assert_int_equal(page.arg0, 0x28);
	assert_int_equal(page.arg1, TV_TASK_JMP);
	next.vectoring = EVENT_VALID | EVENT_ERROR | 3 << 8 | 13;
	next.vectoring_error = 0x18;
	assert_int_equal(run(9, 0x30 | 3ull << 30), TV_EXIT_TASK);
	assert_int_equal(page.arg1, TV_TASK_GATE | TV_TASK_HAS_ERROR | 0x18ull << 32);
	next.vectoring = EVENT_VALID | 4 << 8 | 0x30;		/* INT n */
	assert_int_equal(run(9, 0x30 | 3ull << 30), TV_EXIT_TASK);
	assert_int_equal(page.arg1, TV_TASK_GATE | TV_TASK_SOFT);
	next.vectoring = 0;
	assert_int_equal(page.pending, 0);
}

static void exceptions_come_with_what_belongs_to_them(void **state)
{
	(void)state;
	page.exc_intercept = ~0u;
	assert_int_equal(run_exception(3 << 8 | EXC_PF | EVENT_ERROR, 7, 0xdead000), TV_EXIT_EXC);
	assert_int_equal(page.arg0, TV_EVENT(TV_EVENT_EXC, EXC_PF) | TV_EVENT_HAS_ERROR | 7ull << 32);
	assert_int_equal(page.arg1, 0xdead000);
	assert_int_equal(page.insn_len, 0);
	assert_int_equal(run_exception(6 << 8 | EXC_BP, 0, 0), TV_EXIT_EXC);
	assert_int_equal(page.arg0, TV_EVENT(TV_EVENT_SOFT_EXC, EXC_BP));
	assert_int_equal(page.insn_len, 3);
	assert_int_equal(run_exception(3 << 8 | EXC_DB, 0, BIT(14) | 1), TV_EXIT_EXC);
	assert_int_equal(page.arg1, DR6_INIT | BIT(14) | 1);
	assert_int_equal(run_exception(3 << 8 | EXC_AC | EVENT_ERROR, 0, 0), TV_EXIT_EXC);
}

static void the_hosts_events_are_not_the_monitors(void **state)
{
	(void)state;
	assert_int_equal(run(1, 0), TV_EXIT_NONE);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(run(52, 0), TV_EXIT_NONE);
	assert_int_equal(fake.interrupts, 2);
	assert_int_equal(run_exception(2 << 8 | 2, 0, 0), TV_EXIT_NONE);
	assert_int_equal(fake.nmis, 1);
	assert_int_equal(run(3, 0), TV_EXIT_NONE);
	assert_int_equal(run(75, 0), TV_EXIT_NONE);
	assert_int_equal(run(75, 1), TV_EXIT_FAIL);
	assert_int_equal(run_exception(3 << 8 | EXC_MC, 0, 0), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_MACHINE);
	assert_int_equal(fake.machine_checks, 1);
}

/* --- failed entries ---- */

static uint32_t entry_result;

static uint32_t failing_guest(uint64_t *gpr)
{
	(void)gpr;
	FIELD(VMCS_INSN_ERROR) = 7;
	FIELD(VMCS_EXIT_REASON) = next.reason;
	return entry_result;
}

static void an_entry_can_fail_in_three_ways(void **state)
{
	(void)state;
	hw->launched = 0;
	fake.guest = failing_guest;
	page.inject = TV_EVENT(TV_EVENT_EXC, EXC_UD);
	entry_result = VMX_FAIL_INVALID;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_ENTRY);
	assert_int_equal(page.arg1, BIT(32));
	assert_int_equal(FIELD(VMCS_ENTRY_EVENT), 0);
	entry_result = VMX_FAIL_VALID;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_FAIL);
	assert_int_equal(page.arg1, BIT(32) | 7);
	entry_result = VMX_EXITED;
	next.reason = REASON_FAILED_ENTRY | 33;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_ENTRY);
	assert_int_equal(page.arg1, REASON_FAILED_ENTRY | 33);
	next.reason = REASON_FAILED_ENTRY | 41;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_MACHINE);
	assert_int_equal(fake.machine_checks, 1);
	/* None of them was a launch. */
	assert_int_equal(hw->launched, 0);
	assert_int_equal(run(10, 0), TV_EXIT_CPUID);
	assert_int_equal(hw->launched, 1);
}

/* --- registers that the CPU does not switch ---- */

static struct {
	uint64_t star, lstar, fmask, gs, cr2, xcr0, dr0, new_lstar, new_gs;
} seen;

static uint32_t looking_guest(uint64_t *gpr)
{
	(void)gpr;
	seen.star = rdmsr(MSR_STAR);
	seen.lstar = rdmsr(MSR_LSTAR);
	seen.fmask = rdmsr(MSR_SFMASK);
	seen.gs = rdmsr(MSR_KERNEL_GS_BASE);
	seen.cr2 = fake.cr2;
	seen.xcr0 = fake.xcr0;
	seen.dr0 = fake.dr[0];
	fake.cr2 = 0x7777;
	if (seen.new_lstar)
		*fake_msr(MSR_LSTAR) = seen.new_lstar;
	if (seen.new_gs)
		*fake_msr(MSR_KERNEL_GS_BASE) = seen.new_gs;
	FIELD(VMCS_EXIT_REASON) = next.reason;
	return VMX_EXITED;
}

static void syscall_msrs_change_hands_at_each_entry_and_exit(void **state)
{
	uint64_t star = rdmsr(MSR_STAR), lstar = rdmsr(MSR_LSTAR), fmask = rdmsr(MSR_SFMASK);

	(void)state;
	page.star = 0x23001000000000;
	page.lstar = 0xffffffff81a00000;
	page.fmask = fmask;
	page.kernel_gs_base = 0x5000;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_MSR), 0);
	next.reason = 10;
	seen.new_lstar = 0;
	seen.new_gs = 0x6000;
	fake.guest = looking_guest;
	fake.msr_writes = 0;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_CPUID);
	assert_int_equal(seen.star, page.star);
	assert_int_equal(seen.lstar, page.lstar);
	assert_int_equal(seen.gs, 0x5000);
	assert_int_equal(rdmsr(MSR_STAR), star);
	assert_int_equal(rdmsr(MSR_LSTAR), lstar);
	assert_int_equal(rdmsr(MSR_KERNEL_GS_BASE), 0);
	assert_int_equal(fake.msr_writes, 6);	/* FMASK is the same for both */
	vmx_pull(&vcpu, TV_REGS_MSR);
	assert_int_equal(page.kernel_gs_base, 0x6000);
}

static void a_write_to_a_syscall_msr_opens_the_map_for_one_entry(void **state)
{
	uint64_t closed = FIELD(VMCS_MSR_BITMAP), host = rdmsr(MSR_LSTAR);

	(void)state;
	page.gpr[TV_RCX] = MSR_LSTAR;
	assert_int_equal(run(32, 0), TV_EXIT_NONE);
	assert_int_not_equal(FIELD(VMCS_MSR_BITMAP), closed);
	next.reason = 10;
	seen.new_lstar = 0xffffffff81a00040;
	seen.new_gs = 0;
	fake.guest = looking_guest;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_CPUID);
	assert_int_equal(FIELD(VMCS_MSR_BITMAP), closed);
	assert_int_equal(rdmsr(MSR_LSTAR), host);
	vmx_pull(&vcpu, TV_REGS_MSR);
	assert_int_equal(page.lstar, seen.new_lstar);
	seen.new_lstar = 0;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_CPUID);
	assert_int_equal(seen.lstar, page.lstar);
	/* Any other MSR is the monitor's business. */
	page.gpr[TV_RCX] = MSR_EFER;
	assert_int_equal(run(32, 0), TV_EXIT_WRMSR);
}

static void debug_registers_are_loaded_when_they_are_touched(void **state)
{
	(void)state;
	page.dr[0] = 0x401000;
	page.dr6 = DR6_INIT;
	page.dr7 = DR7_INIT;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_DR), 0);
	assert_int_equal(run(29, 0), TV_EXIT_NONE);
	assert_false(FIELD(VMCS_PROC_CONTROLS) & PROC_MOV_DR);
	FIELD(VMCS_GUEST_DR7) = 0x401;
	assert_int_equal(run(10, 0), TV_EXIT_CPUID);
	assert_int_equal(fake.dr[0], 0x401000);
	assert_true(FIELD(VMCS_PROC_CONTROLS) & PROC_MOV_DR);
	vmx_pull(&vcpu, TV_REGS_DR);
	assert_int_equal(page.dr7, 0x401);
	/* A breakpoint is enabled now: its address must be there in each entry. */
	fake.dr[0] = 0;
	next.reason = 10;
	fake.guest = looking_guest;
	(void)vmx_run(&vcpu);
	assert_int_equal(seen.dr0, 0x401000);
	/* A monitor that wants them sees each access. */
	page.intercept = TV_ICPT_DR;
	assert_int_equal(run(29, 7 | BIT(4) | 3 << 8), TV_EXIT_DR);
	assert_int_equal(page.arg0, 7);
	assert_int_equal(page.arg1, TV_CR_GPR_VALID | TV_CR_MK_GPR(3));
	assert_int_equal(run(29, 6 | 1 << 8), TV_EXIT_DR);
	assert_int_equal(page.arg1, TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(1));
}

static void cr2_and_xcr0_are_the_guests_inside(void **state)
{
	(void)state;
	page.cr2 = 0x1234;
	page.cr4 = CR4_PAE | CR4_OSXSAVE;
	page.xcr0 = XCR0_X87;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR | TV_REGS_XCR), 0);
	next.reason = 10;
	fake.guest = looking_guest;
	assert_int_equal(vmx_run(&vcpu), TV_EXIT_CPUID);
	assert_int_equal(seen.cr2, 0x1234);
	assert_int_equal(seen.xcr0, XCR0_X87);
	assert_int_equal(fake.xcr0, fake.host_xcr0);
	vmx_pull(&vcpu, TV_REGS_CR);
	assert_int_equal(page.cr2, 0x7777);
	/* Without OSXSAVE nothing depends on it. */
	page.cr4 = CR4_PAE;
	assert_int_equal(vmx_push(&vcpu, TV_REGS_CR), 0);
	fake.xcr0_writes = 0;
	(void)vmx_run(&vcpu);
	assert_int_equal(fake.xcr0_writes, 0);
}

static void host_state_is_written_when_it_has_changed(void **state)
{
	(void)state;
	(void)run(10, 0);
	fake.writes = 0;
	(void)run(10, 0);
	assert_int_equal(fake.writes, 1);	/* the preemption timer */
	fake.cr3 = 0x5003;
	fake.fs_base = 0x7000;
	(void)run(10, 0);
	assert_int_equal(FIELD(VMCS_HOST_CR3), 0x5003);
	assert_int_equal(FIELD(VMCS_HOST_FS_BASE), 0x7000);
	assert_int_equal(FIELD(VMCS_HOST_TR_BASE), 0x300);
	assert_int_equal(fake.restores, 4);
}

static void the_preemption_timer_ends_the_guest_when_the_hosts_timer_is_due(void **state)
{
	(void)state;
	fake_tsc = 1000;
	fake.timer = 1000 + 64 * 32;
	(void)run(10, 0);
	assert_int_equal(FIELD(VMCS_PREEMPTION_TIMER), 64);
	fake.timer = 999;
	(void)run(10, 0);
	assert_int_equal(FIELD(VMCS_PREEMPTION_TIMER), 0);
	fake.timer = TV_NEVER;
	(void)run(10, 0);
	assert_int_equal(FIELD(VMCS_PREEMPTION_TIMER), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(every_intercepted_instruction_has_its_kind_and_its_length), T(what_nobody_asked_for_is_a_failure),
		T(port_io_is_decoded), T(control_register_accesses_name_their_operand), T(an_access_to_missing_memory_says_how),
		T(task_switches_tell_their_source_and_error_code), T(exceptions_come_with_what_belongs_to_them),
		T(the_hosts_events_are_not_the_monitors), T(an_entry_can_fail_in_three_ways),
		T(syscall_msrs_change_hands_at_each_entry_and_exit), T(a_write_to_a_syscall_msr_opens_the_map_for_one_entry),
		T(debug_registers_are_loaded_when_they_are_touched), T(cr2_and_xcr0_are_the_guests_inside),
		T(host_state_is_written_when_it_has_changed), T(the_preemption_timer_ends_the_guest_when_the_hosts_timer_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
