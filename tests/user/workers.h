/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the test program itself, each on a CPU of its own choice. */
#ifndef WORKERS_H
#define WORKERS_H

#include "check.h"

#define WORKERS		8u
#define WORKER_STACK	8192u

struct worker {
	uint64_t thread, sched;		/* selectors: two for each worker, from @smp_sel on */
	volatile uint64_t counter;	/* for the work                                     */
	volatile uint64_t stop, done;
	uint64_t arg;
};

static struct worker workers[WORKERS];
static uint8_t worker_stack[WORKERS][WORKER_STACK] __attribute__((aligned(16)));

static inline uint64_t micros(uint64_t n) { return rt_info()->tsc_hz / 1000000 * n; }
static inline void relax(void) { __builtin_ia32_pause(); }

/* Until *@word is not @old any more, for at most ten seconds: has it changed? */
static inline bool wait_change(const volatile uint64_t *word, uint64_t old)
{
	for (uint64_t end = now() + micros(10000000); *word == old;) {
		if (now() > end)
			return false;
		relax();
	}
	return true;
}

/* Worker @i runs @fn(worker) on CPU @cpu, from selectors @sel, @sel + 1; a worker that ran before must have ended. */
static inline struct worker *work_at(unsigned i, uint64_t sel, unsigned cpu, void (*fn)(struct worker *), unsigned priority)
{
	struct worker *w = &workers[i];

	memset(w, 0, sizeof(*w));
	w->thread = sel;
	w->sched = sel + 1;
	expect_err(sys_thread_create(w->thread, TV_SEL_DOMAIN, (uint64_t)fn, (uint64_t)(worker_stack[i] + WORKER_STACK - 8), (uint64_t)w, 0),
		   TV_OK);
	expect_err(sys_sched_create(w->sched, TV_SEL_SCHED, cpu, priority, 0, 0), TV_OK);
	expect_err(sys_sched_bind(w->sched, w->thread), TV_OK);
	return w;
}

static inline struct worker *work(unsigned i, unsigned cpu, void (*fn)(struct worker *))
{
	return work_at(i, SEL_FREE + 64 + 2 * i, cpu, fn, 100);
}

static inline void start(struct worker *w) { expect_err(sys_thread_start(w->thread), TV_OK); }

static inline void end(struct worker *w)
{
	expect_err(sys_cap_delete(w->thread), TV_OK);
	expect_err(sys_cap_delete(w->sched), TV_OK);
}

static inline NORETURN void leave(struct worker *w)
{
	w->done = 1;
	sys_thread_exit(0);
}

#endif
