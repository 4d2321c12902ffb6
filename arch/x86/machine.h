/* SPDX-License-Identifier: Apache-2.0 */
/* The per-CPU data of the machine layer, and what its files promise each other. */
#ifndef ARCH_X86_MACHINE_H
#define ARCH_X86_MACHINE_H

#include <arch/cpu.h>
#include <arch/user.h>
#include <lib/base.h>
#include <x86/seg.h>

#include "stack.h"

/* SDM, "64-Bit Task State Segment (TSS)". */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;		/* offset of the I/O permission map */
} __attribute__((packed));
_Static_assert(offsetof(struct tss, rsp) == 4, "TSS");
_Static_assert(offsetof(struct tss, ist) == 36, "TSS");
_Static_assert(sizeof(struct tss) == 104, "TSS");

#define IO_MAP_SIZE	8192u

/* Interrupt stacks: for exceptions that may come with any stack pointer and any GS base. */
enum ist { IST_NMI = 1, IST_DF, IST_MC, IST_DB, IST_END };
#define IST_COUNT	(IST_END - 1)

/* Tags for translations of different spaces, PCID 1 ... PCID_COUNT - 1; 0 is what CR3 holds before the first space. */
#define PCID_COUNT	16u

struct machine {
	uint8_t ist[IST_COUNT][IST_STACK_SIZE] __attribute__((aligned(16)));
	struct {
		struct tss tss;
		uint8_t io_map[IO_MAP_SIZE];
		uint8_t io_map_end;	/* 0xff: the CPU reads two bytes for a port */
	} task __attribute__((aligned(128)));
	uint64_t gdt[GDT_ENTRIES];
	unsigned ports_first, ports_last;	/* bytes of io_map that are not all ones; first > last: none */
	bool tr_short;				/* TR's limit is that of a TSS without I/O map */
	uint64_t space;				/* physical address of the loaded root */
	uint64_t pcid_root[PCID_COUNT];		/* whose translations the tag stands for; 0: free */
	unsigned pcid_next;			/* the tag to reuse next */
	uint64_t shadow_ist[8];			/* tokens of the interrupt stacks' shadow stacks, by IST */
	uint64_t nmi_count;
};

static inline struct machine *machine(void)
{
	return arch_cpu()->machine;
}

/* The area that arch_cpu() finds until cpu_init(). */
extern struct arch_cpu boot_cpu;

/* cpu.c: control registers, descriptor tables, SYSCALL, FPU of the CPU that executes this.  @cpu is filled in but for the rest. */
void cpu_init(struct arch_cpu *cpu);
/* The same for the boot CPU, with its stack and its tables; @cpu is zeroed. */
void cpu_init_boot(struct arch_cpu *cpu);
/* desc.c */
void desc_init(struct machine *m);
/* fpu.c */
void fpu_init(void);
/* Has this CPU the components that the boot CPU has chosen? */
bool fpu_suits(void);
void fpu_area_init(void *page);
void fpu_switch(struct arch_thread *next);
/* pt_x86.c */
void pt_x86_init(void);
void pat_init(void);

/*
 * shadow.c.  shadow_init: memory for @count CPUs, before any other is started; shadow_assign: @c, with its number and its machine,
 * gets its own, which cpu_begin() puts to use; shadow_redirect_nmi: the NMI that is being handled will return to @rip.
 */
void shadow_init(unsigned count);
void shadow_assign(struct arch_cpu *c);
void shadow_redirect_nmi(uint64_t rip);

/* entry.asm */
void syscall_entry(void);
void syscall_entry_shadow(void);
NORETURN void shadow_begin(void (*next)(void), uint64_t s_cet);
extern const uint8_t vector_stubs[256][16];
extern const char cpu_idle_hlt[], cpu_idle_woken[];	/* the HLT, and the instruction behind it */

/* trap.c: called by entry.asm. */
NORETURN void trap_exception_user(struct user_frame *f);
void trap_interrupt_user(struct user_frame *f);
void trap_interrupt_kernel(struct user_frame *f);
struct user_frame *trap_paranoid(struct user_frame *f);

/* irq.c: the external interrupt @vector has arrived; sends the EOI and calls up. */
void irq_dispatch(unsigned vector);

#endif
