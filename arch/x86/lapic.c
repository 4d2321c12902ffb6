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
static void mode_init(const struct acpi_info *acpi)
{
	uint64_t base = rdmsr(MSR_IA32_APIC_BASE), want = base | APIC_BASE_ENABLE;

	if (base & APIC_BASE_X2APIC || cpu_has(FEATURE_X2APIC)) {
		/* From disabled to x2APIC leads through xAPIC; SDM, "Extended XAPIC (x2APIC)". */
		if (!(base & APIC_BASE_ENABLE))
			wrmsr(MSR_IA32_APIC_BASE, want);
		wrmsr(MSR_IA32_APIC_BASE, want | APIC_BASE_X2APIC);
		return;
	}
	if (want != base)
		wrmsr(MSR_IA32_APIC_BASE, want);
	if ((base & MASK(51, 12)) != acpi->lapic_base)
		log_warn("local APIC at %#lx, where the MADT says %#lx", (unsigned long)(base & MASK(51, 12)),
			 (unsigned long)acpi->lapic_base);
	xapic = kmap_device((hpa_t){ base & MASK(51, 12) }, LAPIC_SIZE);
	CHECK(xapic);
}

/* LINT pins: NMI where the MADT says so, otherwise nothing: device interrupts come through the IOAPIC. */
static void lint_init(const struct acpi_info *acpi)
{
	uint64_t lint[2] = { LAPIC_LVT_MASKED, LAPIC_LVT_MASKED };

	for (unsigned i = 0; i < acpi->nmi_count; i++) {
		const struct acpi_nmi *n = &acpi->nmi[i];

		if (n->acpi_cpu != ~0u && n->acpi_cpu != 0)
			continue;
		lint[n->lint] = LAPIC_LVT_NMI;
		if (ACPI_POLARITY(n->flags) == ACPI_ACTIVE_LOW)
			lint[n->lint] |= LAPIC_LVT_ACTIVE_LOW;
	}
	reg_write(LAPIC_LVT_LINT0, lint[0]);
	reg_write(LAPIC_LVT_LINT1, lint[1]);
}

void lapic_init(const struct acpi_info *acpi)
{
	uint32_t max_lvt;

	mode_init(acpi);
	reg_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
	reg_write(LAPIC_TPR, 0);
	max_lvt = LAPIC_VERSION_MAX_LVT(reg_read(LAPIC_VERSION));
	reg_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR_TIMER);
	if (max_lvt >= 4)
		reg_write(LAPIC_LVT_PERF, LAPIC_LVT_MASKED);
	if (max_lvt >= 5)
		reg_write(LAPIC_LVT_THERMAL, LAPIC_LVT_MASKED);
	lint_init(acpi);
	reg_write(LAPIC_LVT_ERROR, VECTOR_ERROR);
	lapic_error();
	lapic_eoi();		/* of an interrupt that the firmware may have left in service */
	log_info("local APIC: %s, id %u", xapic ? "xAPIC" : "x2APIC", lapic_id());
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

void lapic_ipi(uint32_t apic_id, unsigned vector)
{
	if (!xapic) {
		wrmsr(MSR_X2APIC_BASE + LAPIC_ICR_LOW / 16, (uint64_t)apic_id << 32 | LAPIC_ICR_ASSERT | vector);
		return;
	}
	while (reg_read(LAPIC_ICR_LOW) & LAPIC_ICR_PENDING)
		cpu_relax();
	reg_write(LAPIC_ICR_HIGH, apic_id << LAPIC_ICR_DEST_SHIFT);
	reg_write(LAPIC_ICR_LOW, LAPIC_ICR_ASSERT | vector);
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
