/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that VMX and SVM must provide, and nothing else. */
#ifndef ARCH_VIRT_H
#define ARCH_VIRT_H

#include <abi/status.h>
#include <lib/base.h>

struct pt_format;
struct quota;
struct thread;
struct vcpu;

#define VIRT_REFUSED	0xffffffffu	/* see loop(); no enum tv_exit_kind */

struct virt_ops {
	const char *name;
	/* Enter root mode on this CPU.  TV_EUNSUP after cpu_unfit(), which has said what is missing; TV_EQUOTA without memory. */
	enum tv_err (*cpu_on)(void);
	void (*cpu_off)(void);
	/* Allocate the hardware's structures, charged to @q, and put the vCPU into its reset state.  TV_EQUOTA changes nothing. */
	enum tv_err (*vcpu_init)(struct vcpu *v, struct quota *q);
	void (*vcpu_fini)(struct vcpu *v, struct quota *q);
	/* On the CPU where the vCPU ran last (or was made): it keeps nothing of it, so that the vCPU can go on elsewhere, or end. */
	void (*leave)(struct vcpu *v);
	/* State page -> hardware, checked group by group; returns 0, or the first TV_REGS_* group that was refused (nothing of it loaded). */
	uint32_t (*push)(struct vcpu *v, uint32_t groups);
	/* Hardware -> state page. */
	void (*pull)(struct vcpu *v, uint32_t groups);
	/*
	 * Run the guest until there is something to report to the monitor: the loop of kernel/run_loop.h, with a function of the back-end
	 * that decides about injection and windows, enters the guest once, and turns the exit into v->page->arg0, arg1, insn_*, pending.
	 * That function returns the kind of exit; TV_EXIT_NONE: it was the kernel's own (host interrupt taken, NMI, spurious), nothing to
	 * report; VIRT_REFUSED: the guest was not entered, because page->inject or page->pending is no event that can be delivered.
	 * The loop returns the status of the hypercall, with the call ended, or not at all when another thread takes over.
	 */
	enum tv_err (*loop)(struct thread *t, struct vcpu *v);
	/* The guest space lost translations: no stale one may be used from the next entry on.  On the CPU where the vCPU runs, as push and pull. */
	void (*flush)(struct vcpu *v);
	/* Let [first, first + count) pass without an exit (@allow), or not; ports and MSRs of this vCPU.  TV_EUNSUP: such an MSR cannot be granted. */
	enum tv_err (*ports)(struct vcpu *v, unsigned first, unsigned count, bool allow, struct quota *q);
	enum tv_err (*msrs)(struct vcpu *v, uint32_t first, uint32_t count, bool allow, struct quota *q);
	/* Format of guest spaces' page tables, for this machine. */
	const struct pt_format *(*pt)(void);
	/* TV_FEAT_* in use; valid after cpu_on() of the boot CPU. */
	uint64_t (*features)(void);
};

extern const struct virt_ops *virt;		/* set once by virt_probe()             */

/* Choose the back-end by CPUID and switch it on for the boot CPU.  A machine without what it needs ends here; TV_EQUOTA without memory. */
enum tv_err virt_probe(void) MUST_USE;
/* TV_FEAT_* in use, for the info page. */
static inline uint64_t virt_features(void) { return virt->features(); }

#endif
