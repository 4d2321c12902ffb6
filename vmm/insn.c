/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction decoder: prefixes, opcode (tables in insn_table.c), ModRM, SIB, displacement, immediate, in this order. */
#include "insn.h"

#include "insn_table.h"

/* Everything that is known while decoding goes on and is of no interest afterwards. */
struct decoder {
	const uint8_t *bytes;
	uint8_t count;			/* valid in @bytes, at most 15 */
	uint8_t pos;
	bool have_modrm;
	uint8_t mod, reg, rm;		/* reg and rm without the REX extension */
	struct insn *in;
};

/* Read @size bytes (1, 2, 4 or 8), zero-extended.  The only function that reads instruction bytes. */
static enum insn_status take(struct decoder *d, unsigned size, uint64_t *value)
{
	const uint8_t *p = d->bytes + d->pos;
	uint64_t v = 0;

	if (d->pos + size > INSN_MAX_LENGTH)
		return INSN_TOO_LONG;
	if (d->pos + size > d->count)
		return INSN_SHORT;
	switch (size) {
	case 8:
		v = (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 | (uint64_t)p[4] << 32;
		/* fall through */
	case 4:
		v |= (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16;
		/* fall through */
	case 2:
		v |= (uint64_t)p[1] << 8;
		/* fall through */
	default:
		v |= p[0];
	}
	d->pos = (uint8_t)(d->pos + size);
	*value = v;
	return INSN_OK;
}

static uint64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* Apply the prefix of @row; a segment override that 64-bit mode ignores changes nothing. */
static void decode_prefix(struct insn *in, const struct insn_row *row)
{
	if (!row->op) {
		if (in->mode != INSN_MODE_64 || row->dst >= 4)
			in->seg = row->dst;
		return;
	}
	if (row->op & (INSN_REP | INSN_REPNE))
		in->prefix &= (uint8_t)~(INSN_REP | INSN_REPNE);
	in->prefix |= row->op;
}

/* Prefixes and opcode bytes.  A REX byte counts only directly before the opcode. */
static enum insn_status decode_opcode(struct decoder *d, const struct insn_row **row)
{
	struct insn *in = d->in;
	enum insn_status status;
	uint64_t byte;

	for (;;) {
		status = take(d, 1, &byte);
		if (status)
			return status;
		if (in->mode == INSN_MODE_64 && (byte & 0xf0) == 0x40) {
			in->rex = (uint8_t)byte;
			continue;
		}
		*row = &insn_one_byte[byte];
		if ((*row)->kind != ROW_PREFIX)
			break;
		decode_prefix(in, *row);
		in->rex = 0;
	}
	if (byte == 0x0f) {
		status = take(d, 1, &byte);
		if (status)
			return status;
		*row = &insn_two_byte[byte];
		if (byte == 0x38) {
			status = take(d, 1, &byte);
			if (status)
				return status;
			*row = &insn_0f38[byte];
		}
	}
	in->opcode = (uint8_t)byte;
	return INSN_OK;
}

static enum insn_status decode_modrm(struct decoder *d)
{
	enum insn_status status;
	uint64_t byte;

	if (d->have_modrm)
		return INSN_OK;
	status = take(d, 1, &byte);
	if (status)
		return status;
	d->have_modrm = true;
	d->mod = (uint8_t)(byte >> 6);
	d->reg = byte >> 3 & 7;
	d->rm = byte & 7;
	return INSN_OK;
}

/* Column of insn_by_prefix: F2 and F3 win over 66. */
static unsigned prefix_column(const struct insn *in)
{
	if (in->prefix & INSN_REPNE)
		return 3;
	if (in->prefix & INSN_REP)
		return 2;
	return in->prefix & INSN_OPSIZE ? 1 : 0;
}

/* Follow @row through the sub-tables to the row of the instruction itself; its size may be that of the first row. */
static enum insn_status decode_row(struct decoder *d, const struct insn_row **row, uint8_t *size)
{
	enum insn_status status;

	for (;;) {
		const struct insn_row *r = *row;

		if (r->size != SIZE_PARENT)
			*size = r->size;
		if (r->kind == ROW_BY_PREFIX) {
			*row = &insn_by_prefix[r->op][prefix_column(d->in)];
			continue;
		}
		if (r->kind < ROW_BY_MOD)
			return r->kind == ROW_NONE ? INSN_NOT_SUPPORTED : INSN_OK;
		status = decode_modrm(d);
		if (status)
			return status;
		if (r->kind == ROW_BY_MOD)
			*row = &insn_by_mod[r->op][d->mod == 3];
		else if (r->kind == ROW_BY_REG)
			*row = &insn_by_reg[r->op][d->reg];
		else
			*row = &insn_by_rm[r->op][d->rm];
	}
}

/* SDM, "16-Bit Addressing Forms with the ModR/M Byte" */
static enum insn_status decode_mem16(struct decoder *d)
{
	static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };	/* BX BX BP BP SI DI BP BX */
	static const uint8_t index[8] = { 6, 7, 6, 7, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG };
	static const uint8_t disp_size[4] = { 0, 1, 2, 0 };
	struct insn *in = d->in;
	unsigned size = disp_size[d->mod];
	enum insn_status status;
	uint64_t disp;

	in->base = base[d->rm];
	in->index = index[d->rm];
	if (d->mod == 0 && d->rm == 6) {
		in->base = INSN_NO_REG;
		size = 2;
	}
	if (!size)
		return INSN_OK;
	status = take(d, size, &disp);
	if (!status)
		in->disp = (int64_t)sign_extend(disp, size);
	return status;
}

/* SDM, "32-Bit Addressing Forms with the SIB Byte".  Sets index and scale; returns the low three bits of the base. */
static enum insn_status decode_sib(struct decoder *d, uint8_t *base)
{
	struct insn *in = d->in;
	enum insn_status status;
	uint64_t sib;

	status = take(d, 1, &sib);
	if (status)
		return status;
	in->scale = (uint8_t)(sib >> 6);
	in->index = (uint8_t)((sib >> 3 & 7) | (in->rex & 2u) << 2);
	if (in->index == 4) {
		in->index = INSN_NO_REG;
		in->scale = 0;
	}
	*base = sib & 7;
	return INSN_OK;
}

/* SDM, "32-Bit Addressing Forms with the ModR/M Byte", and the same for 64 bits. */
static enum insn_status decode_mem32(struct decoder *d)
{
	static const uint8_t disp_size[4] = { 0, 1, 4, 0 };
	struct insn *in = d->in;
	unsigned size = disp_size[d->mod];
	uint8_t base = d->rm;
	enum insn_status status;
	uint64_t disp;

	if (d->rm == 4) {
		status = decode_sib(d, &base);
		if (status)
			return status;
	}
	in->base = (uint8_t)(base | (in->rex & 1) << 3);
	if (d->mod == 0 && base == 5) {
		in->base = in->mode == INSN_MODE_64 && d->rm == 5 ? INSN_RIP : INSN_NO_REG;
		size = 4;
	}
	if (!size)
		return INSN_OK;
	status = take(d, size, &disp);
	if (!status)
		in->disp = (int64_t)sign_extend(disp, size);
	return status;
}

/* Bytes of the operation, by what the row says and the prefixes. */
static uint8_t decode_size(const struct decoder *d, enum insn_size size)
{
	const struct insn *in = d->in;
	bool wide = in->rex & 8;
	bool half = in->prefix & INSN_OPSIZE;
	bool mode64 = in->mode == INSN_MODE_64;
	uint8_t z = (in->mode == INSN_MODE_16) != half ? 2 : 4;

	switch (size) {
	case SIZE_B:		return 1;
	case SIZE_W:		return 2;
	case SIZE_D:		return 4;
	case SIZE_Q:		return 8;
	case SIZE_X:		return 16;
	case SIZE_Z:		return wide && half ? 4 : z;
	case SIZE_Y:		return wide ? 8 : 4;
	case SIZE_STACK:	return !mode64 ? z : half && !wide ? 2 : 8;
	case SIZE_NATIVE:	return mode64 ? 8 : 4;
	case SIZE_BRANCH:	return mode64 ? 8 : z;
	case SIZE_PAIR:		return wide ? 16 : 8;
	case SIZE_WORD_MEM:
		if (d->mod != 3)
			return 2;
		/* fall through */
	case SIZE_PARENT:
	case SIZE_V:
		break;
	}
	return wide ? 8 : z;
}

/* The operand in ModRM.rm: memory, or a register of @kind. */
static struct insn_operand decode_rm(const struct decoder *d, enum insn_kind kind)
{
	if (d->mod != 3)
		return (struct insn_operand){ INSN_OPERAND_MEM, 0 };
	if (kind == INSN_OPERAND_MMX)
		return (struct insn_operand){ INSN_OPERAND_MMX, d->rm };
	return (struct insn_operand){ (uint8_t)kind, (uint8_t)(d->rm | (d->in->rex & 1) << 3) };
}

static struct insn_operand decode_operand(const struct decoder *d, enum insn_enc enc)
{
	const struct insn *in = d->in;
	uint8_t reg = (uint8_t)(d->reg | (in->rex & 4) << 1);

	switch (enc) {
	case ENC_NONE:		break;
	case ENC_ACC:		return (struct insn_operand){ INSN_OPERAND_GPR, 0 };
	case ENC_CL:		return (struct insn_operand){ INSN_OPERAND_GPR, 1 };
	case ENC_DX:		return (struct insn_operand){ INSN_OPERAND_GPR, 2 };
	case ENC_ONE:
	case ENC_IMM:		return (struct insn_operand){ INSN_OPERAND_IMM, 0 };
	case ENC_OP:		return (struct insn_operand){ INSN_OPERAND_GPR, (uint8_t)((in->opcode & 7) | (in->rex & 1) << 3) };
	case ENC_OP_SREG:	return (struct insn_operand){ INSN_OPERAND_SREG, in->opcode >> 3 & 7 };
	case ENC_MOFFS:		return (struct insn_operand){ INSN_OPERAND_MEM, 0 };
	case ENC_SI:		return (struct insn_operand){ INSN_OPERAND_SI, 0 };
	case ENC_DI:		return (struct insn_operand){ INSN_OPERAND_DI, 0 };
	case ENC_RM:
	case ENC_RM8:
	case ENC_RM16:
	case ENC_RM32:		return decode_rm(d, INSN_OPERAND_GPR);
	case ENC_RM_REG:	return (struct insn_operand){ INSN_OPERAND_GPR, (uint8_t)(d->rm | (in->rex & 1) << 3) };
	case ENC_MEM:		return decode_rm(d, INSN_OPERAND_NONE);
	case ENC_REG:		return (struct insn_operand){ INSN_OPERAND_GPR, reg };
	case ENC_SREG:		return (struct insn_operand){ INSN_OPERAND_SREG, d->reg };
	case ENC_CR:		return (struct insn_operand){ INSN_OPERAND_CR, reg };
	case ENC_DR:		return (struct insn_operand){ INSN_OPERAND_DR, reg };
	case ENC_XMM:		return (struct insn_operand){ INSN_OPERAND_XMM, reg };
	case ENC_MMX:		return (struct insn_operand){ INSN_OPERAND_MMX, d->reg };
	case ENC_XMM_RM:	return decode_rm(d, INSN_OPERAND_XMM);
	case ENC_MMX_RM:	return decode_rm(d, INSN_OPERAND_MMX);
	}
	return (struct insn_operand){ INSN_OPERAND_NONE, 0 };
}

static enum insn_status decode_imm(struct decoder *d, enum insn_imm kind)
{
	struct insn *in = d->in;
	enum insn_status status;
	unsigned size = 1;
	uint64_t second;

	switch (kind) {
	case IMM_NONE:
	case IMM_S8:
	case IMM_U8:	break;
	case IMM_ENTER:
	case IMM_U16:	size = 2; break;
	case IMM_Z:	size = in->opsize > 4 ? 4 : in->opsize; break;
	case IMM_V:	size = in->opsize; break;
	}
	status = take(d, size, &in->imm);
	if (status)
		return status;
	in->imm_size = (uint8_t)size;
	if (kind == IMM_S8 || kind == IMM_Z || kind == IMM_V)
		in->imm = sign_extend(in->imm, size);
	if (kind == IMM_ENTER) {
		status = take(d, 1, &second);
		if (status)
			return status;
		in->imm |= second << 16;
		in->imm_size = 3;
	}
	return INSN_OK;
}

/* Memory operand, operands and immediate of the instruction that @row describes. */
static enum insn_status decode_operands(struct decoder *d, const struct insn_row *row, uint8_t size)
{
	struct insn *in = d->in;
	enum insn_status status = INSN_OK;
	uint64_t offset;
	bool memory;

	if (row->dst >= ENC_RM || row->src >= ENC_RM) {
		status = decode_modrm(d);
		if (status)
			return status;
	}
	memory = d->have_modrm && d->mod != 3 && row->dst != ENC_RM_REG && row->src != ENC_RM_REG;
	in->op = (uint8_t)(row->op + (row->kind == ROW_OP_REG ? d->reg : 0));
	in->opsize = decode_size(d, size);
	in->srcsize = row->src == ENC_RM8 ? 1 : row->src == ENC_RM16 ? 2 : row->src == ENC_RM32 ? 4 : in->opsize;
	if (memory) {
		status = in->addrsize == 2 ? decode_mem16(d) : decode_mem32(d);
	} else if (row->dst == ENC_MOFFS || row->src == ENC_MOFFS) {
		status = take(d, in->addrsize, &offset);
		in->disp = (int64_t)offset;
	}
	if (status)
		return status;
	in->dst = decode_operand(d, row->dst);
	in->src = decode_operand(d, row->src);
	if (row->dst == ENC_ONE || row->src == ENC_ONE)
		in->imm = 1;
	return row->imm == IMM_NONE ? INSN_OK : decode_imm(d, row->imm);
}

/* Does the CPU have the register that ModRM.reg selects? */
static bool register_exists(const struct decoder *d, enum insn_enc enc, bool written)
{
	unsigned reg = d->reg | (d->in->rex & 4u) << 1;

	if (enc == ENC_SREG)
		return d->reg <= 5 && !(written && d->reg == 1);	/* CS cannot be loaded */
	if (enc == ENC_DR)
		return reg < 8;
	return reg == 0 || (reg >= 2 && reg <= 4) || reg == 8;
}

/* The #UD conditions that depend on operands, after the whole instruction has been read. */
static enum insn_status check_operands(const struct decoder *d, const struct insn_row *row)
{
	const struct insn *in = d->in;

	if (row->kind == ROW_INVALID)
		return INSN_INVALID;
	if ((row->dst == ENC_MEM || row->src == ENC_MEM) && d->mod == 3)
		return row->flags & ROW_REG_OTHER ? INSN_NOT_SUPPORTED : INSN_INVALID;
	if (in->prefix & INSN_LOCK &&
	    (!(row->flags & ROW_LOCK) || in->op == INSN_CMP || in->dst.kind != INSN_OPERAND_MEM))
		return INSN_INVALID;
	if (row->dst >= ENC_SREG && !register_exists(d, row->dst, true))
		return INSN_INVALID;
	if (row->src >= ENC_SREG && !register_exists(d, row->src, false))
		return INSN_INVALID;
	return INSN_OK;
}

/* Is @row another instruction, or none, in this mode and with these prefixes? */
static enum insn_status check_row(const struct insn *in, const struct insn_row *row)
{
	bool mode64 = in->mode == INSN_MODE_64;

	if (row->flags & ROW_NO64 && mode64)
		return INSN_INVALID;
	if ((row->flags & ROW_ONLY64 && !mode64) ||
	    (row->flags & ROW_NO_REP && in->prefix & (INSN_REP | INSN_REPNE)) ||
	    (row->flags & ROW_NO_OPSIZE && in->prefix & INSN_OPSIZE) ||
	    (row->flags & ROW_NO_OPSIZE64 && mode64 && in->prefix & INSN_OPSIZE) ||
	    (row->flags & ROW_NO_REXB && in->rex & 1))
		return INSN_NOT_SUPPORTED;
	return INSN_OK;
}

/* The segment that is used without an override: SS with a base of rSP or rBP, else DS. */
static void default_segment(struct insn *in)
{
	if (in->seg != INSN_NO_REG)
		return;
	in->seg = in->base == 4 || in->base == 5 ? 2 : 3;
}

/*
 * Decode the instruction at @bytes, of which @count are valid, for code of @mode.  On INSN_OK all of *@in is set; otherwise
 * its content means nothing.  Every byte is read at most once and none beyond @count or the 15th: INSN_SHORT asks for a call
 * with more bytes, and never comes when 15 were given.
 */
enum insn_status insn_decode(const uint8_t *bytes, unsigned count, enum insn_mode mode, struct insn *in)
{
	struct decoder d = { .bytes = bytes, .count = (uint8_t)(count < INSN_MAX_LENGTH ? count : INSN_MAX_LENGTH), .in = in };
	static const uint8_t addrsize[2][3] = { { 2, 4, 8 }, { 4, 2, 4 } };
	const struct insn_row *row;
	enum insn_status status;
	uint8_t size = SIZE_V;

	*in = (struct insn){ .mode = (uint8_t)mode, .seg = INSN_NO_REG, .base = INSN_NO_REG, .index = INSN_NO_REG };
	status = decode_opcode(&d, &row);
	if (status)
		return status;
	in->addrsize = addrsize[(in->prefix & INSN_ADDRSIZE) != 0][mode];
	status = decode_row(&d, &row, &size);
	if (status)
		return status;
	status = row->flags & ROW_DEPENDS ? check_row(in, row) : INSN_OK;
	if (status)
		return status;
	status = decode_operands(&d, row, size);
	if (status)
		return status;
	if (row->dst >= ENC_MEM || row->src >= ENC_MEM || row->kind == ROW_INVALID || in->prefix & INSN_LOCK)
		status = check_operands(&d, row);
	default_segment(in);
	if (in->opcode == 0x90 && in->op == INSN_XCHG && in->dst.reg == 0) {
		in->op = INSN_NOP;	/* XCHG EAX, EAX would clear the upper half of RAX */
		in->dst.kind = in->src.kind = INSN_OPERAND_NONE;
	}
	in->length = d.pos;
	return status;
}
