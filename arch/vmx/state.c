/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register groups between the state page and the VMCS.
 *
 * What a group may hold is arch/guest_state.h's business; nothing that it lets through reaches state of the host.  A group that is
 * refused leaves the VMCS as it was.  What VM entry itself refuses beyond that (segments that no descriptor could have loaded in
 * this mode) ends as a failed entry.
 */
#include "hot.h"

#include <x86/cr.h>
#include <x86/msr.h>

#define DR6_TRAPS	MASK(3, 0)
#define DR6_BD		BIT(13)
#define DR6_BS		BIT(14)
#define DR7_GD		BIT(13)
#define PDPTE_P		BIT(0)
#define PDPTE_RESERVED	(MASK(2, 1) | MASK(8, 5))

/* --- RIP -------------------------------------------------------------------------------------------------------------- */

/* Group RIP with a blocking of interrupts or NMIs, old or new. */
bool vmx_push_blocking(struct vmx_vcpu *s, uint64_t rflags, uint32_t shadow)
{
	uint64_t pending, bs;

	if (!guest_shadow_ok(shadow, rflags))
		return false;
	vmx_set_blocking(s, (shadow & SHADOWS) | (shadow & TV_SHADOW_NMI ? INTERRUPTIBILITY_NMI : 0));
	/* A single step that waits for the end of a shadow must be noted here, and only then. */
	pending = vmcs_readn(VMCS_GUEST_PENDING_DBG);
	bs = shadow & SHADOWS && rflags & RFLAGS_TF ? PENDING_DBG_BS : 0;
	if ((pending & PENDING_DBG_BS) != bs)
		vmcs_writen(VMCS_GUEST_PENDING_DBG, (pending & ~PENDING_DBG_BS) | bs);
	return true;
}

/* --- CR --------------------------------------------------------------------------------------------------------------- */

static uint64_t guest_cr0(const struct vmx_vcpu *s)
{
	return (vmcs_readn(VMCS_GUEST_CR0) & CR0_GUEST) | (s->cr0 & ~CR0_GUEST);
}

static uint64_t guest_cr4(const struct vmx_vcpu *s)
{
	return (vmcs_readn(VMCS_GUEST_CR4) & CR4_GUEST) | (s->cr4 & ~CR4_GUEST);
}

static uint64_t guest_cr8(const struct vmx_vcpu *s)
{
	return s->apic[LAPIC_TPR_WORD] >> 4 & 0xf;
}

/* The access rights of CS as attributes. */
static uint32_t cs_attr(void)
{
	uint32_t access = vmcs_read32(VMCS_GUEST_ACCESS(TV_CS));

	return (access & 0xff) | (access >> 4 & 0xf00);
}

static void set_entry_controls(struct vmx_vcpu *s, bool long_mode)
{
	uint32_t entry = vmx.word[VMX_ENTRY] | (long_mode ? ENTRY_IA32E : 0);

	if (entry == s->entry)
		return;
	s->entry = entry;
	vmcs_write32(VMCS_ENTRY_CONTROLS, entry);
}

static bool push_cr(struct vcpu *v, uint32_t groups)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct guest_cr g;
	bool same, small;

	guest_cr_read(v->page, &g);
	if (!guest_cr_ok(&g, &vmx.guest, cs_attr(), vmx_rflags(s) & RFLAGS_VM && !(groups & TV_REGS_RIP)))
		return false;

	/*
	 * What the monitor emulated may have been an instruction that flushes: a change, MOV to CR3 of the same value, or INVLPG.
	 * Only a new CR2 or CR8 alone comes from none of these.
	 */
	same = guest_cr0(s) == g.cr0 && guest_cr4(s) == g.cr4 && vmcs_readn(VMCS_GUEST_CR3) == g.cr3 && s->efer == g.efer;
	small = s->cr2 != g.cr2 || guest_cr8(s) != g.cr8;
	s->cr2 = g.cr2;
	s->apic[LAPIC_TPR_WORD] = (uint32_t)g.cr8 << 4;
	if (same && small)
		return true;

	s->stale |= STALE_LINEAR;
	s->cr0 = g.cr0;
	s->cr4 = g.cr4;
	s->efer = g.efer;
	vmcs_writen(VMCS_GUEST_CR0, (g.cr0 & ~GUEST_CR0_CACHE) | vmx.cr0_ones);
	vmcs_writen(VMCS_CR0_SHADOW, g.cr0);
	vmcs_writen(VMCS_GUEST_CR3, g.cr3);
	vmcs_writen(VMCS_GUEST_CR4, g.cr4 | vmx.cr4_ones);
	vmcs_writen(VMCS_CR4_SHADOW, g.cr4);
	vmcs_write64(VMCS_GUEST_EFER, g.efer);
	set_entry_controls(s, g.efer & EFER_LMA);
	vmx_update_xcr0(s);
	return true;
}

static void pull_cr(struct tv_exit_page *p, const struct vmx_vcpu *s)
{
	p->cr0 = guest_cr0(s);
	p->cr2 = s->cr2;
	p->cr3 = vmcs_readn(VMCS_GUEST_CR3);
	p->cr4 = guest_cr4(s);
	p->cr8 = guest_cr8(s);
	p->efer = s->efer;
}

/* With PAE paging the CPU takes these at entry from the VMCS, not from the guest's memory, and refuses reserved bits. */
static bool push_pdpte(struct vcpu *v)
{
	const struct tv_exit_page *p = v->page;
	uint64_t e[ARRAY_LEN(p->pdpte)];

	for (unsigned i = 0; i < ARRAY_LEN(e); i++) {
		e[i] = READ_ONCE(p->pdpte[i]);
		if (e[i] & PDPTE_P && e[i] & (PDPTE_RESERVED | ~vmx.guest.cr3))
			return false;
	}
	for (unsigned i = 0; i < ARRAY_LEN(e); i++)
		vmcs_write64(VMCS_GUEST_PDPTE(i), e[i]);
	vmx_of(v)->stale |= STALE_LINEAR;
	return true;
}

/* Outside of PAE paging the CPU leaves anything in these fields. */
static void pull_pdpte(struct tv_exit_page *p, const struct vmx_vcpu *s)
{
	bool pae = s->cr0 & CR0_PG && s->cr4 & CR4_PAE && !(s->efer & EFER_LMA);

	for (unsigned i = 0; i < ARRAY_LEN(p->pdpte); i++)
		p->pdpte[i] = pae ? vmcs_read64(VMCS_GUEST_PDPTE(i)) : 0;
}

/* --- SEG -------------------------------------------------------------------------------------------------------------- */

/* Access rights of segment register @i.  A segment that is in use was accessed: the CPU insists on the bit. */
static uint32_t access_of(const struct tv_segment *g, unsigned i)
{
	uint32_t attr = g->attr;

	if (attr & TV_SEG_UNUSABLE)
		return (uint32_t)(attr & SEG_DPL) | ACCESS_UNUSABLE;
	if (i < TV_LDTR)
		attr |= SEG_ACCESSED;
	return (attr & 0xff) | (attr & 0xf00) << 4;
}

static bool push_seg(struct vcpu *v)
{
	struct guest_segs g;

	if (!guest_segs_read(v->page, &g))
		return false;
	for (unsigned i = 0; i < TV_SEGS; i++) {
		vmcs_write16(VMCS_GUEST_SEL(i), g.seg[i].sel);
		vmcs_write32(VMCS_GUEST_ACCESS(i), access_of(&g.seg[i], i));
		vmcs_write32(VMCS_GUEST_LIMIT(i), g.seg[i].limit);
		vmcs_writen(VMCS_GUEST_BASE(i), g.seg[i].base);
	}
	vmcs_writen(VMCS_GUEST_GDTR_BASE, g.gdtr.base);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, g.gdtr.limit);
	vmcs_writen(VMCS_GUEST_IDTR_BASE, g.idtr.base);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, g.idtr.limit);
	return true;
}

static void pull_segment(struct tv_segment *g, unsigned i)
{
	uint32_t access = vmcs_read32(VMCS_GUEST_ACCESS(i));

	g->sel = vmcs_read16(VMCS_GUEST_SEL(i));
	g->limit = vmcs_read32(VMCS_GUEST_LIMIT(i));
	g->base = vmcs_readn(VMCS_GUEST_BASE(i));
	/* Of an unusable segment the CPU keeps whatever it likes, but the DPL of SS is the CPL. */
	if (access & ACCESS_UNUSABLE)
		g->attr = (uint16_t)((access & SEG_DPL) | TV_SEG_UNUSABLE);
	else
		g->attr = (uint16_t)((access & 0xff) | (access >> 4 & 0xf00));
}

static void pull_code(struct tv_exit_page *p)
{
	p->cr3 = vmcs_readn(VMCS_GUEST_CR3);
	p->cpl = (vmcs_read32(VMCS_GUEST_ACCESS(TV_SS)) & SEG_DPL) >> 5;
	pull_segment(&p->seg[TV_CS], TV_CS);
}

static void pull_seg(struct tv_exit_page *p)
{
	for (unsigned i = 0; i < TV_SEGS; i++)
		pull_segment(&p->seg[i], i);
	p->gdtr = (struct tv_table){ .base = vmcs_readn(VMCS_GUEST_GDTR_BASE), .limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT) };
	p->idtr = (struct tv_table){ .base = vmcs_readn(VMCS_GUEST_IDTR_BASE), .limit = vmcs_read32(VMCS_GUEST_IDTR_LIMIT) };
	p->cpl = (uint32_t)(p->seg[TV_SS].attr & SEG_DPL) >> 5;
}

/* --- DR, MSR, XCR ----------------------------------------------------------------------------------------------------- */

static bool push_dr(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct guest_dr g;

	if (!guest_dr_read(v->page, &g))
		return false;
	__builtin_memcpy(s->dr, g.dr, sizeof(s->dr));
	s->dr6 = g.dr6;
	s->dr7 = g.dr7;
	vmcs_writen(VMCS_GUEST_DR7, g.dr7);
	return true;
}

static void pull_dr(struct tv_exit_page *p, const struct vmx_vcpu *s)
{
	for (unsigned i = 0; i < 4; i++)
		p->dr[i] = s->dr[i];
	p->dr6 = s->dr6;
	p->dr7 = s->dr7;
}

/* SDM, "Debug Status Register (DR6)": the traps are those of this exception alone, the others accumulate. */
void vmx_debug_trap(struct vmx_vcpu *s, uint64_t qualification)
{
	s->dr6 = (s->dr6 & ~DR6_TRAPS) | (qualification & (DR6_TRAPS | DR6_BD | DR6_BS));
	if (s->dr7 & DR7_GD) {
		s->dr7 &= ~DR7_GD;
		vmcs_writen(VMCS_GUEST_DR7, s->dr7);
	}
}

static bool push_msr(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct guest_msrs g;

	if (!guest_msrs_read(v->page, &vmx.guest, &g))
		return false;
	s->star = g.star;
	s->lstar = g.lstar;
	s->cstar = g.cstar;
	s->fmask = g.fmask;
	s->kernel_gs_base = g.kernel_gs_base;
	s->tsc_aux = g.tsc_aux;
	vmcs_write32(VMCS_GUEST_SYSENTER_CS, (uint32_t)g.sysenter_cs);
	vmcs_writen(VMCS_GUEST_SYSENTER_ESP, g.sysenter_esp);
	vmcs_writen(VMCS_GUEST_SYSENTER_EIP, g.sysenter_eip);
	vmcs_write64(VMCS_GUEST_PAT, g.pat);
	return true;
}

static void pull_msr(struct tv_exit_page *p, const struct vmx_vcpu *s)
{
	p->star = s->star;
	p->lstar = s->lstar;
	p->cstar = s->cstar;
	p->fmask = s->fmask;
	p->kernel_gs_base = s->kernel_gs_base;
	p->tsc_aux = s->tsc_aux;
	p->sysenter_cs = vmcs_read32(VMCS_GUEST_SYSENTER_CS);
	p->sysenter_esp = vmcs_readn(VMCS_GUEST_SYSENTER_ESP);
	p->sysenter_eip = vmcs_readn(VMCS_GUEST_SYSENTER_EIP);
	p->pat = vmcs_read64(VMCS_GUEST_PAT);
}

static bool push_xcr(struct vcpu *v)
{
	uint64_t xcr0;

	if (!guest_xcr0_read(v->page, &vmx.guest, &xcr0))
		return false;
	vmx_of(v)->xcr0 = xcr0;
	vmx_update_xcr0(vmx_of(v));
	return true;
}

/* --- all -------------------------------------------------------------------------------------------------------------- */

/* Load @groups from the state page; 0, or the first group that was refused.  Order matters: what CR may be depends on CS, and what
 * RFLAGS may be on CR. */
uint32_t vmx_push(struct vcpu *v, uint32_t groups)
{
	vmx_use(vmx_of(v));
	/* Once what led to a triple fault is replaced, the rest begins as after power-up, as on every CPU. */
	if (vmx_of(v)->shutdown && !(~groups & (TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG)))
		vmx_vcpu_reset(vmx_of(v));
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
	if (groups & TV_REGS_PDPTE && !push_pdpte(v))
		return TV_REGS_PDPTE;
	if (groups & TV_REGS_TSC)
		vmcs_write64(VMCS_TSC_OFFSET, READ_ONCE(v->page->tsc_offset));
	return groups & TV_REGS_RIP && !push_rip(v) ? TV_REGS_RIP : 0;
}

/* Fill @groups of the state page. */
void vmx_pull(struct vcpu *v, uint32_t groups)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct tv_exit_page *p = v->page;

	vmx_use(s);
	if (groups & TV_REGS_RIP)
		pull_rip(p, s);
	if (groups & TV_REGS_CR)
		pull_cr(p, s);
	if (groups & TV_REGS_SEG)
		pull_seg(p);
	if (groups & TV_REGS_DR)
		pull_dr(p, s);
	if (groups & TV_REGS_MSR)
		pull_msr(p, s);
	if (groups & TV_REGS_XCR) {
		p->xcr0 = s->xcr0;
		p->xss = 0;
	}
	if (groups & TV_REGS_PDPTE)
		pull_pdpte(p, s);
	if (groups & TV_REGS_TSC)
		p->tsc_offset = vmcs_read64(VMCS_TSC_OFFSET);
	if (groups & TV_REGS_CODE)
		pull_code(p);
}
