/* SPDX-License-Identifier: Apache-2.0 */
/* Integer arithmetic as the CPU does it: results and status flags.  Pure functions on values of @size 1, 2, 4 or 8 bytes. */
#ifndef VMM_INSN_ALU_H
#define VMM_INSN_ALU_H

#include "insn.h"

/*
 * @op on @a and @b; the bits of @a and @b above @size are ignored, the result is cut to @size.  *@flags is RFLAGS before and
 * after; flags that the manuals call undefined may be anything a CPU could leave there.
 */
uint64_t insn_alu_binary(enum insn_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *flags);	/* ADD ... CMP, TEST */
uint64_t insn_alu_unary(enum insn_op op, uint64_t a, unsigned size, uint64_t *flags);			/* NOT NEG INC DEC   */
uint64_t insn_alu_shift(enum insn_op op, uint64_t a, unsigned count, unsigned size, uint64_t *flags);	/* ROL ... SAR       */
uint64_t insn_alu_double_shift(enum insn_op op, const uint64_t ab[2], unsigned count, unsigned size, uint64_t *flags);
uint64_t insn_alu_scan(enum insn_op op, uint64_t a, uint64_t old, unsigned size, uint64_t *flags);	/* BSF ... POPCNT    */
/* @lo_hi: the two factors before, the low and the high half of the product after. */
void insn_alu_multiply(bool is_signed, uint64_t lo_hi[2], unsigned size, uint64_t *flags);
/* @lo_hi: dividend before, quotient and remainder after.  False: #DE, nothing changed. */
bool insn_alu_divide(bool is_signed, uint64_t lo_hi[2], uint64_t divisor, unsigned size) MUST_USE;

/* Is condition @cc (low half of the opcode of Jcc, SETcc, CMOVcc) true? */
bool insn_alu_condition(unsigned cc, uint64_t flags);

static inline uint64_t insn_alu_mask(unsigned size)
{
	return MASK(8 * size - 1, 0);
}

#endif
