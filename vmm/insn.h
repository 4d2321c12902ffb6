/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86 instruction decoder: bytes in, one struct insn out.  It knows the instructions that can exit from a guest: those that
 * access memory with integer or plain vector registers, port I/O, and the privileged ones whose length an exit may lack.
 * It touches no state but its arguments; what to do with the result is the executor's business (insn_exec.h).
 */
#ifndef VMM_INSN_H
#define VMM_INSN_H

#include <lib/base.h>

#define INSN_MAX_LENGTH		15u	/* more bytes than this are #GP, whatever they say */

enum insn_mode {
	INSN_MODE_16,		/* real, virtual-8086, or CS.D = 0 */
	INSN_MODE_32,		/* CS.D = 1, protected or compatibility mode */
	INSN_MODE_64,		/* CS.L = 1 with EFER.LMA = 1 */
};

enum insn_status {
	INSN_OK,
	INSN_SHORT,		/* the instruction is longer than the bytes given: fetch more   */
	INSN_NOT_SUPPORTED,	/* may be a valid instruction, but none this decoder knows      */
	INSN_INVALID,		/* the CPU would raise #UD                                      */
	INSN_TOO_LONG,		/* more than 15 bytes: the CPU would raise #GP(0)               */
};

/* The eight of group 1, and the eight shifts, stand in the order of the reg field that selects them. */
enum insn_op {
	INSN_NONE,
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
	INSN_ROL, INSN_ROR, INSN_RCL, INSN_RCR, INSN_SHL, INSN_SHR, INSN_SAL, INSN_SAR,
	INSN_TEST, INSN_NOT, INSN_NEG, INSN_INC, INSN_DEC,
	INSN_MUL, INSN_IMUL, INSN_DIV, INSN_IDIV,	/* one operand: with rDX:rAX */
	INSN_IMUL2, INSN_IMUL3, INSN_SHLD, INSN_SHRD,
	INSN_MOV, INSN_MOVZX, INSN_MOVSX, INSN_MOVBE, INSN_LEA, INSN_CMOV, INSN_SETCC,
	INSN_XCHG, INSN_XADD, INSN_CMPXCHG, INSN_CMPXCHG8B /* and 16B, by opsize */,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC, INSN_BSF, INSN_BSR, INSN_TZCNT, INSN_LZCNT, INSN_POPCNT,
	INSN_PUSH, INSN_POP, INSN_PUSHF, INSN_POPF, INSN_PUSHA, INSN_POPA, INSN_ENTER, INSN_LEAVE,
	INSN_CALL /* relative */, INSN_CALL_ABS, INSN_CALL_FAR, INSN_JMP_ABS, INSN_JMP_FAR,
	INSN_RET, INSN_RET_FAR, INSN_IRET,
	INSN_MOVS, INSN_CMPS, INSN_STOS, INSN_LODS, INSN_SCAS, INSN_INS, INSN_OUTS, INSN_XLAT, INSN_IN, INSN_OUT,
	INSN_VMOV,		/* vector register <-> memory, GPR or vector register; short ones zero the rest */
	INSN_VMOV_ALIGNED,	/* the same; a misaligned address is #GP                                        */
	INSN_NOP, INSN_CLFLUSH /* CLFLUSHOPT, CLWB */, INSN_PAUSE, INSN_HLT, INSN_CLI, INSN_STI,
	INSN_INT, INSN_INT3, INSN_INTO, INSN_ICEBP, INSN_UD2,
	INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC, INSN_RDPRU, INSN_XGETBV, INSN_XSETBV,
	INSN_MOV_CR, INSN_MOV_DR, INSN_CLTS, INSN_LMSW, INSN_SMSW,
	INSN_LGDT, INSN_SGDT, INSN_LIDT, INSN_SIDT, INSN_LLDT, INSN_SLDT, INSN_LTR, INSN_STR, INSN_VERR, INSN_VERW,
	INSN_INVLPG, INSN_INVPCID, INSN_INVD, INSN_WBINVD, INSN_MONITOR, INSN_MWAIT, INSN_SWAPGS,
	INSN_VMCALL, INSN_VMMCALL, INSN_VMRUN, INSN_VMLOAD, INSN_VMSAVE, INSN_STGI, INSN_CLGI, INSN_SKINIT, INSN_INVLPGA,
	INSN_RSM,
	INSN_OPS
};

enum insn_kind {
	INSN_OPERAND_NONE,
	INSN_OPERAND_GPR,	/* .reg; byte operands: see insn_high_byte() */
	INSN_OPERAND_MEM,	/* insn.seg, base, index, scale, disp        */
	INSN_OPERAND_IMM,	/* insn.imm                                  */
	INSN_OPERAND_SREG,	/* .reg in the order of enum tv_seg          */
	INSN_OPERAND_CR, INSN_OPERAND_DR, INSN_OPERAND_XMM, INSN_OPERAND_MMX,
	INSN_OPERAND_SI,	/* insn.seg:rSI of the string instructions   */
	INSN_OPERAND_DI,	/* ES:rDI                                    */
};

struct insn_operand {
	uint8_t kind;		/* enum insn_kind */
	uint8_t reg;
};

#define INSN_LOCK	0x01u	/* prefix bits */
#define INSN_REPNE	0x02u	/* F2; the last one of F2 and F3 counts */
#define INSN_REP	0x04u	/* F3: REP or REPE                      */
#define INSN_OPSIZE	0x08u
#define INSN_ADDRSIZE	0x10u

#define INSN_NO_REG	0xffu	/* insn.base, insn.index: absent           */
#define INSN_RIP	0xfeu	/* insn.base: address of next instruction  */

struct insn {
	uint8_t op;		/* enum insn_op                                                            */
	uint8_t length;		/* 1 .. 15                                                                 */
	uint8_t mode;		/* enum insn_mode                                                          */
	uint8_t opsize;		/* bytes of the operation and of dst: 1, 2, 4, 8, 16; far pointers and
				   descriptor-table operands: of their offset part                         */
	uint8_t srcsize;	/* bytes of src: differs from opsize for MOVZX and MOVSX only              */
	uint8_t addrsize;	/* bytes of an effective address: 2, 4, 8                                  */
	uint8_t prefix;		/* INSN_LOCK ...                                                           */
	uint8_t rex;		/* the REX byte, 0 if there is none                                        */
	uint8_t opcode;		/* last opcode byte; its low half is the condition of CMOV and SETCC       */
	uint8_t imm_size;	/* bytes of immediate in the instruction; 0: SHLD and SHRD count with CL   */
	uint8_t seg;		/* segment of the memory operand, order of enum tv_seg                     */
	uint8_t base, index;	/* GPR, INSN_NO_REG or INSN_RIP                                            */
	uint8_t scale;		/* shift count of the index: 0 .. 3                                        */
	struct insn_operand dst, src;
	int64_t disp;		/* sign-extended; moffs: zero-extended                                     */
	uint64_t imm;		/* sign-extended to 64 bits unless the instruction takes it unsigned       */
};

enum insn_status insn_decode(const uint8_t *bytes, unsigned count, enum insn_mode mode, struct insn *in) MUST_USE;

/* Does register number @reg of a byte operand mean AH, CH, DH or BH (of register @reg - 4)? */
static inline bool insn_high_byte(const struct insn *in, unsigned reg)
{
	return !in->rex && reg >= 4 && reg < 8;
}

#endif
