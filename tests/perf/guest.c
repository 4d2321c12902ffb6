/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark guest: what each kind of VM exit costs, read from the time-stamp counter, which on the emulated machines advances by
 * one with each instruction.  The same file runs under Trivet and under Linux KVM (kvm_host.c).
 *
 * It prints a line for each event, "perf.NAME min=A median=B p99=C max=D", of RUNS runs without the measuring itself, then
 * "perf.done", and switches its machine off.  Without that line nothing of it counts.  Whatever is not as it should be ends it
 * with "perf.failed: why".
 */
#include <lib/base.h>
#include <x86/cr.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "guest.h"

#define RUNS		1001u
#define DELAY		100000u		/* of the timers, in ticks: long enough to be asleep by then */
#define NEVER		0x7fffffffu	/* of a timer that is only armed */

#define COM1		0x3f8u
#define PM1A_CNT	0x604u
#define S5		(5u << 10 | 1u << 13)

#define PIC_IMR		0x21u
#define RTC_DATA	0x71u
#define PORT_NONE	0x1230u
#define IOAPIC		0xfec00000ull
#define IOAPIC_WINDOW	0x10u
#define MMIO_NONE	0xc0000000ull	/* Trivet: the window of PCI devices, where none is */
#define FRESH		0x01000000ull	/* memory that nobody has touched before, up to ...  */
#define READY		0x02000000ull	/* ... here, where the host has, if it does so at all */

#define XAPIC		0xfee00000ull
#define XAPIC_TPR	0x80u
#define XAPIC_SVR	0xf0u
#define XAPIC_ICR	0x300u
#define X2APIC(reg)	(MSR_X2APIC_BASE + (reg) / 16)
#define X2APIC_TPR	X2APIC(0x80u)
#define X2APIC_ICR	X2APIC(0x300u)
#define X2APIC_LVT	X2APIC(0x320u)
#define X2APIC_INITIAL	X2APIC(0x380u)
#define X2APIC_CURRENT	X2APIC(0x390u)
#define X2APIC_DIVIDE	X2APIC(0x3e0u)
#define X2APIC_SELF	X2APIC(0x3f0u)
#define SVR_ENABLE	0x1ffu
#define ICR_NMI		0x4400u		/* delivery mode NMI; level: assert; physical, to APIC 0 */
#define ICR_SELF	0x44000u	/* shorthand: self; level: assert */
#define LVT_DEADLINE	(2u << 17)
#define DIVIDE_BY_1	0xbu

#define VECTORS		256u
#define VECTOR_XAPIC	0x40u
#define VECTOR_X2APIC	0x41u
#define VECTOR_SPURIOUS	0xffu
#define GATE		0x8e00ull	/* present, interrupt gate */
#define CODE		8ull		/* start.asm's code segment */

/* What an instruction finds in its registers.  @flip changes RAX after each run: a write that changes nothing may be free. */
struct operand {
	uint64_t rax, rcx, rdx, rbx, flip;
};

/* Written by the handlers: when the interrupt arrived, how many there were, the price of the EOI, the end of an NMI's handler. */
volatile uint32_t arrived, interrupts, eoi_ticks, eoi_start, nmi_start;

static uint64_t idt[VECTORS][2];
static uint32_t sample[RUNS], overhead;

/* --- instructions ------------------------------------------------------------------------------------------------------ */

static void port_out8(uint16_t port, uint8_t val)
{
	__asm__ volatile("outb %0, %1" : : "a"(val), "d"(port));
}

static uint8_t port_in8(uint16_t port)
{
	uint8_t val;

	__asm__ volatile("inb %1, %0" : "=a"(val) : "d"(port));
	return val;
}

static void msr_write(uint32_t msr, uint64_t val)
{
	__asm__ volatile("wrmsr" : : "a"((uint32_t)val), "d"((uint32_t)(val >> 32)), "c"(msr) : "memory");
}

static uint64_t msr_read(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static bool is_intel(void)
{
	uint32_t eax = 0, ebx, ecx, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return ebx == 0x756e6547;		/* "Genu", of GenuineIntel */
}

static uint64_t cr0(void)
{
	uint64_t val;

	__asm__ volatile("mov %%cr0, %0" : "=r"(val));
	return val;
}

static uint64_t cr3(void)
{
	uint64_t val;

	__asm__ volatile("mov %%cr3, %0" : "=r"(val));
	return val;
}

static uint64_t cr4(void)
{
	uint64_t val;

	__asm__ volatile("mov %%cr4, %0" : "=r"(val));
	return val;
}

/* --- the console ------------------------------------------------------------------------------------------------------- */

static void print(const char *text)
{
	for (; *text; text++) {
		while (!(port_in8(COM1 + 5) & 0x20))
			;
		port_out8(COM1, (uint8_t)*text);
	}
}

static void print_number(const char *before, uint32_t val)
{
	char text[11], *p = &text[10];

	*p = 0;
	do
		*--p = (char)('0' + val % 10);
	while (val /= 10);
	print(before);
	print(p);
}

static NORETURN void end(void)
{
	__asm__ volatile("outw %0, %1" : : "a"((uint16_t)S5), "d"((uint16_t)PM1A_CNT));
	for (;;)
		__asm__ volatile("cli; hlt");
}

static NORETURN void failed(const char *why)
{
	print("perf.failed: ");
	print(why);
	print("\n");
	end();
}

NORETURN void guest_exception(const uint64_t *stack)
{
	print_number("exception; on the stack: ", (uint32_t)stack[0]);
	print_number(", ", (uint32_t)stack[1]);
	print("\n");
	failed("an exception that nobody expected");
}

/* --- measuring --------------------------------------------------------------------------------------------------------- */

/* The clock, the operands' registers, five instructions in all; RDI: the clock before. */
#define BEFORE	"rdtsc\n\t" "mov %%eax, %%edi\n\t" "mov 8(%%rsi), %%rcx\n\t" "mov 16(%%rsi), %%rdx\n\t" \
		"mov 24(%%rsi), %%rbx\n\t" "mov (%%rsi), %%rax\n\t"

/* A function that executes @insn once and returns what it took. */
#define TIMED(name, insn) \
	static uint32_t name(const struct operand *o) \
	{ \
		uint32_t after; \
		\
		__asm__ volatile(BEFORE insn "\n\trdtsc\n\tsub %%edi, %%eax" : "=a"(after) : "S"(o) \
				 : "rbx", "rcx", "rdx", "rdi", "r8", "memory", "cc"); \
		return after; \
	}

/* A function that executes @insn once and returns what passed until the interrupt's handler; @first: what comes before. */
#define TIMED_INTERRUPT(name, first, insn) \
	static uint32_t name(const struct operand *o) \
	{ \
		uint32_t before; \
		\
		interrupts = 0; \
		first; \
		__asm__ volatile(BEFORE insn "\n1:\tpause\n\tcmpl $0, interrupts\n\tje 1b\n\tcli\n\tmov %%edi, %%eax" \
				 : "=a"(before) : "S"(o) : "rbx", "rcx", "rdx", "rdi", "memory", "cc"); \
		return arrived - before; \
	}

TIMED(nothing, "")
TIMED(cpuid, "cpuid")
TIMED(vmmcall, "vmmcall")
TIMED(vmcall, "vmcall")
TIMED(port_in, "inb %%dx, %%al")
TIMED(port_out, "outb %%al, %%dx")
TIMED(mem_read, "mov (%%rbx), %%eax")
TIMED(mem_read_sib, "mov 4(%%rbx,%%rcx,4), %%r8d")
TIMED(mem_write, "mov %%eax, (%%rbx)")
TIMED(mem_write_imm, "movl $1, 0x10(%%rbx)")
TIMED(mem_or, "orl $1, (%%rbx)")
TIMED(mem_cmp, "cmpl $1, (%%rbx)")
TIMED(mem_xchg, "xchg %%eax, (%%rbx)")
TIMED(rdmsr, "rdmsr")
TIMED(wrmsr, "wrmsr")
TIMED(write_cr0, "mov %%rax, %%cr0")
TIMED(write_cr3, "mov %%rax, %%cr3")
TIMED(write_cr4, "mov %%rax, %%cr4")
TIMED_INTERRUPT(ipi_mem, __asm__ volatile("sti; nop"), "mov %%eax, (%%rbx)")
TIMED_INTERRUPT(ipi_msr, __asm__ volatile("sti; nop"), "wrmsr")
TIMED_INTERRUPT(window, msr_write(X2APIC_SELF, VECTOR_X2APIC), "sti; nop")

/* Sleep until the timer's interrupt, which is due at @due: how late it was. */
static uint32_t sleep_until(uint64_t due)
{
	while (!interrupts)
		__asm__ volatile("sti; hlt; cli" : : : "rax", "rcx", "rdx", "memory");
	return arrived - (uint32_t)due;
}

static uint32_t one_shot(const struct operand *o)
{
	uint64_t before = ticks();

	(void)o;
	interrupts = 0;
	msr_write(X2APIC_INITIAL, DELAY);
	return sleep_until(before + DELAY);
}

static uint32_t deadline(const struct operand *o)
{
	uint64_t due = ticks() + DELAY;

	(void)o;
	interrupts = 0;
	msr_write(MSR_IA32_TSC_DEADLINE, due);
	return sleep_until(due);
}

/* An NMI that waits for the end of another's handler: from its IRET to its own handler. */
static uint32_t nmi_window(const struct operand *o)
{
	(void)o;
	interrupts = 0;
	msr_write(X2APIC_ICR, ICR_NMI);
	while (interrupts < 2)
		__asm__ volatile("pause" : : : "rax", "rcx", "rdx", "memory");
	return arrived - nmi_start;
}

static uint32_t cpuid_32(const struct operand *o) { return code32_run(o, 0); }
static uint32_t mem_read_32(const struct operand *o) { return code32_run(o, 1); }

/* The EOI inside a handler, with its interrupt in service. */
static uint32_t eoi_mem(const struct operand *o)
{
	(void)ipi_mem(o);
	return eoi_ticks;
}

static uint32_t eoi_msr(const struct operand *o)
{
	(void)ipi_msr(o);
	return eoi_ticks;
}

/* In ascending order: Shell's, with Knuth's steps. */
static void sort(uint32_t *val, unsigned count)
{
	for (unsigned step = 364; step; step /= 3)
		for (unsigned i = step; i < count; i++) {
			uint32_t x = val[i];
			unsigned j = i;

			for (; j >= step && val[j - step] > x; j -= step)
				val[j] = val[j - step];
			val[j] = x;
		}
}

static void report(const char *name)
{
	sort(sample, RUNS);
	print("perf.");
	print(name);
	print_number(" min=", sample[0]);
	print_number(" median=", sample[RUNS / 2]);
	print_number(" p99=", sample[RUNS * 99 / 100]);
	print_number(" max=", sample[RUNS - 1]);
	print("\n");
}

/* Run @once RUNS times; @without is taken off each. */
static void measure(const char *name, uint32_t (*once)(const struct operand *), struct operand o, uint32_t without)
{
	MARK_BEGIN;
	for (unsigned i = 0; i < RUNS; i++) {
		uint32_t took = once(&o);

		sample[i] = took > without ? took - without : 0;
		o.rax ^= o.flip;
	}
	MARK_END;
	report(name);
}

#define MEASURE(name, once, ...)	measure(name, once, (struct operand){ __VA_ARGS__ }, overhead)
#define MEASURE_LATE(name, once)	measure(name, once, (struct operand){ 0 }, 0)

/* The first read of each page of memory that nobody has touched since the guest began. */
static void measure_touch(const char *name, uint64_t from)
{
	struct operand o = { 0 };

	MARK_BEGIN;
	for (unsigned i = 0; i < RUNS; i++) {
		uint32_t took;

		o.rbx = from + i * PAGE_SIZE;
		took = mem_write(&o);
		sample[i] = took > overhead ? took - overhead : 0;
	}
	MARK_END;
	report(name);
}

/* --- the events -------------------------------------------------------------------------------------------------------- */

static void measure_cpu(void)
{
	MEASURE("cpuid", cpuid, .rax = 1);
	MEASURE("vmmcall", is_intel() ? vmcall : vmmcall, .rax = 99);
	MEASURE("rdmsr.emulated", rdmsr, .rcx = MSR_IA32_MCG_STATUS);
	MEASURE("wrmsr.emulated", wrmsr, .rcx = MSR_IA32_MCG_STATUS);
	MEASURE("rdmsr.passed", rdmsr, .rcx = MSR_KERNEL_GS_BASE);
	MEASURE("wrmsr.passed", wrmsr, .rcx = MSR_KERNEL_GS_BASE);
	MEASURE("cr0.ts", write_cr0, .rax = cr0(), .flip = CR0_TS);
	MEASURE("cr0.wp", write_cr0, .rax = cr0(), .flip = CR0_WP);
	MEASURE("cr3", write_cr3, .rax = cr3());
	MEASURE("cr4.pge", write_cr4, .rax = cr4(), .flip = CR4_PGE);
}

static void measure_devices(void)
{
	MEASURE("in.pic", port_in, .rdx = PIC_IMR);
	MEASURE("out.pic", port_out, .rax = 0xff, .rdx = PIC_IMR);
	MEASURE("in.rtc", port_in, .rdx = RTC_DATA);
	MEASURE("in.none", port_in, .rdx = PORT_NONE);
	MEASURE("out.none", port_out, .rdx = PORT_NONE);
	MEASURE("mmio.read", mem_read, .rbx = IOAPIC);
	MEASURE("mmio.read.sib", mem_read_sib, .rbx = IOAPIC, .rcx = 3);
	MEASURE("mmio.write", mem_write, .rax = 1, .rbx = IOAPIC);
	MEASURE("mmio.write.imm", mem_write_imm, .rbx = IOAPIC);
	MEASURE("mmio.or", mem_or, .rbx = IOAPIC);
	MEASURE("mmio.cmp", mem_cmp, .rbx = IOAPIC + IOAPIC_WINDOW);
	MEASURE("mmio.xchg", mem_xchg, .rax = 1, .rbx = IOAPIC);
	MEASURE("mmio.read.none", mem_read, .rbx = MMIO_NONE);
	MEASURE("mmio.write.none", mem_write, .rbx = MMIO_NONE);
}

static void measure_xapic(void)
{
	MEASURE("xapic.read", mem_read, .rbx = XAPIC + XAPIC_TPR);
	MEASURE("xapic.write", mem_write, .rbx = XAPIC + XAPIC_TPR);
	MEASURE("xapic.ipi", ipi_mem, .rax = ICR_SELF | VECTOR_XAPIC, .rbx = XAPIC + XAPIC_ICR);
	MEASURE("xapic.eoi", eoi_mem, .rax = ICR_SELF | VECTOR_XAPIC, .rbx = XAPIC + XAPIC_ICR);
}

static void measure_x2apic(void)
{
	MEASURE("x2apic.read", rdmsr, .rcx = X2APIC_TPR);
	MEASURE("x2apic.write", wrmsr, .rcx = X2APIC_TPR);
	MEASURE("x2apic.ipi", ipi_msr, .rax = VECTOR_X2APIC, .rcx = X2APIC_SELF);
	MEASURE("x2apic.eoi", eoi_msr, .rax = VECTOR_X2APIC, .rcx = X2APIC_SELF);
	MEASURE("window", window, 0);
	MEASURE_LATE("window.nmi", nmi_window);
}

static void measure_timer(void)
{
	uint64_t before, counted, passed;

	msr_write(X2APIC_DIVIDE, DIVIDE_BY_1);
	msr_write(X2APIC_LVT, VECTOR_X2APIC);
	MEASURE("x2apic.timer", wrmsr, .rax = NEVER, .rcx = X2APIC_INITIAL);

	/* Its lateness is told in ticks of the time-stamp counter: where the two do not run alike, it is left out. */
	msr_write(X2APIC_INITIAL, NEVER);
	before = ticks();
	while (ticks() - before < 100 * DELAY)
		;
	counted = NEVER - msr_read(X2APIC_CURRENT);
	passed = ticks() - before;
	if (counted <= passed + passed / 100 && passed <= counted + counted / 100)
		MEASURE_LATE("late.oneshot", one_shot);

	msr_write(X2APIC_INITIAL, 0);
	msr_write(X2APIC_LVT, VECTOR_X2APIC | LVT_DEADLINE);
	MEASURE("deadline.arm", wrmsr, .rax = 0, .rcx = MSR_IA32_TSC_DEADLINE, .rdx = NEVER);
	MEASURE_LATE("late.deadline", deadline);
}

static void gate_set(unsigned vector, void (*handler)(void))
{
	uint64_t at = (uintptr_t)handler;

	idt[vector][0] = (at & 0xffff) | CODE << 16 | GATE << 32 | (at >> 16 & 0xffff) << 48;
	idt[vector][1] = at >> 32;
}

NORETURN void guest_main(void)
{
	const struct __attribute__((packed)) { uint16_t limit; uint64_t base; } idtr = { sizeof(idt) - 1, (uintptr_t)idt };
	const struct operand none = { 0 };

	for (unsigned i = 0; i < VECTORS; i++)
		gate_set(i, handler_exception);
	gate_set(VECTOR_XAPIC, handler_xapic);
	gate_set(VECTOR_X2APIC, handler_x2apic);
	gate_set(VECTOR_SPURIOUS, handler_spurious);
	gate_set(EXC_NMI, handler_nmi);
	__asm__ volatile("lidt %0" : : "m"(idtr));
	*(volatile uint32_t *)(XAPIC + XAPIC_SVR) = SVR_ENABLE;
	*(volatile uint32_t *)(XAPIC + XAPIC_TPR) = 0;

	overhead = nothing(&none);
	for (unsigned i = 0; i < RUNS; i++) {
		uint32_t took = nothing(&none);

		overhead = took < overhead ? took : overhead;
	}
	measure_cpu();
	measure_devices();
	measure_touch("touch.fresh", FRESH);
	measure_touch("touch.ready", READY);
	measure_xapic();
	msr_write(MSR_IA32_APIC_BASE, msr_read(MSR_IA32_APIC_BASE) | APIC_BASE_X2APIC);
	measure_x2apic();
	measure_timer();
	MEASURE("code32.cpuid", cpuid_32, .rax = 1);
	MEASURE("code32.mmio.read", mem_read_32, .rbx = IOAPIC);
	MEASURE("mmio.read.again", mem_read, .rbx = IOAPIC);
	print("perf.done\n");
	end();
}
