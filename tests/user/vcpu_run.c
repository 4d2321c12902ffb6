/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor sees of a guest: exits, registers, deadlines, kicks, and state that is refused. */
/* not-on: bochs-svm Bochs holds interrupts of the host back while a guest's IF is 0 at VMRUN */
#include "vcpu_rig.h"

GUEST_CODE(real_code, 16,
	"mov $0x1234, %ax\n"
	"cpuid\n"
	"out %al, $0x80\n"
	"in $0x71, %al\n"
	"mov $0x123456, %ebx\n"
	"mov $0x1b, %cx\n"
	"rdmsr\n"
	"wrmsr\n"
	"hlt\n");

static void test_exits(void)
{
	LOAD(real_code);
	expect(run() == TV_EXIT_CPUID);
	expect(page->rip == 3 && (page->gpr[TV_RAX] & 0xffff) == 0x1234);
	expect(page->valid == TV_REGS_RIP && page->entries >= 1 && page->exits == 1);
	page->gpr[TV_RAX] = 0x5a;
	skip(2);
	expect(run() == TV_EXIT_PIO);
	expect(page->arg0 == 0x80 && page->arg1 == TV_PIO_MK_SIZE(1) && page->insn_len == 2 && page->gpr[TV_RAX] == 0x5a);
	skip(2);
	expect(run() == TV_EXIT_PIO);
	expect(page->arg0 == 0x71 && page->arg1 == (TV_PIO_IN | TV_PIO_MK_SIZE(1)));
	skip(2);
	expect(run() == TV_EXIT_RDMSR);
	expect(page->gpr[TV_RBX] == 0x123456 && (page->gpr[TV_RCX] & 0xffff) == 0x1b);
	skip(2);
	expect(run() == TV_EXIT_WRMSR);
	skip(2);
	page->want[TV_EXIT_HLT] = TV_REGS_CR | TV_REGS_SEG;
	expect(run() == TV_EXIT_HLT);
	expect(page->valid == (TV_REGS_RIP | TV_REGS_CR | TV_REGS_SEG));
	expect(page->seg[TV_CS].base == CODE && page->seg[TV_CS].limit == 0xffff && page->efer == 0 && page->cpl == 0);
	verdict("instructions that need the monitor exit with RIP at the instruction");
}

GUEST_CODE(swap_code, 64,
	"not %rax; not %rbx; not %rcx; not %rdx; not %rsi; not %rdi; not %rbp\n"
	"not %r8; not %r9; not %r10; not %r11; not %r12; not %r13; not %r14; not %r15\n"
	"out %al, $0x80\n");

static void test_registers(void)
{
	bool same = true;

	LOAD(swap_code);
	long_mode();
	for (unsigned i = 0; i < TV_GPRS; i++)
		page->gpr[i] = i == TV_RSP ? STACK : 0x1111111111111111ull * i;
	expect(run() == TV_EXIT_PIO);
	for (unsigned i = 0; i < TV_GPRS; i++)
		same &= page->gpr[i] == (i == TV_RSP ? STACK : ~(0x1111111111111111ull * i));
	expect(same);
	verdict("all general registers travel through the state page, in 64-bit mode");
}

GUEST_CODE(msr_code, 64,
	"mov $0xc0000102, %ecx; mov $0x11223344, %eax; mov $0x7788, %edx; wrmsr\n"
	"mov $0xc0000082, %ecx; mov $0x55667788, %eax; xor %edx, %edx; wrmsr\n"
	"mov $0x175, %ecx; mov $0x9abc, %eax; xor %edx, %edx; wrmsr\n"
	"mov $0xc0000100, %ecx; rdmsr; mov %rax, %rbx\n"
	"mov $0x1000, %eax; mov %rax, %cr2\n"
	"rdtscp; mov %rcx, %r15\n"
	"out %al, $0x80\n");

static void test_switched_state(void)
{
	LOAD(msr_code);
	long_mode();
	page->seg[TV_FS].base = 0xabcdef;
	page->star = 0x0023001000000000ull;
	page->tsc_aux = 0x77;
	page->pat = 0x0007040600070406ull;
	page->dirty |= TV_REGS_MSR;
	page->want[TV_EXIT_PIO] = TV_REGS_MSR | TV_REGS_SEG | TV_REGS_CR;
	expect(run() == TV_EXIT_PIO);
	expect(page->kernel_gs_base == 0x778811223344ull && page->lstar == 0x55667788 && page->sysenter_esp == 0x9abc);
	expect(page->star == 0x0023001000000000ull && page->gpr[TV_RBX] == 0xabcdef && page->gpr[TV_R15] == 0x77);
	expect(page->cr2 == 0x1000 && page->efer == (EFER_LME | EFER_LMA | EFER_SCE));
	verdict("MSRs that the CPU switches are the guest's without an exit");
}

GUEST_CODE(loop_code, 16, "1: jmp 1b\n");

static void test_deadline_and_kick(void)
{
	uint64_t start = now(), end = start + milliseconds(20), bits;

	LOAD(loop_code);
	expect_err(sys_vcpu_run(SEL_VCPU, end, NULL), TV_OK);
	expect(page->kind == TV_EXIT_DEADLINE && now() >= end && now() < end + milliseconds(200));
	expect(page->rip == 0);
	expect_err(sys_vcpu_run(SEL_VCPU, now() - 1, NULL), TV_OK);
	expect(page->kind == TV_EXIT_DEADLINE);
	verdict("a guest that never exits comes back at the deadline");

	expect_err(sys_ntfn_create(SEL_NTFN), TV_OK);
	expect_err(sys_thread_bind(TV_SEL_THREAD, SEL_NTFN), TV_OK);
	expect_err(sys_ntfn_signal(SEL_NTFN, 4), TV_OK);
	expect(run() == TV_EXIT_KICK && run() == TV_EXIT_KICK);
	expect_err(sys_ntfn_poll(SEL_NTFN, &bits), TV_OK);
	expect(bits == 4);
	expect_err(sys_vcpu_run(SEL_VCPU, now() + milliseconds(5), NULL), TV_OK);
	expect(page->kind == TV_EXIT_DEADLINE);
	verdict("a signal ends vcpu_run until it is taken");

	expect_err(sys_vcpu_kick(SEL_VCPU), TV_OK);
	expect(run() == TV_EXIT_KICK);
	expect_err(sys_vcpu_run(SEL_VCPU, now() + milliseconds(5), NULL), TV_OK);
	expect(page->kind == TV_EXIT_DEADLINE);
	verdict("a kick before the entry is not lost, and counts once");
}

GUEST_CODE(mmio_code, 64,
	"mov $0x40000000, %rax\n"
	"1: mov %ebx, 0x30(%rax)\n"
	"2: mov 0x34(%rax), %ecx\n"
	"jmp *%rax\n");

static void test_mmio(void)
{
	uint64_t *tables;

	LOAD(mmio_code);
	long_mode();
	tables = guest_at(TABLES);
	tables[513] = (TABLES + 0x3000) | 7;
	tables[1536] = 0x40000087;		/* 2 MiB: to guest-physical memory that is not there */
	expect(run() == TV_EXIT_MMIO);
	expect(page->arg0 == 0x40000030 && page->arg1 == TV_MMIO_WRITE && page->rip == CODE + 7);
	skip(3);
	expect(run() == TV_EXIT_MMIO);
	expect(page->arg0 == 0x40000034 && page->arg1 == 0);
	skip(3);
	expect(run() == TV_EXIT_MMIO);
	expect(page->arg0 == 0x40000000 && page->arg1 == TV_MMIO_EXEC && page->rip == 0x40000000);
	verdict("an access beyond the guest's memory exits with its address");
}

GUEST_CODE(rights_code, 64,
	"movl $7, 0x180000\n"
	"mov 0x180000, %eax\n"
	"out %al, $0x80\n"
	"movl $9, 0x180000\n"
	"out %al, $0x81\n");

static void test_rights(void)
{
	LOAD(rights_code);
	long_mode();
	expect_mark(0x80);
	expect(guest_read(0x180000) == 7);
	expect_err(sys_mem_protect(SEL_SPACE, 0x180000, 0x1000, TV_MAP_READ), TV_OK);
	expect(run() == TV_EXIT_MMIO);
	expect(page->arg0 == 0x180000 && page->arg1 == TV_MMIO_WRITE);
	expect_err(sys_mem_protect(SEL_SPACE, 0x180000, 0x1000, TV_MAP_RIGHTS), TV_OK);
	expect_mark(0x81);
	expect(guest_read(0x180000) == 9);
	expect_err(sys_mem_unmap(SEL_SPACE, 0x180000, 0x1000), TV_OK);
	page->rip = CODE;
	page->dirty |= TV_REGS_RIP;
	expect(run() == TV_EXIT_MMIO);
	expect_err(sys_mem_map(SEL_SPACE, 0x180000, region, 0x180000, 0x1000, TV_MAP_RIGHTS), TV_OK);
	verdict("rights that are taken away are gone before the next entry");
}

static void test_refused(void)
{
	uint64_t group = 99;

	LOAD(real_code);
	page->cr0 = CR0_PG;
	expect_err(sys_vcpu_run(SEL_VCPU, TV_NEVER, &group), TV_ESTATE);
	expect(group == TV_REGS_CR && page->entries == 0);
	page->cr0 = CR0_ET;
	page->inject = TV_EVENT(7, 0);
	expect_err(sys_vcpu_run(SEL_VCPU, TV_NEVER, &group), TV_ESTATE);
	expect(group == 0 && page->entries == 0);
	page->inject = 0;
	page->dirty = 0x10000;
	expect_err(sys_vcpu_run(SEL_VCPU, TV_NEVER, &group), TV_EINVAL);
	page->dirty = 0;
	expect(run() == TV_EXIT_CPUID);
	verdict("state that no processor accepts is refused, and the group named");
}

GUEST_CODE(triple_code, 64, "ud2\n");

static void test_triple_fault(void)
{
	LOAD(triple_code);
	long_mode();
	page->idtr.limit = 0;
	expect(run() == TV_EXIT_SHUTDOWN);
	expect(run() == TV_EXIT_SHUTDOWN);
	page->rip = CODE;
	page->dirty = TV_REGS_RIP;
	expect(run() == TV_EXIT_SHUTDOWN);
	memcpy(guest_at(CODE), real_code, (size_t)(real_code_end - real_code));
	real_mode();
	expect(run() == TV_EXIT_CPUID);
	verdict("after a triple fault the vCPU runs again only with new registers");
}

uint64_t rt_main(const struct tv_start *start)
{
	(void)start;
	make_guest();
	test_exits();
	test_registers();
	test_switched_state();
	test_deadline_and_kick();
	test_mmio();
	test_rights();
	test_refused();
	test_triple_fault();
	done();
}
