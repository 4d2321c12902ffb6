/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment registers and descriptor tables: loads of data segments, far jumps to code segments, LDTR, TR, GDTR, IDTR, and the
 * stores of these.  Far jumps through gates are not supported; task.c switches tasks.
 *
 * SDM, "Segment Descriptors", "Privilege Level Checking When Accessing Data Segments", "Direct Calls or Jumps to Code Segments".
 */
#include "insn_priv.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "insn_alu.h"

#define TYPE_LDT	2u
#define TYPE_TSS16	1u
#define TYPE_TSS	9u

/* A descriptor as it was read, and where it lies. */
struct descriptor {
	uint64_t linear;
	uint64_t low;
	uint64_t high;		/* long mode, system descriptors: bits 63:32 of the base */
};

static bool real_mode(const struct tv_exit_page *st)
{
	return !(st->cr0 & CR0_PE) || st->rflags & RFLAGS_VM;
}

static unsigned desc_dpl(uint64_t d) { return d >> 45 & 3; }
static unsigned desc_type(uint64_t d) { return d >> 40 & 0xf; }

static enum insn_result bad_selector(struct insn_ctx *c, uint8_t vector, uint16_t sel)
{
	return insn_raise_error(c, vector, sel & ~3u);
}

/* Read the descriptor of @sel, 8 bytes, or 16 if @wide.  What the CPU does here, it does as a supervisor. */
static enum insn_result read_descriptor(struct insn_ctx *c, uint16_t sel, bool wide, struct descriptor *d)
{
	const struct tv_exit_page *st = c->st;
	const struct tv_segment *ldt = &st->seg[TV_LDTR];
	uint64_t base = sel & 4 ? ldt->base : st->gdtr.base, limit = sel & 4 ? ldt->limit : st->gdtr.limit;
	unsigned size = wide ? 16 : 8, off = sel & ~7u;
	struct insn_span span;
	enum insn_result r;
	uint64_t value[2];

	if (sel & 4 && (ldt->attr & TV_SEG_UNUSABLE || !(ldt->attr & BIT(7))))
		return bad_selector(c, EXC_GP, sel);
	if (off + size - 1 > limit)
		return bad_selector(c, EXC_GP, sel);
	d->linear = base + off;
	if (!(st->efer & EFER_LMA))
		d->linear &= MASK(31, 0);
	else if (!insn_canonical(st, d->linear) || !insn_canonical(st, d->linear + size - 1))
		return bad_selector(c, EXC_GP, sel);
	r = insn_map_linear(c, d->linear, size, GWALK_IMPLICIT, NULL, &span);
	if (r)
		return r;
	insn_span_read(c, &span, value);
	d->low = value[0];
	d->high = value[1];
	return INSN_DONE;
}

/* Set @bits (accessed, busy) in the descriptor in memory, unless it has changed since it was read: then INSN_RETRY. */
static enum insn_result mark_descriptor(struct insn_ctx *c, struct descriptor *d, uint64_t bits)
{
	uint64_t old[2] = { d->low, 0 }, value[2] = { d->low | bits, 0 };
	struct insn_span span;
	enum insn_result r;

	if ((d->low & bits) == bits)
		return INSN_DONE;
	r = insn_map_linear(c, d->linear, 8, GWALK_IMPLICIT | GWALK_WRITE, NULL, &span);
	if (r)
		return r;
	if (!insn_span_exchange(c, &span, old, value))
		return INSN_RETRY;
	d->low |= bits;
	return INSN_DONE;
}

/* SDM, "Segment Descriptors": the fields in the form of the state page. */
static void set_segment(struct insn_ctx *c, unsigned seg, uint16_t sel, const struct descriptor *d)
{
	struct tv_segment *s = &c->st->seg[seg];
	uint32_t limit = (uint32_t)((d->low & 0xffff) | (d->low >> 32 & 0xf0000));

	s->sel = sel;
	s->attr = (uint16_t)((d->low >> 40 & 0xff) | (d->low >> 44 & 0xf00));
	s->limit = d->low & BIT(55) ? limit << 12 | 0xfff : limit;
	s->base = (d->low >> 16 & 0xffffff) | (d->low >> 32 & 0xff000000);
	c->st->dirty |= TV_REGS_SEG;
}

static void set_real_segment(struct insn_ctx *c, unsigned seg, uint16_t sel)
{
	struct tv_segment *s = &c->st->seg[seg];

	s->sel = sel;
	s->base = (uint64_t)sel << 4;
	if (c->st->rflags & RFLAGS_VM) {
		s->limit = 0xffff;
		s->attr = 0xf3;
	}
	c->st->dirty |= TV_REGS_SEG;
}

/* A null selector makes a data segment unusable; SS may be null in 64-bit mode at CPL 0 to 2. */
static enum insn_result load_null(struct insn_ctx *c, unsigned seg, uint16_t sel)
{
	struct tv_segment *s = &c->st->seg[seg];

	if (seg == TV_SS && (insn_mode(c->st) != INSN_MODE_64 || c->st->cpl == 3 || (sel & 3u) != c->st->cpl))
		return insn_raise_error(c, EXC_GP, 0);
	s->sel = sel;
	s->attr = (uint16_t)(TV_SEG_UNUSABLE | (seg == TV_SS ? c->st->cpl << 5 : 0));
	c->st->dirty |= TV_REGS_SEG;
	return INSN_DONE;
}

/* May the data segment register @seg (not CS) be loaded with this descriptor? */
static enum insn_result check_data(struct insn_ctx *c, unsigned seg, uint16_t sel, uint64_t d)
{
	bool code = d & DESC_CODE, rw = d & DESC_RW, conforming = code && d & BIT(42);
	unsigned rpl = sel & 3u, cpl = c->st->cpl, dpl = desc_dpl(d);
	bool good;

	if (!(d & DESC_S))
		good = false;
	else if (seg == TV_SS)
		good = rpl == cpl && dpl == cpl && !code && rw;
	else
		good = (!code || rw) && (conforming || (rpl <= dpl && cpl <= dpl));
	if (!good)
		return bad_selector(c, EXC_GP, sel);
	if (!(d & DESC_P))
		return bad_selector(c, seg == TV_SS ? EXC_SS : EXC_NP, sel);
	return INSN_DONE;
}

/* Load ES, SS, DS, FS or GS as MOV and POP do. */
enum insn_result insn_load_segment(struct insn_ctx *c, unsigned seg, uint16_t sel)
{
	struct descriptor d;
	enum insn_result r;

	if (real_mode(c->st)) {
		set_real_segment(c, seg, sel);
		return INSN_DONE;
	}
	if (!(sel & ~3u))
		return load_null(c, seg, sel);
	r = read_descriptor(c, sel, false, &d);
	if (!r)
		r = check_data(c, seg, sel, d.low);
	if (!r)
		r = mark_descriptor(c, &d, DESC_A);
	if (!r)
		set_segment(c, seg, sel, &d);
	return r;
}

/* MOV to a segment register */
enum insn_result insn_exec_mov_sreg(struct insn_ctx *c, const struct insn *in)
{
	enum insn_result r;
	uint64_t sel;

	r = insn_read(c, in, &in->src, 2, &sel);
	if (!r)
		r = insn_load_segment(c, in->dst.reg, (uint16_t)sel);
	return r ? r : insn_finish(c, in, c->st->rflags);
}

/* May CS be loaded with @d by a far jump, and is @rip inside it?  INSN_UNSUPPORTED for gates and task-state segments. */
static enum insn_result check_code(struct insn_ctx *c, uint16_t sel, uint64_t d, uint64_t rip)
{
	bool long_code = c->st->efer & EFER_LMA && d & DESC_L;
	uint64_t limit = (d & 0xffff) | (d >> 32 & 0xf0000);
	unsigned dpl = desc_dpl(d), cpl = c->st->cpl;
	bool good;

	if (!(d & DESC_S))
		return INSN_UNSUPPORTED;
	if (d & BIT(42))			/* conforming */
		good = d & DESC_CODE && dpl <= cpl;
	else
		good = d & DESC_CODE && (sel & 3u) <= cpl && dpl == cpl;
	if (!good || (long_code && d & BIT(54)))
		return bad_selector(c, EXC_GP, sel);
	if (!(d & DESC_P))
		return bad_selector(c, EXC_NP, sel);
	if (d & BIT(55))
		limit = limit << 12 | 0xfff;
	if (long_code ? !insn_canonical(c->st, rip) : rip > limit)
		return insn_raise_error(c, EXC_GP, 0);
	return INSN_DONE;
}

/* JMP with a far pointer in memory */
enum insn_result insn_exec_jmp_far(struct insn_ctx *c, const struct insn *in)
{
	struct insn_access a = {
		.off = insn_offset(c, in, 0), .seg = in->seg, .size = (uint8_t)(in->opsize + 2), .mode = in->mode,
	};
	uint64_t value[2], rip;
	struct insn_span span;
	struct descriptor d;
	enum insn_result r;
	uint16_t sel;

	r = insn_map(c, &a, NULL, &span);
	if (r)
		return r;
	insn_span_read(c, &span, value);
	rip = value[0] & insn_alu_mask(in->opsize);
	sel = (uint16_t)(in->opsize == 8 ? value[1] : value[0] >> 8 * in->opsize);
	if (real_mode(c->st)) {
		r = insn_check_target(c, in, rip);
		if (!r)
			set_real_segment(c, TV_CS, sel);
	} else if (!(sel & ~3u)) {
		r = insn_raise_error(c, EXC_GP, 0);
	} else {
		r = read_descriptor(c, sel, false, &d);
		if (!r)
			r = check_code(c, sel, d.low, rip);
		if (!r)
			r = mark_descriptor(c, &d, DESC_A);
		if (!r)
			set_segment(c, TV_CS, (uint16_t)((sel & ~3u) | c->st->cpl), &d);
	}
	if (r)
		return r;
	c->st->rip = rip;
	c->st->dirty |= TV_REGS_RIP;
	return INSN_DONE;
}

/* The checks that all loads of system registers share: protected mode, CPL 0. */
static enum insn_result check_system(struct insn_ctx *c)
{
	if (real_mode(c->st))
		return insn_raise(c, EXC_UD);
	return c->st->cpl ? insn_raise_error(c, EXC_GP, 0) : INSN_DONE;
}

static enum insn_result load_system_descriptor(struct insn_ctx *c, unsigned seg, uint16_t sel)
{
	bool wide = c->st->efer & EFER_LMA;
	struct descriptor d;
	enum insn_result r;
	unsigned type;
	bool good;

	if (sel & 4)
		return bad_selector(c, EXC_GP, sel);
	r = read_descriptor(c, sel, wide, &d);
	if (r)
		return r;
	type = desc_type(d.low);
	good = seg == TV_LDTR ? type == TYPE_LDT : type == TYPE_TSS || (type == TYPE_TSS16 && !wide);
	if (d.low & DESC_S || !good || (wide && d.high & MASK(44, 40)))
		return bad_selector(c, EXC_GP, sel);
	if (!(d.low & DESC_P))
		return bad_selector(c, EXC_NP, sel);
	if (seg == TV_TR) {
		r = mark_descriptor(c, &d, DESC_TSS_BUSY);
		if (r)
			return r;
	}
	set_segment(c, seg, sel, &d);
	if (wide)
		c->st->seg[seg].base |= d.high << 32;
	return INSN_DONE;
}

/* LLDT, LTR */
enum insn_result insn_exec_load_system(struct insn_ctx *c, const struct insn *in)
{
	unsigned seg = in->op == INSN_LLDT ? TV_LDTR : TV_TR;
	enum insn_result r = check_system(c);
	uint64_t sel;

	if (!r)
		r = insn_read(c, in, &in->src, 2, &sel);
	if (r)
		return r;
	if (sel & 0xfffc)
		r = load_system_descriptor(c, seg, (uint16_t)sel);
	else
		r = seg == TV_TR ? insn_raise_error(c, EXC_GP, 0) : load_null(c, seg, (uint16_t)sel);
	return r ? r : insn_finish(c, in, c->st->rflags);
}

/* --- task switches: what the segments of a new task are checked for --------------------------------------------------- */

/* A selector out of a TSS that is wrong for any reason but absence raises #TS. */
static enum insn_result in_task(struct insn_ctx *c, enum insn_result r)
{
	if (r == INSN_EXCEPTION && c->fault.vector == EXC_GP)
		c->fault.vector = EXC_TS;
	return r;
}

enum insn_result insn_find_tss(struct insn_ctx *c, uint16_t sel, bool busy, struct tv_segment *tss)
{
	struct tv_segment old = c->st->seg[TV_TR];
	struct descriptor d;
	enum insn_result r = sel & 4 ? bad_selector(c, EXC_GP, sel) : read_descriptor(c, sel, false, &d);

	if (!r && (d.low & DESC_S || (desc_type(d.low) & ~8u) != TYPE_TSS16 + (busy ? 2u : 0u)))
		r = bad_selector(c, EXC_GP, sel);
	if (r)
		return busy ? in_task(c, r) : r;
	if (!(d.low & DESC_P))
		return bad_selector(c, EXC_NP, sel);
	set_segment(c, TV_TR, sel, &d);
	*tss = c->st->seg[TV_TR];
	c->st->seg[TV_TR] = old;
	return INSN_DONE;
}

enum insn_result insn_mark_tss(struct insn_ctx *c, uint16_t sel, bool busy)
{
	struct insn_span span;
	uint64_t old[2] = { 0 }, value[2] = { 0 };
	struct descriptor d;
	enum insn_result r = read_descriptor(c, sel, false, &d);

	if (r)
		return r;
	old[0] = d.low;
	value[0] = busy ? d.low | DESC_TSS_BUSY : d.low & ~DESC_TSS_BUSY;
	r = insn_map_linear(c, d.linear, 8, GWALK_IMPLICIT | GWALK_WRITE, NULL, &span);
	if (r)
		return r;
	return insn_span_exchange(c, &span, old, value) ? INSN_DONE : INSN_RETRY;
}

enum insn_result insn_load_task_ldt(struct insn_ctx *c, uint16_t sel)
{
	return in_task(c, sel & ~3u ? load_system_descriptor(c, TV_LDTR, sel) : load_null(c, TV_LDTR, sel));
}

enum insn_result insn_load_task_data(struct insn_ctx *c, unsigned seg, uint16_t sel)
{
	return in_task(c, insn_load_segment(c, seg, sel));
}

/* CS, whose RPL is the new task's CPL. */
enum insn_result insn_load_task_code(struct insn_ctx *c, uint16_t sel, uint32_t eip)
{
	struct descriptor d;
	enum insn_result r;
	unsigned dpl;

	if (c->st->rflags & RFLAGS_VM) {
		set_real_segment(c, TV_CS, sel);
		return INSN_DONE;
	}
	r = sel & ~3u ? read_descriptor(c, sel, false, &d) : bad_selector(c, EXC_GP, sel);
	if (r)
		return in_task(c, r);
	dpl = desc_dpl(d.low);
	if (!(d.low & DESC_S) || !(d.low & DESC_CODE) || (d.low & BIT(42) ? dpl > (sel & 3u) : dpl != (sel & 3u)))
		return bad_selector(c, EXC_TS, sel);
	if (!(d.low & DESC_P))
		return bad_selector(c, EXC_NP, sel);
	r = mark_descriptor(c, &d, DESC_A);
	if (r)
		return r;
	set_segment(c, TV_CS, sel, &d);
	return eip > c->st->seg[TV_CS].limit ? insn_raise_error(c, EXC_GP, 0) : INSN_DONE;
}

/* UMIP hides these registers from user mode. */
static bool hidden(const struct tv_exit_page *st)
{
	return st->cr4 & CR4_UMIP && st->cpl;
}

/* SLDT, STR, SMSW: 16 bits to memory, the operand size to a register. */
enum insn_result insn_exec_store_system(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	enum insn_result r;
	uint64_t value;

	if (in->op != INSN_SMSW && real_mode(c->st))
		return insn_raise(c, EXC_UD);
	if (hidden(c->st))
		return insn_raise_error(c, EXC_GP, 0);
	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	if (in->op == INSN_SMSW)
		value = c->st->cr0;
	else
		value = c->st->seg[in->op == INSN_SLDT ? TV_LDTR : TV_TR].sel;
	insn_set(c, &dst, value);
	return insn_finish(c, in, c->st->rflags);
}

/* With a 16-bit operand size, LGDT and LIDT load only 24 bits of the base. */
static bool short_base(const struct insn *in)
{
	return in->mode != INSN_MODE_64 && (in->mode == INSN_MODE_16) != ((in->prefix & INSN_OPSIZE) != 0);
}

/* SGDT, SIDT, LGDT, LIDT */
enum insn_result insn_exec_table(struct insn_ctx *c, const struct insn *in)
{
	bool load = in->op == INSN_LGDT || in->op == INSN_LIDT;
	struct tv_table *table = in->op == INSN_LGDT || in->op == INSN_SGDT ? &c->st->gdtr : &c->st->idtr;
	struct insn_access a = {
		.off = insn_offset(c, in, 0), .seg = in->seg, .size = (uint8_t)(2 + in->opsize), .mode = in->mode, .write = !load,
	};
	uint64_t value[2], base;
	struct insn_span span;
	enum insn_result r;

	if (load ? c->st->cpl != 0 : hidden(c->st))
		return insn_raise_error(c, EXC_GP, 0);
	r = insn_map(c, &a, NULL, &span);
	if (r)
		return r;
	if (load) {
		insn_span_read(c, &span, value);
		base = (value[0] >> 16 | value[1] << 48) & insn_alu_mask(in->opsize) & (short_base(in) ? MASK(23, 0) : ~0ull);
		if (in->mode == INSN_MODE_64 && !insn_canonical(c->st, base))
			return insn_raise_error(c, EXC_GP, 0);
		*table = (struct tv_table){ .base = base, .limit = value[0] & 0xffff };
		c->st->dirty |= TV_REGS_SEG;
	} else {
		value[0] = table->base << 16 | (table->limit & 0xffff);
		value[1] = table->base >> 48;
		insn_span_write(c, &span, value);
	}
	return insn_finish(c, in, c->st->rflags);
}
