/* SPDX-License-Identifier: Apache-2.0 */
/* Switching off and resetting, with what root/acpi.c found in the firmware's tables. */
#include "power.h"

#include <rt/io.h>
#include <rt/log.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "acpi.h"
#include "mem.h"
#include "root.h"

/* Reset Control Register of PC chipsets: a full reset. */
#define RESET_PORT		0xcf9u
#define RESET_FULL		0x0eu
/* Keyboard controller: command "pulse output line 0", which is the CPU's reset. */
#define I8042_COMMAND		0x64u
#define I8042_RESET		0xfeu

#define WAIT_MS			100u		/* for the hardware to obey */

static struct acpi_power tables;
static uint64_t acpi_mapped;			/* bytes at ROOT_ACPI */
static uint64_t ports_next = ROOT_SEL_PORTS;

bool power_ports(uint16_t base, uint16_t count)
{
	uint64_t sel = ports_next;

	if (sys_cap_derive(TV_SEL_DOMAIN, sel, TV_SEL_PORTS, TV_RIGHT_USE, base, count) != TV_OK)
		return false;
	ports_next++;
	if (sys_port_grant(TV_SEL_DOMAIN, sel) == TV_OK)
		return true;
	(void)sys_cap_delete(sel);
	ports_next--;
	return false;
}

const uint8_t *acpi_at(uint64_t phys, uint64_t size)
{
	uint64_t first = align_down(phys, PAGE_SIZE), length = align_up(phys + size, PAGE_SIZE) - first;
	uint64_t offset, sel = mem_region_at(first, length, TV_REGION_ACPI, &offset);
	uint32_t type = TV_MAP_WB;

	if (acpi_mapped)
		RT_CHECK(sys_mem_unmap(TV_SEL_DOMAIN, ROOT_ACPI, acpi_mapped) == TV_OK);
	acpi_mapped = 0;
	if (!sel) {				/* the RSDP lies in the BIOS area, which is no memory to the kernel */
		sel = mem_region_at(first, length, TV_REGION_MMIO, &offset);
		type = TV_MAP_UC;
	}
	if (!sel || sys_mem_map(TV_SEL_DOMAIN, ROOT_ACPI, sel, offset, length, TV_MAP_READ | type) != TV_OK)
		return NULL;
	acpi_mapped = length;
	return (const uint8_t *)ROOT_ACPI + (phys - first);
}

void power_init(void)
{
	acpi_power_read(&tables, root.info->rsdp);
	if (tables.can_sleep)
		tables.can_sleep = power_ports(tables.pm1a_control, 2) &&
				   (!tables.pm1b_control || power_ports(tables.pm1b_control, 2)) &&
				   (!tables.smi_command || power_ports(tables.smi_command, 1));
	if (tables.can_reset && tables.reset_port != RESET_PORT)
		tables.can_reset = power_ports(tables.reset_port, 1);
	if (!power_ports(RESET_PORT, 1) || !power_ports(I8042_COMMAND, 1))
		root_say("no access to the reset ports");
	if (!tables.can_sleep)
		root_say("ACPI: no way to switch this machine off was found");
}

static void power_wait(void)
{
	uint64_t until = root_after_ms(WAIT_MS);

	while (clock_now() < until)
		;
}

/* ACPI specification, "Legacy/ACPI Select and the SCI Interrupt": SCI_EN tells whether ACPI mode is on. */
static void power_acpi_mode(void)
{
	uint64_t until = root_after_ms(WAIT_MS);

	if (!tables.smi_command || !tables.acpi_enable || io_read16(tables.pm1a_control) & ACPI_SCI_EN)
		return;
	io_write8(tables.smi_command, tables.acpi_enable);
	while (!(io_read16(tables.pm1a_control) & ACPI_SCI_EN) && clock_now() < until)
		;
}

static void power_sleep(uint16_t port, uint8_t type)
{
	uint16_t v = io_read16(port) & (uint16_t)~(ACPI_SLP_TYP | ACPI_SLP_EN);

	v = (uint16_t)(v | type << ACPI_SLP_TYP_SHIFT);
	io_write16(port, v);
	io_write16(port, (uint16_t)(v | ACPI_SLP_EN));
}

void power_off(void)
{
	if (!tables.can_sleep)
		return;
	power_acpi_mode();
	if (tables.pm1b_control)
		power_sleep(tables.pm1b_control, tables.sleep_type_b);
	power_sleep(tables.pm1a_control, tables.sleep_type_a);
	power_wait();
}

void power_reset(void)
{
	if (tables.can_reset) {
		io_write8(tables.reset_port, tables.reset_value);
		power_wait();
	}
	io_write8(RESET_PORT, RESET_FULL);
	power_wait();
	io_write8(I8042_COMMAND, I8042_RESET);
	power_wait();
}
