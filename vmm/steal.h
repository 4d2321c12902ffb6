/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steal time, as Linux and others know it from KVM: a guest names a page for each of its CPUs by an MSR and finds there how
 * long this CPU wanted to run and did not, because the host's CPU did something else.  So it does not charge that time to
 * whatever ran before.
 *
 * Linux kernel documentation: "KVM-specific MSRs".
 */
#ifndef VMM_STEAL_H
#define VMM_STEAL_H

#include "msr.h"

#define MSR_PV_STEAL_TIME	0x4b564d03u
#define PV_FEATURE_STEAL_TIME	BIT(5)		/* of CPUID 0x40000101 EAX */

struct steal {
	uint64_t since;			/* TSC when this monitor began to count, 0: it has not; and ... */
	uint64_t consumed, halted;	/* ... what these were then, in ticks                           */
	uint64_t told;			/* ticks that the guest has been told of since                  */
	uint64_t updated;		/* TSC of the last time                                         */
};

/* RDMSR and WRMSR.  MSR_FAULT: not offered, reserved bits, or no memory there. */
enum msr_result steal_get(struct vcpu *v, uint32_t msr, uint64_t *val);
enum msr_result steal_set(struct vcpu *v, uint32_t msr, uint64_t val);

/* Bring the guest's page up to date, if that is wanted and was not done just now.  @now: the TSC; by the thread of @v. */
void steal_update(struct vcpu *v, uint64_t now);

#endif
