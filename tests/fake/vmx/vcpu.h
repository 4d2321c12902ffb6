/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU of the VMX back-end on a fake CPU, as each test of the back-end starts with it. */
#ifndef FAKE_VMX_VCPU_H
#define FAKE_VMX_VCPU_H

#include <string.h>

#include <vmx/vmx.h>

#include <kernel/space.h>
#include <mm/frame.h>
#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

static struct vcpu vcpu;
static struct space space;
static struct tv_exit_page page;
static struct vmx_vcpu *hw;

/* A field of the current VMCS, from behind. */
#define FIELD(f)	fake.vmcs[(f).enc]

/* @off: value of the option "off". */
static void fake_vcpu(const char *off)
{
	fake_reset();
	memset(&vmx, 0, sizeof(vmx));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&page, 0, sizeof(page));
	fake.off = off;
	fake.host_xcr0 = fake.xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	fake_cpuid(0x80000001)->edx = 1u << 27;
	fake_cpuid(1)->ecx |= 1u << 17;
	if (vmx_cpu_on() != TV_OK)
		__builtin_trap();
	space.pt.root = (uint64_t *)(uintptr_t)(DIRECT_MAP + 0x123000);
	vcpu.space = &space;
	vcpu.page = &page;
	if (vmx_vcpu_init(&vcpu, NULL) != TV_OK)
		__builtin_trap();
	hw = vmx_of(&vcpu);
}

static void fake_vcpu_end(void)
{
	vmx_vcpu_fini(&vcpu, NULL);
	vmx_cpu_off();
}

/* The guest is in 64-bit mode, as Linux would be. */
static inline void fake_long_mode(void)
{
	vmx_pull(&vcpu, TV_REGS_ALL);
	page.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_ET | CR0_NE;
	page.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	page.cr4 = CR4_PAE | CR4_PGE;
	page.seg[TV_CS] = (struct tv_segment){ .sel = 0x10, .attr = 0xa9b, .limit = 0xffffffff };
	page.seg[TV_SS] = (struct tv_segment){ .sel = 0x18, .attr = 0xc93, .limit = 0xffffffff };
	page.rflags = RFLAGS_ONE | RFLAGS_IF;
	page.rip = 0x401000;
	page.shadow = 0;
	if (vmx_push(&vcpu, TV_REGS_ALL & ~TV_REGS_PDPTE))
		__builtin_trap();
}

/* As after an exit: nothing of the guest's state is known, and it may have changed. */
static inline void fake_state(uint64_t rflags, uint32_t blocking)
{
	hw->known = 0;
	FIELD(VMCS_GUEST_RFLAGS) = rflags;
	FIELD(VMCS_GUEST_INTERRUPTIBILITY) = blocking;
}

#endif
