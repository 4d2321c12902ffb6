/* SPDX-License-Identifier: Apache-2.0 */
/* Integer arithmetic with flags.  SDM, "EFLAGS Cross-Reference" and the pages of the instructions. */
#include "insn_alu.h"

#include <x86/cr.h>

#define STATUS_FLAGS	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static bool top_bit(uint64_t v, unsigned size)
{
	return v >> (8 * size - 1) & 1;
}

static int64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (int64_t)(v << shift) >> shift;
}

/* SF, ZF and PF of @result. */
static uint64_t result_flags(uint64_t result, unsigned size)
{
	unsigned low = (result ^ result >> 4) & 0xf;

	return (top_bit(result, size) ? RFLAGS_SF : 0) | (result ? 0 : RFLAGS_ZF) |
		(0x9669u >> low & 1 ? RFLAGS_PF : 0);	/* 16 parities of 4 bits */
}

static void set_status(uint64_t *flags, uint64_t status)
{
	*flags = (*flags & ~STATUS_FLAGS) | status;
}

/* Set or clear CF and OF and leave the others. */
static void set_cf_of(uint64_t *flags, bool cf, bool of)
{
	*flags = (*flags & ~(RFLAGS_CF | RFLAGS_OF)) | (cf ? RFLAGS_CF : 0) | (of ? RFLAGS_OF : 0);
}

static uint64_t add(uint64_t a, uint64_t b, unsigned carry, unsigned size, uint64_t *flags)
{
	uint64_t r = (a + b + carry) & insn_alu_mask(size);
	uint64_t carries = (a & b) | ((a | b) & ~r);

	set_status(flags, result_flags(r, size) | (top_bit(carries, size) ? RFLAGS_CF : 0) | (carries & 8 ? RFLAGS_AF : 0) |
		   (top_bit((a ^ r) & (b ^ r), size) ? RFLAGS_OF : 0));
	return r;
}

static uint64_t subtract(uint64_t a, uint64_t b, unsigned borrow, unsigned size, uint64_t *flags)
{
	uint64_t r = (a - b - borrow) & insn_alu_mask(size);
	uint64_t borrows = (~a & b) | ((~a | b) & r);

	set_status(flags, result_flags(r, size) | (top_bit(borrows, size) ? RFLAGS_CF : 0) | (borrows & 8 ? RFLAGS_AF : 0) |
		   (top_bit((a ^ b) & (a ^ r), size) ? RFLAGS_OF : 0));
	return r;
}

static uint64_t logic(uint64_t r, unsigned size, uint64_t *flags)
{
	set_status(flags, result_flags(r, size));
	return r;
}

uint64_t insn_alu_binary(enum insn_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *flags)
{
	unsigned carry = *flags & RFLAGS_CF;

	a &= insn_alu_mask(size);
	b &= insn_alu_mask(size);
	switch (op) {
	case INSN_ADD:	return add(a, b, 0, size, flags);
	case INSN_ADC:	return add(a, b, carry, size, flags);
	case INSN_SBB:	return subtract(a, b, carry, size, flags);
	case INSN_SUB:
	case INSN_CMP:	return subtract(a, b, 0, size, flags);
	case INSN_OR:	return logic(a | b, size, flags);
	case INSN_XOR:	return logic(a ^ b, size, flags);
	default:	return logic(a & b, size, flags);	/* AND, TEST */
	}
}

uint64_t insn_alu_unary(enum insn_op op, uint64_t a, unsigned size, uint64_t *flags)
{
	uint64_t carry = *flags & RFLAGS_CF, r;

	a &= insn_alu_mask(size);
	switch (op) {
	case INSN_NEG:	return subtract(0, a, 0, size, flags);
	case INSN_INC:	r = add(a, 1, 0, size, flags); break;
	case INSN_DEC:	r = subtract(a, 1, 0, size, flags); break;
	default:	return ~a & insn_alu_mask(size);	/* NOT leaves the flags alone */
	}
	*flags = (*flags & ~RFLAGS_CF) | carry;			/* so do INC and DEC with CF */
	return r;
}

/* ROL, ROR, RCL, RCR one bit at a time: at most 63 steps, and the CPU's own definition. */
static uint64_t rotate(enum insn_op op, uint64_t a, unsigned count, unsigned size, uint64_t *flags)
{
	bool left = op == INSN_ROL || op == INSN_RCL, through = op == INSN_RCL || op == INSN_RCR;
	unsigned top = 8 * size - 1;
	bool carry = *flags & RFLAGS_CF;

	if (!count)
		return a;
	for (unsigned i = 0; i < count; i++) {
		uint64_t out = left ? a >> top & 1 : a & 1, in = through ? carry : out;

		a = left ? a << 1 | in : a >> 1 | in << top;
		a &= insn_alu_mask(size);
		carry = out;
	}
	if (!through)
		carry = left ? a & 1 : top_bit(a, size);
	set_cf_of(flags, carry, top_bit(a, size) ^ (left ? carry : a >> (top - 1) & 1));
	return a;
}

uint64_t insn_alu_shift(enum insn_op op, uint64_t a, unsigned count, unsigned size, uint64_t *flags)
{
	unsigned bits = 8 * size;
	uint64_t r;
	bool carry, overflow;

	a &= insn_alu_mask(size);
	count &= size == 8 ? 63 : 31;
	if (op <= INSN_RCR)
		return rotate(op, a, count, size, flags);
	if (!count)
		return a;
	if (op == INSN_SHL || op == INSN_SAL) {
		r = a << count & insn_alu_mask(size);
		carry = count <= bits && a >> (bits - count) & 1;
		overflow = top_bit(r, size) ^ carry;
	} else if (op == INSN_SHR) {
		r = a >> count;
		carry = a >> (count - 1) & 1;
		overflow = top_bit(a, size);
	} else {
		int64_t wide = sign_extend(a, size);

		r = (uint64_t)(wide >> count) & insn_alu_mask(size);
		carry = wide >> (count - 1) & 1;
		overflow = false;
	}
	set_status(flags, result_flags(r, size));
	set_cf_of(flags, carry, overflow);
	return r;
}

/* SHLD, SHRD: shift ab[0], filling from ab[1].  A count beyond @size is undefined; it leaves a defined garbage here. */
uint64_t insn_alu_double_shift(enum insn_op op, const uint64_t ab[2], unsigned count, unsigned size, uint64_t *flags)
{
	unsigned bits = 8 * size;
	uint64_t a = ab[0] & insn_alu_mask(size), b = ab[1] & insn_alu_mask(size), r;
	bool carry;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	if (count > bits)
		count -= bits;
	if (op == INSN_SHLD) {
		r = count == bits ? b : a << count | b >> (bits - count);
		carry = a >> (bits - count) & 1;
	} else {
		r = count == bits ? b : a >> count | b << (bits - count);
		carry = a >> (count - 1) & 1;
	}
	r &= insn_alu_mask(size);
	set_status(flags, result_flags(r, size));
	set_cf_of(flags, carry, top_bit(a, size) != top_bit(r, size));
	return r;
}

/* Bit scans and counts.  @old: the destination before, which BSF and BSR leave as it is for a source of 0. */
uint64_t insn_alu_scan(enum insn_op op, uint64_t a, uint64_t old, unsigned size, uint64_t *flags)
{
	unsigned bits = 8 * size, n = 0;

	a &= insn_alu_mask(size);
	if (op == INSN_BSF || op == INSN_BSR) {
		*flags = (*flags & ~RFLAGS_ZF) | (a ? 0 : RFLAGS_ZF);
		if (!a)
			return old;
		return (unsigned)(op == INSN_BSF ? __builtin_ctzll(a) : 63 - __builtin_clzll(a));
	}
	if (op == INSN_POPCNT) {
		for (uint64_t v = a; v; v &= v - 1)
			n++;
		set_status(flags, a ? 0 : RFLAGS_ZF);
		return n;
	}
	*flags &= ~(RFLAGS_CF | RFLAGS_ZF);
	if (!a) {
		*flags |= RFLAGS_CF;
		return bits;
	}
	n = op == INSN_TZCNT ? (unsigned)__builtin_ctzll(a) : (unsigned)__builtin_clzll(a) - (64 - bits);
	if (!n)
		*flags |= RFLAGS_ZF;
	return n;
}

void insn_alu_multiply(bool is_signed, uint64_t lo_hi[2], unsigned size, uint64_t *flags)
{
	uint64_t mask = insn_alu_mask(size), a = lo_hi[0], b = lo_hi[1];
	unsigned __int128 product;
	bool wide;

	if (is_signed)
		product = (unsigned __int128)((__int128)sign_extend(a, size) * sign_extend(b, size));
	else
		product = (unsigned __int128)(a & mask) * (b & mask);
	lo_hi[0] = (uint64_t)product & mask;
	lo_hi[1] = (uint64_t)(product >> (8 * size)) & mask;
	wide = is_signed ? lo_hi[1] != (top_bit(lo_hi[0], size) ? mask : 0) : lo_hi[1] != 0;
	set_status(flags, result_flags(lo_hi[0], size));
	set_cf_of(flags, wide, wide);
}

/* 128 by 64 bits.  @high must be less than @divisor: then DIV cannot fault. */
static uint64_t divide128(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
	uint64_t quotient;

	__asm__("divq %4" : "=a"(quotient), "=d"(*remainder) : "0"(low), "1"(high), "rm"(divisor) : "cc");
	return quotient;
}

bool insn_alu_divide(bool is_signed, uint64_t lo_hi[2], uint64_t divisor, unsigned size)
{
	uint64_t mask = insn_alu_mask(size), quotient, remainder;
	unsigned __int128 dividend = (unsigned __int128)(lo_hi[1] & mask) << (8 * size) | (lo_hi[0] & mask);
	bool negative = is_signed && top_bit(lo_hi[1] & mask, size), divisor_negative = is_signed && top_bit(divisor & mask, size);

	if (negative) {
		dividend = -dividend;
		if (size < 8)
			dividend &= MASK(16 * size - 1, 0);
	}
	divisor = (divisor_negative ? -divisor : divisor) & mask;
	/* Now unsigned.  The quotient fits in @size bytes just when the high half is less than the divisor. */
	if ((uint64_t)(dividend >> (8 * size)) >= divisor)
		return false;
	quotient = divide128((uint64_t)(dividend >> 64), (uint64_t)dividend, divisor, &remainder);
	if (is_signed && quotient > (mask >> 1) + (negative != divisor_negative))
		return false;
	lo_hi[0] = (negative != divisor_negative ? -quotient : quotient) & mask;
	lo_hi[1] = (negative ? -remainder : remainder) & mask;
	return true;
}

bool insn_alu_condition(unsigned cc, uint64_t flags)
{
	bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF), is;

	switch (cc >> 1 & 7) {
	case 0:		is = flags & RFLAGS_OF; break;
	case 1:		is = flags & RFLAGS_CF; break;
	case 2:		is = flags & RFLAGS_ZF; break;
	case 3:		is = flags & (RFLAGS_CF | RFLAGS_ZF); break;
	case 4:		is = flags & RFLAGS_SF; break;
	case 5:		is = flags & RFLAGS_PF; break;
	case 6:		is = less; break;
	default:	is = less || flags & RFLAGS_ZF; break;
	}
	return is != (cc & 1);
}
