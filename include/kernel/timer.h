/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines in absolute TSC ticks: one ordered tree per CPU.  Every operation is O(log n); the hardware is touched only when the
 * first deadline changes. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <lib/base.h>
#include <lib/tree.h>

struct cpu;

/* What happens at the deadline. */
enum timer_kind {
	TIMER_THREAD,		/* struct thread.timer: the wait ends with TV_ETIMEOUT; in vcpu_run it only leaves the guest */
	TIMER_REFILL,		/* struct sched.refill_timer: budget is there again                                          */
	TIMER_SLICE,		/* struct cpu.slice: the running context's budget or time slice is used up                   */
};

struct timer {
	struct tree_node at;	/* key: the deadline                          */
	struct cpu *cpu;	/* in whose tree it is; NULL: not running     */
	uint8_t kind;		/* enum timer_kind                            */
};

static inline void timer_init(struct timer *t, enum timer_kind kind) { t->cpu = NULL; t->kind = (uint8_t)kind; }
static inline bool timer_running(const struct timer *t) { return t->cpu != NULL; }
/* Let @t fire on this CPU at @deadline; moves it if it runs already.  TV_NEVER stops it. */
void timer_start(struct timer *t, uint64_t deadline);
/* Safe on a timer that does not run. */
void timer_stop(struct timer *t);
/* Fire what is due on this CPU, and arm the hardware for the next deadline. */
void timer_run(void);

#endif
