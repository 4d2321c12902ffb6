/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events into the guest: which one goes with the next entry, and how to get the CPU back as soon as the next can.
 *
 * - The CPU has windows: an exit as soon as an interrupt, or an NMI, could be delivered.
 * - With virtual NMIs it tracks the blocking of NMIs itself, and an IRET of the guest ends it.
 * - Blocking by STI also keeps NMIs away, on some processors; an NMI window might yet open inside it, for ever.  So while one is
 *   open, that blocking is turned into the one of MOV SS, which holds back both for the same one instruction.
 */
#include "vmx.h"

#include <kernel/event.h>
#include <x86/cr.h>
#include <x86/seg.h>

#define SHADOWS		(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOVSS)

/* Exceptions that are faults, whose saved RFLAGS has RF set: all but #DB, #BP, #OF, #DF and #MC. */
#define FAULTS		0xfffbfee1u
/* Exceptions with which VM entry demands an error code, outside of real mode: #DF #TS #NP #SS #GP #PF #AC.  No other may have one. */
#define WITH_ERROR	0x00027d00u

static bool is_type(uint64_t event, unsigned type)
{
	return event & TV_EVENT_VALID && TV_EVENT_TYPE(event) == type;
}

static void set_windows(struct vmx_vcpu *s, uint32_t windows)
{
	if (s->windows == windows)
		return;
	s->windows = windows;
	vmx_controls(s);
	vmx_update_attention(s);
}

/* Nothing of the guest runs any more before RIP, CR and SEG were loaded. */
void vmx_shut_down(struct vmx_vcpu *s)
{
	s->shutdown = true;
	vmx_update_attention(s);
}

/* --- before the entry --------------------------------------------------------------------------------------------------- */

static bool deliverable(struct vmx_vcpu *s, uint64_t event)
{
	if (is_type(event, TV_EVENT_EXTINT))
		return vmx_rflags(s) & RFLAGS_IF && !(vmx_blocking(s) & SHADOWS);
	if (is_type(event, TV_EVENT_NMI))
		return !(vmx_blocking(s) & (SHADOWS | INTERRUPTIBILITY_NMI));
	return true;
}

/* Put @q->now, which can be delivered, into the VMCS. */
static void deliver(struct vmx_vcpu *s, const struct event_queue *q)
{
	uint32_t info = (uint32_t)q->now & ~EVENT_ERROR;
	unsigned vector = TV_EVENT_VECTOR(q->now);

	switch (TV_EVENT_TYPE(q->now)) {
	case TV_EVENT_EXC:
		if (FAULTS >> vector & 1 && !(vmx_rflags(s) & RFLAGS_RF)) {
			s->rflags |= RFLAGS_RF;
			vmcs_writen(VMCS_GUEST_RFLAGS, s->rflags);
		}
		/* In real mode no exception has an error code. */
		if (WITH_ERROR >> vector & 1 && s->cr0 & CR0_PE) {
			info |= EVENT_ERROR;
			vmcs_write32(VMCS_ENTRY_ERROR_CODE, TV_EVENT_ERROR(q->now));
		}
		break;
	case TV_EVENT_SOFT_INT:
	case TV_EVENT_SOFT_EXC:
	case TV_EVENT_PRIV_EXC:
		vmcs_write32(VMCS_ENTRY_INSN_LEN, q->now_len);
		break;
	}
	/* The delivery ends the shadow; left as it is, it could contradict RFLAGS.TF. */
	vmx_set_blocking(s, vmx_blocking(s) & ~SHADOWS);
	vmcs_write32(VMCS_ENTRY_EVENT, info);
}

/*
 * Called before an entry when an event or a window waits, or the last ones left something to do.  Returns a kind that is to be
 * reported instead of entering, or TV_EXIT_NONE.
 */
uint32_t vmx_inject(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	uint32_t ask = READ_ONCE(p->window), windows = 0;
	struct event_queue q;
	enum event_result result = event_take(p, true, &q);
	bool busy = false;

	if (s->shutdown || result == EVENT_TRIPLE) {
		vmx_shut_down(s);
		return TV_EXIT_SHUTDOWN;
	}
	if (result == EVENT_REFUSED)
		return VIRT_REFUSED;
	if (result == EVENT_WAITS && deliverable(s, q.now)) {
		deliver(s, &q);
		event_accepted(p, &q);
		q.now = q.later;
		q.later = 0;
		busy = true;
	}

	if (ask & TV_WINDOW_INTR || is_type(q.now, TV_EVENT_EXTINT) || is_type(q.later, TV_EVENT_EXTINT))
		windows |= PROC_INTR_WINDOW;
	if (ask & TV_WINDOW_NMI || is_type(q.now, TV_EVENT_NMI) || is_type(q.later, TV_EVENT_NMI))
		windows |= PROC_NMI_WINDOW;
	if (windows & PROC_NMI_WINDOW && !busy && vmx_blocking(s) & INTERRUPTIBILITY_STI)
		vmx_set_blocking(s, (vmx_blocking(s) & ~INTERRUPTIBILITY_STI) | INTERRUPTIBILITY_MOVSS);
	set_windows(s, windows);
	return TV_EXIT_NONE;
}

/* --- after the exit ----------------------------------------------------------------------------------------------------- */

/*
 * The exit interrupted a delivery: keep the event for the next entry, which comes before any other.  For INT n, INT3 and INTO that
 * the guest executed this is the same as executing them again.
 */
void vmx_interrupted(struct vcpu *v, uint32_t info)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	uint64_t event = info & EVENT_DEFINED;

	if (event & EVENT_ERROR)
		event |= (uint64_t)vmcs_read32(VMCS_IDT_VECTORING_ERROR) << 32;
	switch (EVENT_TYPE(info)) {
	case TV_EVENT_NMI:
		vmx_set_blocking(s, vmx_blocking(s) & ~INTERRUPTIBILITY_NMI);
		break;
	case TV_EVENT_SOFT_INT:
	case TV_EVENT_SOFT_EXC:
	case TV_EVENT_PRIV_EXC:
		p->pending_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
		break;
	}
	p->pending = event;
}

/* A window opened: report it, unless it was opened for an event that can go in now. */
uint32_t vmx_window_opened(struct vcpu *v, uint32_t control)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;
	bool nmi = control == PROC_NMI_WINDOW;
	unsigned type = nmi ? TV_EVENT_NMI : TV_EVENT_EXTINT;
	uint32_t window = nmi ? TV_WINDOW_NMI : TV_WINDOW_INTR;

	set_windows(s, s->windows & ~control);
	if (is_type(READ_ONCE(p->pending), type) || is_type(READ_ONCE(p->inject), type) || !(READ_ONCE(p->window) & window))
		return TV_EXIT_NONE;
	p->arg0 = window;
	return TV_EXIT_WINDOW;
}

/*
 * Deliver exception @event, which an intercept took, to the guest after all; @len: of a software one.  @met: it was raised by the
 * delivery in page->pending.  Returns a kind to report, or TV_EXIT_NONE.
 */
uint32_t vmx_reflect(struct vcpu *v, uint64_t event, uint32_t len, bool met)
{
	struct tv_exit_page *p = v->page;
	uint64_t merged = event;

	if (met && !event_merge(READ_ONCE(p->pending), event, &merged)) {
		p->pending = 0;
		vmx_shut_down(vmx_of(v));
		return TV_EXIT_SHUTDOWN;
	}
	p->pending_len = len;
	p->pending = merged;
	return TV_EXIT_NONE;
}
