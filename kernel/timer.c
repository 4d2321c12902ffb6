/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: one tree per CPU, and the hardware timer set to its first. */
#include <abi/hypercall.h>
#include <arch/time.h>
#include <kernel/cpu.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/timer.h>

/* Timers that one call of timer_run() fires at most; the hardware fires again at once for the rest. */
#define TIMER_BATCH	32u

static void timer_arm(struct cpu *c)
{
	const struct tree_node *first = tree_first(&c->timers);
	uint64_t deadline = first ? first->key : TV_NEVER;

	if (deadline != c->armed) {
		c->armed = deadline;
		time_arm(deadline);
	}
}

void timer_start(struct timer *t, uint64_t deadline)
{
	struct cpu *c = cpu_self();

	/* The common case of a monitor that enters its guest again with the deadline that it had before. */
	if (t->cpu == c && t->at.key == deadline)
		return;
	if (t->cpu)
		tree_remove(&t->cpu->timers, &t->at);
	t->cpu = NULL;
	if (deadline != TV_NEVER) {
		t->cpu = c;
		t->at.key = deadline;
		tree_insert(&c->timers, &t->at);
	}
	timer_arm(c);
}

void timer_stop(struct timer *t)
{
	if (!t->cpu)
		return;
	tree_remove(&t->cpu->timers, &t->at);
	/* The hardware stays armed: one early interrupt costs less than setting it here and again at the next wait. */
	t->cpu = NULL;
}

/* The deadline of @t has passed. */
static void timer_fire(struct cpu *c, struct timer *t)
{
	switch ((enum timer_kind)t->kind) {
	case TIMER_THREAD:
		thread_timeout(container_of(t, struct thread, timer));
		break;
	case TIMER_REFILL:
		sched_refill_due(container_of(t, struct sched, refill_timer));
		break;
	case TIMER_SLICE:
		sched_slice_due(c);
		break;
	}
}

void timer_run(void)
{
	struct cpu *c = cpu_self();
	uint64_t now = time_now();

	/* It has fired, or is about to: in both cases it must be set again. */
	c->armed = TV_NEVER;
	for (unsigned n = 0; n < TIMER_BATCH; n++) {
		struct tree_node *first = tree_first(&c->timers);
		struct timer *t;

		if (!first || first->key > now)
			break;
		t = tree_entry(first, struct timer, at);
		tree_remove(&c->timers, first);
		t->cpu = NULL;
		timer_fire(c, t);
	}
	timer_arm(c);
}
