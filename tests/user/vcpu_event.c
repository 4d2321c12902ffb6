/* SPDX-License-Identifier: Apache-2.0 */
/* Events into a guest: interrupts and their windows, shadows, exceptions, debug traps, NMIs, interrupted deliveries. */
/* not-on: bochs-svm Bochs does not load CR2 at VMRUN, and a virtual interrupt waits until the guest changes IF */
#include "vcpu_rig.h"

#define INTR(v)		TV_EVENT(TV_EVENT_EXTINT, (v))
#define NMI		TV_EVENT(TV_EVENT_NMI, 2)
#define EXC(v)		TV_EVENT(TV_EVENT_EXC, (v))

/* The handler at 'intr' counts in DATA; the main program marks its steps by OUT. */
GUEST_CODE(intr_code, 16,
	"cli\n"
	"out %al, $0x80\n"
	"sti\n"
	"out %al, $0x81\n"		/* in the shadow of STI */
	"out %al, $0x82\n"
	"cli\n"
	"out %al, $0x83\n"
	"nop\n"
	"out %al, $0x84\n"
	".global intr\nintr: incw 0x9000\n"
	"out %al, $0x90\n"
	"iret\n");
extern const char intr[];

static void test_interrupt(void)
{
	LOAD(intr_code);
	set_ivt(0x30, intr_code, intr);
	expect_mark(0x80);
	/* IF is clear: it waits in the page, and nothing is reported. */
	page->inject = INTR(0x30);
	expect_mark(0x81);
	expect(page->inject == INTR(0x30) && guest_read(DATA) == 0);
	expect_mark(0x90);
	expect(page->inject == 0 && guest_read(DATA) == 1);
	expect_mark(0x82);
	verdict("an interrupt waits for STI and its shadow, and then comes without being asked for again");

	/* Cancelled while it waits. */
	expect_mark(0x83);
	page->inject = INTR(0x30);
	expect_mark(0x84);
	expect(page->inject == INTR(0x30));
	page->inject = 0;
	page->rflags |= RFLAGS_IF;
	page->rip -= 2;		/* OUT again, with IF set */
	page->dirty |= TV_REGS_RIP;
	expect_mark(0x84);
	expect(guest_read(DATA) == 1);
	verdict("the monitor can take back an interrupt that waits");
}

static void test_window(void)
{
	LOAD(intr_code);
	expect_mark(0x80);
	page->window = TV_WINDOW_INTR;
	expect(run() == TV_EXIT_PIO && page->arg0 == 0x81);
	skip(2);
	expect(run() == TV_EXIT_WINDOW && page->arg0 == TV_WINDOW_INTR);
	expect(page->rflags & RFLAGS_IF && !(page->shadow & TV_SHADOW_STI));
	page->window = 0;
	expect_mark(0x82);
	expect_mark(0x83);
	verdict("a window opens where an interrupt could be delivered");
}

GUEST_CODE(hlt_code, 16,
	"sti\n"
	"hlt\n"
	"out %al, $0x80\n"
	".global hlt_intr\nhlt_intr: incw 0x9000\n"
	"iret\n");
extern const char hlt_intr[];

static void test_halt(void)
{
	LOAD(hlt_code);
	set_ivt(0x30, hlt_code, hlt_intr);
	/* It waits before the guest starts; it must not come between STI and HLT. */
	page->inject = INTR(0x30);
	expect(run() == TV_EXIT_HLT);
	expect(page->rip == 1 && guest_read(DATA) == 0 && page->shadow == TV_SHADOW_STI);
	skip(1);
	expect_mark(0x80);
	expect(guest_read(DATA) == 1);
	verdict("no interrupt comes between STI and HLT");
}

GUEST_CODE(exc_code, 64,
	"out %al, $0x80\n"
	"out %al, $0x81\n"
	".global exc_pf\nexc_pf: pop %rbx; mov %cr2, %rcx; out %al, $0x90; iretq\n"
	".global exc_ud\nexc_ud: incl 0x9000; addq $2, (%rsp); iretq\n");
extern const char exc_pf[], exc_ud[];

static void test_exception(void)
{
	LOAD(exc_code);
	long_mode();
	set_idt(14, exc_code, exc_pf);
	expect_mark(0x80);
	page->want[TV_EXIT_PIO] = TV_REGS_CR;
	expect(run() == TV_EXIT_PIO && page->arg0 == 0x81);
	page->cr2 = 0xdeadb000;
	page->dirty |= TV_REGS_CR;
	page->inject = EXC(14) | TV_EVENT_HAS_ERROR | 2ull << 32;
	expect_mark(0x90);
	expect(page->gpr[TV_RBX] == 2 && page->gpr[TV_RCX] == 0xdeadb000);
	expect_mark(0x81);
	verdict("a page fault is delivered with error code and CR2");
}

/* Single steps itself: the handler counts traps and clears TF after ten. */
GUEST_CODE(step_code, 64,
	"pushfq; orq $0x100, (%rsp); popfq\n"
	".rept 20\nnop\n.endr\n"
	"out %al, $0x80\n"
	".global step_db\nstep_db:\n"
	"incl 0x9000\n"
	"cmpl $10, 0x9000; jb 1f; andq $~0x100, 16(%rsp)\n"
	"1: mov %dr6, %rax; mov %rax, 0x9008; iretq\n");
extern const char step_db[];

GUEST_CODE(break_code, 64,
	"lea 2f(%rip), %rax; mov %rax, %dr2\n"
	"mov $0x420, %rax; mov %rax, %dr7\n"
	"xor %ebx, %ebx\n"
	"2: inc %ebx\n"
	"mov %dr2, %rcx\n"
	"out %al, $0x80\n"
	".global break_db\nbreak_db:\n"
	"incl 0x9000; mov %dr6, %rax; mov %rax, 0x9008\n"
	"orq $0x10000, 16(%rsp); iretq\n");
extern const char break_db[];

static void test_debug(void)
{
	LOAD(step_code);
	long_mode();
	set_idt(1, step_code, step_db);
	expect_mark(0x80);
	expect(guest_read(DATA) == 10 && (guest_read(DATA + 8) & 0x4000));
	verdict("a guest can single-step itself");

	LOAD(break_code);
	long_mode();
	set_idt(1, break_code, break_db);
	page->want[TV_EXIT_PIO] = page->want[TV_EXIT_DR] = TV_REGS_DR;
	/* On QEMU, enabling a breakpoint is left to the monitor: RAX goes to DR7. */
	if (run() == TV_EXIT_DR) {
		expect(page->arg0 == 7 && page->arg1 & TV_CR_WRITE);
		page->dr7 = page->gpr[TV_RAX];
		page->dirty |= TV_REGS_DR;
		skip(3);
		(void)run();
	}
	expect(page->kind == TV_EXIT_PIO);
	expect(page->gpr[TV_RBX] == 1 && page->gpr[TV_RCX] == page->dr[2] && page->dr[2] > CODE && (page->dr7 & 0xff) == 0x20);
	verdict("debug registers are the guest's own");
	/* QEMU does not arm what is enabled when a guest is entered. */
	if (guest_read(DATA) == 0) {
		say("SKIP: a guest's breakpoint is hit: not on this emulator\n");
		return;
	}
	expect(guest_read(DATA) == 1 && (guest_read(DATA + 8) & 4));
	verdict("a guest's breakpoint is hit");
}

GUEST_CODE(nmi_code, 64,
	"out %al, $0x80\n"
	"out %al, $0x81\n"
	"out %al, $0x82\n"
	".global nmi\nnmi: incl 0x9000\n"
	"out %al, $0x90\n"
	"out %al, $0x91\n"
	"iretq\n");
extern const char nmi[];

static void test_nmi(void)
{
	LOAD(nmi_code);
	long_mode();
	set_idt(2, nmi_code, nmi);
	expect_mark(0x80);
	page->inject = NMI;
	expect_mark(0x90);
	expect(page->inject == 0 && page->shadow == TV_SHADOW_NMI);
	page->inject = NMI;
	expect_mark(0x91);
	expect(page->inject == NMI && guest_read(DATA) == 1);
	/* The IRET of the first lets the second in, before any other instruction. */
	expect_mark(0x90);
	expect(page->inject == 0 && guest_read(DATA) == 2);
	expect_mark(0x91);
	expect_mark(0x81);
	expect(page->shadow == 0 && !(page->rflags & RFLAGS_TF));
	verdict("a second NMI comes right after the IRET of the first");

	page->window = TV_WINDOW_NMI;
	expect(run() == TV_EXIT_WINDOW && page->arg0 == TV_WINDOW_NMI);
	page->inject = NMI;
	expect_mark(0x90);
	expect_mark(0x91);
	expect(run() == TV_EXIT_WINDOW && page->arg0 == TV_WINDOW_NMI);
	expect(page->rip == CODE + 4);
	page->window = 0;
	expect_mark(0x82);
	verdict("an NMI window opens behind the IRET");
}

GUEST_CODE(movss_code, 64,
	"cli\n"
	"mov $0x10, %eax\n"
	"out %al, $0x80\n"
	"mov %eax, %ss\n"
	"mov $0x8000, %esp\n"
	"out %al, $0x81\n"
	".global movss_nmi\nmovss_nmi: mov 24(%rsp), %rbx; out %al, $0x90; iretq\n");
extern const char movss_nmi[];

static void test_mov_ss(void)
{
	LOAD(movss_code);
	long_mode();
	set_idt(2, movss_code, movss_nmi);
	expect_mark(0x80);
	/* As if the exit had come right behind MOV SS. */
	page->rip += 2;
	page->shadow = TV_SHADOW_MOVSS;
	page->gpr[TV_RSP] = 0x4000;
	page->inject = NMI;
	page->dirty |= TV_REGS_RIP;
	expect_mark(0x90);
	expect(page->gpr[TV_RBX] == 0x8000);
	expect_mark(0x81);
	expect(!(page->rflags & RFLAGS_TF));
	verdict("no NMI comes between MOV SS and the instruction behind it");
}

GUEST_CODE(stack_code, 64,
	"out %al, $0x80\n"
	"out %al, $0x81\n"
	".global stack_intr\nstack_intr: out %al, $0x90; iretq\n");
extern const char stack_intr[];

static void test_interrupted(void)
{
	LOAD(stack_code);
	long_mode();
	set_idt(0x40, stack_code, stack_intr);
	set_idt(13, stack_code, stack_intr);
	page->rflags |= RFLAGS_IF;
	page->gpr[TV_RSP] = 0x1c0000;
	expect_mark(0x80);
	/* The stack is gone: the delivery itself faults in the nested tables. */
	expect_err(sys_mem_unmap(SEL_SPACE, 0x1bf000, 0x1000), TV_OK);
	page->inject = INTR(0x40);
	expect(run() == TV_EXIT_MMIO);
	expect((page->arg0 & ~0xfffull) == 0x1bf000 && page->arg1 & TV_MMIO_WRITE);
	expect(page->pending == INTR(0x40) && page->inject == 0 && page->rip == CODE + 2);
	/* Repaired: it is delivered without being injected again. */
	expect_err(sys_mem_map(SEL_SPACE, 0x1bf000, region, 0x1bf000, 0x1000, TV_MAP_RIGHTS), TV_OK);
	expect_mark(0x90);
	expect(page->pending == 0);
	expect_mark(0x81);
	verdict("a delivery that faulted in the nested tables is repeated");

	LOAD(stack_code);
	long_mode();
	page->rip = CODE;
	page->pending = EXC(8) | TV_EVENT_HAS_ERROR;
	page->inject = EXC(13) | TV_EVENT_HAS_ERROR;
	expect(run() == TV_EXIT_SHUTDOWN && page->entries == 0);
	verdict("an exception on top of a double fault is a triple fault");
}

GUEST_CODE(cr8_code, 64,
	"cli\n"
	"mov $5, %eax; mov %rax, %cr8\n"
	"out %al, $0x80\n"
	"xor %eax, %eax; mov %rax, %cr8\n"
	"mov %cr8, %rbx\n"
	"out %al, $0x81\n");

static void test_cr8(void)
{
	LOAD(cr8_code);
	long_mode();
	page->want[TV_EXIT_PIO] = TV_REGS_CR;
	expect_mark(0x80);
	expect(page->cr8 == 5);
	page->intercept = TV_ICPT_CR8;
	expect(run() == TV_EXIT_CR && page->arg0 == 8 && page->arg1 & TV_CR_WRITE);
	page->cr8 = 3;
	page->rip += 4;
	page->dirty |= TV_REGS_CR | TV_REGS_RIP;
	page->intercept = 0;
	expect_mark(0x81);
	expect(page->gpr[TV_RBX] == 3 && page->cr8 == 3);
	verdict("CR8 exits when asked for, and is the guest's otherwise");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	make_guest();
	test_interrupt();
	test_window();
	test_halt();
	test_exception();
	test_debug();
	test_nmi();
	test_mov_ss();
	test_interrupted();
	test_cr8();
	done();
}
