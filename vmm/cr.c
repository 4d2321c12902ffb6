/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and debug registers.  SDM, "Control Registers" and "MOV - Move to/from Control Registers"; APM, "System-Control
 * Registers".  The checks are those of the instruction; what the hardware needs on top is the kernel's business.
 */
#include "cr.h"

#include <x86/cr.h>
#include <x86/msr.h>

#include "emulate.h"
#include "inject.h"
#include "retire.h"
#include "vcpu.h"
#include "vm.h"

#define CR0_VALID	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_LMSW	(CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define CR0_PDPTE	(CR0_CD | CR0_NW | CR0_PG)	/* a change reloads the PDPTEs */
#define CR4_PDPTE	(CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP)
#define SEG_L		BIT(9)
#define PDPTE_COUNT	4u
#define PDPTE_RESERVED	(MASK(2, 1) | MASK(8, 5))
#define DR6_FIXED	DR6_INIT
#define DR6_WRITABLE	(MASK(3, 0) | MASK(15, 13))
#define DR6_BD		BIT(13)
#define DR7_WRITABLE	(MASK(31, 16) | BIT(13) | MASK(9, 0))
#define DR7_GD		BIT(13)

/* Bits that must be 0 in a physical address of the guest. */
static uint64_t beyond_physical(const struct vcpu *v)
{
	return ~MASK(v->vm->cpuid.phys_bits - 1, 0);
}

static bool mode64(const struct tv_exit_page *p)
{
	return p->efer & EFER_LMA && p->seg[TV_CS].attr & SEG_L;
}

/*
 * SDM, "PDPTE Registers": PAE paging uses four entries that are loaded with CR3 and checked then.  The state page gets them
 * only if all are right.
 */
static bool pdptes_load(struct vcpu *v, uint64_t cr3)
{
	struct tv_exit_page *p = v->page;
	uint64_t e[PDPTE_COUNT];

	if (!gmem_read(&v->vm->mem, (gpa_t){ cr3 & MASK(31, 5) }, e, sizeof(e)))
		return false;
	for (unsigned i = 0; i < PDPTE_COUNT; i++)
		if (e[i] & 1 && e[i] & (PDPTE_RESERVED | beyond_physical(v)))
			return false;
	for (unsigned i = 0; i < PDPTE_COUNT; i++)
		p->pdpte[i] = e[i];
	p->dirty |= TV_REGS_PDPTE;
	return true;
}

static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LMA);
}

bool cr_efer_valid(const struct vcpu *v, uint64_t val)
{
	const struct tv_exit_page *p = v->page;

	if (val & ~(v->vm->cpuid.efer_mask | EFER_LMA))
		return false;
	return !(p->cr0 & CR0_PG) || !((val ^ p->efer) & EFER_LME);
}

/* What a change of CR0.PG makes of EFER.  False: #GP. */
static bool paging_switch(const struct tv_exit_page *p, bool on, uint64_t *efer)
{
	if (!on) {
		if (mode64(p) || p->cr4 & CR4_PCIDE)
			return false;
		*efer &= ~EFER_LMA;
		return true;
	}
	if (!(*efer & EFER_LME))
		return true;
	if (!(p->cr4 & CR4_PAE) || p->seg[TV_CS].attr & SEG_L)
		return false;
	*efer |= EFER_LMA;
	return true;
}

bool cr0_load(struct vcpu *v, uint64_t val)
{
	struct tv_exit_page *p = v->page;
	uint64_t efer = p->efer, changed;

	if (val > UINT32_MAX)
		return false;
	val = (val & CR0_VALID) | CR0_ET;
	changed = val ^ p->cr0;
	if ((val & (CR0_PG | CR0_PE)) == CR0_PG || (val & (CR0_NW | CR0_CD)) == CR0_NW)
		return false;
	if (changed & CR0_PG && !paging_switch(p, val & CR0_PG, &efer))
		return false;
	if (changed & CR0_PDPTE && uses_pdptes(val, p->cr4, efer) && !pdptes_load(v, p->cr3))
		return false;
	p->cr0 = val;
	p->efer = efer;
	p->dirty |= TV_REGS_CR;
	return true;
}

bool cr3_load(struct vcpu *v, uint64_t val)
{
	struct tv_exit_page *p = v->page;

	if (p->efer & EFER_LMA) {
		if (p->cr4 & CR4_PCIDE)
			val &= ~CR3_NO_FLUSH;
		if (val & beyond_physical(v))
			return false;
	}
	if (uses_pdptes(p->cr0, p->cr4, p->efer) && !pdptes_load(v, val))
		return false;
	p->cr3 = val;
	p->dirty |= TV_REGS_CR;
	return true;
}

bool cr4_load(struct vcpu *v, uint64_t val)
{
	struct tv_exit_page *p = v->page;
	uint64_t changed = val ^ p->cr4;
	bool lma = p->efer & EFER_LMA;

	if (val & ~v->vm->cpuid.cr4_mask)
		return false;
	if (lma && (!(val & CR4_PAE) || changed & CR4_LA57))
		return false;
	if (changed & val & CR4_PCIDE && (!lma || p->cr3 & CR3_PCID))
		return false;
	if (changed & CR4_PDPTE && uses_pdptes(p->cr0, val, p->efer) && !pdptes_load(v, p->cr3))
		return false;
	p->cr4 = val;
	p->dirty |= TV_REGS_CR;
	return true;
}

/* --- exits: control registers ---------------------------------------------------------------------------------------- */

static bool cr_write(struct vcpu *v, unsigned reg, uint64_t val)
{
	switch (reg) {
	case 0:
		return cr0_load(v, val);
	case 3:
		return cr3_load(v, val);
	case 4:
		return cr4_load(v, val);
	default:
		return lapic_cr8_write(&v->lapic, val);
	}
}

static uint64_t cr_read(const struct vcpu *v, unsigned reg)
{
	const struct tv_exit_page *p = v->page;

	switch (reg) {
	case 0:
		return p->cr0;
	case 3:
		return p->cr3;
	case 4:
		return p->cr4;
	default:
		return lapic_cr8_read(&v->lapic);
	}
}

/* MOV to or from control register @reg, with general-purpose register @gpr. */
static enum vm_next mov_cr(struct vcpu *v, unsigned reg, enum tv_gpr gpr, bool write, unsigned len)
{
	struct tv_exit_page *p = v->page;
	bool wide = mode64(p);

	if (reg != 0 && reg != 3 && reg != 4 && reg != 8)
		return inject_ud(v);
	if (!write) {
		uint64_t val = cr_read(v, reg);

		p->gpr[gpr] = wide ? val : (uint32_t)val;
		if (gpr == TV_RSP)
			p->dirty |= TV_REGS_RIP;
	} else if (!cr_write(v, reg, wide ? p->gpr[gpr] : (uint32_t)p->gpr[gpr])) {
		return inject_gp(v);
	}
	return retire(v, len);
}

/* An access whose operand the exit does not tell: the instruction does. */
static enum vm_next decoded_cr(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	enum insn_result result;
	struct insn in;
	uint64_t val;

	result = insn_fetch(&v->insn, &in);
	if (result != INSN_DONE)
		return emulate_failed(v, result);
	switch (in.op) {
	case INSN_MOV_CR:
		if (in.dst.kind == INSN_OPERAND_CR)
			return mov_cr(v, in.dst.reg, in.src.reg, true, in.length);
		return mov_cr(v, in.src.reg, in.dst.reg, false, in.length);
	case INSN_CLTS:
		return cr0_load(v, p->cr0 & ~CR0_TS) ? retire(v, in.length) : inject_gp(v);
	case INSN_LMSW:
		result = insn_source(&v->insn, &in, &val);
		if (result != INSN_DONE)
			return emulate_failed(v, result);
		/* PE can be set but not cleared. */
		val = (p->cr0 & ~CR0_LMSW) | (val & CR0_LMSW) | (p->cr0 & CR0_PE);
		return cr0_load(v, val) ? retire(v, in.length) : inject_gp(v);
	default:
		return emulate_insn(v, &in);		/* SMSW, or what another CPU has put there */
	}
}

enum vm_next exit_cr(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	unsigned len;

	if (!vcpu_need(v, TV_REGS_CR | TV_REGS_SEG))
		return VM_NEXT_RUN;
	if (p->rflags & RFLAGS_TF && !vcpu_need(v, TV_REGS_DR))
		return VM_NEXT_RUN;
	if (!(p->arg1 & TV_CR_GPR_VALID))
		return p->cpl ? inject_gp(v) : decoded_cr(v);
	len = retire_length(v);
	if (!len)
		return VM_NEXT_RUN;
	if (p->cpl)
		return inject_gp(v);
	return mov_cr(v, (unsigned)p->arg0, TV_CR_GPR(p->arg1), p->arg1 & TV_CR_WRITE, len);
}

/* --- exits: debug registers ------------------------------------------------------------------------------------------ */

/* The field of DR0 ... DR7; 4 and 5 are 6 and 7, which the caller has checked to be allowed. */
static uint64_t *dr_field(struct tv_exit_page *p, unsigned reg)
{
	return reg < 4 ? &p->dr[reg] : reg & 1 ? &p->dr7 : &p->dr6;
}

static bool dr_write(struct tv_exit_page *p, unsigned reg, uint64_t val)
{
	if (reg >= 4) {
		if (val > UINT32_MAX)
			return false;
		val = reg & 1 ? (val & DR7_WRITABLE) | DR7_INIT : (val & DR6_WRITABLE) | DR6_FIXED;
	}
	*dr_field(p, reg) = val;
	p->dirty |= TV_REGS_DR;
	return true;
}

/* MOV to or from debug register @reg. */
static enum vm_next mov_dr(struct vcpu *v, unsigned reg, enum tv_gpr gpr, bool write, unsigned len)
{
	struct tv_exit_page *p = v->page;
	bool wide = mode64(p);

	if ((reg & 6) == 4 && p->cr4 & CR4_DE)
		return inject_ud(v);
	if (p->cpl)
		return inject_gp(v);
	if (p->dr7 & DR7_GD) {
		p->dr6 |= DR6_BD;
		p->dr7 &= ~DR7_GD;
		p->dirty |= TV_REGS_DR;
		return inject_exception(v, EXC_DB, 0);
	}
	if (write) {
		if (!dr_write(p, reg, wide ? p->gpr[gpr] : (uint32_t)p->gpr[gpr]))
			return inject_gp(v);
	} else {
		p->gpr[gpr] = wide ? *dr_field(p, reg) : (uint32_t)*dr_field(p, reg);
		if (gpr == TV_RSP)
			p->dirty |= TV_REGS_RIP;
	}
	return retire(v, len);
}

enum vm_next exit_dr(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	struct insn in;
	unsigned len;

	if (!vcpu_need(v, TV_REGS_CR | TV_REGS_SEG | TV_REGS_DR))
		return VM_NEXT_RUN;
	if (p->arg1 & TV_CR_GPR_VALID) {
		len = retire_length(v);
		if (!len)
			return VM_NEXT_RUN;
		return mov_dr(v, p->arg0 & 7, TV_CR_GPR(p->arg1), p->arg1 & TV_CR_WRITE, len);
	}
	if (insn_fetch(&v->insn, &in) != INSN_DONE || in.op != INSN_MOV_DR)
		return VM_NEXT_RUN;
	if (in.dst.kind == INSN_OPERAND_DR)
		return mov_dr(v, in.dst.reg & 7u, in.src.reg, true, in.length);
	return mov_dr(v, in.src.reg & 7u, in.dst.reg, false, in.length);
}
