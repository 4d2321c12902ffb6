/* SPDX-License-Identifier: Apache-2.0 */
/* One entry into the guest, and one exit.  This is the hottest path of the kernel: what is rare is off the straight line. */
#include "hot.h"

#include <kernel/log.h>
#include <kernel/run_loop.h>
#include <x86/cr.h>
#include <x86/msr.h>

#define DR7_ENABLES	MASK(7, 0)

/* Registers that VMRUN does not switch, and whose change no other code sees; load_registers() has the others.  Not 0: yes. */
static inline uint64_t registers_differ(const struct svm_vcpu *s, const struct vmcb *b, const struct svm_cpu *c)
{
	return (b->dr7 & DR7_ENABLES) | (s->tsc_aux ^ c->tsc_aux);
}

/* DR0 to DR3 matter while a breakpoint is enabled in DR7, which the VMCB has, or while the guest may look at them. */
static void load_registers(const struct svm_vcpu *s, const struct vmcb *b, struct svm_cpu *c)
{
	if (s->dr_open || b->dr7 & DR7_ENABLES)
		svm_load_dr(s->dr);
	if (s->tsc_aux != c->tsc_aux) {
		wrmsr(MSR_TSC_AUX, s->tsc_aux);
		c->tsc_aux = s->tsc_aux;
	}
	if (s->xcr0_load != svm.guest.xcr0)
		xsetbv(0, s->xcr0_load);
}

/* The host's XCR0 again.  QEMU ignores the intercept of XSETBV: there, what counts is what the register holds. */
static NOINLINE void save_xcr0(struct svm_vcpu *s)
{
	uint64_t xcr0 = s->xcr0_load;

	if (svm.qemu && s->cr4 & CR4_OSXSAVE) {
		xcr0 = svm_xgetbv();
		if (xcr0 != s->xcr0) {
			s->xcr0 = xcr0 & svm.guest.xcr0;
			svm_update_xcr0(s);
		}
	}
	if (xcr0 != svm.guest.xcr0)
		xsetbv(0, svm.guest.xcr0);
}

/* Does the monitor ask for something, or did the last entries leave something to do?  Not 0: yes. */
static inline uint64_t work_waits(const struct svm_vcpu *s, const struct tv_exit_page *p)
{
	return ((READ_ONCE(p->pending) | READ_ONCE(p->inject)) & TV_EVENT_VALID) | READ_ONCE(p->window) | s->attention |
	       (READ_ONCE(p->intercept) ^ s->intercept) | (READ_ONCE(p->exc_intercept) ^ s->exc_intercept);
}

/* Do it.  A kind to report instead of the entry, or TV_EXIT_NONE. */
static uint32_t do_work(struct vcpu *v, struct svm_vcpu *s)
{
	uint32_t intercept = READ_ONCE(v->page->intercept), exc_intercept = READ_ONCE(v->page->exc_intercept);

	if (intercept != s->intercept || exc_intercept != s->exc_intercept) {
		s->intercept = intercept;
		s->exc_intercept = exc_intercept;
		svm_controls(s);
	}
	return svm_inject(v);
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

/* The entry itself, with everything prepared, and its exit. */
static ALWAYS_INLINE uint32_t enter(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b, struct svm_cpu *c)
{
	struct tv_exit_page *p = v->page;

	b->rax = p->gpr[TV_RAX];
	p->entries++;
	if (!entry_ok(p, b)) {
		svm_asid_lost(s, c);
		return TV_EXIT_FAIL;
	}

	svm_enter(p->gpr, s->vmcb_pa, c->host_pa);

	/* Fetched anew rather than kept over the entry: that costs less than registers for them. */
	s = svm_of(v);
	b = s->vmcb;
	v->page->gpr[TV_RAX] = b->rax;
	b->clean = svm.clean;
	b->tlb_control = TLB_KEEP;
	if (unlikely(s->xcr0_moves))
		save_xcr0(s);
	if (unlikely(s->aftermath | !!(b->exit_int_info & EVENT_VALID)))
		return svm_exit_aftermath(v, s, b);
	return exit_decode(v, b);
}

/* An entry that needs more than VMRUN.  A kind to report instead of it, or TV_EXIT_NONE. */
static NOINLINE uint32_t prepare(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b, struct svm_cpu *c)
{
	if (work_waits(s, v->page)) {
		uint32_t kind = do_work(v, s);

		if (kind != TV_EXIT_NONE)
			return kind;
	}
	load_registers(s, b, c);
	/* Last: whoever gets an ASID must enter, because a new generation's flush is part of that entry. */
	if (s->asid_generation != c->asid_generation)
		svm_asid_assign(s, c);
	return TV_EXIT_NONE;
}

/*
 * Decide about injection and windows, enter the guest once, and turn the exit into a record in the state page.  Returns its
 * kind; TV_EXIT_NONE: the exit was the kernel's own; VIRT_REFUSED: an event in the page cannot be delivered.  Interrupts are off.
 */
uint32_t svm_run(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct svm_cpu *c = svm_percpu();
	struct vmcb *b = s->vmcb;

	if (unlikely(work_waits(s, v->page) | registers_differ(s, b, c) | (s->asid_generation ^ c->asid_generation))) {
		uint32_t kind = prepare(v, s, b, c);

		if (kind != TV_EXIT_NONE)
			return kind;
	}
	return enter(v, s, b, c);
}

static inline void pull(struct vcpu *v, uint32_t groups)
{
	const struct svm_vcpu *s = svm_of(v);

	if (unlikely(groups & ~(TV_REGS_RIP | TV_REGS_CODE))) {
		svm_pull(v, groups);
		return;
	}
	pull_rip(v->page, s);
	if (groups & TV_REGS_CODE)
		pull_code(v->page, s);
}

/* vcpu_run of @t on @v.  Everything that an exit goes through in the kernel becomes one function. */
__attribute__((flatten)) enum tv_err svm_loop(struct thread *t, struct vcpu *v)
{
	return run_loop(t, v, push_rip, svm_run, pull);
}
