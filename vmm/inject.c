/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way into the guest.
 *
 * The state page has one slot, @inject, and the kernel's @pending: an event whose delivery an exit interrupted, which comes
 * first.  So at most one event goes with an entry; whatever else waits gets a window.  SDM, "Priority Among Simultaneous
 * Exceptions and Interrupts": exceptions of the emulated instruction, NMI, external interrupts.
 */
#include "inject.h"

#include <x86/cr.h>

#include "vcpu.h"
#include "vm.h"

#define SHADOW_INSN	(TV_SHADOW_STI | TV_SHADOW_MOVSS)	/* ends with the next instruction */

/* A trap, or an abort: everything else that can be raised here is a fault. */
static bool is_fault(unsigned vector)
{
	return vector != EXC_DB && vector != EXC_BP && vector != EXC_OF && vector != EXC_DF && vector != EXC_MC;
}

enum vm_next inject_exception(struct vcpu *v, enum x86_exception vector, uint32_t error)
{
	struct tv_exit_page *p = v->page;
	uint64_t event = TV_EVENT(TV_EVENT_EXC, vector);

	/* In real mode no exception has an error code. */
	if (EXC_WITH_ERROR_CODE >> vector & 1 && p->cr0 & CR0_PE)
		event |= TV_EVENT_HAS_ERROR | (uint64_t)error << 32;
	if (is_fault(vector)) {
		p->rflags |= RFLAGS_RF;
		p->dirty |= TV_REGS_RIP;
	}
	p->inject = event;
	/* An interrupt that waits for this slot needs another chance. */
	atomic_store_explicit(&v->notified, 1, memory_order_relaxed);
	return VM_NEXT_RUN;
}

enum vm_next inject_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2)
{
	v->page->cr2 = cr2;
	v->page->dirty |= TV_REGS_CR;
	return inject_exception(v, EXC_PF, error);
}

static bool slot_free(const struct tv_exit_page *p)
{
	return !((p->inject | p->pending) & TV_EVENT_VALID);
}

static bool nmi_open(const struct tv_exit_page *p)
{
	return !(p->shadow & (TV_SHADOW_NMI | SHADOW_INSN));
}

static bool intr_open(const struct tv_exit_page *p)
{
	return p->rflags & RFLAGS_IF && !(p->shadow & SHADOW_INSN);
}

static bool intr_waits(const struct vcpu *v)
{
	return lapic_extint(&v->lapic) || lapic_pending(&v->lapic) >= 0;
}

bool inject_possible(const struct vcpu *v)
{
	uint32_t events = lapic_events(&v->lapic);

	return events & LAPIC_EV_INIT || (events & LAPIC_EV_NMI && nmi_open(v->page)) ||
	       (intr_open(v->page) && intr_waits(v));
}

/* Take the next interrupt, if any, out of its controller: the PIC's goes first, as its wire does. */
static void take_interrupt(struct vcpu *v)
{
	if (lapic_extint(&v->lapic)) {
		v->page->inject = TV_EVENT(TV_EVENT_EXTINT, irqchip_inta(&v->vm->board.chip));
	} else {
		int pending = lapic_pending(&v->lapic);

		if (pending < 0)
			return;
		v->page->inject = TV_EVENT(TV_EVENT_EXTINT, (unsigned)pending);
		atomic_signal_fence(memory_order_seq_cst);	/* so that whoever goes on with this CPU sees it: inject_resume() */
		lapic_accept(&v->lapic, pending);
		if (unlikely(v->msr.hv.auto_eoi) && synic_auto_eoi(v, (unsigned)pending))
			hyperv_eoi(v);
	}
	trace_count(&v->trace.injected);
}

void inject_resume(struct vcpu *v)
{
	uint64_t event = v->page->inject;
	unsigned vector = TV_EVENT_VECTOR(event);

	if (!(event & TV_EVENT_VALID) || TV_EVENT_TYPE(event) != TV_EVENT_EXTINT)
		return;
	if (!(v->lapic.s.isr[vector / 32] >> vector % 32 & 1) && v->lapic.s.irr[vector / 32] >> vector % 32 & 1)
		lapic_accept(&v->lapic, (int)vector);
}

bool inject_prepare(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t window = 0;

	if (lapic_events(&v->lapic) & LAPIC_EV_NMI) {
		if (slot_free(p) && nmi_open(p)) {
			(void)lapic_events_take(&v->lapic, LAPIC_EV_NMI);
			p->inject = TV_EVENT(TV_EVENT_NMI, EXC_NMI);
		} else {
			window |= TV_WINDOW_NMI;
		}
	}
	if (slot_free(p) && intr_open(p))
		take_interrupt(v);
	if (intr_waits(v))
		window |= TV_WINDOW_INTR;
	p->window = window;
	return !slot_free(p);
}
