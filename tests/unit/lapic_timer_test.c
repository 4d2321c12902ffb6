/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC timer: one-shot, periodic, TSC-deadline, and the changes between them. */
/* sources: vmm/dev/lapic.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/lapic_ipi.c vmm/irqchip.c vmm/dev/ioapic.c vmm/dev/pic.c vmm/timer.c tests/fake/dev_fake.c */
#include <dev/lapic.h>
#include <dev/ioapic.h>
#include <dev/pic.h>
#include <dev_fake.h>

enum { EOI = 0xb0, SVR = 0xf0, LVT_TMR = 0x320, INITIAL = 0x380, COUNT = 0x390, DIVIDE = 0x3e0 };
enum { PERIODIC = 0x20000, DEADLINE = 0x40000, MASKED = 0x10000, BY_1 = 0xb, VECTOR = 0xec };

#define TICK (FAKE_HZ / LAPIC_BUS_HZ)	/* TSC ticks per bus tick */

static struct vm vm;
static struct irqchip chip;
static struct pic pic;
static struct ioapic ioapic;
static struct lapic apic;
static struct vcpu vcpu;

static uint32_t rd(uint64_t off)
{
	return (uint32_t)lapic_mmio_read(&apic, off, 4);
}

static void wr(uint64_t off, uint32_t val)
{
	lapic_mmio_write(&apic, off, 4, val);
}

static int setup(void **state)
{
	struct lapic_config cfg = { .bsp = true, .x2apic = true, .tsc_deadline = true, .phys_bits = 40, .tsc_hz = FAKE_HZ };

	(void)state;
	fake_reset(&vm);
	irqchip_init(&chip, &vm, &pic, &ioapic);
	ioapic_init(&ioapic, &chip, 0);
	pic_init(&pic, &chip);
	assert_true(lapic_init(&apic, &chip, &vcpu, &cfg));
	wr(SVR, 0x1ff);
	wr(DIVIDE, BY_1);
	return 0;
}

/* Let @ticks of the bus pass, as the vCPU's thread sees it: woken at each deadline.  Returns the timer interrupts. */
static unsigned pass(uint64_t ticks)
{
	uint64_t end = fake_now + ticks * TICK;
	unsigned n = 0;

	for (;;) {
		fake_now = max_u64(fake_now, min_u64(lapic_deadline(&apic), end));
		lapic_timer_run(&apic, fake_now);
		if (lapic_pending(&apic) == VECTOR) {
			n++;
			lapic_accept(&apic, VECTOR);
			wr(EOI, 0);
		}
		if (fake_now == end)
			return n;
	}
}

static void nothing_is_armed_after_reset(void **state)
{
	(void)state;
	assert_true(lapic_deadline(&apic) == TIMER_NEVER);
	assert_int_equal(rd(COUNT), 0);
	lapic_timer_run(&apic, UINT64_MAX - 1);
	assert_int_equal(lapic_pending(&apic), -1);
}

static void one_shot_fires_once_when_the_count_ends(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	wr(INITIAL, 1000);
	assert_int_equal(rd(COUNT), 1000);
	assert_int_equal(pass(400), 0);
	assert_int_equal(rd(COUNT), 600);
	assert_int_equal(pass(599), 0);
	assert_int_equal(rd(COUNT), 1);
	assert_int_equal(pass(1), 1);
	assert_int_equal(rd(COUNT), 0);
	assert_int_equal(rd(INITIAL), 1000);
	assert_int_equal(pass(5000), 0);
}

static void every_divisor_scales_the_count(void **state)
{
	static const struct { uint32_t code, by; } rows[] = {
		{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 },
	};

	(void)state;
	wr(LVT_TMR, VECTOR);
	for (unsigned i = 0; i < 8; i++) {
		wr(DIVIDE, rows[i].code);
		wr(INITIAL, 1000);
		assert_int_equal(pass(500 * rows[i].by), 0);
		assert_int_equal(rd(COUNT), 500);
		assert_int_equal(pass(500 * rows[i].by), 1);
	}
}

static void periodic_does_not_drift(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 100003);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(pass(100003), 1);
	assert_int_equal(rd(COUNT), 100003);
	assert_int_equal(pass(100002), 0);
	assert_int_equal(rd(COUNT), 1);
}

static void a_late_periodic_timer_gives_one_interrupt_and_keeps_its_phase(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 100000);
	fake_now += TICK * 100000 * 57 + TICK * 30000;
	assert_int_equal(rd(COUNT), 70000);		/* also before it was processed */
	assert_int_equal(pass(0), 1);
	assert_int_equal(rd(COUNT), 70000);
	assert_int_equal(pass(69999), 0);
	assert_int_equal(pass(1), 1);
}

static void a_tiny_period_cannot_storm(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 1);
	assert_in_range(pass(1000000), 1, 51);		/* 1 ms at a distance of at least 20 us */
	assert_int_equal(rd(COUNT), 1);
	wr(LVT_TMR, VECTOR);				/* one-shot: ends at once, and that is all */
	assert_in_range(pass(1000000), 0, 1);
	assert_int_equal(pass(1000000), 0);
}

static void initial_count_zero_stops(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 50000);
	wr(INITIAL, 0);
	assert_true(lapic_deadline(&apic) == TIMER_NEVER);
	assert_int_equal(rd(COUNT), 0);
	assert_int_equal(pass(1000000), 0);
}

static void from_one_shot_to_periodic_the_count_goes_on(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	wr(INITIAL, 100000);
	assert_int_equal(pass(60000), 0);
	wr(LVT_TMR, VECTOR | PERIODIC);
	assert_int_equal(rd(INITIAL), 100000);
	assert_int_equal(rd(COUNT), 40000);
	assert_int_equal(pass(40000), 1);
	assert_int_equal(rd(COUNT), 100000);
	assert_int_equal(pass(60000), 0);
	wr(LVT_TMR, VECTOR);				/* and back */
	assert_int_equal(rd(COUNT), 40000);
	assert_int_equal(pass(40000), 1);
	assert_int_equal(rd(COUNT), 0);
	wr(LVT_TMR, VECTOR | PERIODIC);			/* an ended count stays at zero */
	assert_int_equal(rd(COUNT), 0);
	assert_int_equal(pass(1000000), 0);
}

static void a_masked_timer_counts_without_interrupting(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC | MASKED);
	wr(INITIAL, 50000);
	assert_int_equal(pass(75000), 0);
	assert_int_equal(rd(COUNT), 25000);
	wr(LVT_TMR, VECTOR | PERIODIC);
	assert_int_equal(rd(COUNT), 25000);
	assert_int_equal(pass(25000), 1);
}

static void a_new_divisor_holds_for_the_rest_of_the_count(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	wr(INITIAL, 1000);
	assert_int_equal(pass(400), 0);
	wr(DIVIDE, 3);
	assert_int_equal(rd(COUNT), 600);
	assert_int_equal(pass(600 * 16 - 1), 0);
	assert_int_equal(pass(1), 1);
}

static void the_deadline_fires_when_the_guest_tsc_reaches_it(void **state)
{
	(void)state;
	lapic_set_tsc_offset(&apic, (uint64_t)-1000000);
	wr(LVT_TMR, VECTOR | DEADLINE);
	lapic_tsc_deadline_write(&apic, fake_now - 1000000 + 5000);
	assert_int_equal(lapic_deadline(&apic), fake_now + 5000);
	assert_int_equal(lapic_tsc_deadline_read(&apic), fake_now - 1000000 + 5000);
	assert_int_equal(pass(2499), 0);
	assert_int_equal(pass(1), 1);
	assert_int_equal(lapic_tsc_deadline_read(&apic), 0);
	assert_int_equal(pass(100000), 0);
}

static void a_deadline_in_the_past_fires_at_once_and_zero_disarms(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | DEADLINE);
	lapic_tsc_deadline_write(&apic, 1);
	assert_int_equal(pass(0), 1);
	lapic_tsc_deadline_write(&apic, fake_now + 5000);
	lapic_tsc_deadline_write(&apic, 0);
	assert_int_equal(pass(100000), 0);
	lapic_tsc_deadline_write(&apic, UINT64_MAX);
	assert_int_equal(pass(100000), 0);
	assert_true(lapic_tsc_deadline_read(&apic) == UINT64_MAX);
}

static void a_moved_tsc_moves_the_deadline(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | DEADLINE);
	lapic_tsc_deadline_write(&apic, fake_now + 100000);
	lapic_set_tsc_offset(&apic, 60000);
	assert_int_equal(lapic_deadline(&apic), fake_now + 40000);
	lapic_set_tsc_offset(&apic, 200000);
	assert_int_equal(pass(0), 1);
}

static void outside_deadline_mode_the_msr_reads_zero_and_ignores_writes(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	lapic_tsc_deadline_write(&apic, fake_now + 100);
	assert_int_equal(lapic_tsc_deadline_read(&apic), 0);
	assert_int_equal(pass(1000), 0);
}

static void in_deadline_mode_the_count_registers_are_dead(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | DEADLINE);
	wr(INITIAL, 1000);
	assert_int_equal(rd(COUNT), 0);
	assert_int_equal(pass(10000), 0);
}

static void changing_to_or_from_deadline_mode_disarms(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	wr(INITIAL, 1000);
	wr(LVT_TMR, VECTOR | DEADLINE);
	assert_int_equal(pass(10000), 0);
	lapic_tsc_deadline_write(&apic, fake_now + 1000);
	wr(LVT_TMR, VECTOR | PERIODIC);
	assert_int_equal(pass(10000), 0);
	assert_int_equal(lapic_tsc_deadline_read(&apic), 0);
	wr(INITIAL, 100000);
	wr(LVT_TMR, VECTOR | PERIODIC | DEADLINE);	/* the reserved mode never fires */
	assert_int_equal(pass(1000000), 0);
	wr(INITIAL, 1000);
	lapic_tsc_deadline_write(&apic, 1);
	assert_int_equal(pass(1000000), 0);
}

static void rewriting_the_same_mode_does_not_disarm(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | DEADLINE);
	lapic_tsc_deadline_write(&apic, fake_now + 2000);
	wr(LVT_TMR, VECTOR | DEADLINE);
	assert_int_equal(pass(1000), 1);
}

static void an_expiry_before_a_mode_change_still_interrupts(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR);
	wr(INITIAL, 1000);
	fake_now += 5000 * TICK;
	wr(LVT_TMR, VECTOR | DEADLINE);
	assert_int_equal(lapic_pending(&apic), VECTOR);
}

static void an_illegal_timer_vector_is_an_error(void **state)
{
	(void)state;
	wr(LVT_TMR, 0x0f);
	wr(INITIAL, 10);
	pass(10);
	assert_int_equal(lapic_highest_irr(&apic), -1);
	wr(0x280, 0);
	assert_int_equal(rd(0x280), 0x40);
}

static void software_disable_masks_but_does_not_stop(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 50000);
	wr(SVR, 0xff);
	assert_int_equal(pass(75000), 0);
	assert_int_equal(rd(COUNT), 25000);
}

static void reset_disarms(void **state)
{
	(void)state;
	wr(LVT_TMR, VECTOR | PERIODIC);
	wr(INITIAL, 50000);
	lapic_reset(&apic, true);
	assert_true(lapic_deadline(&apic) == TIMER_NEVER);
	assert_int_equal(rd(INITIAL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_armed_after_reset, setup),
		cmocka_unit_test_setup(one_shot_fires_once_when_the_count_ends, setup),
		cmocka_unit_test_setup(every_divisor_scales_the_count, setup),
		cmocka_unit_test_setup(periodic_does_not_drift, setup),
		cmocka_unit_test_setup(a_late_periodic_timer_gives_one_interrupt_and_keeps_its_phase, setup),
		cmocka_unit_test_setup(a_tiny_period_cannot_storm, setup),
		cmocka_unit_test_setup(initial_count_zero_stops, setup),
		cmocka_unit_test_setup(from_one_shot_to_periodic_the_count_goes_on, setup),
		cmocka_unit_test_setup(a_masked_timer_counts_without_interrupting, setup),
		cmocka_unit_test_setup(a_new_divisor_holds_for_the_rest_of_the_count, setup),
		cmocka_unit_test_setup(the_deadline_fires_when_the_guest_tsc_reaches_it, setup),
		cmocka_unit_test_setup(a_deadline_in_the_past_fires_at_once_and_zero_disarms, setup),
		cmocka_unit_test_setup(a_moved_tsc_moves_the_deadline, setup),
		cmocka_unit_test_setup(outside_deadline_mode_the_msr_reads_zero_and_ignores_writes, setup),
		cmocka_unit_test_setup(in_deadline_mode_the_count_registers_are_dead, setup),
		cmocka_unit_test_setup(changing_to_or_from_deadline_mode_disarms, setup),
		cmocka_unit_test_setup(rewriting_the_same_mode_does_not_disarm, setup),
		cmocka_unit_test_setup(an_expiry_before_a_mode_change_still_interrupts, setup),
		cmocka_unit_test_setup(an_illegal_timer_vector_is_an_error, setup),
		cmocka_unit_test_setup(software_disable_masks_but_does_not_stop, setup),
		cmocka_unit_test_setup(reset_disarms, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
