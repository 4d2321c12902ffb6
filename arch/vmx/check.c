/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that VM entry applies to a guest, for debug builds and tests: emulators let states pass that a processor refuses.
 * SDM, "Checks on the Guest State Area" and "Checks on VMX Controls" (event injection).
 */
#include "vmx.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#define TYPE_DATA_RW	3u		/* read, write, accessed */
#define TYPE_DATA_DOWN	7u
#define TYPE_TSS_16	3u
#define TYPE_TSS	11u
#define TYPE_READABLE	BIT(1)
#define VM86_ACCESS	0xf3u
#define WITH_ERROR	0x00027d00u	/* as in inject.c */

/* A segment register as the VMCS has it. */
struct seg {
	uint16_t sel;
	uint32_t access, limit;
	uint64_t base;
};

/* What most rules depend on. */
struct mode {
	uint64_t cr0, cr4, efer, rflags;
	bool ia32e, vm86;
	struct seg seg[TV_SEGS];
};

static bool usable(const struct seg *s) { return !(s->access & ACCESS_UNUSABLE); }
static unsigned type_of(const struct seg *s) { return s->access & SEG_TYPE; }
static unsigned dpl_of(const struct seg *s) { return (unsigned)((s->access & SEG_DPL) >> 5); }
static bool bit_l(const struct seg *s) { return s->access >> 4 & SEG_L; }
static bool bit_db(const struct seg *s) { return s->access >> 4 & SEG_DB; }
static bool bit_g(const struct seg *s) { return s->access >> 4 & SEG_G; }

static void read_mode(struct mode *m)
{
	m->cr0 = vmcs_readn(VMCS_GUEST_CR0);
	m->cr4 = vmcs_readn(VMCS_GUEST_CR4);
	m->efer = vmcs_read64(VMCS_GUEST_EFER);
	m->rflags = vmcs_readn(VMCS_GUEST_RFLAGS);
	m->ia32e = vmcs_read32(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E;
	m->vm86 = m->rflags & RFLAGS_VM;
	for (unsigned i = 0; i < TV_SEGS; i++)
		m->seg[i] = (struct seg){ vmcs_read16(VMCS_GUEST_SEL(i)), vmcs_read32(VMCS_GUEST_ACCESS(i)),
					  vmcs_read32(VMCS_GUEST_LIMIT(i)), vmcs_readn(VMCS_GUEST_BASE(i)) };
}

static const char *check_registers(const struct mode *m)
{
	bool paging = m->cr0 & CR0_PG, lma = m->efer & EFER_LMA;

	if (vmx.cr0_ones & ~m->cr0 || m->cr0 >> 32 || (paging && !(m->cr0 & CR0_PE)))
		return "CR0 has bits that VMX does not support";
	if (m->cr0 & GUEST_CR0_CACHE)
		return "CR0.CD reaches the caches of the host";
	if (vmx.cr4_ones & ~m->cr4 || m->cr4 & ~(vmx.guest.cr4 | vmx.cr4_ones))
		return "CR4 has bits that VMX does not support";
	if (m->ia32e && !(paging && m->cr4 & CR4_PAE))
		return "IA-32e mode without PAE paging";
	if (!m->ia32e && m->cr4 & CR4_PCIDE)
		return "CR4.PCIDE outside of IA-32e mode";
	if (m->efer & ~vmx.guest.efer || lma != m->ia32e || (paging && lma != !!(m->efer & EFER_LME)))
		return "EFER contradicts the mode";
	if (vmcs_readn(VMCS_GUEST_CR3) & ~vmx.guest.cr3)
		return "CR3 has reserved bits";
	if (vmcs_readn(VMCS_GUEST_DR7) >> 32)
		return "DR7[63:32] is not zero";
	if (!guest_canonical(vmcs_readn(VMCS_GUEST_SYSENTER_ESP)) || !guest_canonical(vmcs_readn(VMCS_GUEST_SYSENTER_EIP)))
		return "a SYSENTER MSR is not canonical";
	return NULL;
}

static bool granularity_ok(const struct seg *s)
{
	return bit_g(s) ? (s->limit & 0xfff) == 0xfff : s->limit <= 0xfffff;
}

static const char *check_vm86(const struct mode *m)
{
	for (unsigned i = 0; i < TV_LDTR; i++) {
		const struct seg *s = &m->seg[i];

		if (s->base != (uint64_t)s->sel << 4 || s->limit != 0xffff || s->access != VM86_ACCESS)
			return "a segment is not one of virtual-8086 mode";
	}
	return NULL;
}

static const char *check_cs(const struct mode *m)
{
	const struct seg *cs = &m->seg[TV_CS], *ss = &m->seg[TV_SS];
	unsigned type = type_of(cs);

	if (type != TYPE_DATA_RW && (type & (SEG_CODE | SEG_ACCESSED)) != (SEG_CODE | SEG_ACCESSED))
		return "CS is no accessed code segment";
	if (type == TYPE_DATA_RW ? dpl_of(cs) != 0 : type & BIT(2) ? dpl_of(cs) > dpl_of(ss) : dpl_of(cs) != dpl_of(ss))
		return "DPL of CS contradicts CPL";
	if (m->ia32e && bit_l(cs) && bit_db(cs))
		return "CS.L and CS.D";
	if (dpl_of(ss) && (type == TYPE_DATA_RW || !(m->cr0 & CR0_PE)))
		return "CPL is not 0 in real mode";
	return NULL;
}

static const char *check_segments(const struct mode *m)
{
	for (unsigned i = 0; i < TV_LDTR; i++) {
		const struct seg *s = &m->seg[i];

		if (i >= TV_FS ? !guest_canonical(s->base) : (usable(s) || i == TV_CS) && s->base >> 32)
			return "base of a segment";
		if (!usable(s) && i != TV_CS)
			continue;
		if (!(s->access & SEG_P) || !(s->access & SEG_S) || s->access & 0xfffe0f00 || !granularity_ok(s))
			return "attributes or limit of a segment";
		if (i == TV_SS && type_of(s) != TYPE_DATA_RW && type_of(s) != TYPE_DATA_DOWN)
			return "SS is no writable data segment";
		if (i != TV_CS && (!(type_of(s) & SEG_ACCESSED) || (type_of(s) & SEG_CODE && !(type_of(s) & TYPE_READABLE))))
			return "a data segment that cannot be read";
	}
	return check_cs(m);
}

static const char *check_system_segments(const struct mode *m)
{
	const struct seg *tr = &m->seg[TV_TR], *ldtr = &m->seg[TV_LDTR];

	if (tr->sel & 4 || !guest_canonical(tr->base) || !granularity_ok(tr) || !usable(tr) ||
	    (tr->access & (SEG_P | SEG_S)) != SEG_P || (type_of(tr) != TYPE_TSS && (m->ia32e || type_of(tr) != TYPE_TSS_16)))
		return "TR is no busy TSS of this mode";
	if (usable(ldtr) && (ldtr->sel & 4 || !guest_canonical(ldtr->base) || !granularity_ok(ldtr) ||
			     (ldtr->access & (SEG_P | SEG_S)) != SEG_P || type_of(ldtr) != SEG_TYPE_LDT))
		return "LDTR is no LDT";
	if (!guest_canonical(vmcs_readn(VMCS_GUEST_GDTR_BASE)) || !guest_canonical(vmcs_readn(VMCS_GUEST_IDTR_BASE)) ||
	    (vmcs_read32(VMCS_GUEST_GDTR_LIMIT) | vmcs_read32(VMCS_GUEST_IDTR_LIMIT)) > 0xffff)
		return "GDTR or IDTR";
	return NULL;
}

static const char *check_rip(const struct mode *m)
{
	uint64_t rip = vmcs_readn(VMCS_GUEST_RIP);

	if (m->ia32e && bit_l(&m->seg[TV_CS]) ? !guest_rip_enterable(rip) : rip >> 32 != 0)
		return "RIP is no address of this mode";
	if (m->rflags & ~GUEST_RFLAGS_VALID || !(m->rflags & RFLAGS_ONE) || (m->vm86 && (m->ia32e || !(m->cr0 & CR0_PE))))
		return "RFLAGS";
	return NULL;
}

static const char *check_blocking(const struct mode *m, uint32_t event)
{
	uint32_t b = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY), shadow = b & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOVSS);
	uint64_t pending = vmcs_readn(VMCS_GUEST_PENDING_DBG);
	bool valid = event & EVENT_VALID;

	if (b & ~(shadow | INTERRUPTIBILITY_NMI) || shadow == (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOVSS) ||
	    (b & INTERRUPTIBILITY_STI && !(m->rflags & RFLAGS_IF)))
		return "interruptibility contradicts itself or RFLAGS.IF";
	if (valid && EVENT_TYPE(event) == TV_EVENT_EXTINT && (shadow || !(m->rflags & RFLAGS_IF)))
		return "an interrupt is injected where none can be delivered";
	if (valid && EVENT_TYPE(event) == TV_EVENT_NMI && b)
		return "an NMI is injected where none can be delivered";
	if (shadow && !(pending & PENDING_DBG_BS) != !(m->rflags & RFLAGS_TF))
		return "a pending single step contradicts RFLAGS.TF";
	return NULL;
}

static const char *check_event(const struct mode *m, uint32_t event)
{
	unsigned type = EVENT_TYPE(event), vector = EVENT_VECTOR(event);
	bool error = type == TV_EVENT_EXC && m->cr0 & CR0_PE && vector < EXC_COUNT && WITH_ERROR >> vector & 1;

	if (!(event & EVENT_VALID))
		return NULL;
	if (event & ~EVENT_DEFINED || type == 1 || type == 7 || (type == TV_EVENT_NMI && vector != EXC_NMI) ||
	    (type == TV_EVENT_EXC && vector >= EXC_COUNT))
		return "no event that can be injected";
	if (error != !!(event & EVENT_ERROR))
		return "an exception with a wrong idea of its error code";
	if (error && vmcs_read32(VMCS_ENTRY_ERROR_CODE) >> 16)
		return "an error code of more than 16 bits";
	return NULL;
}

const char *vmx_check(void)
{
	uint32_t event = vmcs_read32(VMCS_ENTRY_EVENT);
	const char *why;
	struct mode m;

	read_mode(&m);
	why = check_registers(&m);
	if (!why)
		why = m.vm86 ? check_vm86(&m) : check_segments(&m);
	if (!why)
		why = check_system_segments(&m);
	if (!why)
		why = check_rip(&m);
	if (!why)
		why = check_blocking(&m, event);
	return why ? why : check_event(&m, event);
}
