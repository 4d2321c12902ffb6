/* SPDX-License-Identifier: Apache-2.0 */
/* I/O APIC, with the local APICs behind it. */
/* sources: vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/lapic_ipi.c vmm/irqchip.c vmm/dev/pic.c vmm/timer.c tests/fake/dev_fake.c */
#include <dev/ioapic.h>
#include <dev/lapic.h>
#include <dev/pic.h>
#include <dev_fake.h>

#define CPUS 2

enum { LEVEL = 1 << 15, MASKED = 1 << 16, LOGICAL = 1 << 11, REMOTE_IRR = 1 << 14, LOW = 1 << 13 };
enum { PIN = 14, VECTOR = 0x55 };

static struct vm vm;
static struct irqchip chip;
static struct pic pic;
static struct ioapic io;
static struct lapic cpu[CPUS];
static struct vcpu vcpu[CPUS];

static uint32_t reg_read(uint8_t reg)
{
	ioapic_ops.write(&io, 0x00, 4, reg);
	return (uint32_t)ioapic_ops.read(&io, 0x10, 4);
}

static void reg_write(uint8_t reg, uint32_t val)
{
	ioapic_ops.write(&io, 0x00, 4, reg);
	ioapic_ops.write(&io, 0x10, 4, val);
}

static void program(unsigned pin, uint32_t low, uint8_t dest)
{
	reg_write((uint8_t)(0x11 + 2 * pin), (uint32_t)dest << 24);
	reg_write((uint8_t)(0x10 + 2 * pin), low);
}

static uint32_t entry(unsigned pin)
{
	return reg_read((uint8_t)(0x10 + 2 * pin));
}

static void eoi(struct lapic *l)
{
	lapic_mmio_write(l, 0xb0, 4, 0);
}

/* The vCPU takes what is pending; the vector, or -1. */
static int take(struct lapic *l)
{
	int v = lapic_pending(l);

	if (v >= 0)
		lapic_accept(l, v);
	return v;
}

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	irqchip_init(&chip, &vm, &pic, &io);
	ioapic_init(&io, &chip, 5);
	pic_init(&pic, &chip);
	for (unsigned i = 0; i < CPUS; i++) {
		struct lapic_config cfg = {
			.id = i, .bsp = i == 0, .x2apic = true, .directed_eoi = true, .phys_bits = 40, .tsc_hz = FAKE_HZ,
		};

		assert_true(lapic_init(&cpu[i], &chip, &vcpu[i], &cfg));
		lapic_mmio_write(&cpu[i], 0xf0, 4, 0x1ff);
	}
	return 0;
}

static void identification_registers(void **state)
{
	(void)state;
	assert_int_equal(reg_read(0), 5u << 24);
	assert_int_equal(reg_read(1), 0x00170020);
	reg_write(1, 0xffffffff);
	assert_int_equal(reg_read(1), 0x00170020);
	reg_write(0, 0xffffffff);
	assert_int_equal(reg_read(0), 0x0f000000);
	assert_int_equal(reg_read(2), 0x0f000000);	/* arbitration ID follows */
	reg_write(2, 0);
	assert_int_equal(reg_read(2), 0x0f000000);
}

static void entries_start_masked_and_keep_only_defined_bits(void **state)
{
	(void)state;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		assert_int_equal(entry(pin), MASKED);
		program(pin, 0xffffffff, 0xff);
		assert_int_equal(entry(pin), 0x0001afff);
		assert_int_equal(reg_read((uint8_t)(0x11 + 2 * pin)), 0xff000000);
	}
}

static void registers_that_do_not_exist_read_zero(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 256; reg++) {
		if (reg > 2 && (reg < 0x10 || reg >= 0x40)) {
			reg_write((uint8_t)reg, 0xffffffff);
			assert_int_equal(reg_read((uint8_t)reg), 0);
		}
	}
	assert_true(ioapic_ops.read(&io, 0x11, 4) == UINT64_MAX);
	assert_int_equal(ioapic_ops.read(&io, 0x30, 4), 0);
	ioapic_ops.write(&io, 0x12, 2, 0xffff);
	ioapic_ops.write(&io, 0xffc, 4, 0xffff);
}

static void an_edge_sends_once_per_rise(void **state)
{
	(void)state;
	program(PIN, VECTOR, 1);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[1]), VECTOR);
	assert_int_equal(take(&cpu[0]), -1);
	eoi(&cpu[1]);
	ioapic_line_set(&io, PIN, true);		/* still high: no new edge */
	assert_int_equal(take(&cpu[1]), -1);
	ioapic_line_set(&io, PIN, false);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[1]), VECTOR);
	assert_int_equal(entry(PIN) & REMOTE_IRR, 0);
	assert_int_equal(vm.locks, 0);			/* the EOI of an edge concerns nobody */
}

static void an_edge_while_masked_is_lost(void **state)
{
	(void)state;
	program(PIN, VECTOR | MASKED, 0);
	ioapic_line_set(&io, PIN, true);
	program(PIN, VECTOR, 0);			/* unmasking with the line high is no edge */
	assert_int_equal(take(&cpu[0]), -1);
	ioapic_line_set(&io, PIN, false);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[0]), VECTOR);
}

static void a_level_sends_again_after_eoi_while_the_line_is_high(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(entry(PIN) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(take(&cpu[0]), VECTOR);
	assert_int_equal(take(&cpu[0]), -1);		/* not while it is in service */
	eoi(&cpu[0]);
	assert_int_equal(vm.locks, 1);
	assert_int_equal(take(&cpu[0]), VECTOR);
	ioapic_line_set(&io, PIN, false);
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), -1);
	assert_int_equal(entry(PIN) & REMOTE_IRR, 0);
}

static void a_level_while_masked_is_sent_on_unmasking(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL | MASKED, 0);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[0]), -1);
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL);
	assert_int_equal(take(&cpu[0]), VECTOR);
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL | MASKED);
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), -1);		/* masked: not retriggered ... */
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL);
	assert_int_equal(take(&cpu[0]), VECTOR);	/* ... until it is open again */
}

static void making_an_entry_edge_triggered_clears_remote_irr(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, PIN, true);
	reg_write(0x10 + 2 * PIN, VECTOR | MASKED);
	assert_int_equal(entry(PIN) & REMOTE_IRR, 0);
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL | REMOTE_IRR);		/* and it cannot be written */
	ioapic_line_set(&io, PIN, false);
	ioapic_eoi(&io, VECTOR);
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL | REMOTE_IRR);
	assert_int_equal(entry(PIN) & REMOTE_IRR, 0);
}

static void an_eoi_after_the_vector_was_changed_still_ends_the_interrupt(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[0]), VECTOR);
	reg_write(0x10 + 2 * PIN, 0x66 | LEVEL);
	assert_true(ioapic_wants_eoi(&io, VECTOR));
	assert_true(ioapic_wants_eoi(&io, 0x66));
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), 0x66);
	assert_false(ioapic_wants_eoi(&io, VECTOR));
}

static void a_vector_delivered_as_edge_is_not_broadcast_after_a_change_to_level(void **state)
{
	(void)state;
	program(PIN, VECTOR, 0);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[0]), VECTOR);
	reg_write(0x10 + 2 * PIN, VECTOR | LEVEL);	/* the line is high: sent again, as level now */
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), VECTOR);
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), VECTOR);
}

static void with_directed_eoi_only_the_eoi_register_ends_a_level_interrupt(void **state)
{
	(void)state;
	lapic_mmio_write(&cpu[0], 0xf0, 4, 0x11ff);
	program(PIN, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(take(&cpu[0]), VECTOR);
	eoi(&cpu[0]);
	assert_int_equal(entry(PIN) & REMOTE_IRR, REMOTE_IRR);
	assert_int_equal(take(&cpu[0]), -1);
	ioapic_ops.write(&io, 0x40, 4, VECTOR);
	assert_int_equal(take(&cpu[0]), VECTOR);
}

static void pins_that_share_a_vector_are_ended_together(void **state)
{
	(void)state;
	program(10, VECTOR | LEVEL, 0);
	program(11, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, 10, true);
	ioapic_line_set(&io, 11, true);
	assert_int_equal(take(&cpu[0]), VECTOR);
	ioapic_line_set(&io, 10, false);
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), VECTOR);	/* pin 11 */
	assert_int_equal(entry(10) & REMOTE_IRR, 0);
	assert_int_equal(entry(11) & REMOTE_IRR, REMOTE_IRR);
}

static void an_interrupt_that_nobody_takes_leaves_no_remote_irr(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL, 9);
	ioapic_line_set(&io, PIN, true);
	assert_int_equal(entry(PIN) & REMOTE_IRR, 0);
	reg_write(0x11 + 2 * PIN, 1u << 24);		/* a destination that exists */
	assert_int_equal(take(&cpu[1]), VECTOR);
	program(13, 0x05 | LEVEL, 0);			/* a vector that cannot be delivered */
	ioapic_line_set(&io, 13, true);
	assert_int_equal(entry(13) & REMOTE_IRR, 0);
}

static void logical_and_lowest_priority_destinations(void **state)
{
	(void)state;
	lapic_mmio_write(&cpu[0], 0xd0, 4, 0x01000000);
	lapic_mmio_write(&cpu[1], 0xd0, 4, 0x02000000);
	program(3, 0x60 | LOGICAL, 3);
	program(4, 0x61 | LOGICAL | APIC_LOWEST << 8, 3);
	lapic_mmio_write(&cpu[0], 0x80, 4, 0x10);
	ioapic_line_set(&io, 4, true);
	assert_int_equal(take(&cpu[0]), -1);
	assert_int_equal(take(&cpu[1]), 0x61);
	eoi(&cpu[1]);
	ioapic_line_set(&io, 3, true);
	assert_int_equal(take(&cpu[0]), 0x60);
	assert_int_equal(take(&cpu[1]), 0x60);
}

static void other_delivery_modes_are_events(void **state)
{
	(void)state;
	program(3, APIC_NMI << 8, 1);
	ioapic_line_set(&io, 3, true);
	assert_int_equal(lapic_events_take(&cpu[1], ~0u), LAPIC_EV_NMI);
	program(3, APIC_INIT << 8 | LEVEL, 1);		/* always edge, whatever the entry says */
	ioapic_line_set(&io, 3, false);
	ioapic_line_set(&io, 3, true);
	assert_int_equal(lapic_events_take(&cpu[1], ~0u), LAPIC_EV_INIT);
	assert_int_equal(entry(3) & REMOTE_IRR, 0);
	program(3, 3 << 8, 1);				/* reserved */
	ioapic_line_set(&io, 3, false);
	ioapic_line_set(&io, 3, true);
	assert_int_equal(lapic_events(&cpu[1]), 0);
}

static void lines_reach_both_controllers_with_the_pit_on_gsi_2(void **state)
{
	(void)state;
	program(2, 0x30, 0);
	program(0, 0x31, 0);
	pic_master_ops.write(&pic, 1, 1, 0x00);
	irq_line_set(&chip, GSI_PIT, true);
	assert_int_equal(pic.s[0].irr, 1);
	assert_int_equal(take(&cpu[0]), 0x31);		/* pin 0: the PIC's output */
	eoi(&cpu[0]);
	assert_int_equal(take(&cpu[0]), 0x30);
	irq_line_set(&chip, 0, true);			/* no such line */
	irq_line_set(&chip, 24, true);
	irq_line_set(&chip, UINT32_MAX, true);
	irq_line_set(&chip, 16, true);			/* IOAPIC only */
	assert_int_equal(pic.s[0].irr | pic.s[1].irr, 1);
}

static void reset_masks_everything_and_forgets_what_is_in_service(void **state)
{
	(void)state;
	program(PIN, VECTOR | LEVEL, 0);
	ioapic_line_set(&io, PIN, true);
	ioapic_reset(&io);
	assert_int_equal(entry(PIN), MASKED);
	assert_false(ioapic_wants_eoi(&io, VECTOR));
	program(PIN, VECTOR | LEVEL, 0);		/* the line is still high */
	assert_int_equal(take(&cpu[0]), VECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(identification_registers, setup),
		cmocka_unit_test_setup(entries_start_masked_and_keep_only_defined_bits, setup),
		cmocka_unit_test_setup(registers_that_do_not_exist_read_zero, setup),
		cmocka_unit_test_setup(an_edge_sends_once_per_rise, setup),
		cmocka_unit_test_setup(an_edge_while_masked_is_lost, setup),
		cmocka_unit_test_setup(a_level_sends_again_after_eoi_while_the_line_is_high, setup),
		cmocka_unit_test_setup(a_level_while_masked_is_sent_on_unmasking, setup),
		cmocka_unit_test_setup(making_an_entry_edge_triggered_clears_remote_irr, setup),
		cmocka_unit_test_setup(an_eoi_after_the_vector_was_changed_still_ends_the_interrupt, setup),
		cmocka_unit_test_setup(a_vector_delivered_as_edge_is_not_broadcast_after_a_change_to_level, setup),
		cmocka_unit_test_setup(with_directed_eoi_only_the_eoi_register_ends_a_level_interrupt, setup),
		cmocka_unit_test_setup(pins_that_share_a_vector_are_ended_together, setup),
		cmocka_unit_test_setup(an_interrupt_that_nobody_takes_leaves_no_remote_irr, setup),
		cmocka_unit_test_setup(logical_and_lowest_priority_destinations, setup),
		cmocka_unit_test_setup(other_delivery_modes_are_events, setup),
		cmocka_unit_test_setup(lines_reach_both_controllers_with_the_pit_on_gsi_2, setup),
		cmocka_unit_test_setup(reset_masks_everything_and_forgets_what_is_in_service, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
