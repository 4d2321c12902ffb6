/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: register file, modes, priorities, messages between CPUs. */
/* sources: vmm/dev/lapic.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/lapic_ipi.c vmm/irqchip.c vmm/dev/ioapic.c vmm/dev/pic.c vmm/timer.c tests/fake/dev_fake.c */
#include <dev/lapic.h>
#include <dev/ioapic.h>
#include <dev/pic.h>
#include <dev_fake.h>

#define CPUS 4

static struct vm vm;
static struct irqchip chip;
static struct pic pic;
static struct ioapic ioapic;
static struct lapic cpu[CPUS];
static struct vcpu vcpu[CPUS];

enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100,
       TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR_HIGH = 0x310, LVT0 = 0x320, LINT0 = 0x350, LINT1 = 0x360,
       LVT_ERR = 0x370 };

static uint32_t rd(struct lapic *l, uint64_t off)
{
	return (uint32_t)lapic_mmio_read(l, off, 4);
}

static void wr(struct lapic *l, uint64_t off, uint32_t val)
{
	lapic_mmio_write(l, off, 4, val);
}

static bool msr_ok(struct lapic *l, uint32_t msr, uint64_t val)
{
	return lapic_msr_write(l, msr, val);
}

static uint64_t msr(struct lapic *l, uint32_t nr)
{
	uint64_t v = 0;

	assert_true(lapic_msr_read(l, nr, &v));
	return v;
}

static void create(unsigned i, uint32_t id)
{
	struct lapic_config cfg = {
		.id = id, .bsp = i == 0, .x2apic = true, .tsc_deadline = true, .directed_eoi = true, .phys_bits = 40,
		.tsc_hz = FAKE_HZ,
	};

	assert_true(lapic_init(&cpu[i], &chip, &vcpu[i], &cfg));
	wr(&cpu[i], SVR, 0x1ff);
}

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	memset(vcpu, 0, sizeof(vcpu));
	irqchip_init(&chip, &vm, &pic, &ioapic);
	ioapic_init(&ioapic, &chip, 0);
	pic_init(&pic, &chip);
	for (unsigned i = 0; i < CPUS; i++)
		create(i, i);
	return 0;
}

static void to_x2apic(struct lapic *l)
{
	assert_true(lapic_base_write(l, l->s.base | APIC_BASE_EXTD));
}

static void post(struct lapic *l, uint8_t vector, bool level)
{
	struct apic_msg m = { .vector = vector, .mode = APIC_FIXED, .level = level };

	assert_true(lapic_post(l, &m));
}

/* Everything pending is taken and ended; returns how many interrupts that were. */
static unsigned drain(struct lapic *l)
{
	unsigned n = 0;
	int v;

	for (; (v = lapic_pending(l)) >= 0; n++) {
		lapic_accept(l, v);
		wr(l, EOI, 0);
	}
	return n;
}

static void power_up_state_is_that_of_the_manual(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	lapic_reset(l, false);
	assert_int_equal(l->s.base, 0xfee00800);
	assert_int_equal(cpu[0].s.base, 0xfee00900);
	assert_int_equal(rd(l, ID), 1u << 24);
	assert_int_equal(rd(l, VERSION), 0x01050014);
	assert_int_equal(rd(l, SVR), 0xff);
	assert_int_equal(rd(l, DFR), 0xffffffff);
	assert_int_equal(rd(l, LDR), 0);
	assert_int_equal(rd(l, TPR), 0);
	for (uint64_t off = LVT0; off <= LVT_ERR; off += 16)
		assert_int_equal(rd(l, off), 0x10000);
	assert_int_equal(lapic_pending(l), -1);
}

static void read_only_registers_ignore_writes(void **state)
{
	static const uint16_t regs[] = { ID, VERSION, PPR, ISR, ISR + 0x70, TMR, IRR, IRR + 0x70, 0x390 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(regs); i++) {
		uint32_t before = rd(&cpu[1], regs[i]);

		wr(&cpu[1], regs[i], ~before);
		assert_int_equal(rd(&cpu[1], regs[i]), before);
	}
	assert_int_equal(rd(&cpu[1], ESR), 0);
}

static void odd_mmio_accesses_read_ones_and_write_nothing(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	wr(l, TPR, 0x55);
	assert_int_equal(lapic_mmio_read(l, TPR, 1), 0x55);
	assert_int_equal(lapic_mmio_read(l, VERSION + 2, 2), 0x0105);
	assert_true(lapic_mmio_read(l, TPR, 8) == UINT64_MAX);
	assert_true(lapic_mmio_read(l, TPR + 2, 4) == UINT64_MAX);
	assert_true(lapic_mmio_read(l, TPR + 4, 4) == UINT64_MAX);
	lapic_mmio_write(l, TPR, 1, 0x66);
	lapic_mmio_write(l, TPR, 8, 0x66);
	lapic_mmio_write(l, TPR + 1, 4, 0x66);
	assert_int_equal(rd(l, TPR), 0x55);
}

static void an_unknown_register_is_an_illegal_register_error(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	wr(l, LVT_ERR, 0xe0);
	assert_int_equal(rd(l, 0x40), 0);
	assert_int_equal(rd(l, ESR), 0);		/* not before ESR is written */
	assert_int_equal(lapic_pending(l), 0xe0);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 0x80);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 0);
	wr(l, 0xff0, 1);
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 0x80);
}

static void an_error_interrupt_with_an_illegal_vector_does_not_recurse(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	wr(l, LVT_ERR, 0x05);
	wr(l, ICR, 0x05);				/* illegal vector sent */
	wr(l, ESR, 0);
	assert_int_equal(rd(l, ESR), 0x20 | 0x40);
	assert_int_equal(lapic_highest_irr(l), -1);
}

static void illegal_vectors_are_reported_where_they_are_seen(void **state)
{
	struct apic_msg m = { .vector = 15, .mode = APIC_FIXED };

	(void)state;
	assert_false(lapic_post(&cpu[1], &m));
	wr(&cpu[1], ESR, 0);
	assert_int_equal(rd(&cpu[1], ESR), 0x40);
	wr(&cpu[0], ICR_HIGH, 1u << 24);
	wr(&cpu[0], ICR, 0x0f);
	wr(&cpu[0], ESR, 0);
	assert_int_equal(rd(&cpu[0], ESR), 0x20);
	assert_int_equal(lapic_highest_irr(&cpu[1]), -1);
}

static void the_highest_vector_above_the_priority_is_delivered(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	post(l, 0x31, false);
	post(l, 0x85, false);
	post(l, 0x8f, false);
	assert_int_equal(lapic_pending(l), 0x8f);
	wr(l, TPR, 0x80);				/* same class: held */
	assert_int_equal(rd(l, PPR), 0x80);
	assert_int_equal(lapic_pending(l), -1);
	assert_int_equal(lapic_highest_irr(l), 0x8f);
	wr(l, TPR, 0x7f);
	assert_int_equal(lapic_pending(l), 0x8f);
	lapic_accept(l, 0x8f);
	assert_int_equal(rd(l, PPR), 0x80);
	assert_int_equal(lapic_pending(l), -1);		/* 85 is of the same class */
	post(l, 0x90, false);
	assert_int_equal(lapic_pending(l), 0x90);
	lapic_accept(l, 0x90);
	wr(l, EOI, 0);
	assert_int_equal(rd(l, ISR + 0x40), 1u << 15);
	wr(l, EOI, 0);
	assert_int_equal(lapic_pending(l), 0x85);
	wr(l, EOI, 0);					/* nothing in service: harmless */
	wr(l, TPR, 0);
	assert_int_equal(drain(l), 2);
}

static void ppr_is_the_task_priority_when_that_is_not_lower(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	post(l, 0x45, false);
	lapic_accept(l, 0x45);
	wr(l, TPR, 0x43);
	assert_int_equal(rd(l, PPR), 0x43);
	wr(l, TPR, 0x3f);
	assert_int_equal(rd(l, PPR), 0x40);
}

static void a_request_wakes_its_vcpu_once(void **state)
{
	(void)state;
	vcpu[1].notified = 0;
	post(&cpu[1], 0x40, false);
	post(&cpu[1], 0x40, false);
	assert_int_equal(vcpu[1].notified, 1);
	lapic_accept(&cpu[1], 0x40);
	post(&cpu[1], 0x40, false);
	assert_int_equal(vcpu[1].notified, 2);
}

static void whatever_lets_a_held_interrupt_through_wakes_the_vcpu(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	wr(l, TPR, 0xf0);
	post(l, 0x40, false);
	post(l, 0x50, false);
	vcpu[1].notified = 0;
	wr(l, TPR, 0x50);				/* still not */
	assert_int_equal(vcpu[1].notified, 0);
	wr(l, TPR, 0x40);
	assert_int_equal(vcpu[1].notified, 1);
	assert_true(lapic_cr8_write(l, 15));
	assert_true(lapic_cr8_write(l, 0));
	assert_int_equal(vcpu[1].notified, 2);
	lapic_accept(l, 0x50);
	wr(l, EOI, 0);
	assert_int_equal(vcpu[1].notified, 3);
	lapic_accept(l, 0x40);
	wr(l, EOI, 0);					/* nothing left */
	assert_int_equal(vcpu[1].notified, 3);
}

static void an_extint_through_the_ioapic_ends_with_the_acknowledge(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	ioapic_ops.write(&ioapic, 0x00, 4, 0x11);
	ioapic_ops.write(&ioapic, 0x10, 4, 1u << 24);
	ioapic_ops.write(&ioapic, 0x00, 4, 0x10);
	ioapic_ops.write(&ioapic, 0x10, 4, APIC_EXTINT << 8);
	pic_master_ops.write(&pic, 1, 1, 0x00);
	irq_line_set(&chip, 4, true);
	assert_true(lapic_extint(l));
	assert_false(lapic_extint(&cpu[0]));
	assert_int_equal(irqchip_inta(&chip), 4);
	assert_false(lapic_extint(l));
	assert_int_equal(lapic_events(l), 0);
	irq_line_set(&chip, 3, true);
	assert_true(lapic_extint(l));
	pic_master_ops.write(&pic, 1, 1, 0xff);
	assert_false(lapic_extint(l));
	assert_false(lapic_has_work(l));
}

static void tmr_follows_how_the_last_request_came(void **state)
{
	(void)state;
	post(&cpu[0], 0x61, true);
	assert_int_equal(rd(&cpu[0], TMR + 0x30), 2);
	post(&cpu[0], 0x61, false);
	assert_int_equal(rd(&cpu[0], TMR + 0x30), 0);
}

static void a_software_disabled_apic_takes_no_interrupts_but_keeps_nmi_and_init(void **state)
{
	struct apic_msg m = { .vector = 0x40, .mode = APIC_FIXED };
	struct lapic *l = &cpu[1];

	(void)state;
	post(l, 0x50, false);
	wr(l, LINT1, APIC_NMI << 8);
	wr(l, SVR, 0xff);
	assert_int_equal(rd(l, LINT1), 0x10000 | APIC_NMI << 8);	/* masked by it */
	wr(l, LINT1, APIC_NMI << 8);					/* and cannot be unmasked */
	assert_int_equal(rd(l, LINT1), 0x10000 | APIC_NMI << 8);
	assert_false(lapic_post(l, &m));
	assert_int_equal(lapic_pending(l), 0x50);			/* what was pending is held */
	m.mode = APIC_NMI;
	assert_true(lapic_post(l, &m));
	m.mode = APIC_INIT;
	assert_true(lapic_post(l, &m));
	assert_int_equal(lapic_events_take(l, LAPIC_EV_NMI | LAPIC_EV_INIT), LAPIC_EV_NMI | LAPIC_EV_INIT);
	wr(l, SVR, 0x1ff);
	wr(l, LINT1, APIC_NMI << 8);
	assert_int_equal(rd(l, LINT1), APIC_NMI << 8);
}

static void mode_transitions_are_those_of_the_manual(void **state)
{
	static const uint64_t off = 0, x1 = APIC_BASE_EN, x2 = APIC_BASE_EN | APIC_BASE_EXTD, bad = APIC_BASE_EXTD;
	const uint64_t modes[] = { off, x1, x2, bad };
	static const bool legal[3][4] = {		/* from disabled, xAPIC, x2APIC */
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, false, true, false },
	};
	struct lapic *l = &cpu[1];

	(void)state;
	for (unsigned from = 0; from < 3; from++) {
		for (unsigned to = 0; to < 4; to++) {
			lapic_reset(l, false);
			if (from == 0)
				assert_true(lapic_base_write(l, LAPIC_DEFAULT_BASE));
			if (from == 2)
				to_x2apic(l);
			assert_int_equal(lapic_base_write(l, LAPIC_DEFAULT_BASE | modes[to]), legal[from][to]);
			assert_int_equal(l->s.base & x2, legal[from][to] ? modes[to] : modes[from]);
		}
	}
}

static void reserved_bits_of_the_base_are_refused(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	assert_false(lapic_base_write(l, l->s.base | 1));
	assert_false(lapic_base_write(l, l->s.base | BIT(7)));
	assert_false(lapic_base_write(l, l->s.base | BIT(9)));
	assert_false(lapic_base_write(l, l->s.base | BIT(40)));
	assert_true(lapic_base_write(l, l->s.base | BIT(39)));
	l->cfg.x2apic = false;
	assert_false(lapic_base_write(l, l->s.base | APIC_BASE_EXTD));
}

static void the_page_follows_base_and_mode(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	assert_int_equal(lapic_mmio_base(l), LAPIC_DEFAULT_BASE);
	assert_true(lapic_base_write(l, 0xfed40000 | APIC_BASE_EN | APIC_BASE_BSP));
	assert_int_equal(lapic_mmio_base(l), 0xfed40000);
	to_x2apic(l);
	assert_true(lapic_mmio_base(l) == LAPIC_NO_MMIO);
	assert_true(lapic_base_write(l, 0));
	assert_true(lapic_mmio_base(l) == LAPIC_NO_MMIO);
}

static void disabling_and_enabling_again_gives_fresh_registers(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	wr(l, TPR, 0x20);
	post(l, 0x40, false);
	assert_true(lapic_base_write(l, l->s.base & ~APIC_BASE_EN));
	assert_int_equal(lapic_pending(l), -1);
	assert_true(lapic_base_write(l, l->s.base | APIC_BASE_EN));
	assert_int_equal(rd(l, TPR), 0);
	assert_int_equal(rd(l, SVR), 0xff);
	assert_int_equal(rd(l, VERSION), 0x01050014);
	assert_int_equal(lapic_pending(l), -1);
}

static void msrs_exist_only_in_x2apic_mode(void **state)
{
	uint64_t v;

	(void)state;
	assert_false(lapic_msr_read(&cpu[0], 0x802, &v));
	assert_false(msr_ok(&cpu[0], 0x808, 0));
	to_x2apic(&cpu[0]);
	assert_true(lapic_msr_read(&cpu[0], 0x802, &v));
}

static void each_x2apic_msr_has_the_access_rights_of_the_manual(void **state)
{
	static const struct { uint16_t first, last; bool read, write; } rows[] = {
		{ 0x802, 0x803, true, false }, { 0x808, 0x808, true, true }, { 0x80a, 0x80a, true, false },
		{ 0x80b, 0x80b, false, true }, { 0x80d, 0x80d, true, false }, { 0x80f, 0x80f, true, true },
		{ 0x810, 0x827, true, false }, { 0x828, 0x828, true, true }, { 0x830, 0x830, true, true },
		{ 0x832, 0x838, true, true }, { 0x839, 0x839, true, false }, { 0x83e, 0x83e, true, true },
		{ 0x83f, 0x83f, false, true },
	};
	struct lapic *l = &cpu[0];

	(void)state;
	to_x2apic(l);
	for (uint32_t nr = 0x800; nr < 0x900; nr++) {
		bool read = false, write = false;
		uint64_t v;

		for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
			if (nr >= rows[i].first && nr <= rows[i].last) {
				read = rows[i].read;
				write = rows[i].write;
			}
		}
		assert_int_equal(lapic_msr_read(l, nr, &v), read);
		assert_int_equal(msr_ok(l, nr, nr == 0x83f ? 0x40 : 0), write);
	}
}

static void reserved_bits_in_x2apic_msrs_are_refused_one_by_one(void **state)
{
	static const struct { uint32_t nr; uint64_t allowed; } rows[] = {
		{ 0x808, 0xff }, { 0x80b, 0 }, { 0x80f, 0x13ff }, { 0x828, 0 }, { 0x830, 0xffffffff000cdfff },
		{ 0x832, 0x710ff }, { 0x833, 0x117ff }, { 0x834, 0x117ff }, { 0x835, 0x1f7ff }, { 0x836, 0x1f7ff },
		{ 0x837, 0x110ff }, { 0x838, 0xffffffff }, { 0x83e, 0xb }, { 0x83f, 0xff },
	};
	struct lapic *l = &cpu[0];

	(void)state;
	to_x2apic(l);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned bit = 0; bit < 64; bit++)
			assert_int_equal(msr_ok(l, rows[i].nr, BIT(bit)), (rows[i].allowed & BIT(bit)) != 0);
}

static void features_that_are_not_offered_are_reserved(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	l->cfg.tsc_deadline = l->cfg.directed_eoi = false;
	assert_int_equal(rd(l, VERSION), 0x00050014);
	wr(l, LVT0, 0x40040);
	assert_int_equal(rd(l, LVT0), 0x40);
	wr(l, SVR, 0x11ff);
	assert_int_equal(rd(l, SVR), 0x1ff);
	to_x2apic(l);
	assert_false(msr_ok(l, 0x832, 0x40040));
	assert_false(msr_ok(l, 0x80f, 0x11ff));
}

static void x2apic_ids_have_32_bits_and_fixed_logical_ids(void **state)
{
	(void)state;
	irqchip_init(&chip, &vm, &pic, &ioapic);
	create(0, 0);
	create(1, 0x123);
	to_x2apic(&cpu[1]);
	assert_int_equal(msr(&cpu[1], 0x802), 0x123);
	assert_int_equal(msr(&cpu[1], 0x80d), 0x120008);
}

static void a_physical_ipi_reaches_only_its_target(void **state)
{
	(void)state;
	wr(&cpu[0], ICR_HIGH, 2u << 24);
	wr(&cpu[0], ICR, 0x4041);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(lapic_pending(&cpu[i]), i == 2 ? 0x41 : -1);
	assert_int_equal(rd(&cpu[0], ICR_HIGH), 2u << 24);
	assert_int_equal(rd(&cpu[0], ICR), 0x4041);		/* delivery status is idle */
	wr(&cpu[0], ICR_HIGH, 77u << 24);
	wr(&cpu[0], ICR, 0x42);					/* nobody there */
}

static void shorthands_and_broadcast_choose_the_right_cpus(void **state)
{
	static const struct { uint32_t icr, high; unsigned cpus; } rows[] = {
		{ 1u << 18, 0, 0x2 }, { 2u << 18, 0, 0xf }, { 3u << 18, 0, 0xd }, { 0, 0xff000000, 0xf },
		{ 1u << 11, 0xff000000, 0xf },
	};

	(void)state;
	for (unsigned x2 = 0; x2 < 2; x2++) {
		for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
			uint64_t high = x2 && rows[i].high ? 0xffffffff : rows[i].high;

			if (x2)
				assert_true(msr_ok(&cpu[1], 0x830, high << 32 | rows[i].icr | 0x50));
			else
				wr(&cpu[1], ICR_HIGH, rows[i].high), wr(&cpu[1], ICR, rows[i].icr | 0x50);
			for (unsigned c = 0; c < CPUS; c++) {
				assert_int_equal(lapic_highest_irr(&cpu[c]) == 0x50, rows[i].cpus >> c & 1);
				lapic_accept(&cpu[c], 0x50);
			}
		}
		to_x2apic(&cpu[1]);
	}
}

static void logical_destinations_match_flat_and_cluster_models(void **state)
{
	struct apic_msg m = { .logical = true };

	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		wr(&cpu[i], LDR, 1u << (24 + i));
	m.dest = 0x5;
	assert_true(lapic_matches(&cpu[0], &m));
	assert_false(lapic_matches(&cpu[1], &m));
	assert_true(lapic_matches(&cpu[2], &m));
	for (unsigned i = 0; i < CPUS; i++) {
		wr(&cpu[i], DFR, 0);
		assert_int_equal(rd(&cpu[i], DFR), 0x0fffffff);
		wr(&cpu[i], LDR, (i / 2 << 4 | 1u << i % 2) << 24);
	}
	m.dest = 0x12;					/* cluster 1, member 1 */
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(lapic_matches(&cpu[i], &m), i == 3);
	m.dest = 0xff;
	for (unsigned i = 0; i < CPUS; i++)
		assert_true(lapic_matches(&cpu[i], &m));
	m.dest = 0x101;
	m.wide = true;					/* an x2APIC's address is not for an xAPIC */
	for (unsigned i = 0; i < CPUS; i++)
		assert_false(lapic_matches(&cpu[i], &m));
}

static void an_8_bit_logical_destination_reaches_x2apics_of_cluster_0(void **state)
{
	struct apic_msg m = { .logical = true, .dest = 0xd };

	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		to_x2apic(&cpu[i]);
		assert_int_equal(lapic_matches(&cpu[i], &m), i != 1);
	}
	m.dest = 0x1000d;
	m.wide = true;
	for (unsigned i = 0; i < CPUS; i++)
		assert_false(lapic_matches(&cpu[i], &m));
}

static void lowest_priority_goes_to_one_cpu_the_least_busy(void **state)
{
	struct apic_msg m = { .logical = true, .dest = 0xf, .mode = APIC_LOWEST, .vector = 0x60 };

	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		wr(&cpu[i], LDR, 1u << (24 + i));
		wr(&cpu[i], TPR, i == 2 ? 0x10 : 0x20);
	}
	assert_true(irqchip_message(&chip, &m));
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(lapic_highest_irr(&cpu[i]), i == 2 ? 0x60 : -1);
	wr(&cpu[2], SVR, 0xff);					/* cannot take it */
	assert_true(irqchip_message(&chip, &m));
	assert_int_equal(lapic_highest_irr(&cpu[0]), 0x60);
}

static void nmi_init_and_sipi_arrive_as_events(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	wr(&cpu[0], ICR_HIGH, 1u << 24);
	wr(&cpu[0], ICR, 0x4400);
	wr(&cpu[0], ICR, 0xc500);				/* INIT assert */
	wr(&cpu[0], ICR, 0x8500);				/* INIT level de-assert: nothing */
	assert_int_equal(lapic_events(l), LAPIC_EV_NMI | LAPIC_EV_INIT);
	assert_true(lapic_has_work(l));
	wr(&cpu[0], ICR, 0x4699);
	wr(&cpu[0], ICR, 0x4688);				/* the second SIPI is ignored */
	assert_int_equal(lapic_events_take(l, LAPIC_EV_INIT), LAPIC_EV_INIT);
	lapic_reset(l, true);					/* the SIPI survives it, the NMI does not */
	assert_int_equal(lapic_events(l) & 0xff, LAPIC_EV_SIPI);
	assert_int_equal(lapic_sipi_vector(lapic_events_take(l, LAPIC_EV_SIPI)), 0x99);
	assert_int_equal(lapic_events(l), 0);
	wr(&cpu[0], ICR, 0x4677);
	wr(&cpu[0], ICR, 0xc500);				/* INIT drops a SIPI from before */
	assert_int_equal(lapic_events_take(l, ~0u), LAPIC_EV_INIT);
	assert_int_equal(lapic_events(&cpu[0]), 0);
}

static void init_keeps_mode_and_id(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	to_x2apic(l);
	assert_true(msr_ok(l, 0x808, 0x30));
	lapic_reset(l, true);
	assert_true(lapic_is_x2apic(l));
	assert_int_equal(msr(l, 0x802), 1);
	assert_int_equal(msr(l, 0x808), 0);
	lapic_reset(l, false);
	assert_false(lapic_is_x2apic(l));
}

static void self_ipi_raises_its_vector_here(void **state)
{
	struct lapic *l = &cpu[1];

	(void)state;
	to_x2apic(l);
	assert_true(msr_ok(l, 0x83f, 0xa1));
	assert_int_equal(lapic_pending(l), 0xa1);
	assert_int_equal(lapic_highest_irr(&cpu[0]), -1);
	assert_true(msr_ok(l, 0x83f, 0x0e));
	assert_true(msr_ok(l, 0x828, 0));
	assert_int_equal(msr(l, 0x828), 0x20);
}

static void cr8_and_tpr_are_one_register(void **state)
{
	(void)state;
	assert_true(lapic_cr8_write(&cpu[0], 9));
	assert_int_equal(rd(&cpu[0], TPR), 0x90);
	wr(&cpu[0], TPR, 0x3c);
	assert_int_equal(lapic_cr8_read(&cpu[0]), 3);
	assert_false(lapic_cr8_write(&cpu[0], 16));
	assert_false(lapic_cr8_write(&cpu[0], BIT(63)));
}

static void icr_keeps_its_64_bits_in_x2apic_mode(void **state)
{
	(void)state;
	to_x2apic(&cpu[0]);
	assert_true(msr_ok(&cpu[0], 0x830, 0x300000044ull | 0x4000));
	assert_int_equal(msr(&cpu[0], 0x830), 0x300004044ull);
	assert_int_equal(lapic_pending(&cpu[3]), 0x44);
}

static void extint_needs_an_open_lint0(void **state)
{
	struct lapic *l = &cpu[0];

	(void)state;
	pic_master_ops.write(&pic, 0, 1, 0x11);
	pic_master_ops.write(&pic, 1, 1, 0x30);
	pic_master_ops.write(&pic, 1, 1, 0x04);
	pic_master_ops.write(&pic, 1, 1, 0x01);
	pic_master_ops.write(&pic, 1, 1, 0x00);
	irq_line_set(&chip, 4, true);
	assert_false(lapic_extint(l));
	vcpu[0].notified = 0;
	wr(l, LINT0, APIC_EXTINT << 8);
	assert_true(vcpu[0].notified > 0);
	assert_true(lapic_extint(l));
	assert_false(lapic_extint(&cpu[1]));
	assert_int_equal(irqchip_inta(&chip), 0x34);
	assert_int_equal(vm.locks, 1);
	assert_false(lapic_extint(l));
	pic_master_ops.write(&pic, 0, 1, 0x20);
	irq_line_set(&chip, 5, true);
	assert_true(lapic_extint(l));
	wr(l, LINT0, 0x10000 | APIC_EXTINT << 8);
	assert_false(lapic_extint(l));
	assert_true(lapic_base_write(l, l->s.base & ~APIC_BASE_EN));	/* without APIC the pin is INTR */
	assert_true(lapic_extint(l));
}

static void lint0_in_fixed_mode_turns_the_pic_output_into_a_vector(void **state)
{
	(void)state;
	wr(&cpu[0], LINT0, 0x35);
	lapic_lint0_set(&cpu[0], true);
	assert_int_equal(lapic_pending(&cpu[0]), 0x35);
	lapic_accept(&cpu[0], 0x35);
	lapic_lint0_set(&cpu[0], true);				/* no new edge */
	wr(&cpu[0], EOI, 0);
	assert_int_equal(lapic_pending(&cpu[0]), -1);
}

static void virtual_wire_is_what_firmware_leaves(void **state)
{
	(void)state;
	lapic_reset(&cpu[0], false);
	lapic_virtual_wire(&cpu[0]);
	assert_int_equal(rd(&cpu[0], SVR), 0x1ff);
	assert_int_equal(rd(&cpu[0], LINT0), 0x700);
	assert_int_equal(rd(&cpu[0], LINT1), 0x400);
	lapic_local(&cpu[0], LVT_LINT1);
	assert_int_equal(lapic_events(&cpu[0]), LAPIC_EV_NMI);
}

static void a_counter_interrupt_masks_its_own_entry(void **state)
{
	(void)state;
	wr(&cpu[0], 0x340, APIC_NMI << 8);
	lapic_local(&cpu[0], LVT_PERF);
	assert_int_equal(rd(&cpu[0], 0x340), 0x10000 | APIC_NMI << 8);
	assert_int_equal(lapic_events_take(&cpu[0], LAPIC_EV_NMI), LAPIC_EV_NMI);
	lapic_local(&cpu[0], LVT_PERF);
	assert_int_equal(lapic_events(&cpu[0]), 0);
}

static void ids_must_be_unique_and_room_is_limited(void **state)
{
	static struct lapic more[IRQCHIP_CPUS];
	struct lapic_config cfg = { .id = 2, .tsc_hz = FAKE_HZ, .phys_bits = 40 };

	(void)state;
	assert_false(lapic_init(&more[0], &chip, &vcpu[0], &cfg));
	for (unsigned i = CPUS; i <= IRQCHIP_CPUS; i++) {
		cfg.id = i;
		assert_int_equal(lapic_init(&more[i - CPUS], &chip, &vcpu[0], &cfg), i < IRQCHIP_CPUS);
	}
}

static void msi_uses_the_same_routing(void **state)
{
	(void)state;
	assert_true(msi_deliver(&chip, 0xfee03000, 0x45));		/* physical, CPU 3 */
	assert_int_equal(lapic_pending(&cpu[3]), 0x45);
	assert_false(msi_deliver(&chip, 0xfed03000, 0x45));
	assert_false(msi_deliver(&chip, 0x1fee03000, 0x45));
	wr(&cpu[1], LDR, 0x02000000);
	wr(&cpu[2], LDR, 0x04000000);
	assert_true(msi_deliver(&chip, 0xfee06004, 0x46));		/* logical, both */
	assert_int_equal(lapic_pending(&cpu[1]), 0x46);
	assert_int_equal(lapic_pending(&cpu[2]), 0x46);
	assert_true(msi_deliver(&chip, 0xfee0600c, 0x47));		/* redirection hint: one */
	assert_int_equal(lapic_highest_irr(&cpu[1]), 0x47);
	assert_int_equal(lapic_highest_irr(&cpu[2]), 0x46);
	assert_true(msi_deliver(&chip, 0xfee00000, 0x8048));		/* level, de-asserted */
	assert_int_equal(lapic_highest_irr(&cpu[0]), -1);
	assert_true(msi_deliver(&chip, 0xfee00000, 0x0400));
	assert_int_equal(lapic_events(&cpu[0]), LAPIC_EV_NMI);
	for (uint32_t data = 0; data < 0x10000; data++)			/* whatever is in the data: no harm */
		msi_deliver(&chip, 0xfee00000 | (uint64_t)data << 4, data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_up_state_is_that_of_the_manual, setup),
		cmocka_unit_test_setup(read_only_registers_ignore_writes, setup),
		cmocka_unit_test_setup(odd_mmio_accesses_read_ones_and_write_nothing, setup),
		cmocka_unit_test_setup(an_unknown_register_is_an_illegal_register_error, setup),
		cmocka_unit_test_setup(an_error_interrupt_with_an_illegal_vector_does_not_recurse, setup),
		cmocka_unit_test_setup(illegal_vectors_are_reported_where_they_are_seen, setup),
		cmocka_unit_test_setup(the_highest_vector_above_the_priority_is_delivered, setup),
		cmocka_unit_test_setup(ppr_is_the_task_priority_when_that_is_not_lower, setup),
		cmocka_unit_test_setup(a_request_wakes_its_vcpu_once, setup),
		cmocka_unit_test_setup(whatever_lets_a_held_interrupt_through_wakes_the_vcpu, setup),
		cmocka_unit_test_setup(an_extint_through_the_ioapic_ends_with_the_acknowledge, setup),
		cmocka_unit_test_setup(tmr_follows_how_the_last_request_came, setup),
		cmocka_unit_test_setup(a_software_disabled_apic_takes_no_interrupts_but_keeps_nmi_and_init, setup),
		cmocka_unit_test_setup(mode_transitions_are_those_of_the_manual, setup),
		cmocka_unit_test_setup(reserved_bits_of_the_base_are_refused, setup),
		cmocka_unit_test_setup(the_page_follows_base_and_mode, setup),
		cmocka_unit_test_setup(disabling_and_enabling_again_gives_fresh_registers, setup),
		cmocka_unit_test_setup(msrs_exist_only_in_x2apic_mode, setup),
		cmocka_unit_test_setup(each_x2apic_msr_has_the_access_rights_of_the_manual, setup),
		cmocka_unit_test_setup(reserved_bits_in_x2apic_msrs_are_refused_one_by_one, setup),
		cmocka_unit_test_setup(features_that_are_not_offered_are_reserved, setup),
		cmocka_unit_test_setup(x2apic_ids_have_32_bits_and_fixed_logical_ids, setup),
		cmocka_unit_test_setup(a_physical_ipi_reaches_only_its_target, setup),
		cmocka_unit_test_setup(shorthands_and_broadcast_choose_the_right_cpus, setup),
		cmocka_unit_test_setup(logical_destinations_match_flat_and_cluster_models, setup),
		cmocka_unit_test_setup(an_8_bit_logical_destination_reaches_x2apics_of_cluster_0, setup),
		cmocka_unit_test_setup(lowest_priority_goes_to_one_cpu_the_least_busy, setup),
		cmocka_unit_test_setup(nmi_init_and_sipi_arrive_as_events, setup),
		cmocka_unit_test_setup(init_keeps_mode_and_id, setup),
		cmocka_unit_test_setup(self_ipi_raises_its_vector_here, setup),
		cmocka_unit_test_setup(cr8_and_tpr_are_one_register, setup),
		cmocka_unit_test_setup(icr_keeps_its_64_bits_in_x2apic_mode, setup),
		cmocka_unit_test_setup(extint_needs_an_open_lint0, setup),
		cmocka_unit_test_setup(lint0_in_fixed_mode_turns_the_pic_output_into_a_vector, setup),
		cmocka_unit_test_setup(virtual_wire_is_what_firmware_leaves, setup),
		cmocka_unit_test_setup(a_counter_interrupt_masks_its_own_entry, setup),
		cmocka_unit_test_setup(ids_must_be_unique_and_room_is_limited, setup),
		cmocka_unit_test_setup(msi_uses_the_same_routing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
