/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes of the hardware as neutral records, and the registers around an entry. */
/* sources: arch/svm/cpu.c arch/svm/controls.c arch/svm/vcpu.c arch/svm/state.c arch/svm/run.c arch/svm/exit.c arch/svm/inject.c arch/svm/bitmap.c arch/svm/pt_npt.c arch/svm/asid.c arch/svm/check.c arch/x86/guest_state.c kernel/event.c tests/fake/loop.c tests/fake/svm/fake.c */
#include "tests/fake/svm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

/* What the hardware says next. */
static struct {
	uint64_t code, info1, info2, int_info, next_rip;
} next;

static void guest(uint64_t *gpr)
{
	(void)gpr;
	vmcb->exit_code = next.code;
	vmcb->exit_info1 = next.info1;
	vmcb->exit_info2 = next.info2;
	vmcb->exit_int_info = next.int_info;
	vmcb->next_rip = next.next_rip;
}

static uint32_t run(uint64_t code, uint64_t info1, uint64_t info2)
{
	next.code = code;
	next.info1 = info1;
	next.info2 = info2;
	next.int_info = 0;
	fake.guest = guest;
	return svm_run(&vcpu);
}

static void every_intercepted_instruction_has_its_kind(void **state)
{
	static const struct { uint32_t code, kind, insn; } rows[] = {
		{ SVM_EXIT_CPUID, TV_EXIT_CPUID, 0 }, { SVM_EXIT_HLT, TV_EXIT_HLT, 0 }, { SVM_EXIT_XSETBV, TV_EXIT_XSETBV, 0 },
		{ SVM_EXIT_VMMCALL, TV_EXIT_HYPERCALL, 0 }, { SVM_EXIT_RDTSC, TV_EXIT_INSN, TV_INSN_RDTSC },
		{ SVM_EXIT_RDPMC, TV_EXIT_INSN, TV_INSN_RDPMC }, { SVM_EXIT_RSM, TV_EXIT_INSN, TV_INSN_RSM },
		{ SVM_EXIT_INVD, TV_EXIT_INSN, TV_INSN_INVD }, { SVM_EXIT_WBINVD, TV_EXIT_INSN, TV_INSN_WBINVD },
		{ SVM_EXIT_PAUSE, TV_EXIT_INSN, TV_INSN_PAUSE }, { SVM_EXIT_INVLPG, TV_EXIT_INSN, TV_INSN_INVLPG },
		{ SVM_EXIT_VMRUN, TV_EXIT_INSN, TV_INSN_VIRT }, { SVM_EXIT_VMLOAD, TV_EXIT_INSN, TV_INSN_VIRT },
		{ SVM_EXIT_VMSAVE, TV_EXIT_INSN, TV_INSN_VIRT }, { SVM_EXIT_STGI, TV_EXIT_INSN, TV_INSN_VIRT },
		{ SVM_EXIT_CLGI, TV_EXIT_INSN, TV_INSN_VIRT }, { SVM_EXIT_SKINIT, TV_EXIT_INSN, TV_INSN_VIRT },
		{ SVM_EXIT_INVLPGA, TV_EXIT_INSN, TV_INSN_VIRT }, { SVM_EXIT_RDTSCP, TV_EXIT_INSN, TV_INSN_RDTSCP },
		{ SVM_EXIT_MONITOR, TV_EXIT_INSN, TV_INSN_MONITOR }, { SVM_EXIT_MWAIT, TV_EXIT_INSN, TV_INSN_MWAIT },
		{ SVM_EXIT_MWAIT_ARMED, TV_EXIT_INSN, TV_INSN_MWAIT }, { SVM_EXIT_RDPRU, TV_EXIT_INSN, TV_INSN_RDPRU },
		{ SVM_EXIT_INVPCID, TV_EXIT_INSN, TV_INSN_INVPCID }, { SVM_EXIT_INVLPGB, TV_EXIT_INSN, TV_INSN_OTHER },
		{ SVM_EXIT_FERR_FREEZE, TV_EXIT_INSN, TV_INSN_OTHER },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.arg0 = 99;
		assert_int_equal(run(rows[i].code, 0, 0), rows[i].kind);
		if (rows[i].kind == TV_EXIT_INSN)
			assert_int_equal(page.arg0, rows[i].insn);
		assert_int_equal(page.insn_len, 0);
	}
}

static void every_exit_code_is_reported_or_is_the_kernels_own(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 0x500; code++) {
		uint32_t kind = run(code, 0, 0);

		if (kind == TV_EXIT_NONE && !(code >= SVM_EXIT_INTR && code <= SVM_EXIT_VINTR) && code != SVM_EXIT_IRET &&
		    code != SVM_EXIT_EXC + EXC_DB && code != SVM_EXIT_EXC + EXC_AC &&
		    !(code >= 0x20 && code < 0x40 && (code & 15) < 4) && code != SVM_EXIT_DR_WRITE + 5 &&
		    code != SVM_EXIT_DR_WRITE + 7)
			fail_msg("exit 0x%x is swallowed", code);
		assert_true(kind < TV_EXIT_KINDS);
		assert_in_range(vmcb->asid, 1, 15);
		if (code == 0x7f || code == SVM_EXIT_IRET) {
			hw->shutdown = hw->attention = false;
			svm_nmi_block(hw, false);
		}
		page.pending = 0;
	}
}

static void an_unknown_exit_stops_the_vm(void **state)
{
	static const uint64_t codes[] = { 0x66, 0x8f, 0x9f, 0xa5, 0x3ff, 0x401, 0x1000, 0x1122334455667788 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
		assert_int_equal(run(codes[i], 0, 0), TV_EXIT_FAIL);
		assert_int_equal(page.arg0, TV_FAIL_UNKNOWN);
		assert_int_equal(page.arg1, codes[i]);
	}
}

static void a_refused_entry_is_recognised_in_32_and_64_bits(void **state)
{
	(void)state;
	assert_int_equal(run(~0ull, 0, 0), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_ENTRY);
	assert_int_equal(vmcb->rip, 0xfff0);	/* whatever the CPU left there is gone */
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_SHUTDOWN);
	svm_pull(&vcpu, TV_REGS_ALL);
	assert_int_equal(svm_push(&vcpu, TV_REGS_ALL), 0);
	assert_int_equal(run(0xffffffff, 0, 0), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_ENTRY);
}

static void port_access_comes_with_its_length_without_next_rip(void **state)
{
	(void)state;
	/* OUT DX, AL at COM1; then REP INSW. */
	assert_int_equal(run(SVM_EXIT_IOIO, 0x03f80010, 0x401001), TV_EXIT_PIO);
	assert_int_equal(page.arg0, 0x3f8);
	assert_int_equal(page.arg1, TV_PIO_MK_SIZE(1));
	assert_int_equal(page.insn_len, 1);
	assert_int_equal(run(SVM_EXIT_IOIO, 0x01f0002d, 0x401003), TV_EXIT_PIO);
	assert_int_equal(page.arg0, 0x1f0);
	assert_int_equal(page.arg1, TV_PIO_MK_SIZE(2) | TV_PIO_IN | TV_PIO_STRING | TV_PIO_REP);
	assert_int_equal(page.insn_len, 3);
	assert_int_equal(run(SVM_EXIT_IOIO, 0xffff0040, 0x401020), TV_EXIT_PIO);
	assert_int_equal(TV_PIO_SIZE(page.arg1), 4);
	assert_int_equal(page.insn_len, 0);	/* no instruction is 32 bytes long */
}

static void nested_faults_tell_what_the_access_was(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_NPF, BIT(32) | 6, 0xfee00030), TV_EXIT_MMIO);
	assert_int_equal(page.arg0, 0xfee00030);
	assert_int_equal(page.arg1, TV_MMIO_WRITE);	/* U is set for every nested walk */
	run(SVM_EXIT_NPF, BIT(33) | 6, 0);
	assert_int_equal(page.arg1, TV_MMIO_WRITE | TV_MMIO_WALK);
	vmcb->cpl = 3;
	run(SVM_EXIT_NPF, BIT(32) | 0x14, 0);
	assert_int_equal(page.arg1, TV_MMIO_EXEC | TV_MMIO_USER);
	assert_int_equal(page.insn_count, 0);
}

static void instruction_bytes_come_with_decode_assists_only(void **state)
{
	(void)state;
	vmcb->insn_count = 3;
	vmcb->insn[0] = 0x8b;
	run(SVM_EXIT_NPF, BIT(32), 0);
	assert_int_equal(page.insn_count, 0);
	svm.decode = true;
	run(SVM_EXIT_NPF, BIT(32), 0);
	assert_int_equal(page.insn_count, 3);
	assert_int_equal(page.insn[0], 0x8b);
	vmcb->insn_count = 16;
	run(SVM_EXIT_NPF, BIT(32), 0);
	assert_int_equal(page.insn_count, 0);
}

static void control_registers_name_their_operand_with_decode_assists_only(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_CR_WRITE + 4, BIT(63) | 3, 0), TV_EXIT_CR);
	assert_int_equal(page.arg0, 4);
	assert_int_equal(page.arg1, TV_CR_WRITE);
	assert_int_equal(run(SVM_EXIT_CR_READ + 0, 0, 0), TV_EXIT_CR);
	assert_int_equal(page.arg1, 0);
	assert_int_equal(run(SVM_EXIT_CR0_SEL_WRITE, 0, 0), TV_EXIT_CR);
	assert_int_equal(page.arg0, 0);
	assert_int_equal(page.arg1, TV_CR_WRITE);
	svm.decode = true;
	run(SVM_EXIT_CR_WRITE + 8, BIT(63) | 11, 0);
	assert_int_equal(page.arg0, 8);
	assert_int_equal(page.arg1, TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(11));
	run(SVM_EXIT_CR0_SEL_WRITE, 5, 0);	/* LMSW */
	assert_int_equal(page.arg1, TV_CR_WRITE);
}

static void debug_registers_are_lent_for_one_entry(void **state)
{
	(void)state;
	hw->dr[2] = 0x1234;
	assert_int_equal(run(SVM_EXIT_DR_WRITE + 1, 0, 0), TV_EXIT_NONE);
	assert_true(hw->dr_open);
	assert_int_equal(vmcb->icpt_dr, 0);
	fake.dr[2] = 0;
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_HLT);
	assert_int_equal(fake.dr[2], 0x1234);
	assert_false(hw->dr_open);
	assert_int_equal(vmcb->icpt_dr, 0x00af000f);
	/* A breakpoint that is enabled needs the addresses at every entry. */
	fake.dr[2] = 0;
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.dr[2], 0);
	vmcb->dr7 |= 0x20;
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.dr[2], 0x1234);
}

static void no_guest_enables_a_breakpoint_at_the_address_of_another(void **state)
{
	(void)state;
	hw->dr[0] = 0x1000;
	fake.dr[0] = 0xbad;		/* another guest's */
	svm_controls(hw);
	assert_int_equal(vmcb->icpt_dr & (ICPT_WRITE(5) | ICPT_WRITE(7)), ICPT_WRITE(5) | ICPT_WRITE(7));
	assert_int_equal(run(SVM_EXIT_DR_WRITE + 7, 0, 0), TV_EXIT_NONE);
	assert_int_equal(vmcb->icpt_dr, 0);
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_HLT);
	assert_int_equal(fake.dr[0], 0x1000);
}

static void a_monitor_that_asks_for_debug_registers_gets_them(void **state)
{
	(void)state;
	page.intercept = TV_ICPT_DR;
	assert_int_equal(run(SVM_EXIT_DR_WRITE + 7, 0, 0), TV_EXIT_DR);
	assert_int_equal(vmcb->icpt_dr, 0xffffffff);
	assert_int_equal(page.arg0, 7);
	assert_int_equal(page.arg1, TV_CR_WRITE);
}

static void on_qemu_no_guest_arms_a_breakpoint_of_the_host(void **state)
{
	(void)state;
	svm.qemu = true;
	svm_controls(hw);
	assert_true(vmcb->icpt_dr & ICPT_WRITE(7));
	assert_int_equal(run(SVM_EXIT_DR_WRITE + 7, 0, 0), TV_EXIT_DR);
	assert_int_equal(run(SVM_EXIT_DR_READ + 3, 0, 0), TV_EXIT_NONE);
	assert_int_equal(vmcb->icpt_dr, ICPT_WRITE(5) | ICPT_WRITE(7));
}

static void exceptions_are_the_guests_unless_the_monitor_wants_them(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB, 0, 0), TV_EXIT_NONE);
	assert_int_equal(page.pending, TV_EVENT(TV_EVENT_EXC, EXC_DB));
	page.pending = 0;
	assert_int_equal(run(SVM_EXIT_EXC + EXC_AC, 0, 0), TV_EXIT_NONE);
	assert_int_equal(page.pending, TV_EVENT(TV_EVENT_EXC, EXC_AC) | TV_EVENT_HAS_ERROR);
	page.pending = 0;
	page.exc_intercept = 1u << EXC_DB | 1u << EXC_PF | 1u << EXC_BP;
	vmcb->dr6 = 0xffff4ff0;
	assert_int_equal(run(SVM_EXIT_EXC + EXC_DB, 0, 0), TV_EXIT_EXC);
	assert_int_equal(page.arg1, 0xffff4ff0);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_PF, 6, 0xdead000), TV_EXIT_EXC);
	assert_int_equal(page.arg0, TV_EVENT(TV_EVENT_EXC, EXC_PF) | TV_EVENT_HAS_ERROR | 6ull << 32);
	assert_int_equal(page.arg1, 0xdead000);
	assert_int_equal(run(SVM_EXIT_EXC + EXC_BP, 0, 0), TV_EXIT_EXC);
	assert_int_equal(page.arg0, TV_EVENT(TV_EVENT_SOFT_EXC, EXC_BP));
}

static void a_machine_check_goes_to_the_host_and_stops_the_vm(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_EXC + EXC_MC, 0, 0), TV_EXIT_FAIL);
	assert_int_equal(page.arg0, TV_FAIL_MACHINE);
	assert_int_equal(fake.machine_checks, 1);
}

static void host_interrupts_are_taken_and_not_reported(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_INTR, 0, 0), TV_EXIT_NONE);
	assert_int_equal(fake.interrupts, 1);
	assert_int_equal(run(SVM_EXIT_NMI, 0, 0), TV_EXIT_NONE);
	assert_int_equal(fake.interrupts, 1);
}

static void after_a_triple_fault_nothing_runs_until_the_state_is_replaced(void **state)
{
	unsigned entries;

	(void)state;
	assert_int_equal(run(SVM_EXIT_SHUTDOWN, 0, 0), TV_EXIT_SHUTDOWN);
	entries = fake.entries;
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_SHUTDOWN);
	svm_pull(&vcpu, TV_REGS_ALL);
	assert_int_equal(svm_push(&vcpu, TV_REGS_RIP), 0);
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_SHUTDOWN);
	assert_int_equal(fake.entries, entries);
	vmcb->dr7 = ~0ull;	/* undefined, as the manual says */
	assert_int_equal(svm_push(&vcpu, TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG), 0);
	assert_int_equal(vmcb->dr7, DR7_INIT);
	assert_int_equal(run(SVM_EXIT_HLT, 0, 0), TV_EXIT_HLT);
}

static void a_task_switch_says_where_it_came_from(void **state)
{
	(void)state;
	assert_int_equal(run(SVM_EXIT_TASK_SWITCH, 0x28, BIT(36)), TV_EXIT_TASK);
	assert_int_equal(page.arg0, 0x28);
	assert_int_equal(page.arg1, TV_TASK_IRET);
	run(SVM_EXIT_TASK_SWITCH, 0x28, BIT(38));
	assert_int_equal(page.arg1, TV_TASK_JMP);
	run(SVM_EXIT_TASK_SWITCH, 0x28, 0);
	assert_int_equal(page.arg1, TV_TASK_CALL);
	next.int_info = EVENT_VALID | EVENT_EXCEPTION << 8 | EXC_TS;
	next.info2 = BIT(44) | 0x50;
	svm_run(&vcpu);
	assert_int_equal(page.arg1, TV_TASK_GATE | TV_TASK_HAS_ERROR | 0x50ull << 32);
	next.int_info = EVENT_VALID | EVENT_SOFT_INT << 8 | 0x30;
	next.info2 = 0;
	svm_run(&vcpu);
	assert_int_equal(page.arg1, TV_TASK_GATE | TV_TASK_SOFT);
	next.int_info = EVENT_VALID | EVENT_EXCEPTION << 8 | EXC_BP;
	svm_run(&vcpu);
	assert_int_equal(page.arg1, TV_TASK_GATE | TV_TASK_SOFT);
	assert_int_equal(page.pending, 0);
}

static void the_length_comes_from_next_rip_when_it_is_there(void **state)
{
	(void)state;
	svm.next_rip = true;
	next.next_rip = 0x401002;
	run(SVM_EXIT_CPUID, 0, 0);
	assert_int_equal(page.insn_len, 2);
	next.next_rip = 0;
	run(SVM_EXIT_NPF, 0, 0);
	assert_int_equal(page.insn_len, 0);
	vmcb->rip = 0xfffffffffffffff8;
	run(SVM_EXIT_NPF, 0, 0);
	assert_int_equal(page.insn_len, 0);
	svm.next_rip = false;
}

static void xcr0_is_loaded_only_when_the_guest_can_see_it(void **state)
{
	(void)state;
	page.xcr0 = 3;
	assert_int_equal(svm_push(&vcpu, TV_REGS_XCR), 0);
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.xcr0_writes, 0);
	svm_pull(&vcpu, TV_REGS_CR);
	page.cr4 |= CR4_OSXSAVE;
	assert_int_equal(svm_push(&vcpu, TV_REGS_CR), 0);
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.xcr0_writes, 2);
	assert_int_equal(fake.xcr0, fake.host_xcr0);
	assert_int_equal(hw->xcr0, 3);
	page.xcr0 = fake.host_xcr0;
	assert_int_equal(svm_push(&vcpu, TV_REGS_XCR), 0);
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.xcr0_writes, 2);
}

static void xsetbv_by_guest(uint64_t *gpr)
{
	guest(gpr);
	fake.xcr0 = 0x207;	/* one bit more than the host switches */
}

static void an_xcr0_that_changed_without_an_exit_is_noticed(void **state)
{
	(void)state;
	svm.qemu = true;
	hw->cr4 |= CR4_OSXSAVE;
	hw->xcr0 = 1;
	svm_update_xcr0(hw);
	next.code = SVM_EXIT_HLT;
	fake.guest = xsetbv_by_guest;
	svm_run(&vcpu);
	assert_int_equal(hw->xcr0, 7);
	assert_int_equal(fake.xcr0, fake.host_xcr0);
}

static void tsc_aux_is_written_only_when_it_differs(void **state)
{
	unsigned writes = fake.msr_writes;

	(void)state;
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.msr_writes, writes);
	hw->tsc_aux = 3;
	run(SVM_EXIT_HLT, 0, 0);
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(fake.msr_writes, writes + 1);
	assert_int_equal(rdmsr(MSR_TSC_AUX), 3);
}

static void rax_travels_through_the_vmcb(void **state)
{
	(void)state;
	page.gpr[TV_RAX] = 0x1111;
	run(SVM_EXIT_HLT, 0, 0);
	assert_int_equal(vmcb->rax, 0x1111);
	assert_int_equal(page.gpr[TV_RAX], 0x1111);
	assert_int_equal(page.entries, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(every_intercepted_instruction_has_its_kind), T(every_exit_code_is_reported_or_is_the_kernels_own),
		T(an_unknown_exit_stops_the_vm), T(a_refused_entry_is_recognised_in_32_and_64_bits),
		T(port_access_comes_with_its_length_without_next_rip), T(nested_faults_tell_what_the_access_was),
		T(instruction_bytes_come_with_decode_assists_only),
		T(control_registers_name_their_operand_with_decode_assists_only), T(debug_registers_are_lent_for_one_entry),
		T(no_guest_enables_a_breakpoint_at_the_address_of_another), T(a_monitor_that_asks_for_debug_registers_gets_them), T(on_qemu_no_guest_arms_a_breakpoint_of_the_host), T(exceptions_are_the_guests_unless_the_monitor_wants_them),
		T(a_machine_check_goes_to_the_host_and_stops_the_vm), T(host_interrupts_are_taken_and_not_reported),
		T(after_a_triple_fault_nothing_runs_until_the_state_is_replaced), T(a_task_switch_says_where_it_came_from),
		T(the_length_comes_from_next_rip_when_it_is_there), T(xcr0_is_loaded_only_when_the_guest_can_see_it),
		T(an_xcr0_that_changed_without_an_exit_is_noticed), T(tsc_aux_is_written_only_when_it_differs),
		T(rax_travels_through_the_vmcb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
