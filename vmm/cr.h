/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers as the guest may load them. */
#ifndef VMM_CR_H
#define VMM_CR_H

#include "cpuid.h"
#include "exit.h"

/* Is @va a canonical linear address?  With five-level paging offered, its wider notion counts, as on hardware. */
static inline bool cr_canonical(const struct cpuid_model *m, uint64_t va)
{
	unsigned shift = 64u - m->linear_bits;

	return (uint64_t)((int64_t)(va << shift) >> shift) == va;
}

/* May the guest load EFER with @val, in the present mode?  Needs group CR. */
bool cr_efer_valid(const struct vcpu *v, uint64_t val);

/*
 * Load a control register with all the checks of the architecture.  False: raise #GP(0), nothing was changed.  Needs group CR.
 * cr0 and cr4 may reload the PDPTEs of PAE paging from guest memory.
 */
bool cr0_load(struct vcpu *v, uint64_t val) MUST_USE;
bool cr3_load(struct vcpu *v, uint64_t val) MUST_USE;
bool cr4_load(struct vcpu *v, uint64_t val) MUST_USE;

#endif
