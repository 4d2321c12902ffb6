/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's per-CPU area.  Only its own CPU touches it, except for the mailbox. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <arch/cpu.h>
#include <kernel/timer.h>
#include <lib/base.h>
#include <lib/list.h>
#include <lib/spinlock.h>
#include <lib/tree.h>

struct domain;
struct sched;
struct thread;

#define SCHED_PRIORITIES	256u

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
	struct spinlock mail_lock;	/* guards @mail                                                            */
	struct list mail;		/* threads that other CPUs woke for this one: struct thread.mail           */
	uint64_t ready_map[SCHED_PRIORITIES / 64];	/* bit set: the queue is not empty                         */
	struct list ready[SCHED_PRIORITIES];		/* struct sched.queue                                      */
};

#define CPU_MAX			256u

extern struct cpu first_cpu;
/* By id; NULL: not there (yet). */
extern struct cpu *cpu_area[CPU_MAX];

static inline struct cpu *cpu_self(void) { return (struct cpu *)arch_cpu(); }

/* Prepare a zeroed per-CPU area for the scheduler and timers. */
void sched_cpu_init(struct cpu *c);

#endif
