/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way into the guest: exceptions of emulated instructions, NMIs, interrupts. */
#ifndef VMM_INJECT_H
#define VMM_INJECT_H

#include <x86/seg.h>

#include "exit.h"

/*
 * Raise @vector at the present RIP before the next entry.  Faults set RF in the pushed flags; the error code is left out where
 * the CPU has none.  Always VM_NEXT_RUN, so that a handler can return it.
 */
enum vm_next inject_exception(struct vcpu *v, enum x86_exception vector, uint32_t error);

/* #GP(0) and #UD, the usual answers. */
static inline enum vm_next inject_gp(struct vcpu *v) { return inject_exception(v, EXC_GP, 0); }
static inline enum vm_next inject_ud(struct vcpu *v) { return inject_exception(v, EXC_UD, 0); }

/* #PF with its CR2; needs group CR. */
enum vm_next inject_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2);

/*
 * Before an entry, when something became pending: put the event of highest priority that can be delivered now into the state
 * page, and ask for a window for what cannot.  Returns true if an event is on its way, which ends a HLT.
 */
bool inject_prepare(struct vcpu *v);

/* Could anything that is pending now be delivered?  For a halted vCPU. */
bool inject_possible(const struct vcpu *v);

/*
 * An old monitor of @v may have ended after it gave an interrupt to the state page and before its local APIC knew: let it
 * know now.
 */
void inject_resume(struct vcpu *v);

#endif
