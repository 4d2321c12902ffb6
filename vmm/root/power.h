/* SPDX-License-Identifier: Apache-2.0 */
/* Switching the machine off and resetting it. */
#ifndef ROOT_POWER_H
#define ROOT_POWER_H

#include <lib/base.h>

/* Read the firmware's tables and get the ports they name. */
void power_init(void);
/* ACPI S5.  Returns only when that is not possible. */
void power_off(void);
/* The reset register of ACPI, else that of the chipset, else the keyboard controller.  Returns only when none works. */
void power_reset(void);
/* Get I/O ports [@base, @base + @count) for root itself. */
bool power_ports(uint16_t base, uint16_t count) MUST_USE;

#endif
