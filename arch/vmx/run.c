/* SPDX-License-Identifier: Apache-2.0 */
/* One entry into the guest, and one exit.  This is the hottest path of the kernel: what is rare is off the straight line. */
#include "hot.h"

#include <abi/hypercall.h>
#include <arch/time.h>
#include <kernel/log.h>
#include <kernel/run_loop.h>
#include <x86/cr.h>
#include <x86/msr.h>

#define DR7_ENABLES	MASK(7, 0)

/* --- what VM entry and exit do not switch ------------------------------------------------------------------------------- */

/* Host state that another thread or address space changes: the VMCS is written when it did. */
static inline void load_host_state(struct vmx_vcpu *s)
{
	uint64_t cr0 = read_cr0(), cr3 = read_cr3(), fs_base = vmx_host_fs_base();

	if (unlikely((cr0 ^ s->host_cr0) | (cr3 ^ s->host_cr3) | (fs_base ^ s->host_fs_base))) {
		s->host_cr0 = cr0;
		s->host_cr3 = cr3;
		s->host_fs_base = fs_base;
		vmcs_writen(VMCS_HOST_CR0, cr0);
		vmcs_writen(VMCS_HOST_CR3, cr3);
		vmcs_writen(VMCS_HOST_FS_BASE, fs_base);
	}
}

/*
 * The MSRs of SYSCALL are the monitor's way into the kernel, so they change both ways; a value that is the same for guest and host is
 * not written.  CSTAR and TSC_AUX mean nothing to the host.  The host's KERNEL_GS_BASE, user space's GS base, is 0.
 */
static inline void load_msrs(const struct vmx_vcpu *s, struct vmx_cpu *c)
{
	if (s->star != c->star)
		wrmsr(MSR_STAR, s->star);
	if (s->lstar != c->lstar)
		wrmsr(MSR_LSTAR, s->lstar);
	if (unlikely(s->fmask != c->fmask))
		wrmsr(MSR_SFMASK, s->fmask);
	if (s->kernel_gs_base)
		wrmsr(MSR_KERNEL_GS_BASE, s->kernel_gs_base);
	if (unlikely(s->cstar != c->cstar)) {
		wrmsr(MSR_CSTAR, s->cstar);
		c->cstar = s->cstar;
	}
	if (unlikely(s->tsc_aux != c->tsc_aux)) {
		wrmsr(MSR_TSC_AUX, s->tsc_aux);
		c->tsc_aux = s->tsc_aux;
	}
}

/* The guest was free to write these. */
static NOINLINE void learn_msrs(struct vmx_vcpu *s, struct vmx_cpu *c)
{
	s->star = rdmsr(MSR_STAR);
	s->lstar = rdmsr(MSR_LSTAR);
	s->fmask = rdmsr(MSR_SFMASK);
	s->cstar = c->cstar = rdmsr(MSR_CSTAR);
	s->msr_open = false;
	vmx_bitmap_load(s);
	vmx_update_attention(s);
}

static inline void save_msrs(struct vmx_vcpu *s, struct vmx_cpu *c)
{
	if (unlikely(s->msr_open))
		learn_msrs(s, c);
	/* SWAPGS changes it without an exit. */
	s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	if (s->kernel_gs_base)
		wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (s->star != c->star)
		wrmsr(MSR_STAR, c->star);
	if (s->lstar != c->lstar)
		wrmsr(MSR_LSTAR, c->lstar);
	if (unlikely(s->fmask != c->fmask))
		wrmsr(MSR_SFMASK, c->fmask);
}

/* DR0 to DR3 matter while a breakpoint is enabled in DR7, which the VMCS has; all of them while the guest may look at them. */
static NOINLINE void save_dr(struct vmx_vcpu *s)
{
	vmx_save_dr(s->dr);
	s->dr6 = vmx_save_dr6();
	s->dr7 = vmcs_readn(VMCS_GUEST_DR7);
	s->dr_open = false;
	vmx_controls(s);
	vmx_update_attention(s);
}

/* --- the entry ---------------------------------------------------------------------------------------------------------- */

/* Does the monitor ask for something, or did the last entries leave something to do?  Not 0: yes. */
static inline uint64_t work_waits(const struct vmx_vcpu *s, const struct tv_exit_page *p)
{
	return ((READ_ONCE(p->pending) | READ_ONCE(p->inject)) & TV_EVENT_VALID) | READ_ONCE(p->window) | s->attention |
	       (READ_ONCE(p->intercept) ^ s->intercept) | (READ_ONCE(p->exc_intercept) ^ s->exc_intercept);
}

/* Do it.  A kind to report instead of the entry, or TV_EXIT_NONE. */
static NOINLINE uint32_t do_work(struct vcpu *v, struct vmx_vcpu *s)
{
	uint32_t intercept = READ_ONCE(v->page->intercept), exc_intercept = READ_ONCE(v->page->exc_intercept);
	uint32_t kind;

	if (s->maps_changed)
		vmx_bitmap_load(s);
	if (intercept != s->intercept || exc_intercept != s->exc_intercept) {
		s->intercept = intercept;
		s->exc_intercept = exc_intercept;
		vmx_controls(s);
	}
	kind = vmx_inject(v);
	if (kind != TV_EXIT_NONE)
		return kind;
	/* Last: what is loaded here must be saved after an exit. */
	if (s->dr_open)
		vmx_load_dr6(s->dr6);
	if (s->xcr0_load != vmx.guest.xcr0)
		xsetbv(0, s->xcr0_load);
	return TV_EXIT_NONE;
}

/*
 * The guest ends at the latest when the host's timer is due.  An interrupt of that timer does the same, but the emulator Bochs
 * holds it back from a guest that was entered with RFLAGS.IF clear, until that changes.
 */
static inline void load_timer(void)
{
	uint64_t due = vmx_host_timer(), now = time_now(), ticks = UINT32_MAX;

	if (due != TV_NEVER)
		ticks = due > now ? min_u64((due - now) >> vmx.timer_shift, UINT32_MAX) : 0;
	vmcs_write32(VMCS_PREEMPTION_TIMER, (uint32_t)ticks);
}

/* Debug builds: would a processor accept the VMCS?  Emulators let states pass that silicon refuses. */
static inline void check_entry(void)
{
#ifdef DEBUG
	const char *why = vmx_check();

	if (why)
		log_error("vmx: VM entry should refuse the guest: %s", why);
#endif
}

/*
 * Decide about injection and windows, enter the guest once, and turn the exit into a record in the state page.  Returns its
 * kind; TV_EXIT_NONE: the exit was the kernel's own; VIRT_REFUSED: an event in the page cannot be delivered.  Interrupts are off.
 */
uint32_t vmx_run(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_cpu *c = vmx_percpu();
	struct tv_exit_page *p = v->page;
	enum vmx_entry entry;

	vmx_use(s);
	if (unlikely(work_waits(s, p))) {
		uint32_t kind = do_work(v, s);

		if (kind != TV_EXIT_NONE)
			return kind;
	}
	if (unlikely(s->stale || s->vpid_generation != c->vpid_generation))
		vmx_flush_now(s, c);
	load_host_state(s);
	load_msrs(s, c);
	if (unlikely(s->dr_open | (s->dr7 & DR7_ENABLES)))
		vmx_load_dr(s->dr);
	if (s->cr2 != read_cr2())
		write_cr2(s->cr2);
	if (vmx.timer)
		load_timer();
	p->entries++;
	check_entry();
	s->known = 0;

	entry = (enum vmx_entry)vmx_enter(p->gpr, s->launched, &s->host_stack);

	s->cr2 = read_cr2();
	save_msrs(s, c);
	if (unlikely(s->xcr0_load != vmx.guest.xcr0))
		xsetbv(0, vmx.guest.xcr0);
	if (unlikely(s->dr_open))
		save_dr(s);
	cpu_restore_tables();
	return exit_decode(v, entry);
}

/* After an exit, which has left the VMCS the current one. */
static inline void pull(struct vcpu *v, uint32_t groups)
{
	if (unlikely(groups != TV_REGS_RIP))
		vmx_pull(v, groups);
	else
		pull_rip(v->page, vmx_of(v));
}

/* vcpu_run of @t on @v.  Everything that an exit goes through in the kernel becomes one function. */
__attribute__((flatten)) enum tv_err vmx_loop(struct thread *t, struct vcpu *v)
{
	return run_loop(t, v, push_rip, vmx_run, pull);
}
