/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paravirtual clock that Linux and others know from KVM: two MSRs by which a guest names pages, in which it then finds how
 * to turn its TSC into nanoseconds, and the wall-clock time of its start.  It tells the exact frequency of the TSC, which a guest
 * could otherwise only measure against emulated timers; afterwards Linux reads the TSC itself.
 *
 * Linux kernel documentation: "KVM-specific MSRs".
 */
#ifndef VMM_PVCLOCK_H
#define VMM_PVCLOCK_H

#include "msr.h"

#define MSR_PV_WALL_CLOCK	0x4b564d00u
#define MSR_PV_SYSTEM_TIME	0x4b564d01u

/* Bits of CPUID 0x40000101 EAX. */
#define PV_FEATURE_NO_IO_DELAY	BIT(1)
#define PV_FEATURE_CLOCK	BIT(3)
#define PV_FEATURE_CLOCK_STABLE	BIT(24)

/* RDMSR and WRMSR of the two.  MSR_FAULT: not offered, reserved bits, or no memory there. */
enum msr_result pvclock_get(struct vcpu *v, uint32_t msr, uint64_t *val);
enum msr_result pvclock_set(struct vcpu *v, uint32_t msr, uint64_t val);

/* The TSC of @v was changed: tell the guest. */
void pvclock_update(struct vcpu *v);

#endif
