/* SPDX-License-Identifier: Apache-2.0 */
/* What nearly every exit needs of state.c and exit.c, to be inlined into the loop of run.c: group RIP, and the table of exits. */
#ifndef VMX_HOT_H
#define VMX_HOT_H

#include "vmx.h"

#include <x86/cr.h>
#include <x86/msr.h>

/* --- group RIP -------------------------------------------------------------------------------------------------------- */

#define SHADOWS		(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOVSS)
_Static_assert(TV_SHADOW_STI == INTERRUPTIBILITY_STI && TV_SHADOW_MOVSS == INTERRUPTIBILITY_MOVSS, "copied as they are");

/* state.c: with a blocking of interrupts or NMIs, old or new, which is rare. */
bool vmx_push_blocking(struct vmx_vcpu *s, uint64_t rflags, uint32_t shadow) MUST_USE;

static inline bool push_rip(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct vmx_vcpu *s = vmx_of(v);
	uint64_t rip = READ_ONCE(p->rip), rflags = READ_ONCE(p->rflags), rsp = READ_ONCE(p->gpr[TV_RSP]);
	uint32_t shadow = READ_ONCE(p->shadow);

	vmx_use(s);
	if (unlikely(!guest_rip_ok(rip, rflags)))
		return false;
	if (unlikely(rflags & RFLAGS_VM) && (!(s->cr0 & CR0_PE) || s->efer & EFER_LMA))
		return false;
	if (unlikely(shadow | vmx_blocking(s)) && !vmx_push_blocking(s, rflags, shadow))
		return false;
	vmcs_writen(VMCS_GUEST_RIP, rip);
	if (!(s->known & KNOWN_RSP) || rsp != s->rsp)
		vmcs_writen(VMCS_GUEST_RSP, rsp);
	if (!(s->known & KNOWN_RFLAGS) || rflags != s->rflags)
		vmcs_writen(VMCS_GUEST_RFLAGS, rflags);
	s->rsp = rsp;
	s->rflags = rflags;
	s->known |= KNOWN_RSP | KNOWN_RFLAGS;
	return true;
}

static inline void pull_rip(struct tv_exit_page *p, struct vmx_vcpu *s)
{
	uint32_t blocking = vmx_blocking(s);

	s->rsp = vmcs_readn(VMCS_GUEST_RSP);
	s->known |= KNOWN_RSP;
	p->rip = vmcs_readn(VMCS_GUEST_RIP);
	p->gpr[TV_RSP] = s->rsp;
	p->rflags = vmx_rflags(s);
	p->shadow = (blocking & SHADOWS) | (blocking & INTERRUPTIBILITY_NMI ? TV_SHADOW_NMI : 0);
}

/* --- exits ------------------------------------------------------------------------------------------------------------ */

#define VMX_REASONS	76u	/* SDM, "VMX Basic Exit Reasons": up to the last one that is known here */

struct exit_row {
	uint8_t kind;		/* enum tv_exit_kind of a complete row; else TV_EXIT_NONE    */
	uint8_t insn;		/* TV_EXIT_INSN: enum tv_insn                                */
	bool length;		/* the exit tells the instruction's length                   */
	uint32_t (*decode)(struct vcpu *v, uint32_t vectoring);	/* else; NULL: unknown */
};

/* exit.c: exits by reason; a reason that is not in the table; an entry that failed. */
extern const struct exit_row vmx_exit_table[VMX_REASONS];
uint32_t vmx_exit_unknown(struct vcpu *v, uint32_t reason);
uint32_t vmx_exit_failed(struct vcpu *v, enum vmx_entry entry, uint32_t reason);
/* The exit interrupted a delivery. */
void vmx_exit_vectoring(struct vcpu *v, uint32_t reason, uint32_t vectoring);

/* The exit of the current VMCS, or the failed entry, as a record in the state page: kind, arg0, arg1, insn_*, pending.  Returns the kind. */
static ALWAYS_INLINE uint32_t exit_decode(struct vcpu *v, enum vmx_entry entry)
{
	struct tv_exit_page *p = v->page;
	const struct exit_row *row;
	uint32_t reason, vectoring;

	reason = likely(entry == VMX_EXITED) ? vmcs_read32(VMCS_EXIT_REASON) : 0;
	if (unlikely(entry != VMX_EXITED || reason & REASON_FAILED_ENTRY))
		return vmx_exit_failed(v, entry, reason);
	vmx_of(v)->launched = 1;

	reason &= REASON_BASIC;
	vectoring = vmcs_read32(VMCS_IDT_VECTORING);
	if (unlikely(vectoring & EVENT_VALID))
		vmx_exit_vectoring(v, reason, vectoring);
	if (unlikely(reason >= VMX_REASONS))
		return vmx_exit_unknown(v, reason);
	row = &vmx_exit_table[reason];
	p->insn_len = row->length ? vmcs_read32(VMCS_EXIT_INSN_LEN) : 0;
	p->insn_count = 0;
	if (row->kind) {
		p->arg0 = row->insn;
		return row->kind;
	}
	return likely(row->decode) ? row->decode(v, vectoring) : vmx_exit_unknown(v, reason);
}

#endif
