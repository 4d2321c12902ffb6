/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the CPUs of a VM begin and rest.  SDM, "Multiple-Processor (MP) Initialization".
 *
 *	   power-up of another CPU than the first ---> WAIT_SIPI --SIPI--> RUNNING --HLT--> halted
 *	                                                  ^                   |               |
 *	                                                  +-------INIT--------+---------------+
 *
 * Everything here is done by the vCPU's own thread; others only set events in its local APIC.
 */
#ifndef VMM_MP_H
#define VMM_MP_H

#include <lib/base.h>

struct vcpu;
struct vm;

enum mp_state { MP_RUNNING, MP_WAIT_SIPI, MP_ASLEEP };	/* MP_ASLEEP: the first CPU, see suspend.h */

/*
 * Take INIT and SIPI, if they came.  True: the CPU executes instructions (or would, if it were not halted); false: it waits
 * for a SIPI, or its INIT ended the VM.
 */
bool mp_events(struct vcpu *v) MUST_USE;

/* Has another CPU ended the HLT of @v by hypercall, before or after it began?  Takes the wish. */
bool mp_unhalted(struct vcpu *v) MUST_USE;

/*
 * @v, which has said that it goes away, is about to sleep.  False: no CPU of the VM could ever run again, so it must not.
 * Otherwise call mp_wake() after the sleep.
 */
bool mp_rest(struct vcpu *v) MUST_USE;
void mp_wake(struct vcpu *v);

#endif
