/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of an instruction in execution: registers by size, effective addresses, and places that are read and written. */
#ifndef VMM_INSN_OPERAND_H
#define VMM_INSN_OPERAND_H

#include "insn_mem.h"

/* An operand that has been checked: from here on, reading and writing it cannot fault. */
struct insn_place {
	uint8_t kind;		/* INSN_OPERAND_GPR or INSN_OPERAND_MEM */
	uint8_t reg;
	uint8_t size;		/* the operand size of the instruction */
	bool high;		/* AH, CH, DH, BH: byte 1 of @reg */
	bool locked;		/* a change must be atomic */
	struct insn_span span;
};

uint64_t insn_gpr(const struct insn_ctx *c, unsigned reg, unsigned size);
void insn_gpr_set(struct insn_ctx *c, unsigned reg, unsigned size, uint64_t value);
uint64_t insn_offset(const struct insn_ctx *c, const struct insn *in, uint64_t delta);
enum insn_result insn_open(struct insn_ctx *c, const struct insn *in, const struct insn_operand *o, bool write,
			   struct insn_place *p) MUST_USE;
enum insn_result insn_open_at(struct insn_ctx *c, const struct insn *in, uint64_t delta, bool write, struct insn_place *p) MUST_USE;
uint64_t insn_get(struct insn_ctx *c, const struct insn_place *p);
void insn_set(struct insn_ctx *c, const struct insn_place *p, uint64_t value);
enum insn_result insn_update(struct insn_ctx *c, const struct insn_place *p, uint64_t old, uint64_t value) MUST_USE;
enum insn_result insn_read(struct insn_ctx *c, const struct insn *in, const struct insn_operand *o, unsigned size, uint64_t *value) MUST_USE;
enum insn_result insn_finish(struct insn_ctx *c, const struct insn *in, uint64_t flags);

#endif
