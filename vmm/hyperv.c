/* SPDX-License-Identifier: Apache-2.0 */
/* Hyper-V's interface, but for synthetic interrupts and timers: see hyperv.h. */
#include "hyperv.h"

#include <rt/log.h>
#include <rt/time.h>

#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

#define ENABLED		BIT(0)		/* of registers that name a page */
#define LOCKED		BIT(1)		/* HYPERCALL */
#define PAGE_OF(r)	((gpa_t){ (r) & ~MASK(11, 0) })
#define CRASH_NOTIFY	BIT(63)

#define STATUS_SUCCESS	0u
#define STATUS_NO_CALL	2u		/* HV_STATUS_INVALID_HYPERCALL_CODE */
#define CALL_LONG_SPIN	8u		/* a processor has waited long for a lock */

enum {
	MSR_GUEST_OS = 0x40000000, MSR_HYPERCALL, MSR_VP_INDEX, MSR_RESET,
	MSR_TIME = 0x40000020, MSR_REFERENCE_TSC, MSR_TSC_HZ, MSR_APIC_HZ,
	MSR_EOI = 0x40000070, MSR_ICR, MSR_TPR, MSR_VP_ASSIST,
	MSR_SYNIC_FIRST = 0x40000080, MSR_SYNIC_LAST = 0x400000b7,
	MSR_CRASH_FIRST = 0x40000100, MSR_CRASH_CTL = 0x40000105,
};

/* The local APIC's registers, as offsets of its page and as MSRs. */
enum { APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310 };
#define X2APIC(offset)	(0x800u + (offset) / 16)

/* What stands in the page of MSR_REFERENCE_TSC: time = (tsc * scale >> 64) + offset. */
struct reference_page {
	uint32_t sequence, reserved;	/* 0: not valid, read the register */
	uint64_t scale;
	int64_t offset;
};

uint64_t hv_time(const struct vm *vm, uint64_t tsc)
{
	return clock_ticks(&vm->hv_rate, tsc) - clock_ticks(&vm->hv_rate, vm->start.tsc);
}

static void *page_at(const struct vm *vm, uint64_t reg)
{
	return reg & ENABLED ? gmem_at(&vm->mem, PAGE_OF(reg), PAGE_SIZE, true) : NULL;
}

/* --- the clock as a page --------------------------------------------------------------------------------------------- */

static void reference_write(struct vcpu *v, struct reference_page *page)
{
	const struct clock_rate *r = &v->vm->hv_rate;
	uint64_t now = clock_now(), scale = r->to_shift >= 64 ? r->to_mult >> (r->to_shift - 64) : UINT64_MAX;
	uint64_t scaled = (uint64_t)((unsigned __int128)(now + v->msr.tsc_offset) * scale >> 64);

	__atomic_store_n(&page->sequence, 0, __ATOMIC_RELEASE);
	page->scale = scale;
	page->offset = (int64_t)(hv_time(v->vm, now) - scaled);
	__atomic_store_n(&page->sequence, 1, __ATOMIC_RELEASE);
}

static bool reference_set(struct vcpu *v, uint64_t val)
{
	struct reference_page *page = page_at(v->vm, val);

	if (val & ENABLED && !page)
		return false;
	atomic_store(&v->vm->hv.reference_tsc, val);
	if (page)
		reference_write(v, page);
	return true;
}

void hyperv_tsc_changed(struct vcpu *v)
{
	struct reference_page *page = page_at(v->vm, atomic_load(&v->vm->hv.reference_tsc));

	if (page)
		__atomic_store_n(&page->sequence, 0, __ATOMIC_RELEASE);
}

/* --- hypercalls ------------------------------------------------------------------------------------------------------ */

/* The page has the instruction that this CPU's maker has for it, and a return. */
static bool hypercall_set(struct vcpu *v, uint64_t val)
{
	static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 }, vmcall[] = { 0x0f, 0x01, 0xc1, 0xc3 };
	struct hv_vm *hv = &v->vm->hv;

	if (atomic_load(&hv->hypercall) & LOCKED)
		return true;
	if (!atomic_load(&hv->guest_os))
		val &= ~ENABLED;
	if (val & ENABLED && !gmem_write(&v->vm->mem, PAGE_OF(val), v->vm->cpuid.vendor == CPUID_AMD ? vmmcall : vmcall, sizeof(vmcall)))
		return false;
	atomic_store(&hv->hypercall, val);
	return true;
}

uint64_t hyperv_call(struct vcpu *v, uint64_t input)
{
	(void)v;
	return (input & 0xffff) == CALL_LONG_SPIN ? STATUS_SUCCESS : STATUS_NO_CALL;
}

/* --- registers ------------------------------------------------------------------------------------------------------- */

static bool apic_write(struct vcpu *v, uint32_t offset, uint64_t val)
{
	struct lapic *l = &v->lapic;

	if (lapic_is_x2apic(l))
		return lapic_msr_write(l, X2APIC(offset), val);
	if (!lapic_enabled(l))
		return false;
	if (offset == APIC_ICR)
		lapic_mmio_write(l, APIC_ICR_HIGH, 4, val >> 32);
	lapic_mmio_write(l, offset, 4, (uint32_t)val);
	return true;
}

void hyperv_eoi(struct vcpu *v)
{
	(void)apic_write(v, APIC_EOI, 0);
}

static bool apic_read(struct vcpu *v, uint32_t offset, uint64_t *val)
{
	struct lapic *l = &v->lapic;

	if (lapic_is_x2apic(l))
		return lapic_msr_read(l, X2APIC(offset), val);
	*val = lapic_mmio_read(l, offset, 4);
	if (offset == APIC_ICR)
		*val |= lapic_mmio_read(l, APIC_ICR_HIGH, 4) << 32;
	return lapic_enabled(l);
}

/* Nothing of the page is used but the word that could save an EOI, and that stays 0: every EOI is wanted. */
static bool assist_set(struct vcpu *v, uint64_t val)
{
	const uint32_t none = 0;

	if (val & ENABLED && !gmem_write(&v->vm->mem, PAGE_OF(val), &none, sizeof(none)))
		return false;
	v->msr.hv.vp_assist = val;
	return true;
}

static bool crash_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	struct hv_vm *hv = &v->vm->hv;

	if (msr != MSR_CRASH_CTL) {
		atomic_store(&hv->crash[msr - MSR_CRASH_FIRST], val);
	} else if (val & CRASH_NOTIFY) {
		rt_log("the guest's crash report: %llx %llx %llx %llx %llx", (unsigned long long)atomic_load(&hv->crash[0]),
		       (unsigned long long)atomic_load(&hv->crash[1]), (unsigned long long)atomic_load(&hv->crash[2]),
		       (unsigned long long)atomic_load(&hv->crash[3]), (unsigned long long)atomic_load(&hv->crash[4]));
		(void)atomic_fetch_add(&v->vm->shared->status.panics, 1);
	}
	return true;
}

bool hyperv_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	struct vm *vm = v->vm;

	if (vm->cpuid.paravirt != VM_PARAVIRT_HYPERV)
		return false;
	if (msr >= MSR_SYNIC_FIRST && msr <= MSR_SYNIC_LAST)
		return synic_get(v, msr, val);
	switch (msr) {
	case MSR_GUEST_OS:	*val = atomic_load(&vm->hv.guest_os); return true;
	case MSR_HYPERCALL:	*val = atomic_load(&vm->hv.hypercall); return true;
	case MSR_VP_INDEX:	*val = v->index; return true;
	case MSR_RESET:		*val = 0; return true;
	case MSR_TIME:		*val = hv_time(vm, clock_now()); return true;
	case MSR_REFERENCE_TSC:	*val = atomic_load(&vm->hv.reference_tsc); return true;
	case MSR_TSC_HZ:	*val = vm->tsc_hz; return true;
	case MSR_APIC_HZ:	*val = LAPIC_BUS_HZ; return true;
	case MSR_ICR:		return apic_read(v, APIC_ICR, val);
	case MSR_TPR:		return apic_read(v, APIC_TPR, val);
	case MSR_VP_ASSIST:	*val = v->msr.hv.vp_assist; return true;
	case MSR_CRASH_CTL:	*val = CRASH_NOTIFY; return true;
	default:		break;
	}
	if (msr < MSR_CRASH_FIRST || msr > MSR_CRASH_CTL)
		return false;
	*val = atomic_load(&vm->hv.crash[msr - MSR_CRASH_FIRST]);
	return true;
}

bool hyperv_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	struct vm *vm = v->vm;

	if (vm->cpuid.paravirt != VM_PARAVIRT_HYPERV)
		return false;
	if (msr >= MSR_SYNIC_FIRST && msr <= MSR_SYNIC_LAST)
		return synic_set(v, msr, val);
	if (msr >= MSR_CRASH_FIRST && msr <= MSR_CRASH_CTL)
		return crash_set(v, msr, val);
	switch (msr) {
	case MSR_GUEST_OS:
		atomic_store(&vm->hv.guest_os, val);
		if (!val)
			atomic_fetch_and(&vm->hv.hypercall, ~ENABLED);
		return true;
	case MSR_HYPERCALL:
		return hypercall_set(v, val);
	case MSR_RESET:
		if (val & 1)
			vm_reset(vm);
		return true;
	case MSR_REFERENCE_TSC:
		return reference_set(v, val);
	case MSR_EOI:
		return apic_write(v, APIC_EOI, val);
	case MSR_ICR:
		return apic_write(v, APIC_ICR, val);
	case MSR_TPR:
		return apic_write(v, APIC_TPR, val);
	case MSR_VP_ASSIST:
		return assist_set(v, val);
	default:
		return false;
	}
}

/* The pages are checked again at each use, so any value will do. */
bool hyperv_restore(void *dev, const void *state)
{
	struct vm *vm = dev;

	__builtin_memcpy(&vm->hv, state, sizeof(vm->hv));
	return true;
}
