/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel needs from ACPI: CPUs, interrupt controllers, and the power-management timer. */
#ifndef ARCH_X86_ACPI_H
#define ARCH_X86_ACPI_H

#include <kernel/phys_window.h>
#include <lib/base.h>

#define ACPI_CPUS	256u
#define ACPI_IOAPICS	8u
#define ACPI_ISA_IRQS	16u
#define ACPI_NMIS	16u

/* Polarity and trigger mode of an interrupt, as the MADT encodes them. */
enum acpi_polarity { ACPI_POLARITY_BUS = 0, ACPI_ACTIVE_HIGH = 1, ACPI_ACTIVE_LOW = 3 };
enum acpi_trigger { ACPI_TRIGGER_BUS = 0, ACPI_EDGE = 1, ACPI_LEVEL = 3 };
#define ACPI_POLARITY(flags)	((flags) & 3u)
#define ACPI_TRIGGER(flags)	((flags) >> 2 & 3u)

struct acpi_ioapic {
	uint32_t id, gsi_base;
	uint64_t base;		/* physical address of its registers */
};

struct acpi_override {		/* of an ISA interrupt: where it is really wired to */
	bool valid;
	uint16_t flags;
	uint32_t gsi;
};

struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid;		/* the processor's number in ACPI */
};

struct acpi_nmi {		/* a local APIC's LINT pin that is an NMI */
	uint32_t acpi_cpu;	/* processor UID; ~0: every CPU */
	uint8_t lint;
	uint16_t flags;
};

struct acpi_info {
	unsigned cpu_count, ioapic_count, nmi_count;
	struct acpi_cpu cpu[ACPI_CPUS];	/* the enabled ones, in the order of the MADT */
	struct acpi_ioapic ioapic[ACPI_IOAPICS];
	struct acpi_override isa[ACPI_ISA_IRQS];
	struct acpi_nmi nmi[ACPI_NMIS];
	uint64_t lapic_base;
	uint16_t pm_timer_port;		/* 0: none      */
	bool pm_timer_32;		/* else 24 bits */
};

struct acpi_error {
	char text[160];
};

/* Read the tables that @rsdp leads to.  false: @err->text says what is wrong; @out is then undefined. */
bool acpi_parse(const struct phys_window *mem, uint64_t rsdp, struct acpi_info *out, struct acpi_error *err) MUST_USE;

#endif
