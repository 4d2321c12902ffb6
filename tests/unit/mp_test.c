/* SPDX-License-Identifier: Apache-2.0 */
/* How the CPUs of a VM begin and rest: INIT, SIPI, and the end of a VM whose CPUs all sleep for ever. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "mp.h"

#include <x86/cr.h>
#include <x86/msr.h>

#include "acpi.h"
#include "layout.h"
#include "pvcall.h"
#include "pvclock.h"
#include "upcall.h"
#include "vm_rig.h"

#define CPUS	3u

static struct vcpu other[CPUS];			/* [0] is unused: that is rig_cpu */
static struct tv_exit_page page[CPUS];

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	memset(other, 0, sizeof(other));
	memset(page, 0, sizeof(page));
	for (unsigned i = 1; i < CPUS; i++) {
		assert_true(vcpu_init(&other[i], &rig_vm, i, &page[i]));
		vcpu_reset_registers(&other[i]);
	}
	return 0;
}

static void send(unsigned dest, enum apic_mode mode, uint8_t vector)
{
	const struct apic_msg m = { .dest = dest, .mode = (uint8_t)mode, .vector = vector };

	assert_true(irqchip_message(&rig_vm.board.chip, &m));
}

static void a_cpu_waits_for_a_sipi_and_begins_at_its_page(void **state)
{
	(void)state;
	assert_false(mp_events(&other[1]));
	send(1, APIC_NMI, 0);
	assert_false(mp_events(&other[1]));
	page[1].dirty = 0;
	send(1, APIC_SIPI, 0x9a);
	assert_true(mp_events(&other[1]));
	assert_int_equal(page[1].rip, 0);
	assert_int_equal(page[1].seg[TV_CS].sel, 0x9a00);
	assert_int_equal(page[1].seg[TV_CS].base, 0x9a000);
	assert_int_equal(page[1].cr0 & CR0_PE, 0);
	assert_int_equal(page[1].dirty, TV_REGS_RIP | TV_REGS_SEG);
	/* The NMI was kept for the time after it. */
	assert_true(inject_prepare(&other[1]));
	assert_int_equal(page[1].inject, TV_EVENT(TV_EVENT_NMI, EXC_NMI));
	assert_false(mp_events(&other[2]));
}

/* The guest's FACS says where it wants to begin after a suspend. */
static void waking_vector(uint32_t vector)
{
	assert_true(gmem_write(&rig_vm.mem, (gpa_t){ LAYOUT_ACPI + ACPI_WAKING_VECTOR }, &vector, sizeof(vector)));
}

static void a_suspend_resets_every_cpu_and_the_first_one_wakes_at_the_waking_vector(void **state)
{
	(void)state;
	assert_false(vm_sleep(&rig_vm));		/* with firmware it is not for the monitor to do */
	rig_vm.can_suspend = true;
	waking_vector(0x12345);
	send(1, APIC_SIPI, 0x9a);
	assert_true(mp_events(&other[1]));
	rig_page.gpr[TV_RBX] = 77;
	assert_true(vm_sleep(&rig_vm));
	assert_false(mp_events(&rig_cpu));
	assert_int_equal(rig_page.gpr[TV_RBX], 0);
	vm_wake(&rig_vm);
	assert_false(mp_events(&rig_cpu));		/* not before the others are down as well */
	assert_true(mp_rest(&rig_cpu));			/* and that is not being dead */
	assert_false(mp_events(&other[1]));
	assert_false(mp_events(&other[2]));
	assert_true(mp_events(&rig_cpu));
	assert_int_equal(rig_page.rip, 5);
	assert_int_equal(rig_page.seg[TV_CS].sel, 0x1234);
	assert_int_equal(rig_page.seg[TV_CS].base, 0x12340);
	assert_int_equal(rig_page.cr0, CR0_ET);
	send(1, APIC_SIPI, 0x8);
	assert_true(mp_events(&other[1]));
	assert_true(mp_events(&rig_cpu));
	assert_false(vm_stopped(&rig_vm));
}

static void waking_up_at_no_address_is_a_reset(void **state)
{
	static const uint32_t bad[] = { 0, 0x100000, UINT32_MAX };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(setup(state), 0);
		rig_vm.can_suspend = true;
		waking_vector(bad[i]);
		assert_true(vm_sleep(&rig_vm));
		vm_wake(&rig_vm);
		assert_false(mp_events(&other[1]));
		assert_false(mp_events(&other[2]));
		assert_false(mp_events(&rig_cpu));
		assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_RESET);
	}
}

static void only_the_first_sipi_after_an_init_counts(void **state)
{
	(void)state;
	send(1, APIC_SIPI, 0x10);
	send(1, APIC_SIPI, 0x20);
	assert_true(mp_events(&other[1]));
	assert_int_equal(page[1].seg[TV_CS].base, 0x10000);
	page[1].rip = 0x1234;
	send(1, APIC_SIPI, 0x30);
	assert_true(mp_events(&other[1]));
	assert_int_equal(page[1].rip, 0x1234);
	assert_int_equal(page[1].seg[TV_CS].base, 0x10000);
	/* A SIPI that came before the INIT is lost, one that came after it is not. */
	send(1, APIC_SIPI, 0x40);
	send(1, APIC_INIT, 0);
	assert_false(mp_events(&other[1]));
	send(1, APIC_INIT, 0);
	send(1, APIC_SIPI, 0x50);
	assert_true(mp_events(&other[1]));
	assert_int_equal(page[1].seg[TV_CS].base, 0x50000);
}

static void an_init_resets_what_it_should_and_nothing_else(void **state)
{
	struct vcpu *v = &other[1];

	(void)state;
	send(1, APIC_SIPI, 0x10);
	assert_true(mp_events(v));
	page[1].gpr[TV_RBX] = 77;
	page[1].cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP;
	page[1].cr4 = CR4_PAE;
	page[1].efer = EFER_LME | EFER_LMA;
	page[1].inject = TV_EVENT(TV_EVENT_EXC, EXC_GP);
	page[1].xcr0 = 7;
	page[1].lstar = 0x1000;
	page[1].valid = TV_REGS_ALL;
	v->s.halted = 1;
	assert_true(lapic_base_write(&v->lapic, LAPIC_DEFAULT_BASE | APIC_BASE_EN | APIC_BASE_EXTD));
	assert_int_equal(msr_write(v, 0x3b, 5000), MSR_OK);
	assert_int_equal(msr_write(v, 0x277, 6), MSR_OK);
	assert_int_equal(msr_write(v, 0x2ff, 0xc06), MSR_OK);
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, 0x700001), MSR_OK);
	assert_true(lapic_msr_write(&v->lapic, 0x80f, 0x1ff));
	page[1].dirty = 0;
	send(1, APIC_INIT, 0);
	assert_false(mp_events(v));
	assert_int_equal(page[1].gpr[TV_RBX], 0);
	assert_int_equal(page[1].gpr[TV_RDX], 0x00a20f10);
	assert_int_equal(page[1].cr0, CR0_ET);
	assert_int_equal(page[1].cr4 | page[1].efer | page[1].inject, 0);
	assert_int_equal(page[1].rflags, RFLAGS_ONE);
	assert_false(v->s.halted);
	assert_int_equal(v->lapic.s.svr, 0xff);
	/* These stay: the mode of the APIC, the TSC, MTRRs, PAT, STAR and their kin, XCR0. */
	assert_true(lapic_is_x2apic(&v->lapic));
	assert_int_equal(v->msr.tsc_adjust, 5000);
	assert_int_equal(v->msr.slot[MSR_SLOT_MTRR_DEF_TYPE], 0xc06);
	assert_int_equal(page[1].dirty & (TV_REGS_MSR | TV_REGS_XCR | TV_REGS_TSC), 0);
	assert_int_equal(page[1].xcr0, 7);
	assert_int_equal(page[1].lstar, 0x1000);
	assert_int_equal(page[1].pat, 6);
	/* The page of the clock belongs to whoever starts the CPU next. */
	assert_int_equal(v->msr.pv_system_time, 0);
}

static void an_init_of_the_first_cpu_resets_the_machine(void **state)
{
	(void)state;
	send(0, APIC_INIT, 0);
	assert_false(mp_events(&rig_cpu));
	assert_true(vm_stopped(&rig_vm));
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_RESET);
}

static void the_time_stamp_counters_of_all_cpus_are_the_same(void **state)
{
	uint64_t first, val;

	(void)state;
	fake_now += 12345;
	assert_int_equal(msr_read(&rig_cpu, 0x10, &first), MSR_OK);
	for (unsigned i = 1; i < CPUS; i++) {
		assert_int_equal(msr_read(&other[i], 0x10, &val), MSR_OK);
		assert_int_equal(val, first);
		assert_int_equal(page[i].tsc_offset, rig_page.tsc_offset);
	}
}

/* All CPUs run and have halted with interrupts off. */
static void halt_all(void)
{
	for (unsigned i = 1; i < CPUS; i++) {
		send(i, APIC_SIPI, 0x10);
		assert_true(mp_events(&other[i]));
	}
	rig_page.rflags = RFLAGS_ONE;
}

static void a_vm_whose_cpus_all_halt_with_interrupts_off_is_dead(void **state)
{
	(void)state;
	halt_all();
	assert_true(mp_rest(&rig_cpu));
	assert_true(mp_rest(&other[2]));
	assert_false(mp_rest(&other[1]));
	/* Each that wakes and sleeps again finds the same. */
	mp_wake(&rig_cpu);
	assert_true(mp_rest(&other[1]));
	assert_false(mp_rest(&rig_cpu));
}

static void a_cpu_that_was_never_started_does_not_keep_the_vm_alive(void **state)
{
	(void)state;
	rig_page.rflags = RFLAGS_ONE;
	assert_true(mp_rest(&other[1]));
	assert_true(mp_rest(&other[2]));
	assert_false(mp_rest(&rig_cpu));
}

static void one_cpu_with_interrupts_on_keeps_the_vm_alive(void **state)
{
	(void)state;
	halt_all();
	page[1].rflags |= RFLAGS_IF;
	assert_true(mp_rest(&rig_cpu));
	assert_true(mp_rest(&other[2]));
	assert_true(mp_rest(&other[1]));
	mp_wake(&other[1]);
	assert_int_equal((uint32_t)rig_vm.resting, 2);
}

static void an_nmi_on_its_way_to_a_resting_cpu_keeps_the_vm_alive(void **state)
{
	(void)state;
	halt_all();
	assert_true(mp_rest(&other[1]));
	assert_true(mp_rest(&other[2]));
	send(2, APIC_NMI, 0);
	assert_true(mp_rest(&rig_cpu));
	/* It is taken, and handled; then nothing is left. */
	mp_wake(&other[2]);
	assert_true(lapic_events_take(&other[2].lapic, LAPIC_EV_NMI));
	assert_false(mp_rest(&other[2]));
}

static void an_nmi_that_is_blocked_wakes_nobody(void **state)
{
	(void)state;
	halt_all();
	page[2].shadow = TV_SHADOW_NMI;
	assert_true(mp_rest(&other[1]));
	assert_true(mp_rest(&other[2]));
	send(2, APIC_NMI, 0);
	assert_false(mp_rest(&rig_cpu));
}

static void a_device_that_sends_nmis_keeps_the_vm_alive(void **state)
{
	(void)state;
	halt_all();
	rig_vm.board.ioapic.s.rte[5] = APIC_NMI << 8;
	assert_true(mp_rest(&other[1]));
	assert_true(mp_rest(&other[2]));
	assert_true(mp_rest(&rig_cpu));
}

static uint64_t hypercall(uint64_t number, uint64_t cpu)
{
	rig_page.gpr[TV_RAX] = number;
	rig_page.gpr[TV_RBX] = 0;
	rig_page.gpr[TV_RCX] = cpu;
	rig_exit(TV_EXIT_HYPERCALL, 3);
	return rig_page.gpr[TV_RAX];
}

static void a_hypercall_ends_the_halt_of_another_cpu_also_one_that_is_still_to_come(void **state)
{
	(void)state;
	assert_false(mp_unhalted(&other[1]));
	assert_int_equal(hypercall(PVCALL_KICK, 1), 0);
	assert_true(atomic_load(&other[1].notified));
	assert_true(mp_unhalted(&other[1]));
	assert_false(mp_unhalted(&other[1]));
	assert_false(mp_unhalted(&other[2]));
	assert_int_equal(hypercall(PVCALL_KICK, 77), 0);	/* nobody there */
	rig_page.cpl = 3;
	assert_int_equal(hypercall(PVCALL_KICK, 1), PVCALL_EPERM);
	assert_false(mp_unhalted(&other[1]));
}

static void a_kick_on_its_way_keeps_the_vm_alive(void **state)
{
	(void)state;
	halt_all();
	assert_true(mp_rest(&other[1]));
	assert_int_equal(hypercall(PVCALL_KICK, 1), 0);
	rig_page.rflags = RFLAGS_ONE;
	assert_true(mp_rest(&other[2]));
	assert_true(mp_rest(&rig_cpu));
	mp_wake(&other[1]);
	assert_true(mp_unhalted(&other[1]));
	assert_false(mp_rest(&other[1]));
}

static unsigned runs_left;

static void guest_ends(void)
{
	rig_page.kind = TV_EXIT_CPUID;
	rig_page.insn_len = 2;
	if (!--runs_left)
		(void)vm_stop(&rig_vm, VM_EXIT_POWEROFF, NULL);
}

static void the_thread_of_a_cpu_ends_with_the_vm_and_the_first_one_waits_for_the_others(void **state)
{
	(void)state;
	runs_left = 3;
	rig_on_run = guest_ends;
	atomic_store(&rig_vm.ended, CPUS - 1);
	vcpu_run_loop(&rig_cpu);
	assert_int_equal(rig_vm.ended, CPUS);
	assert_int_equal(rig_waits, 0);
	/* Its own bits, and a patience that ends. */
	atomic_store(&rig_vm.ended, 0);
	vcpu_run_loop(&rig_cpu);
	assert_int_equal(rig_waits, 1);
	assert_int_equal(vm_exit_code(&rig_vm), VM_EXIT_POWEROFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_cpu_waits_for_a_sipi_and_begins_at_its_page, setup),
		cmocka_unit_test_setup(a_suspend_resets_every_cpu_and_the_first_one_wakes_at_the_waking_vector, setup),
		cmocka_unit_test_setup(waking_up_at_no_address_is_a_reset, setup),
		cmocka_unit_test_setup(only_the_first_sipi_after_an_init_counts, setup),
		cmocka_unit_test_setup(an_init_resets_what_it_should_and_nothing_else, setup),
		cmocka_unit_test_setup(an_init_of_the_first_cpu_resets_the_machine, setup),
		cmocka_unit_test_setup(the_time_stamp_counters_of_all_cpus_are_the_same, setup),
		cmocka_unit_test_setup(a_vm_whose_cpus_all_halt_with_interrupts_off_is_dead, setup),
		cmocka_unit_test_setup(a_cpu_that_was_never_started_does_not_keep_the_vm_alive, setup),
		cmocka_unit_test_setup(one_cpu_with_interrupts_on_keeps_the_vm_alive, setup),
		cmocka_unit_test_setup(an_nmi_on_its_way_to_a_resting_cpu_keeps_the_vm_alive, setup),
		cmocka_unit_test_setup(an_nmi_that_is_blocked_wakes_nobody, setup),
		cmocka_unit_test_setup(a_device_that_sends_nmis_keeps_the_vm_alive, setup),
		cmocka_unit_test_setup(a_hypercall_ends_the_halt_of_another_cpu_also_one_that_is_still_to_come, setup),
		cmocka_unit_test_setup(a_kick_on_its_way_keeps_the_vm_alive, setup),
		cmocka_unit_test_setup(the_thread_of_a_cpu_ends_with_the_vm_and_the_first_one_waits_for_the_others, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
