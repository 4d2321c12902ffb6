/* SPDX-License-Identifier: Apache-2.0 */
/* Switching SVM on and off on a CPU, and finding out what this implementation of it can do. */
#include "svm.h"

#include <abi/info.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/frame.h>
#include <x86/cr.h>
#include <x86/msr.h>

/* APM volume 3, "CPUID Fn8000_0001_ECX/EDX", "Fn8000_0008_EBX", "Fn8000_000A_EDX"; and the standard leaf 7. */
#define CPUID_EXT_SVM		BIT(2)		/* 8000_0001 ECX */
#define CPUID_EXT_PAGE1G	BIT(26)		/* 8000_0001 EDX */
#define CPUID_8_INVLPGB		BIT(3)
#define CPUID_8_RDPRU		BIT(4)
#define CPUID_8_MCOMMIT		BIT(8)
#define CPUID_SVM_NP		BIT(0)
#define CPUID_SVM_NRIPS		BIT(3)
#define CPUID_SVM_CLEAN		BIT(5)
#define CPUID_SVM_FLUSH_ASID	BIT(6)
#define CPUID_SVM_DECODE	BIT(7)
#define CPUID_7_INVPCID		BIT(10)		/* EBX */
#define CPUID_1_HYPERVISOR	BIT(31)		/* ECX */

#define CPUID_HYPERVISOR	0x40000000u
#define CPUID_EXT_MAX		0x80000000u
#define CPUID_EXT		0x80000001u
#define CPUID_EXT_8		0x80000008u
#define CPUID_SVM		0x8000000au

struct svm_features svm;

/* Is SVM there and usable?  Says in the log what is missing. */
static bool svm_usable(void)
{
	uint64_t vm_cr;

	if (cpuid(CPUID_EXT_MAX, 0).eax < CPUID_SVM || !(cpuid(CPUID_EXT, 0).ecx & CPUID_EXT_SVM)) {
		cpu_unfit("this CPU has no AMD SVM (hardware virtualisation)");
		return false;
	}
	vm_cr = rdmsr(MSR_VM_CR);
	if (vm_cr & VM_CR_SVMDIS) {
		cpu_unfit("AMD SVM is disabled by the firmware%s (VM_CR is %#lx): switch it on in the firmware setup",
			  vm_cr & VM_CR_LOCK ? " and locked" : "", (unsigned long)vm_cr);
		return false;
	}
	if (!(cpuid(CPUID_SVM, 0).edx & CPUID_SVM_NP)) {
		cpu_unfit("this CPU's SVM has no nested paging");
		return false;
	}
	return true;
}

/* May feature @name be used, which the CPU has if @there? */
static bool use(bool there, const char *name)
{
	return there && !boot_option_has("off", name);
}

/* Is this QEMU's emulator, whose SVM differs from silicon in ways that must be known here? */
static bool on_qemu(void)
{
	struct cpuid_regs r;

	if (!(cpuid(1, 0).ecx & CPUID_1_HYPERVISOR))
		return false;
	r = cpuid(CPUID_HYPERVISOR, 0);
	/* "TCGTCGTCGTCG" */
	return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static void svm_find_features(struct svm_features *f)
{
	struct cpuid_regs ext = cpuid(CPUID_EXT, 0), rev = cpuid(CPUID_SVM, 0), leaf7 = cpuid(7, 0);
	uint32_t leaf8 = cpuid(CPUID_EXT_8, 0).ebx;

	f->next_rip = use(rev.edx & CPUID_SVM_NRIPS, "nextrip");
	f->decode = use(rev.edx & CPUID_SVM_DECODE, "decode");
	f->flush_asid = use(rev.edx & CPUID_SVM_FLUSH_ASID, "flushasid");
	f->clean = use(rev.edx & CPUID_SVM_CLEAN, "cleanbits") ? CLEAN_ALL : 0;
	f->npt_2m = use(true, "npt2m");
	f->npt_1g = f->npt_2m && use(ext.edx & CPUID_EXT_PAGE1G, "npt1g");
	f->asid_count = rev.ebx;
	f->qemu = on_qemu();
	f->icpt2 = leaf8 & CPUID_8_RDPRU ? ICPT2_RDPRU : 0;
	f->icpt3 = (leaf8 & CPUID_8_INVLPGB ? ICPT3_INVLPGB | ICPT3_INVLPGB_ILLEGAL | ICPT3_TLBSYNC : 0) |
		   (leaf8 & CPUID_8_MCOMMIT ? ICPT3_MCOMMIT : 0);
	f->icpt3_invlpg = leaf7.ebx & CPUID_7_INVPCID ? ICPT3_INVPCID : 0;
	f->cr4_host = read_cr4() & CR4_MCE;
	guest_limits_init(&f->guest, cpuid(1, 0).ecx, leaf7.ebx, leaf7.ecx, ext.edx);
}

/* Can a guest that was started with the features @have run on a CPU with @here? */
static bool svm_features_cover(const struct svm_features *here, const struct svm_features *have)
{
	return here->next_rip >= have->next_rip && here->decode >= have->decode && here->flush_asid >= have->flush_asid &&
	       here->npt_1g >= have->npt_1g && here->clean >= have->clean && here->asid_count >= have->asid_count &&
	       guest_limits_cover(&here->guest, &have->guest) &&
	       here->icpt2 == have->icpt2 && here->icpt3 == have->icpt3 && here->icpt3_invlpg == have->icpt3_invlpg;
}

static void svm_log_features(void)
{
	log_info("svm: nested paging, %u ASIDs; in use:%s%s%s%s%s%s%s", svm.asid_count,
		 svm.next_rip ? " nextrip" : "", svm.decode ? " decode" : "", svm.flush_asid ? " flushasid" : "",
		 svm.clean ? " cleanbits" : "", svm.npt_2m ? " npt2m" : "", svm.npt_1g ? " npt1g" : "",
		 svm.next_rip || svm.decode || svm.flush_asid || svm.clean || svm.npt_2m ? "" : " none");
}

/*
 * Switch SVM on for the CPU that executes this; on the boot CPU, which comes first, also decide which features are used.
 * TV_EUNSUP after a log line that says what is missing; TV_EQUOTA without memory.  Nothing is changed then.
 */
enum tv_err svm_cpu_on(void)
{
	bool first = svm.asid_count == 0;
	struct svm_features here = { 0 };
	struct svm_cpu *c;

	if (!svm_usable())
		return TV_EUNSUP;
	svm_find_features(&here);
	if (here.asid_count < 2 || (!first && !svm_features_cover(&here, &svm))) {
		cpu_unfit("SVM of CPU %u lacks what the boot CPU has", svm_cpu_id());
		return TV_EUNSUP;
	}

	c = frame_alloc();
	if (!c)
		return TV_EQUOTA;
	c->hsave = frame_alloc();
	c->host = frame_alloc();
	if (!c->hsave || !c->host || (first && svm_bitmap_init() != TV_OK)) {
		if (c->hsave)
			frame_free(c->hsave);
		if (c->host)
			frame_free(c->host);
		frame_free(c);
		return TV_EQUOTA;
	}
	if (first) {
		svm = here;
		svm_pt_init();
		svm_log_features();
	}

	c->host_pa = frame_pa(c->host).v;
	/* The CPU's number in the upper half makes generations of different CPUs differ; 0 is nobody's.  The first entry begins one. */
	c->asid_generation = (svm_cpu_id() + 1ull) << 48;
	c->asid_next = svm.asid_count;
	if (svm.guest.tsc_aux)
		wrmsr(MSR_TSC_AUX, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, frame_pa(c->hsave).v);
	svm_set_percpu(c);
	return TV_OK;
}

/* Switch SVM off again for the CPU that executes this. */
void svm_cpu_off(void)
{
	struct svm_cpu *c = svm_percpu();

	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
	svm_set_percpu(NULL);
	frame_free(c->hsave);
	frame_free(c->host);
	frame_free(c);
}

/* TV_FEAT_* in use. */
static uint64_t svm_feature_bits(void)
{
	return TV_FEAT_SVM | (svm.next_rip ? TV_FEAT_NEXT_RIP : 0) | (svm.decode ? TV_FEAT_DECODE_ASSIST : 0) |
	       (svm.guest.xcr0 ? TV_FEAT_XSAVE : 0) | (svm.npt_1g ? TV_FEAT_GUEST_1G : 0);
}

const struct virt_ops svm_ops = {
	.name = "svm",
	.cpu_on = svm_cpu_on,
	.cpu_off = svm_cpu_off,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.leave = svm_vcpu_leave,
	.push = svm_push,
	.pull = svm_pull,
	.loop = svm_loop,
	.flush = svm_flush,
	.ports = svm_ports,
	.msrs = svm_msrs,
	.pt = svm_pt,
	.features = svm_feature_bits,
};
