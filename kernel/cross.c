/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUs do for each other: questions to be answered, and mail. */
#include <arch/irq.h>
#include <kernel/cap.h>
#include <kernel/cross.h>
#include <kernel/limbo.h>
#include <kernel/notify.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

struct spinlock derivation_lock;

/* The question; the holder of the tree lock writes it. */
static struct {
	void (*fn)(void *arg);
	void *arg;
} question;

void tree_lock(struct user_frame *f)
{
	struct cpu *c = cpu_self();
	struct thread *t = c->current;
	uint32_t ticket = spin_ticket(&derivation_lock);

	if (likely(spin_is_served(&derivation_lock, ticket)))
		return;
	/* While it waits, the thread can be stopped, moved to another CPU or destroyed.  As far as anyone can see, it has not come yet. */
	frame_restart(f, frame_number(f));
	while (!spin_is_served(&derivation_lock, ticket)) {
		cross_serve(c);
		cpu_relax();
	}
	if (likely(c->current == t && c->sched && c->sched->runs == t && thread_ready(t))) {
		frame_undo_restart(f);
		return;
	}
	spin_unlock(&derivation_lock);
	sched_dispatch();
}

void tree_unlock(void)
{
	limbo_free();
	spin_unlock(&derivation_lock);
}

static void ask(struct cpu *c)
{
	__atomic_store_n(&c->asked, 1, __ATOMIC_SEQ_CST);
	irq_send_ipi(c->arch.id);
}

static void wait_for(const struct cpu *c)
{
	while (__atomic_load_n(&c->asked, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void cross_answer(struct cpu *c)
{
	/* Before and after: nothing in the mailbox may be older than the answer. */
	mail_take(c);
	if (question.fn)
		question.fn(question.arg);
	mail_take(c);
	__atomic_store_n(&c->asked, 0, __ATOMIC_RELEASE);
}

void cross_call(uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	struct cpu *c = cpu_area[cpu];

	if (c == cpu_self()) {
		mail_take(c);
		fn(arg);
		return;
	}
	question.fn = fn;
	question.arg = arg;
	ask(c);
	wait_for(c);
}

void cross_call_set(const struct cpu_set *set, void (*fn)(void *arg), void *arg)
{
	uint32_t self = cpu_self()->arch.id, count = cpu_count();
	bool asked[CPU_MAX];

	question.fn = fn;
	question.arg = arg;
	/* Whoever is not in the set has what the caller changed before: CPUs enter themselves by an atomic operation. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < count; i++) {
		asked[i] = i != self && (!set || cpu_set_has(set, i));
		if (asked[i])
			ask(cpu_area[i]);
	}
	if (fn && (!set || cpu_set_has(set, self)))
		fn(arg);
	for (uint32_t i = 0; i < count; i++)
		if (asked[i])
			wait_for(cpu_area[i]);
}

void cross_sync(void)
{
	cross_call_set(NULL, NULL, NULL);
}

void mail_send(struct thread *t)
{
	struct cpu *c = cpu_area[t->cpu];
	struct thread *first = __atomic_load_n(&c->mail, __ATOMIC_RELAXED);

	do
		t->mail_next = first;
	while (!__atomic_compare_exchange_n(&c->mail, &first, t, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	/* Whoever found the mailbox empty tells its CPU, which takes all at once. */
	if (!first)
		irq_send_ipi(c->arch.id);
}

void mail_take(struct cpu *c)
{
	struct thread *last, *t = NULL;

	if (likely(!__atomic_load_n(&c->mail, __ATOMIC_RELAXED)))
		return;
	last = __atomic_exchange_n(&c->mail, NULL, __ATOMIC_SEQ_CST);
	while (last) {			/* the last one is first */
		struct thread *next = last->mail_next;

		last->mail_next = t;
		t = last;
		last = next;
	}
	while (t) {
		struct thread *next = t->mail_next;

		notify_ended(t, t->result, t->taken);
		t = next;
	}
}
