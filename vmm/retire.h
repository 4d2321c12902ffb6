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

#include <x86/cr.h>

#include "insn_seen.h"
#include "vcpu.h"

/* All that is not the straight line of retire_length(). */
unsigned retire_length_carefully(struct vcpu *v);

/* Length of the instruction that caused the exit.  0: see above; nothing was changed but for an exception that is on its way. */
static ALWAYS_INLINE unsigned retire_length(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	unsigned len = p->insn_len;

	if (!len && p->valid & TV_REGS_CODE) {
		const struct insn_memo *m = insn_seen(&v->insn);

		len = likely(m && m->kind == p->kind) ? m->in.length : 0;
	}
	if (unlikely(!len || p->rflags & RFLAGS_TF || (p->rip ^ (p->rip + len)) >> 16))
		return retire_length_carefully(v);
	v->mismatches = 0;
	return len;
}

uint64_t retire_wrap(const struct vcpu *v, uint64_t rip);
enum vm_next retire_trap(struct vcpu *v);

/* The end of an instruction after insn_exec() has moved RIP by itself; @tf: RFLAGS.TF was set before. */
static inline enum vm_next retire_done(struct vcpu *v, bool tf)
{
	struct tv_exit_page *p = v->page;

	p->shadow &= ~(TV_SHADOW_STI | TV_SHADOW_MOVSS);
	p->rflags &= ~RFLAGS_RF;
	p->dirty |= TV_REGS_RIP;
	return unlikely(tf) ? retire_trap(v) : VM_NEXT_RUN;
}

/* Retire the instruction of @len bytes, as retire_length() gave it. */
static inline enum vm_next retire(struct vcpu *v, unsigned len)
{
	struct tv_exit_page *p = v->page;
	uint64_t rip = p->rip + len;

	if (unlikely((rip ^ p->rip) >> 16))
		rip = retire_wrap(v, rip);
	p->rip = rip;
	return retire_done(v, (p->rflags & RFLAGS_TF) != 0);
}

#endif
