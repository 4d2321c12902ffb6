/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSR policy.  One row for a register or a range; what has no row raises #GP, is counted, and logged once for each number.
 * A row is here because an operating system needs the register, because CPUID promises it, or because a kernel probes it
 * without being prepared for #GP.
 */
#include "msr.h"

#include <rt/log.h>
#include <rt/time.h>
#include <x86/cr.h>
#include <x86/msr.h>

#include "cr.h"
#include "inject.h"
#include "layout.h"
#include "pvclock.h"
#include "retire.h"
#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

#define MTRR_CAP_VCNT		8ull
#define MTRR_CAP_FIX		BIT(8)
#define MTRR_CAP_WC		BIT(10)
#define MTRR_VALID		BIT(11)		/* PHYSMASK */
#define MTRR_DEF_E		BIT(11)
#define MTRR_DEF_FE		BIT(10)
#define MTRR_FIXED_WB		0x0606060606060606ull
#define MSR_MTRR_PHYS_FIRST	0x200u
#define MISC_ENABLE_FAST_STRING	BIT(0)
#define MISC_ENABLE_SWITCHES	(BIT(34) | MASK(23, 22) | BIT(18) | BIT(16) | BIT(3) | MISC_ENABLE_FAST_STRING)
#define MISC_ENABLE_NO_BTS	BIT(11)
#define MISC_ENABLE_NO_PEBS	BIT(12)
#define FEATURE_CONTROL_LOCK	BIT(0)
#define PLATFORM_CPUID_FAULT	BIT(31)
#define HWCR_TSC_FREQ_SEL	BIT(24)
#define DE_CFG_LFENCE		BIT(1)
#define UCODE_INTEL		0x100000000ull	/* revision 1: plausible, and older than any update */
#define UCODE_AMD		0x01000065ull
#define OSVW_LENGTH		4ull		/* the first four errata ... do not concern this CPU */

/* What reading or writing does.  The default, 0, is #GP. */
enum msr_policy { GP, VALUE /* read: .value */, DROP /* write: ignored */, SHADOW /* .slot */, FN };
enum msr_vendor { ANY, INTEL, AMD };

struct msr_row {
	uint32_t first, last;
	uint8_t vendor, read, write, slot;
	uint64_t value;			/* VALUE; SHADOW: after reset */
	uint64_t writable;		/* SHADOW: the others must not change; DROP: the others must be 0 */
	enum msr_result (*get)(struct vcpu *v, uint32_t msr, uint64_t *val);
	enum msr_result (*set)(struct vcpu *v, uint32_t msr, uint64_t val);
};

#define CONST(n, v, x)		{ n, n, v, VALUE, GP, 0, x, 0, NULL, NULL }
#define PROBE(f, l, v, x)	{ f, l, v, VALUE, DROP, 0, x, ~0ull, NULL, NULL }	/* reads x, writes do nothing */
#define STORE(n, v, s, x, w)	{ n, n, v, SHADOW, SHADOW, s, x, w, NULL, NULL }
#define BOTH(f, l, v, r, w)	{ f, l, v, FN, FN, 0, 0, 0, r, w }
#define MTRR(f, l, s, w)	{ f, l, ANY, SHADOW, FN, s, 0, 0, NULL, w }

/* --- registers with a life of their own ------------------------------------------------------------------------------ */

static void set_tsc_offset(struct vcpu *v, uint64_t offset)
{
	v->msr.tsc_offset = offset;
	v->page->tsc_offset = offset;
	v->page->dirty |= TV_REGS_TSC;
	lapic_set_tsc_offset(&v->lapic, offset);
	pvclock_update(v);
	hyperv_tsc_changed(v);
}

static enum msr_result tsc_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = clock_now() + v->msr.tsc_offset;
	return MSR_OK;
}

/* SDM, "IA32_TSC_ADJUST MSR": a write of the TSC shows there, and the other way round. */
static enum msr_result tsc_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t offset = val - clock_now();

	(void)msr;
	v->msr.tsc_adjust += offset - v->msr.tsc_offset;
	set_tsc_offset(v, offset);
	return MSR_OK;
}

static enum msr_result adjust_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = v->msr.tsc_adjust;
	return v->vm->cpuid.tsc_adjust ? MSR_OK : MSR_FAULT;
}

static enum msr_result adjust_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	if (!v->vm->cpuid.tsc_adjust)
		return MSR_FAULT;
	set_tsc_offset(v, v->msr.tsc_offset + val - v->msr.tsc_adjust);
	v->msr.tsc_adjust = val;
	return MSR_OK;
}

static enum msr_result apic_base_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = v->lapic.s.base;
	return MSR_OK;
}

static enum msr_result apic_base_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	return lapic_base_write(&v->lapic, val) ? MSR_OK : MSR_FAULT;
}

static enum msr_result x2apic_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	return lapic_msr_read(&v->lapic, msr, val) ? MSR_OK : MSR_FAULT;
}

static enum msr_result x2apic_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return lapic_msr_write(&v->lapic, msr, val) ? MSR_OK : MSR_FAULT;
}

static enum msr_result deadline_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = lapic_tsc_deadline_read(&v->lapic);
	return v->vm->cpuid.tsc_deadline ? MSR_OK : MSR_FAULT;
}

static enum msr_result deadline_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	lapic_tsc_deadline_write(&v->lapic, val);	/* which does nothing if there is no such mode */
	return v->vm->cpuid.tsc_deadline ? MSR_OK : MSR_FAULT;
}

static enum msr_result hv_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	return hyperv_get(v, msr, val) ? MSR_OK : MSR_FAULT;
}

static enum msr_result hv_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return hyperv_set(v, msr, val) ? MSR_OK : MSR_FAULT;
}

static enum msr_result efer_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	if (!vcpu_need(v, TV_REGS_CR))
		return MSR_RETRY;
	*val = v->page->efer;
	return MSR_OK;
}

static enum msr_result efer_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	if (!vcpu_need(v, TV_REGS_CR))
		return MSR_RETRY;
	if (!cr_efer_valid(v, val))
		return MSR_FAULT;
	v->page->efer = (val & ~EFER_LMA) | (v->page->efer & EFER_LMA);
	v->page->dirty |= TV_REGS_CR;
	return MSR_OK;
}

/* The field of the state page that holds @msr, one of group MSR. */
static uint64_t *page_field(struct tv_exit_page *p, uint32_t msr)
{
	switch (msr) {
	case MSR_IA32_SYSENTER_CS:	return &p->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:	return &p->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:	return &p->sysenter_eip;
	case MSR_IA32_PAT:		return &p->pat;
	case MSR_STAR:			return &p->star;
	case MSR_LSTAR:			return &p->lstar;
	case MSR_CSTAR:			return &p->cstar;
	case MSR_SFMASK:		return &p->fmask;
	case MSR_KERNEL_GS_BASE:	return &p->kernel_gs_base;
	default:			return &p->tsc_aux;
	}
}

static enum msr_result page_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	if (msr == MSR_TSC_AUX && !v->vm->cpuid.tsc_aux)
		return MSR_FAULT;
	if (!vcpu_need(v, TV_REGS_MSR))
		return MSR_RETRY;
	*val = *page_field(v->page, msr);
	return MSR_OK;
}

static bool page_value_valid(const struct vcpu *v, uint32_t msr, uint64_t val)
{
	switch (msr) {
	case MSR_IA32_PAT:
		return msr_pat_valid(val);
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
		return cr_canonical(&v->vm->cpuid, val);
	case MSR_SFMASK:
		return val <= UINT32_MAX;
	case MSR_TSC_AUX:
		return val <= UINT32_MAX && v->vm->cpuid.tsc_aux;
	default:
		return true;
	}
}

static enum msr_result page_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (!page_value_valid(v, msr, val))
		return MSR_FAULT;
	if (!vcpu_need(v, TV_REGS_MSR))
		return MSR_RETRY;
	if (msr == MSR_IA32_SYSENTER_CS)
		val &= UINT32_MAX;		/* the selector's register has no upper half */
	*page_field(v->page, msr) = val;
	v->page->dirty |= TV_REGS_MSR;
	return MSR_OK;
}

static enum msr_result base_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	if (!vcpu_need(v, TV_REGS_SEG))
		return MSR_RETRY;
	*val = v->page->seg[msr == MSR_FS_BASE ? TV_FS : TV_GS].base;
	return MSR_OK;
}

static enum msr_result base_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (!cr_canonical(&v->vm->cpuid, val))
		return MSR_FAULT;
	if (!vcpu_need(v, TV_REGS_SEG))
		return MSR_RETRY;
	v->page->seg[msr == MSR_FS_BASE ? TV_FS : TV_GS].base = val;
	v->page->dirty |= TV_REGS_SEG;
	return MSR_OK;
}

/* --- memory types ---------------------------------------------------------------------------------------------------- */

/* SDM, "MTRR Memory Types": UC, WC, WT, WP, WB. */
static bool mtrr_type_valid(uint64_t type)
{
	return type < 7 && (0x73u >> type & 1);
}

bool msr_pat_valid(uint64_t pat)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t type = pat >> 8 * i & 0xff;

		if (type != PAT_UC_MINUS && !mtrr_type_valid(type))
			return false;
	}
	return true;
}

static enum msr_result mtrr_phys_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t address = MASK(v->vm->cpuid.phys_bits - 1, 12);
	bool mask = msr & 1;

	if (val & ~(address | (mask ? MTRR_VALID : 0xff)) || (!mask && !mtrr_type_valid(val & 0xff)))
		return MSR_FAULT;
	v->msr.slot[MSR_SLOT_MTRR_PHYS + msr - MSR_MTRR_PHYS_FIRST] = val;
	return MSR_OK;
}

/* The eleven registers of the first MiB are not numbered in a row. */
static unsigned mtrr_fixed_slot(uint32_t msr)
{
	return MSR_SLOT_MTRR_FIXED + (msr == 0x250 ? 0 : msr < 0x268 ? 1 + (msr - 0x258) : 3 + (msr - 0x268));
}

static enum msr_result mtrr_fixed_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	*val = v->msr.slot[mtrr_fixed_slot(msr)];
	return MSR_OK;
}

static enum msr_result mtrr_fixed_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	for (unsigned i = 0; i < 8; i++)
		if (!mtrr_type_valid(val >> 8 * i & 0xff))
			return MSR_FAULT;
	v->msr.slot[mtrr_fixed_slot(msr)] = val;
	return MSR_OK;
}

static enum msr_result mtrr_def_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	if (val & ~(0xff | MTRR_DEF_E | MTRR_DEF_FE) || !mtrr_type_valid(val & 0xff))
		return MSR_FAULT;
	v->msr.slot[MSR_SLOT_MTRR_DEF_TYPE] = val;
	return MSR_OK;
}

/* --- the table ------------------------------------------------------------------------------------------------------- */

/* Sorted; ranges do not overlap. */
static const struct msr_row rows[] = {
	PROBE(0x00000000, 0x00000001, INTEL, 0),				/* P5_MC_ADDR, P5_MC_TYPE */
	BOTH(0x00000010, 0x00000010, ANY, tsc_get, tsc_set),			/* IA32_TIME_STAMP_COUNTER */
	CONST(0x00000017, INTEL, 0),						/* IA32_PLATFORM_ID */
	BOTH(0x0000001b, 0x0000001b, ANY, apic_base_get, apic_base_set),	/* IA32_APIC_BASE */
	CONST(0x00000034, INTEL, 0),						/* SMI_COUNT */
	CONST(0x0000003a, INTEL, FEATURE_CONTROL_LOCK),				/* IA32_FEATURE_CONTROL: nothing enabled */
	BOTH(0x0000003b, 0x0000003b, ANY, adjust_get, adjust_set),		/* IA32_TSC_ADJUST */
	{ 0x00000079, 0x00000079, INTEL, GP, DROP, 0, 0, ~0ull, NULL, NULL },	/* IA32_BIOS_UPDT_TRIG */
	PROBE(0x0000008b, 0x0000008b, INTEL, UCODE_INTEL),			/* IA32_BIOS_SIGN_ID */
	PROBE(0x0000008b, 0x0000008b, AMD, UCODE_AMD),				/* PATCH_LEVEL */
	CONST(0x000000ce, INTEL, PLATFORM_CPUID_FAULT),				/* PLATFORM_INFO */
	CONST(0x000000fe, ANY, MTRR_CAP_VCNT | MTRR_CAP_FIX | MTRR_CAP_WC),	/* IA32_MTRRCAP */
	STORE(0x00000140, INTEL, MSR_SLOT_MISC_FEATURES, 0, BIT(0)),		/* MISC_FEATURES_ENABLES: CPUID faulting */
	BOTH(0x00000174, 0x00000176, ANY, page_get, page_set),			/* IA32_SYSENTER_CS, ESP, EIP */
	CONST(0x00000179, ANY, 0),						/* IA32_MCG_CAP: no banks */
	STORE(0x0000017a, ANY, MSR_SLOT_MCG_STATUS, 0, MASK(2, 0)),		/* IA32_MCG_STATUS */
	PROBE(0x00000198, 0x00000199, INTEL, 0),				/* IA32_PERF_STATUS, IA32_PERF_CTL */
	STORE(0x000001a0, ANY, MSR_SLOT_MISC_ENABLE,				/* IA32_MISC_ENABLE: switches that move nothing */
	      MISC_ENABLE_FAST_STRING | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS, MISC_ENABLE_SWITCHES),
	{ 0x000001d9, 0x000001d9, ANY, VALUE, DROP, 0, 0, MASK(1, 0), NULL, NULL }, /* IA32_DEBUGCTL: LBR and BTF do nothing */
	PROBE(0x000001db, 0x000001de, ANY, 0),					/* last branch, last interrupt */
	MTRR(0x00000200, 0x0000020f, MSR_SLOT_MTRR_PHYS, mtrr_phys_set),	/* IA32_MTRR_PHYSBASE0 ... PHYSMASK7 */
	BOTH(0x00000250, 0x00000250, ANY, mtrr_fixed_get, mtrr_fixed_set),	/* IA32_MTRR_FIX64K */
	BOTH(0x00000258, 0x00000259, ANY, mtrr_fixed_get, mtrr_fixed_set),	/* IA32_MTRR_FIX16K */
	BOTH(0x00000268, 0x0000026f, ANY, mtrr_fixed_get, mtrr_fixed_set),	/* IA32_MTRR_FIX4K */
	BOTH(0x00000277, 0x00000277, ANY, page_get, page_set),			/* IA32_PAT */
	MTRR(0x000002ff, 0x000002ff, MSR_SLOT_MTRR_DEF_TYPE, mtrr_def_set),	/* IA32_MTRR_DEF_TYPE */
	CONST(0x00000606, INTEL, 0),						/* RAPL: units, package, DRAM, cores, graphics */
	CONST(0x00000611, INTEL, 0),
	CONST(0x00000619, INTEL, 0),
	CONST(0x00000639, INTEL, 0),
	CONST(0x00000641, INTEL, 0),
	BOTH(0x000006e0, 0x000006e0, ANY, deadline_get, deadline_set),		/* IA32_TSC_DEADLINE */
	BOTH(0x00000800, 0x000008ff, ANY, x2apic_get, x2apic_set),
	BOTH(0x40000000, 0x40000003, ANY, hv_get, hv_set),			/* Hyper-V: hyperv.h */
	BOTH(0x40000020, 0x40000023, ANY, hv_get, hv_set),
	BOTH(0x40000070, 0x40000073, ANY, hv_get, hv_set),
	BOTH(0x40000080, 0x400000b7, ANY, hv_get, hv_set),
	BOTH(0x40000100, 0x40000105, ANY, hv_get, hv_set),
	BOTH(MSR_PV_WALL_CLOCK, MSR_PV_SYSTEM_TIME, ANY, pvclock_get, pvclock_set),
	BOTH(MSR_PV_STEAL_TIME, MSR_PV_STEAL_TIME, ANY, steal_get, steal_set),
	BOTH(0xc0000080, 0xc0000080, ANY, efer_get, efer_set),			/* EFER */
	BOTH(0xc0000081, 0xc0000084, ANY, page_get, page_set),			/* STAR, LSTAR, CSTAR, SFMASK */
	BOTH(0xc0000100, 0xc0000101, ANY, base_get, base_set),			/* FS.base, GS.base */
	BOTH(0xc0000102, 0xc0000103, ANY, page_get, page_set),			/* KernelGSbase, TSC_AUX */
	PROBE(0xc0010000, 0xc0010007, AMD, 0),					/* PerfEvtSel, PerfCtr: nothing counts */
	PROBE(0xc0010010, 0xc0010010, AMD, 0),					/* SYSCFG */
	STORE(0xc0010015, AMD, MSR_SLOT_HWCR, HWCR_TSC_FREQ_SEL, BIT(3) | BIT(6) | BIT(8) | BIT(18)), /* HWCR */
	PROBE(0xc001001a, 0xc001001a, AMD, 0),					/* TOP_MEM */
	PROBE(0xc001001d, 0xc001001d, AMD, 0),					/* TOP_MEM2 */
	STORE(0xc001001f, AMD, MSR_SLOT_NB_CFG, 0, BIT(46)),			/* NB_CFG: extended configuration cycles */
	PROBE(0xc0010044, 0xc001004a, AMD, 0),					/* MCi_CTL_MASK */
	PROBE(0xc0010055, 0xc0010055, AMD, 0),					/* interrupt pending and C1E: not active */
	CONST(0xc0010058, AMD, 0),						/* MMIO configuration base: not enabled */
	PROBE(0xc0010061, 0xc001006b, AMD, 0),					/* P-states: one */
	CONST(0xc0010111, AMD, 0),						/* SMM base, TSEG address and mask: no SMM memory */
	CONST(0xc0010112, AMD, 0),
	CONST(0xc0010113, AMD, 0),
	CONST(0xc0010114, AMD, VM_CR_LOCK | VM_CR_SVMDIS),			/* VM_CR */
	CONST(0xc0010140, AMD, OSVW_LENGTH),					/* OSVW_ID_LENGTH, OSVW_STATUS */
	CONST(0xc0010141, AMD, 0),
	PROBE(0xc0010200, 0xc001020b, AMD, 0),					/* PERF_CTL, PERF_CTR */
	PROBE(0xc0011000, 0xc0011028, AMD, 0),					/* LS_CFG, IC_CFG, DC_CFG and their kin */
	STORE(0xc0011029, AMD, MSR_SLOT_DE_CFG, DE_CFG_LFENCE, DE_CFG_LFENCE),	/* DE_CFG */
	PROBE(0xc001102a, 0xc001102f, AMD, 0),
};

unsigned msr_row_count(void)
{
	return ARRAY_LEN(rows);
}

void msr_row_range(unsigned row, uint32_t *first, uint32_t *last)
{
	*first = rows[row].first;
	*last = rows[row].last;
}

static bool vendor_matches(const struct msr_row *r, enum cpuid_vendor vendor)
{
	return r->vendor == ANY || (r->vendor == AMD) == (vendor == CPUID_AMD);
}

static bool row_is(const struct vcpu *v, const struct msr_row *r, uint32_t msr)
{
	return msr >= r->first && msr <= r->last && vendor_matches(r, v->vm->cpuid.vendor);
}

/*
 * Mostly the row that was found last: timer, EOI and ICR share one.  Else a binary search for the first row that ends at or after
 * @msr; the same number may stand there for each vendor.
 */
static const struct msr_row *row_find(struct vcpu *v, uint32_t msr)
{
	unsigned lo = 0, hi = ARRAY_LEN(rows);

	if (row_is(v, &rows[v->msr.row], msr))
		return &rows[v->msr.row];
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (rows[mid].last < msr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < ARRAY_LEN(rows) && rows[lo].first <= msr; lo++)
		if (row_is(v, &rows[lo], msr)) {
			v->msr.row = lo;
			return &rows[lo];
		}
	return NULL;
}

enum msr_result msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	const struct msr_row *r = row_find(v, msr);

	switch (r ? r->read : GP) {
	case VALUE:
		*val = r->value;
		return MSR_OK;
	case SHADOW:
		*val = v->msr.slot[r->slot + (msr - r->first)];
		return MSR_OK;
	case FN:
		return r->get(v, msr, val);
	default:
		return MSR_FAULT;
	}
}

enum msr_result msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
	const struct msr_row *r = row_find(v, msr);
	uint64_t *slot;

	switch (r ? r->write : GP) {
	case DROP:
		return val & ~r->writable ? MSR_FAULT : MSR_OK;
	case SHADOW:
		slot = &v->msr.slot[r->slot + (msr - r->first)];
		if ((val ^ *slot) & ~r->writable)
			return MSR_FAULT;
		*slot = val;
		return MSR_OK;
	case FN:
		return r->set(v, msr, val);
	default:
		return MSR_FAULT;
	}
}

void msr_reset(struct vcpu *v, uint64_t tsc_offset)
{
	for (unsigned i = 0; i < MSR_SLOTS; i++)
		v->msr.slot[i] = 0;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].read == SHADOW && vendor_matches(&rows[i], v->vm->cpuid.vendor))
			v->msr.slot[rows[i].slot] = rows[i].value;
	v->msr.tsc_adjust = 0;
	msr_init(v);
	set_tsc_offset(v, tsc_offset);
}

void msr_init(struct vcpu *v)
{
	v->msr.pv_wall_clock = v->msr.pv_system_time = v->msr.pv_steal_time = 0;
	synic_reset(v);
}

/* The clock's pages are named anew, so that they are looked at again. */
bool msr_restore(void *dev, const void *state)
{
	const struct msr_state *s = state;
	struct vcpu *v = dev;

	v->msr = *s;
	v->msr.row = 0;
	v->msr.pv_wall_clock = v->msr.pv_system_time = v->msr.pv_steal_time = 0;
	v->msr.tsc_offset = s->tsc_offset;
	set_tsc_offset(v, s->tsc_offset);
	synic_restored(v);
	if (v->vm->cpuid.paravirt != VM_PARAVIRT_KVM)
		return true;
	return pvclock_set(v, MSR_PV_WALL_CLOCK, s->pv_wall_clock) == MSR_OK &&
	       pvclock_set(v, MSR_PV_SYSTEM_TIME, s->pv_system_time) == MSR_OK &&
	       steal_set(v, MSR_PV_STEAL_TIME, s->pv_steal_time) == MSR_OK;
}

void msr_firmware_mtrrs(struct vcpu *v, uint64_t hole)
{
	uint64_t limit = LAYOUT_HIGH, phys = MASK(v->vm->cpuid.phys_bits - 1, 12);
	unsigned slot = MSR_SLOT_MTRR_PHYS;

	for (unsigned i = 0; i < 11; i++)
		v->msr.slot[MSR_SLOT_MTRR_FIXED + i] = i == 2 ? 0 : MTRR_FIXED_WB;	/* a0000: the VGA's hole */
	/* Uncached pieces of the largest naturally aligned size, from the hole's start to 4 GiB. */
	while (hole < limit && slot < MSR_SLOT_MTRR_FIXED) {
		uint64_t size = hole & -hole;

		if (!size || size > limit - hole)
			break;
		v->msr.slot[slot++] = hole | PAT_UC;
		v->msr.slot[slot++] = (phys & ~(size - 1)) | MTRR_VALID;
		hole += size;
	}
	v->msr.slot[MSR_SLOT_MTRR_DEF_TYPE] = MTRR_DEF_E | MTRR_DEF_FE | PAT_WB;
}

/* --- exits ----------------------------------------------------------------------------------------------------------- */

/* Count the refusal.  True: @msr was not seen before, and there is room for it. */
static bool log_refused(struct vm *vm, uint32_t msr)
{
	struct msr_log *log = &vm->msr_log;
	bool new;

	vm_dev_lock(vm);
	log->refused++;
	new = log->seen_count < MSR_SEEN;
	for (unsigned i = 0; i < log->seen_count; i++)
		new &= log->seen[i] != msr;
	if (new)
		log->seen[log->seen_count++] = msr;
	vm_dev_unlock(vm);
	return new;
}

static enum vm_next refuse(struct vcpu *v, const char *what, uint32_t msr, uint64_t val)
{
	if (!vcpu_need(v, TV_REGS_CR))		/* in real mode #GP has no error code */
		return VM_NEXT_RUN;
	if (log_refused(v->vm, msr))
		rt_log("msr: %s 0x%x (0x%llx) at 0x%llx: #GP", what, msr, (unsigned long long)val,
		       (unsigned long long)v->page->rip);
	return inject_gp(v);
}

enum vm_next exit_rdmsr(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t msr = (uint32_t)p->gpr[TV_RCX];
	unsigned len = retire_length(v);
	uint64_t val = 0;

	if (!len)
		return VM_NEXT_RUN;
	switch (msr_read(v, msr, &val)) {
	case MSR_OK:
		p->gpr[TV_RAX] = (uint32_t)val;
		p->gpr[TV_RDX] = val >> 32;
		return retire(v, len);
	case MSR_RETRY:
		return VM_NEXT_RUN;
	default:
		return refuse(v, "read", msr, 0);
	}
}

enum vm_next exit_wrmsr(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t msr = (uint32_t)p->gpr[TV_RCX];
	uint64_t val = p->gpr[TV_RDX] << 32 | (uint32_t)p->gpr[TV_RAX];
	unsigned len = retire_length(v);

	if (!len)
		return VM_NEXT_RUN;
	switch (msr_write(v, msr, val)) {
	case MSR_OK:
		return retire(v, len);
	case MSR_RETRY:
		return VM_NEXT_RUN;
	default:
		return refuse(v, "write", msr, val);
	}
}
