/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's per-CPU area.  Only its own CPU touches it, except for @mail and @asked. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <arch/cpu.h>
#include <kernel/timer.h>
#include <lib/base.h>
#include <lib/list.h>
#include <lib/tree.h>

struct domain;
struct sched;
struct thread;

#define SCHED_PRIORITIES	256u

/* What happened on a CPU; others read it. */
struct cpu_count {
	uint64_t idle;			/* ticks                                      */
	uint64_t timer, device, message;	/* interrupts                         */
	uint64_t switches;		/* to another thread                          */
};

struct cpu {
	struct arch_cpu arch;		/* first: GS points here                                                   */
	struct thread *current;		/* whose registers are loaded; NULL: nobody's                              */
	struct sched *sched;		/* whose budget is being used; NULL: the current thread cannot go on       */
	uint64_t since;			/* TSC up to which @sched has been charged                                 */
	bool resched;			/* sched_dispatch() has a decision to make before user or guest mode runs  */
	struct domain *loaded;		/* whose address space is loaded                                           */
	const uint8_t *ports;		/* I/O permission map that is loaded; NULL: none                           */
	struct tree timers;
	uint64_t armed;			/* deadline that the hardware timer is set to; TV_NEVER: off               */
	struct timer slice;
	uint64_t promised;		/* shares of the contexts with a budget, TV_SCHED_WHOLE in all; under the tree lock */
	struct thread *mail;		/* threads of this CPU whose waits others have ended, the last one first   */
	uint32_t asked;			/* another CPU waits for an answer: kernel/cross.h                         */
	struct cpu_count count;
	uint64_t fault_second;		/* the second in which @fault_lines faults were logged                     */
	unsigned fault_lines;
	uint64_t ready_map[SCHED_PRIORITIES / 64];	/* bit set: the queue is not empty                         */
	struct list ready[SCHED_PRIORITIES];		/* struct sched.queue                                      */
};

#define CPU_MAX			256u

extern struct cpu first_cpu;
/* By id; NULL: not there (yet). */
extern struct cpu *cpu_area[CPU_MAX];

/* A set of CPUs, which they enter and leave themselves while others look. */
struct cpu_set {
	uint64_t word[CPU_MAX / 64];
};

static inline bool cpu_set_has(const struct cpu_set *s, uint32_t cpu)
{
	return __atomic_load_n(&s->word[cpu / 64], __ATOMIC_RELAXED) >> (cpu % 64) & 1;
}

/* A full barrier, unless the CPU is in it already. */
static inline void cpu_set_add(struct cpu_set *s, uint32_t cpu)
{
	if (!cpu_set_has(s, cpu))
		__atomic_fetch_or(&s->word[cpu / 64], BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

static inline void cpu_set_remove(struct cpu_set *s, uint32_t cpu)
{
	__atomic_fetch_and(&s->word[cpu / 64], ~BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

static inline struct cpu *cpu_self(void) { return (struct cpu *)arch_cpu(); }

/* Prepare a zeroed per-CPU area for the scheduler and timers. */
void sched_cpu_init(struct cpu *c);

#endif
