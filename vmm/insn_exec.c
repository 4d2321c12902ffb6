/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execution of everything that moves and computes data.  An instruction first opens its operands,
 * which may raise an exception, and then changes state, which may not: nothing is left half done.
 */
#include "insn_exec.h"

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "insn_alu.h"
#include "insn_priv.h"

/* ADD ... CMP, TEST */
static enum insn_result exec_binary(struct insn_ctx *c, const struct insn *in)
{
	bool write = in->op != INSN_CMP && in->op != INSN_TEST;
	struct insn_place dst;
	uint64_t flags = c->st->rflags, a, b;
	enum insn_result r;

	r = insn_open(c, in, &in->dst, write, &dst);
	if (r)
		return r;
	r = insn_read(c, in, &in->src, in->opsize, &b);
	if (r)
		return r;
	a = insn_get(c, &dst);
	b = insn_alu_binary(in->op, a, b, in->opsize, &flags);
	if (write)
		r = insn_update(c, &dst, a, b);
	return r ? r : insn_finish(c, in, flags);
}

static enum insn_result exec_unary(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	uint64_t flags = c->st->rflags, a;
	enum insn_result r;

	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	a = insn_get(c, &dst);
	r = insn_update(c, &dst, a, insn_alu_unary(in->op, a, in->opsize, &flags));
	return r ? r : insn_finish(c, in, flags);
}

/* ROL ... SAR, SHLD, SHRD.  The count is an immediate, 1, or CL. */
static enum insn_result exec_shift(struct insn_ctx *c, const struct insn *in)
{
	bool is_double = in->op == INSN_SHLD || in->op == INSN_SHRD;
	bool by_cl = is_double ? in->imm_size == 0 : in->src.kind == INSN_OPERAND_GPR;
	unsigned count = (unsigned)(by_cl ? insn_gpr(c, TV_RCX, 1) : in->imm & 0xff);
	struct insn_place dst;
	uint64_t flags = c->st->rflags, value[2];
	enum insn_result r;

	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	value[0] = insn_get(c, &dst);
	if (is_double) {
		value[1] = insn_gpr(c, in->src.reg, in->opsize);
		value[0] = insn_alu_double_shift(in->op, value, count, in->opsize, &flags);
	} else {
		value[0] = insn_alu_shift(in->op, value[0], count, in->opsize, &flags);
	}
	insn_set(c, &dst, value[0]);
	return insn_finish(c, in, flags);
}

static uint64_t byte_swap(uint64_t v, unsigned size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

static uint64_t extend_sign(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* MOV, MOVZX, MOVSX, MOVBE, and CMOV, which reads its source in any case and clears the upper half in any case. */
static enum insn_result exec_mov(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	enum insn_result r;
	uint64_t v;

	if (in->dst.kind == INSN_OPERAND_SREG)
		return insn_exec_mov_sreg(c, in);
	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	r = insn_read(c, in, &in->src, in->srcsize, &v);
	if (r)
		return r;
	if (in->op == INSN_MOVSX)
		v = extend_sign(v, in->srcsize);
	else if (in->op == INSN_MOVBE)
		v = byte_swap(v, in->opsize);
	else if (in->op == INSN_CMOV && !insn_alu_condition(in->opcode, c->st->rflags))
		v = insn_get(c, &dst);
	insn_set(c, &dst, v);
	return insn_finish(c, in, c->st->rflags);
}

static enum insn_result exec_setcc(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	enum insn_result r = insn_open(c, in, &in->dst, true, &dst);

	if (r)
		return r;
	insn_set(c, &dst, insn_alu_condition(in->opcode, c->st->rflags));
	return insn_finish(c, in, c->st->rflags);
}

static enum insn_result exec_lea(struct insn_ctx *c, const struct insn *in)
{
	insn_gpr_set(c, in->dst.reg, in->opsize, insn_offset(c, in, 0));
	return insn_finish(c, in, c->st->rflags);
}

/* XCHG, XADD: the destination changes first, so that a lost race leaves the source as it was. */
static enum insn_result exec_xchg(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst, src;
	uint64_t flags = c->st->rflags, a, b;
	enum insn_result r;

	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	r = insn_open(c, in, &in->src, true, &src);
	if (r)
		return r;
	a = insn_get(c, &dst);
	b = insn_get(c, &src);
	if (in->op == INSN_XADD)
		b = insn_alu_binary(INSN_ADD, a, b, in->opsize, &flags);
	if (dst.kind == INSN_OPERAND_MEM) {
		r = insn_update(c, &dst, a, b);
		if (r)
			return r;
		insn_set(c, &src, a);
	} else {
		insn_set(c, &src, a);
		insn_set(c, &dst, b);	/* last: it wins if both are the same register */
	}
	return insn_finish(c, in, flags);
}

/* CMPXCHG always writes to memory, as the CPU does: the old value if the comparison fails. */
static enum insn_result exec_cmpxchg(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst, src;
	uint64_t flags = c->st->rflags, old;
	enum insn_result r;
	bool equal;

	r = insn_open(c, in, &in->dst, true, &dst);
	if (r)
		return r;
	r = insn_open(c, in, &in->src, false, &src);
	if (r)
		return r;
	old = insn_get(c, &dst);
	insn_alu_binary(INSN_CMP, c->st->gpr[TV_RAX], old, in->opsize, &flags);
	equal = flags & RFLAGS_ZF;
	if (equal || dst.kind == INSN_OPERAND_MEM)
		r = insn_update(c, &dst, old, equal ? insn_get(c, &src) : old);
	if (r)
		return r;
	if (!equal)
		insn_gpr_set(c, TV_RAX, in->opsize, old);
	return insn_finish(c, in, flags);
}

/* CMPXCHG8B, CMPXCHG16B */
static enum insn_result exec_cmpxchg_pair(struct insn_ctx *c, const struct insn *in)
{
	unsigned half = in->opsize / 2u;
	struct insn_access a = {
		.off = insn_offset(c, in, 0), .seg = in->seg, .size = in->opsize, .mode = in->mode, .write = true,
		.aligned = in->opsize == 16,
	};
	uint64_t low = insn_gpr(c, TV_RAX, half), high = insn_gpr(c, TV_RDX, half), flags = c->st->rflags & ~RFLAGS_ZF;
	uint64_t old[2], value[2];
	struct insn_span span;
	enum insn_result r;
	bool equal;

	r = insn_map(c, &a, NULL, &span);
	if (r)
		return r;
	insn_span_read(c, &span, old);
	value[0] = old[0];
	value[1] = old[1];
	equal = half == 8 ? old[0] == low && old[1] == high : old[0] == (high << 32 | low);
	if (equal) {
		value[0] = half == 8 ? c->st->gpr[TV_RBX] : insn_gpr(c, TV_RCX, 4) << 32 | insn_gpr(c, TV_RBX, 4);
		value[1] = half == 8 ? c->st->gpr[TV_RCX] : 0;
		flags |= RFLAGS_ZF;
	}
	if (!(in->prefix & INSN_LOCK))
		insn_span_write(c, &span, value);
	else if (!insn_span_exchange(c, &span, old, value))
		return INSN_RETRY;
	if (!equal) {
		insn_gpr_set(c, TV_RAX, half, old[0]);
		insn_gpr_set(c, TV_RDX, half, half == 8 ? old[1] : old[0] >> 32);
	}
	return insn_finish(c, in, flags);
}

/* BT, BTS, BTR, BTC.  A bit number in a register addresses a bit string in memory that reaches far beyond the operand. */
static enum insn_result exec_bit(struct insn_ctx *c, const struct insn *in)
{
	struct insn_place dst;
	unsigned bits = 8u * in->opsize;
	uint64_t flags = c->st->rflags & ~RFLAGS_CF, number, delta = 0, old, bit;
	enum insn_result r;

	r = insn_read(c, in, &in->src, in->opsize, &number);
	if (r)
		return r;
	if (in->src.kind == INSN_OPERAND_GPR && in->dst.kind == INSN_OPERAND_MEM) {
		int64_t wide = (int64_t)extend_sign(number, in->opsize);

		delta = (uint64_t)(wide >> (in->opsize == 8 ? 6 : in->opsize == 4 ? 5 : 4)) * in->opsize;
	}
	if (in->dst.kind == INSN_OPERAND_MEM)
		r = insn_open_at(c, in, delta, in->op != INSN_BT, &dst);
	else
		r = insn_open(c, in, &in->dst, in->op != INSN_BT, &dst);
	if (r)
		return r;
	old = insn_get(c, &dst);
	bit = 1ull << (number & (bits - 1));
	if (old & bit)
		flags |= RFLAGS_CF;
	if (in->op == INSN_BTS)
		r = insn_update(c, &dst, old, old | bit);
	else if (in->op == INSN_BTR)
		r = insn_update(c, &dst, old, old & ~bit);
	else if (in->op == INSN_BTC)
		r = insn_update(c, &dst, old, old ^ bit);
	return r ? r : insn_finish(c, in, flags);
}

/* BSF, BSR, TZCNT, LZCNT, POPCNT */
static enum insn_result exec_scan(struct insn_ctx *c, const struct insn *in)
{
	uint64_t flags = c->st->rflags, v;
	enum insn_result r;
	bool none;

	r = insn_read(c, in, &in->src, in->opsize, &v);
	if (r)
		return r;
	none = (in->op == INSN_BSF || in->op == INSN_BSR) && !(v & insn_alu_mask(in->opsize));
	v = insn_alu_scan(in->op, v, 0, in->opsize, &flags);
	if (!none)		/* else the destination keeps all its bits, even the upper half */
		insn_gpr_set(c, in->dst.reg, in->opsize, v);
	return insn_finish(c, in, flags);
}

/* IMUL with two or three operands */
static enum insn_result exec_multiply(struct insn_ctx *c, const struct insn *in)
{
	uint64_t flags = c->st->rflags, pair[2];
	enum insn_result r;

	r = insn_read(c, in, &in->src, in->opsize, &pair[0]);
	if (r)
		return r;
	pair[1] = in->op == INSN_IMUL3 ? in->imm : c->st->gpr[in->dst.reg];
	insn_alu_multiply(true, pair, in->opsize, &flags);
	insn_gpr_set(c, in->dst.reg, in->opsize, pair[0]);
	return insn_finish(c, in, flags);
}

/* MUL, IMUL, DIV, IDIV with rDX:rAX, or AX for bytes */
static enum insn_result exec_mul_div(struct insn_ctx *c, const struct insn *in)
{
	bool is_signed = in->op == INSN_IMUL || in->op == INSN_IDIV, bytes = in->opsize == 1;
	uint64_t flags = c->st->rflags, v, pair[2];
	enum insn_result r;

	r = insn_read(c, in, &in->dst, in->opsize, &v);
	if (r)
		return r;
	pair[0] = insn_gpr(c, TV_RAX, in->opsize);
	if (in->op == INSN_MUL || in->op == INSN_IMUL) {
		pair[1] = v;
		insn_alu_multiply(is_signed, pair, in->opsize, &flags);
	} else {
		pair[1] = bytes ? c->st->gpr[TV_RAX] >> 8 & 0xff : insn_gpr(c, TV_RDX, in->opsize);
		if (!insn_alu_divide(is_signed, pair, v, in->opsize))
			return insn_raise(c, EXC_DE);
	}
	if (bytes) {
		insn_gpr_set(c, TV_RAX, 2, pair[1] << 8 | pair[0]);
	} else {
		insn_gpr_set(c, TV_RAX, in->opsize, pair[0]);
		insn_gpr_set(c, TV_RDX, in->opsize, pair[1]);
	}
	return insn_finish(c, in, flags);
}

static enum insn_result exec_xlat(struct insn_ctx *c, const struct insn *in)
{
	struct insn_access a = {
		.off = (c->st->gpr[TV_RBX] + insn_gpr(c, TV_RAX, 1)) & insn_alu_mask(in->addrsize),
		.seg = in->seg, .size = 1, .mode = in->mode,
	};
	struct insn_span span;
	uint64_t value[2];
	enum insn_result r;

	r = insn_map(c, &a, NULL, &span);
	if (r)
		return r;
	insn_span_read(c, &span, value);
	insn_gpr_set(c, TV_RAX, 1, value[0]);
	return insn_finish(c, in, c->st->rflags);
}

static bool is_vector(const struct insn_operand *o)
{
	return o->kind == INSN_OPERAND_XMM || o->kind == INSN_OPERAND_MMX;
}

/* Moves of MMX and SSE registers.  A pending x87 exception, which an MMX instruction would raise, is not looked for. */
static enum insn_result exec_vector(struct insn_ctx *c, const struct insn *in)
{
	bool mmx = in->dst.kind == INSN_OPERAND_MMX || in->src.kind == INSN_OPERAND_MMX, to_mem = in->dst.kind == INSN_OPERAND_MEM;
	struct insn_access a = {
		.off = insn_offset(c, in, 0), .seg = in->seg, .size = in->opsize, .mode = in->mode,
		.write = to_mem, .aligned = in->op == INSN_VMOV_ALIGNED,
	};
	uint64_t value[2] = { 0, 0 };
	struct insn_span span;
	enum insn_result r;

	if (c->st->cr0 & CR0_EM || (!mmx && !(c->st->cr4 & CR4_OSFXSR)))
		return insn_raise(c, EXC_UD);
	if (c->st->cr0 & CR0_TS)
		return insn_raise(c, EXC_NM);
	if (to_mem || in->src.kind == INSN_OPERAND_MEM) {
		r = insn_map(c, &a, NULL, &span);
		if (r)
			return r;
	}
	if (is_vector(&in->src))
		c->ops->vector_get(c->cpu, in->src.kind, in->src.reg, value);
	else if (in->src.kind == INSN_OPERAND_MEM)
		insn_span_read(c, &span, value);
	else
		value[0] = c->st->gpr[in->src.reg];
	if (in->opsize < 16) {
		value[0] &= insn_alu_mask(in->opsize);
		value[1] = 0;
	}
	if (is_vector(&in->dst))
		c->ops->vector_set(c->cpu, in->dst.kind, in->dst.reg, value);
	else if (to_mem)
		insn_span_write(c, &span, value);
	else
		insn_gpr_set(c, in->dst.reg, in->opsize, value[0]);
	return insn_finish(c, in, c->st->rflags);
}

/* Also for CLFLUSH of a device, which has no cache lines. */
static enum insn_result exec_nothing(struct insn_ctx *c, const struct insn *in)
{
	return insn_finish(c, in, c->st->rflags);
}

static enum insn_result (*const handlers[INSN_OPS])(struct insn_ctx *, const struct insn *) = {
	[INSN_ADD ... INSN_CMP] = exec_binary,		[INSN_TEST] = exec_binary,
	[INSN_ROL ... INSN_SAR] = exec_shift,		[INSN_SHLD] = exec_shift,	[INSN_SHRD] = exec_shift,
	[INSN_NOT ... INSN_DEC] = exec_unary,
	[INSN_MUL ... INSN_IDIV] = exec_mul_div,	[INSN_IMUL2] = exec_multiply,	[INSN_IMUL3] = exec_multiply,
	[INSN_MOV ... INSN_MOVBE] = exec_mov,		[INSN_CMOV] = exec_mov,
	[INSN_LEA] = exec_lea,				[INSN_SETCC] = exec_setcc,
	[INSN_XCHG] = exec_xchg,			[INSN_XADD] = exec_xchg,
	[INSN_CMPXCHG] = exec_cmpxchg,			[INSN_CMPXCHG8B] = exec_cmpxchg_pair,
	[INSN_BT ... INSN_BTC] = exec_bit,		[INSN_BSF ... INSN_POPCNT] = exec_scan,
	[INSN_PUSH] = insn_exec_push,			[INSN_POP] = insn_exec_pop,
	[INSN_ENTER] = insn_exec_enter,			[INSN_LEAVE] = insn_exec_leave,
	[INSN_CALL] = insn_exec_call,			[INSN_CALL_ABS] = insn_exec_call,
	[INSN_JMP_ABS] = insn_exec_jmp,			[INSN_JMP_FAR] = insn_exec_jmp_far,
	[INSN_RET] = insn_exec_ret,
	[INSN_MOVS ... INSN_OUTS] = insn_exec_string,	[INSN_XLAT] = exec_xlat,
	[INSN_IN] = insn_exec_port,			[INSN_OUT] = insn_exec_port,
	[INSN_VMOV] = exec_vector,			[INSN_VMOV_ALIGNED] = exec_vector,
	[INSN_NOP ... INSN_PAUSE] = exec_nothing,
	[INSN_LLDT] = insn_exec_load_system,		[INSN_LTR] = insn_exec_load_system,
	[INSN_SLDT] = insn_exec_store_system,		[INSN_STR] = insn_exec_store_system,	[INSN_SMSW] = insn_exec_store_system,
	[INSN_LGDT ... INSN_SIDT] = insn_exec_table,
};

/*
 * Execute @in, which insn_fetch() returned for the present RIP.  The result says what happened and what the caller has to do.
 * On INSN_EXCEPTION, INSN_RETRY and INSN_UNSUPPORTED no register has changed, except that the completed iterations of a REP
 * stay completed, as on the CPU.
 */
enum insn_result insn_exec(struct insn_ctx *c, const struct insn *in)
{
	enum insn_result r = handlers[in->op] ? handlers[in->op](c, in) : INSN_UNSUPPORTED;

	c->hint_valid = false;
	return r;
}
