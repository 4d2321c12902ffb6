/* SPDX-License-Identifier: Apache-2.0 */
/* What kernel/ and mm/ may ask of the CPU they run on. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <lib/base.h>

struct arch_thread;
struct thread;
struct user_frame;

/* The machine's part of the per-CPU area: the first member of struct cpu (kernel/cpu.h), found through GS. */
struct arch_cpu {
	struct arch_cpu *self;
	uint64_t kernel_stack;		/* top of this CPU's only kernel stack                   */
	struct user_frame *frame;	/* where a kernel entry stores the current thread        */
	uint64_t scratch;		/* for the SYSCALL stub                                  */
	struct arch_thread *fpu_owner;	/* whose FPU state the registers hold; NULL: nobody's    */
	struct arch_thread *user;	/* the thread that user_return() enters                  */
	uint32_t id;			/* 0: the boot CPU; 1, 2 ... in the order of the MADT    */
	uint32_t apic_id;
	uint32_t kind;			/* enum tv_cpu_kind                                      */
	void *machine;			/* GDT, TSS, IST stacks: arch/x86's own (struct machine) */
	void *virt;			/* the virtualisation back-end's data of this CPU           */
	uint64_t shadow_stack;		/* the token of @kernel_stack's shadow stack; 0: none    */
};

/* The per-CPU area of the CPU that executes this.  Valid from cpu_init() on. */
static inline struct arch_cpu *arch_cpu(void)
{
	struct arch_cpu *c;

	__asm__ ("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/* Wait for an interrupt, take it, and return with interrupts off again.  The caller has checked that nothing is to do. */
void cpu_idle(void);
/* Open the interrupt window once: a pending host interrupt is taken before this returns. */
void cpu_take_interrupts(void);
/* vcpu_resume(@t) on an empty kernel stack: a run loop must not pile up on that of the thread which it takes over from. */
NORETURN void cpu_resume_vcpu(struct thread *t);
/* Call @next, which does not return, on an empty kernel stack.  From here on the CPU protects return addresses, if it can. */
NORETURN void cpu_begin(void (*next)(void));
/* Stop this CPU for good. */
NORETURN void cpu_halt(void);
static inline void cpu_relax(void) { __asm__ volatile("pause"); }

/* Number of CPUs in use; ids are 0 to cpu_count() - 1. */
unsigned cpu_count(void);

/*
 * Load @root (physical address of a host top-level table made by kmap_space_init()) into CR3.  With PCID the CPU may still know
 * translations of it from the last time.  Cheap when @root is loaded already.
 */
void cpu_load_space(hpa_t root);
/* The space of @root, loaded or not, lost translations: no CPU may use a stale one from its next use on.  Also right before
 * @root is freed; a loaded one must be replaced first, by cpu_load_space(kmap_root()) if nothing else is at hand. */
void cpu_drop_space(hpa_t root);
/* The current host space lost translations in [@va, @va + @size): flush this CPU's TLB for that range. */
void cpu_flush_range(uint64_t va, uint64_t size);

/* Show [first byte, last byte] of @bitmap (8 KiB I/O permission map, 0 = allowed) to user mode; NULL: no ports at all. */
void cpu_load_ports(const uint8_t *bitmap, unsigned first_byte, unsigned last_byte);

/* Where this CPU's descriptor tables and its TSS are. */
struct cpu_tables {
	uint64_t gdt, idt, tss;
};
void cpu_tables(struct cpu_tables *t);
/* The return from a guest has replaced the limits of GDTR and TR: put back those of this CPU's tables. */
void cpu_restore_tables(void);

/* Clamp @i to [0, @n) without a branch, also under speculation; @i < @n was checked architecturally before. */
static inline uint64_t index_nospec(uint64_t i, uint64_t n)
{
	uint64_t mask;

	/* CF = (i < n): sbb makes all ones of it. */
	__asm__ ("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(i), "r"(n) : "cc");
	return i & mask;
}

/* The same for a constant @n that is a power of two: one instruction, which the compiler must not find superfluous. */
#define index_mask(i, n) ({						\
	uint64_t i_ = (i);						\
	_Static_assert(((n) & ((n) - 1)) == 0, "a power of two");	\
	__asm__ ("and %1, %k0" : "+r"(i_) : "i"((n) - 1) : "cc");	\
	i_;								\
})

#endif
