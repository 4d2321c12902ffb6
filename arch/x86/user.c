/* SPDX-License-Identifier: Apache-2.0 */
/* User threads: their first registers, and which of them the next return to user mode enters. */
#include <arch/user.h>
#include <kernel/string.h>
#include <x86/cr.h>
#include <x86/insn.h>
#include <x86/msr.h>
#include <x86/seg.h>

#include "machine.h"

void user_reset(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg)
{
	memset(&t->frame, 0, sizeof(t->frame));
	t->frame.rip = rip;
	t->frame.rsp = rsp;
	t->frame.rdi = arg;
	t->frame.rflags = RFLAGS_ONE | RFLAGS_IF;
	t->frame.cs = SEL_USER_CS;
	t->frame.ss = SEL_USER_SS;
}

void user_init(struct arch_thread *t, uint64_t rip, uint64_t rsp, uint64_t arg, uint64_t fs_base, void *fpu)
{
	memset(t, 0, sizeof(*t));
	user_reset(t, rip, rsp, arg);
	t->fs_base = fs_base;
	t->fpu = fpu;
	if (fpu)
		fpu_area_init(fpu);
}

/* A thread may load data selectors, which nothing saves: the next one must not see them.  Loading GS resets its base. */
static void reset_selectors(void)
{
	uint32_t ds, es, fs, gs;

	__asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3"
			 : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	if (likely(!(ds | es | fs | gs)))
		return;
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\t"
			 "swapgs\n\tmov %0, %%gs\n\tswapgs" : : "r"(0) : "memory");
}

void user_switch(struct arch_thread *prev, struct arch_thread *next)
{
	struct arch_cpu *cpu = arch_cpu();

	(void)prev;			/* cpu->fpu_owner says whose state the registers hold */
	cpu->user = next;
	cpu->frame = &next->frame;
	machine()->task.tss.rsp[0] = (uint64_t)(&next->frame + 1);
	reset_selectors();
	wrmsr(MSR_FS_BASE, next->fs_base);	/* always: user mode changes it by loading FS */
	if (cpu->fpu_owner || next->fpu)
		fpu_switch(next);
}
