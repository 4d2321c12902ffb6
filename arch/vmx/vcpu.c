/* SPDX-License-Identifier: Apache-2.0 */
/* Making a virtual CPU: its VMCS, on which CPU that is, and the state that a processor has after power-up. */
#include "vmx.h"

#include <kernel/panic.h>
#include <kernel/space.h>
#include <mm/frame.h>
#include <mm/quota.h>
#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

/* Access rights: present, DPL 0. */
#define ACCESS_CODE	0x9bu		/* execute, read, accessed */
#define ACCESS_DATA	0x93u		/* read, write, accessed   */
#define ACCESS_LDT	0x82u
#define ACCESS_TSS	0x8bu		/* busy                    */

#define PAT_RESET	0x0007040600070406ull
#define RESET_CS	0xf000u
#define RESET_BASE	0xffff0000ull
#define RESET_RIP	0xfff0u

/* What the host needs after an exit, as far as it never changes on one CPU; vmx_run() has the rest. */
static void host_state(void)
{
	struct cpu_tables tables;

	cpu_tables(&tables);
	vmcs_write16(VMCS_HOST_CS_SEL, SEL_KERNEL_CS);
	vmcs_write16(VMCS_HOST_SS_SEL, SEL_KERNEL_SS);
	vmcs_write16(VMCS_HOST_DS_SEL, 0);
	vmcs_write16(VMCS_HOST_ES_SEL, 0);
	vmcs_write16(VMCS_HOST_FS_SEL, 0);
	vmcs_write16(VMCS_HOST_GS_SEL, 0);
	vmcs_write16(VMCS_HOST_TR_SEL, SEL_TSS);
	vmcs_writen(VMCS_HOST_GS_BASE, vmx_host_gs_base());
	vmcs_writen(VMCS_HOST_TR_BASE, tables.tss);
	vmcs_writen(VMCS_HOST_GDTR_BASE, tables.gdt);
	vmcs_writen(VMCS_HOST_IDTR_BASE, tables.idt);
	vmcs_writen(VMCS_HOST_CR4, read_cr4());
	vmcs_write64(VMCS_HOST_PAT, rdmsr(MSR_IA32_PAT));
	vmcs_write64(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write32(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_writen(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_writen(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_writen(VMCS_HOST_RIP, (uint64_t)vmx_exit_point);
	if (vmx.word[VMX_EXIT] & EXIT_LOAD_CET) {
		vmcs_writen(VMCS_HOST_S_CET, vmx.cet ? rdmsr(MSR_IA32_S_CET) : 0);
		vmcs_writen(VMCS_HOST_INT_SSP_TABLE, vmx.cet ? rdmsr(MSR_IA32_INTERRUPT_SSP_TABLE) : 0);
	}
}

/* The controls that never change. */
static void constant_controls(const struct vmx_vcpu *s)
{
	vmcs_write32(VMCS_PIN_CONTROLS, vmx.word[VMX_PIN]);
	vmcs_write32(VMCS_PROC2_CONTROLS, vmx.word[VMX_PROC2]);
	vmcs_write32(VMCS_EXIT_CONTROLS, vmx.word[VMX_EXIT]);
	vmcs_write32(VMCS_PF_ERROR_MASK, 0);
	vmcs_write32(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGETS, 0);
	vmcs_write32(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	vmcs_write64(VMCS_VIRTUAL_APIC, frame_pa(s->apic).v);
	vmcs_write64(VMCS_EPTP, s->eptp);
	vmcs_write64(VMCS_LINK_POINTER, LINK_POINTER_NONE);
	vmcs_write64(VMCS_TSC_OFFSET, 0);
	vmcs_writen(VMCS_CR0_MASK, ~CR0_GUEST);
	vmcs_writen(VMCS_CR4_MASK, ~CR4_GUEST);
	if (vmx.word[VMX_EXIT] & EXIT_LOAD_CET)
		vmcs_writen(VMCS_HOST_SSP, s->host_stack.ssp);
	/* No guest has it: CR4.CET is out of its reach. */
	if (vmx.word[VMX_ENTRY] & ENTRY_LOAD_CET) {
		vmcs_writen(VMCS_GUEST_S_CET, 0);
		vmcs_writen(VMCS_GUEST_SSP, 0);
		vmcs_writen(VMCS_GUEST_INT_SSP_TABLE, 0);
	}
	if (vmx.word[VMX_PROC2] & PROC2_ENCLS)
		vmcs_write64(VMCS_ENCLS_BITMAP, ~0ull);
	if (vmx.word[VMX_PROC2] & PROC2_ENCLV)
		vmcs_write64(VMCS_ENCLV_BITMAP, ~0ull);
	if (vmx.word[VMX_PROC2] & PROC2_NOTIFY)
		vmcs_write32(VMCS_NOTIFY_WINDOW, 0);
}

void vmx_vcpu_load(struct vmx_vcpu *s, struct vmx_cpu *c)
{
	/* A VMCS may be on one CPU only; the one that has it must have cleared it. */
	CHECK(!s->home || s->home == c);
	vmx_load(s->vmcs_pa);
	c->current = s;
	if (s->home)
		return;
	s->home = c;
	list_add_tail(&c->active, &s->active);
	host_state();
	s->vpid_generation = 0;
	/* Guest-physical translations have no VPID: the CPU may know some from an earlier visit, or of tables that stood there before. */
	s->stale = STALE_LINEAR | STALE_GUEST;
}

void vmx_vcpu_clear(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = s->home;

	if (!c)
		return;
	vmx_clear(s->vmcs_pa);
	s->launched = 0;
	s->home = NULL;
	list_del(&s->active);
	if (c->current == s)
		c->current = NULL;
}

void vmx_vcpu_leave(struct vcpu *v)
{
	CHECK(!vmx_of(v)->home || vmx_of(v)->home == vmx_percpu());
	vmx_vcpu_clear(vmx_of(v));
}

/*
 * Allocate what a vCPU needs, charged to @q, in its reset state: registers as after power-up, all ports and MSRs intercepted.
 * Fills the state page.  TV_EQUOTA changes nothing.
 */
enum tv_err vmx_vcpu_init(struct vcpu *v, struct quota *q)
{
	struct vmx_vcpu *s = quota_alloc(q, sizeof(*s));

	if (!s)
		return TV_EQUOTA;
	s->vmcs = quota_frame_alloc(q);
	s->apic = s->vmcs ? quota_frame_alloc(q) : NULL;
	if (!s->apic) {
		if (s->vmcs)
			quota_frame_free(q, s->vmcs);
		quota_free(q, s, sizeof(*s));
		return TV_EQUOTA;
	}
	v->hw = s;
	s->vmcs_pa = frame_pa(s->vmcs).v;
	s->eptp = frame_pa(v->space->pt.root).v | vmx.eptp;
	*(uint32_t *)s->vmcs = vmx.revision;
	vmx_clear(s->vmcs_pa);
	list_init(&s->active);
	vmx_use(s);
	constant_controls(s);
	vmx_bitmap_load(s);
	vmx_vcpu_reset(s);
	vmx_pull(v, TV_REGS_ALL);
	return TV_OK;
}

/* Give everything back to @q. */
void vmx_vcpu_fini(struct vcpu *v, struct quota *q)
{
	struct vmx_vcpu *s = vmx_of(v);

	/* Else the CPU might write what it holds of it to the frame later. */
	CHECK(!s->home || s->home == vmx_percpu());
	vmx_vcpu_clear(s);
	vmx_bitmap_fini(s, q);
	quota_frame_free(q, s->apic);
	quota_frame_free(q, s->vmcs);
	quota_free(q, s, sizeof(*s));
	v->hw = NULL;
}

static void reset_segments(void)
{
	for (unsigned i = 0; i < TV_SEGS; i++) {
		vmcs_write16(VMCS_GUEST_SEL(i), i == TV_CS ? RESET_CS : 0);
		vmcs_writen(VMCS_GUEST_BASE(i), i == TV_CS ? RESET_BASE : 0);
		vmcs_write32(VMCS_GUEST_LIMIT(i), 0xffff);
		vmcs_write32(VMCS_GUEST_ACCESS(i), i == TV_CS ? ACCESS_CODE : i == TV_LDTR ? ACCESS_LDT :
						   i == TV_TR ? ACCESS_TSS : ACCESS_DATA);
	}
	vmcs_writen(VMCS_GUEST_GDTR_BASE, 0);
	vmcs_writen(VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, 0xffff);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, 0xffff);
}

static void reset_registers(struct vmx_vcpu *s)
{
	vmcs_writen(VMCS_GUEST_RIP, RESET_RIP);
	vmcs_writen(VMCS_GUEST_RSP, 0);
	vmcs_writen(VMCS_GUEST_RFLAGS, RFLAGS_ONE);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY, 0);
	vmcs_writen(VMCS_GUEST_PENDING_DBG, 0);
	s->cr0 = CR0_CD | CR0_NW | CR0_ET;
	vmcs_writen(VMCS_CR0_SHADOW, s->cr0);
	vmcs_writen(VMCS_GUEST_CR0, CR0_ET | vmx.cr0_ones);
	vmcs_writen(VMCS_GUEST_CR3, 0);
	s->cr4 = 0;
	vmcs_writen(VMCS_CR4_SHADOW, 0);
	vmcs_writen(VMCS_GUEST_CR4, vmx.cr4_ones);
	s->efer = 0;
	vmcs_write64(VMCS_GUEST_EFER, 0);
	vmcs_write64(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write64(VMCS_GUEST_PAT, PAT_RESET);
	vmcs_write32(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_writen(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_writen(VMCS_GUEST_SYSENTER_EIP, 0);
	for (unsigned i = 0; i < 4; i++)
		vmcs_write64(VMCS_GUEST_PDPTE(i), 0);
	s->dr7 = DR7_INIT;
	vmcs_writen(VMCS_GUEST_DR7, DR7_INIT);
}

/* Registers as after power-up.  SDM, "Processor State After Reset".  GPRs are in the state page and are the monitor's. */
void vmx_vcpu_reset(struct vmx_vcpu *s)
{
	reset_segments();
	reset_registers(s);
	s->cr2 = 0;
	s->dr6 = DR6_INIT;
	__builtin_memset(s->dr, 0, sizeof(s->dr));
	s->star = s->lstar = s->cstar = s->fmask = s->kernel_gs_base = s->tsc_aux = 0;
	s->xcr0 = XCR0_X87;
	s->apic[LAPIC_TPR_WORD] = 0;
	s->known = 0;
	s->windows = 0;
	s->shutdown = s->dr_open = false;
	vmcs_write32(VMCS_ENTRY_EVENT, 0);
	s->entry = vmx.word[VMX_ENTRY];
	vmcs_write32(VMCS_ENTRY_CONTROLS, s->entry);
	vmx_controls(s);
	vmx_update_xcr0(s);
	/* Translations of the old state are of no use, and must not be. */
	s->stale |= STALE_LINEAR;
}
