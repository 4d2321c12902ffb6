/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers: the rules by which the architecture refuses a load, and what a load changes besides. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "cr.h"

#include <x86/cr.h>
#include <x86/msr.h>

#include "vm_rig.h"

#define SEG_L BIT(9)

static struct vcpu *const v = &rig_cpu;
static struct tv_exit_page *const p = &rig_page;

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(0);
	p->valid = TV_REGS_ALL;
	return 0;
}

/* 32-bit protected mode, paging off. */
static void protected_mode(void)
{
	p->cr0 = CR0_PE | CR0_ET;
	p->cr4 = 0;
	p->efer = 0;
	p->seg[TV_CS].attr = (uint16_t)((p->seg[TV_CS].attr & ~SEG_L) | BIT(10));
}

static void reserved_and_contradictory_bits_of_cr0_are_refused(void **state)
{
	(void)state;
	protected_mode();
	assert_false(cr0_load(v, BIT(32) | CR0_PE));
	assert_false(cr0_load(v, CR0_PG));
	assert_false(cr0_load(v, CR0_PE | CR0_NW));
	assert_true(cr0_load(v, CR0_PE | CR0_NW | CR0_CD));
	assert_int_equal(p->cr0, CR0_PE | CR0_NW | CR0_CD | CR0_ET);
	assert_true(cr0_load(v, BIT(8) | BIT(20)));	/* reserved, ignored */
	assert_int_equal(p->cr0, CR0_ET);
	assert_true(p->dirty & TV_REGS_CR);
}

static void turning_on_paging_with_lme_needs_pae_and_makes_lma(void **state)
{
	(void)state;
	protected_mode();
	p->efer = EFER_LME;
	assert_false(cr0_load(v, CR0_PE | CR0_PG));
	p->cr4 = CR4_PAE;
	p->seg[TV_CS].attr |= SEG_L;
	assert_false(cr0_load(v, CR0_PE | CR0_PG));
	p->seg[TV_CS].attr &= (uint16_t)~SEG_L;
	assert_true(cr0_load(v, CR0_PE | CR0_PG));
	assert_int_equal(p->efer, EFER_LME | EFER_LMA);
	assert_true(cr0_load(v, CR0_PE));
	assert_int_equal(p->efer, EFER_LME);
}

static void paging_cannot_be_turned_off_in_64_bit_mode_nor_with_pcids(void **state)
{
	(void)state;
	assert_false(cr0_load(v, CR0_PE));
	p->seg[TV_CS].attr &= (uint16_t)~SEG_L;
	p->cr4 |= CR4_PCIDE;
	assert_false(cr0_load(v, CR0_PE));
	p->cr4 &= ~CR4_PCIDE;
	assert_true(cr0_load(v, CR0_PE));
}

static void pae_paging_loads_and_checks_its_four_entries(void **state)
{
	uint64_t *e;

	(void)state;
	protected_mode();
	p->cr4 = CR4_PAE;
	p->cr3 = 0x500020;
	e = gmem_at(&rig_vm.mem, (gpa_t){ 0x500020 }, 32, true);
	for (unsigned i = 0; i < 4; i++)
		e[i] = 0x600000 + i * 0x1000 + 1;
	assert_true(cr0_load(v, CR0_PE | CR0_PG));
	assert_true(p->dirty & TV_REGS_PDPTE);
	assert_memory_equal(p->pdpte, e, 32);
	e[2] |= BIT(5);
	assert_false(cr3_load(v, 0x500020));
	e[2] = BIT(5);			/* not present: anything goes */
	assert_true(cr3_load(v, 0x500020));
	e[3] |= BIT(40);
	assert_false(cr4_load(v, CR4_PAE | CR4_PGE));
	assert_int_equal(p->cr4, CR4_PAE);
	assert_false(cr3_load(v, 0xf0000000));	/* no memory there */
}

static void cr4_takes_what_cpuid_offers_and_keeps_pae_in_long_mode(void **state)
{
	(void)state;
	assert_false(cr4_load(v, CR4_PAE | CR4_VMXE));
	assert_false(cr4_load(v, CR4_PAE | CR4_LA57));
	assert_false(cr4_load(v, CR4_PAE | BIT(63)));
	assert_false(cr4_load(v, CR4_PGE));
	assert_true(cr4_load(v, CR4_PAE | CR4_PGE | CR4_OSXSAVE));
	p->cr3 |= 1;
	assert_false(cr4_load(v, CR4_PAE | CR4_PCIDE));
	p->cr3 &= ~1ull;
	assert_true(cr4_load(v, CR4_PAE | CR4_PCIDE));
	protected_mode();
	assert_false(cr4_load(v, CR4_PAE | CR4_PCIDE));
}

static void cr3_must_be_a_physical_address_and_its_top_bit_is_no_address(void **state)
{
	(void)state;
	assert_false(cr3_load(v, BIT(40)));
	assert_false(cr3_load(v, BIT(63) | 0x300000));
	assert_true(cr3_load(v, 0x300000));
	p->cr4 |= CR4_PCIDE;
	assert_true(cr3_load(v, BIT(63) | 0x300001));
	assert_int_equal(p->cr3, 0x300001);
}

static void mov_with_the_operand_from_the_exit_moves_the_whole_register(void **state)
{
	(void)state;
	p->gpr[TV_R9] = p->cr0 | CR0_TS;
	p->arg0 = 0;
	p->arg1 = TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(TV_R9);
	rig_exit(TV_EXIT_CR, 3);
	assert_int_equal(rig_injected(NULL), -1);
	assert_true(p->cr0 & CR0_TS);
	assert_int_equal(p->rip, RIG_CODE + 3);
	p->arg0 = 4;
	p->arg1 = TV_CR_GPR_VALID | TV_CR_MK_GPR(TV_RSP);
	rig_exit(TV_EXIT_CR, 3);
	assert_int_equal(p->gpr[TV_RSP], p->cr4);
}

static void without_decode_assists_the_instruction_itself_tells_the_operand(void **state)
{
	(void)state;
	rig_code("\x44\x0f\x22\xc0", 4);		/* mov cr8, rax */
	p->gpr[TV_RAX] = 5;
	p->arg0 = 8;
	p->arg1 = TV_CR_WRITE;
	rig_exit(TV_EXIT_CR, 0);
	assert_int_equal(lapic_cr8_read(&v->lapic), 5);
	assert_int_equal(p->rip, RIG_CODE + 4);

	rig_code("\x0f\x06", 2);			/* clts */
	p->cr0 |= CR0_TS;
	p->arg0 = 0;
	rig_exit(TV_EXIT_CR, 0);
	assert_false(p->cr0 & CR0_TS);

	rig_code("\x0f\x01\xf0", 3);			/* lmsw ax: sets TS, cannot clear PE, touches nothing else */
	p->gpr[TV_RAX] = 0xfff8;
	rig_exit(TV_EXIT_CR, 0);
	assert_true(p->cr0 & CR0_TS);
	assert_true(p->cr0 & CR0_PE);
	assert_true(p->cr0 & CR0_WP);

	rig_code("\x0f\x01\xe3", 3);			/* smsw ebx */
	p->arg1 = 0;
	rig_exit(TV_EXIT_CR, 0);
	assert_int_equal(p->gpr[TV_RBX], p->cr0);
}

static void a_refused_load_is_gp_with_rip_at_the_instruction(void **state)
{
	uint32_t error;

	(void)state;
	rig_code("\x0f\x22\xe1", 3);			/* mov cr4, rcx */
	p->gpr[TV_RCX] = ~0ull;
	p->arg0 = 4;
	p->arg1 = TV_CR_WRITE;
	rig_exit(TV_EXIT_CR, 0);
	assert_int_equal(rig_injected(&error), EXC_GP);
	assert_int_equal(error, 0);
	assert_int_equal(p->rip, RIG_CODE);
	p->seg[TV_SS].attr |= 3 << 5;
	p->cpl = 3;
	p->gpr[TV_RCX] = p->cr4;
	rig_exit(TV_EXIT_CR, 0);
	assert_int_equal(rig_injected(&error), EXC_GP);
}

static void cr8_takes_four_bits(void **state)
{
	(void)state;
	p->arg0 = 8;
	p->arg1 = TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(TV_RAX);
	p->gpr[TV_RAX] = 16;
	rig_exit(TV_EXIT_CR, 4);
	assert_int_equal(rig_injected(NULL), EXC_GP);
}

static void debug_registers_follow_general_detect_aliases_and_fixed_bits(void **state)
{
	(void)state;
	p->arg0 = 7;
	p->arg1 = TV_CR_WRITE | TV_CR_GPR_VALID | TV_CR_MK_GPR(TV_RAX);
	p->gpr[TV_RAX] = 0x2001;			/* GD, L0 */
	rig_exit(TV_EXIT_DR, 3);
	assert_int_equal(p->dr7, 0x2401);
	rig_exit(TV_EXIT_DR, 3);			/* any access now is #DB with BD, and GD goes */
	assert_int_equal(rig_injected(NULL), EXC_DB);
	assert_true(p->dr6 & BIT(13));
	assert_int_equal(p->dr7, 0x401);
	p->gpr[TV_RAX] = BIT(32);
	rig_exit(TV_EXIT_DR, 3);
	assert_int_equal(rig_injected(NULL), EXC_GP);
	p->arg0 = 4;
	p->gpr[TV_RAX] = 0;
	rig_exit(TV_EXIT_DR, 3);
	assert_int_equal(p->dr6, 0xffff0ff0);
	p->cr4 |= CR4_DE;
	rig_exit(TV_EXIT_DR, 3);
	assert_int_equal(rig_injected(NULL), EXC_UD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reserved_and_contradictory_bits_of_cr0_are_refused, setup),
		cmocka_unit_test_setup(turning_on_paging_with_lme_needs_pae_and_makes_lma, setup),
		cmocka_unit_test_setup(paging_cannot_be_turned_off_in_64_bit_mode_nor_with_pcids, setup),
		cmocka_unit_test_setup(pae_paging_loads_and_checks_its_four_entries, setup),
		cmocka_unit_test_setup(cr4_takes_what_cpuid_offers_and_keeps_pae_in_long_mode, setup),
		cmocka_unit_test_setup(cr3_must_be_a_physical_address_and_its_top_bit_is_no_address, setup),
		cmocka_unit_test_setup(mov_with_the_operand_from_the_exit_moves_the_whole_register, setup),
		cmocka_unit_test_setup(without_decode_assists_the_instruction_itself_tells_the_operand, setup),
		cmocka_unit_test_setup(a_refused_load_is_gp_with_rip_at_the_instruction, setup),
		cmocka_unit_test_setup(cr8_takes_four_bits, setup),
		cmocka_unit_test_setup(debug_registers_follow_general_detect_aliases_and_fixed_bits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
