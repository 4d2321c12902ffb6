/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the machine comes up. */
#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/boot_memory.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/phys_window.h>
#include <mm/frame.h>
#include <mm/kmap.h>

#include "acpi.h"
#include "apic.h"
#include "console.h"
#include "features.h"
#include "machine.h"
#include "smp.h"
#include "time.h"

const struct phys_window phys_window_boot = {
	.base = (const uint8_t *)DIRECT_MAP, .start = 0, .size = PHYS_WINDOW_BOOT_SIZE,
};

static struct acpi_info acpi;

uint64_t machine_rsdp(void)
{
	return boot_info.rsdp;
}

static void acpi_init(void)
{
	struct acpi_error err = { .text = "" };

	if (!boot_info.rsdp)
		cannot_run("ACPI: the firmware shows no RSDP");
	if (!acpi_parse(&phys_window_boot, boot_info.rsdp, &acpi, &err))
		cannot_run("%s", err.text);
}

_Static_assert(ACPI_IOAPICS <= MACHINE_OWNED_PAGES, "machine.h");

/* The local APIC lies among the addresses of messages, which nobody is given. */
unsigned machine_owned_pages(uint64_t *page, unsigned max)
{
	unsigned n = 0;

	for (; n < acpi.ioapic_count && n < max; n++)
		page[n] = align_down(acpi.ioapic[n].base, PAGE_SIZE);
	return n;
}

void machine_init(struct arch_cpu *boot)
{
	/* The boot page tables, which show the first 4 GiB, are in use up to kmap_init(). */
	console_init_boot();
	log_info("Trivet, loaded by %s%s%s", boot_info.loader, boot_info.cmdline[0] ? ": " : "", boot_info.cmdline);
	features_init();
	cpu_init_boot(boot);		/* from here on an exception ends in a panic, not in a reset */
	features_print();
	acpi_init();
	boot_memory_init();
	pt_x86_init();
	kmap_init();
	shadow_init(acpi.cpu_count);
	shadow_assign(boot);
	console_init();
	pic_disable();
	lapic_init(&acpi);
	boot->apic_id = lapic_id();
	ioapic_init(&acpi);
	time_init(&acpi);
	smp_init(&acpi);
}
