/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor against the CPU: random instructions, 64-bit and 32-bit ones, run natively on one copy of a memory area and emulated on
 * another, with the same registers.  Registers, defined flags, vector registers and memory must be the same afterwards.  Every other page of the
 * emulated area is a device, so that accesses cross between RAM and device.
 */
/* sources: vmm/insn.c vmm/insn_table.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_operand.c vmm/insn_mem.c vmm/insn_alu.c vmm/insn_string.c vmm/insn_stack.c vmm/insn_seg.c vmm/gwalk.c */
#include "insn_exec.h"

#include "insn_guest.h"
#include "insn_operand.h"

#include <stdio.h>
#include <sys/mman.h>

#define AREA		0x10000000ull	/* linear address of the memory area, natively and in the guest */
#define AREA_PAGES	8u
#define AREA_SIZE	(AREA_PAGES * PAGE_SIZE)
#define STUB		0x10100000ull
#define FRAME		0x10200000ull
#define ROUNDS		300000u

/* What the stub loads and stores, by absolute addresses. */
struct frame {
	uint64_t in[16], out[16];
	uint64_t flags_in, flags_out, host_rsp;
	struct {
		uint32_t off;
		uint16_t sel;
	} far_target;
	_Alignas(16) uint8_t fx_in[512], fx_out[512], fx_host[512];
};

static struct frame *const frame = (struct frame *)FRAME;
static uint8_t *const area = (uint8_t *)AREA;

struct code {
	uint8_t *at;
};

static void emit(struct code *c, const void *bytes, size_t n)
{
	memcpy(c->at, bytes, n);
	c->at += n;
}

/* One instruction with the opcode bytes @op, a reg field and an absolute 32-bit address. */
static void emit_abs(struct code *c, const char *op, unsigned reg, const void *address)
{
	uint32_t disp = (uint32_t)(uintptr_t)address;
	uint8_t modrm[2] = { (uint8_t)((reg & 7) << 3 | 4), 0x25 };

	emit(c, op, strlen(op));
	emit(c, modrm, 2);
	emit(c, &disp, 4);
}

static void emit_mov(struct code *c, unsigned reg, const void *address, bool load)
{
	char op[3] = { (char)(reg >= 8 ? 0x4c : 0x48), (char)(load ? 0x8b : 0x89), 0 };

	emit_abs(c, op, reg, address);
}

/* The same with 32-bit code, where there is no SIB byte for an absolute address. */
static void emit_mov32(struct code *c, unsigned reg, const void *address, bool load)
{
	uint32_t disp = (uint32_t)(uintptr_t)address;
	uint8_t op[2] = { load ? 0x8b : 0x89, (uint8_t)(reg << 3 | 5) };

	emit(c, op, 2);
	emit(c, &disp, 4);
}

static void emit_body64(struct code *c, const uint8_t *insn, unsigned length)
{
	for (unsigned i = 0; i < 16; i++)
		emit_mov(c, i, &frame->in[i], true);
	emit(c, insn, length);
	for (unsigned i = 0; i < 16; i++)
		emit_mov(c, i, &frame->out[i], false);
}

#define USER_CS32	0x23u		/* what Linux gives to 32-bit processes, and to everybody else as well */
#define USER_CS64	0x33u

/* Far jumps to a 32-bit code segment and back again. */
static void emit_body32(struct code *c, const uint8_t *insn, unsigned length)
{
	uint16_t cs = USER_CS64;
	uint32_t back;

	emit_abs(c, "\xff", 5, &frame->far_target);			/* jmp far */
	frame->far_target.off = (uint32_t)(uintptr_t)c->at;
	frame->far_target.sel = USER_CS32;
	for (unsigned i = 0; i < 8; i++)
		emit_mov32(c, i, &frame->in[i], true);
	emit(c, insn, length);
	for (unsigned i = 0; i < 8; i++)
		emit_mov32(c, i, &frame->out[i], false);
	back = (uint32_t)(uintptr_t)c->at + 7;
	emit(c, "\xea", 1);
	emit(c, &back, 4);
	emit(c, &cs, 2);
}

#define FXSAVE		"\x48\x0f\xae", 0
#define FXRSTOR		"\x48\x0f\xae", 1

/* A function that runs @insn with all registers, flags and vector registers of the frame. */
static void build_stub(const uint8_t *insn, const struct insn *in)
{
	struct code c = { (uint8_t *)STUB };

	emit(&c, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10);	/* push rbx, rbp, r12 ... r15 */
	emit_mov(&c, 4, &frame->host_rsp, false);
	emit_abs(&c, FXSAVE, frame->fx_host);
	emit_abs(&c, FXRSTOR, frame->fx_in);
	emit_abs(&c, "\xff", 6, &frame->flags_in);			/* push, popfq */
	emit(&c, "\x9d", 1);
	if (in->mode == INSN_MODE_64)
		emit_body64(&c, insn, in->length);
	else
		emit_body32(&c, insn, in->length);
	emit_mov(&c, 4, &frame->host_rsp, true);
	emit(&c, "\x9c", 1);						/* pushfq, pop, cld */
	emit_abs(&c, "\x8f", 0, &frame->flags_out);
	emit(&c, "\xfc", 1);
	emit_abs(&c, FXSAVE, frame->fx_out);
	emit_abs(&c, FXRSTOR, frame->fx_host);
	emit(&c, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 11);
}

#undef FXSAVE
#undef FXRSTOR

static uint64_t rng_state = 0x243f6a8885a308d3ull;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dull;
}

/* Values at the edges are where flags go wrong. */
static uint64_t random_value(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
					  0x7fffffffffffffff, 0x8000000000000000, ~0ull };
	uint64_t r = rng();

	return r & 1 ? rng() : r & 2 ? rng() >> (r >> 8 & 63) : edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))];
}

static void random_instruction(uint8_t *byte)
{
	static const uint8_t prefix[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x48, 0x49, 0x4c, 0x44, 0x41, 0x42 };
	uint64_t r = rng();
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i += 8) {
		uint64_t v = rng();

		memcpy(byte + i, &v, 8);
	}
	for (unsigned count = r % 4; n < count; n++)
		byte[n] = prefix[byte[n] % sizeof(prefix)];
	if (r & 0x10)
		byte[n++] = 0x0f;
	if ((r & 0x1f0) == 0x1f0) {
		byte[n] = 0x38;
		byte[n + 1] = byte[n + 1] & 1 ? 0xf0 : 0xf1;
	}
}

/* Can @in run in a user process without leaving the stub or touching what is not ours? */
static bool harmless(const struct insn *in)
{
	switch (in->op) {
	case INSN_CALL: case INSN_CALL_ABS: case INSN_JMP_ABS: case INSN_JMP_FAR: case INSN_RET:
	case INSN_INS: case INSN_OUTS: case INSN_IN: case INSN_OUT:
	case INSN_LLDT: case INSN_LTR: case INSN_SLDT: case INSN_STR: case INSN_SMSW:
	case INSN_LGDT: case INSN_SGDT: case INSN_LIDT: case INSN_SIDT:
		return false;
	default:
		break;
	}
	if (in->dst.kind == INSN_OPERAND_SREG || in->base == INSN_RIP)
		return false;
	return in->seg != TV_FS && in->seg != TV_GS;
}

/* An address somewhere in the area, often at the end of a page. */
static uint64_t random_target(const struct insn *in)
{
	uint64_t r = rng(), target = AREA + 2 * PAGE_SIZE + r % (4 * PAGE_SIZE);

	if (r >> 32 & 1)
		target = (target & ~PAGE_MASK) + PAGE_SIZE - (r >> 33) % 20;
	if (in->op == INSN_VMOV_ALIGNED || in->op == INSN_CMPXCHG8B)
		target &= ~15ull;
	return target;
}

static bool in_area(uint64_t address)
{
	return address >= AREA + 64 && address < AREA + AREA_SIZE - 512;
}

/* Choose registers so that every address which the instruction uses lies in the area.  False: it cannot be done simply. */
static bool choose_registers(struct guest *g, const struct insn *in)
{
	uint64_t *gpr = g->st.gpr;
	bool memory = in->dst.kind == INSN_OPERAND_MEM || in->src.kind == INSN_OPERAND_MEM;
	bool by_number = in->op >= INSN_BT && in->op <= INSN_BTC && in->src.kind == INSN_OPERAND_GPR;

	for (unsigned i = 0; i < 16; i++)
		gpr[i] = random_value();
	if (rng() & 1)
		gpr[TV_RCX] %= 67;
	for (unsigned i = 0; i < 16 && in->mode != INSN_MODE_64; i++)
		gpr[i] = i < 8 ? (uint32_t)gpr[i] : 0;
	if (by_number)
		gpr[in->src.reg] = (rng() % 4096 - 2048) & (in->mode == INSN_MODE_64 ? ~0ull : MASK(31, 0));
	if (in->op >= INSN_MOVS && in->op <= INSN_OUTS) {
		gpr[TV_RSI] = random_target(in);
		gpr[TV_RDI] = random_target(in);
		gpr[TV_RCX] = rng() % 20;
	}
	if (in->op >= INSN_PUSH && in->op <= INSN_LEAVE) {
		gpr[TV_RSP] = random_target(in);
		gpr[TV_RBP] = random_target(in);
	}
	if (in->op == INSN_XLAT)
		gpr[TV_RBX] = random_target(in);
	if (!memory || in->op == INSN_LEA)
		return true;
	if (in->base == INSN_NO_REG)
		return false;
	if (in->base == TV_RSP && (in->op == INSN_PUSH || in->op == INSN_POP))
		return in_area(insn_offset(&g->ctx, in, 0));
	if (in->index == in->base)
		gpr[in->base] = 0;		/* the displacement alone will rarely do */
	else
		gpr[in->base] += random_target(in) - insn_offset(&g->ctx, in, 0);
	if (in->mode != INSN_MODE_64)
		gpr[in->base] &= MASK(31, 0);
	if (by_number && (in->src.reg == in->base || in->src.reg == in->index))
		return false;
	if (in->op == INSN_VMOV_ALIGNED && insn_offset(&g->ctx, in, 0) & 15)
		return false;
	return in_area(insn_offset(&g->ctx, in, 0));
}

/* Flags that the manuals leave undefined after @in, started with @gpr. */
static uint64_t undefined_flags(const struct insn *in, const uint64_t *gpr)
{
	unsigned count, bits = 8u * in->opsize;
	bool by_cl;

	switch (in->op) {
	case INSN_AND: case INSN_OR: case INSN_XOR: case INSN_TEST:
		return RFLAGS_AF;
	case INSN_MUL: case INSN_IMUL: case INSN_IMUL2: case INSN_IMUL3:
		return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	case INSN_DIV: case INSN_IDIV:
		return RFLAGS_CF | RFLAGS_OF | RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	case INSN_BSF: case INSN_BSR:
		return RFLAGS_CF | RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	case INSN_TZCNT: case INSN_LZCNT: case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC:
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	case INSN_ROL: case INSN_ROR: case INSN_RCL: case INSN_RCR:
	case INSN_SHL: case INSN_SHR: case INSN_SAL: case INSN_SAR: case INSN_SHLD: case INSN_SHRD:
		by_cl = in->op == INSN_SHLD || in->op == INSN_SHRD ? in->imm_size == 0 : in->src.kind == INSN_OPERAND_GPR;
		count = (by_cl ? gpr[TV_RCX] : in->imm) & (in->opsize == 8 ? 63 : 31);
		if (count == 0)
			return 0;
		return (count == 1 ? 0 : RFLAGS_OF) | (in->op <= INSN_RCR ? 0 : RFLAGS_AF) |
			(in->op >= INSN_SHL && in->op <= INSN_SHR && count >= bits ? RFLAGS_CF : 0) |
			(in->op == INSN_SAL && count >= bits ? RFLAGS_CF : 0);
	default:
		return 0;
	}
}

/* Is the whole result of @in undefined, or does it differ between CPUs, or does this CPU not have it? */
static bool undefined_result(const struct insn *in, const uint64_t *gpr)
{
	if (in->op == INSN_TZCNT && !__builtin_cpu_supports("bmi"))
		return true;
	if (in->op == INSN_LZCNT && !__builtin_cpu_supports("lzcnt"))
		return true;
	if ((in->op == INSN_POPCNT && !__builtin_cpu_supports("popcnt")) || (in->op == INSN_MOVBE && !__builtin_cpu_supports("movbe")))
		return true;
	/* Without memory operand nothing of this is ever emulated: upper halves after a failed CMPXCHG, or a BSF of 0. */
	if ((in->op == INSN_CMPXCHG || in->op == INSN_BSF || in->op == INSN_BSR) &&
	    in->dst.kind == INSN_OPERAND_GPR && in->src.kind == INSN_OPERAND_GPR)
		return true;
	if (in->op == INSN_SHLD || in->op == INSN_SHRD) {
		unsigned count = (in->imm_size ? in->imm : gpr[TV_RCX]) & (in->opsize == 8 ? 63 : 31);

		return count > 8u * in->opsize;
	}
	/* A segment register pushed with 4 or 8 bytes may leave the upper ones. */
	return in->op == INSN_PUSH && in->src.kind == INSN_OPERAND_SREG;
}

static uint8_t *guest_byte(struct guest *g, uint64_t off)
{
	uint64_t page = off >> PAGE_SHIFT;

	return page & 1 ? &g->dev[off] : &g->ram[0x40000 + off];
}

static void fail_at(const uint8_t *byte, const struct insn *in, const char *what, uint64_t cpu, uint64_t ours)
{
	char text[64];

	for (unsigned i = 0; i < in->length; i++)
		snprintf(text + 3 * i, 4, "%02x ", byte[i]);
	fail_msg("%s(op %u, size %u): %s: CPU %#llx, emulated %#llx; flags before %#llx, rcx %#llx, rax %#llx", text, in->op, in->opsize,
		 what, (unsigned long long)cpu, (unsigned long long)ours, (unsigned long long)frame->flags_in,
		 (unsigned long long)frame->in[TV_RCX], (unsigned long long)frame->in[TV_RAX]);
}

static void compare_memory(struct guest *g, const uint8_t *byte, const struct insn *in, uint64_t from, uint64_t to)
{
	from = from < AREA ? AREA : from;
	to = to > AREA + AREA_SIZE ? AREA + AREA_SIZE : to;
	for (uint64_t a = from; a < to; a++)
		if (area[a - AREA] != *guest_byte(g, a - AREA))
			fail_at(byte, in, "memory", area[a - AREA], *guest_byte(g, a - AREA));
}

/* Run @in both ways and compare.  True if it was executed. */
static bool run_both(struct guest *g, const uint8_t *byte, const struct insn *in, uint64_t ea)
{
	uint64_t undefined = undefined_flags(in, g->st.gpr);
	enum insn_result r;

	memcpy(frame->in, g->st.gpr, sizeof(frame->in));
	memset(frame->out, 0, sizeof(frame->out));
	frame->flags_in = g->st.rflags;
	memcpy(frame->fx_in + 160, g->vector, sizeof(g->vector));
	for (unsigned i = 0; i < 8; i++)
		memcpy(frame->fx_in + 32 + 16 * i, &g->mmx[i], 8);
	do {
		r = insn_exec(&g->ctx, in);
	} while (r == INSN_RESTART);
	if (r != INSN_DONE)
		return false;
	build_stub(byte, in);
	((void (*)(void))STUB)();
	for (unsigned i = 0; i < (in->mode == INSN_MODE_64 ? 16 : 8); i++)
		if (frame->out[i] != g->st.gpr[i])
			fail_at(byte, in, "register", frame->out[i], g->st.gpr[i]);
	if ((frame->flags_out ^ g->st.rflags) & 0xcd5 & ~undefined)
		fail_at(byte, in, "flags", frame->flags_out & 0xcd5, g->st.rflags & 0xcd5);
	if (memcmp(frame->fx_out + 160, g->vector, sizeof(g->vector)) != 0)
		fail_at(byte, in, "XMM", 0, 0);
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(frame->fx_out + 32 + 16 * i, &g->mmx[i], 8) != 0)
			fail_at(byte, in, "MMX", 0, 0);
	compare_memory(g, byte, in, ea - 64, ea + 64);
	return true;
}

static void setup_area(struct guest *g)
{
	void *p = mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(p, area);
	p = mmap((void *)STUB, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(p, (void *)STUB);
	p = mmap(frame, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(p, frame);
	for (uint64_t off = 0; off < AREA_SIZE; off++)
		area[off] = *guest_byte(g, off) = (uint8_t)rng();
	for (uint64_t page = 0; page < AREA_PAGES; page++)
		guest_map(g, AREA + page * PAGE_SIZE, (page & 1 ? GUEST_DEVICE : 0x40000) + page * PAGE_SIZE, PTE_W | PTE_U);
	__asm__ volatile("emms; fxsave64 %0" : "=m"(frame->fx_in));
	for (unsigned seg = TV_ES; seg <= TV_GS; seg++)
		g->st.seg[seg].sel = 0;
	__asm__ volatile("mov %%cs, %0" : "=rm"(g->st.seg[TV_CS].sel));
	__asm__ volatile("mov %%ss, %0" : "=rm"(g->st.seg[TV_SS].sel));
}

static void random_state(struct guest *g)
{
	g->st.rflags = RFLAGS_ONE | RFLAGS_IF | (rng() & (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF));
	if (!(rng() & 7))
		g->st.rflags |= RFLAGS_DF;
	g->st.rip = GUEST_CODE;
	g->st.cpl = 3;
}

/* Many random instructions of @mode; returns how many operations were seen often enough. */
static unsigned compare_random(struct guest *g, enum insn_mode mode)
{
	unsigned executed[INSN_OPS] = { 0 }, ops = 0, total = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct insn in;
		uint8_t byte[16];
		uint64_t ea;

		random_instruction(byte);
		if (insn_decode(byte, 15, mode, &in) != INSN_OK || !harmless(&in) || !choose_registers(g, &in) ||
		    undefined_result(&in, g->st.gpr))
			continue;
		random_state(g);
		ea = insn_offset(&g->ctx, &in, 0);
		if (run_both(g, byte, &in, ea)) {
			executed[in.op]++;
			total++;
		}
		if (round % 1024 == 0)
			compare_memory(g, byte, &in, AREA, AREA + AREA_SIZE);
	}
	for (unsigned op = 0; op < INSN_OPS; op++)
		ops += executed[op] > 10;
	print_message("%u instructions of %u operations\n", total, ops);
	return ops;
}

static struct guest *world;

static int setup(void **state)
{
	(void)state;
	world = guest_create(INSN_MODE_64);
	world->ctx.max_iterations = 7;
	setup_area(world);
	for (unsigned i = 0; i < 16; i++) {
		world->vector[i][0] = rng();
		world->vector[i][1] = rng();
		world->mmx[i & 7] = rng();
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_free(world);
	return 0;
}

static void emulated_instructions_leave_what_the_cpu_leaves(void **state)
{
	(void)state;
	assert_true(compare_random(world, INSN_MODE_64) >= 60);
}

/* Does the kernel let us into 32-bit code? */
static bool have_code32(void)
{
	uint32_t rights = 0;

	__asm__("lar %1, %0" : "+r"(rights) : "r"(USER_CS32) : "cc");
	return (rights & (BIT(22) | BIT(21) | BIT(15) | BIT(11))) == (BIT(22) | BIT(15) | BIT(11));
}

/* In compatibility mode, with the same page tables. */
static void emulated_32_bit_instructions_leave_what_the_cpu_leaves(void **state)
{
	uint16_t ds, es, ss = world->st.seg[TV_SS].sel;

	(void)state;
	if (!have_code32())
		skip();
	world->st.seg[TV_CS] = (struct tv_segment){ .sel = USER_CS32, .attr = 0xcfb, .limit = 0xffffffff };
	for (unsigned seg = TV_SS; seg <= TV_DS; seg++)
		guest_segment(world, seg, ss, 0xcf3, 0, 0xffffffff);
	guest_segment(world, TV_ES, ss, 0xcf3, 0, 0xffffffff);
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %2, %%ds; mov %2, %%es" : "=&r"(ds), "=&r"(es) : "r"(ss));
	assert_true(compare_random(world, INSN_MODE_32) >= 60);
	__asm__ volatile("mov %0, %%ds; mov %1, %%es" : : "r"(ds), "r"(es));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(emulated_instructions_leave_what_the_cpu_leaves),
		cmocka_unit_test(emulated_32_bit_instructions_leave_what_the_cpu_leaves),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
