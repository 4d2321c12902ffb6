/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions and events leave the guest. */
#include "svm.h"

#include <x86/cr.h>
#include <x86/seg.h>

/*
 * Without these a guest could stop the host, change its state, or see that of others.  #DB and #AC are among them because a
 * guest can make the CPU raise them without end during their own delivery; exit.c gives them back to the guest.  CR0 needs the
 * selective intercept (anything but TS and MP), because CD and NW would reach the caches of the physical CPU.
 */
#define ICPT_CR_ALWAYS	ICPT_WRITE(4)
#define ICPT_EXC_ALWAYS	((1u << EXC_DB) | (1u << EXC_AC) | (1u << EXC_MC))
#define ICPT1_ALWAYS	(ICPT1_INTR | ICPT1_NMI | ICPT1_SMI | ICPT1_INIT | ICPT1_CR0_SEL_WRITE | ICPT1_RDPMC | ICPT1_CPUID | \
			 ICPT1_RSM | ICPT1_INVD | ICPT1_HLT | ICPT1_INVLPGA | ICPT1_IOIO | ICPT1_MSR | ICPT1_TASK_SWITCH | \
			 ICPT1_FERR_FREEZE | ICPT1_SHUTDOWN)
#define ICPT2_ALWAYS	(ICPT2_VMRUN | ICPT2_VMMCALL | ICPT2_VMLOAD | ICPT2_VMSAVE | ICPT2_STGI | ICPT2_CLGI | ICPT2_SKINIT | \
			 ICPT2_WBINVD | ICPT2_MONITOR | ICPT2_MWAIT | ICPT2_XSETBV)

/*
 * DR0 to DR3 are not in the VMCB: reading and writing them exits until the guest's values are loaded; so does writing DR7 (also known
 * as DR5), which would enable breakpoints at the addresses of whoever had them loaded last.  On QEMU a breakpoint that a guest enables
 * stays armed in the host: there, writing DR7 is left to the monitor.
 */
#define ICPT_DR_ENABLE		(ICPT_WRITE(5) | ICPT_WRITE(7))
#define ICPT_DR_CLOSED		(0x000f000fu | ICPT_DR_ENABLE)
#define ICPT_DR_EVERY		0xffffffffu

static uint32_t icpt_cr(const struct svm_vcpu *s)
{
	uint32_t icpt = ICPT_CR_ALWAYS;

	/* What the guest reads differs from what the CPU holds; and a write that only looks like a change is one. */
	if (s->cr0_cache)
		icpt |= ICPT_READ(0) | ICPT_WRITE(0);
	if (s->cr4 != s->vmcb->cr4)
		icpt |= ICPT_READ(4);
	if (s->intercept & TV_ICPT_CR3)
		icpt |= ICPT_READ(3) | ICPT_WRITE(3);
	if (s->intercept & TV_ICPT_CR8)
		icpt |= ICPT_READ(8) | ICPT_WRITE(8);
	/* QEMU aborts when a guest lowers CR8 while a virtual interrupt is pending. */
	if (s->window)
		icpt |= ICPT_WRITE(8);
	return icpt;
}

/* Bring the intercepts in line with what the monitor asks for and with the state of @s. */
void svm_controls(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	uint32_t want = s->intercept;

	b->icpt_cr = icpt_cr(s);
	b->icpt_dr = want & TV_ICPT_DR ? ICPT_DR_EVERY :
		     (s->dr_open ? 0 : ICPT_DR_CLOSED) | (svm.qemu ? ICPT_DR_ENABLE : 0);
	b->icpt_exc = ICPT_EXC_ALWAYS | (s->exc_intercept & ~(1u << EXC_NMI));
	b->icpt_misc1 = ICPT1_ALWAYS | (want & TV_ICPT_RDTSC ? ICPT1_RDTSC : 0) |
			(want & TV_ICPT_INVLPG ? ICPT1_INVLPG : 0) | (want & TV_ICPT_PAUSE ? ICPT1_PAUSE : 0) |
			(s->window ? ICPT1_VINTR : 0) | (s->nmi == SVM_NMI_BLOCKED ? ICPT1_IRET : 0);
	b->icpt_misc2 = ICPT2_ALWAYS | svm.icpt2 | (want & TV_ICPT_RDTSC ? ICPT2_RDTSCP : 0);
	b->icpt_misc3 = svm.icpt3 | (want & TV_ICPT_INVLPG ? svm.icpt3_invlpg : 0);
	svm_changed(b, CLEAN_INTERCEPTS);
}
