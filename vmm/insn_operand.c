/* SPDX-License-Identifier: Apache-2.0 */
/* Operands: where the bits of a decoded instruction meet registers and memory. */
#include "insn_operand.h"

#include "insn_alu.h"

/* The low @size bytes of a register. */
uint64_t insn_gpr(const struct insn_ctx *c, unsigned reg, unsigned size)
{
	return c->st->gpr[reg] & insn_alu_mask(size);
}

/* Write the low @size bytes of a register: 1 and 2 keep the rest of it, 4 clears the upper half. */
void insn_gpr_set(struct insn_ctx *c, unsigned reg, unsigned size, uint64_t value)
{
	uint64_t keep = size < 4 ? ~insn_alu_mask(size) : 0;

	c->st->gpr[reg] = (c->st->gpr[reg] & keep) | (value & insn_alu_mask(size));
}

/* Offset of the memory operand in its segment, moved by @delta bytes and cut to the address size. */
uint64_t insn_offset(const struct insn_ctx *c, const struct insn *in, uint64_t delta)
{
	uint64_t off = (uint64_t)in->disp + delta;

	if (in->base == INSN_RIP)
		off += c->st->rip + in->length;
	else if (in->base != INSN_NO_REG)
		off += c->st->gpr[in->base];
	if (in->index != INSN_NO_REG)
		off += c->st->gpr[in->index] << in->scale;
	return off & insn_alu_mask(in->addrsize);
}

/* Check and translate the memory operand of @in, of which @a lacks the place only, @delta bytes from where it is encoded. */
static enum insn_result map_operand(struct insn_ctx *c, const struct insn *in, uint64_t delta, struct insn_access *a,
				    struct insn_span *span)
{
	/*
	 * The page that exited is the one this operand lies in, if the instruction has no other, as a segment's descriptor.  Should another CPU have put
	 * another instruction there, the guest still reaches only what the hardware has just let it reach in this way.
	 */
	struct insn_tlb hint = { INSN_TLB_ANY, { c->hint.v & ~PAGE_MASK } };
	bool hinted = c->hint_valid && in->op < INSN_PUSH && in->dst.kind != INSN_OPERAND_SREG && (!a->write || c->hint_write);

	a->off = insn_offset(c, in, delta);
	a->seg = in->seg;
	a->mode = in->mode;
	return insn_map(c, a, hinted ? &hint : NULL, span);
}

/* Open the memory operand at @delta bytes from where it is encoded. */
enum insn_result insn_open_at(struct insn_ctx *c, const struct insn *in, uint64_t delta, bool write, struct insn_place *p)
{
	struct insn_access a = { .size = in->opsize, .write = write };

	p->kind = INSN_OPERAND_MEM;
	p->size = in->opsize;
	p->locked = in->prefix & INSN_LOCK || in->op == INSN_XCHG;
	return map_operand(c, in, delta, &a, &p->span);
}

/* Check a GPR or memory operand of the operand size for reading, and writing if @write.  All of *@p that is needed is set. */
enum insn_result insn_open(struct insn_ctx *c, const struct insn *in, const struct insn_operand *o, bool write, struct insn_place *p)
{
	if (o->kind == INSN_OPERAND_MEM)
		return insn_open_at(c, in, 0, write, p);
	p->kind = o->kind;
	p->size = in->opsize;
	p->high = p->size == 1 && insn_high_byte(in, o->reg);
	p->reg = p->high ? (uint8_t)(o->reg - 4) : o->reg;
	p->locked = false;
	return o->kind == INSN_OPERAND_GPR ? INSN_DONE : INSN_UNSUPPORTED;
}

uint64_t insn_get(struct insn_ctx *c, const struct insn_place *p)
{
	uint64_t value[2];

	if (p->kind == INSN_OPERAND_GPR)
		return c->st->gpr[p->reg] >> (p->high ? 8 : 0) & insn_alu_mask(p->size);
	insn_span_read(c, &p->span, value);
	return value[0];
}

void insn_set(struct insn_ctx *c, const struct insn_place *p, uint64_t value)
{
	const uint64_t wide[2] = { value, 0 };

	if (p->kind == INSN_OPERAND_MEM)
		insn_span_write(c, &p->span, wide);
	else if (p->high)
		c->st->gpr[p->reg] = (c->st->gpr[p->reg] & ~MASK(15, 8)) | (value & 0xff) << 8;
	else
		insn_gpr_set(c, p->reg, p->size, value);
}

/* Replace @old, which insn_get() returned.  INSN_RETRY: a locked instruction lost the race; nothing was changed. */
enum insn_result insn_update(struct insn_ctx *c, const struct insn_place *p, uint64_t old, uint64_t value)
{
	const uint64_t wide_old[2] = { old, 0 }, wide[2] = { value, 0 };

	if (!p->locked) {
		insn_set(c, p, value);
		return INSN_DONE;
	}
	return insn_span_exchange(c, &p->span, wide_old, wide) ? INSN_DONE : INSN_RETRY;
}

/* Value of a GPR, segment register, immediate or memory operand that is only read; an immediate comes with 64 bits. */
enum insn_result insn_read(struct insn_ctx *c, const struct insn *in, const struct insn_operand *o, unsigned size, uint64_t *value)
{
	struct insn_access a = { .size = (uint8_t)size };
	struct insn_span span;
	uint64_t wide[2];
	enum insn_result r;

	switch (o->kind) {
	case INSN_OPERAND_GPR:
		*value = size == 1 && insn_high_byte(in, o->reg) ? c->st->gpr[o->reg - 4] >> 8 & 0xff : insn_gpr(c, o->reg, size);
		return INSN_DONE;
	case INSN_OPERAND_IMM:
		*value = in->imm;
		return INSN_DONE;
	case INSN_OPERAND_SREG:
		*value = c->st->seg[o->reg].sel;
		return INSN_DONE;
	case INSN_OPERAND_MEM:
		r = map_operand(c, in, 0, &a, &span);
		if (r)
			return r;
		insn_span_read(c, &span, wide);
		*value = wide[0];
		return INSN_DONE;
	default:
		return INSN_UNSUPPORTED;
	}
}

/* Move RIP behind the instruction.  For callers that executed it themselves; flags and events are theirs as well. */
void insn_advance(struct insn_ctx *c, const struct insn *in)
{
	c->st->rip += in->length;
	if (in->mode != INSN_MODE_64)
		c->st->rip &= MASK(31, 0);
	c->st->dirty |= TV_REGS_RIP;
}

/* The last step of an instruction: new RFLAGS, next instruction. */
enum insn_result insn_finish(struct insn_ctx *c, const struct insn *in, uint64_t flags)
{
	c->st->rflags = flags;
	insn_advance(c, in);
	return INSN_DONE;
}

/*
 * Value of the source operand of @in (LMSW, MOV to CR and DR, LLDT ...), without any effect on the vCPU.  Not INSN_DONE: as
 * insn_exec() says.
 */
enum insn_result insn_source(struct insn_ctx *c, const struct insn *in, uint64_t *value)
{
	return insn_read(c, in, &in->src, in->srcsize, value);
}

/*
 * Linear address of the memory operand of @in (INVLPG, INVPCID), after the segment checks for reading one byte.  There is
 * no translation.
 */
enum insn_result insn_address(struct insn_ctx *c, const struct insn *in, gva_t *gva)
{
	struct insn_access a = { .off = insn_offset(c, in, 0), .seg = in->seg, .size = 1, .mode = in->mode };

	return insn_linear(c, &a, &gva->v);
}
