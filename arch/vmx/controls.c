/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions and events leave the guest: what the CPU must be able to do, and what a vCPU uses of it. */
#include "vmx.h"

#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <x86/msr.h>
#include <x86/seg.h>

/* #DB and #AC are among them because a guest can make the CPU raise them without end during their own delivery. */
#define EXC_ALWAYS	((1u << EXC_DB) | (1u << EXC_AC) | (1u << EXC_MC))

/*
 * One row for each control word.  Bits that it does not name stay off, unless the CPU insists on them.  Not named, because they exit
 * always: CPUID, GETSEC, INVD, XSETBV, task switches, INIT, triple faults, and all VMX instructions.  SMIs are the firmware's.
 */
static const struct control_row {
	const char *name;
	uint32_t msr, true_msr;
	uint32_t required;	/* always on                                                    */
	uint32_t wanted;	/* on if the CPU can                                            */
	uint32_t at_times;	/* switched on and off by vmx_controls() and vmx_push()         */
	uint32_t forbidden;	/* would do what nobody expects                                 */
} rows[VMX_WORDS] = {
	[VMX_PIN] = { "pin-based", MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS,
		.required = PIN_INTR | PIN_NMI | PIN_VIRTUAL_NMI, .wanted = PIN_PREEMPTION_TIMER },
	[VMX_PROC] = { "processor-based", MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
		.required = PROC_TSC_OFFSET | PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_TPR_SHADOW | PROC_IO_BITMAPS |
			    PROC_MSR_BITMAP | PROC_MONITOR | PROC_SECONDARY,
		.at_times = PROC_INTR_WINDOW | PROC_NMI_WINDOW | PROC_MOV_DR | PROC_INVLPG | PROC_RDTSC | PROC_CR3_LOAD |
			    PROC_CR3_STORE | PROC_CR8_LOAD | PROC_CR8_STORE | PROC_PAUSE },
	[VMX_PROC2] = { "secondary processor-based", MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_PROCBASED_CTLS2,
		.required = PROC2_EPT | PROC2_UNRESTRICTED | PROC2_WBINVD,
		.wanted = PROC2_RDTSCP | PROC2_VPID | PROC2_INVPCID | PROC2_ENCLS | PROC2_ENCLV | PROC2_NOTIFY },
	[VMX_EXIT] = { "VM-exit", MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS,
		.required = EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_LOAD_PAT | EXIT_LOAD_EFER,
		.wanted = EXIT_LOAD_CET, .forbidden = EXIT_ACK_INTR },
	[VMX_ENTRY] = { "VM-entry", MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS,
		.required = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER, .wanted = ENTRY_LOAD_CET,
		.at_times = ENTRY_IA32E },
};

/* What people know by name. */
static const struct {
	enum vmx_word word;
	uint32_t bit;
	const char *name;
} names[] = {
	{ VMX_PROC, PROC_SECONDARY, "secondary controls" }, { VMX_PROC2, PROC2_EPT, "nested paging (EPT)" },
	{ VMX_PROC2, PROC2_UNRESTRICTED, "unrestricted guest" }, { VMX_PIN, PIN_VIRTUAL_NMI, "virtual NMIs" },
	{ VMX_PROC, PROC_TPR_SHADOW, "TPR shadow" },
};

uint32_t vmx_controls_compute(uint64_t cap, uint32_t required, uint32_t wanted, uint32_t at_times, uint32_t forbidden, uint32_t *bad)
{
	uint32_t always = (uint32_t)cap, possible = (uint32_t)(cap >> 32);

	*bad = ((required | at_times) & ~possible) | (always & (at_times | forbidden));
	return *bad ? 0 : required | (wanted & possible) | always;
}

static void log_missing(enum vmx_word word, uint32_t msr, uint64_t cap, uint32_t bad)
{
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].word == word && names[i].bit & bad) {
			cpu_unfit("this CPU's VMX has no %s (MSR %#x is %#lx)", names[i].name, msr, (unsigned long)cap);
			return;
		}
	}
	cpu_unfit("this CPU's VMX lacks %s controls %#x (MSR %#x is %#lx)", rows[word].name, bad, msr, (unsigned long)cap);
}

bool vmx_controls_find(struct vmx_features *f)
{
	bool has_true = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE;

	for (unsigned i = 0; i < VMX_WORDS; i++) {
		const struct control_row *r = &rows[i];
		uint32_t msr = has_true ? r->true_msr : r->msr, bad;
		uint64_t cap = rdmsr(msr);

		f->word[i] = vmx_controls_compute(cap, r->required, r->wanted, r->at_times, r->forbidden, &bad);
		if (bad) {
			log_missing((enum vmx_word)i, msr, cap, bad);
			return false;
		}
	}
	return true;
}

static uint32_t processor_controls(const struct vmx_vcpu *s)
{
	uint32_t want = s->intercept, proc = vmx.word[VMX_PROC] | s->windows;

	proc |= want & TV_ICPT_RDTSC ? PROC_RDTSC : 0;
	proc |= want & TV_ICPT_CR3 ? PROC_CR3_LOAD | PROC_CR3_STORE : 0;
	proc |= want & TV_ICPT_INVLPG ? PROC_INVLPG : 0;
	proc |= want & TV_ICPT_PAUSE ? PROC_PAUSE : 0;
	proc |= want & TV_ICPT_CR8 ? PROC_CR8_LOAD | PROC_CR8_STORE : 0;
	/* Debug registers are not all in the VMCS: using them exits until the guest's values are loaded. */
	return proc | (s->dr_open ? 0 : PROC_MOV_DR);
}

void vmx_controls(struct vmx_vcpu *s)
{
	uint32_t proc = processor_controls(s), exceptions = EXC_ALWAYS | (s->exc_intercept & ~(1u << EXC_NMI));

	if (proc != s->proc) {
		s->proc = proc;
		vmcs_write32(VMCS_PROC_CONTROLS, proc);
	}
	if (exceptions != s->exceptions) {
		s->exceptions = exceptions;
		vmcs_write32(VMCS_EXCEPTION_BITMAP, exceptions);
	}
}
