/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that a VM has only when its configuration says so. */
#include <rt/heap.h>
#include <rt/log.h>

#include "upcall.h"
#include "vm.h"

bool vm_devices_init(struct vm *vm, uint32_t wanted)
{
	const struct dev_env env = {
		.vm = vm, .chip = &vm->board.chip, .timers = &vm->board.timers, .tsc_hz = vm->tsc_hz,
	};
	bool done = true;

	if (wanted & VM_DEVICE_TEST)
		done = testdev_init(&vm->testdev, &env, &vm->board.pio, &vm->board.mmio, heap_alloc(TESTDEV_MEMORY_SIZE));
	if (done && wanted & VM_DEVICE_PVPANIC)
		done = pvpanic_init(&env, &vm->board.pio);
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
