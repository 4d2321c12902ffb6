/* SPDX-License-Identifier: Apache-2.0 */
/* All devices together: the address map, and interrupts on their whole way from a device to a CPU. */
/* sources: vmm/dev/board.c vmm/dev/hpet.c vmm/dev/i8042.c vmm/dev/ioapic.c vmm/dev/lapic.c vmm/dev/lapic_ipi.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/misc.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/dev/pic.c vmm/dev/pit.c vmm/dev/pm.c vmm/dev/rtc.c vmm/dev/uart.c vmm/bus.c vmm/irqchip.c vmm/timer.c tests/fake/dev_fake.c */
#include <dev/board.h>
#include <dev/lapic.h>
#include <dev_fake.h>

static struct vm vm;
static struct board board;
static struct lapic cpu;
static struct vcpu vcpu;

static int setup(void **state)
{
	struct board_config cfg = { .tsc_hz = FAKE_HZ, .unix_time = 1700000000, .ram_below_4g = 2 * GIB, .ioapic_id = 1 };
	struct lapic_config apic = { .bsp = true, .x2apic = true, .tsc_deadline = true, .phys_bits = 40, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	assert_true(board_init(&board, &vm, &cfg));
	assert_true(lapic_init(&cpu, &board.chip, &vcpu, &apic));
	return 0;
}

static void outb(unsigned port, uint8_t val)
{
	bus_write(&board.pio, port, 1, val);
}

static uint8_t inb(unsigned port)
{
	return (uint8_t)bus_read(&board.pio, port, 1);
}

static void ioapic_entry(unsigned pin, uint32_t low)
{
	bus_write(&board.mmio, IOAPIC_BASE, 4, 0x10 + 2 * pin);
	bus_write(&board.mmio, IOAPIC_BASE + 0x10, 4, low);
}

static void pic_init_vectors(void)
{
	static const struct { uint16_t port; uint8_t val; } icw[] = {
		{ 0x20, 0x11 }, { 0x21, 0x30 }, { 0x21, 4 }, { 0x21, 1 }, { 0xa0, 0x11 }, { 0xa1, 0x38 }, { 0xa1, 2 }, { 0xa1, 1 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(icw); i++)
		outb(icw[i].port, icw[i].val);
}

static void pass(uint64_t tsc)
{
	uint64_t end = fake_now + tsc;

	while (timer_queue_next(&board.timers) <= end) {
		fake_now = max_u64(fake_now, timer_queue_next(&board.timers));
		timer_queue_run(&board.timers, fake_now);
	}
	fake_now = end;
}

static void every_device_answers_at_its_ports(void **state)
{
	static const uint16_t claimed[] = {
		0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x73, 0x80, 0x8f, 0x92, 0xa0, 0xa1, 0xb2, 0xb3, 0x2f8, 0x2ff, 0x3f8,
		0x3ff, 0x4d0, 0x4d1, 0x600, 0x63f, 0xcf8, 0xcff,
	};
	static const uint16_t free_ports[] = { 0x1f, 0x22, 0x44, 0x62, 0x90, 0x1f0, 0x3f7, 0x400, 0x4d2, 0x5ff, 0x640, 0xcf7, 0xd00, 0xffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(claimed); i++)
		inb(claimed[i]);
	assert_int_equal(board.pio.unclaimed, 0);
	for (unsigned i = 0; i < ARRAY_LEN(free_ports); i++)
		assert_int_equal(inb(free_ports[i]), 0xff);
	assert_int_equal(board.pio.unclaimed, ARRAY_LEN(free_ports));
	assert_int_equal(vm.unclaimed, ARRAY_LEN(free_ports));
}

static void the_local_apic_page_is_not_on_the_bus(void **state)
{
	(void)state;
	assert_int_equal(bus_read(&board.mmio, LAPIC_DEFAULT_BASE + 0x30, 4), 0xffffffff);
	assert_int_equal(vm.unclaimed, 1);
}

static void a_tick_reaches_the_cpu_through_pic_and_lint0(void **state)
{
	(void)state;
	lapic_virtual_wire(&cpu);
	pic_init_vectors();
	outb(0x21, 0xfe);
	outb(0x43, 0x34);
	outb(0x40, 0xa9);			/* 4 ms */
	outb(0x40, 0x12);
	outb(0x20, 0x20);
	if (lapic_extint(&cpu)) {		/* the edge from setting the mode */
		irqchip_inta(&board.chip);
		outb(0x20, 0x20);
	}
	vcpu.notified = 0;
	pass(FAKE_MS(5));
	assert_true(vcpu.notified > 0);
	assert_true(lapic_has_work(&cpu));
	assert_int_equal(irqchip_inta(&board.chip), 0x30);
	assert_false(lapic_has_work(&cpu));
}

static void a_tick_reaches_the_cpu_through_the_ioapic(void **state)
{
	unsigned ticks = 0;

	(void)state;
	lapic_mmio_write(&cpu, 0xf0, 4, 0x1ff);
	outb(0x21, 0xff);
	ioapic_entry(2, 0x40);
	outb(0x43, 0x34);
	outb(0x40, 0xa9);
	outb(0x40, 0x12);
	for (unsigned ms = 0; ms < 1000; ms++) {
		pass(FAKE_MS(1));
		if (lapic_pending(&cpu) == 0x40) {
			lapic_accept(&cpu, 0x40);
			lapic_mmio_write(&cpu, 0xb0, 4, 0);
			ticks++;
		}
	}
	assert_in_range(ticks, 249, 251);
	assert_int_equal(vm.locks, 0);
}

static void a_byte_from_outside_interrupts_and_is_read(void **state)
{
	(void)state;
	lapic_mmio_write(&cpu, 0xf0, 4, 0x1ff);
	ioapic_entry(4, 0x44);
	outb(0x3fa, 0x01);
	outb(0x3fc, 0x0b);
	outb(0x3f9, 0x01);
	assert_true(uart_rx(&board.com[0], 'x'));
	assert_int_equal(lapic_pending(&cpu), 0x44);
	assert_int_equal(inb(0x3f8), 'x');
	outb(0x3f8, 'y');
	assert_int_equal(vm.tx[0], 'y');
}

static void the_sci_is_a_level_that_ends_with_its_status(void **state)
{
	(void)state;
	lapic_mmio_write(&cpu, 0xf0, 4, 0x1ff);
	ioapic_entry(9, 0x49 | 1 << 15);
	bus_write(&board.pio, PM_BASE + 2, 2, 0x100);
	pm_power_button(&board.pm);
	for (unsigned i = 0; i < 3; i++) {	/* again and again until the status is cleared */
		assert_int_equal(lapic_pending(&cpu), 0x49);
		lapic_accept(&cpu, 0x49);
		if (i == 2)
			bus_write(&board.pio, PM_BASE, 2, 0x100);
		lapic_mmio_write(&cpu, 0xb0, 4, 0);
	}
	assert_int_equal(lapic_pending(&cpu), -1);
}

static void wide_accesses_to_byte_devices_are_split(void **state)
{
	(void)state;
	bus_write(&board.pio, 0x70, 2, 0x5510);		/* index and data in one */
	outb(0x70, 0x10);
	assert_int_equal(inb(0x71), 0x55);
	assert_int_equal(bus_read(&board.pio, 0x20, 2), 0xff00);
	bus_read(&board.pio, 0x3fc, 8);			/* out of COM1 into nothing */
	bus_write(&board.pio, 0x3fe, 4, 0);
}

static void a_reset_brings_the_board_back_and_no_line_stays_up(void **state)
{
	(void)state;
	pic_init_vectors();
	outb(0x21, 0);
	outb(0xa1, 0);
	outb(0x43, 0x34);
	outb(0x40, 0xa9);
	outb(0x40, 0x12);
	outb(0x70, 0x0b);
	outb(0x71, 0x12);
	outb(0x3fc, 0x0b);
	outb(0x3f9, 0x02);
	bus_write(&board.pio, PM_BASE + 2, 2, 0x100);
	pm_power_button(&board.pm);
	pass(FAKE_MS(1500));
	assert_true(irqchip_pic_intr(&board.chip));
	board_reset(&board);
	assert_false(irqchip_pic_intr(&board.chip));
	assert_int_equal(board.pic.s[0].lines | board.pic.s[1].lines, 0);
	assert_int_equal(board.ioapic.s.lines, 0);
	assert_true(timer_queue_next(&board.timers) == TIMER_NEVER);
	assert_int_equal(inb(0x21), 0xff);
	outb(0x70, 0x00);
	assert_int_equal(inb(0x71), 0x21);		/* the time goes on: 22:13:21 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_device_answers_at_its_ports, setup),
		cmocka_unit_test_setup(the_local_apic_page_is_not_on_the_bus, setup),
		cmocka_unit_test_setup(a_tick_reaches_the_cpu_through_pic_and_lint0, setup),
		cmocka_unit_test_setup(a_tick_reaches_the_cpu_through_the_ioapic, setup),
		cmocka_unit_test_setup(a_byte_from_outside_interrupts_and_is_read, setup),
		cmocka_unit_test_setup(the_sci_is_a_level_that_ends_with_its_status, setup),
		cmocka_unit_test_setup(wide_accesses_to_byte_devices_are_split, setup),
		cmocka_unit_test_setup(a_reset_brings_the_board_back_and_no_line_stays_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
