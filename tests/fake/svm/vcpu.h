/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU of the SVM back-end on a fake CPU, as each test of the back-end starts with it. */
#ifndef FAKE_SVM_VCPU_H
#define FAKE_SVM_VCPU_H

#include <string.h>

#include <svm/svm.h>

#include <kernel/space.h>
#include <mm/frame.h>
#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

static struct vcpu vcpu;
static struct space space;
static struct tv_exit_page page;
static struct svm_vcpu *hw;
static struct vmcb *vmcb;

/* Features: nextrip 1 << 3, cleanbits 1 << 5, flushasid 1 << 6, decode 1 << 7, as in CPUID 8000_000A EDX. */
static void fake_vcpu(uint32_t features)
{
	fake_reset();
	memset(&svm, 0, sizeof(svm));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&page, 0, sizeof(page));
	fake.cr4 = CR4_MCE | CR4_PAE | CR4_OSXSAVE;
	fake.host_xcr0 = fake.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fake_cpuid(0x8000000a)->edx |= features;
	fake_cpuid(0x80000001)->edx = 1u << 27;
	fake_cpuid(1)->ecx = 1u << 17;
	if (svm_cpu_on() != TV_OK)
		__builtin_trap();
	vcpu.space = &space;
	vcpu.page = &page;
	if (svm_vcpu_init(&vcpu, NULL) != TV_OK)
		__builtin_trap();
	hw = svm_of(&vcpu);
	vmcb = hw->vmcb;
}

static void fake_vcpu_end(void)
{
	svm_vcpu_fini(&vcpu, NULL);
	svm_cpu_off();
}

/* The guest is in 64-bit mode, as Linux would be. */
static inline void fake_long_mode(void)
{
	vmcb->cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_ET | CR0_NE;
	vmcb->efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	hw->cr4 = CR4_PAE | CR4_PGE;
	hw->cr0_cache = 0;
	vmcb->cr4 = hw->cr4 | svm.cr4_host;
	vmcb->cs = (struct vmcb_seg){ .sel = 0x10, .attr = 0xa9b, .limit = 0xffffffff };
	vmcb->ss = (struct vmcb_seg){ .sel = 0x18, .attr = 0xc93, .limit = 0xffffffff };
	vmcb->rflags = RFLAGS_ONE | RFLAGS_IF;
	vmcb->rip = 0x401000;
	svm_controls(hw);
}

#endif
