/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest for the tests of the instruction executor: RAM, one device that behaves like RAM, ports, vector registers and page
 * tables.  Guest-physical memory: RAM from 0, page tables in its first 64 KiB; the device from GUEST_DEVICE on.
 */
#ifndef TESTS_INSN_GUEST_H
#define TESTS_INSN_GUEST_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/pte.h>

#include "insn_exec.h"

#define GUEST_RAM	0x80000ull
#define GUEST_DEVICE	0xfee00000ull
#define GUEST_DEV_SIZE	0x10000ull
#define GUEST_CODE	0x20000ull	/* guest-physical and linear address of the code */

struct guest {
	struct tv_exit_page st;
	struct gwalk_vm vm;
	struct insn_ctx ctx;
	uint64_t next_table;
	uint64_t vector[16][2], mmx[8];
	uint32_t port_value;		/* what IN reads: counts up */
	uint32_t port_out[64];
	unsigned port_count, mmio_reads, mmio_writes;
	uint16_t last_port;
	bool read_only;			/* RAM may not be written: acts as ROM */
	void (*on_ram)(struct guest *g);	/* called for every look-up of RAM */
	_Alignas(16) uint8_t ram[GUEST_RAM];
	_Alignas(16) uint8_t dev[GUEST_DEV_SIZE];
};

static void *guest_ram(void *opaque, gpa_t gpa, uint64_t len, bool write)
{
	struct guest *g = opaque;

	assert_true(len <= 16 && (gpa.v & PAGE_MASK) + len <= PAGE_SIZE);
	if (g->on_ram)
		g->on_ram(g);
	if (!range_inside(gpa.v, len, GUEST_RAM) || (write && g->read_only))
		return NULL;
	return &g->ram[gpa.v];
}

static uint8_t *guest_device(struct guest *g, gpa_t gpa, unsigned size)
{
	assert_true(size == 1 || size == 2 || size == 4 || size == 8);
	assert_true((gpa.v & PAGE_MASK) + size <= PAGE_SIZE);
	if (!range_inside(gpa.v - GUEST_DEVICE, size, GUEST_DEV_SIZE))
		return NULL;
	return &g->dev[gpa.v - GUEST_DEVICE];
}

static uint64_t guest_mmio_read(void *cpu, gpa_t gpa, unsigned size)
{
	struct guest *g = cpu;
	uint8_t *p = guest_device(g, gpa, size);
	uint64_t v = ~0ull;

	g->mmio_reads++;
	if (p) {
		v = 0;
		memcpy(&v, p, size);
	}
	return v;
}

static void guest_mmio_write(void *cpu, gpa_t gpa, unsigned size, uint64_t value)
{
	struct guest *g = cpu;
	uint8_t *p = guest_device(g, gpa, size);

	g->mmio_writes++;
	if (p)
		memcpy(p, &value, size);
}

static uint32_t guest_port_in(void *cpu, uint16_t port, unsigned size)
{
	struct guest *g = cpu;

	assert_true(size == 1 || size == 2 || size == 4);
	g->last_port = port;
	return g->port_value += 0x01010101;
}

static void guest_port_out(void *cpu, uint16_t port, unsigned size, uint32_t value)
{
	struct guest *g = cpu;

	assert_true(size == 4 || !(value >> 8 * size));
	g->last_port = port;
	g->port_out[g->port_count++ % 64] = value;
}

static void guest_vector_get(void *cpu, enum insn_kind kind, unsigned n, uint64_t value[2])
{
	struct guest *g = cpu;

	if (kind == INSN_OPERAND_MMX) {
		assert_true(n < 8);
		value[0] = g->mmx[n];
	} else {
		assert_true(n < 16);
		memcpy(value, g->vector[n], 16);
	}
}

static void guest_vector_set(void *cpu, enum insn_kind kind, unsigned n, const uint64_t value[2])
{
	struct guest *g = cpu;

	if (kind == INSN_OPERAND_MMX) {
		assert_true(n < 8);
		g->mmx[n] = value[0];
	} else {
		assert_true(n < 16);
		memcpy(g->vector[n], value, 16);
	}
}

static const struct insn_ops guest_ops = {
	.mmio_read = guest_mmio_read, .mmio_write = guest_mmio_write, .port_in = guest_port_in, .port_out = guest_port_out,
	.vector_get = guest_vector_get, .vector_set = guest_vector_set,
};

/* Map one 4 KiB page of 4-level paging; @flags beside PTE_P. */
static inline void guest_map(struct guest *g, uint64_t linear, uint64_t gpa, uint64_t flags)
{
	uint64_t table = g->st.cr3;

	for (unsigned level = 4; level > 1; level--) {
		uint64_t *entry = (uint64_t *)(void *)&g->ram[table + (linear >> (3 + 9 * level) & 511) * 8];

		if (!*entry) {
			*entry = g->next_table | PTE_P | PTE_W | PTE_U;
			g->next_table += PAGE_SIZE;
			assert_true(g->next_table < GUEST_CODE);
		}
		table = *entry & MASK(51, 12);
	}
	*(uint64_t *)(void *)&g->ram[table + (linear >> 12 & 511) * 8] = gpa | flags | PTE_P;
}

static inline void guest_segment(struct guest *g, unsigned seg, uint16_t sel, uint16_t attr, uint64_t base, uint32_t limit)
{
	g->st.seg[seg] = (struct tv_segment){ .sel = sel, .attr = attr, .limit = limit, .base = base };
}

#define ATTR_CODE32	0xc9bu
#define ATTR_CODE16	0x09bu
#define ATTR_CODE64	0xa9bu
#define ATTR_DATA32	0xc93u

/* Flat segments and code of @mode, at CPL 0.  64-bit code has paging on, with nothing mapped but the code; others have it off. */
static inline void guest_mode(struct guest *g, enum insn_mode mode)
{
	static const uint16_t code[] = { ATTR_CODE16, ATTR_CODE32, ATTR_CODE64 };

	for (unsigned seg = 0; seg < 6; seg++)
		guest_segment(g, seg, 0x10, ATTR_DATA32, 0, 0xffffffff);
	guest_segment(g, TV_CS, 0x08, code[mode], 0, 0xffffffff);
	g->st.cr0 = CR0_PE | CR0_WP;
	g->st.cr4 = CR4_OSFXSR;
	g->st.efer = 0;
	if (mode == INSN_MODE_64) {
		g->st.cr0 |= CR0_PG;
		g->st.cr4 |= CR4_PAE;
		g->st.efer = EFER_LME | EFER_LMA | EFER_NXE;
		guest_map(g, GUEST_CODE, GUEST_CODE, PTE_W | PTE_U);
	}
	g->st.rip = GUEST_CODE;
	g->st.rflags = RFLAGS_ONE;
}

static inline struct guest *guest_create(enum insn_mode mode)
{
	struct guest *g = test_calloc(1, sizeof(*g));

	g->vm = (struct gwalk_vm){ .ram = guest_ram, .opaque = g, .phys_bits = 40, .gib_pages = true };
	g->ctx = (struct insn_ctx){ .st = &g->st, .vm = &g->vm, .ops = &guest_ops, .cpu = g, .max_iterations = 1000 };
	g->st.cr3 = 0x1000;
	g->next_table = 0x2000;
	guest_mode(g, mode);
	return g;
}

#endif
