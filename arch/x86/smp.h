/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUs of the machine. */
#ifndef ARCH_X86_SMP_H
#define ARCH_X86_SMP_H

#include "acpi.h"

/* Remember the MADT and what the boot CPU is, for machine_start_cpus(). */
void smp_init(const struct acpi_info *acpi);
/* APIC id of CPU @cpu, which is in use. */
uint32_t smp_apic_id(unsigned cpu);

#endif
