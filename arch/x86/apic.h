/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt controllers of the host, and the vectors they use. */
#ifndef ARCH_X86_APIC_H
#define ARCH_X86_APIC_H

#include <abi/status.h>
#include <lib/base.h>

#include "acpi.h"

/*
 * Vectors: 0x20 ... 0x2f catch what the masked 8259s may still raise; 0x30 ... 0x8f are for lines of the IOAPICs, 0x90 ... 0xef for
 * messages, which have a higher priority; above them the CPU's own.
 */
enum vector {
	VECTOR_PIC     = 0x20,
	VECTOR_DEVICE  = 0x30,
	VECTOR_MESSAGE = 0x90,
	VECTOR_TIMER   = 0xf0,
	VECTOR_IPI     = 0xf1,
	VECTOR_ERROR   = 0xf2,
	VECTOR_SPURIOUS = 0xff,
};
#define PIC_VECTORS	16u

/* lapic.c */
void lapic_init(const struct acpi_info *acpi);
uint32_t lapic_id(void);
void lapic_eoi(void);
/* The same for a CPU that is not the boot CPU.  false: it is not @cpu, or in another mode than the boot CPU's. */
bool lapic_init_cpu(const struct acpi_info *acpi, const struct acpi_cpu *cpu) MUST_USE;
void lapic_ipi(uint32_t apic_id, unsigned vector);
/* INIT and STARTUP, at @page * 4096; an NMI for all CPUs but this one. */
void lapic_init_message(uint32_t apic_id);
void lapic_startup(uint32_t apic_id, unsigned page);
void lapic_nmi_others(void);
/* Clear and return the error status. */
uint32_t lapic_error(void);
/* The timer: @deadline says whether TSC-deadline mode is used. */
void lapic_timer_init(bool deadline);
void lapic_timer_count(uint32_t ticks);		/* one-shot; 0: stop */
uint32_t lapic_timer_left(void);
bool lapic_is_x2apic(void);

/* ioapic.c */
void pic_disable(void);
void ioapic_init(const struct acpi_info *acpi);
/* A vector between VECTOR_DEVICE and VECTOR_MESSAGE arrived. */
void ioapic_dispatch(unsigned vector);

#endif
