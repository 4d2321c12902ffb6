/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC as firmware wants it: see firmware.h.  SeaBIOS and OVMF know the machine by its host bridge (Q35) and by QEMU's subsystem
 * IDs, ask fw_cfg about memory, CPUs and ACPI tables, and talk to port 402h.
 */
#include "firmware.h"

#include <dev/pci_cfg.h>
#include <rt/heap.h>
#include <rt/log.h>

#include "acpi.h"
#include "layout.h"
#include "vm.h"

#define SUBSYSTEM_QEMU	0x11001af4u		/* Red Hat's vendor ID, "virtual machine" */
#define LPC_DEVFN	(0x1fu << 3)
#define DEBUG_PORT	0x402u
#define DEBUG_PRESENT	0xe9u
#define SERCON_PORT	0x3f8u			/* SeaBIOS shows its text screen there */
#define SETUP_SECTS	0x1f1u			/* boot protocol: the header's first byte */
#define SECTOR		512u

/* Intel, "I/O Controller Hub 9 (ICH9) Family Datasheet", "LPC Interface Bridge Registers". */
static const struct pci_row lpc_rows[] = {
	{ PCI_VENDOR, 2, 0x8086, 0, 0 },
	{ PCI_DEVICE, 2, 0x2918, 0, 0 },
	{ PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0x0140, 0 },
	{ PCI_CLASS, 4, 0x06010002, 0, 0 },		/* bridge to ISA, revision 2 */
	{ PCI_SUBSYSTEM, 4, SUBSYSTEM_QEMU, 0, 0 },
	{ 0x40, 4, PM_BASE | 1, 0, 0 },			/* PMBASE: fixed, and where all firmware puts it */
	{ 0x44, 1, 0x80, 0, 0 },			/* ACPI_CNTL: enabled, IRQ 9 */
	{ 0x60, 4, 0x80808080, 0x8f8f8f8f, 0 },		/* PIRQA ... D: not routed to the PIC, whatever is written */
	{ 0x68, 4, 0x80808080, 0x8f8f8f8f, 0 },		/* PIRQE ... H */
	{ 0xa0, 2, 0, 0xffff, 0 },			/* GEN_PMCON_1 */
	{ 0xf0, 4, 0, 0xffffc001, 0 },			/* RCBA: nothing is there */
};

static uint64_t debug_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return DEBUG_PRESENT;
}

static void debug_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct firmware *f = dev;
	char c = (char)val;

	(void)off;
	(void)size;
	if (c != '\n')
		f->line[f->length++] = c;
	if (!f->length || (c != '\n' && f->length < FIRMWARE_LINE - 1))
		return;
	f->line[f->length] = 0;
	rt_log("firmware: %s", f->line);
	f->length = 0;
}

static const struct bus_ops debug_ops = { debug_read, debug_write };

/* ACPI tables for an unknown address, and the script that places them. */
static bool tables_add(struct vm *vm, struct fwcfg *f)
{
	const struct acpi_config acpi = { .cpu_count = vm->cpu_count, .ioapic_id = vm->board.ioapic.s.id };
	uint8_t *tables = heap_alloc(FIRMWARE_TABLES);
	uint8_t *script = heap_alloc(FIRMWARE_SCRIPT), *rsdp = heap_alloc(ACPI_RSDP_SIZE);
	uint64_t size = acpi_build(tables, FIRMWARE_TABLES, 0, &acpi);
	uint64_t script_size = size ? acpi_loader(tables, size, rsdp, script, FIRMWARE_SCRIPT) : 0;

	return script_size && fwcfg_add_file(f, ACPI_FILE_RSDP, rsdp, ACPI_RSDP_SIZE) &&
	       fwcfg_add_file(f, ACPI_FILE_TABLES, tables, (uint32_t)size) &&
	       fwcfg_add_file(f, ACPI_FILE_SCRIPT, script, (uint32_t)script_size);
}

static bool memory_add(struct vm *vm, struct firmware *fw)
{
	uint64_t low = layout_low(vm->memory);

	fw->ram[0] = (struct firmware_ram){ 0, low, E820_RAM };
	fw->ram[1] = (struct firmware_ram){ LAYOUT_HIGH, vm->memory - low, E820_RAM };
	return fwcfg_add_file(&fw->fwcfg, "etc/e820", fw->ram, sizeof(fw->ram[0]) * (vm->memory > low ? 2 : 1)) &&
	       fwcfg_add_number(&fw->fwcfg, FWCFG_RAM_SIZE, low, 8) && fwcfg_add_number(&fw->fwcfg, FWCFG_NOGRAPHIC, 1, 2) &&
	       fwcfg_add_number(&fw->fwcfg, FWCFG_CPUS, vm->cpu_count, 2) &&
	       fwcfg_add_number(&fw->fwcfg, FWCFG_MAX_CPUS, vm->cpu_count, 2);
}

/* A Linux kernel that UEFI firmware starts itself: boot sector and setup code, and the rest. */
static bool kernel_add(struct fwcfg *f, const struct firmware_input *in)
{
	uint64_t setup;

	if (!in->kernel_size)
		return true;
	if (in->kernel_size <= SETUP_SECTS || in->kernel_size > UINT32_MAX || in->initrd_size > UINT32_MAX)
		return false;
	setup = min_u64(((uint64_t)(in->kernel[SETUP_SECTS] ? in->kernel[SETUP_SECTS] : 4) + 1) * SECTOR, in->kernel_size);
	return fwcfg_add_number(f, FWCFG_SETUP_SIZE, setup, 4) && fwcfg_add(f, FWCFG_SETUP_DATA, in->kernel, (uint32_t)setup) &&
	       fwcfg_add_number(f, FWCFG_KERNEL_SIZE, in->kernel_size - setup, 4) &&
	       fwcfg_add(f, FWCFG_KERNEL_DATA, in->kernel + setup, (uint32_t)(in->kernel_size - setup)) &&
	       fwcfg_add_number(f, FWCFG_INITRD_SIZE, in->initrd_size, 4) &&
	       fwcfg_add(f, FWCFG_INITRD_DATA, in->initrd, (uint32_t)in->initrd_size) &&
	       fwcfg_add_number(f, FWCFG_CMDLINE_SIZE, __builtin_strlen(in->cmdline) + 1, 4) &&
	       fwcfg_add(f, FWCFG_CMDLINE_DATA, in->cmdline, (uint32_t)__builtin_strlen(in->cmdline) + 1);
}

static bool machine_add(struct vm *vm, struct firmware *fw)
{
	static const uint64_t sercon = SERCON_PORT;
	struct bus_range debug = { DEBUG_PORT, 1, &debug_ops, fw, "debug port", 1 };

	fw->lpc = (struct pci_func){ .devfn = LPC_DEVFN, .rows = lpc_rows, .row_count = ARRAY_LEN(lpc_rows) };
	vm->board.kbd.keyboard = true;
	pci_cfg_set(&vm->board.pci.bridge, PCI_SUBSYSTEM, 4, SUBSYSTEM_QEMU);
	return pci_add(&vm->board.pci, &fw->lpc) && bus_add(&vm->board.pio, &debug) &&
	       fwcfg_init(&fw->fwcfg, &vm->mem, &vm->board.pio) && memory_add(vm, fw) && tables_add(vm, &fw->fwcfg) &&
	       fwcfg_add_file(&fw->fwcfg, "etc/sercon-port", &sercon, 2);
}

bool firmware_init(struct vm *vm, const struct firmware_input *in)
{
	uint64_t low = min_u64(in->size, FIRMWARE_LOW);
	struct firmware *fw = heap_alloc(sizeof(*fw));

	if (!gmem_write(&vm->mem, (gpa_t){ LAYOUT_HIMEM - low }, in->image + in->size - low, low)) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "memory: too small for any firmware");
		return false;
	}
	if (!machine_add(vm, fw)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for the firmware's devices");
		return false;
	}
	if (!kernel_add(&fw->fwcfg, in)) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "kernel: nothing that this firmware could start");
		return false;
	}
	return true;
}
