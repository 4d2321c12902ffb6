/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events into the guest: which one goes with the next entry, and how to get the CPU back as soon as the next can.
 *
 * - The interrupt window is a dummy virtual interrupt (V_IRQ, ignoring the TPR) whose intercept fires when RFLAGS.IF and the
 *   interrupt shadow allow it.
 * - Without virtual NMI the CPU does not track the blocking of NMIs.  After an NMI was injected, IRET is intercepted; that exit
 *   comes before the IRET, which is then executed under RFLAGS.TF.  Once RIP has moved, NMIs are open again.
 * - TF is also how a blocking that the window cannot wait for is passed: that of MOV SS with RFLAGS.IF clear.
 * - An event that only waits because another one occupies the entry needs no window: an interrupt that the CPU sends to itself
 *   ends the entry right after the delivery.
 */
#include "svm.h"

#include <arch/irq.h>
#include <kernel/event.h>
#include <x86/cr.h>
#include <x86/seg.h>

#define DR6_BS		BIT(14)
#define DR6_CAUSES	(BIT(15) | BIT(13) | MASK(3, 0))	/* all others: BT, BD, B3 to B0 */
#define VINTR_WINDOW	(VINTR_IRQ | VINTR_PRIORITY_MAX | VINTR_IGNORE_TPR)

/* Exceptions that are faults, whose saved RFLAGS has RF set: all but #DB, #BP, #OF, #DF and #MC. */
#define FAULTS		0xfffbfee1u

static bool is_type(uint64_t event, unsigned type)
{
	return event & TV_EVENT_VALID && TV_EVENT_TYPE(event) == type;
}

/* --- state that outlives an entry --------------------------------------------------------------------------------------- */

static void set_window(struct svm_vcpu *s, bool open)
{
	struct vmcb *b = s->vmcb;

	if (s->window == open)
		return;
	s->window = open;
	b->v_intr = open ? (b->v_intr & ~VINTR_VECTOR) | VINTR_WINDOW : b->v_intr & ~VINTR_WINDOW;
	svm_changed(b, CLEAN_TPR);
	svm_controls(s);
	svm_update_attention(s);
}

static void set_nmi(struct svm_vcpu *s, enum svm_nmi nmi)
{
	s->nmi = (uint8_t)nmi;
	svm_controls(s);
	svm_update_attention(s);
}

/* Nothing of the guest runs any more before RIP, CR and SEG were loaded. */
void svm_shut_down(struct svm_vcpu *s)
{
	s->shutdown = true;
	svm_update_attention(s);
}

void svm_nmi_block(struct svm_vcpu *s, bool block)
{
	set_nmi(s, block ? SVM_NMI_BLOCKED : SVM_NMI_OPEN);
}

/* --- before the entry --------------------------------------------------------------------------------------------------- */

/* Execute one instruction of the guest and come back. */
static void step(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	s->stepping = s->aftermath = true;
	s->guest_tf = b->rflags & RFLAGS_TF;
	s->step_dr6 = b->dr6;
	b->rflags |= RFLAGS_TF;
}

static bool deliverable(const struct svm_vcpu *s, uint64_t event)
{
	const struct vmcb *b = s->vmcb;
	bool shadow = b->int_state & INT_SHADOW;

	if (is_type(event, TV_EVENT_EXTINT))
		return b->rflags & RFLAGS_IF && !shadow;
	if (is_type(event, TV_EVENT_NMI))
		return s->nmi == SVM_NMI_OPEN && !shadow;
	return true;
}

/* Put @q->now, which can be delivered, into the VMCB. */
static void deliver(struct svm_vcpu *s, const struct event_queue *q)
{
	struct vmcb *b = s->vmcb;
	uint64_t e = q->now;
	unsigned type = TV_EVENT_TYPE(e), vector = TV_EVENT_VECTOR(e);

	s->soft_len = 0;
	switch (type) {
	case TV_EVENT_NMI:
		set_nmi(s, SVM_NMI_BLOCKED);
		break;
	case TV_EVENT_EXC:
		if (FAULTS >> vector & 1)
			b->rflags |= RFLAGS_RF;
		/* In real mode no exception has an error code. */
		if (!(b->cr0 & CR0_PE))
			e &= ~(TV_EVENT_HAS_ERROR | MASK(63, 32));
		break;
	case TV_EVENT_SOFT_INT:
	case TV_EVENT_SOFT_EXC:
		/* The CPU checks the gate's DPL and saves nRIP; event_take() lets these through only if it has nRIP. */
		b->next_rip = b->rip + q->now_len;
		s->soft_len = (uint8_t)q->now_len;
		s->soft_event = e;
		break;
	case TV_EVENT_PRIV_EXC:
		/* A trap that no CPU knows how to inject as one: the saved RIP must be behind the instruction. */
		b->rip += q->now_len;
		break;
	}
	if (type == TV_EVENT_SOFT_EXC || type == TV_EVENT_PRIV_EXC)
		e = (e & ~EVENT_TYPE) | EVENT_EXCEPTION << 8;
	b->event_inj = e;
	b->int_state = 0;
	s->injected = s->aftermath = true;
}

/*
 * Open what is needed to deliver, or to report, what could not be: @intr, @nmi: such an event waits; @busy: it waits because
 * another one goes first.
 */
static void open_windows(struct svm_vcpu *s, bool intr, bool nmi, bool busy)
{
	bool shadow = s->vmcb->int_state & INT_SHADOW, pass = false;

	/* The event that goes first would save TF.  It also leads away from the IRET. */
	if (s->nmi == SVM_NMI_IRET && busy)
		svm_nmi_block(s, true);
	else if (s->nmi == SVM_NMI_IRET)
		pass = true;
	else if (nmi && s->nmi == SVM_NMI_OPEN && busy)
		irq_send_ipi(svm_cpu_id());
	else if (shadow && !busy)
		pass = (nmi && s->nmi == SVM_NMI_OPEN) || (intr && svm.qemu);
	set_window(s, intr && !(pass && shadow && svm.qemu));
	if (pass)
		step(s);
}

/*
 * Called before an entry when an event or a window waits, or the last ones left something to do.  Returns a kind that is to be
 * reported instead of entering, or TV_EXIT_NONE.
 */
uint32_t svm_inject(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct tv_exit_page *p = v->page;
	uint32_t ask = READ_ONCE(p->window);
	struct event_queue q;
	enum event_result result = event_take(p, svm.next_rip, &q);
	bool busy = false, waits_intr, waits_nmi;

	if (s->shutdown || result == EVENT_TRIPLE) {
		svm_shut_down(s);
		return TV_EXIT_SHUTDOWN;
	}
	if (result == EVENT_REFUSED)
		return VIRT_REFUSED;
	/* The monitor moved RIP away from the IRET: the next one will unblock. */
	if (s->nmi == SVM_NMI_IRET && s->vmcb->rip != s->nmi_rip)
		set_nmi(s, SVM_NMI_BLOCKED);

	if (result == EVENT_WAITS && deliverable(s, q.now)) {
		deliver(s, &q);
		event_accepted(p, &q);
		q.now = q.later;
		q.later = 0;
		busy = true;
	}
	waits_intr = is_type(q.now, TV_EVENT_EXTINT) || is_type(q.later, TV_EVENT_EXTINT);
	waits_nmi = is_type(q.now, TV_EVENT_NMI) || is_type(q.later, TV_EVENT_NMI);
	if (ask & TV_WINDOW_NMI && !waits_nmi && !busy && s->nmi == SVM_NMI_OPEN && !(s->vmcb->int_state & INT_SHADOW)) {
		p->arg0 = TV_WINDOW_NMI;
		return TV_EXIT_WINDOW;
	}
	open_windows(s, waits_intr || ask & TV_WINDOW_INTR, waits_nmi || ask & TV_WINDOW_NMI, busy);
	return TV_EXIT_NONE;
}

/* --- after the exit ----------------------------------------------------------------------------------------------------- */

/*
 * The exit interrupted a delivery: keep the event for the next entry, which comes before any other.  INT n, INT3 and INTO that
 * the guest executed are dropped: RIP still points at the instruction, which is executed again.
 */
void svm_interrupted(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct tv_exit_page *p = v->page;
	uint64_t info = s->vmcb->exit_int_info & EVENT_DEFINED;
	unsigned type = TV_EVENT_TYPE(info), vector = TV_EVENT_VECTOR(info);

	if (!(info & EVENT_ERROR_VALID))
		info &= ~MASK(63, 32);
	/* A task switch delivers the event itself, and a triple fault is the end of it. */
	if ((uint32_t)s->vmcb->exit_code == SVM_EXIT_TASK_SWITCH || (uint32_t)s->vmcb->exit_code == SVM_EXIT_SHUTDOWN)
		return;
	if (type == EVENT_SOFT_INT || (type == EVENT_EXCEPTION && (vector == EXC_BP || vector == EXC_OF))) {
		/* Ours, and perhaps not in the guest's memory at all: the page must say it again. */
		if (!s->soft_len || TV_EVENT_VECTOR(s->soft_event) != vector)
			return;
		info = s->soft_event;
		p->pending_len = s->soft_len;
	} else if (type == EVENT_NMI) {
		svm_nmi_block(s, false);
	}
	p->pending = info;
}

/* After an exit of an entry with TF of ours: take it back.  True if the exit is nothing but the end of that step. */
bool svm_step_end(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	s->stepping = false;
	if (s->nmi == SVM_NMI_IRET && b->rip != s->nmi_rip)
		svm_nmi_block(s, false);	/* it retired: RFLAGS are those that it popped */
	else if (!s->guest_tf)
		b->rflags &= ~RFLAGS_TF;

	if ((uint32_t)b->exit_code != SVM_EXIT_EXC + EXC_DB || s->guest_tf)
		return false;
	b->dr6 = (b->dr6 & ~DR6_BS) | (s->step_dr6 & DR6_BS);
	svm_changed(b, CLEAN_DR);
	/* Something of the guest's own, such as a breakpoint, may have come with it.  (Bochs sets no bit at all.) */
	return !(b->dr6 & ~s->step_dr6 & DR6_CAUSES);
}

/* The window of a dummy virtual interrupt opened: report it, unless it was opened for an event that can go in now. */
uint32_t svm_window_opened(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;

	set_window(svm_of(v), false);
	if (is_type(READ_ONCE(p->pending), TV_EVENT_EXTINT) || is_type(READ_ONCE(p->inject), TV_EVENT_EXTINT) ||
	    !(READ_ONCE(p->window) & TV_WINDOW_INTR))
		return TV_EXIT_NONE;
	p->arg0 = TV_WINDOW_INTR;
	return TV_EXIT_WINDOW;
}

/* The guest is about to execute IRET with NMIs blocked. */
void svm_iret(struct svm_vcpu *s)
{
	s->nmi_rip = s->vmcb->rip;
	set_nmi(s, SVM_NMI_IRET);
}

/* Deliver hardware exception @event, which an intercept took, to the guest after all.  Returns a kind to report, or TV_EXIT_NONE. */
uint32_t svm_reflect(struct vcpu *v, uint64_t event)
{
	struct svm_vcpu *s = svm_of(v);
	struct tv_exit_page *p = v->page;
	uint64_t merged = event;

	if (s->vmcb->exit_int_info & EVENT_VALID && !event_merge(READ_ONCE(p->pending), event, &merged)) {
		p->pending = 0;
		svm_shut_down(s);
		return TV_EXIT_SHUTDOWN;
	}
	p->pending = merged;
	return TV_EXIT_NONE;
}
