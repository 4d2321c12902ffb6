/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated instruction: RIP, shadow, RF, single step, and lengths that must be found out. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/log.c vmm/mmio.c vmm/msr.c vmm/pio.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
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
		cmocka_unit_test_setup(an_instruction_that_is_not_there_any_more_is_left_to_the_guest, without_lengths),
		cmocka_unit_test_setup(but_not_for_ever, without_lengths),
		cmocka_unit_test_setup(with_lengths_from_the_cpu_no_register_group_is_fetched_for_an_msr, with_lengths),
		cmocka_unit_test_setup(near_a_64_kib_border_the_mode_is_asked_for_once, with_lengths),
	};

	(void)v;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
