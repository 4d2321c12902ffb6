/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that VMRUN applies to a VMCB, for debug builds and tests: emulators let states pass that a processor refuses.
 * APM volume 2, "Canonicalization and Consistency Checks", "Event Injection", "TLB Control".
 */
#include "svm.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

/* Defined bits of CR4 and EFER, whatever this CPU has. */
#define CR4_DEFINED	(MASK(12, 0) | MASK(18, 16) | MASK(23, 20))
#define EFER_DEFINED	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | EFER_LMSLE | EFER_FFXSR | MASK(18, 17) | \
			 MASK(21, 20) | BIT(15))
#define IOPM_SIZE	(3 * PAGE_SIZE)
#define MSRPM_SIZE	(2 * PAGE_SIZE)

static const char *check_registers(const struct vmcb *b)
{
	bool paging = b->cr0 & CR0_PG, lme = b->efer & EFER_LME;

	if (!(b->efer & EFER_SVME))
		return "EFER.SVME is zero";
	if (b->efer & ~EFER_DEFINED)
		return "EFER has reserved bits";
	if ((b->cr0 & (CR0_CD | CR0_NW)) == CR0_NW)
		return "CR0.NW without CR0.CD";
	if (b->cr0 & (CR0_CD | CR0_NW))
		return "CR0.CD reaches the caches of the host";
	if (b->cr0 >> 32)
		return "CR0[63:32] is not zero";
	if (b->cr3 & ~svm.guest.cr3)
		return "CR3 has reserved bits";
	if (b->cr4 & ~CR4_DEFINED)
		return "CR4 has reserved bits";
	if (b->dr6 >> 32 || b->dr7 >> 32)
		return "DR6[63:32] or DR7[63:32] is not zero";
	if (lme && paging && !(b->cr4 & CR4_PAE))
		return "EFER.LME and CR0.PG without CR4.PAE";
	if (lme && paging && !(b->cr0 & CR0_PE))
		return "EFER.LME and CR0.PG without CR0.PE";
	if (lme && paging && b->cs.attr & SEG_L && b->cs.attr & SEG_DB)
		return "CS.L and CS.D in long mode";
	if (!(b->efer & EFER_LMA) != !(lme && paging))
		return "EFER.LMA does not follow EFER.LME and CR0.PG";
	return NULL;
}

static const char *check_event(uint64_t e)
{
	unsigned type = e >> 8 & 7, vector = e & 0xff;

	if (!(e & EVENT_VALID))
		return NULL;
	if (type != EVENT_INTR && type != EVENT_NMI && type != EVENT_EXCEPTION && type != EVENT_SOFT_INT)
		return "EVENTINJ has a reserved type";
	if (type == EVENT_EXCEPTION && (vector >= EXC_COUNT || vector == EXC_NMI))
		return "EVENTINJ injects an exception that does not exist";
	if (e & ~EVENT_DEFINED)
		return "EVENTINJ has reserved bits";
	return NULL;
}

static const char *check_controls(const struct vmcb *b)
{
	if (!(b->icpt_misc2 & ICPT2_VMRUN))
		return "VMRUN is not intercepted";
	if (b->asid == 0 || b->asid >= svm.asid_count)
		return "ASID out of range";
	if (!is_aligned(b->iopm_pa, PAGE_SIZE) || !range_inside(b->iopm_pa, IOPM_SIZE, svm.guest.cr3 + 1))
		return "IOPM outside physical memory";
	if (!is_aligned(b->msrpm_pa, PAGE_SIZE) || !range_inside(b->msrpm_pa, MSRPM_SIZE, svm.guest.cr3 + 1))
		return "MSRPM outside physical memory";
	if (!(b->np_control & NP_ENABLE) || !is_aligned(b->n_cr3, PAGE_SIZE) || b->n_cr3 & ~svm.guest.cr3)
		return "nested paging is off, or its root is bad";
	if (b->tlb_control != TLB_KEEP && b->tlb_control != TLB_FLUSH_ALL && !(b->tlb_control == TLB_FLUSH_ASID && svm.flush_asid))
		return "TLB_CONTROL is reserved, or needs flush-by-ASID";
	if (!(b->v_intr & VINTR_MASKING) || (b->v_intr & VINTR_TPR) > 0xf)
		return "V_INTR_MASKING is off, or V_TPR out of range";
	if (b->clean & ~svm.clean)
		return "clean bits that this CPU does not have";
	return NULL;
}

/* Which rule does @b break?  NULL: none. */
const char *svm_check(const struct vmcb *b)
{
	const char *why = check_registers(b);

	if (!why)
		why = check_event(b->event_inj);
	return why ? why : check_controls(b);
}
