/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of guests, as Linux and others know them from KVM.  There is one: to wake another CPU that has halted while it
 * waits for a lock.  Every other gets a polite refusal, as KVM's signature in CPUID promises.
 *
 * Linux kernel documentation: "Linux KVM Hypercalls".
 */
#ifndef VMM_PVCALL_H
#define VMM_PVCALL_H

#include <lib/base.h>

#define PV_FEATURE_UNHALT	BIT(7)		/* of CPUID 0x40000101 EAX: PVCALL_KICK is there */

enum pvcall_number {
	PVCALL_KICK = 5,			/* second argument: APIC ID of a CPU; its present or next HLT ends */
};

struct vcpu;

/* Call @number of a guest's kernel, with its first two arguments.  Returns what RAX shall be: 0, or an error of KVM's. */
uint64_t pvcall(struct vcpu *v, uint64_t number, uint64_t arg0, uint64_t arg1);

#define PVCALL_ENOSYS		((uint64_t)-1000)
#define PVCALL_EPERM		((uint64_t)-1)	/* a program of the guest asked */

#endif
