/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variables: see variables.h. */
#include "variables.h"

#include <rt/heap.h>
#include <rt/sys.h>

#include <dev/flash.h>

#include "firmware.h"
#include "layout.h"
#include "vm.h"

struct variables {
	struct flash flash;
	struct vm *vm;
	uint64_t space, region;
};

static void show(void *arg, bool on)
{
	struct variables *v = arg;
	const struct flash_setup *s = &v->flash.s;
	enum tv_err err = on ? sys_mem_map(v->space, s->base, v->region, 0, s->size, TV_MAP_READ) :
			       sys_mem_unmap(v->space, s->base, s->size);

	if (err != TV_OK)
		(void)vm_stop(v->vm, VM_EXIT_MONITOR, "%s the flash failed with status %d", on ? "showing" : "hiding", (int)err);
}

/* The memory of the disk begins empty: what is still only in the image goes there, for the guest sees nothing but the memory. */
static void fill(struct blk_ram *ram)
{
	for (uint64_t at = 0; at < ram->size; at += BLK_RAM_BLOCK)
		blk_ram_own(ram, at);
}

bool variables_init(struct vm *vm, const struct vm_setup *setup, unsigned disk, uint64_t space, uint64_t region)
{
	struct variables *v = heap_alloc(sizeof(*v));
	struct blk_ram ram = vm_disk_ram(setup, disk);
	const struct flash_setup flash = {
		.mmio = &vm->board.mmio, .base = LAYOUT_HIGH - setup->config->firmware_size - ram.size, .size = ram.size, .data = ram.data,
		.show = show, .arg = v,
	};

	if (!ram.data || !setup->config->firmware_size || ram.size > FIRMWARE_MAX - setup->config->firmware_size) {
		(void)vm_stop(vm, VM_EXIT_REFUSED, "disk %u: a flash needs firmware, together at most %llu MiB", disk, FIRMWARE_MAX / MIB);
		return false;
	}
	fill(&ram);
	v->vm = vm;
	v->space = space;
	v->region = region;
	if (!flash_init(&v->flash, &flash)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "two devices claim the addresses of the flash");
		return false;
	}
	show(v, true);
	return !vm_stopped(vm);
}
