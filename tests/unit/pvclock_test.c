/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual clock: what a guest computes from its page is the time. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/vm.c */
#include "pvclock.h"

#include <x86/msr.h>

#include "vm_rig.h"

#define PAGE	0x700000ull

static struct vcpu *const v = &rig_cpu;

static int setup(void **state)
{
	(void)state;
	rig_vendor = "AuthenticAMD";
	rig_reset(TV_FEAT_NEXT_RIP);
	return 0;
}

static uint64_t field(unsigned off, unsigned size)
{
	uint64_t val = 0;

	assert_true(gmem_read(&rig_vm.mem, (gpa_t){ PAGE + off }, &val, size));
	return val;
}

/* The guest's formula.  Linux: pvclock_scale_delta(). */
static uint64_t guest_ns(void)
{
	uint64_t delta = fake_now + v->msr.tsc_offset - field(8, 8);
	int8_t shift = (int8_t)field(28, 1);

	assert_int_equal(field(0, 4) & 1, 0);
	delta = shift < 0 ? delta >> -shift : delta << shift;
	return field(16, 8) + (uint64_t)((unsigned __int128)delta * field(24, 4) >> 32);
}

static void the_page_turns_the_tsc_into_nanoseconds_since_the_start(void **state)
{
	static const uint64_t hz[] = { 800000000, 1000000000, 2000000000, 2593906123, 4300000000, 5800000000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(hz); i++) {
		uint64_t day = hz[i] * 86400;

		setup(NULL);
		rig_vm.tsc_hz = hz[i];
		clock_rate_init(&rig_vm.ns, hz[i], 1000000000);
		fake_now += 12345;
		assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, PAGE | 1), MSR_OK);
		assert_int_equal(guest_ns(), clock_ticks(&rig_vm.ns, fake_now) - clock_ticks(&rig_vm.ns, rig_vm.start.tsc));
		fake_now += day;
		/* At most a tenth of a millisecond off after a day. */
		assert_in_range(guest_ns(), 86400000000000ull - 100000, 86400000000000ull + 100000);
		assert_int_equal(field(29, 1), 1);
	}
}

static void a_change_of_the_tsc_changes_the_page_and_not_the_time(void **state)
{
	uint64_t before;
	uint32_t version;

	(void)state;
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, PAGE | 1), MSR_OK);
	fake_now += RIG_HZ;
	before = guest_ns();
	version = (uint32_t)field(0, 4);
	assert_int_equal(msr_write(v, 0x10, 0x123456789abc), MSR_OK);
	assert_int_not_equal(field(0, 4), version);
	assert_in_range(guest_ns(), before - 1, before + 1);
}

static void the_wall_clock_is_that_of_the_start(void **state)
{
	(void)state;
	fake_now += 100 * RIG_HZ;
	assert_int_equal(msr_write(v, MSR_PV_WALL_CLOCK, PAGE), MSR_OK);
	assert_int_equal(field(4, 4), rig_vm.start.time);
	assert_int_equal(field(0, 4) & 1, 0);
}

static void only_memory_can_be_named_and_switching_off_needs_none(void **state)
{
	(void)state;
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, 0xd0000001), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, (RIG_MEMORY - 16) | 1), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, ~0ull), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_WALL_CLOCK, RIG_MEMORY - 8), MSR_FAULT);
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, (RIG_MEMORY - 32) | 1), MSR_OK);
	assert_int_equal(msr_write(v, MSR_PV_SYSTEM_TIME, 0), MSR_OK);
	pvclock_update(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_page_turns_the_tsc_into_nanoseconds_since_the_start, setup),
		cmocka_unit_test_setup(a_change_of_the_tsc_changes_the_page_and_not_the_time, setup),
		cmocka_unit_test_setup(the_wall_clock_is_that_of_the_start, setup),
		cmocka_unit_test_setup(only_memory_can_be_named_and_switching_off_needs_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
