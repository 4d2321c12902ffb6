/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that a VM has only when its configuration says so. */
#include <rt/heap.h>
#include <rt/log.h>

#include "upcall.h"
#include "vm.h"

#define SLOT_AHCI	30u

_Static_assert(AHCI_PORTS == VM_DISKS, "each disk has the port of its number");

/* The adapter with the drives of the configuration, if there are any. */
static bool drives_init(struct vm *vm, const struct vm_setup *setup)
{
	unsigned count = 0;

	for (unsigned i = 0; i < setup->config->disk_count; i++) {
		const struct vm_disk *c = &setup->config->disk[i];

		if (c->type != VM_DISK_SATA && c->type != VM_DISK_CDROM)
			continue;
		vm->sata[i] = vm_disk_ram(setup, i);
		vm->ahci.drive[i] = (struct ata_drive){ .medium = &vm->sata[i], .cd = c->type == VM_DISK_CDROM };
		__builtin_memcpy(vm->ahci.drive[i].serial, c->serial, BLK_SERIAL);
		count++;
	}
	return !count || ahci_init(&vm->ahci, &vm->board.pci, &vm->mem, SLOT_AHCI);
}

bool vm_devices_init(struct vm *vm, const struct vm_setup *setup)
{
	const uint32_t wanted = setup->config->devices;
	const struct dev_env env = {
		.vm = vm, .chip = &vm->board.chip, .timers = &vm->board.timers, .tsc_hz = vm->tsc_hz,
	};
	bool done = true;

	if (wanted & VM_DEVICE_TEST)
		done = testdev_init(&vm->testdev, &env, &vm->board.pio, &vm->board.mmio, heap_alloc(TESTDEV_MEMORY_SIZE));
	if (done && wanted & VM_DEVICE_PVPANIC)
		done = pvpanic_init(&env, &vm->board.pio);
	if (done)
		done = drives_init(vm, setup);
	if (!done)
		(void)vm_stop(vm, VM_EXIT_MONITOR, "two devices claim one address");
	return done;
}

void vm_debug_exit(struct vm *vm, uint32_t code)
{
	(void)vm_stop(vm, VM_EXIT_POWEROFF, "test device, code %u", code);
}

void vm_guest_panicked(struct vm *vm, unsigned what)
{
	if (!what)
		return;
	(void)atomic_fetch_add(&vm->shared->status.panics, 1);
	rt_log("the guest says that it has crashed%s", what & PVPANIC_CRASH_LOADED ? "; its crash kernel takes over" : "");
}
