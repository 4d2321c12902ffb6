/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's log: whole lines into the ring that root reads; what finds no room is counted. */
#include <rt/log.h>
#include <rt/sys.h>

#include "upcall.h"
#include "vm.h"

/* rt_log() has one receiver in a program. */
static struct vm *log_vm;
static struct ring log_ring;

static void log_line(const char *text, size_t length)
{
	if (ring_space(&log_ring) < length) {
		atomic_fetch_add_explicit(&log_vm->shared->status.log_dropped, 1, memory_order_relaxed);
		return;
	}
	(void)ring_put(&log_ring, text, (uint32_t)length);
	if (ring_wake_getter(&log_ring))
		(void)sys_ntfn_signal(log_vm->root, log_vm->root_signal);
}

void vm_log_init(struct vm *vm)
{
	log_vm = vm;
	log_ring = vm_ring_log(vm->shared);
	rt_log_to(log_line);
}

void vm_bus_unclaimed(struct vm *vm, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	(void)vm;
	if (write)
		rt_log("%s 0x%llx: nobody takes a write of %u bytes (0x%llx)", space, (unsigned long long)addr, size,
		       (unsigned long long)val);
	else
		rt_log("%s 0x%llx: nobody answers a read of %u bytes", space, (unsigned long long)addr, size);
}
