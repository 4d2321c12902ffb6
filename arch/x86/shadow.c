/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadow stacks of the kernel: the CPU keeps a second copy of every return address where no store can reach it, and a return to
 * another address faults.  SDM, "Shadow Stacks"; "Supervisor Shadow Stack Token".
 *
 *      low                                                        high
 *      | unmapped | that of the kernel stack | those of IST 1 to 4, a quarter of a page each |
 *
 * The top word of each stack is its token: its own address, with bit 0 set while the stack is in use.  The CPU takes the kernel
 * stack's from an MSR when it comes from user mode, the others from a table, as it takes RSP from the TSS.
 *
 * Threads share the kernel stack of their CPU and leave it at any depth, so nobody returns through what is below: entry.asm
 * starts the shadow stack afresh wherever it does the same with the stack.
 */
#include <kernel/panic.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <x86/insn.h>
#include <x86/msr.h>

#include "features.h"
#include "machine.h"

#define PIECE_PAGES	2u				/* of one CPU               */
#define PIECE_SIZE	(PIECE_PAGES * PAGE_SIZE)
#define IST_SHADOW_SIZE	(PAGE_SIZE / IST_COUNT)
#define STRIDE		(PIECE_SIZE + PAGE_SIZE)	/* with the unmapped page   */

/* Where an interrupt through IST leaves the return address, below its token: CS, RIP, and the old SSP. */
#define TOKEN_TO_RIP	16u

static uint64_t first;		/* the boot CPU's piece; 0: no shadow stacks */

/* Addresses of the tokens in the piece at @base; @i: IST, 0 for the kernel stack. */
static uint64_t token(uint64_t base, unsigned i)
{
	return base + PAGE_SIZE + i * IST_SHADOW_SIZE - sizeof(uint64_t);
}

/*
 * Make the pieces of @count CPUs, all at once: the frames lose their writable alias in the direct map, and no other CPU may have
 * used that yet.
 */
void shadow_init(unsigned count)
{
	char *frames;

	if (!cpu_has(FEATURE_SHSTK))
		return;
	frames = frame_alloc_many(count * PIECE_PAGES);
	if (!frames)
		cannot_run("no memory for the shadow stacks of %u CPUs (off=shstk does without)", count);
	for (unsigned cpu = 0; cpu < count; cpu++) {
		char *piece = frames + cpu * PIECE_SIZE;
		uint64_t base = (uint64_t)kmap_shadow_stack(piece, PIECE_SIZE);

		first = cpu ? first : base;
		CHECK(base == first + cpu * STRIDE);
		for (unsigned i = 0; i <= IST_COUNT; i++)
			*(uint64_t *)(piece + (token(base, i) - base)) = token(base, i);
	}
	kmap_seal(frames, count * PIECE_SIZE);
}

void shadow_assign(struct arch_cpu *c)
{
	struct machine *m = c->machine;
	uint64_t base = first + c->id * STRIDE;

	if (!first)
		return;
	c->shadow_stack = token(base, 0);
	for (unsigned i = IST_NMI; i < IST_END; i++)
		m->shadow_ist[i] = token(base, i);
}

/* What IRETQ finds is checked against the shadow stack: it has to agree with a new RIP for the NMI that is being handled. */
void shadow_redirect_nmi(uint64_t rip)
{
	uint64_t s_cet;

	if (!arch_cpu()->shadow_stack)
		return;
	s_cet = rdmsr(MSR_IA32_S_CET);
	if (!(s_cet & S_CET_SH_STK_EN))
		return;
	wrmsr(MSR_IA32_S_CET, s_cet | S_CET_WR_SHSTK_EN);
	__asm__ volatile("wrssq %0, %1" : : "r"(rip), "m"(*(uint64_t *)(machine()->shadow_ist[IST_NMI] - TOKEN_TO_RIP)) : "memory");
	wrmsr(MSR_IA32_S_CET, s_cet);
}

void cpu_begin(void (*next)(void))
{
	struct arch_cpu *c = arch_cpu();
	uint64_t s_cet = 0;

	if (c->shadow_stack) {
		wrmsr(MSR_IA32_PL0_SSP, c->shadow_stack);
		wrmsr(MSR_IA32_INTERRUPT_SSP_TABLE, (uint64_t)machine()->shadow_ist);
		s_cet = rdmsr(MSR_IA32_S_CET) | S_CET_SH_STK_EN;
	}
	shadow_begin(next, s_cet);
}
