/* SPDX-License-Identifier: Apache-2.0 */
/* MSR policy: the table's order, what each kind of row allows, and what an exit makes of it. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "msr.h"

#include <x86/cr.h>
#include <x86/msr.h>

#include "vm_rig.h"

static struct vcpu *const v = &rig_cpu;
static struct tv_exit_page *const p = &rig_page;

static int amd(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	p->valid = TV_REGS_ALL;
	return 0;
}

static int intel(void **state)
{
	(void)state;
	rig_vendor = "GenuineIntel";
	rig_reset(TV_FEAT_NEXT_RIP);
	p->valid = TV_REGS_ALL;
	return 0;
}

static uint64_t get(uint32_t msr)
{
	uint64_t val = 0;

	assert_int_equal(msr_read(v, msr, &val), MSR_OK);
	return val;
}

static void rows_are_sorted_and_do_not_overlap_but_for_the_two_vendors_of_one_number(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (unsigned i = 0; i < msr_row_count(); i++) {
		uint32_t first, end;

		msr_row_range(i, &first, &end);
		assert_true(first <= end);
		assert_true(i == 0 || first > last || (first == last && first == end));
		last = end;
	}
}

static void what_is_not_listed_faults_with_registers_and_rip_unchanged(void **state)
{
	static const uint32_t unlisted[] = { 0x11, 0x12, 0x48, 0x4b564d02, 0x480, 0xda0, 0xc0000104, 0xc0010117, 0x40000000, ~0u };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(unlisted); i++) {
		uint32_t error;

		p->gpr[TV_RAX] = 0x1111;
		p->gpr[TV_RDX] = 0x2222;
		p->gpr[TV_RCX] = 0xffffffff00000000 | unlisted[i];
		rig_exit(i & 1 ? TV_EXIT_RDMSR : TV_EXIT_WRMSR, 2);
		assert_int_equal(rig_injected(&error), EXC_GP);
		assert_int_equal(error, 0);
		assert_int_equal(p->rip, RIG_CODE);
		assert_int_equal(p->gpr[TV_RAX], 0x1111);
		assert_int_equal(p->gpr[TV_RDX], 0x2222);
		assert_true(p->rflags & RFLAGS_RF);
	}
	assert_int_equal(rig_vm.msr_log.refused, ARRAY_LEN(unlisted));
	assert_int_equal(rig_vm.msr_log.seen_count, ARRAY_LEN(unlisted));
}

static void a_read_fills_the_lower_halves_of_rax_and_rdx_and_retires(void **state)
{
	(void)state;
	p->gpr[TV_RCX] = 0xfe;
	p->gpr[TV_RAX] = p->gpr[TV_RDX] = ~0ull;
	assert_int_equal(rig_exit(TV_EXIT_RDMSR, 2), VM_NEXT_RUN);
	assert_int_equal(p->gpr[TV_RAX], 0x508);
	assert_int_equal(p->gpr[TV_RDX], 0);
	assert_int_equal(p->rip, RIG_CODE + 2);
	assert_int_equal(rig_injected(NULL), -1);
}

static void writing_the_tsc_shows_in_tsc_adjust_and_the_other_way_round(void **state)
{
	(void)state;
	assert_int_equal(get(0x10), 0);
	fake_now += 500;
	assert_int_equal(get(0x10), 500);
	assert_int_equal(msr_write(v, 0x10, 10500), MSR_OK);
	assert_int_equal(get(0x3b), 10000);
	assert_int_equal(get(0x10), 10500);
	assert_true(p->dirty & TV_REGS_TSC);
	assert_int_equal(fake_now + p->tsc_offset, 10500);
	assert_int_equal(msr_write(v, 0x3b, 0), MSR_OK);
	assert_int_equal(get(0x10), 500);
	assert_int_equal(v->lapic.s.tsc_offset, p->tsc_offset);
}

static void efer_takes_only_offered_bits_and_lme_not_under_paging(void **state)
{
	(void)state;
	assert_int_equal(get(MSR_EFER), EFER_LME | EFER_LMA);
	assert_int_equal(msr_write(v, MSR_EFER, EFER_LME | EFER_NXE | EFER_SCE), MSR_OK);
	assert_int_equal(get(MSR_EFER), EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);	/* LMA is not the guest's */
	assert_int_equal(msr_write(v, MSR_EFER, EFER_NXE), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_EFER, EFER_LME | EFER_SVME), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_EFER, EFER_LME | BIT(1)), MSR_FAULT);
	p->cr0 &= ~CR0_PG;
	p->efer = 0;
	assert_int_equal(msr_write(v, MSR_EFER, EFER_LME), MSR_OK);
	assert_int_equal(get(MSR_EFER), EFER_LME);
}

static void addresses_must_be_canonical_and_pat_types_real(void **state)
{
	static const uint32_t address[] = { MSR_LSTAR, MSR_CSTAR, MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_GS_BASE,
					    MSR_IA32_SYSENTER_EIP, MSR_IA32_SYSENTER_ESP };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(address); i++) {
		assert_int_equal(msr_write(v, address[i], 0x0000800000000000), MSR_FAULT);
		assert_int_equal(msr_write(v, address[i], 0xffff800000001000 + i), MSR_OK);
		assert_int_equal(get(address[i]), 0xffff800000001000 + i);
	}
	assert_int_equal(msr_write(v, MSR_IA32_PAT, 0x0007040600070406), MSR_OK);
	assert_int_equal(msr_write(v, MSR_IA32_PAT, 0x0007040600070402), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_IA32_PAT, 0x0807040600070406), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_TSC_AUX, BIT(32)), MSR_FAULT);
}

/* The kernel refuses what no CPU can hold, and that would end the VM. */
static void sysenter_cs_has_no_upper_half(void **state)
{
	(void)state;
	assert_int_equal(msr_write(v, MSR_IA32_SYSENTER_CS, 0x1234567800000010), MSR_OK);
	assert_int_equal(get(MSR_IA32_SYSENTER_CS), 0x10);
}

static void tsc_aux_exists_with_an_instruction_that_reads_it(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(msr_write(v, MSR_TSC_AUX, 7), MSR_OK);
	assert_int_equal(get(MSR_TSC_AUX), 7);
	rig_vm.cpuid.tsc_aux = false;
	assert_int_equal(msr_write(v, MSR_TSC_AUX, 7), MSR_FAULT);
	assert_int_equal(msr_read(v, MSR_TSC_AUX, &val), MSR_FAULT);
}

static void mtrrs_are_checked_and_start_as_firmware_leaves_them(void **state)
{
	(void)state;
	assert_int_equal(get(0x2ff), BIT(11) | BIT(10) | 6);
	assert_int_equal(get(0x200), 0xb0000000);
	assert_int_equal(get(0x201), 0xfff0000800 | 0);
	assert_int_equal(get(0x202), 0xc0000000);
	assert_int_equal(get(0x203), 0xffc0000800);
	assert_int_equal(get(0x259), 0);
	assert_int_equal(get(0x26f), 0x0606060606060606);
	assert_int_equal(msr_write(v, 0x250, 0x0606060606060602), MSR_FAULT);
	assert_int_equal(msr_write(v, 0x250, 0x0101010101010101), MSR_OK);
	assert_int_equal(msr_write(v, 0x204, BIT(40) | 6), MSR_FAULT);	/* beyond the physical addresses */
	assert_int_equal(msr_write(v, 0x204, 0x100000006), MSR_OK);
	assert_int_equal(msr_write(v, 0x204, 0x100000002), MSR_FAULT);
	assert_int_equal(msr_write(v, 0x205, 0x800), MSR_OK);
	assert_int_equal(msr_write(v, 0x205, 0x400), MSR_FAULT);
	assert_int_equal(msr_write(v, 0x2ff, 0x1000), MSR_FAULT);
	assert_int_equal(msr_write(v, 0xfe, 0), MSR_FAULT);
	assert_int_equal(get(0x250), 0x0101010101010101);
}

static void a_vendors_registers_exist_only_in_its_model(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(get(0xc0010015), BIT(24));
	assert_int_equal(msr_write(v, 0xc0010015, BIT(24) | BIT(3)), MSR_OK);
	assert_int_equal(msr_write(v, 0xc0010015, 0), MSR_FAULT);	/* the TSC's frequency is not its to choose */
	assert_int_equal(msr_write(v, 0xc0010004, 0), MSR_OK);
	assert_int_equal(msr_read(v, 0x3a, &val), MSR_FAULT);
	assert_int_equal(get(0x8b), 0x01000065);
	intel(NULL);
	assert_int_equal(get(0x3a), 1);
	assert_int_equal(get(0x8b), 0x100000000);
	assert_int_equal(msr_write(v, 0x8b, 0), MSR_OK);
	assert_int_equal(msr_read(v, 0xc0010015, &val), MSR_FAULT);
}

static void a_row_that_needs_more_registers_asks_for_them_once(void **state)
{
	(void)state;
	p->gpr[TV_RCX] = MSR_LSTAR;
	p->gpr[TV_RAX] = 0x1000;
	p->gpr[TV_RDX] = 0xffff8000;
	rig_exit(TV_EXIT_WRMSR, 2);
	assert_int_equal(p->lstar, 0xffff800000001000);
	assert_true(p->dirty & TV_REGS_MSR);
	assert_int_equal(p->rip, RIG_CODE + 2);
	assert_int_equal(p->want[TV_EXIT_WRMSR], 0);
}

static void x2apic_registers_exist_only_in_that_mode(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(msr_read(v, 0x803, &val), MSR_FAULT);
	assert_int_equal(msr_write(v, 0x1b, get(0x1b) | BIT(10)), MSR_OK);
	assert_int_equal(get(0x803) & 0xff, 0x14);
	assert_int_equal(msr_write(v, 0x803, 0), MSR_FAULT);
	assert_int_equal(msr_write(v, 0x6e0, 0), MSR_OK);
}

/* Whatever a guest does to any MSR, the answer is a value or #GP. */
static void every_msr_can_be_read_and_written_with_anything(void **state)
{
	static const struct { uint32_t first, count; } range[] = {
		{ 0, 0x2000 }, { 0x40000000, 0x300 }, { 0x4b564d00, 16 }, { 0xc0000000, 0x2000 }, { 0xc0010000, 0x2000 },
	};
	static const uint64_t value[] = { 0, ~0ull, 0x0000800000000000, 0x5a5a5a5a5a5a5a5a, 1 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(range); i++)
		for (uint32_t n = 0; n < range[i].count; n++)
			for (unsigned k = 0; k < ARRAY_LEN(value); k++) {
				uint64_t before, after;

				if (msr_read(v, range[i].first + n, &before) == MSR_OK &&
				    msr_write(v, range[i].first + n, value[k]) == MSR_FAULT) {
					assert_int_equal(msr_read(v, range[i].first + n, &after), MSR_OK);
					assert_true(before == after);
				}
				if (vm_stopped(&rig_vm))
					fail_msg("MSR 0x%x stopped the VM", range[i].first + n);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rows_are_sorted_and_do_not_overlap_but_for_the_two_vendors_of_one_number, amd),
		cmocka_unit_test_setup(what_is_not_listed_faults_with_registers_and_rip_unchanged, amd),
		cmocka_unit_test_setup(a_read_fills_the_lower_halves_of_rax_and_rdx_and_retires, amd),
		cmocka_unit_test_setup(writing_the_tsc_shows_in_tsc_adjust_and_the_other_way_round, amd),
		cmocka_unit_test_setup(efer_takes_only_offered_bits_and_lme_not_under_paging, amd),
		cmocka_unit_test_setup(addresses_must_be_canonical_and_pat_types_real, amd),
		cmocka_unit_test_setup(sysenter_cs_has_no_upper_half, amd),
		cmocka_unit_test_setup(tsc_aux_exists_with_an_instruction_that_reads_it, amd),
		cmocka_unit_test_setup(mtrrs_are_checked_and_start_as_firmware_leaves_them, amd),
		cmocka_unit_test_setup(a_vendors_registers_exist_only_in_its_model, amd),
		cmocka_unit_test_setup(a_row_that_needs_more_registers_asks_for_them_once, amd),
		cmocka_unit_test_setup(x2apic_registers_exist_only_in_that_mode, amd),
		cmocka_unit_test_setup(every_msr_can_be_read_and_written_with_anything, amd),
		cmocka_unit_test_setup(every_msr_can_be_read_and_written_with_anything, intel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
