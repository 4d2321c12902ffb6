/* SPDX-License-Identifier: Apache-2.0 */
/* Making a virtual CPU: its VMCB, and the state that a processor has after power-up. */
#include "svm.h"

#include <kernel/space.h>
#include <mm/frame.h>
#include <mm/quota.h>
#include <x86/cr.h>
#include <x86/msr.h>

/* Segment attributes: present, DPL 0. */
#define ATTR_CODE	0x9bu		/* execute, read, accessed */
#define ATTR_DATA	0x93u		/* read, write, accessed   */
#define ATTR_LDT	0x82u
#define ATTR_TSS	0x8bu		/* busy                    */

#define PAT_RESET	0x0007040600070406ull
#define RESET_CS	0xf000u
#define RESET_BASE	0xffff0000ull
#define RESET_RIP	0xfff0u

/* The parts of the VMCB that never change. */
static void svm_vmcb_init(struct svm_vcpu *s, const struct space *space)
{
	struct vmcb *b = s->vmcb;

	b->iopm_pa = svm_iopm_pa(s);
	b->msrpm_pa = svm_msrpm_pa(s);
	b->np_control = NP_ENABLE;
	b->n_cr3 = frame_pa(space->pt.root).v;
	/* RFLAGS.IF of the guest governs virtual interrupts only; those of the host always exit. */
	b->v_intr = VINTR_MASKING;
}

/*
 * Allocate what a vCPU needs, charged to @q, in its reset state: registers as after power-up, all ports and MSRs intercepted.
 * Fills the state page.  TV_EQUOTA changes nothing.
 */
enum tv_err svm_vcpu_init(struct vcpu *v, struct quota *q)
{
	struct svm_vcpu *s = quota_alloc(q, sizeof(*s));

	if (!s)
		return TV_EQUOTA;
	s->vmcb = quota_frame_alloc(q);
	if (!s->vmcb) {
		quota_free(q, s, sizeof(*s));
		return TV_EQUOTA;
	}
	s->vmcb_pa = frame_pa(s->vmcb).v;
	v->hw = s;
	svm_vmcb_init(s, v->space);
	svm_vcpu_reset(s);
	svm_pull(v, TV_REGS_ALL);
	return TV_OK;
}

/* Give everything back to @q. */
void svm_vcpu_fini(struct vcpu *v, struct quota *q)
{
	struct svm_vcpu *s = svm_of(v);

	svm_bitmap_fini(s, q);
	quota_frame_free(q, s->vmcb);
	quota_free(q, s, sizeof(*s));
	v->hw = NULL;
}

/* Another CPU may change the VMCB from here on: what this one remembers of it, translations included, is void. */
void svm_vcpu_leave(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	s->vmcb->clean = 0;
	s->asid_generation = 0;
}

/* Registers as after power-up.  APM volume 2, "Initial Processor State".  GPRs are in the state page and are the monitor's. */
void svm_vcpu_reset(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	const struct vmcb_seg data = { .attr = ATTR_DATA, .limit = 0xffff };

	b->es = b->ss = b->ds = b->fs = b->gs = data;
	b->cs = (struct vmcb_seg){ .sel = RESET_CS, .attr = ATTR_CODE, .limit = 0xffff, .base = RESET_BASE };
	b->ldtr = (struct vmcb_seg){ .attr = ATTR_LDT, .limit = 0xffff };
	b->tr = (struct vmcb_seg){ .attr = ATTR_TSS, .limit = 0xffff };
	b->gdtr = b->idtr = (struct vmcb_seg){ .limit = 0xffff };
	b->cpl = 0;
	b->rip = RESET_RIP;
	b->rsp = 0;
	b->rflags = RFLAGS_ONE;
	b->int_state = 0;
	b->cr0 = CR0_ET;
	b->cr2 = b->cr3 = 0;
	b->cr4 = svm.cr4_host;
	b->efer = EFER_SVME;
	b->dr6 = DR6_INIT;
	b->dr7 = DR7_INIT;
	b->star = b->lstar = b->cstar = b->sfmask = b->kernel_gs_base = 0;
	b->sysenter_cs = b->sysenter_esp = b->sysenter_eip = 0;
	b->g_pat = PAT_RESET;
	b->v_intr = VINTR_MASKING;
	b->event_inj = 0;

	s->cr0_cache = CR0_CD | CR0_NW;
	s->cr4 = 0;
	s->xcr0 = XCR0_X87;
	s->tsc_aux = 0;
	__builtin_memset(s->dr, 0, sizeof(s->dr));
	s->window = s->stepping = s->injected = s->dr_open = s->shutdown = s->aftermath = false;
	s->nmi = SVM_NMI_OPEN;
	svm_update_xcr0(s);
	s->soft_len = 0;

	b->clean = 0;
	svm_controls(s);
	/* Translations of the old state are of no use, and must not be. */
	s->asid_generation = 0;
}
