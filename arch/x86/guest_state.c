/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's registers may hold.  SDM, "Checks on the Guest State Area" and the instructions that load these registers; APM
 * volume 2, "Canonicalization and Consistency Checks".
 */
#include <arch/fpu.h>
#include <arch/guest_state.h>
#include <arch/machine.h>
#include <x86/msr.h>

/* CPUID: standard leaves 1 and 7, extended leaf 8000_0001. */
#define CPUID_1_PCID		BIT(17)		/* ECX */
#define CPUID_7_FSGSBASE	BIT(0)		/* EBX */
#define CPUID_7_SMEP		BIT(7)
#define CPUID_7_SMAP		BIT(20)
#define CPUID_7_UMIP		BIT(2)		/* ECX */
#define CPUID_7_PKU		BIT(3)
#define CPUID_7_RDPID		BIT(22)
#define CPUID_EXT_FFXSR		BIT(25)		/* EDX */
#define CPUID_EXT_RDTSCP	BIT(27)

#define CR0_VALID	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR4_ALWAYS	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | \
			 CR4_OSXMMEXCPT)
#define DR7_VALID	(MASK(31, 16) | BIT(13) | MASK(9, 0))
#define SEG_L_AND_DB	(SEG_L | SEG_DB)	/* no code segment is both */

/* CR4 bits of the CPU whose state the kernel switches. */
static uint64_t cr4_bits(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint32_t leaf7_ecx, uint64_t xcr0)
{
	uint64_t cr4 = CR4_ALWAYS;

	if (leaf1_ecx & CPUID_1_PCID)
		cr4 |= CR4_PCIDE;
	if (leaf7_ebx & CPUID_7_FSGSBASE)
		cr4 |= CR4_FSGSBASE;
	if (leaf7_ebx & CPUID_7_SMEP)
		cr4 |= CR4_SMEP;
	if (leaf7_ebx & CPUID_7_SMAP)
		cr4 |= CR4_SMAP;
	if (leaf7_ecx & CPUID_7_UMIP)
		cr4 |= CR4_UMIP;
	if (xcr0)
		cr4 |= CR4_OSXSAVE;
	if (leaf7_ecx & CPUID_7_PKU && xcr0 & XCR0_PKRU)
		cr4 |= CR4_PKE;
	return cr4;
}

void guest_limits_init(struct guest_limits *l, uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint32_t leaf7_ecx, uint32_t ext_edx)
{
	l->xcr0 = fpu_xcr0();
	l->cr3 = MASK(machine_phys_bits() - 1, 0);
	l->cr4 = cr4_bits(leaf1_ecx, leaf7_ebx, leaf7_ecx, l->xcr0);
	l->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | (ext_edx & CPUID_EXT_FFXSR ? EFER_FFXSR : 0);
	l->tsc_aux = ext_edx & CPUID_EXT_RDTSCP || leaf7_ecx & CPUID_7_RDPID;
}

bool guest_limits_cover(const struct guest_limits *here, const struct guest_limits *have)
{
	return !(have->cr3 & ~here->cr3) && !(have->cr4 & ~here->cr4) && !(have->efer & ~here->efer) &&
	       !(have->xcr0 & ~here->xcr0) && here->tsc_aux >= have->tsc_aux;
}

void guest_cr_read(const struct tv_exit_page *p, struct guest_cr *g)
{
	g->cr0 = READ_ONCE(p->cr0) | CR0_ET;
	g->cr2 = READ_ONCE(p->cr2);
	g->cr3 = READ_ONCE(p->cr3);
	g->cr4 = READ_ONCE(p->cr4);
	g->cr8 = READ_ONCE(p->cr8);
	g->efer = READ_ONCE(p->efer);
}

bool guest_cr_ok(const struct guest_cr *g, const struct guest_limits *l, uint32_t cs_attr, bool vm86)
{
	bool paging = g->cr0 & CR0_PG, lma = g->efer & EFER_LMA;

	if (g->cr0 & ~CR0_VALID || (paging && !(g->cr0 & CR0_PE)) || (g->cr0 & GUEST_CR0_CACHE) == CR0_NW)
		return false;
	if (g->cr3 & ~l->cr3 || g->cr4 & ~l->cr4 || g->cr8 & ~MASK(3, 0) || g->efer & ~l->efer)
		return false;
	if (lma != (paging && g->efer & EFER_LME))
		return false;
	if (lma && (!(g->cr4 & CR4_PAE) || (cs_attr & SEG_L_AND_DB) == SEG_L_AND_DB))
		return false;
	if (vm86 && (lma || !(g->cr0 & CR0_PE)))
		return false;
	return lma || !(g->cr4 & CR4_PCIDE);
}

/* Is @g a segment that register @i can hold? */
static bool seg_ok(const struct tv_segment *g, unsigned i)
{
	bool usable = !(g->attr & TV_SEG_UNUSABLE), system = i == TV_LDTR || i == TV_TR;

	if (g->attr & ~TV_SEG_ATTR)
		return false;
	/* 64-bit bases have FS, GS and the two that live in 16-byte descriptors. */
	if (i >= TV_FS ? !guest_canonical(g->base) : g->base > UINT32_MAX)
		return false;
	if (!usable)
		return i != TV_CS && i != TV_TR;
	if (!(g->attr & SEG_P) || !(g->attr & SEG_S) != system)
		return false;
	/* The limit in bytes must be one that the descriptor's 20 bits and G can say. */
	if (g->attr & SEG_G ? (g->limit & 0xfff) != 0xfff : g->limit > 0xfffff)
		return false;
	if (i == TV_LDTR)
		return (g->attr & SEG_TYPE) == SEG_TYPE_LDT;
	if (i == TV_TR)
		return (g->attr & SEG_TYPE & ~SEG_CODE) == (SEG_TYPE_TSS_BUSY | SEG_ACCESSED);
	return i != TV_CS || (g->attr & SEG_L_AND_DB) != SEG_L_AND_DB;
}

static bool table_read(const struct tv_table *t, struct tv_table *g)
{
	*g = (struct tv_table){ .base = READ_ONCE(t->base), .limit = READ_ONCE(t->limit) };
	return guest_canonical(g->base) && g->limit <= 0xffff;
}

bool guest_segs_read(const struct tv_exit_page *p, struct guest_segs *g)
{
	struct tv_segment *ss = &g->seg[TV_SS];

	for (unsigned i = 0; i < TV_SEGS; i++) {
		const struct tv_segment *s = &p->seg[i];

		g->seg[i] = (struct tv_segment){ READ_ONCE(s->sel), READ_ONCE(s->attr), READ_ONCE(s->limit), READ_ONCE(s->base) };
		if (!seg_ok(&g->seg[i], i))
			return false;
	}
	g->cpl = READ_ONCE(p->cpl);
	/* CPL is SS.DPL; of an unusable SS only the page's own word for CPL counts. */
	if (ss->attr & TV_SEG_UNUSABLE)
		ss->attr = (uint16_t)((ss->attr & ~SEG_DPL) | (g->cpl & 3) << 5);
	return table_read(&p->gdtr, &g->gdtr) && table_read(&p->idtr, &g->idtr) && g->cpl == (ss->attr & SEG_DPL) >> 5;
}

bool guest_dr_read(const struct tv_exit_page *p, struct guest_dr *g)
{
	uint64_t dr6 = READ_ONCE(p->dr6), dr7 = READ_ONCE(p->dr7);

	for (unsigned i = 0; i < 4; i++)
		g->dr[i] = READ_ONCE(p->dr[i]);
	g->dr6 = dr6 | DR6_INIT;
	g->dr7 = (dr7 & DR7_VALID) | DR7_INIT;
	return dr6 <= UINT32_MAX && dr7 <= UINT32_MAX;
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

/* Most of these the kernel itself may have to write to the MSR, which must not fault. */
bool guest_msrs_read(const struct tv_exit_page *p, const struct guest_limits *l, struct guest_msrs *g)
{
	*g = (struct guest_msrs){
		.star = READ_ONCE(p->star), .lstar = READ_ONCE(p->lstar), .cstar = READ_ONCE(p->cstar), .fmask = READ_ONCE(p->fmask),
		.kernel_gs_base = READ_ONCE(p->kernel_gs_base), .sysenter_cs = READ_ONCE(p->sysenter_cs),
		.sysenter_esp = READ_ONCE(p->sysenter_esp), .sysenter_eip = READ_ONCE(p->sysenter_eip),
		.pat = READ_ONCE(p->pat), .tsc_aux = READ_ONCE(p->tsc_aux),
	};
	return guest_canonical(g->lstar) && guest_canonical(g->cstar) && guest_canonical(g->kernel_gs_base) &&
	       guest_canonical(g->sysenter_esp) && guest_canonical(g->sysenter_eip) && pat_ok(g->pat) &&
	       g->sysenter_cs <= UINT32_MAX && g->fmask <= UINT32_MAX && g->tsc_aux <= (l->tsc_aux ? UINT32_MAX : 0);
}

/* SDM and APM volume 2, "XSETBV": which combinations do not fault.  XSS is zero: no supervisor component is switched. */
bool guest_xcr0_read(const struct tv_exit_page *p, const struct guest_limits *l, uint64_t *xcr0)
{
	uint64_t v = READ_ONCE(p->xcr0), avx512 = v & XCR0_AVX512, bnd = v & (XCR0_BNDREGS | XCR0_BNDCSR);
	uint64_t tile = v & (XCR0_TILECFG | XCR0_TILEDATA);

	*xcr0 = v;
	if (!(v & XCR0_X87) || v & ~(l->xcr0 | XCR0_X87) || READ_ONCE(p->xss) != 0)
		return false;
	if ((v & XCR0_AVX && !(v & XCR0_SSE)) || (avx512 && (avx512 != XCR0_AVX512 || !(v & XCR0_AVX))))
		return false;
	return (!bnd || bnd == (XCR0_BNDREGS | XCR0_BNDCSR)) && (!tile || tile == (XCR0_TILECFG | XCR0_TILEDATA));
}
