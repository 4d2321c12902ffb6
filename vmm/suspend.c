/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspend to memory: see suspend.h.  ACPI specification, "Waking and Sleeping".
 *
 * vm->suspends counts the requests and vm->wakes the wake events; each CPU's thread resets its CPU when it sees a new request, and
 * says so in vcpu.suspended.  The first one does not wake before all have, so that no CPU that it starts is reset afterwards.
 */
#include "suspend.h"

#include <x86/cr.h>

#include "acpi.h"
#include "gmem.h"
#include "layout.h"
#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

bool vm_sleep(struct vm *vm)
{
	if (!vm->can_suspend)
		return false;
	atomic_fetch_add(&vm->suspends, 1);
	for (unsigned i = 0; i < vm->cpu_count; i++)
		vcpu_notify(vm->vcpu[i]);
	return true;
}

void vm_wake(struct vm *vm)
{
	atomic_store(&vm->wakes, atomic_load(&vm->suspends));
	vcpu_notify(vm->vcpu[0]);
}

/* As after power-up, and as firmware leaves it. */
static void power_down(struct vcpu *v, uint32_t suspends)
{
	struct vm *vm = v->vm;

	lapic_reset(&v->lapic, false);
	vcpu_reset_registers(v);
	msr_firmware_mtrrs(v, LAYOUT_LOW_MAX);
	atomic_store(&v->s.unhalt, 0);
	v->s.mp = v->index ? MP_WAIT_SIPI : MP_ASLEEP;
	if (!v->index) {
		vm_dev_lock(vm);
		board_suspend(&vm->board);
		vm_dev_unlock(vm);
	}
	atomic_store(&v->suspended, suspends);
	vcpu_notify(vm->vcpu[0]);
}

static bool all_down(struct vm *vm)
{
	for (unsigned i = 0; i < vm->cpu_count; i++)
		if (atomic_load(&vm->vcpu[i]->suspended) != atomic_load(&vm->suspends))
			return false;
	return true;
}

/* In real mode, at the address that the guest has put into its FACS; without one that real mode reaches, this is a reset. */
static void wake(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t vector;

	if (!gmem_read(&v->vm->mem, (gpa_t){ LAYOUT_ACPI + ACPI_WAKING_VECTOR }, &vector, sizeof(vector)) || !vector || vector >= MIB) {
		vm_reset(v->vm);
		return;
	}
	p->rip = vector & 0xf;
	p->seg[TV_CS].sel = (uint16_t)(vector >> 4);
	p->seg[TV_CS].base = vector & ~0xfull;
	p->cr0 = CR0_ET;
	p->dirty |= TV_REGS_RIP | TV_REGS_SEG | TV_REGS_CR;
	vcpu_virtual_wire(v);
	v->s.mp = MP_RUNNING;
}

void suspend_events(struct vcpu *v)
{
	uint32_t suspends = atomic_load_explicit(&v->vm->suspends, memory_order_acquire);

	if (unlikely(atomic_load_explicit(&v->suspended, memory_order_relaxed) != suspends))
		power_down(v, suspends);
	if (unlikely(v->s.mp == MP_ASLEEP) && atomic_load(&v->vm->wakes) == suspends && all_down(v->vm))
		wake(v);
}
