/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder, page walk and executor on hostile input: instruction bytes, registers, control registers, segments, and every word of guest
 * memory, page tables and descriptors included, come from the input.  Whatever they are, nothing outside the guest is touched, work
 * is bounded, and an instruction that does not complete leaves RIP and says why.
 */
/* sources: vmm/insn.c vmm/insn_table.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_operand.c vmm/insn_mem.c vmm/insn_alu.c vmm/insn_string.c vmm/insn_stack.c vmm/insn_seg.c vmm/gwalk.c */
#include "insn_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x86/cr.h>
#include <x86/msr.h>

#define RAM_SIZE	0x10000u	/* guest-physical 0 ... */
#define ITERATIONS	16u

#define REQUIRE(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "line %d: %s\n", __LINE__, #x);		\
		abort();						\
	}								\
} while (0)

struct world {
	struct tv_exit_page st;
	uint8_t *ram;			/* of exactly RAM_SIZE bytes on the heap, so that the sanitizer sees its ends */
	const uint8_t *input;
	size_t left;
	unsigned calls;
};

/* The next @n bytes of input; zeros when there are no more. */
static uint64_t take(struct world *w, unsigned n)
{
	uint64_t v = 0;

	if (n > w->left)
		n = (unsigned)w->left;
	memcpy(&v, w->input, n);
	w->input += n;
	w->left -= n;
	return v;
}

static void *ram(void *opaque, gpa_t gpa, uint64_t len, bool write)
{
	struct world *w = opaque;

	REQUIRE(++w->calls < 100000);
	REQUIRE(len >= 1 && len <= 16 && (gpa.v & PAGE_MASK) + len <= PAGE_SIZE);
	if (!range_inside(gpa.v, len, RAM_SIZE) || (write && gpa.v < PAGE_SIZE))	/* the first page is ROM */
		return NULL;
	return w->ram + gpa.v;
}

static uint64_t mmio_read(void *cpu, gpa_t gpa, unsigned size)
{
	REQUIRE((size == 1 || size == 2 || size == 4 || size == 8) && (gpa.v & PAGE_MASK) + size <= PAGE_SIZE);
	return take(cpu, size);
}

static void mmio_write(void *cpu, gpa_t gpa, unsigned size, uint64_t value)
{
	(void)cpu;
	REQUIRE((size == 1 || size == 2 || size == 4 || size == 8) && (gpa.v & PAGE_MASK) + size <= PAGE_SIZE);
	REQUIRE(size == 8 || !(value >> 8 * size));
}

static uint32_t port_in(void *cpu, uint16_t port, unsigned size)
{
	(void)port;
	REQUIRE(size == 1 || size == 2 || size == 4);
	return (uint32_t)take(cpu, size);
}

static void port_out(void *cpu, uint16_t port, unsigned size, uint32_t value)
{
	(void)cpu;
	(void)port;
	REQUIRE(size == 4 || ((size == 1 || size == 2) && !(value >> 8 * size)));
}

static void vector_get(void *cpu, enum insn_kind kind, unsigned n, uint64_t value[2])
{
	REQUIRE(kind == INSN_OPERAND_XMM ? n < 16 : kind == INSN_OPERAND_MMX && n < 8);
	value[0] = take(cpu, 8);
	value[1] = 0;
}

static void vector_set(void *cpu, enum insn_kind kind, unsigned n, const uint64_t value[2])
{
	(void)cpu;
	(void)value;
	REQUIRE(kind == INSN_OPERAND_XMM ? n < 16 : kind == INSN_OPERAND_MMX && n < 8);
}

static const struct insn_ops ops = {
	.mmio_read = mmio_read, .mmio_write = mmio_write, .port_in = port_in, .port_out = port_out,
	.vector_get = vector_get, .vector_set = vector_set,
};

/* Registers: a few bits choose the mode, the rest is input.  Small values are likely to hit RAM. */
static void set_state(struct world *w)
{
	struct tv_exit_page *st = &w->st;
	uint64_t bits = take(w, 4);

	st->cr0 = (bits & 1 ? CR0_PE : 0) | (bits & 2 ? CR0_PG : 0) | (bits & 4 ? CR0_WP : 0) | (bits & 8 ? CR0_AM : 0);
	st->cr4 = (bits & 0x10 ? CR4_PAE : 0) | (bits & 0x20 ? CR4_PSE : 0) | (bits & 0x40 ? CR4_LA57 : 0) |
		(bits & 0x80 ? CR4_SMEP : 0) | (bits & 0x100 ? CR4_SMAP : 0) | (bits & 0x200 ? CR4_UMIP : 0) | CR4_OSFXSR;
	st->efer = (bits & 0x400 ? EFER_LMA | EFER_LME : 0) | (bits & 0x800 ? EFER_NXE : 0);
	st->cpl = bits >> 12 & 3;
	st->cr3 = bits >> 16 & 0xf000;
	st->rflags = take(w, 3) | RFLAGS_ONE;
	for (unsigned i = 0; i < 6; i++)
		st->seg[i] = (struct tv_segment){ .sel = (uint16_t)take(w, 1), .attr = (uint16_t)take(w, 2) & TV_SEG_ATTR,
						  .limit = (uint32_t)take(w, 3), .base = take(w, 2) };
	st->gdtr = (struct tv_table){ .base = take(w, 2), .limit = (uint32_t)take(w, 1) };
	st->seg[TV_LDTR] = (struct tv_segment){ .attr = 0x82, .base = take(w, 2), .limit = (uint32_t)take(w, 1) };
	st->rip = take(w, 2);
	for (unsigned i = 0; i < 16; i++)
		st->gpr[i] = take(w, bits & BIT(28 + i % 4) ? 8 : 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .input = data, .left = size };
	struct gwalk_vm vm = { .ram = ram, .opaque = &w, .phys_bits = 40, .gib_pages = true };
	struct insn_ctx c = { .st = &w.st, .vm = &vm, .ops = &ops, .cpu = &w, .max_iterations = ITERATIONS };
	enum insn_result r;
	struct insn in;
	uint64_t rip;

	w.ram = calloc(1, RAM_SIZE);
	set_state(&w);
	rip = w.st.rip;
	if (w.left > 16) {
		size_t n = w.left - 16 < RAM_SIZE ? w.left - 16 : RAM_SIZE;

		memcpy(w.ram, w.input, n);
	}
	w.st.insn_count = (uint8_t)(take(&w, 1) % 16);
	memcpy(w.st.insn, w.input, w.left < 15 ? w.left : 15);
	c.hint_valid = take(&w, 1) & 1;
	c.hint_write = take(&w, 1) & 1;
	c.hint.v = take(&w, 3);
	r = insn_fetch(&c, &in);
	if (r == INSN_DONE) {
		REQUIRE(in.length >= 1 && in.length <= 15);
		r = insn_exec(&c, &in);
	}
	REQUIRE(r <= INSN_UNSUPPORTED);
	REQUIRE(r == INSN_DONE || w.st.rip == rip);
	REQUIRE(r != INSN_EXCEPTION || c.fault.vector < 32);
	REQUIRE(r != INSN_EXCEPTION || !c.fault.has_error || EXC_WITH_ERROR_CODE >> c.fault.vector & 1);
	free(w.ram);
	return 0;
}
