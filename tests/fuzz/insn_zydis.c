/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction decoder against Zydis: random encodings in all three modes.  What our decoder accepts, Zydis must accept
 * with the same length, operation, sizes, registers, effective address and immediate; what Zydis refuses, ours must refuse.
 * Usage: insn_zydis [encodings per mode [seed]].  Prints the first differences and one summary line; status 1 if there are any.
 */
/* sources: vmm/insn.c vmm/insn_table.c */
#include "insn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#define MAX_REPORTS	20u

/* Names that Zydis gives to our operations; '*' at the end stands for any rest. */
static const char *const names[INSN_OPS] = {
	[INSN_ADD] = "add", [INSN_OR] = "or", [INSN_ADC] = "adc", [INSN_SBB] = "sbb", [INSN_AND] = "and", [INSN_SUB] = "sub",
	[INSN_XOR] = "xor", [INSN_CMP] = "cmp", [INSN_ROL] = "rol", [INSN_ROR] = "ror", [INSN_RCL] = "rcl", [INSN_RCR] = "rcr",
	[INSN_SHL] = "shl", [INSN_SHR] = "shr", [INSN_SAL] = "shl", [INSN_SAR] = "sar", [INSN_TEST] = "test", [INSN_NOT] = "not",
	[INSN_NEG] = "neg", [INSN_INC] = "inc", [INSN_DEC] = "dec", [INSN_MUL] = "mul", [INSN_IMUL] = "imul", [INSN_DIV] = "div",
	[INSN_IDIV] = "idiv", [INSN_IMUL2] = "imul", [INSN_IMUL3] = "imul", [INSN_SHLD] = "shld", [INSN_SHRD] = "shrd",
	[INSN_MOV] = "mov movnti", [INSN_MOVZX] = "movzx", [INSN_MOVSX] = "movsx movsxd", [INSN_MOVBE] = "movbe", [INSN_LEA] = "lea",
	[INSN_CMOV] = "cmov*", [INSN_SETCC] = "set*", [INSN_XCHG] = "xchg", [INSN_XADD] = "xadd", [INSN_CMPXCHG] = "cmpxchg",
	[INSN_CMPXCHG8B] = "cmpxchg8b cmpxchg16b", [INSN_BT] = "bt", [INSN_BTS] = "bts", [INSN_BTR] = "btr", [INSN_BTC] = "btc",
	[INSN_BSF] = "bsf", [INSN_BSR] = "bsr", [INSN_TZCNT] = "tzcnt", [INSN_LZCNT] = "lzcnt", [INSN_POPCNT] = "popcnt",
	[INSN_PUSH] = "push", [INSN_POP] = "pop", [INSN_PUSHF] = "pushf pushfd pushfq", [INSN_POPF] = "popf popfd popfq",
	[INSN_PUSHA] = "pusha pushad", [INSN_POPA] = "popa popad", [INSN_ENTER] = "enter", [INSN_LEAVE] = "leave",
	[INSN_CALL] = "call", [INSN_CALL_ABS] = "call", [INSN_CALL_FAR] = "call", [INSN_JMP_ABS] = "jmp", [INSN_JMP_FAR] = "jmp",
	[INSN_RET] = "ret", [INSN_RET_FAR] = "ret", [INSN_IRET] = "iret iretd iretq", [INSN_MOVS] = "movs*", [INSN_CMPS] = "cmps*",
	[INSN_STOS] = "stos*", [INSN_LODS] = "lods*", [INSN_SCAS] = "scas*", [INSN_INS] = "ins*", [INSN_OUTS] = "outs*",
	[INSN_XLAT] = "xlat", [INSN_IN] = "in", [INSN_OUT] = "out",
	[INSN_VMOV] = "movups movupd movss movsd movd movq movdqu movntq lddqu",
	[INSN_VMOV_ALIGNED] = "movaps movapd movdqa movntps movntpd movntdq movntdqa",
	[INSN_NOP] = "nop", [INSN_CLFLUSH] = "clflush clflushopt clwb", [INSN_PAUSE] = "pause", [INSN_HLT] = "hlt", [INSN_CLI] = "cli", [INSN_STI] = "sti", [INSN_INT] = "int",
	[INSN_INT3] = "int3", [INSN_INTO] = "into", [INSN_ICEBP] = "int1", [INSN_UD2] = "ud2", [INSN_CPUID] = "cpuid",
	[INSN_RDMSR] = "rdmsr", [INSN_WRMSR] = "wrmsr", [INSN_RDTSC] = "rdtsc", [INSN_RDTSCP] = "rdtscp", [INSN_RDPMC] = "rdpmc",
	[INSN_RDPRU] = "rdpru", [INSN_XGETBV] = "xgetbv", [INSN_XSETBV] = "xsetbv", [INSN_MOV_CR] = "mov", [INSN_MOV_DR] = "mov",
	[INSN_CLTS] = "clts", [INSN_LMSW] = "lmsw", [INSN_SMSW] = "smsw", [INSN_LGDT] = "lgdt", [INSN_SGDT] = "sgdt",
	[INSN_LIDT] = "lidt", [INSN_SIDT] = "sidt", [INSN_LLDT] = "lldt", [INSN_SLDT] = "sldt", [INSN_LTR] = "ltr", [INSN_STR] = "str",
	[INSN_VERR] = "verr", [INSN_VERW] = "verw", [INSN_INVLPG] = "invlpg", [INSN_INVPCID] = "invpcid", [INSN_INVD] = "invd",
	[INSN_WBINVD] = "wbinvd wbnoinvd", [INSN_MONITOR] = "monitor monitorx", [INSN_MWAIT] = "mwait mwaitx", [INSN_SWAPGS] = "swapgs",
	[INSN_VMCALL] = "vmcall", [INSN_VMMCALL] = "vmmcall", [INSN_VMRUN] = "vmrun", [INSN_VMLOAD] = "vmload",
	[INSN_VMSAVE] = "vmsave", [INSN_STGI] = "stgi", [INSN_CLGI] = "clgi", [INSN_SKINIT] = "skinit", [INSN_INVLPGA] = "invlpga",
	[INSN_RSM] = "rsm",
};

/* Is @name in the space-separated list @list? */
static bool name_in(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (list && *list) {
		size_t len = strcspn(list, " ");

		if (list[len - 1] == '*' ? strncmp(list, name, len - 1) == 0 : len == n && strncmp(list, name, n) == 0)
			return true;
		list += len + (list[len] == ' ');
	}
	return false;
}

/* Our number of a Zydis general-purpose register; INSN_NO_REG and INSN_RIP as in struct insn. */
static uint8_t gpr_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return INSN_NO_REG;
	if (ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_IP)
		return INSN_RIP;
	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		return (uint8_t)(reg - ZYDIS_REGISTER_AH + 4);
	if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
		return (uint8_t)(reg - ZYDIS_REGISTER_SPL + 4);
	return (uint8_t)ZydisRegisterGetId(reg);
}

static const char *compare_register(const struct insn *in, const struct insn_operand *our, const ZydisDecodedOperand *op)
{
	static const uint8_t classes[] = {
		[INSN_OPERAND_SREG] = ZYDIS_REGCLASS_SEGMENT, [INSN_OPERAND_CR] = ZYDIS_REGCLASS_CONTROL,
		[INSN_OPERAND_DR] = ZYDIS_REGCLASS_DEBUG, [INSN_OPERAND_XMM] = ZYDIS_REGCLASS_XMM,
		[INSN_OPERAND_MMX] = ZYDIS_REGCLASS_MMX,
	};
	ZydisRegisterClass class = ZydisRegisterGetClass(op->reg.value);

	if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return "operand kind (register)";
	if (our->kind != INSN_OPERAND_GPR)
		return class != classes[our->kind] ? "register class" :
			ZydisRegisterGetId(op->reg.value) != our->reg ? "register number" : NULL;
	if (class < ZYDIS_REGCLASS_GPR8 || class > ZYDIS_REGCLASS_GPR64)
		return "register class (GPR)";
	if (class == ZYDIS_REGCLASS_GPR8 && insn_high_byte(in, our->reg) !=
	    (op->reg.value >= ZYDIS_REGISTER_AH && op->reg.value <= ZYDIS_REGISTER_BH))
		return "high byte register";
	return gpr_number(op->reg.value) != our->reg ? "GPR number" : NULL;
}

static const char *compare_memory(const struct insn *in, const ZydisDecodedOperand *op)
{
	static const uint8_t shift[9] = { [0] = 0, [1] = 0, [2] = 1, [4] = 2, [8] = 3 };

	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return "operand kind (memory)";
	if (in->op != INSN_LEA && ZydisRegisterGetId(op->mem.segment) != in->seg)
		return "segment";
	/* With a 67 prefix and REX.B, Zydis 4.0 sees a base of R13D where SIB has none; the CPU does not. */
	if (in->addrsize == 4 && in->rex & 1 && in->base == INSN_NO_REG && op->mem.base == ZYDIS_REGISTER_R13D)
		return NULL;
	if (gpr_number(op->mem.base) != in->base)
		return "base";
	if (gpr_number(op->mem.index) != in->index)
		return "index";
	if (shift[op->mem.scale] != in->scale)
		return "scale";
	if (((uint64_t)(op->mem.disp.has_displacement ? op->mem.disp.value : 0) ^ (uint64_t)in->disp) & MASK(8 * in->addrsize - 1, 0))
		return "displacement";
	return NULL;
}

static const char *compare_operand(const struct insn *in, const struct insn_operand *our, unsigned size,
				   const ZydisDecodedOperand *op)
{
	const char *why;

	switch (our->kind) {
	case INSN_OPERAND_MEM:
		why = compare_memory(in, op);
		break;
	case INSN_OPERAND_SI:
	case INSN_OPERAND_DI:
		why = op->type != ZYDIS_OPERAND_TYPE_MEMORY ? "string operand" :
			gpr_number(op->mem.base) != (our->kind == INSN_OPERAND_SI ? 6 : 7) ? "string register" :
			our->kind == INSN_OPERAND_SI && ZydisRegisterGetId(op->mem.segment) != in->seg ? "string segment" : NULL;
		break;
	case INSN_OPERAND_IMM:
		if (op->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return "operand kind (immediate)";
		return op->imm.value.u != in->imm && op->imm.value.u != (in->imm & MASK(8 * in->opsize - 1, 0)) ? "immediate" : NULL;
	default:
		why = compare_register(in, our, op);
		break;
	}
	if (why)
		return why;
	/* What Zydis calls the size of these operands is not the width of one access. */
	if (in->op == INSN_LEA || in->op == INSN_INVLPG || in->op == INSN_CLFLUSH || in->op == INSN_INVPCID || in->op == INSN_CALL_FAR || in->op == INSN_JMP_FAR ||
	    (in->op >= INSN_LGDT && in->op <= INSN_SIDT) || our->kind == INSN_OPERAND_SREG)
		return NULL;
	if (in->op == INSN_VMOV && op->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return op->size < 8 * size ? "vector operand size" : NULL;	/* the register may hold more than is moved */
	if (in->op >= INSN_INS && in->op <= INSN_OUT && our->kind == INSN_OPERAND_GPR && our->reg == 2)
		size = 2;		/* the port in DX */
	return op->size != 8 * size ? "operand size" : NULL;
}

/* Zydis counts hidden operands as well; ours stand in the same order among the visible ones. */
static const char *compare_operands(const struct insn *in, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
	const char *why = NULL;
	unsigned n = 0;

	if (in->op == INSN_XLAT)
		return op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || ZydisRegisterGetId(op[0].mem.segment) != in->seg ? "XLAT" : NULL;
	if (in->dst.kind != INSN_OPERAND_NONE) {
		if (n >= z->operand_count)
			return "operand count";
		why = compare_operand(in, &in->dst, in->opsize, &op[n++]);
	}
	if (!why && in->src.kind != INSN_OPERAND_NONE) {
		unsigned size = in->srcsize;

		if (n >= z->operand_count)
			return "operand count";
		if (in->src.kind == INSN_OPERAND_GPR && in->op >= INSN_ROL && in->op <= INSN_SAR)
			size = 1;		/* CL */
		why = compare_operand(in, &in->src, size, &op[n]);
	}
	return why;
}

/* First difference between the two results, or NULL. */
static const char *compare(const struct insn *in, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
	unsigned imm_size = (z->raw.imm[0].size + z->raw.imm[1].size) / 8u;
	uint64_t imm = in->op == INSN_ENTER ? in->imm & 0xffff : in->imm;
	uint64_t keep = imm_size == 8 ? ~0ull : MASK(8 * (imm_size ? imm_size : 1) - 1, 0);

	if (in->length != z->length)
		return "length";
	if (!name_in(names[in->op], ZydisMnemonicGetString(z->mnemonic)))
		return "operation";
	if (in->addrsize * 8 != z->address_width)
		return "address size";
	if (in->imm_size != imm_size)
		return "immediate size";
	if (in->imm_size && in->op != INSN_ENTER && (imm & keep) != (z->raw.imm[0].value.u & keep))
		return "immediate value";
	if (((in->prefix & INSN_LOCK) != 0) != ((z->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0))
		return "lock";
	return compare_operands(in, z, op);
}

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}

/* Random bytes that are an instruction more often than noise is: some prefixes, an opcode of one of the maps. */
static void generate(uint8_t *byte)
{
	static const uint8_t prefix[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x48, 0x41, 0x44, 0x4f };
	uint64_t r = rng();
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i += 8) {
		uint64_t v = rng();

		memcpy(byte + i, &v, 8);
	}
	for (unsigned count = r & 3; n < count; n++)
		byte[n] = prefix[byte[n] % sizeof(prefix)];
	if (r & 0x10)
		byte[n++] = 0x0f;
	if ((r & 0x70) == 0x70)
		byte[n++] = 0x38;
	if ((r & 0xf80) == 0)			/* the register forms of 0F 01 are a dense corner */
		memcpy(byte + n, "\x0f\x01", 2);
}

static void report(const uint8_t *byte, enum insn_mode mode, const struct insn *in, const char *why, const char *zydis)
{
	printf("mode %d:", mode);
	for (unsigned i = 0; i < 15; i++)
		printf(" %02x", byte[i]);
	printf(": %s (op %u length %u; Zydis: %s)\n", why, in->op, in->length, zydis);
}

/* A prefix of an accepted instruction must ask for more bytes, and exactly its own bytes must be enough. */
static const char *check_truncated(const uint8_t *byte, enum insn_mode mode, const struct insn *in)
{
	struct insn other;

	for (unsigned n = 0; n < in->length; n++)
		if (insn_decode(byte, n, mode, &other) != INSN_SHORT)
			return "truncated, but not INSN_SHORT";
	if (insn_decode(byte, in->length, mode, &other) != INSN_OK || memcmp(in, &other, sizeof(other)) != 0)
		return "result depends on bytes behind the instruction";
	return NULL;
}

int main(int argc, char **argv)
{
	static const ZydisMachineMode modes[] = { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64 };
	static const ZydisStackWidth widths[] = { ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_64 };
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000, accepted = 0, differences = 0;

	rng_state = argc > 2 ? strtoull(argv[2], NULL, 0) | 1 : 0x9e3779b97f4a7c15ull;
	for (enum insn_mode mode = INSN_MODE_16; mode <= INSN_MODE_64; mode++) {
		ZydisDecoder decoder;

		ZydisDecoderInit(&decoder, modes[mode], widths[mode]);
		ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);	/* 3E is a segment prefix, always */
		for (unsigned long i = 0; i < count; i++) {
			ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
			ZydisDecodedInstruction z;
			enum insn_status status;
			const char *why = NULL;
			uint8_t byte[16];
			struct insn in;

			generate(byte);
			status = insn_decode(byte, 15, mode, &in);
			if (status == INSN_NOT_SUPPORTED)
				continue;
			if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, byte, 15, &z, operands)))
				z.mnemonic = ZYDIS_MNEMONIC_INVALID;
			if ((status == INSN_OK) != (z.mnemonic != ZYDIS_MNEMONIC_INVALID))
				why = status == INSN_OK ? "accepted, Zydis rejects" : "rejected, Zydis accepts";
			if (!why && status == INSN_OK) {
				accepted++;
				why = compare(&in, &z, operands);
				if (!why)
					why = check_truncated(byte, mode, &in);
			}
			if (why && differences++ < MAX_REPORTS)
				report(byte, mode, &in, why, ZydisMnemonicGetString(z.mnemonic));
		}
	}
	printf("insn_zydis: %lu encodings per mode, %lu accepted, %lu differences\n", count, accepted, differences);
	return differences != 0;
}
