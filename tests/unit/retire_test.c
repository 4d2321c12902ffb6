/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated instruction: RIP, shadow, RF, single step, and lengths that must be found out. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "retire.h"

#include <x86/cr.h>
#include <x86/msr.h>

#include "vm_rig.h"

static struct vcpu *const v = &rig_cpu;
static struct tv_exit_page *const p = &rig_page;

static int with_lengths(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	return 0;
}

static int without_lengths(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(0);
	return 0;
}

static void retiring_ends_the_shadow_and_rf_but_not_nmi_blocking(void **state)
{
	(void)state;
	p->shadow = TV_SHADOW_STI | TV_SHADOW_NMI;
	p->rflags |= RFLAGS_RF | RFLAGS_IF;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(p->rip, RIG_CODE + 2);
	assert_int_equal(p->shadow, TV_SHADOW_NMI);
	assert_false(p->rflags & RFLAGS_RF);
	assert_true(p->rflags & RFLAGS_IF);
	assert_true(p->dirty & TV_REGS_RIP);
}

static void a_set_trap_flag_raises_db_with_bs_behind_the_instruction(void **state)
{
	(void)state;
	p->rflags |= RFLAGS_TF;
	p->dr6 = 0xffff0ff0;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(rig_injected(NULL), EXC_DB);
	assert_int_equal(p->rip, RIG_CODE + 2);
	assert_true(p->dr6 & BIT(14));
	assert_true(p->dirty & TV_REGS_DR);
	assert_false(p->rflags & RFLAGS_RF);
}

static void rip_wraps_at_the_width_of_the_code_segment(void **state)
{
	(void)state;
	p->rip = 0xffffffff;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(p->rip, 0x100000001);		/* 64-bit code */
	p->seg[TV_CS].attr = (uint16_t)((p->seg[TV_CS].attr & ~BIT(9)) | BIT(10));
	p->rip = 0xffffffff;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(p->rip, 1);			/* 32-bit */
	p->seg[TV_CS].attr &= (uint16_t)~BIT(10);
	p->rip = 0xfffe;
	rig_exit(TV_EXIT_CPUID, 2);
	assert_int_equal(p->rip, 0);			/* 16-bit */
}

static void an_unknown_length_is_decoded_prefixes_included(void **state)
{
	(void)state;
	rig_code("\x66\x2e\x0f\xa2", 4);
	rig_exit(TV_EXIT_CPUID, 0);
	assert_int_equal(p->rip, RIG_CODE + 4);
}

static void a_remembered_length_is_not_used_when_the_bytes_have_changed(void **state)
{
	(void)state;
	rig_code("\x0f\xa2\x90\x90", 4);
	rig_exit(TV_EXIT_CPUID, 0);
	assert_int_equal(p->rip, RIG_CODE + 2);
	p->rip = RIG_CODE;
	rig_exit(TV_EXIT_CPUID, 0);
	assert_int_equal(p->rip, RIG_CODE + 2);
	p->rip = RIG_CODE;
	rig_code("\x66\x0f\xa2\x90", 4);
	rig_exit(TV_EXIT_CPUID, 0);
	assert_int_equal(p->rip, RIG_CODE + 3);
}

/* 4 KiB pages for the first 2 MiB-page of code: RIG_CODE is mapped to @to. */
static void map_code(uint64_t to)
{
	uint64_t *pdpt = gmem_at(&rig_vm.mem, (gpa_t){ p->cr3 + PAGE_SIZE }, PAGE_SIZE, true);
	uint64_t *pd = gmem_at(&rig_vm.mem, (gpa_t){ 0x320000 }, PAGE_SIZE, true);
	uint64_t *pt = gmem_at(&rig_vm.mem, (gpa_t){ 0x321000 }, PAGE_SIZE, true);

	pdpt[0] = 0x320000 | 7;
	pd[RIG_CODE >> 21] = 0x321000 | 7;
	pt[RIG_CODE >> 12 & 511] = to ? to | 7 : 0;
}

static void a_remembered_length_is_not_used_when_the_page_has_been_replaced(void **state)
{
	(void)state;
	assert_true(gmem_write(&rig_vm.mem, (gpa_t){ 0x500000 }, "\x0f\xa2\x90\x90", 4));
	assert_true(gmem_write(&rig_vm.mem, (gpa_t){ 0x501000 }, "\x66\x0f\xa2\x90", 4));
	map_code(0x500000);
	for (unsigned i = 0; i < 3; i++) {
		p->rip = RIG_CODE;
		rig_exit(TV_EXIT_CPUID, 0);
		assert_int_equal(p->rip, RIG_CODE + 2);
	}
	map_code(0x501000);			/* the old page still holds what it did */
	p->rip = RIG_CODE;
	rig_exit(TV_EXIT_CPUID, 0);
	assert_int_equal(p->rip, RIG_CODE + 3);
}

static void an_instruction_whose_page_has_gone_gets_the_page_fault(void **state)
{
	uint32_t error;

	(void)state;
	map_code(0);
	assert_int_equal(rig_exit(TV_EXIT_CPUID, 0), VM_NEXT_RUN);
	assert_int_equal(rig_injected(&error), EXC_PF);
	assert_int_equal(p->cr2, RIG_CODE);
	assert_int_equal(p->rip, RIG_CODE);
}

static void a_program_of_the_guest_cannot_end_the_guest_with_an_undecodable_exit(void **state)
{
	static const char *const codes[] = { "\xf0\x0f\xa2", "\xf3\x0f\x01\xd9", "\x90\x90\x90\x90" };

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(codes); n++) {
		p->cpl = 3;
		p->rip = RIG_CODE;
		rig_code(codes[n], 3);
		for (unsigned i = 0; i < 2000 && rig_injected(NULL) < 0; i++)
			rig_exit(n == 1 ? TV_EXIT_HYPERCALL : TV_EXIT_CPUID, 0);
		assert_int_equal(rig_injected(NULL), EXC_UD);
		assert_false(vm_stopped(&rig_vm));
		p->inject = 0;
	}
}

static void a_refused_msr_knows_whether_the_guest_is_in_real_mode(void **state)
{
	(void)state;
	p->gpr[TV_RCX] = 0x12345;
	p->kind = TV_EXIT_RDMSR;
	p->insn_len = 2;
	p->cr0 = CR0_PE;			/* an old value, which does not count */
	p->valid = TV_REGS_RIP;
	assert_int_equal(exit_handle(v), VM_NEXT_RUN);
	assert_int_equal(rig_injected(NULL), -1);
	assert_true(p->want[TV_EXIT_RDMSR] & TV_REGS_CR);
	assert_int_equal(rig_vm.msr_log.refused, 0);
	p->cr0 = 0;
	rig_exit(TV_EXIT_RDMSR, 2);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	assert_false(p->inject & TV_EVENT_HAS_ERROR);
	assert_int_equal(rig_vm.msr_log.refused, 1);
}

/* MOV SS, [rbx] with RBX at a device: the only way to emulate one. */
static void an_emulated_mov_ss_holds_interrupts_and_single_steps_back(void **state)
{
	const uint32_t nothing = 0xd0000000;

	(void)state;
	p->cpl = 0;
	p->seg[TV_CS].attr = (uint16_t)(p->seg[TV_CS].attr & ~BIT(9));	/* 16-bit code in real mode */
	p->cr0 = CR0_ET;
	p->efer = 0;
	p->seg[TV_DS] = (struct tv_segment){ 0, 0x93, UINT32_MAX, 0 };
	p->gpr[TV_RBX] = nothing;
	p->rflags |= RFLAGS_TF;
	rig_code("\x67\x8e\x13", 3);
	p->arg0 = nothing;
	p->arg1 = 0;
	rig_exit(TV_EXIT_MMIO, 0);
	assert_int_equal(p->rip, RIG_CODE + 3);
	assert_int_equal(p->seg[TV_SS].sel, 0xffff);
	assert_true(p->shadow & TV_SHADOW_MOVSS);
	assert_int_equal(rig_injected(NULL), -1);
}

static void an_instruction_that_is_not_there_any_more_is_left_to_the_guest(void **state)
{
	(void)state;
	rig_code("\x90\x90\x90", 3);
	p->gpr[TV_RAX] = 0x1234;
	assert_int_equal(rig_exit(TV_EXIT_CPUID, 0), VM_NEXT_RUN);
	assert_int_equal(p->rip, RIG_CODE);
	assert_int_equal(p->gpr[TV_RAX], 0x1234);
	assert_int_equal(rig_injected(NULL), -1);
}

static void but_not_for_ever(void **state)
{
	(void)state;
	rig_code("\x90\x90\x90", 3);
	for (unsigned i = 0; i < 2000 && !vm_stopped(&rig_vm); i++)
		rig_exit(TV_EXIT_CPUID, 0);
	assert_true(vm_stopped(&rig_vm));
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_CRASH);
}

static void with_lengths_from_the_cpu_no_register_group_is_fetched_for_an_msr(void **state)
{
	(void)state;
	p->gpr[TV_RCX] = 0xfe;
	assert_int_equal(p->want[TV_EXIT_RDMSR], 0);
	rig_exit(TV_EXIT_RDMSR, 2);
	assert_int_equal(p->rip, RIG_CODE + 2);
}

static void near_a_64_kib_border_the_mode_is_asked_for_once(void **state)
{
	(void)state;
	p->rip = 0x1fffe;
	p->gpr[TV_RCX] = 0xfe;
	rig_exit(TV_EXIT_RDMSR, 2);
	assert_int_equal(p->rip, 0x20000);
	assert_int_equal(p->want[TV_EXIT_RDMSR], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(retiring_ends_the_shadow_and_rf_but_not_nmi_blocking, with_lengths),
		cmocka_unit_test_setup(a_set_trap_flag_raises_db_with_bs_behind_the_instruction, with_lengths),
		cmocka_unit_test_setup(rip_wraps_at_the_width_of_the_code_segment, with_lengths),
		cmocka_unit_test_setup(an_unknown_length_is_decoded_prefixes_included, without_lengths),
		cmocka_unit_test_setup(a_remembered_length_is_not_used_when_the_bytes_have_changed, without_lengths),
		cmocka_unit_test_setup(a_remembered_length_is_not_used_when_the_page_has_been_replaced, without_lengths),
		cmocka_unit_test_setup(an_instruction_whose_page_has_gone_gets_the_page_fault, without_lengths),
		cmocka_unit_test_setup(a_program_of_the_guest_cannot_end_the_guest_with_an_undecodable_exit, without_lengths),
		cmocka_unit_test_setup(a_refused_msr_knows_whether_the_guest_is_in_real_mode, with_lengths),
		cmocka_unit_test_setup(an_emulated_mov_ss_holds_interrupts_and_single_steps_back, with_lengths),
		cmocka_unit_test_setup(an_instruction_that_is_not_there_any_more_is_left_to_the_guest, without_lengths),
		cmocka_unit_test_setup(but_not_for_ever, without_lengths),
		cmocka_unit_test_setup(with_lengths_from_the_cpu_no_register_group_is_fetched_for_an_msr, with_lengths),
		cmocka_unit_test_setup(near_a_64_kib_border_the_mode_is_asked_for_once, with_lengths),
	};

	(void)v;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
