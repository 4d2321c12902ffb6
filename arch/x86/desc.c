/* SPDX-License-Identifier: Apache-2.0 */
/* GDT, TSS and IDT.  SDM, "Protected-Mode Memory Management" and "Interrupt and Exception Handling". */
#include <kernel/string.h>

#include "machine.h"

struct idt_gate {
	uint64_t low, high;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* All CPUs share the table: the gates name stacks by number, and each CPU's TSS has its own. */
static struct idt_gate idt[256];

static const uint8_t ist_of[EXC_COUNT] = {
	[EXC_NMI] = IST_NMI, [EXC_DF] = IST_DF, [EXC_MC] = IST_MC, [EXC_DB] = IST_DB,
};

/* Once: the other CPUs come when it is in use. */
static void idt_fill(void)
{
	if (idt[0].low)
		return;
	for (unsigned v = 0; v < ARRAY_LEN(idt); v++) {
		uint64_t offset = (uint64_t)vector_stubs[v];
		/* INT3 and INTO are what a debugger or a compiler puts into a program; INT n with other n is a #GP. */
		uint64_t dpl = v == EXC_BP || v == EXC_OF ? GATE_DPL3 : 0;
		uint64_t ist = v < EXC_COUNT ? ist_of[v] : 0;

		idt[v].low = (offset & MASK(15, 0)) | (uint64_t)SEL_KERNEL_CS << 16 | ist << 32 | GATE_INTERRUPT | dpl | GATE_P |
			     (offset & MASK(31, 16)) << 32;
		idt[v].high = offset >> 32;
	}
}

static void gdt_fill(struct machine *m)
{
	const uint64_t data = DESC_P | DESC_S | DESC_RW | DESC_A, code = data | DESC_CODE | DESC_L;
	uint64_t tss = (uint64_t)&m->task, limit = sizeof(m->task) - 1;

	m->gdt[SEL_KERNEL_CS / 8] = code;
	m->gdt[SEL_KERNEL_SS / 8] = data;
	m->gdt[SEL_USER_SS / 8] = data | DESC_DPL3;
	m->gdt[SEL_USER_CS / 8] = code | DESC_DPL3;
	m->gdt[SEL_TSS / 8] = (limit & MASK(15, 0)) | (tss & MASK(23, 0)) << 16 | DESC_TYPE_TSS | DESC_P |
			      (limit & MASK(19, 16)) << 32 | (tss & MASK(31, 24)) << 32;
	m->gdt[SEL_TSS / 8 + 1] = tss >> 32;
}

/* The tables are read by the CPU at any time: @m must stay where it is. */
void desc_init(struct machine *m)
{
	struct table_pointer gdtr = { .limit = sizeof(m->gdt) - 1, .base = (uint64_t)m->gdt };
	struct table_pointer idtr = { .limit = sizeof(idt) - 1, .base = (uint64_t)idt };

	for (unsigned i = 0; i < IST_COUNT; i++)
		m->task.tss.ist[i] = (uint64_t)m->ist[i] + IST_STACK_SIZE;
	memset(m->task.io_map, 0xff, sizeof(m->task.io_map));
	m->task.io_map_end = 0xff;
	m->task.tss.io_map = sizeof(m->task);	/* behind the limit: no port */
	m->ports_first = 1;
	m->ports_last = 0;

	gdt_fill(m);
	idt_fill();
	__asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
	/* CS keeps its value and SS its meaning; reload both so that the cached parts are those of this table. */
	__asm__ volatile("mov %0, %%ss\n\t"
			 "push %1\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:"
			 : : "r"(SEL_KERNEL_SS), "r"((uint64_t)SEL_KERNEL_CS) : "rax", "memory");
	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
	__asm__ volatile("lldt %w0" : : "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void cpu_tables(struct cpu_tables *t)
{
	const struct machine *m = machine();

	*t = (struct cpu_tables){ .gdt = (uint64_t)m->gdt, .idt = (uint64_t)idt, .tss = (uint64_t)&m->task };
}

/* LTR takes no TSS that is busy already, as that of the CPU's own TR is. */
static void load_tr(struct machine *m)
{
	m->gdt[SEL_TSS / 8] &= ~DESC_TSS_BUSY;
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
	m->tr_short = false;
}

/* SDM, "Loading Host Segment and Descriptor-Table Registers".  IDTR's limit need not be exact: no vector lies beyond the table. */
void cpu_restore_tables(void)
{
	struct machine *m = machine();
	const struct table_pointer gdtr = { .limit = sizeof(m->gdt) - 1, .base = (uint64_t)m->gdt };

	__asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
	/* The I/O map is beyond TR's limit.  Most threads have no ports and need none. */
	m->tr_short = true;
	if (unlikely(m->task.tss.io_map < sizeof(m->task)))
		load_tr(m);
}

void cpu_load_ports(const uint8_t *bitmap, unsigned first_byte, unsigned last_byte)
{
	struct machine *m = machine();

	if (!bitmap) {
		m->task.tss.io_map = sizeof(m->task);
		return;
	}
	if (m->ports_first <= m->ports_last)
		memset(m->task.io_map + m->ports_first, 0xff, m->ports_last - m->ports_first + 1);
	if (first_byte <= last_byte)
		memcpy(m->task.io_map + first_byte, bitmap + first_byte, last_byte - first_byte + 1);
	m->ports_first = first_byte;
	m->ports_last = last_byte;
	m->task.tss.io_map = (uint16_t)(m->task.io_map - (uint8_t *)&m->task);
	if (m->tr_short)
		load_tr(m);
}
