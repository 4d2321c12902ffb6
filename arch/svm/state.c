/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register groups between the state page and the VMCB.
 *
 * The page can be written by its monitor at any time, also while this runs: each word of it is read once, checked, and only then
 * used.  What is checked: everything that VMRUN refuses, everything that would reach state of the host, and what would make
 * one of the host's own instructions fault.  A group that is refused leaves the VMCB as it was.
 */
#include "svm.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#define CR0_VALID	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_CACHE	(CR0_CD | CR0_NW)
#define RFLAGS_VALID	(MASK(21, 16) | MASK(14, 6) | RFLAGS_AF | RFLAGS_PF | RFLAGS_ONE | RFLAGS_CF)
#define DR7_VALID	(MASK(31, 16) | BIT(13) | MASK(9, 0))

/* Segment attributes, as in struct tv_segment. */
#define ATTR_TYPE	MASK(3, 0)
#define ATTR_ACCESSED	BIT(0)
#define ATTR_CODE	BIT(3)
#define ATTR_S		BIT(4)
#define ATTR_DPL	MASK(6, 5)
#define ATTR_P		BIT(7)
#define ATTR_L		BIT(9)
#define ATTR_DB		BIT(10)
#define ATTR_G		BIT(11)
#define ATTR_HW		MASK(11, 0)
#define TYPE_LDT	2u
#define TYPE_TSS_BUSY	BIT(1)		/* types 3 and 11 are busy TSSs of 16 and 32 or 64 bits */

static bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

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

/* The group RIP as read from the page. */
struct rip_group {
	uint64_t rip, rflags, rsp;
	uint32_t shadow;
};

static inline void load_rip(struct vmcb *b, const struct rip_group *g)
{
	b->rip = g->rip;
	b->rflags = g->rflags;
	b->rsp = g->rsp;
	b->int_state = g->shadow & (TV_SHADOW_STI | TV_SHADOW_MOVSS) ? INT_SHADOW : 0;
}

/* With a blocking of interrupts or NMIs, old or new, which is rare. */
static NOINLINE bool push_blocking(struct svm_vcpu *s, uint64_t rip, uint64_t rflags, uint64_t rsp, uint32_t shadow)
{
	const struct rip_group g = { rip, rflags, rsp, shadow };

	/* An STI that did not set IF blocks nothing, and the two kinds of blocking exclude each other. */
	if (shadow & ~TV_SHADOW_ALL || (shadow & TV_SHADOW_STI && (shadow & TV_SHADOW_MOVSS || !(rflags & RFLAGS_IF))))
		return false;
	if (svm_nmi_blocked(s) != !!(shadow & TV_SHADOW_NMI))
		svm_nmi_block(s, shadow & TV_SHADOW_NMI);
	load_rip(s->vmcb, &g);
	return true;
}

static inline bool push_rip(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	const struct rip_group g = { READ_ONCE(p->rip), READ_ONCE(p->rflags), READ_ONCE(p->gpr[TV_RSP]), READ_ONCE(p->shadow) };

	if (unlikely(!canonical(g.rip) || (g.rflags & (~RFLAGS_VALID | RFLAGS_ONE)) != RFLAGS_ONE))
		return false;
	if (unlikely(g.rflags & RFLAGS_VM) && (!(b->cr0 & CR0_PE) || b->efer & EFER_LMA))
		return false;
	if (unlikely(g.shadow | s->nmi))
		return push_blocking(s, g.rip, g.rflags, g.rsp, g.shadow);
	load_rip(b, &(struct rip_group){ g.rip, g.rflags, g.rsp, 0 });
	return true;
}

static NOINLINE uint32_t shadow_of(const struct svm_vcpu *s)
{
	uint32_t shadow = svm_nmi_blocked(s) ? TV_SHADOW_NMI : 0;

	/* The CPU does not say which kind it is; without IF it cannot be STI's. */
	if (s->vmcb->int_state & INT_SHADOW)
		shadow |= s->vmcb->rflags & RFLAGS_IF ? TV_SHADOW_STI : TV_SHADOW_MOVSS;
	return shadow;
}

static inline void pull_rip(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	p->rip = b->rip;
	p->rflags = b->rflags;
	p->gpr[TV_RSP] = b->rsp;
	p->shadow = unlikely((b->int_state & INT_SHADOW) | s->nmi) ? shadow_of(s) : 0;
}

/* --- CR --------------------------------------------------------------------------------------------------------------- */

struct cr_group {
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};

/* The rules of APM volume 2, "Canonicalization and Consistency Checks", and of the instructions that load these registers. */
static bool cr_ok(const struct cr_group *g, const struct vmcb *b)
{
	bool paging = g->cr0 & CR0_PG, lma = g->efer & EFER_LMA;

	if (g->cr0 & ~CR0_VALID || (paging && !(g->cr0 & CR0_PE)) || (g->cr0 & CR0_CACHE) == CR0_NW)
		return false;
	if (g->cr3 & ~svm.cr3_valid || g->cr4 & ~svm.cr4_valid || g->cr8 & ~MASK(3, 0) || g->efer & ~svm.efer_valid)
		return false;
	if (lma != (paging && g->efer & EFER_LME))
		return false;
	if (lma && (!(g->cr4 & CR4_PAE) || (b->cs.attr & (ATTR_L | ATTR_DB)) == (ATTR_L | ATTR_DB)))
		return false;
	return lma || !(g->cr4 & CR4_PCIDE);
}

static bool push_cr(struct vcpu *v, uint32_t groups)
{
	const struct tv_exit_page *p = v->page;
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	const struct cr_group g = {
		.cr0 = READ_ONCE(p->cr0) | CR0_ET, .cr2 = READ_ONCE(p->cr2), .cr3 = READ_ONCE(p->cr3),
		.cr4 = READ_ONCE(p->cr4), .cr8 = READ_ONCE(p->cr8), .efer = READ_ONCE(p->efer),
	};
	bool vm86 = b->rflags & RFLAGS_VM && !(groups & TV_REGS_RIP);
	bool same, small;

	if (!cr_ok(&g, b) || (vm86 && (g.efer & EFER_LMA || !(g.cr0 & CR0_PE))))
		return false;

	/*
	 * What the monitor emulated may have been an instruction that flushes: a change, MOV to CR3 of the same value, or INVLPG.
	 * Only a new CR2 or CR8 alone comes from none of these.
	 */
	same = b->cr0 == (g.cr0 & ~CR0_CACHE) && s->cr4 == g.cr4 && b->cr3 == g.cr3 && b->efer == (g.efer | EFER_SVME);
	small = b->cr2 != g.cr2 || (b->v_intr & VINTR_TPR) != g.cr8;
	if (!same || !small)
		svm_flush(v);

	b->cr0 = g.cr0 & ~CR0_CACHE;
	b->cr2 = g.cr2;
	b->cr3 = g.cr3;
	b->cr4 = g.cr4 | svm.cr4_host;
	b->efer = g.efer | EFER_SVME;
	b->v_intr = (b->v_intr & ~VINTR_TPR) | g.cr8;
	svm_changed(b, CLEAN_CR | CLEAN_CR2 | CLEAN_TPR);
	if (s->cr4 != g.cr4 || s->cr0_cache != (g.cr0 & CR0_CACHE)) {
		s->cr4 = g.cr4;
		s->cr0_cache = g.cr0 & CR0_CACHE;
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

/* Is @g a segment that register @i can hold? */
static bool seg_ok(const struct tv_segment *g, unsigned i)
{
	bool usable = !(g->attr & TV_SEG_UNUSABLE), system = i == TV_LDTR || i == TV_TR;

	if (g->attr & ~TV_SEG_ATTR)
		return false;
	/* 64-bit bases have FS, GS and the two that live in 16-byte descriptors. */
	if (i >= TV_FS ? !canonical(g->base) : g->base > UINT32_MAX)
		return false;
	if (!usable)
		return i != TV_CS && i != TV_TR;
	if (!(g->attr & ATTR_P) || !(g->attr & ATTR_S) != system)
		return false;
	/* The limit in bytes must be one that the descriptor's 20 bits and G can say. */
	if (g->attr & ATTR_G ? (g->limit & 0xfff) != 0xfff : g->limit > 0xfffff)
		return false;
	if (i == TV_LDTR)
		return (g->attr & ATTR_TYPE) == TYPE_LDT;
	if (i == TV_TR)
		return (g->attr & ATTR_TYPE & ~ATTR_CODE) == (TYPE_TSS_BUSY | ATTR_ACCESSED);
	return i != TV_CS || (g->attr & (ATTR_L | ATTR_DB)) != (ATTR_L | ATTR_DB);
}

static bool table_ok(const struct tv_table *t)
{
	return canonical(t->base) && t->limit <= 0xffff;
}

static struct tv_table read_table(const struct tv_table *t)
{
	return (struct tv_table){ .base = READ_ONCE(t->base), .limit = READ_ONCE(t->limit) };
}

static bool push_seg(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct vmcb *b = svm_of(v)->vmcb;
	const struct tv_table gdtr = read_table(&p->gdtr), idtr = read_table(&p->idtr);
	uint32_t cpl = READ_ONCE(p->cpl);
	struct tv_segment seg[TV_SEGS];

	for (unsigned i = 0; i < TV_SEGS; i++) {
		const struct tv_segment *g = &p->seg[i];

		seg[i] = (struct tv_segment){ READ_ONCE(g->sel), READ_ONCE(g->attr), READ_ONCE(g->limit), READ_ONCE(g->base) };
		if (!seg_ok(&seg[i], i))
			return false;
	}
	/* CPL is SS.DPL; of an unusable SS only the kernel's own copy of CPL counts. */
	if (seg[TV_SS].attr & TV_SEG_UNUSABLE)
		seg[TV_SS].attr = (uint16_t)((seg[TV_SS].attr & ~ATTR_DPL) | (cpl & 3) << 5);
	if (!table_ok(&gdtr) || !table_ok(&idtr) || cpl != (seg[TV_SS].attr & ATTR_DPL) >> 5)
		return false;

	for (unsigned i = 0; i < TV_SEGS; i++) {
		uint64_t attr = seg[i].attr & TV_SEG_UNUSABLE ? seg[i].attr & ~ATTR_P : seg[i].attr;

		*vmcb_seg(b, i) = (struct vmcb_seg){ seg[i].sel, (uint16_t)(attr & ATTR_HW), seg[i].limit, seg[i].base };
	}
	b->gdtr = (struct vmcb_seg){ .base = gdtr.base, .limit = gdtr.limit };
	b->idtr = (struct vmcb_seg){ .base = idtr.base, .limit = idtr.limit };
	b->cpl = (uint8_t)cpl;
	svm_changed(b, CLEAN_SEG | CLEAN_DT);
	return true;
}

/*
 * Segments as the page wants them, whatever the CPU left: implementations differ in G, in the busy bit of TR and in the
 * accessed bits, and keep old attributes of segments that became unusable.
 */
static void pull_segment(struct tv_segment *g, const struct vmcb_seg *hw, unsigned i, unsigned cpl)
{
	uint64_t attr = hw->attr & ATTR_HW;

	g->sel = hw->sel;
	g->limit = hw->limit;
	g->base = i >= TV_FS ? hw->base : (uint32_t)hw->base;
	if (i == TV_SS)
		attr = (attr & ~ATTR_DPL) | (uint64_t)cpl << 5;
	if (!(attr & ATTR_P) && i != TV_CS && i != TV_TR) {
		g->attr = (uint16_t)((attr & ATTR_DPL) | TV_SEG_UNUSABLE);
		return;
	}
	attr |= ATTR_P;
	attr = hw->limit > 0xfffff ? attr | ATTR_G : attr & ~ATTR_G;
	if (i == TV_TR)
		attr |= TYPE_TSS_BUSY;
	else if (i != TV_LDTR)
		attr |= ATTR_ACCESSED;
	g->attr = (uint16_t)attr;
}

static void pull_seg(struct tv_exit_page *p, const struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	for (unsigned i = 0; i < TV_SEGS; i++)
		pull_segment(&p->seg[i], vmcb_seg(b, i), i, b->cpl);
	p->gdtr = (struct tv_table){ .base = b->gdtr.base, .limit = b->gdtr.limit & 0xffff };
	p->idtr = (struct tv_table){ .base = b->idtr.base, .limit = b->idtr.limit & 0xffff };
	p->cpl = b->cpl;
}

/* --- DR, MSR, XCR, TSC ------------------------------------------------------------------------------------------------ */

static bool push_dr(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct svm_vcpu *s = svm_of(v);
	uint64_t dr6 = READ_ONCE(p->dr6), dr7 = READ_ONCE(p->dr7);

	if (dr6 > UINT32_MAX || dr7 > UINT32_MAX)
		return false;
	for (unsigned i = 0; i < 4; i++)
		s->dr[i] = READ_ONCE(p->dr[i]);
	s->vmcb->dr6 = dr6 | DR6_INIT;
	s->vmcb->dr7 = (dr7 & DR7_VALID) | DR7_INIT;
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

/* Each of the eight types must be one that WRMSR accepts: 0, 1, 4, 5, 6, 7. */
static bool pat_ok(uint64_t pat)
{
	for (unsigned i = 0; i < 64; i += 8) {
		uint64_t type = pat >> i & 0xff;

		if (type > PAT_UC_MINUS || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool push_msr(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;
	uint64_t lstar = READ_ONCE(p->lstar), cstar = READ_ONCE(p->cstar), gs = READ_ONCE(p->kernel_gs_base);
	uint64_t esp = READ_ONCE(p->sysenter_esp), eip = READ_ONCE(p->sysenter_eip);
	uint64_t pat = READ_ONCE(p->pat), aux = READ_ONCE(p->tsc_aux);

	if (!canonical(lstar) || !canonical(cstar) || !canonical(gs) || !canonical(esp) || !canonical(eip) || !pat_ok(pat))
		return false;
	/* The kernel itself will write it to the MSR. */
	if (aux > UINT32_MAX || (aux && !svm.tsc_aux))
		return false;
	b->star = READ_ONCE(p->star);
	b->lstar = lstar;
	b->cstar = cstar;
	b->sfmask = READ_ONCE(p->fmask);
	b->kernel_gs_base = gs;
	b->sysenter_cs = READ_ONCE(p->sysenter_cs);
	b->sysenter_esp = esp;
	b->sysenter_eip = eip;
	b->g_pat = pat;
	s->tsc_aux = aux;
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

/* APM volume 2, "XSETBV": which combinations do not fault. */
static bool xcr0_ok(uint64_t xcr0)
{
	uint64_t avx512 = xcr0 & XCR0_AVX512, bnd = xcr0 & (XCR0_BNDREGS | XCR0_BNDCSR);
	uint64_t tile = xcr0 & (XCR0_TILECFG | XCR0_TILEDATA);

	if (!(xcr0 & XCR0_X87) || xcr0 & ~(svm.xcr0 | XCR0_X87))
		return false;
	if ((xcr0 & XCR0_AVX && !(xcr0 & XCR0_SSE)) || (avx512 && (avx512 != XCR0_AVX512 || !(xcr0 & XCR0_AVX))))
		return false;
	return (!bnd || bnd == (XCR0_BNDREGS | XCR0_BNDCSR)) && (!tile || tile == (XCR0_TILECFG | XCR0_TILEDATA));
}

static bool push_xcr(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	uint64_t xcr0 = READ_ONCE(p->xcr0);

	if (!xcr0_ok(xcr0) || READ_ONCE(p->xss) != 0)
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
 * Order matters: what CR may be depends on CS, and what RFLAGS may be on CR.  PDPTEs need nothing: with nested paging the CPU
 * reads them from the guest's memory.
 */
static NOINLINE uint32_t push_groups(struct vcpu *v, uint32_t groups)
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

/* Load @groups from the state page; 0, or the first group that was refused. */
uint32_t svm_push(struct vcpu *v, uint32_t groups)
{
	if (unlikely(groups != TV_REGS_RIP))
		return push_groups(v, groups);
	return push_rip(v) ? 0 : TV_REGS_RIP;
}

static NOINLINE void pull_groups(struct vcpu *v, uint32_t groups)
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
}

/* Fill @groups of the state page. */
void svm_pull(struct vcpu *v, uint32_t groups)
{
	if (unlikely(groups != TV_REGS_RIP))
		pull_groups(v, groups);
	else
		pull_rip(v->page, svm_of(v));
}
