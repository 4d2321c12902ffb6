/* SPDX-License-Identifier: Apache-2.0 */
/* Switching VMX on and off on a CPU, and finding out what this implementation of it can do. */
#include "vmx.h"

#include <abi/info.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/frame.h>
#include <x86/cr.h>
#include <x86/msr.h>

#define CPUID_1_VMX	BIT(5)			/* ECX */
#define CPUID_EXT	0x80000001u
#define CPUID_EXT_PAGE1G BIT(26)		/* EDX */

#define MEMORY_TYPE_UC	0ull
#define MEMORY_TYPE_WB	6ull

/* EPTP.  SDM, "Extended-Page-Table Pointer (EPTP)". */
#define EPTP_4_LEVELS	(3ull << 3)
#define EPTP_AD		BIT(6)

#define EPT_REQUIRED	(EPT_CAP_4_LEVELS | EPT_CAP_INVEPT)

struct vmx_features vmx;

void vmx_insn_failed(const char *insn, uint64_t operand)
{
	panic("%s of %#lx failed", insn, (unsigned long)operand);
}

/* Is VMX there, and has the firmware left it on, or the choice to us?  Says in the log what is missing. */
static bool vmx_usable(void)
{
	uint64_t control, basic;

	if (!(cpuid(1, 0).ecx & CPUID_1_VMX)) {
		cpu_unfit("this CPU has no Intel VMX (hardware virtualization)");
		return false;
	}
	control = rdmsr(MSR_IA32_FEATURE_CONTROL);
	if (control & FEATURE_CONTROL_LOCK && !(control & FEATURE_CONTROL_VMX)) {
		cpu_unfit("Intel VMX is switched off and locked by the firmware (IA32_FEATURE_CONTROL is %#lx): switch it on in "
			  "the firmware setup", (unsigned long)control);
		return false;
	}
	basic = rdmsr(MSR_IA32_VMX_BASIC);
	if (VMX_BASIC_TYPE(basic) != MEMORY_TYPE_WB || basic & VMX_BASIC_32_BIT) {
		cpu_unfit("VMX keeps its structures in memory that is not write-back, or only below 4 GiB (IA32_VMX_BASIC is "
			  "%#lx)", (unsigned long)basic);
		return false;
	}
	return true;
}

/* May feature @name be used, which the CPU has if @there? */
static bool use(bool there, const char *name)
{
	return there && !boot_option_has("off", name);
}

static void find_timer(struct vmx_features *f)
{
	f->timer = use(f->word[VMX_PIN] & PIN_PREEMPTION_TIMER, "timer");
	f->timer_shift = (uint8_t)VMX_MISC_TIMER_SHIFT(rdmsr(MSR_IA32_VMX_MISC));
	if (!f->timer)
		f->word[VMX_PIN] &= ~PIN_PREEMPTION_TIMER;
}

/* How nested page tables and the CPU's memory of them work here. */
static bool find_ept(struct vmx_features *f)
{
	uint64_t cap = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP), vpid = VPID_CAP_INVVPID | VPID_CAP_ALL;

	if ((cap & EPT_REQUIRED) != EPT_REQUIRED || !(cap & (EPT_CAP_WB | EPT_CAP_UC)) ||
	    !(cap & (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL))) {
		cpu_unfit("this CPU's EPT lacks 4 levels, a memory type, or INVEPT (IA32_VMX_EPT_VPID_CAP is %#lx)",
			  (unsigned long)cap);
		return false;
	}
	f->ept_ad = use(cap & EPT_CAP_AD, "eptad");
	f->ept_2m = use(cap & EPT_CAP_2M, "ept2m");
	f->ept_1g = f->ept_2m && use(cap & EPT_CAP_1G, "ept1g");
	f->invept = cap & EPT_CAP_INVEPT_SINGLE ? INVEPT_SINGLE : INVEPT_ALL;
	f->eptp = EPTP_4_LEVELS | (cap & EPT_CAP_WB ? MEMORY_TYPE_WB : MEMORY_TYPE_UC) | (f->ept_ad ? EPTP_AD : 0);

	f->vpid = use(f->word[VMX_PROC2] & PROC2_VPID && (cap & vpid) == vpid, "vpid");
	f->invvpid_single = cap & VPID_CAP_SINGLE;
	if (!f->vpid)
		f->word[VMX_PROC2] &= ~PROC2_VPID;
	return true;
}

static bool vmx_find_features(struct vmx_features *f)
{
	struct cpuid_regs leaf7 = cpuid(7, 0), ext = cpuid(CPUID_EXT, 0);

	if (!vmx_usable() || !vmx_controls_find(f) || !find_ept(f))
		return false;
	find_timer(f);
	f->usable = true;
	f->cet = read_cr4() & CR4_CET;
	f->guest_1g = ext.edx & CPUID_EXT_PAGE1G;
	f->revision = VMX_BASIC_REVISION(rdmsr(MSR_IA32_VMX_BASIC));
	/* With "unrestricted guest", paging and protection are the guest's own choice. */
	f->cr0_ones = rdmsr(MSR_IA32_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG);
	f->cr4_ones = rdmsr(MSR_IA32_VMX_CR4_FIXED0) | (read_cr4() & CR4_MCE);
	guest_limits_init(&f->guest, cpuid(1, 0).ecx, leaf7.ebx, leaf7.ecx, ext.edx);
	f->guest.cr4 &= rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	f->guest.tsc_aux = f->guest.tsc_aux && f->word[VMX_PROC2] & PROC2_RDTSCP;
	return true;
}

/* Can a guest that was started with the features @have run on a CPU with @here? */
static bool vmx_features_cover(const struct vmx_features *here, const struct vmx_features *have)
{
	for (unsigned i = 0; i < VMX_WORDS; i++)
		if (here->word[i] != have->word[i])
			return false;
	return here->revision == have->revision && here->eptp == have->eptp && here->ept_2m >= have->ept_2m &&
	       here->ept_1g >= have->ept_1g && here->guest_1g >= have->guest_1g && here->invept == have->invept && here->invvpid_single >= have->invvpid_single &&
	       here->cr0_ones == have->cr0_ones && here->cr4_ones == have->cr4_ones &&
	       guest_limits_cover(&here->guest, &have->guest);
}

static void vmx_log_features(void)
{
	log_info("vmx: nested paging, unrestricted guest; in use:%s%s%s%s%s%s", vmx.vpid ? " vpid" : "",
		 vmx.timer ? " timer" : "", vmx.ept_ad ? " eptad" : "", vmx.ept_2m ? " ept2m" : "", vmx.ept_1g ? " ept1g" : "",
		 vmx.vpid || vmx.timer || vmx.ept_ad || vmx.ept_2m ? "" : " none");
}

/* VMXON.  false, after a line in the log: the CPU refuses. */
static bool vmx_enable(void *region, const struct vmx_features *here)
{
	uint64_t control = rdmsr(MSR_IA32_FEATURE_CONTROL), cr0 = read_cr0(), cr4 = read_cr4();

	if (!(control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_IA32_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	*(uint32_t *)region = here->revision;
	write_cr4(cr4 | CR4_VMXE);
	if (!(~cr0 & rdmsr(MSR_IA32_VMX_CR0_FIXED0)) && !(cr0 & ~rdmsr(MSR_IA32_VMX_CR0_FIXED1)) && vmx_on(frame_pa(region).v))
		return true;
	write_cr4(cr4);
	cpu_unfit("VMXON fails on CPU %u (CR0 %#lx, CR4 %#lx)", vmx_cpu_id(), (unsigned long)cr0, (unsigned long)cr4);
	return false;
}

/*
 * Switch VMX on for the CPU that executes this; on the boot CPU, which comes first, also decide which features are used.
 * TV_EUNSUP after a log line that says what is missing; TV_EQUOTA without memory.  Nothing is changed then.
 */
enum tv_err vmx_cpu_on(void)
{
	bool first = !vmx.usable;
	struct vmx_features here = { .usable = false };
	struct vmx_cpu *c;
	enum tv_err err = TV_EQUOTA;

	if (!vmx_find_features(&here))
		return TV_EUNSUP;
	if (!first && !vmx_features_cover(&here, &vmx)) {
		cpu_unfit("VMX of CPU %u differs from that of the boot CPU", vmx_cpu_id());
		return TV_EUNSUP;
	}
	c = frame_alloc();
	if (!c)
		return TV_EQUOTA;
	c->vmxon = frame_alloc();
	if (!c->vmxon)
		goto free_cpu;
	if (!vmx_enable(c->vmxon, &here)) {
		err = TV_EUNSUP;
		goto free_vmxon;
	}
	if (first && vmx_bitmap_init() != TV_OK)
		goto off;
	if (first) {
		vmx = here;
		vmx_pt_init();
		vmx_log_features();
	}

	list_init(&c->active);
	c->star = rdmsr(MSR_STAR);
	c->lstar = rdmsr(MSR_LSTAR);
	c->cstar = rdmsr(MSR_CSTAR);
	c->fmask = rdmsr(MSR_SFMASK);
	/* The CPU's number in the upper half makes generations of different CPUs differ; 0 is nobody's.  The first entry begins one. */
	c->vpid_generation = (vmx_cpu_id() + 1ull) << 48;
	c->vpid_next = VPID_END;
	if (vmx.guest.tsc_aux)
		wrmsr(MSR_TSC_AUX, 0);
	vmx_set_percpu(c);
	return TV_OK;
off:
	vmx_off();
	write_cr4(read_cr4() & ~CR4_VMXE);
free_vmxon:
	frame_free(c->vmxon);
free_cpu:
	frame_free(c);
	return err;
}

/* Switch VMX off again for the CPU that executes this.  Its vCPUs keep their state in memory. */
void vmx_cpu_off(void)
{
	struct vmx_cpu *c = vmx_percpu();

	while (!list_empty(&c->active))
		vmx_vcpu_clear(list_entry(c->active.next, struct vmx_vcpu, active));
	vmx_off();
	write_cr4(read_cr4() & ~CR4_VMXE);
	vmx_set_percpu(NULL);
	frame_free(c->vmxon);
	frame_free(c);
}

/* TV_FEAT_* in use. */
static uint64_t vmx_feature_bits(void)
{
	return TV_FEAT_VMX | TV_FEAT_NEXT_RIP | (vmx.guest.xcr0 ? TV_FEAT_XSAVE : 0) | (vmx.guest_1g ? TV_FEAT_GUEST_1G : 0);
}

const struct virt_ops vmx_ops = {
	.name = "vmx",
	.cpu_on = vmx_cpu_on,
	.cpu_off = vmx_cpu_off,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.leave = vmx_vcpu_leave,
	.push = vmx_push,
	.pull = vmx_pull,
	.loop = vmx_loop,
	.flush = vmx_flush,
	.ports = vmx_ports,
	.msrs = vmx_msrs,
	.pt = vmx_pt,
	.features = vmx_feature_bits,
};
