/* SPDX-License-Identifier: Apache-2.0 */
/* Steal time: what a guest reads is the time that it wanted to run and did not. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "steal.h"

#include <x86/cr.h>

#include "vm_rig.h"

#define PAGE	0x700000ull

static struct vcpu *const v = &rig_cpu;

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	rig_consumed = 1000;
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, PAGE | 1), MSR_OK);
	return 0;
}

static uint64_t field(unsigned off, unsigned size)
{
	uint64_t val = 0;

	assert_true(gmem_read(&rig_vm.mem, (gpa_t){ PAGE + off }, &val, size));
	return val;
}

/* @run of @all milliseconds pass with the thread on the CPU. */
static uint64_t stolen_after(uint64_t all, uint64_t run)
{
	fake_now += all * (RIG_HZ / 1000);
	rig_consumed += run * (RIG_HZ / 1000);
	vcpu_timers_run(v, fake_now);
	assert_int_equal(field(8, 4) & 1, 0);
	return field(0, 8) / 1000000;
}

static void it_is_what_the_thread_neither_ran_nor_slept(void **state)
{
	uint32_t version = (uint32_t)field(8, 4);

	(void)state;
	assert_int_equal(field(0, 8), 0);
	assert_int_equal(stolen_after(10, 10), 0);
	assert_int_equal(stolen_after(10, 4), 6);
	v->trace.halted += 7 * (RIG_HZ / 1000);
	assert_int_equal(stolen_after(10, 1), 8);
	assert_true(field(8, 4) > version);
}

static void another_monitor_goes_on_where_the_first_one_ended(void **state)
{
	(void)state;
	assert_int_equal(stolen_after(10, 4), 6);
	v->steal = (struct steal){ 0 };
	rig_consumed = 7;
	assert_int_equal(stolen_after(50, 0), 6);	/* it begins to count */
	assert_int_equal(stolen_after(10, 7), 9);
}

static void it_never_decreases(void **state)
{
	(void)state;
	assert_int_equal(stolen_after(10, 4), 6);
	assert_int_equal(stolen_after(1, 5), 6);
	assert_int_equal(stolen_after(10, 0), 12);
}

static void the_page_is_not_written_all_the_time(void **state)
{
	uint32_t version = (uint32_t)field(8, 4);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		vcpu_timers_run(v, fake_now += 100);
	assert_int_equal(field(8, 4), version);
}

static unsigned sleeps;

/* Two sleeps of 4 ms each, ended by the timer. */
static void guest_halts(void)
{
	rig_page.inject = 0;				/* the timer's interrupt was taken ... */
	lapic_mmio_write(&v->lapic, 0xb0, 4, 0);	/* ... and handled */
	rig_page.kind = TV_EXIT_HLT;
	rig_page.insn_len = 1;
	rig_page.rflags |= RFLAGS_IF;
	v->lapic.s.timer_fire = fake_now + 4 * (RIG_HZ / 1000);
	if (sleeps++ == 2)
		(void)vm_stop(&rig_vm, VM_EXIT_POWEROFF, NULL);
}

static void a_guest_sleeps_until_its_deadline(void **state)
{
	(void)state;
	sleeps = 0;
	atomic_store(&rig_vm.timer_next, TIMER_NEVER);
	rig_on_run = guest_halts;
	lapic_mmio_write(&v->lapic, 0x320, 4, 0x40);
	vcpu_run_loop(v);
	assert_in_range(v->trace.halted, 8 * (RIG_HZ / 1000), 8 * (RIG_HZ / 1000) + 100);
	assert_int_equal(field(0, 8) / 1000000, 0);
}

static void memory_that_is_not_there_and_reserved_bits_are_refused(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, PAGE | 3), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, PAGE | 0x21), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, 0xd0000001), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, (RIG_MEMORY - 32) | 1), MSR_FAULT);
	assert_int_equal(msr_read(v, MSR_PV_STEAL_TIME, &val), MSR_OK);
	assert_int_equal(val, PAGE | 1);
}

static void a_guest_that_does_not_want_it_gets_nothing_written(void **state)
{
	static const uint64_t mark = 0x1122334455667788;

	(void)state;
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, 0), MSR_OK);
	assert_true(gmem_write(&rig_vm.mem, (gpa_t){ PAGE }, &mark, sizeof(mark)));
	fake_now += RIG_HZ;
	vcpu_timers_run(v, fake_now);
	assert_int_equal(field(0, 8), mark);
	/* Nor does a CPU after INIT write to memory that the kernel before it named. */
	assert_int_equal(msr_write(v, MSR_PV_STEAL_TIME, PAGE | 1), MSR_OK);
	msr_init(v);
	assert_true(gmem_write(&rig_vm.mem, (gpa_t){ PAGE }, &mark, sizeof(mark)));
	fake_now += RIG_HZ;
	vcpu_timers_run(v, fake_now);
	assert_int_equal(field(0, 8), mark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_is_what_the_thread_neither_ran_nor_slept, setup),
		cmocka_unit_test_setup(another_monitor_goes_on_where_the_first_one_ended, setup),
		cmocka_unit_test_setup(it_never_decreases, setup),
		cmocka_unit_test_setup(the_page_is_not_written_all_the_time, setup),
		cmocka_unit_test_setup(a_guest_sleeps_until_its_deadline, setup),
		cmocka_unit_test_setup(memory_that_is_not_there_and_reserved_bits_are_refused, setup),
		cmocka_unit_test_setup(a_guest_that_does_not_want_it_gets_nothing_written, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
