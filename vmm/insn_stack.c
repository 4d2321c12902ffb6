/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that push and pop, and near branches.  SDM, "Stack Alignment" and "Stack Behavior in 64-Bit Mode". */
#include "insn_priv.h"

#include <x86/seg.h>

#include "insn_alu.h"

/* Bytes of the stack pointer: by SS.B, or 8 in 64-bit mode. */
static unsigned stack_size(const struct insn_ctx *c, const struct insn *in)
{
	if (in->mode == INSN_MODE_64)
		return 8;
	return c->st->seg[TV_SS].attr & BIT(10) ? 4 : 2;
}

/* Change rSP only as far as the stack is wide; a 16-bit or 32-bit stack pointer keeps the bits above. */
static void set_stack_pointer(struct insn_ctx *c, const struct insn *in, uint64_t value)
{
	uint64_t mask = insn_alu_mask(stack_size(c, in));

	c->st->gpr[TV_RSP] = (c->st->gpr[TV_RSP] & ~mask) | (value & mask);
	c->st->dirty |= TV_REGS_RIP;
}

/* Check and translate in->opsize bytes of stack at @sp. */
static enum insn_result map_stack(struct insn_ctx *c, const struct insn *in, uint64_t sp, bool write, struct insn_span *span)
{
	struct insn_access a = {
		.off = sp & insn_alu_mask(stack_size(c, in)), .seg = TV_SS, .size = in->opsize, .mode = in->mode, .write = write,
	};

	return insn_map(c, &a, NULL, span);
}

static enum insn_result push(struct insn_ctx *c, const struct insn *in, uint64_t value)
{
	uint64_t sp = c->st->gpr[TV_RSP] - in->opsize, wide[2] = { value, 0 };
	struct insn_span span;
	enum insn_result r;

	r = map_stack(c, in, sp, true, &span);
	if (r)
		return r;
	insn_span_write(c, &span, wide);
	set_stack_pointer(c, in, sp);
	return INSN_DONE;
}

/* Read what is on top of the stack; rSP does not change yet. */
static enum insn_result peek(struct insn_ctx *c, const struct insn *in, uint64_t sp, uint64_t *value)
{
	struct insn_span span;
	uint64_t wide[2];
	enum insn_result r;

	r = map_stack(c, in, sp, false, &span);
	if (r)
		return r;
	insn_span_read(c, &span, wide);
	*value = wide[0];
	return INSN_DONE;
}

enum insn_result insn_exec_push(struct insn_ctx *c, const struct insn *in)
{
	enum insn_result r;
	uint64_t value;

	r = insn_read(c, in, &in->src, in->opsize, &value);
	if (!r)
		r = push(c, in, value);
	return r ? r : insn_finish(c, in, c->st->rflags);
}

/* POP: the address of a memory operand is computed with the new rSP. */
enum insn_result insn_exec_pop(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	uint64_t old = c->st->gpr[TV_RSP], value;
	enum insn_result r;

	r = peek(c, in, old, &value);
	if (r)
		return r;
	set_stack_pointer(c, in, old + in->opsize);
	if (in->dst.kind == INSN_OPERAND_SREG)
		r = insn_load_segment(c, in->dst.reg, (uint16_t)value);
	else
		r = insn_open(c, in, &in->dst, true, &dst);
	if (r) {
		c->st->gpr[TV_RSP] = old;
		return r;
	}
	if (in->dst.kind != INSN_OPERAND_SREG)
		insn_set(c, &dst, value);
	return insn_finish(c, in, c->st->rflags);
}

enum insn_result insn_check_target(struct insn_ctx *c, const struct insn *in, uint64_t rip)
{
	if (in->mode == INSN_MODE_64 ? insn_canonical(c->st, rip) : rip <= c->st->seg[TV_CS].limit)
		return INSN_DONE;
	return insn_raise_error(c, EXC_GP, 0);
}

/* Go to @target, which was checked. */
static enum insn_result branch(struct insn_ctx *c, uint64_t target)
{
	c->st->rip = target;
	c->st->dirty |= TV_REGS_RIP;
	return INSN_DONE;
}

/* Target of a near branch, cut to the operand size. */
static enum insn_result read_target(struct insn_ctx *c, const struct insn *in, uint64_t *target)
{
	enum insn_result r;

	r = insn_read(c, in, &in->src, in->opsize, target);
	if (r)
		return r;
	if (in->op == INSN_CALL)
		*target += c->st->rip + in->length;
	*target &= insn_alu_mask(in->opsize);
	return insn_check_target(c, in, *target);
}

enum insn_result insn_exec_jmp(struct insn_ctx *c, const struct insn *in)
{
	uint64_t target;
	enum insn_result r = read_target(c, in, &target);

	return r ? r : branch(c, target);
}

enum insn_result insn_exec_call(struct insn_ctx *c, const struct insn *in)
{
	uint64_t target;
	enum insn_result r = read_target(c, in, &target);

	if (!r)
		r = push(c, in, c->st->rip + in->length);
	return r ? r : branch(c, target);
}

/* RET, with or without bytes to release. */
enum insn_result insn_exec_ret(struct insn_ctx *c, const struct insn *in)
{
	uint64_t sp = c->st->gpr[TV_RSP], target;
	enum insn_result r;

	r = peek(c, in, sp, &target);
	if (!r)
		r = insn_check_target(c, in, target);
	if (r)
		return r;
	set_stack_pointer(c, in, sp + in->opsize + in->imm);
	return branch(c, target);
}

/*
 * ENTER with nesting level 0, which is all that compilers use.  It faults if the final stack pointer could not be written to,
 * although it writes nothing there.
 */
enum insn_result insn_exec_enter(struct insn_ctx *c, const struct insn *in)
{
	uint64_t top = c->st->gpr[TV_RSP] - in->opsize - (in->imm & 0xffff);
	struct insn_span span;
	enum insn_result r;

	if (in->imm >> 16 & 31)
		return INSN_UNSUPPORTED;
	r = map_stack(c, in, top, true, &span);
	if (!r)
		r = push(c, in, insn_gpr(c, TV_RBP, in->opsize));
	if (r)
		return r;
	insn_gpr_set(c, TV_RBP, in->opsize, c->st->gpr[TV_RSP]);
	set_stack_pointer(c, in, top);
	return insn_finish(c, in, c->st->rflags);
}

enum insn_result insn_exec_leave(struct insn_ctx *c, const struct insn *in)
{
	uint64_t frame = c->st->gpr[TV_RBP], value;
	enum insn_result r;

	r = peek(c, in, frame, &value);
	if (r)
		return r;
	set_stack_pointer(c, in, frame + in->opsize);
	insn_gpr_set(c, TV_RBP, in->opsize, value);
	return insn_finish(c, in, c->st->rflags);
}
