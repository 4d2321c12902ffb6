/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions with their REP forms, and port I/O.  An iteration is complete or has not begun: registers are updated after each,
 * so that a fault, or the end of the caller's budget, leaves an instruction that starts again where it was.
 */
#include "insn_priv.h"

#include <x86/cr.h>

#include "insn_alu.h"

/* One string instruction on its way. */
struct string {
	struct insn_ctx *c;
	const struct insn *in;
	uint64_t mask;			/* of the address size */
	struct insn_tlb source, destination;
};

/* May the guest use ports @port ... @port + @size - 1?  The I/O permission bitmap is only consulted by the hardware. */
static bool port_allowed(const struct insn_ctx *c, uint16_t port, unsigned size)
{
	const struct tv_exit_page *st = c->st;

	if (!(st->cr0 & CR0_PE))
		return true;
	if (port >= c->io_port && port + size <= (unsigned)c->io_port + c->io_size)
		return true;
	return !(st->rflags & RFLAGS_VM) && st->cpl <= (st->rflags & RFLAGS_IOPL) >> 12;
}

/* Translate the element at rSI or rDI. */
static enum insn_result map_element(struct string *s, bool source, bool write, struct insn_span *span)
{
	struct insn_access a = {
		.off = s->c->st->gpr[source ? TV_RSI : TV_RDI] & s->mask, .seg = source ? s->in->seg : TV_ES,
		.size = s->in->opsize, .mode = s->in->mode, .write = write,
	};

	return insn_map(s->c, &a, source ? &s->source : &s->destination, span);
}

static void step_register(struct string *s, unsigned reg)
{
	uint64_t step = s->in->opsize;

	if (s->c->st->rflags & RFLAGS_DF)
		step = -step;
	insn_gpr_set(s->c, reg, s->in->addrsize, s->c->st->gpr[reg] + step);
}

/* What an instruction does with its two string operands. */
static bool uses_source(enum insn_op op) { return op == INSN_MOVS || op == INSN_CMPS || op == INSN_LODS || op == INSN_OUTS; }
static bool uses_destination(enum insn_op op) { return op != INSN_LODS && op != INSN_OUTS; }
static bool writes_destination(enum insn_op op) { return op == INSN_MOVS || op == INSN_STOS || op == INSN_INS; }

/* One iteration.  Everything is checked before the first byte moves. */
static enum insn_result iterate(struct string *s)
{
	struct insn_ctx *c = s->c;
	enum insn_op op = s->in->op;
	unsigned size = s->in->opsize;
	struct insn_span source, destination;
	uint64_t value[2] = { c->st->gpr[TV_RAX], 0 }, other[2];
	uint16_t port = (uint16_t)c->st->gpr[TV_RDX];
	enum insn_result r = INSN_DONE;

	if (uses_source(op))
		r = map_element(s, true, false, &source);
	if (!r && uses_destination(op))
		r = map_element(s, false, writes_destination(op), &destination);
	if (r)
		return r;
	if (uses_source(op))
		insn_span_read(c, &source, value);
	else if (op == INSN_INS)
		value[0] = c->ops->port_in(c->cpu, port, size);
	if (writes_destination(op)) {
		insn_span_write(c, &destination, value);
	} else if (op == INSN_CMPS || op == INSN_SCAS) {
		insn_span_read(c, &destination, other);
		insn_alu_binary(INSN_CMP, value[0], other[0], size, &c->st->rflags);
	} else if (op == INSN_LODS) {
		insn_gpr_set(c, TV_RAX, size, value[0]);
	} else {
		c->ops->port_out(c->cpu, port, size, (uint32_t)value[0]);
	}
	if (uses_source(op))
		step_register(s, TV_RSI);
	if (uses_destination(op))
		step_register(s, TV_RDI);
	return INSN_DONE;
}

/* Does REPE or REPNE end here? */
static bool comparison_ends(const struct string *s)
{
	bool equal = s->c->st->rflags & RFLAGS_ZF;

	if (s->in->op != INSN_CMPS && s->in->op != INSN_SCAS)
		return false;
	return s->in->prefix & INSN_REP ? !equal : equal;
}

/* MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS */
enum insn_result insn_exec_string(struct insn_ctx *c, const struct insn *in)
{
	struct string s = {
		.c = c, .in = in, .mask = insn_alu_mask(in->addrsize), .source = INSN_TLB_EMPTY, .destination = INSN_TLB_EMPTY,
	};
	bool rep = in->prefix & (INSN_REP | INSN_REPNE);
	uint64_t count = rep ? c->st->gpr[TV_RCX] & s.mask : 1;
	enum insn_result r;

	if ((in->op == INSN_INS || in->op == INSN_OUTS) && !port_allowed(c, (uint16_t)c->st->gpr[TV_RDX], in->opsize))
		return INSN_RETRY;
	for (uint32_t done = 0; count; done++) {
		if (rep && done == c->max_iterations)
			return INSN_RESTART;
		r = iterate(&s);
		if (r)
			return r;
		c->st->dirty |= TV_REGS_RIP;	/* CMPS, SCAS: RFLAGS */
		count--;
		if (!rep)
			break;
		insn_gpr_set(c, TV_RCX, in->addrsize, count);
		if (comparison_ends(&s))
			break;
	}
	return insn_finish(c, in, c->st->rflags);
}

/* IN, OUT */
enum insn_result insn_exec_port(struct insn_ctx *c, const struct insn *in)
{
	const struct insn_operand *o = in->op == INSN_IN ? &in->src : &in->dst;
	uint16_t port = (uint16_t)(o->kind == INSN_OPERAND_IMM ? in->imm : c->st->gpr[TV_RDX]);

	if (!port_allowed(c, port, in->opsize))
		return INSN_RETRY;
	if (in->op == INSN_IN)
		insn_gpr_set(c, TV_RAX, in->opsize, c->ops->port_in(c->cpu, port, in->opsize));
	else
		c->ops->port_out(c->cpu, port, in->opsize, (uint32_t)insn_gpr(c, TV_RAX, in->opsize));
	return insn_finish(c, in, c->st->rflags);
}
