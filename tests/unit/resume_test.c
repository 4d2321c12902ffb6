/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that another monitor goes on with: it comes back as it was, and no record, whatever is in it, does harm. */
/* sources: tests/fake/vm_rig.c vmm/bus.c vmm/console.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/cr.c vmm/dev/ahci.c vmm/dev/ata.c vmm/dev/atapi.c vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/emulate.c vmm/exit.c vmm/exit_cpu.c vmm/gmem.c vmm/gwalk.c vmm/hyperv.c vmm/inject.c vmm/insn.c vmm/insn_alu.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_mem.c vmm/insn_operand.c vmm/insn_seg.c vmm/insn_stack.c vmm/insn_string.c vmm/insn_table.c vmm/irqchip.c vmm/lock.c vmm/log.c vmm/mmio.c vmm/mp.c vmm/msr.c vmm/pio.c vmm/pvcall.c vmm/pvclock.c vmm/record.c vmm/resume.c vmm/retire.c vmm/rt/fmt.c vmm/rt/log.c vmm/steal.c vmm/suspend.c vmm/synic.c vmm/task.c vmm/timer.c vmm/trace.c vmm/vcpu.c vmm/vector.c vmm/virtio/blk_ram.c vmm/virtio/rng.c vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_packed.c vmm/virtio/vq_split.c vmm/vm.c */
#include "resume.h"

#include "upcall.h"
#include "vm_rig.h"

#include <stdlib.h>

#define OLD_ADDR	0x41f000ull	/* where the old monitor says that its memory was */
#define OLD_SIZE	0x8000u
#define ROUNDS		20000u

static struct record record;
static uint8_t memory[OLD_SIZE] __attribute__((aligned(64)));
static const struct record_old old = { &record, memory, OLD_ADDR, OLD_SIZE };

static bool entropy(uint64_t *word)
{
	*word = 4;
	return true;
}

static int setup(void **state)
{
	(void)state;
	rig_reset(0);
	assert_true(rng_init(&rig_vm.virtio.rng, &rig_vm.board.pci, &rig_vm.mem, 1, entropy));
	return 0;
}

static void out(uint16_t port, uint8_t value)
{
	vm_dev_lock(&rig_vm);
	bus_write(&rig_vm.board.pio, port, 1, value);
	vm_dev_unlock(&rig_vm);
}

static uint8_t in(uint16_t port)
{
	uint64_t value;

	vm_dev_lock(&rig_vm);
	value = bus_read(&rig_vm.board.pio, port, 1);
	vm_dev_unlock(&rig_vm);
	return (uint8_t)value;
}

/* The old monitor ends: what its record names is copied to where root would have left it. */
static void monitor_ends(void)
{
	uint64_t used = 0;

	memset(&record, 0, sizeof(record));
	assert_true(resume_prepare(&rig_vm, &record, 5));
	assert_int_equal(record.generation, 5);
	for (unsigned i = 0; i < record.count; i++) {
		struct record_entry *e = &record.entry[i];

		assert_true(used + e->size <= OLD_SIZE);
		memcpy(memory + used, (const void *)e->addr, e->size);
		e->addr = OLD_ADDR + used;
		used = align_up(used + e->size, 64);
	}
}

/* Use every device somehow. */
static void devices_are_used(void)
{
	out(0x21, 0xfa);			/* PIC: timer and cascade are open */
	out(0x43, 0x34);			/* PIT: channel 0, rate generator  */
	out(0x40, 0x9b);
	out(0x40, 0x2e);
	out(0x70, 0x0f);			/* CMOS: shutdown status           */
	out(0x71, 0x55);
	out(0x3ff, 0x77);			/* COM1: scratch                   */
	out(0x3f9, 0x01);
	out(0x80, 0x99);
	out(0x92, 0x02);
	out(0x64, 0x60);
	out(0x60, 0x61);
	lapic_mmio_write(&rig_cpu.lapic, 0x320, 4, 0x200ee);	/* periodic timer */
	lapic_mmio_write(&rig_cpu.lapic, 0x3e0, 4, 0xb);
	lapic_mmio_write(&rig_cpu.lapic, 0x380, 4, 1000000);
	lapic_mmio_write(&rig_cpu.lapic, 0x300, 4, 0x40045);	/* to itself      */
	rig_cpu.s.halted = 1;
	rig_cpu.msr.slot[MSR_SLOT_MISC_ENABLE] = 0x1234;
}

static void a_machine_comes_back_as_it_was(void **state)
{
	struct lapic_state lapic;
	struct pic_state pic;
	struct start_state begin;
	uint64_t fire;

	(void)state;
	devices_are_used();
	lapic = rig_cpu.lapic.s;
	pic = rig_vm.board.pic.s[0];
	begin = rig_vm.start;
	fire = lapic_deadline(&rig_cpu.lapic);
	monitor_ends();
	setup(NULL);
	assert_int_not_equal(in(0x21), 0xfa);
	assert_null(resume_read(&rig_vm, &old));
	assert_int_equal(in(0x21), 0xfa);
	assert_memory_equal(&rig_vm.board.pic.s[0], &pic, sizeof(pic));
	out(0x70, 0x0f);
	assert_int_equal(in(0x71), 0x55);
	assert_int_equal(in(0x3ff), 0x77);
	assert_int_equal(in(0x3f9), 0x01);
	assert_int_equal(in(0x80), 0x99);
	assert_int_equal(in(0x92), 0x02);
	assert_memory_equal(&rig_cpu.lapic.s, &lapic, sizeof(lapic));
	assert_int_equal(lapic_deadline(&rig_cpu.lapic), fire);
	assert_int_equal(lapic_pending(&rig_cpu.lapic), 0x45);
	assert_int_equal(rig_cpu.s.halted, 1);
	assert_int_equal(rig_cpu.msr.slot[MSR_SLOT_MISC_ENABLE], 0x1234);
	assert_memory_equal(&rig_vm.start, &begin, sizeof(begin));
	assert_true(rig_page.dirty & TV_REGS_TSC);
}

static void timers_go_on_where_they_were(void **state)
{
	(void)state;
	devices_are_used();
	monitor_ends();
	setup(NULL);
	fake_now += RIG_HZ / 1000 * 5;			/* the gap */
	assert_null(resume_read(&rig_vm, &old));
	vcpu_timers_run(&rig_cpu, fake_now);
	assert_int_equal(lapic_highest_irr(&rig_cpu.lapic), 0xee);	/* once, however many periods it was */
	assert_true(lapic_deadline(&rig_cpu.lapic) > fake_now);
	assert_true(irqchip_pic_intr(&rig_vm.board.chip));		/* the PIT's, through the PIC */
}

static void an_interrupt_is_neither_lost_nor_taken_twice(void **state)
{
	struct lapic *l = &rig_cpu.lapic;

	(void)state;
	lapic_mmio_write(l, 0x300, 4, 0x40045);
	rig_page.inject = TV_EVENT(TV_EVENT_EXTINT, 0x45);	/* and there the old monitor ended */
	inject_resume(&rig_cpu);
	assert_int_equal(lapic_pending(l), -1);
	lapic_mmio_write(l, 0x300, 4, 0x40045);			/* once more, while it is in service */
	inject_resume(&rig_cpu);
	assert_int_equal(lapic_highest_irr(l), 0x45);
}

static void a_record_that_is_not_one_is_refused(void **state)
{
	(void)state;
	monitor_ends();
	record.magic++;
	assert_non_null(resume_read(&rig_vm, &old));
	record.magic--;
	record.count++;
	assert_non_null(resume_read(&rig_vm, &old));
	record.count = UINT32_MAX;
	assert_non_null(resume_read(&rig_vm, &old));
	monitor_ends();
	record.entry[3].addr = OLD_ADDR - 8;
	assert_non_null(resume_read(&rig_vm, &old));
	record.entry[3].addr = OLD_ADDR + OLD_SIZE - record.entry[3].size + 1;
	assert_non_null(resume_read(&rig_vm, &old));
	record.entry[3].addr = UINT64_MAX - 3;
	assert_non_null(resume_read(&rig_vm, &old));
	monitor_ends();
	record.entry[3].size--;
	assert_non_null(resume_read(&rig_vm, &old));
	monitor_ends();
	record.entry[3] = record.entry[4];		/* one twice, one missing */
	assert_non_null(resume_read(&rig_vm, &old));
	monitor_ends();
	record.entry[3].version++;
	assert_non_null(resume_read(&rig_vm, &old));
	monitor_ends();
	assert_null(resume_read(&rig_vm, &old));
}

/* Whatever was accepted: the devices still work in the sense that nothing goes wrong in here. */
static void poke(void)
{
	for (unsigned port = 0x20; port < 0x640; port++)
		(void)in((uint16_t)port);
	out(0x20, 0x20);
	out(0x43, 0x00);
	out(0x3f8, 'x');
	for (unsigned i = 0; i < 4; i++) {
		fake_now += RIG_HZ / 100;
		vcpu_timers_run(&rig_cpu, fake_now);
		(void)lapic_pending(&rig_cpu.lapic);
		(void)lapic_mmio_read(&rig_cpu.lapic, 0x390, 4);
		(void)inject_prepare(&rig_cpu);
		rig_page.inject = 0;
	}
}

static void no_record_does_harm(void **state)
{
	static uint8_t good[OLD_SIZE];
	uint64_t then = fake_now;
	unsigned accepted = 0;

	(void)state;
	srand(1);
	devices_are_used();
	monitor_ends();
	memcpy(good, memory, sizeof(good));
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct record_entry *e = &record.entry[(unsigned)rand() % record.count];
		unsigned changes = 1 + (unsigned)rand() % 8;

		fake_now = then;
		memcpy(memory, good, sizeof(good));
		while (changes--)
			memory[e->addr - OLD_ADDR + (unsigned)rand() % e->size] = (uint8_t)(rand() % 3 ? rand() : rand() % 2 ? 0 : 0xff);
		if (resume_read(&rig_vm, &old))
			continue;
		accepted++;
		poke();
		rig_vm.stop = VM_RUNNING;
	}
	assert_true(accepted > ROUNDS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_machine_comes_back_as_it_was, setup),
		cmocka_unit_test_setup(timers_go_on_where_they_were, setup),
		cmocka_unit_test_setup(an_interrupt_is_neither_lost_nor_taken_twice, setup),
		cmocka_unit_test_setup(a_record_that_is_not_one_is_refused, setup),
		cmocka_unit_test_setup(no_record_does_harm, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
