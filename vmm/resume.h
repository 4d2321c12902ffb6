/* SPDX-License-Identifier: Apache-2.0 */
/* What of a VM is in the record, and how a new monitor goes on with the guest of an old one. */
#ifndef VMM_RESUME_H
#define VMM_RESUME_H

#include "record.h"

struct vm;
struct vcpu;

/* The part of a virtual CPU's life that only its monitor knows. */
struct vcpu_state {
	uint32_t mp;		/* enum mp_state */
	uint32_t halted;	/* 0 or 1        */
	_Atomic uint32_t unhalt;	/* PVCALL_KICK, 0 or 1: the present or next HLT ends at once */
};

/* The VM's time 0. */
struct start_state {
	uint64_t tsc;
	uint64_t time;		/* seconds since 1970 */
};

/* List in @r what belongs to @vm, which is complete.  False: there is no room. */
bool resume_prepare(struct vm *vm, struct record *r, uint64_t generation) MUST_USE;

/* Make @vm, which is as after power-up, what @old says.  NULL, or what is wrong with it. */
const char *resume_read(struct vm *vm, const struct record_old *old) MUST_USE;

#endif
