/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: signals are collected in a word until a thread takes all of them. */
#include <arch/irq.h>
#include <kernel/cpu.h>
#include <kernel/notify.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

void notify_init(struct notification *n)
{
	n->word = 0;
	n->bound = NULL;
	list_init(&n->waiters);
	list_init(&n->hooks);
}

void notify_signal(struct notification *n, uint64_t bits)
{
	struct thread *t;

	/* Pairs with thread_signalled(): the thread in vcpu_run looks at the word after it has said that it runs. */
	__atomic_fetch_or(&n->word, bits, __ATOMIC_SEQ_CST);
	if (!list_empty(&n->waiters)) {
		t = list_first(&n->waiters, struct thread, queue);
		thread_cancel_wait(t);
		frame_set_word(&t->arch.frame, 0, __atomic_exchange_n(&n->word, 0, __ATOMIC_SEQ_CST));
		thread_complete(t, TV_OK);
		return;
	}
	/* On this CPU the loop of vcpu_run looks before it enters the guest again. */
	t = n->bound;
	if (t && t->cont == THREAD_CONT_VCPU_RUN && t->cpu != cpu_self()->arch.id)
		irq_send_ipi(t->cpu);
}

enum tv_err notify_get(const struct cap_table *table, uint64_t sel, uint64_t bits, struct notification **out)
{
	struct cap *c;
	enum tv_err err = cap_get(table, sel, TV_CAP_NOTIFICATION, TV_RIGHT_CONTROL, &c);

	if (err)
		return err;
	if (bits == 0)
		return TV_EINVAL;
	if (bits & ~c->badge)
		return TV_ERANGE;
	*out = cap_notification(c);
	return TV_OK;
}

void hook_set(struct notify_hook *h, struct notification *n, uint64_t bits)
{
	hook_clear(h);
	h->target = n;
	h->bits = bits;
	list_add_tail(&n->hooks, &h->link);
}

void hook_clear(struct notify_hook *h)
{
	if (!h->target)
		return;
	list_del(&h->link);
	h->target = NULL;
}

bool notify_destroy(struct notification *n, struct work *w)
{
	if (n->bound)
		n->bound->bound = NULL;
	n->bound = NULL;
	while (!list_empty(&n->hooks)) {
		hook_clear(list_first(&n->hooks, struct notify_hook, link));
		work_spend(w, 1);
		if (!work_left(w))
			return false;
	}
	while (!list_empty(&n->waiters)) {
		struct thread *t = list_first(&n->waiters, struct thread, queue);

		thread_cancel_wait(t);
		frame_set_word(&t->arch.frame, 0, 0);
		thread_complete(t, TV_EDEAD);
		work_spend(w, WORK_NODE);
		if (!work_left(w))
			return false;
	}
	return true;
}
