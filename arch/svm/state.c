/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register groups between the state page and the VMCB.
 *
 * What a group may hold is arch/guest_state.h's business; nothing that it lets through reaches state of the host or makes VMRUN
 * refuse.  A group that is refused leaves the VMCB as it was.
 */
#include "hot.h"

#include <x86/cr.h>
#include <x86/msr.h>

/* The VMCB's copy of each segment, in TV_SEG order. */
static const uint16_t seg_offset[TV_SEGS] = {
	[TV_ES] = offsetof(struct vmcb, es), [TV_CS] = offsetof(struct vmcb, cs), [TV_SS] = offsetof(struct vmcb, ss),
	[TV_DS] = offsetof(struct vmcb, ds), [TV_FS] = offsetof(struct vmcb, fs), [TV_GS] = offsetof(struct vmcb, gs),
	[TV_LDTR] = offsetof(struct vmcb, ldtr), [TV_TR] = offsetof(struct vmcb, tr),
};

static struct vmcb_seg *vmcb_seg(struct vmcb *b, unsigned i)
{
	return (struct vmcb_seg *)(void *)((char *)b + seg_offset[i]);
}

/* --- RIP -------------------------------------------------------------------------------------------------------------- */

/* Group RIP with a blocking of interrupts or NMIs, old or new. */
bool svm_push_blocking(struct svm_vcpu *s, uint64_t rip, uint64_t rflags, uint64_t rsp, uint32_t shadow)
{
	const struct rip_group g = { rip, rflags, rsp, shadow };

	if (!guest_shadow_ok(shadow, rflags))
		return false;
	if (svm_nmi_blocked(s) != !!(shadow & TV_SHADOW_NMI))
		svm_nmi_block(s, shadow & TV_SHADOW_NMI);
	load_rip(s->vmcb, &g, shadow & (TV_SHADOW_STI | TV_SHADOW_MOVSS) ? INT_SHADOW : 0);
	return true;
}

/* What blocks interrupts or NMIs of the guest: TV_SHADOW_*. */
uint32_t svm_shadow(const struct svm_vcpu *s)
{
	uint32_t shadow = svm_nmi_blocked(s) ? TV_SHADOW_NMI : 0;

	/* The CPU does not say which kind it is; without IF it cannot be STI's. */
	if (s->vmcb->int_state & INT_SHADOW)
		shadow |= s->vmcb->rflags & RFLAGS_IF ? TV_SHADOW_STI : TV_SHADOW_MOVSS;
	return shadow;
}

/* --- CR --------------------------------------------------------------------------------------------------------------- */

static bool push_cr(struct vcpu *v, uint32_t groups)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	struct guest_cr g;
	bool same, small;

	guest_cr_read(v->page, &g);
	if (!guest_cr_ok(&g, &svm.guest, b->cs.attr, b->rflags & RFLAGS_VM && !(groups & TV_REGS_RIP)))
		return false;

	/*
	 * What the monitor emulated may have been an instruction that flushes: a change, MOV to CR3 of the same value, or INVLPG.
	 * Only a new CR2 or CR8 alone comes from none of these.
	 */
	same = b->cr0 == (g.cr0 & ~GUEST_CR0_CACHE) && s->cr4 == g.cr4 && b->cr3 == g.cr3 && b->efer == (g.efer | EFER_SVME);
	small = b->cr2 != g.cr2 || (b->v_intr & VINTR_TPR) != g.cr8;
	if (!same || !small)
		svm_flush(v);

	b->cr0 = g.cr0 & ~GUEST_CR0_CACHE;
	b->cr2 = g.cr2;
	b->cr3 = g.cr3;
	b->cr4 = g.cr4 | svm.cr4_host;
	b->efer = g.efer | EFER_SVME;
	b->v_intr = (b->v_intr & ~VINTR_TPR) | g.cr8;
	svm_changed(b, CLEAN_CR | CLEAN_CR2 | CLEAN_TPR);
	if (s->cr4 != g.cr4 || s->cr0_cache != (g.cr0 & GUEST_CR0_CACHE)) {
		s->cr4 = g.cr4;
		s->cr0_cache = g.cr0 & GUEST_CR0_CACHE;
		svm_update_xcr0(s);
		svm_controls(s);
	}
	return true;
}

static void pull_cr(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	p->cr0 = b->cr0 | s->cr0_cache;
	p->cr2 = b->cr2;
	p->cr3 = b->cr3;
	p->cr4 = s->cr4;
	p->cr8 = b->v_intr & MASK(3, 0);
	p->efer = b->efer & ~EFER_SVME;
}

/* --- SEG -------------------------------------------------------------------------------------------------------------- */

static bool push_seg(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;
	struct guest_segs g;

	if (!guest_segs_read(v->page, &g))
		return false;
	for (unsigned i = 0; i < TV_SEGS; i++) {
		const struct tv_segment *seg = &g.seg[i];
		uint64_t attr = seg->attr & TV_SEG_UNUSABLE ? seg->attr & ~SEG_P : seg->attr;

		*vmcb_seg(b, i) = (struct vmcb_seg){ seg->sel, (uint16_t)(attr & ATTR_HW), seg->limit, seg->base };
	}
	b->gdtr = (struct vmcb_seg){ .base = g.gdtr.base, .limit = g.gdtr.limit };
	b->idtr = (struct vmcb_seg){ .base = g.idtr.base, .limit = g.idtr.limit };
	b->cpl = (uint8_t)g.cpl;
	svm_changed(b, CLEAN_SEG | CLEAN_DT);
	return true;
}

static void pull_seg(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;
	uint32_t cpl = b->cpl;

	pull_segment(&p->seg[TV_ES], &b->es, TV_ES, cpl);
	pull_segment(&p->seg[TV_CS], &b->cs, TV_CS, cpl);
	pull_segment(&p->seg[TV_SS], &b->ss, TV_SS, cpl);
	pull_segment(&p->seg[TV_DS], &b->ds, TV_DS, cpl);
	pull_segment(&p->seg[TV_FS], &b->fs, TV_FS, cpl);
	pull_segment(&p->seg[TV_GS], &b->gs, TV_GS, cpl);
	pull_segment(&p->seg[TV_LDTR], &b->ldtr, TV_LDTR, cpl);
	pull_segment(&p->seg[TV_TR], &b->tr, TV_TR, cpl);
	p->gdtr = (struct tv_table){ .base = b->gdtr.base, .limit = b->gdtr.limit & 0xffff };
	p->idtr = (struct tv_table){ .base = b->idtr.base, .limit = b->idtr.limit & 0xffff };
	p->cpl = cpl;
}

/* --- DR, MSR, XCR, TSC ------------------------------------------------------------------------------------------------ */

static bool push_dr(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct guest_dr g;

	if (!guest_dr_read(v->page, &g))
		return false;
	__builtin_memcpy(s->dr, g.dr, sizeof(s->dr));
	s->vmcb->dr6 = g.dr6;
	s->vmcb->dr7 = g.dr7;
	svm_changed(s->vmcb, CLEAN_DR);
	return true;
}

static void pull_dr(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	for (unsigned i = 0; i < 4; i++)
		p->dr[i] = s->dr[i];
	p->dr6 = s->vmcb->dr6;
	p->dr7 = s->vmcb->dr7;
}

static bool push_msr(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	struct guest_msrs g;

	if (!guest_msrs_read(v->page, &svm.guest, &g))
		return false;
	b->star = g.star;
	b->lstar = g.lstar;
	b->cstar = g.cstar;
	b->sfmask = g.fmask;
	b->kernel_gs_base = g.kernel_gs_base;
	b->sysenter_cs = g.sysenter_cs;
	b->sysenter_esp = g.sysenter_esp;
	b->sysenter_eip = g.sysenter_eip;
	b->g_pat = g.pat;
	s->tsc_aux = g.tsc_aux;
	svm_changed(b, CLEAN_NP);
	return true;
}

static void pull_msr(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	p->star = b->star;
	p->lstar = b->lstar;
	p->cstar = b->cstar;
	p->fmask = b->sfmask;
	p->kernel_gs_base = b->kernel_gs_base;
	p->sysenter_cs = b->sysenter_cs;
	p->sysenter_esp = b->sysenter_esp;
	p->sysenter_eip = b->sysenter_eip;
	p->pat = b->g_pat;
	p->tsc_aux = s->tsc_aux;
}

static bool push_xcr(struct vcpu *v)
{
	uint64_t xcr0;

	if (!guest_xcr0_read(v->page, &svm.guest, &xcr0))
		return false;
	svm_of(v)->xcr0 = xcr0;
	svm_update_xcr0(svm_of(v));
	return true;
}

static void push_tsc(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;

	b->tsc_offset = READ_ONCE(v->page->tsc_offset);
	svm_changed(b, CLEAN_INTERCEPTS);
}

/* --- all -------------------------------------------------------------------------------------------------------------- */

/*
 * Load @groups from the state page; 0, or the first group that was refused.
 *
 * Order matters: what CR may be depends on CS, and what RFLAGS may be on CR.  PDPTEs need nothing: with nested paging the CPU
 * reads them from the guest's memory.
 */
uint32_t svm_push(struct vcpu *v, uint32_t groups)
{
	/* What a triple fault left is undefined.  Once it is replaced, the rest begins as after power-up. */
	if (svm_of(v)->shutdown && !(~groups & (TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG)))
		svm_vcpu_reset(svm_of(v));
	if (groups & TV_REGS_SEG && !push_seg(v))
		return TV_REGS_SEG;
	if (groups & TV_REGS_CR && !push_cr(v, groups))
		return TV_REGS_CR;
	if (groups & TV_REGS_DR && !push_dr(v))
		return TV_REGS_DR;
	if (groups & TV_REGS_MSR && !push_msr(v))
		return TV_REGS_MSR;
	if (groups & TV_REGS_XCR && !push_xcr(v))
		return TV_REGS_XCR;
	if (groups & TV_REGS_TSC)
		push_tsc(v);
	return groups & TV_REGS_RIP && !push_rip(v) ? TV_REGS_RIP : 0;
}

/* Fill @groups of the state page. */
void svm_pull(struct vcpu *v, uint32_t groups)
{
	const struct svm_vcpu *s = svm_of(v);
	struct tv_exit_page *p = v->page;

	if (groups & TV_REGS_RIP)
		pull_rip(p, s);
	if (groups & TV_REGS_CR)
		pull_cr(p, s);
	if (groups & TV_REGS_SEG)
		pull_seg(p, s);
	if (groups & TV_REGS_DR)
		pull_dr(p, s);
	if (groups & TV_REGS_MSR)
		pull_msr(p, s);
	if (groups & TV_REGS_XCR) {
		p->xcr0 = s->xcr0;
		p->xss = 0;
	}
	if (groups & TV_REGS_TSC)
		p->tsc_offset = s->vmcb->tsc_offset;
	if (groups & TV_REGS_CODE)
		pull_code(p, s);
}
