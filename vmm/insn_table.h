/* SPDX-License-Identifier: Apache-2.0 */
/* Row format of the opcode tables: what the decoder has to know about one opcode. */
#ifndef VMM_INSN_TABLE_H
#define VMM_INSN_TABLE_H

#include "insn.h"

/* What a row is.  The ROW_BY_* kinds lead to a row of another table, whose index stands in @op. */
enum insn_row_kind {
	ROW_NONE,		/* not supported                                          */
	ROW_OP,
	ROW_OP_REG,		/* as ROW_OP, and the operation is @op + ModRM.reg        */
	ROW_INVALID,		/* #UD                                                    */
	ROW_PREFIX,		/* @op: prefix bit, or 0 for the segment override of @dst */
	ROW_BY_PREFIX,		/* none, 66, F3, F2                                       */
	ROW_BY_MOD,		/* memory, register                                       */
	ROW_BY_REG,		/* ModRM.reg                                              */
	ROW_BY_RM,		/* ModRM.rm                                               */
};

/* Where an operand is encoded.  From ENC_RM on, the instruction has a ModRM byte. */
enum insn_enc {
	ENC_NONE,
	ENC_ACC,		/* AL or rAX                                              */
	ENC_CL,
	ENC_DX,
	ENC_ONE,		/* the constant 1                                         */
	ENC_IMM,
	ENC_OP,			/* GPR in the low bits of the opcode                      */
	ENC_OP_SREG,		/* segment register in opcode bits 5:3                    */
	ENC_MOFFS,		/* memory at an absolute offset, no ModRM                 */
	ENC_SI, ENC_DI,		/* string operands                                        */
	ENC_RM,			/* GPR or memory                                          */
	ENC_RM8, ENC_RM16, ENC_RM32,	/* the same, of another size than the operation   */
	ENC_REG,		/* GPR in ModRM.reg                                       */
	ENC_XMM, ENC_MMX,	/* vector register in ModRM.reg                           */
	ENC_XMM_RM, ENC_MMX_RM,	/* vector register or memory                              */
	/* From here on not every encoding is valid. */
	ENC_MEM,		/* memory only: register form is #UD                      */
	ENC_RM_REG,		/* GPR in ModRM.rm, whatever ModRM.mod says               */
	ENC_SREG, ENC_CR, ENC_DR,
};

enum insn_size {
	SIZE_PARENT,		/* of the row that led here                                           */
	SIZE_B, SIZE_W, SIZE_D, SIZE_Q, SIZE_X,		/* 1, 2, 4, 8, 16                             */
	SIZE_V,			/* 2, 4, 8: the effective operand size                                */
	SIZE_Z,			/* 2, 4: REX.W has no effect                                          */
	SIZE_Y,			/* 4, or 8 with REX.W; the 66 prefix has no effect                    */
	SIZE_STACK,		/* as V, but in 64-bit mode 8, or 2 with a 66 prefix                  */
	SIZE_NATIVE,		/* 8 in 64-bit mode, else 4                                           */
	SIZE_BRANCH,		/* 8 in 64-bit mode (with a 66 prefix the vendors differ), else as Z  */
	SIZE_WORD_MEM,		/* V in a register, 2 in memory                                       */
	SIZE_PAIR,		/* CMPXCHG8B, CMPXCHG16B                                              */
};

enum insn_imm {
	IMM_NONE,
	IMM_S8,			/* one byte, sign-extended                */
	IMM_U8,
	IMM_U16,
	IMM_Z,			/* of operand size, at most 4; sign-extended */
	IMM_V,			/* of operand size                        */
	IMM_ENTER,		/* 16 bits and 8 bits: imm = second << 16 | first */
};

#define ROW_LOCK	0x01u	/* LOCK is allowed if the destination is memory              */
#define ROW_REG_OTHER	0x02u	/* ENC_MEM: the register form is another instruction         */
#define ROW_NO64	0x04u	/* #UD in 64-bit mode                                        */
#define ROW_ONLY64	0x08u	/* another instruction outside 64-bit mode                   */
#define ROW_NO_REP	0x10u	/* another instruction with F2 or F3                         */
#define ROW_NO_OPSIZE	0x20u	/* another instruction with 66                               */
#define ROW_NO_OPSIZE64	0x40u	/* with 66 in 64-bit mode the vendors disagree               */
#define ROW_NO_REXB	0x80u	/* another instruction with REX.B                            */
#define ROW_DEPENDS	0xfcu	/* those that depend on mode and prefixes                    */

struct insn_row {
	uint8_t kind;		/* enum insn_row_kind                     */
	uint8_t op;		/* enum insn_op, or index, or prefix bit  */
	uint8_t dst, src;	/* enum insn_enc                          */
	uint8_t size;		/* enum insn_size                         */
	uint8_t imm;		/* enum insn_imm                          */
	uint8_t flags;
};

extern const struct insn_row insn_one_byte[256];
extern const struct insn_row insn_two_byte[256];	/* 0F xx    */
extern const struct insn_row insn_0f38[256];		/* 0F 38 xx */

/* Sub-tables.  The indices come from rows only, never from the guest. */
extern const struct insn_row insn_by_prefix[][4];
extern const struct insn_row insn_by_mod[][2];
extern const struct insn_row insn_by_reg[][8];
extern const struct insn_row insn_by_rm[][8];

#endif
