/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an emulated instruction: RIP moves behind it, the interrupt shadow and RF end with it, and a set TF traps.
 *
 *	len = retire_length(v);
 *	if (!len)
 *		return VM_NEXT_RUN;	the exit comes again, or the instruction is not there any more, or it faults
 *	...				its effect
 *	return retire(v, len);
 */
#ifndef VMM_RETIRE_H
#define VMM_RETIRE_H

#include <lib/base.h>

#include "exit.h"

/* Length of the instruction that caused the exit.  0: see above; nothing was changed but for an exception that is on its way. */
unsigned retire_length(struct vcpu *v);

/* Retire the instruction of @len bytes, as retire_length() gave it. */
enum vm_next retire(struct vcpu *v, unsigned len);

/* The same after insn_exec() has moved RIP by itself; @tf: RFLAGS.TF was set before. */
enum vm_next retire_done(struct vcpu *v, bool tf);

#endif
