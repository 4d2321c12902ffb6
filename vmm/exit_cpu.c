/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of single instructions that concern the CPU itself, and intercepted exceptions. */
#include <x86/cr.h>

#include "inject.h"
#include "pvcall.h"
#include "retire.h"
#include "vcpu.h"
#include "vm.h"

#define MISC_FEATURES_CPUID_FAULT	BIT(0)
#define DR6_DEBUG			(MASK(3, 0) | MASK(15, 13))
#define DR7_GD				BIT(13)

static NOINLINE struct cpuid_regs query(const struct vcpu *v, uint32_t leaf, uint32_t sub)
{
	const struct cpuid_cpu cpu = { v->lapic.s.id, lapic_enabled(&v->lapic), v->page->cr4, v->page->xcr0 };

	return cpuid_query(&v->vm->cpuid, &cpu, leaf, sub);
}

enum vm_next exit_cpuid(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint32_t leaf = (uint32_t)p->gpr[TV_RAX], sub = (uint32_t)p->gpr[TV_RCX];
	unsigned len = retire_length(v);
	const struct cpuid_row *row;
	struct cpuid_regs r;

	/* OSXSAVE mirrors CR4, of which an old value is as good: that bit never changes without an exit. */
	if (!len || (leaf == 0xd && !vcpu_need(v, TV_REGS_XCR)))
		return VM_NEXT_RUN;
	if (unlikely(v->msr.slot[MSR_SLOT_MISC_FEATURES] & MISC_FEATURES_CPUID_FAULT)) {
		if (!vcpu_need(v, TV_REGS_SEG))
			return VM_NEXT_RUN;
		if (p->cpl)
			return inject_gp(v);
	}
	row = cpuid_find(&v->vm->cpuid, leaf, sub);
	/* Leaf 1 is what guests ask for again and again, to serialise or by habit. */
	if (unlikely(!row || (row->varies && leaf != 1)))
		r = query(v, leaf, sub);
	else
		r = row->r;
	if (leaf == 1)
		cpuid_fill_in_1(&r, v->lapic.s.id, lapic_enabled(&v->lapic), p->cr4);
	p->gpr[TV_RAX] = r.eax;
	p->gpr[TV_RBX] = r.ebx;
	p->gpr[TV_RCX] = r.ecx;
	p->gpr[TV_RDX] = r.edx;
	return retire(v, len);
}

enum vm_next exit_hlt(struct vcpu *v)
{
	unsigned len = retire_length(v);

	if (!len)
		return VM_NEXT_RUN;
	/* With TF set, the trap wakes it at once. */
	(void)retire(v, len);
	return v->page->inject & TV_EVENT_VALID ? VM_NEXT_RUN : VM_NEXT_HALT;
}

/* TLFS, "Hypercall Interface": input and result in RCX and RAX, outside 64-bit mode in EDX:EAX. */
static enum vm_next hyperv_exit(struct vcpu *v, unsigned len)
{
	uint64_t *gpr = v->page->gpr;

	if (v->page->cpl || !atomic_load(&v->vm->hv.guest_os))
		return inject_ud(v);
	if (insn_mode(v->page) == INSN_MODE_64) {
		gpr[TV_RAX] = hyperv_call(v, gpr[TV_RCX]);
	} else {
		gpr[TV_RAX] = hyperv_call(v, (uint32_t)gpr[TV_RAX]);
		gpr[TV_RDX] = 0;
	}
	return retire(v, len);
}

/* Number and arguments have the width of the mode that the CPU is in. */
enum vm_next exit_hypercall(struct vcpu *v)
{
	uint64_t *gpr = v->page->gpr, mask;
	unsigned len = retire_length(v);

	if (!len || !vcpu_need_code(v))
		return VM_NEXT_RUN;
	if (v->vm->cpuid.paravirt == VM_PARAVIRT_NONE)
		return inject_ud(v);
	if (v->vm->cpuid.paravirt == VM_PARAVIRT_HYPERV)
		return hyperv_exit(v, len);
	mask = insn_mode(v->page) == INSN_MODE_64 ? UINT64_MAX : UINT32_MAX;
	gpr[TV_RAX] = pvcall(v, gpr[TV_RAX] & mask, gpr[TV_RBX] & mask, gpr[TV_RCX] & mask) & mask;
	return retire(v, len);
}

/* SDM, "XSETBV - Set Extended Control Register". */
enum vm_next exit_xsetbv(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	uint64_t val = p->gpr[TV_RDX] << 32 | (uint32_t)p->gpr[TV_RAX];
	unsigned len = retire_length(v);

	if (!len || !vcpu_need(v, TV_REGS_CR | TV_REGS_SEG | TV_REGS_XCR))
		return VM_NEXT_RUN;
	if (!(p->cr4 & CR4_OSXSAVE))
		return inject_ud(v);
	if (p->cpl || (uint32_t)p->gpr[TV_RCX] || !cpuid_xcr0_valid(&v->vm->cpuid, val))
		return inject_gp(v);
	p->xcr0 = val;
	p->dirty |= TV_REGS_XCR;
	return retire(v, len);
}

/*
 * INVD and WBINVD do nothing: no device writes behind the guest's caches, and all its memory is coherent.  INVLPG and INVPCID
 * exit only when asked for; loading group CR drops the translations.
 */
static enum vm_next skip(struct vcpu *v, uint32_t dirty)
{
	unsigned len = retire_length(v);

	if (!len || (dirty && !vcpu_need(v, dirty)))
		return VM_NEXT_RUN;
	v->page->dirty |= dirty;
	return retire(v, len);
}

enum vm_next exit_insn(struct vcpu *v)
{
	switch (v->page->arg0) {
	case TV_INSN_INVD:
	case TV_INSN_WBINVD:
	case TV_INSN_PAUSE:
		return skip(v, 0);
	case TV_INSN_INVLPG:
	case TV_INSN_INVPCID:
		return skip(v, TV_REGS_CR);
	case TV_INSN_RDPMC:
		return inject_gp(v);		/* there is no counter */
	default:
		return inject_ud(v);		/* MONITOR, VMRUN ...: not offered in CPUID */
	}
}

/*
 * Exceptions that the kernel must intercept, because a guest could otherwise hang the CPU, go back to the guest as they are.
 * SDM, "Debug Status Register (DR6)": a #DB comes with its reasons; DR7.GD is cleared.
 */
enum vm_next exit_exception(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	unsigned vector = TV_EVENT_VECTOR(p->arg0);

	if (vector == EXC_MC)
		return vm_stop(v->vm, VM_EXIT_CRASH, "machine check (rip 0x%llx)", (unsigned long long)p->rip);
	if (vector == EXC_DB) {
		if (!vcpu_need(v, TV_REGS_DR))
			return VM_NEXT_RUN;
		p->dr6 |= p->arg1 & DR6_DEBUG;
		p->dr7 &= ~DR7_GD;
		p->dirty |= TV_REGS_DR;
	} else if (vector == EXC_PF) {
		if (!vcpu_need(v, TV_REGS_CR))
			return VM_NEXT_RUN;
		p->cr2 = p->arg1;
		p->dirty |= TV_REGS_CR;
	}
	p->inject = p->arg0 & ~TV_EVENT_RESERVED;
	p->inject_len = p->insn_len;
	atomic_store_explicit(&v->notified, 1, memory_order_relaxed);
	return VM_NEXT_RUN;
}
