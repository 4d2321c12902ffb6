/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC of the CPU that executes this, as xAPIC (memory) or x2APIC (MSRs). */
#include <arch/cpu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/kmap.h>
#include <x86/apic.h>
#include <x86/insn.h>
#include <x86/msr.h>

#include "apic.h"
#include "features.h"

static volatile uint8_t *xapic;		/* NULL: x2APIC */

static uint32_t reg_read(uint32_t reg)
{
	if (xapic)
		return *(volatile uint32_t *)(xapic + reg);
	return (uint32_t)rdmsr(MSR_X2APIC_BASE + reg / 16);
}

static void reg_write(uint32_t reg, uint64_t v)
{
	if (xapic)
		*(volatile uint32_t *)(xapic + reg) = (uint32_t)v;
	else
		wrmsr(MSR_X2APIC_BASE + reg / 16, v);
}

bool lapic_is_x2apic(void)
{
	return !xapic;
}

/* The enable bit is set where it is not, and never cleared: some emulators could not set it again. */
static void mode_set(bool x2apic)
{
	uint64_t base = rdmsr(MSR_IA32_APIC_BASE);

	/* From disabled to x2APIC leads through xAPIC; SDM, "Extended XAPIC (x2APIC)". */
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_ENABLE);
	if (x2apic)
		wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

/* The boot CPU decides for all. */
static void mode_init(const struct acpi_info *acpi)
{
	uint64_t base = rdmsr(MSR_IA32_APIC_BASE);
	bool x2apic = base & APIC_BASE_X2APIC || cpu_has(FEATURE_X2APIC);

	mode_set(x2apic);
	if (x2apic)
		return;
	if ((base & MASK(51, 12)) != acpi->lapic_base)
		log_warn("local APIC at %#lx, where the MADT says %#lx", (unsigned long)(base & MASK(51, 12)),
			 (unsigned long)acpi->lapic_base);
	xapic = kmap_device((hpa_t){ base & MASK(51, 12) }, LAPIC_SIZE);
	CHECK(xapic);
}

/* LINT pins: NMI where the MADT says so, otherwise nothing: device interrupts come through the IOAPIC. */
static void lint_init(const struct acpi_info *acpi, uint32_t uid)
{
	uint64_t lint[2] = { LAPIC_LVT_MASKED, LAPIC_LVT_MASKED };

	for (unsigned i = 0; i < acpi->nmi_count; i++) {
		const struct acpi_nmi *n = &acpi->nmi[i];

		if (n->acpi_cpu != ~0u && n->acpi_cpu != uid)
			continue;
		lint[n->lint] = LAPIC_LVT_NMI;
		if (ACPI_POLARITY(n->flags) == ACPI_ACTIVE_LOW)
			lint[n->lint] |= LAPIC_LVT_ACTIVE_LOW;
	}
	reg_write(LAPIC_LVT_LINT0, lint[0]);
	reg_write(LAPIC_LVT_LINT1, lint[1]);
}

static void registers_init(const struct acpi_info *acpi, uint32_t uid)
{
	uint32_t max_lvt;

	reg_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
	reg_write(LAPIC_TPR, 0);
	max_lvt = LAPIC_VERSION_MAX_LVT(reg_read(LAPIC_VERSION));
	reg_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR_TIMER);
	if (max_lvt >= 4)
		reg_write(LAPIC_LVT_PERF, LAPIC_LVT_MASKED);
	if (max_lvt >= 5)
		reg_write(LAPIC_LVT_THERMAL, LAPIC_LVT_MASKED);
	lint_init(acpi, uid);
	reg_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	lapic_error();
	lapic_eoi();		/* of an interrupt that the firmware may have left in service */
}

void lapic_init(const struct acpi_info *acpi)
{
	uint32_t uid = 0;

	mode_init(acpi);
	for (unsigned i = 0; i < acpi->cpu_count; i++)
		if (acpi->cpu[i].apic_id == lapic_id())
			uid = acpi->cpu[i].uid;
	registers_init(acpi, uid);
	log_info("local APIC: %s, id %u", xapic ? "xAPIC" : "x2APIC", lapic_id());
}

bool lapic_init_cpu(const struct acpi_info *acpi, const struct acpi_cpu *cpu)
{
	/* There is a way back from x2APIC only through "disabled", which not every emulator knows. */
	if (xapic && rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_X2APIC)
		return false;
	mode_set(!xapic);
	registers_init(acpi, cpu->uid);
	return lapic_id() == cpu->apic_id;
}

uint32_t lapic_id(void)
{
	return xapic ? reg_read(LAPIC_ID) >> 24 : reg_read(LAPIC_ID);
}

void lapic_eoi(void)
{
	reg_write(LAPIC_EOI, 0);
}

uint32_t lapic_error(void)
{
	reg_write(LAPIC_ESR, 0);
	return reg_read(LAPIC_ESR);
}

/* A message by the interrupt command register; @low: delivery mode, vector, destination shorthand. */
static void send(uint32_t apic_id, uint64_t low)
{
	if (!xapic) {
		/* A write of this MSR does not wait for stores before it: what the message is about must be seen first. */
		__asm__ volatile("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC_BASE + LAPIC_ICR_LOW / 16, (uint64_t)apic_id << 32 | LAPIC_ICR_ASSERT | low);
		return;
	}
	while (reg_read(LAPIC_ICR_LOW) & LAPIC_ICR_PENDING)
		cpu_relax();
	reg_write(LAPIC_ICR_HIGH, apic_id << LAPIC_ICR_DEST_SHIFT);
	reg_write(LAPIC_ICR_LOW, LAPIC_ICR_ASSERT | low);
}

void lapic_ipi(uint32_t apic_id, unsigned vector)
{
	send(apic_id, vector);
}

void lapic_init_message(uint32_t apic_id)
{
	send(apic_id, LAPIC_ICR_INIT);
}

void lapic_startup(uint32_t apic_id, unsigned page)
{
	send(apic_id, LAPIC_ICR_STARTUP | page);
}

void lapic_nmi_others(void)
{
	send(0, LAPIC_ICR_NMI | LAPIC_ICR_OTHERS);
}

void lapic_timer_init(bool deadline)
{
	reg_write(LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE_BY_1);
	reg_write(LAPIC_LVT_TIMER, (deadline ? LAPIC_LVT_TIMER_DEADLINE : LAPIC_LVT_TIMER_ONE_SHOT) | VECTOR_TIMER);
	/* SDM, "TSC-Deadline Mode": the write to memory must be done before the first WRMSR of a deadline. */
	__asm__ volatile("mfence" : : : "memory");
}

void lapic_timer_count(uint32_t ticks)
{
	reg_write(LAPIC_TIMER_INITIAL, ticks);
}

uint32_t lapic_timer_left(void)
{
	return reg_read(LAPIC_TIMER_CURRENT);
}
