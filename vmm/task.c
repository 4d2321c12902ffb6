/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches: see task.h.  The CPU has checked privilege before the exit; what is left is the switch itself.
 *
 * SDM, "Task Switching", "32-Bit Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)".
 */
#include "task.h"

#include <x86/cr.h>

#include "cr.h"
#include "emulate.h"
#include "inject.h"
#include "insn_priv.h"
#include "retire.h"
#include "vcpu.h"
#include "vm.h"

#define TSS32_LIMIT	0x67u
#define TSS16_LIMIT	0x2bu
#define TYPE_32		BIT(3)		/* of a TSS' type */
#define DR6_BT		BIT(15)
#define EFLAGS_VALID	(MASK(21, 0) & ~(BIT(1) | BIT(3) | BIT(5) | BIT(15)))
#define DR7_LOCAL	(BIT(0) | BIT(2) | BIT(4) | BIT(6) | BIT(8))

/* The part of a TSS that a switch reads and writes; a 16-bit one is kept in the same form. */
struct tss {
	uint32_t cr3, eip, eflags, gpr[8];
	uint16_t seg[6], ldt;		/* in the order of enum tv_seg */
	bool trap;
};

union image {
	uint64_t word[14];
	uint16_t half[52];
	uint32_t full[26];
};

/* Offsets in units of the image's words.  32 bits: CR3 at 28, EIP at 32; 16 bits: IP at 14. */
enum { FULL_CR3 = 7, FULL_EIP, FULL_EFLAGS, FULL_GPR, FULL_SEG = 18, FULL_LDT = 24, FULL_TRAP, HALF_IP = 7, HALF_FLAGS, HALF_GPR,
       HALF_SEG = 17, HALF_LDT = 21 };

/* Read the @len bytes of the TSS at @base, or write those from @first on; all pages are looked at before a byte is written. */
static enum insn_result transfer(struct insn_ctx *c, uint64_t base, union image *m, unsigned first, unsigned len, bool write)
{
	uint64_t access = GWALK_IMPLICIT | (write ? GWALK_WRITE : 0), value[2] = { 0, 0 };
	struct insn_span span;
	enum insn_result r;

	for (unsigned pass = write ? 0 : 1; pass < 2; pass++)
		for (unsigned at = first; at < len; at += 4) {
			r = insn_map_linear(c, (uint32_t)(base + at), 4, access, NULL, &span);
			if (r)
				return r;
			value[0] = m->full[at / 4];
			if (write && pass)
				insn_span_write(c, &span, value);
			else if (!write)
				insn_span_read(c, &span, value);
			m->full[at / 4] = (uint32_t)value[0];
		}
	return INSN_DONE;
}

static void unpack(const union image *m, bool wide, struct tss *t)
{
	*t = (struct tss){ 0 };
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = wide ? m->full[FULL_GPR + i] : m->half[HALF_GPR + i];
	for (unsigned i = 0; i < (wide ? 6u : 4u); i++)
		t->seg[i] = wide ? (uint16_t)m->full[FULL_SEG + i] : m->half[HALF_SEG + i];
	t->eip = wide ? m->full[FULL_EIP] : m->half[HALF_IP];
	t->eflags = wide ? m->full[FULL_EFLAGS] : m->half[HALF_FLAGS];
	t->ldt = wide ? (uint16_t)m->full[FULL_LDT] : m->half[HALF_LDT];
	t->cr3 = m->full[FULL_CR3];
	t->trap = wide && m->full[FULL_TRAP] & 1;
}

/* The state of the task that is left; what else stands in its TSS stays. */
static enum insn_result save(struct insn_ctx *c, uint32_t eip, uint32_t eflags)
{
	const struct tv_exit_page *p = c->st;
	bool wide = p->seg[TV_TR].attr & TYPE_32;
	unsigned first = wide ? 4 * FULL_EIP : 12, len = wide ? 4 * FULL_LDT : TSS16_LIMIT + 1;
	union image m;
	enum insn_result r = transfer(c, p->seg[TV_TR].base, &m, first, len, false);

	if (r)
		return r;
	for (unsigned i = 0; i < 8; i++)
		if (wide)
			m.full[FULL_GPR + i] = (uint32_t)p->gpr[i];
		else
			m.half[HALF_GPR + i] = (uint16_t)p->gpr[i];
	for (unsigned i = 0; i < (wide ? 6u : 4u); i++)
		if (wide)
			m.full[FULL_SEG + i] = p->seg[i].sel;
		else
			m.half[HALF_SEG + i] = p->seg[i].sel;
	if (wide) {
		m.full[FULL_EIP] = eip;
		m.full[FULL_EFLAGS] = eflags;
	} else {
		m.half[HALF_IP] = (uint16_t)eip;
		m.half[HALF_FLAGS] = (uint16_t)eflags;
	}
	return transfer(c, p->seg[TV_TR].base, &m, first, len, true);
}

/* Registers, then LDTR and segments, of which each may fault: in the new task already. */
static enum insn_result load(struct vcpu *v, const struct tss *t, bool wide)
{
	static const uint8_t order[] = { TV_SS, TV_DS, TV_ES, TV_FS, TV_GS };
	struct tv_exit_page *p = v->page;
	enum insn_result r;

	p->rip = t->eip;
	p->rflags = (wide ? t->eflags & EFLAGS_VALID : (p->rflags & ~MASK(15, 0)) | (t->eflags & MASK(15, 0))) | RFLAGS_ONE;
	for (unsigned i = 0; i < 8; i++)
		p->gpr[i] = wide ? t->gpr[i] : (p->gpr[i] & 0xffff0000) | t->gpr[i];
	p->cr0 |= CR0_TS;
	p->dr7 &= ~DR7_LOCAL;
	p->dirty |= TV_REGS_RIP | TV_REGS_CR | TV_REGS_DR | TV_REGS_SEG;
	p->shadow &= ~(TV_SHADOW_STI | TV_SHADOW_MOVSS);
	p->cpl = p->rflags & RFLAGS_VM ? 3 : t->seg[TV_CS] & 3;
	if (wide && p->cr0 & CR0_PG && !cr3_load(v, t->cr3))
		return insn_raise_error(&v->insn, EXC_TS, 0);
	r = insn_load_task_ldt(&v->insn, t->ldt);
	if (!r)
		r = insn_load_task_code(&v->insn, t->seg[TV_CS], t->eip);
	for (unsigned i = 0; i < ARRAY_LEN(order) && !r; i++)
		r = insn_load_task_data(&v->insn, order[i], t->seg[order[i]]);
	return r;
}

static enum insn_result push_error(struct vcpu *v, uint32_t error, bool wide)
{
	struct tv_exit_page *p = v->page;
	uint64_t mask = p->seg[TV_SS].attr & BIT(10) ? UINT32_MAX : 0xffff, sp = (p->gpr[TV_RSP] - (wide ? 4 : 2)) & mask;
	const struct insn_access a = {
		.off = sp, .seg = TV_SS, .size = wide ? 4 : 2, .mode = (uint8_t)insn_mode(p), .write = true,
	};
	const uint64_t value[2] = { error, 0 };
	struct insn_span span;
	enum insn_result r = insn_map(&v->insn, &a, NULL, &span);

	if (r)
		return r;
	insn_span_write(&v->insn, &span, value);
	p->gpr[TV_RSP] = (p->gpr[TV_RSP] & ~mask) | sp;
	return INSN_DONE;
}

/* The steps of the manual, in its order.  Up to the load of TR, a fault belongs to the old task. */
static enum insn_result task_switch(struct vcpu *v, unsigned source, uint16_t sel, uint32_t eip)
{
	bool nests = source == TV_TASK_CALL || source == TV_TASK_GATE, returns = source == TV_TASK_IRET;
	struct tv_exit_page *p = v->page;
	struct tv_segment tr, old = p->seg[TV_TR];
	struct insn_ctx *c = &v->insn;
	union image m = { .word = { 0 } };
	uint64_t nt = p->rflags & RFLAGS_NT;
	enum insn_result r;
	struct tss t;
	bool wide;

	r = insn_find_tss(c, sel, returns, &tr);
	if (r)
		return r;
	wide = tr.attr & TYPE_32;
	if (tr.limit < (wide ? TSS32_LIMIT : TSS16_LIMIT))
		return insn_raise_error(c, EXC_TS, sel & ~3u);
	r = transfer(c, tr.base, &m, 0, wide ? TSS32_LIMIT + 1 : TSS16_LIMIT + 1, false);
	if (!r)
		r = save(c, eip, (uint32_t)(p->rflags & ~(returns ? nt : 0)));
	if (!r && nests) {
		union image link = { .half = { old.sel, m.half[1] } };

		r = transfer(c, tr.base, &link, 0, 4, true);
	}
	if (!r && !nests)
		r = insn_mark_tss(c, old.sel, false);
	if (!r && !returns)
		r = insn_mark_tss(c, sel, true);
	if (r)
		return r;
	tr.attr |= 2;				/* busy */
	p->seg[TV_TR] = tr;
	unpack(&m, wide, &t);
	if (nests)
		t.eflags |= RFLAGS_NT;
	r = load(v, &t, wide);
	if (!r && p->arg1 & TV_TASK_HAS_ERROR)
		r = push_error(v, (uint32_t)(p->arg1 >> 32), wide);
	if (!r && t.trap) {
		p->dr6 |= DR6_BT;
		(void)inject_exception(v, EXC_DB, 0);
	}
	return r;
}

enum vm_next exit_task(struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	unsigned source = p->arg1 & 3;
	enum insn_result r;
	uint64_t rip;

	if (!vcpu_need(v, TV_REGS_ALL))
		return VM_NEXT_RUN;
	rip = p->rip;
	/* A fault's handler sees where it happened; who asked for the switch goes on behind the instruction. */
	if (source != TV_TASK_GATE || p->arg1 & TV_TASK_SOFT) {
		unsigned len = p->insn_len ? p->insn_len : insn_task_length(&v->insn);

		if (!len)
			return vm_stop(v->vm, VM_EXIT_CRASH, "task switch by an unknown instruction at 0x%llx", (unsigned long long)rip);
		rip = retire_wrap(v, rip + len);
	}
	r = task_switch(v, source, (uint16_t)p->arg0, (uint32_t)rip);
	return r ? emulate_failed(v, r) : VM_NEXT_RUN;
}
