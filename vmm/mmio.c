/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of accesses to guest-physical addresses that are no memory: device registers, and nothing at all. */
#include <x86/cr.h>

#include "emulate.h"
#include "insn_seen.h"
#include "retire.h"
#include "vcpu.h"
#include "vm.h"

/* insn_memo.plain: what plain_access() does with an instruction. */
enum plain {
	PLAIN_UNKNOWN,
	PLAIN_NO,		/* the executor's work                              */
	PLAIN_LOAD,		/* MOV, MOVZX: register from memory                 */
	PLAIN_STORE,		/* MOV: memory from register ...                    */
	PLAIN_STORE_IMM,	/* ... or immediate                                 */
};

/* An access that no instruction of the guest makes on its own account; there is no way to go on. */
static enum vm_next impossible(struct vcpu *v, const char *what)
{
	return vm_stop(v->vm, VM_EXIT_CRASH, "%s at 0x%llx, where there is no memory (rip 0x%llx)", what,
		       (unsigned long long)v->page->arg0, (unsigned long long)v->page->rip);
}

/* What plain_access() can do with @in, for good: drivers' accessors are all like this. */
static NOINLINE enum plain classify(const struct insn *in)
{
	bool reg = in->dst.kind == INSN_OPERAND_GPR && !(in->opsize == 1 && insn_high_byte(in, in->dst.reg));
	bool from_reg = in->src.kind == INSN_OPERAND_GPR && !(in->opsize == 1 && insn_high_byte(in, in->src.reg));

	if (in->mode != INSN_MODE_64 || in->addrsize != 8 || in->opsize > 8 || in->seg == TV_FS || in->seg == TV_GS ||
	    in->prefix & INSN_LOCK)
		return PLAIN_NO;
	if ((in->op == INSN_MOV || in->op == INSN_MOVZX) && in->src.kind == INSN_OPERAND_MEM && reg)
		return PLAIN_LOAD;
	if (in->op != INSN_MOV || in->dst.kind != INSN_OPERAND_MEM)
		return PLAIN_NO;
	return from_reg ? PLAIN_STORE : in->src.kind == INSN_OPERAND_IMM ? PLAIN_STORE_IMM : PLAIN_NO;
}

/* Address of the memory operand: 64-bit mode, no segment base. */
static inline uint64_t operand_address(const struct tv_exit_page *p, const struct insn *in)
{
	uint64_t at = (uint64_t)in->disp;

	if (likely(in->base < TV_GPRS))
		at += p->gpr[in->base];
	else if (in->base == INSN_RIP)
		at += p->rip + in->length;
	return in->index < TV_GPRS ? at + (p->gpr[in->index] << in->scale) : at;
}

static inline uint64_t low(uint64_t val, unsigned size)
{
	return val & ~0ull >> (64 - 8 * size);
}

/*
 * A MOV in 64-bit mode that was seen here before: the CPU has translated and permitted just this access, and it lies in one page.
 * False: whatever it is, nothing was done.
 */
static inline bool plain_access(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	struct insn_memo *m = insn_seen(&v->insn);
	const struct insn *in;
	unsigned size;
	bool load;

	if (unlikely(!m))
		return false;
	if (unlikely(m->plain == PLAIN_UNKNOWN))
		m->plain = (uint8_t)classify(&m->in);
	in = &m->in;
	load = m->plain == PLAIN_LOAD;
	size = load ? in->srcsize : in->opsize;
	/* Another CPU may have put another instruction there since.  Misaligned: could be #AC, or in two pages. */
	if (unlikely(m->plain == PLAIN_NO || load == !!(p->arg1 & TV_MMIO_WRITE) || p->arg0 & (size - 1u) ||
		     (operand_address(p, in) ^ p->arg0) & PAGE_MASK || p->rflags & RFLAGS_TF))
		return false;
	if (load) {
		uint64_t *reg = &p->gpr[in->dst.reg], val = low(emulate_mmio_read(v, (gpa_t){ p->arg0 }, size), size);

		*reg = in->opsize >= 4 ? val : (*reg & ~low(~0ull, in->opsize)) | val;
	} else {
		uint64_t val = m->plain == PLAIN_STORE ? p->gpr[in->src.reg] : in->imm;

		emulate_mmio_write(v, (gpa_t){ p->arg0 }, size, low(val, size));
	}
	v->mismatches = 0;
	p->rip += in->length;
	return true;
}

enum vm_next exit_mmio(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	enum vm_next next;

	if (unlikely(p->pending & TV_EVENT_VALID))
		return impossible(v, "an interrupt or exception needs its table or stack");
	if (unlikely(p->arg1 & TV_MMIO_EXEC))
		return impossible(v, "the guest executes");
	if (unlikely(p->arg1 & TV_MMIO_WALK))
		return impossible(v, "the guest has a page table");
	if (likely(p->valid & TV_REGS_CODE) && likely(plain_access(v))) {
		if (unlikely(p->valid & TV_REGS_SEG))
			p->want[TV_EXIT_MMIO] = exit_want(TV_EXIT_MMIO, v->decode_groups);
		return retire_done(v, false);
	}
	/* The CPU has just walked the tables for the operand: no need to do it again. */
	v->insn.hint_valid = true;
	v->insn.hint_write = p->arg1 & TV_MMIO_WRITE;
	v->insn.hint.v = p->arg0;
	next = emulate(v);
	v->insn.hint_valid = false;
	/* What is not 64-bit code needs its segments each time, until such code comes back. */
	if (insn_mode(p) != INSN_MODE_64)
		p->want[TV_EXIT_MMIO] |= TV_REGS_CR | TV_REGS_SEG;
	return next;
}
