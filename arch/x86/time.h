/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the clock. */
#ifndef ARCH_X86_TIME_H
#define ARCH_X86_TIME_H

#include "acpi.h"

/* After lapic_init(). */
void time_init(const struct acpi_info *acpi);
/* On every other CPU: the same timer as the boot CPU's. */
void time_init_cpu(void);

#endif
