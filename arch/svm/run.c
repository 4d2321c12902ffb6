/* SPDX-License-Identifier: Apache-2.0 */
/* One entry into the guest, and one exit.  This is the hottest path of the kernel: what is rare is off the straight line. */
#include "svm.h"

#include <kernel/log.h>
#include <x86/cr.h>
#include <x86/msr.h>

#define DR7_ENABLES	MASK(7, 0)

/* Does something wait in @p that svm_inject() has to look at? */
static inline bool events_wait(const struct tv_exit_page *p)
{
	return (READ_ONCE(p->pending) | READ_ONCE(p->inject)) & TV_EVENT_VALID || READ_ONCE(p->window);
}

/*
 * Registers that VMRUN does not switch.  DR0 to DR3 matter while a breakpoint is enabled in DR7, which the VMCB has, or while the
 * guest may look at them.  XCR0 matters while the guest has CR4.OSXSAVE: without it, no instruction depends on it.
 */
static inline void load_registers(const struct svm_vcpu *s, struct svm_cpu *c)
{
	if (unlikely(s->dr_open || s->vmcb->dr7 & DR7_ENABLES))
		svm_load_dr(s->dr);
	if (unlikely(s->tsc_aux != c->tsc_aux)) {
		wrmsr(MSR_TSC_AUX, s->tsc_aux);
		c->tsc_aux = s->tsc_aux;
	}
	if (unlikely(s->cr4 & CR4_OSXSAVE && s->xcr0 != svm.xcr0))
		xsetbv(0, s->xcr0);
}

static inline void save_registers(struct svm_vcpu *s)
{
	if (unlikely(s->dr_open)) {
		svm_save_dr(s->dr);
		s->dr_open = false;
		svm_controls(s);
	}
	if (s->cr4 & CR4_OSXSAVE) {
		/* QEMU ignores the intercept of XSETBV: what counts is what the register holds. */
		uint64_t xcr0 = svm_xgetbv();

		s->xcr0 = xcr0 & svm.xcr0;
		if (unlikely(xcr0 != svm.xcr0))
			xsetbv(0, svm.xcr0);
	}
}

/* Debug builds: would a processor accept @b?  Not a panic: emulators let a guest itself produce such a state. */
static inline bool entry_ok(struct tv_exit_page *p, const struct vmcb *b)
{
#ifdef DEBUG
	const char *why = svm_check(b);

	if (why) {
		log_error("svm: VMRUN would refuse the guest: %s", why);
		p->arg0 = TV_FAIL_ENTRY;
		p->arg1 = 0;
		return false;
	}
#else
	(void)p;
	(void)b;
#endif
	return true;
}

/*
 * Decide about injection and windows, enter the guest once, and turn the exit into a record in the state page.  Returns its
 * kind; TV_EXIT_NONE: the exit was the kernel's own; VIRT_REFUSED: an event in the page cannot be delivered.  Interrupts are off.
 */
uint32_t svm_run(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct svm_cpu *c = svm_percpu();
	struct tv_exit_page *p = v->page;
	struct vmcb *b = s->vmcb;

	if (unlikely(READ_ONCE(p->intercept) != s->intercept || READ_ONCE(p->exc_intercept) != s->exc_intercept)) {
		s->intercept = READ_ONCE(p->intercept);
		s->exc_intercept = READ_ONCE(p->exc_intercept);
		svm_controls(s);
	}
	if (unlikely(s->attention || events_wait(p))) {
		uint32_t kind = svm_inject(v);

		if (kind != TV_EXIT_NONE)
			return kind;
	}
	if (unlikely(s->asid_generation != c->asid_generation))
		svm_asid_assign(s, c);
	load_registers(s, c);
	b->rax = p->gpr[TV_RAX];
	p->entries++;
	if (!entry_ok(p, b))
		return TV_EXIT_FAIL;

	svm_enter(p->gpr, s->vmcb_pa, c->host_pa);

	p->gpr[TV_RAX] = b->rax;
	b->clean = svm.clean;
	b->tlb_control = TLB_KEEP;
	if (unlikely(s->injected)) {
		b->event_inj = 0;
		s->injected = false;
	}
	save_registers(s);
	return svm_exit(v);
}
