/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of one virtual CPU is ever seen by another one: every register that a guest has, over many switches. */
/* not-on: bochs-svm Bochs does not load CR2 at VMRUN */
#include "vcpu_rig.h"

#define SEL_VCPU2	(SEL_TEST + 0)
#define SEL_THREAD2	(SEL_TEST + 1)
#define SEL_SCHED2	(SEL_TEST + 3)
#define PAGE2_BASE	(PAGE_BASE + 0x10000)
#define SWITCHES	2000u

static struct tv_exit_page *const page2 = (struct tv_exit_page *)PAGE2_BASE;

GUEST_CODE(spin_code, 64, "1: cpuid; jmp 1b\n");

/* A value of its own for every register of each vCPU. */
static uint64_t pattern(unsigned vcpu, unsigned reg)
{
	return (0x1111ull * (vcpu + 1)) << 32 | (reg << 8) | vcpu;
}

static void fill(struct tv_exit_page *p, unsigned n)
{
	for (unsigned i = 0; i < TV_GPRS; i++) {
		if (i != TV_RSP)
			p->gpr[i] = pattern(n, i);
	}
	for (unsigned i = 0; i < 4; i++)
		p->dr[i] = pattern(n, 20 + i);
	p->cr2 = pattern(n, 24);
	p->lstar = pattern(n, 25);
	p->cstar = pattern(n, 26);
	p->kernel_gs_base = pattern(n, 27);
	p->sysenter_esp = pattern(n, 28);
	p->sysenter_eip = pattern(n, 29);
	p->fmask = pattern(n, 30) & 0xffff;
	p->star = pattern(n, 31);
	p->tsc_aux = n + 1;
	p->xcr0 = n ? 1 : 3;
	p->cr8 = n + 1;
	p->seg[TV_FS].base = pattern(n, 32);
	p->seg[TV_GS].base = pattern(n, 33);
	p->gdtr.limit = 23 + 8 * n;
	p->dirty |= TV_REGS_ALL;
	p->want[TV_EXIT_CPUID] = TV_REGS_ALL;
}

static bool same(const struct tv_exit_page *p, unsigned n)
{
	bool ok = true;

	for (unsigned i = 0; i < TV_GPRS; i++)
		ok &= i == TV_RSP || p->gpr[i] == pattern(n, i);
	for (unsigned i = 0; i < 4; i++)
		ok &= p->dr[i] == pattern(n, 20 + i);
	return ok && p->cr2 == pattern(n, 24) && p->lstar == pattern(n, 25) && p->cstar == pattern(n, 26) &&
	       p->kernel_gs_base == pattern(n, 27) && p->sysenter_esp == pattern(n, 28) && p->sysenter_eip == pattern(n, 29) &&
	       p->fmask == (pattern(n, 30) & 0xffff) && p->star == pattern(n, 31) && p->tsc_aux == n + 1 &&
	       p->xcr0 == (n ? 1 : 3) && p->cr8 == n + 1 && p->seg[TV_FS].base == pattern(n, 32) &&
	       p->seg[TV_GS].base == pattern(n, 33) && p->gdtr.limit == 23 + 8 * n;
}

/* As vCPU 1 is prepared, after LOAD() and long_mode(). */
static void make_second(void)
{
	expect_err(sys_vcpu_create(SEL_VCPU2, SEL_SPACE), TV_OK);
	expect_err(sys_vcpu_map(SEL_VCPU2, PAGE2_BASE), TV_OK);
	page2->cr0 = page->cr0;
	page2->cr3 = page->cr3;
	page2->cr4 = page->cr4;
	page2->efer = page->efer;
	memcpy(page2->seg, page->seg, sizeof(page->seg));
	page2->gdtr = page->gdtr;
	page2->idtr = page->idtr;
	page2->rip = CODE;
	page2->rflags = page->rflags;
	page2->gpr[TV_RSP] = STACK;
	page2->dirty = TV_REGS_ALL;
}

static void test_registers(void)
{
	unsigned wrong = 0;

	LOAD(spin_code);
	long_mode();
	make_second();
	fill(page, 0);
	fill(page2, 1);
	for (unsigned i = 0; i < SWITCHES; i++) {
		uint64_t vcpu = i & 1 ? SEL_VCPU2 : SEL_VCPU;

		if (sys_vcpu_run(vcpu, TV_NEVER, NULL) != TV_OK || !same(i & 1 ? page2 : page, i & 1))
			wrong++;
	}
	expect(wrong == 0);
	verdict("no register of one vCPU is seen by another one");
}

/*
 * RDI: where its data is: a pattern of 16 bytes at 0, a counter at 16, a verdict at 24.  Loads every XMM register with the
 * pattern and looks for changes, with the time between that other threads need to come in.
 */
GUEST_CODE(xmm_code, 64,
	"movdqu (%rdi), %xmm0; movdqa %xmm0, %xmm1; movdqa %xmm0, %xmm7; movdqa %xmm0, %xmm15\n"
	"1: mov $2000, %ecx\n"
	"2: dec %ecx; jnz 2b\n"
	"movdqu (%rdi), %xmm2\n"
	"pcmpeqb %xmm1, %xmm2; pand %xmm7, %xmm2; pcmpeqb %xmm15, %xmm2; pmovmskb %xmm2, %eax\n"
	"cmp $0xffff, %eax; jne 3f\n"
	"incq 16(%rdi)\n"
	"testq $0x3ff, 16(%rdi); jnz 1b\n"
	"cpuid\n"		/* the monitor comes in between, too */
	"3: movl $1, 24(%rdi); hlt\n");

static volatile bool second_done;
static uint8_t stack2[4096] __attribute__((aligned(16)));

/* Play monitor of @vcpu until @end. */
static void play(uint64_t vcpu, struct tv_exit_page *p, uint64_t end)
{
	while (now() < end && sys_vcpu_run(vcpu, end, NULL) == TV_OK) {
		if (p->kind == TV_EXIT_DEADLINE || p->kind == TV_EXIT_KICK)
			continue;
		if (p->kind != TV_EXIT_CPUID)
			break;
		p->rip = CODE;
		p->dirty |= TV_REGS_RIP;
	}
}

static uint64_t play_until;

static void second_thread(void)
{
	play(SEL_VCPU2, page2, play_until);
	second_done = true;
	sys_thread_exit(0);
}

static void prepare_xmm(struct tv_exit_page *p, uint64_t data, uint64_t value)
{
	((uint64_t *)guest_at(data))[0] = value;
	((uint64_t *)guest_at(data))[1] = ~value;
	p->gpr[TV_RDI] = data;
	p->cr0 &= ~(CR0_TS | CR0_EM);
	p->dirty |= TV_REGS_CR | TV_REGS_RIP;
}

static void test_fpu(void)
{
	uint64_t slice = milliseconds(2);

	(void)sys_cap_delete(SEL_VCPU2);
	LOAD(xmm_code);
	long_mode();
	make_second();
	prepare_xmm(page, DATA, 0x0123456789abcdefull);
	prepare_xmm(page2, DATA + 0x100, 0xfedcba9876543210ull);
	play_until = now() + milliseconds(1000);

	/* Both with short budgets, so that they alternate. */
	expect_err(sys_thread_create(SEL_THREAD2, TV_SEL_DOMAIN, (uint64_t)second_thread,
				     (uint64_t)(stack2 + sizeof(stack2) - 8), 0, 0), TV_OK);
	expect_err(sys_sched_create(SEL_SCHED2, TV_SEL_SCHED, 0, 255, slice, 2 * slice), TV_OK);
	expect_err(sys_sched_bind(SEL_SCHED2, SEL_THREAD2), TV_OK);
	expect_err(sys_thread_start(SEL_THREAD2), TV_OK);
	play(SEL_VCPU, page, play_until);
	while (!second_done && now() < play_until + milliseconds(500))
		;
	expect(second_done);
	expect(page->kind != TV_EXIT_HLT && page2->kind != TV_EXIT_HLT);
	expect(guest_read(DATA + 24) == 0 && guest_read(DATA + 0x100 + 24) == 0);
	expect(guest_read(DATA + 16) > 200 && guest_read(DATA + 0x100 + 16) > 200);
	print("  rounds: %u and %u\n", guest_read(DATA + 16), guest_read(DATA + 0x100 + 16));
	verdict("the FPU registers of a guest stay its own while threads alternate");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	make_guest();
	test_registers();
	test_fpu();
	done();
}
