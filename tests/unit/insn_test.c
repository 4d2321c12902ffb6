/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction decoder: what it returns for the instructions a monitor meets, and that it is total. */
/* sources: vmm/insn.c vmm/insn_table.c */
#include "insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A decoded instruction of @mode from the bytes of a string literal; the buffer is exactly as long as it is. */
static struct insn decode_bytes(const char *bytes, size_t count, enum insn_mode mode, enum insn_status expect)
{
	uint8_t *copy = test_malloc(count);
	enum insn_status status;
	struct insn in;

	memcpy(copy, bytes, count);
	status = insn_decode(copy, (unsigned)count, mode, &in);
	test_free(copy);
	assert_int_equal(status, expect);
	if (!status)
		assert_int_equal(in.length, count);
	return in;
}

#define DECODE(bytes, mode)		decode_bytes(bytes, sizeof(bytes) - 1, INSN_MODE_##mode, INSN_OK)
#define REFUSE(bytes, mode, status)	decode_bytes(bytes, sizeof(bytes) - 1, INSN_MODE_##mode, status)

static void instructions_that_exit_have_their_length_with_and_without_prefixes(void **state)
{
	static const struct { const char *bytes; uint8_t length, op; } rows[] = {
		{ "\x0f\xa2", 2, INSN_CPUID }, { "\x66\xf3\x0f\xa2", 4, INSN_CPUID }, { "\x0f\x32", 2, INSN_RDMSR },
		{ "\x0f\x30", 2, INSN_WRMSR }, { "\xf4", 1, INSN_HLT }, { "\x2e\xf4", 2, INSN_HLT }, { "\x0f\x06", 2, INSN_CLTS },
		{ "\x0f\x31", 2, INSN_RDTSC }, { "\x0f\x01\xf9", 3, INSN_RDTSCP }, { "\x0f\x33", 2, INSN_RDPMC },
		{ "\x0f\x01\xd1", 3, INSN_XSETBV }, { "\x0f\x01\xd9", 3, INSN_VMMCALL }, { "\x0f\x01\xc1", 3, INSN_VMCALL },
		{ "\xf3\x90", 2, INSN_PAUSE }, { "\x90", 1, INSN_NOP }, { "\x66\x90", 2, INSN_NOP },
		{ "\x0f\x09", 2, INSN_WBINVD }, { "\x0f\x08", 2, INSN_INVD },
		{ "\x0f\x01\xc8", 3, INSN_MONITOR }, { "\x0f\x01\xc9", 3, INSN_MWAIT }, { "\xcd\x80", 2, INSN_INT },
		{ "\xcc", 1, INSN_INT3 }, { "\xf1", 1, INSN_ICEBP }, { "\xcf", 1, INSN_IRET }, { "\x9c", 1, INSN_PUSHF },
		{ "\x9d", 1, INSN_POPF }, { "\x0f\x01\xd8", 3, INSN_VMRUN }, { "\x0f\x01\xda", 3, INSN_VMLOAD },
		{ "\x0f\x01\xdb", 3, INSN_VMSAVE }, { "\x0f\x01\xdc", 3, INSN_STGI }, { "\x0f\x01\xdd", 3, INSN_CLGI },
		{ "\x0f\x01\xde", 3, INSN_SKINIT }, { "\x0f\x01\xdf", 3, INSN_INVLPGA }, { "\x0f\x01\xfd", 3, INSN_RDPRU },
		{ "\x0f\x01\x38", 3, INSN_INVLPG }, { "\x0f\x01\xf0", 3, INSN_LMSW }, { "\x0f\x01\xe0", 3, INSN_SMSW },
		{ "\xe4\x60", 2, INSN_IN }, { "\xef", 1, INSN_OUT }, { "\xf3\x6d", 2, INSN_INS }, { "\xf3\x66\x6f", 3, INSN_OUTS },
		{ "\x0f\x20\xc0", 3, INSN_MOV_CR }, { "\x0f\x23\xf8", 3, INSN_MOV_DR }, { "\x0f\xaa", 2, INSN_RSM },
		{ "\xfa", 1, INSN_CLI }, { "\xfb", 1, INSN_STI }, { "\x0f\x0b", 2, INSN_UD2 },
	};

	(void)state;
	for (enum insn_mode mode = INSN_MODE_16; mode <= INSN_MODE_64; mode++)
		for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
			assert_int_equal(decode_bytes(rows[i].bytes, rows[i].length, mode, INSN_OK).op, rows[i].op);
	assert_int_equal(DECODE("\xce", 32).op, INSN_INTO);
	assert_int_equal(DECODE("\x0f\x01\xf8", 64).op, INSN_SWAPGS);
	assert_int_equal(DECODE("\x66\x0f\x38\x82\x08", 64).op, INSN_INVPCID);
}

static void control_register_moves_name_both_registers(void **state)
{
	struct insn in;

	(void)state;
	in = DECODE("\x45\x0f\x22\xc3", 64);		/* mov cr8, r11 */
	assert_int_equal(in.dst.kind, INSN_OPERAND_CR);
	assert_int_equal(in.dst.reg, 8);
	assert_int_equal(in.src.kind, INSN_OPERAND_GPR);
	assert_int_equal(in.src.reg, 11);
	assert_int_equal(in.opsize, 8);
	in = DECODE("\x0f\x20\x1f", 32);		/* mov edi, cr3: mod is ignored, there is no memory operand */
	assert_int_equal(in.dst.kind, INSN_OPERAND_GPR);
	assert_int_equal(in.dst.reg, 7);
	assert_int_equal(in.src.reg, 3);
	assert_int_equal(in.opsize, 4);
	in = DECODE("\x0f\x23\xf9", 64);		/* mov dr7, rcx */
	assert_int_equal(in.dst.kind, INSN_OPERAND_DR);
	assert_int_equal(in.dst.reg, 7);
	REFUSE("\x0f\x22\xc8", 64, INSN_INVALID);	/* there is no CR1 */
	REFUSE("\x44\x0f\x22\xc8", 64, INSN_INVALID);	/* nor CR9 */
	REFUSE("\x44\x0f\x21\xc0", 64, INSN_INVALID);	/* nor DR8 */
	REFUSE("\xf0\x0f\x22\xc0", 32, INSN_INVALID);
}

static void a_mov_to_memory_shows_size_registers_and_address(void **state)
{
	struct insn in;

	(void)state;
	in = DECODE("\x66\x45\x89\x9c\x8e\x78\x56\x34\x92", 64);	/* mov [r14 + rcx * 4 - 0x6dcba988], r11w */
	assert_int_equal(in.op, INSN_MOV);
	assert_int_equal(in.opsize, 2);
	assert_int_equal(in.addrsize, 8);
	assert_int_equal(in.dst.kind, INSN_OPERAND_MEM);
	assert_int_equal(in.src.reg, 11);
	assert_int_equal(in.seg, 3);
	assert_int_equal(in.base, 14);
	assert_int_equal(in.index, 1);
	assert_int_equal(in.scale, 2);
	assert_int_equal(in.disp, (int32_t)0x92345678);
	in = DECODE("\x48\xc7\x05\x10\x00\x00\x00\xfe\xff\xff\xff", 64);	/* mov qword [rip + 0x10], -2 */
	assert_int_equal(in.base, INSN_RIP);
	assert_int_equal(in.opsize, 8);
	assert_int_equal(in.imm_size, 4);
	assert_int_equal(in.imm, -2ull);
	in = DECODE("\x8b\x05\x10\x00\x00\x80", 32);			/* without REX and 64-bit mode: absolute */
	assert_int_equal(in.base, INSN_NO_REG);
	in = DECODE("\x48\xa3\x08\x07\x06\x05\x04\x03\x02\x81", 64);	/* mov [0x8102030405060708], rax */
	assert_int_equal(in.dst.kind, INSN_OPERAND_MEM);
	assert_int_equal((uint64_t)in.disp, 0x8102030405060708);
	in = DECODE("\xa0\x34\xf2", 16);				/* mov al, [0xf234] */
	assert_int_equal(in.disp, 0xf234);
	assert_int_equal(in.opsize, 1);
	in = DECODE("\x48\xb8\x08\x07\x06\x05\x04\x03\x02\x81", 64);	/* mov rax, imm64 */
	assert_int_equal(in.imm, 0x8102030405060708);
}

static void sixteen_bit_addresses_use_the_eight_pairs(void **state)
{
	static const struct { uint8_t base, index, seg; } rows[8] = {
		{ 3, 6, 3 }, { 3, 7, 3 }, { 5, 6, 2 }, { 5, 7, 2 }, { 6, INSN_NO_REG, 3 }, { 7, INSN_NO_REG, 3 }, { 5, INSN_NO_REG, 2 },
		{ 3, INSN_NO_REG, 3 },
	};

	(void)state;
	for (uint8_t rm = 0; rm < 8; rm++) {
		char bytes[3] = { (char)0x89, (char)(0x40 | rm), (char)0x80 };
		struct insn in = decode_bytes(bytes, 3, INSN_MODE_16, INSN_OK);

		assert_int_equal(in.base, rows[rm].base);
		assert_int_equal(in.index, rows[rm].index);
		assert_int_equal(in.seg, rows[rm].seg);
		assert_int_equal(in.disp, -128);
		assert_int_equal(in.addrsize, 2);
	}
	assert_int_equal(DECODE("\x89\x06\x34\x12", 16).base, INSN_NO_REG);
	assert_int_equal(DECODE("\x67\x89\x06\x34\x12", 32).disp, 0x1234);
}

static void prefixes_count_in_the_way_of_the_cpu(void **state)
{
	struct insn in;

	(void)state;
	assert_int_equal(DECODE("\x48\x66\x89\x01", 64).opsize, 2);	/* a REX byte before another prefix is void */
	assert_int_equal(DECODE("\x66\x48\x89\x01", 64).opsize, 8);
	in = DECODE("\xf2\xf3\xa4", 64);				/* the last one counts */
	assert_int_equal(in.prefix, INSN_REP);
	assert_int_equal(DECODE("\x64\x3e\x89\x01", 64).seg, 4);	/* DS does not undo FS: it is no prefix in 64-bit mode */
	assert_int_equal(DECODE("\x64\x3e\x89\x01", 32).seg, 3);
	assert_int_equal(DECODE("\x89\x04\x24", 64).seg, 2);		/* [rsp] */
	assert_int_equal(DECODE("\x41\x89\x04\x24", 64).seg, 3);	/* [r12] */
	assert_int_equal(DECODE("\x89\x45\x00", 32).seg, 2);		/* [ebp] */
	assert_true(insn_high_byte(&(struct insn){ .rex = 0 }, 4));
	assert_false(insn_high_byte(&(struct insn){ .rex = 0x40 }, 4));
}

static void what_the_cpu_refuses_is_refused(void **state)
{
	(void)state;
	REFUSE("\xf0\x89\x01", 64, INSN_INVALID);		/* LOCK MOV */
	REFUSE("\xf0\x01\xc8", 64, INSN_INVALID);		/* LOCK ADD to a register */
	REFUSE("\xf0\x03\x01", 64, INSN_INVALID);		/* LOCK ADD from memory */
	REFUSE("\xf0\x80\x39\x01", 64, INSN_INVALID);		/* LOCK CMP */
	REFUSE("\x8d\xc0", 64, INSN_INVALID);			/* LEA of a register */
	REFUSE("\x8e\xc8", 64, INSN_INVALID);			/* MOV CS */
	REFUSE("\x8c\xf0", 64, INSN_INVALID);			/* segment register 6 */
	REFUSE("\x0f\x38\xf0\xc0", 64, INSN_INVALID);		/* MOVBE of a register */
	REFUSE("\xff\xf8", 64, INSN_INVALID);			/* group 5, /7 */
	REFUSE("\xce", 64, INSN_INVALID);			/* INTO in 64-bit mode */
	REFUSE("\x06", 64, INSN_INVALID);
	REFUSE("\xd8\x00", 64, INSN_NOT_SUPPORTED);		/* x87 */
	REFUSE("\xc5\xf8\x10\x00", 64, INSN_NOT_SUPPORTED);	/* VEX */
	REFUSE("\xf3\x0f\x10\xc1", 64, INSN_NOT_SUPPORTED);	/* MOVSS between registers merges */
	REFUSE("\x66\xe8\x00\x00\x00\x00", 64, INSN_NOT_SUPPORTED);	/* its length depends on the vendor */
}

static void fifteen_bytes_are_the_end(void **state)
{
	uint8_t bytes[32];
	struct insn in;

	(void)state;
	memset(bytes, 0x66, sizeof(bytes));
	for (unsigned count = 0; count < 15; count++)
		assert_int_equal(insn_decode(bytes, count, INSN_MODE_64, &in), INSN_SHORT);
	assert_int_equal(insn_decode(bytes, 15, INSN_MODE_64, &in), INSN_TOO_LONG);
	assert_int_equal(insn_decode(bytes, 32, INSN_MODE_64, &in), INSN_TOO_LONG);
	bytes[14] = 0x90;
	assert_int_equal(insn_decode(bytes, 32, INSN_MODE_64, &in), INSN_OK);
	assert_int_equal(in.length, 15);
	memcpy(bytes + 13, "\x89\x41\x00", 3);
	assert_int_equal(insn_decode(bytes, 15, INSN_MODE_64, &in), INSN_TOO_LONG);
}

/* Every row of every table, with every ModRM byte, in a buffer of exactly 15 and of exactly the needed bytes. */
static void every_opcode_is_decoded_or_refused_in_bounds(void **state)
{
	static const char *const maps[] = { "", "\x0f", "\x0f\x38" }, *const prefixes[] = { "", "\x66", "\xf3", "\xf2" };
	uint8_t *bytes = test_calloc(1, 15);
	unsigned supported = 0;

	(void)state;
	for (unsigned i = 0; i < 3u << 20; i++) {
		unsigned map = i >> 16 & 3, prefix = i >> 18 & 3, mode = i >> 20;
		size_t n = strlen(prefixes[prefix]), m;
		struct insn in;

		if (map == 3)
			continue;
		m = strlen(maps[map]);
		memcpy(bytes, prefixes[prefix], n);
		memcpy(bytes + n, maps[map], m);
		bytes[n + m] = (uint8_t)(i >> 8);
		bytes[n + m + 1] = (uint8_t)i;
		if (insn_decode(bytes, 15, (enum insn_mode)mode, &in) != INSN_OK)
			continue;
		supported++;
		assert_in_range(in.op, INSN_ADD, INSN_OPS - 1);
		assert_in_range(in.length, 1, 15);
		assert_true(in.seg < 6);
		assert_true(in.opsize && in.opsize <= 16 && !(in.opsize & (in.opsize - 1)));
	}
	assert_true(supported > 300000);
	test_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_that_exit_have_their_length_with_and_without_prefixes),
		cmocka_unit_test(control_register_moves_name_both_registers),
		cmocka_unit_test(a_mov_to_memory_shows_size_registers_and_address),
		cmocka_unit_test(sixteen_bit_addresses_use_the_eight_pairs),
		cmocka_unit_test(prefixes_count_in_the_way_of_the_cpu),
		cmocka_unit_test(what_the_cpu_refuses_is_refused),
		cmocka_unit_test(fifteen_bytes_are_the_end),
		cmocka_unit_test(every_opcode_is_decoded_or_refused_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
