/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: one queue per priority and CPU, chosen by a bitmap.
 *
 *                 sched_wake                    chosen
 *        IDLE ---------------> READY <-----------------------> RUNNING
 *         ^  \                   ^ refill       preempted         |
 *         |   `--> EMPTY --------'                 |  ^ budget    |
 *         |          ^-----------------------------'--------------'
 *         `---- sched_block, from everywhere
 *
 * The running context is in no queue, so that a call from one thread to another and back touches none.
 */
#include <abi/hypercall.h>
#include <arch/time.h>
#include <arch/user.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/refill.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>
#include <mm/frame.h>

/* Turns of contexts without a limit, of one priority: 1/100 s. */
#define SCHED_SLICE_HZ	100u

struct cpu first_cpu;
struct cpu *cpu_area[CPU_MAX];

void sched_cpu_init(struct cpu *c)
{
	for (unsigned i = 0; i < SCHED_PRIORITIES; i++)
		list_init(&c->ready[i]);
	timer_init(&c->slice, TIMER_SLICE);
	c->armed = TV_NEVER;
	cpu_area[c->arch.id] = c;
}

/* The highest priority that waits; -1: none. */
static int sched_top(const struct cpu *c)
{
	for (int i = SCHED_PRIORITIES / 64 - 1; i >= 0; i--)
		if (c->ready_map[i])
			return i * 64 + 63 - __builtin_clzll(c->ready_map[i]);
	return -1;
}

static void sched_dequeue(struct cpu *c, struct sched *s)
{
	list_del(&s->queue);
	if (list_empty(&c->ready[s->priority]))
		c->ready_map[s->priority / 64] &= ~BIT(s->priority % 64);
}

/* The thread that serves on @s, whose budget is used up, goes on with its own context; @s waits with who called. */
static bool sched_fall_back(struct sched *s)
{
	struct thread *t = s->runs;

	if (t == s->owner || !t->own || t->own == s)
		return false;
	if (t->caller)
		t->caller->lent = false;
	sched_move(s, t->caller);
	return true;
}

/* @s, in no queue, may run: as the first or the last of its priority, or when its budget is back. */
static void sched_queue(struct cpu *c, struct sched *s, bool first)
{
	s->state = SCHED_IDLE;
	if (s->budget && !refill_now(s, time_now())) {
		if (!sched_fall_back(s)) {
			s->state = SCHED_EMPTY;
			timer_start(&s->refill_timer, refill_next(s));
		}
		return;
	}
	s->state = SCHED_READY;
	if (first)
		list_add_head(&c->ready[s->priority], &s->queue);
	else
		list_add_tail(&c->ready[s->priority], &s->queue);
	c->ready_map[s->priority / 64] |= BIT(s->priority % 64);
	if (!c->sched || s->priority > c->sched->priority)
		c->resched = true;
	else if (s->priority == c->sched->priority && !timer_running(&c->slice))
		timer_start(&c->slice, time_now() + time_hz() / SCHED_SLICE_HZ);
}

void sched_charge(struct cpu *c)
{
	struct sched *s = c->sched;
	uint64_t start = c->since, now = time_now();

	if (!s) {
		c->since = now;
		return;
	}
	/* Others read the account without a lock: while @since is TV_NEVER, it is being changed. */
	__atomic_store_n(&c->since, TV_NEVER, __ATOMIC_RELEASE);
	__atomic_store_n(&s->consumed, s->consumed + (now - start), __ATOMIC_RELEASE);
	__atomic_store_n(&c->since, now, __ATOMIC_RELEASE);
	if (s->budget)
		refill_use(s, start, now - start);
}

/* Take @s off the CPU or out of the queue. */
static void sched_stop(struct sched *s)
{
	struct cpu *c = cpu_self();

	switch ((enum sched_state)s->state) {
	case SCHED_IDLE:
		return;
	case SCHED_READY:
		sched_dequeue(c, s);
		break;
	case SCHED_RUNNING:
		sched_charge(c);
		timer_stop(&c->slice);
		c->sched = NULL;
		c->resched = true;
		break;
	case SCHED_EMPTY:
		timer_stop(&s->refill_timer);
		break;
	}
	s->state = SCHED_IDLE;
}

void sched_wake(struct thread *t)
{
	struct cpu *c = cpu_self();
	struct sched *s = t->sched;

	if (!s && t->own && !t->own->runs) {
		s = t->own;
		s->runs = t;
		t->sched = s;
	}
	if (s && s->state == SCHED_IDLE)
		sched_queue(c, s, false);
}

void sched_block(struct thread *t)
{
	if (t->sched)
		sched_stop(t->sched);
}

/* Who runs on @s from now on; says nothing about queues. */
static inline void sched_relink(struct sched *s, struct thread *to)
{
	struct thread *from = s->runs;

	if (from)
		from->sched = from->own != s && from->own && !from->own->runs ? from->own : NULL;
	if (from && from->sched)
		from->sched->runs = from;
	if (to && to->sched)
		to->sched->runs = NULL;
	s->runs = to;
	if (to)
		to->sched = s;
}

void sched_move(struct sched *s, struct thread *to)
{
	struct thread *from = s->runs;

	sched_stop(s);
	if (to && to->sched)
		sched_stop(to->sched);
	sched_relink(s, to);
	if (from && thread_ready(from))
		sched_wake(from);
	if (to && thread_ready(to))
		sched_wake(to);
}

void sched_lend(struct thread *to)
{
	sched_relink(cpu_self()->sched, to);
}

void sched_detach(struct thread *t)
{
	struct sched *s = t->sched;

	if (!s)
		return;
	sched_stop(s);
	if (s != t->own)
		sched_move(s, s->owner && !s->owner->sched ? s->owner : NULL);
}

/* A division of 128 bits would need the compiler's library: bit by bit, with a budget of at most the period. */
uint64_t sched_share(uint64_t budget, uint64_t period)
{
	uint64_t rest = budget, share = 0;

	if (budget == period)
		return budget ? TV_SCHED_WHOLE : 0;
	for (uint64_t bit = TV_SCHED_WHOLE / 2; bit; bit /= 2) {
		rest *= 2;		/* below 2^49: SCHED_MAX_PERIOD */
		if (rest >= period) {
			rest -= period;
			share |= bit;
		}
	}
	return share;
}

void sched_setup(struct sched *s, uint32_t cpu, uint8_t priority, uint64_t budget, uint64_t period)
{
	s->cpu = cpu;
	s->priority = priority;
	s->budget = budget;
	s->period = period;
	s->share = sched_share(budget, period);
	cpu_area[cpu]->promised += s->share;
	s->state = SCHED_IDLE;
	list_init(&s->queue);
	timer_init(&s->refill_timer, TIMER_REFILL);
	refill_init(s);
}

/* A thread in the midst of a call needs the context where its call is being worked on. */
void sched_bind(struct sched *s, struct thread *t)
{
	struct thread *end = t;

	s->owner = t;
	t->own = s;
	while (end->lent && end->callee)
		end = end->callee;
	if (!end->sched)
		sched_move(s, end);
	else if (!t->sched)
		sched_move(s, t);
}

void sched_unbind(struct sched *s)
{
	if (s->owner)
		s->owner->own = NULL;
	s->owner = NULL;
	sched_move(s, NULL);
}

void sched_disown(struct thread *t)
{
	struct sched *s = t->own;

	if (!s)
		return;
	if (s->runs == t || !s->runs)
		sched_unbind(s);
	else
		s->owner = NULL;
	t->own = NULL;
}

void sched_destroy(struct sched *s)
{
	cpu_area[s->cpu]->promised -= s->share;
	sched_unbind(s);
}

/* Take the running context off the CPU for a higher one.  It goes on first of its priority, with the rest of its turn. */
static void sched_preempt(struct cpu *c)
{
	struct sched *s = c->sched;
	uint64_t turn_ends = timer_running(&c->slice) ? c->slice.at.key : TV_NEVER;

	sched_charge(c);
	s->turn = turn_ends > c->since && turn_ends != TV_NEVER ? turn_ends - c->since : 0;
	c->sched = NULL;
	sched_queue(c, s, turn_ends > c->since);
	c->resched = false;
}

/* Put the best context on the CPU, if there is one. */
static void sched_pick(struct cpu *c)
{
	int top = sched_top(c);
	struct sched *s = c->sched;

	c->resched = false;
	if (s && top <= s->priority)
		return;
	if (s) {
		sched_preempt(c);
		top = sched_top(c);
	}
	if (top < 0)
		return;
	s = list_first(&c->ready[top], struct sched, queue);
	sched_dequeue(c, s);
	s->state = SCHED_RUNNING;
	__atomic_store_n(&c->since, time_now(), __ATOMIC_RELEASE);
	__atomic_store_n(&c->sched, s, __ATOMIC_RELEASE);
	if (s->budget)
		timer_start(&c->slice, c->since + refill_now(s, c->since));
	else if (c->ready_map[top / 64] & BIT(top % 64))
		timer_start(&c->slice, c->since + (s->turn ? s->turn : time_hz() / SCHED_SLICE_HZ));
	else
		timer_stop(&c->slice);
	s->turn = 0;
}

/* Show the ports of @d to user mode, unless they are what it sees already. */
static void ports_load(struct cpu *c, const struct domain *d, bool changed)
{
	const uint8_t *map = d->port_first <= d->port_last ? d->ports : NULL;

	if (map == c->ports && !changed)
		return;
	c->ports = map;
	cpu_load_ports(map, d->port_first, d->port_last);
}

static void reload_ports(void *domain)
{
	struct cpu *c = cpu_self();

	if (c->loaded == domain)
		ports_load(c, domain, true);
}

void sched_load_ports(struct domain *d)
{
	cross_call_set(&d->space.cpus, reload_ports, d);
}

/* Let @t go on. */
static NORETURN void sched_enter(struct cpu *c, struct thread *t)
{
	if (t != c->current) {
		if (t->domain != c->loaded) {
			/* Before anything of it is used: who changes the space looks there after the change. */
			cpu_set_add(&t->domain->space.cpus, c->arch.id);
			c->loaded = t->domain;
			cpu_load_space(frame_pa(t->domain->space.pt.root));
			ports_load(c, t->domain, false);
		}
		user_switch(c->current ? &c->current->arch : NULL, &t->arch);
		c->current = t;
		c->count.switches++;
	}
	if (unlikely(t->cont == THREAD_CONT_VCPU_RUN))
		cpu_resume_vcpu(t);
	user_return();
}

void sched_dispatch(void)
{
	struct cpu *c = cpu_self();

	if (c->resched || !c->sched)
		sched_pick(c);
	while (!c->sched) {
		uint64_t start = time_now();

		cpu_idle();
		c->count.idle += time_now() - start;
		cross_serve(c);
		sched_pick(c);
	}
	sched_enter(c, c->sched->runs);
}

void sched_hand_over(struct thread *to)
{
	struct cpu *c = cpu_self();

	sched_relink(c->sched, to);
	if (unlikely(c->resched))
		sched_dispatch();
	sched_enter(c, to);
}

void sched_return(void)
{
	if (unlikely(cpu_self()->resched))
		sched_dispatch();
	user_return();
}

void sched_refill_due(struct sched *s)
{
	sched_queue(cpu_self(), s, false);
}

/* The turn or the budget of the running context is over. */
void sched_slice_due(struct cpu *c)
{
	struct sched *s = c->sched;

	if (!s)
		return;
	sched_charge(c);
	c->sched = NULL;
	c->resched = true;
	sched_queue(c, s, false);
}
