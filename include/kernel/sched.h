/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling contexts and the dispatcher.  All functions are about threads and contexts of the CPU that executes them.
 *
 * A context is what is queued, chosen and charged; a thread runs only on a context.  Priorities are fixed, 255 is the highest;
 * contexts of one priority take turns.  A context with a budget is a sporadic server: what it used comes back one period after
 * it began to use it, in at most SCHED_REFILLS pieces.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <kernel/cap.h>
#include <kernel/cpu.h>
#include <kernel/object.h>
#include <kernel/timer.h>
#include <lib/base.h>
#include <lib/list.h>

struct domain;
struct thread;

#define SCHED_REFILLS		8u
#define SCHED_MAX_PERIOD	(1ull << 48)	/* ticks: a day at 3 GHz */

enum sched_state {
	SCHED_IDLE = 0,		/* its thread is not ready, or it has none      */
	SCHED_READY,		/* in cpu.ready                                 */
	SCHED_RUNNING,		/* cpu.sched                                    */
	SCHED_EMPTY,		/* its thread is ready, but the budget is used up: refill_timer runs */
};

struct refill {
	uint64_t time;		/* absolute TSC from which on ...               */
	uint64_t amount;	/* ... so many ticks may be used                */
};

struct sched {
	struct object object;
	struct thread *owner;		/* sched_bind; NULL: nobody's                                  */
	struct thread *runs;		/* who runs on it now: the owner, or who serves the owner      */
	struct list queue;		/* cpu.ready[priority]                                         */
	uint32_t cpu;
	uint8_t priority;
	uint8_t state;			/* enum sched_state                                            */
	uint8_t refill_count;
	uint8_t refill_first;
	uint64_t consumed;		/* ticks used so far                                           */
	uint64_t budget, period;	/* ticks; budget 0: no limit                                   */
	uint64_t share;			/* of the CPU, which is promised to it; 0 without a budget     */
	uint64_t turn;			/* ticks left of a turn among equals that was interrupted; 0: a new one begins */
	struct refill refill[SCHED_REFILLS];	/* a ring in the order of time; amounts sum up to @budget */
	struct timer refill_timer;
};

static inline struct sched *cap_sched(const struct cap *c) { return container_of(c->object, struct sched, object); }

/*
 * Choose who runs next on this CPU and let it run.  The current thread goes on later, from its continuation, if it is ready.
 * Called at the end of everything that blocked the current thread, and wherever sched_pending() says so.
 */
NORETURN void sched_dispatch(void);
/* Must sched_dispatch() be called before user or guest mode runs again?  The loop of vcpu_run asks after each exit. */
static inline bool sched_pending(void) { return cpu_self()->resched; }
/* Leave the kernel into the current thread, or into another one if there is a reason. */
NORETURN void sched_return(void);

/* @t, a thread of this CPU, became ready: queue the context it has, or that it has bound and nobody uses. */
void sched_wake(struct thread *t);
/* @t is ready no more (the caller has changed @t so): take its context off the CPU or out of the queue. */
void sched_block(struct thread *t);
/*
 * @s changes from the thread that runs on it to @to (may be NULL).  The former goes back to its own context, if that is another
 * one.  Ready threads on either side are queued.
 */
void sched_move(struct sched *s, struct thread *to);
/* The same for the running context between two threads of this CPU, as a call or reply does it: nothing is queued or charged.
 * @to must be ready; sched_dispatch() follows. */
void sched_lend(struct thread *to);
/* sched_lend() from the current thread, which has left the kernel nothing to do but to go on with @to. */
NORETURN void sched_hand_over(struct thread *to);
/* @t, not ready any more, leaves the CPU; a context that is not its own goes back to whose it is. */
void sched_detach(struct thread *t);
/* The I/O permission map of domain @d changed: show it where @d is loaded. */
void sched_load_ports(struct domain *d);

/* The share of a CPU that @budget in each @period is, rounded down; TV_SCHED_WHOLE is all of it.  0 without a budget. */
uint64_t sched_share(uint64_t budget, uint64_t period);
/* Make @s usable: parameters, full budget, and its share of the CPU promised to it.  The caller holds the tree lock. */
void sched_setup(struct sched *s, uint32_t cpu, uint8_t priority, uint64_t budget, uint64_t period);
/* Bind @s to @t; both are unbound. */
void sched_bind(struct sched *s, struct thread *t);
void sched_unbind(struct sched *s);
/* @t ends.  A thread that works for it keeps the context of @t until it has finished. */
void sched_disown(struct thread *t);
/* Charge the running context up to now. */
void sched_charge(struct cpu *c);
/* object_destroy() for scheduling contexts. */
void sched_destroy(struct sched *s);

/* timer_run(): the two kinds of timer that belong to the scheduler. */
void sched_refill_due(struct sched *s);
void sched_slice_due(struct cpu *c);

#endif
