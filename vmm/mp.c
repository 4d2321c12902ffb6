/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INIT, SIPI, and CPUs that sleep for ever: see mp.h.
 *
 * A CPU that halts with interrupts off, or waits for a SIPI, can be woken only by NMI, INIT, SIPI or hypercall: it rests.  When all CPUs
 * rest and nothing of that kind is on its way, the VM is dead.  vm->resting counts the resting CPUs in its low half; each that
 * wakes also increments the upper half, so that an unchanged word means that nobody has run in between.
 */
#include "mp.h"

#include <x86/cr.h>

#include "inject.h"
#include "suspend.h"
#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

#define RESTING(word)	((uint32_t)(word))
#define ONE_WAKE	(BIT(32) - 1)		/* one less resting, one more woken */
#define LVT_MODE	MASK(10, 8)
#define LVT_MASKED	BIT(16)			/* also in an entry of the IOAPIC   */

/*
 * The first CPU starts again at its reset vector: without firmware there, the machine is reset with it.  All others wait
 * for a SIPI.  TSC, MTRRs, FPU and most MSRs stay.
 */
static void take_init(struct vcpu *v)
{
	if (v->lapic.cfg.bsp) {
		vm_reset(v->vm);
		return;
	}
	(void)lapic_events_take(&v->lapic, LAPIC_EV_INIT);
	lapic_reset(&v->lapic, true);
	vcpu_init_registers(v);
	atomic_store(&v->s.unhalt, 0);
	v->s.mp = MP_WAIT_SIPI;
}

bool mp_events(struct vcpu *v)
{
	uint32_t events;

	suspend_events(v);
	if (v->s.mp == MP_ASLEEP)
		return false;
	if (lapic_events(&v->lapic) & LAPIC_EV_INIT) {
		take_init(v);
		if (vm_stopped(v->vm))
			return false;
	}
	/* A CPU that runs ignores a SIPI, and there is no SMM.  One that waits for a SIPI keeps NMIs for later. */
	events = lapic_events_take(&v->lapic, LAPIC_EV_SIPI | LAPIC_EV_SMI);
	if (v->s.mp == MP_WAIT_SIPI && events & LAPIC_EV_SIPI) {
		vcpu_start(v, lapic_sipi_vector(events));
		v->s.mp = MP_RUNNING;
	}
	return v->s.mp == MP_RUNNING;
}

bool mp_unhalted(struct vcpu *v)
{
	return atomic_load_explicit(&v->s.unhalt, memory_order_relaxed) && atomic_exchange(&v->s.unhalt, 0);
}

static bool sends_nmi(uint64_t entry)
{
	return !(entry & LVT_MASKED) && (entry & LVT_MODE) >> 8 == APIC_NMI;
}

/* Is a device set up to send NMIs?  Only they, and other CPUs, could reach a CPU that rests. */
static bool nmi_source(struct vm *vm)
{
	bool found = false;

	vm_dev_lock(vm);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		found |= sends_nmi(vm->board.ioapic.s.rte[i]);
	vm_dev_unlock(vm);
	for (unsigned i = 0; i < vm->cpu_count; i++)
		found |= sends_nmi(__atomic_load_n(&vm->vcpu[i]->lapic.s.lvt[LVT_LINT0], __ATOMIC_RELAXED));
	return found;
}

/* What would wake @v: 0 if it does not rest. */
static uint32_t wakes_by(const struct vcpu *v)
{
	if (v->s.mp == MP_WAIT_SIPI)
		return LAPIC_EV_INIT | LAPIC_EV_SIPI;
	if (v->s.mp == MP_ASLEEP || v->page->rflags & RFLAGS_IF)
		return 0;
	return LAPIC_EV_INIT | (v->page->shadow & TV_SHADOW_NMI ? 0 : LAPIC_EV_NMI);
}

/* Has a resting CPU been sent what it waits for?  It has not woken yet then. */
static bool waking(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->cpu_count; i++) {
		const struct vcpu *v = vm->vcpu[i];

		if (lapic_events(&v->lapic) & atomic_load(&v->wakes_by) || atomic_load(&v->s.unhalt))
			return true;
	}
	return false;
}

bool mp_rest(struct vcpu *v)
{
	uint32_t by = wakes_by(v);
	struct vm *vm = v->vm;
	uint64_t word;

	v->rests = by != 0;
	if (!by)
		return true;
	atomic_store(&v->wakes_by, by);
	/* Sequentially consistent: what the others sent before they rested is seen by the last one to do so. */
	word = atomic_fetch_add(&vm->resting, 1) + 1;
	if (RESTING(word) != vm->cpu_count || waking(vm) || nmi_source(vm) || atomic_load(&vm->resting) != word)
		return true;
	mp_wake(v);
	return false;
}

void mp_wake(struct vcpu *v)
{
	if (v->rests)
		atomic_fetch_add(&v->vm->resting, ONE_WAKE);
	v->rests = false;
}
