/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: signals are collected in a word until a thread takes all of them. */
#include <arch/irq.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/notify.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

void notify_init(struct notification *n)
{
	list_init(&n->waiters);
	list_init(&n->hooks);
}

void notify_ended(struct thread *t, enum tv_err status, uint64_t bits)
{
	timer_stop(&t->timer);
	t->ntfn = NULL;
	frame_set_word(&t->arch.frame, 0, bits);
	thread_complete(t, status);
}

/* End the wait of the first waiter, with @n locked: its CPU must be told before anyone can find that it waits no more. */
static void first_ended(struct notification *n, enum tv_err status, uint64_t bits)
{
	struct thread *t = list_first(&n->waiters, struct thread, queue);

	list_del(&t->queue);
	if (t->cpu == cpu_self()->arch.id) {
		notify_ended(t, status, bits);
		return;
	}
	t->result = status;
	t->taken = bits;
	mail_send(t);
}

/* Let the first waiter take the signals; false: nobody waits. */
static bool notify_wake(struct notification *n)
{
	bool waits;
	uint64_t bits;

	spin_lock(&n->lock);
	waits = !list_empty(&n->waiters);
	bits = waits ? notify_take(n) : 0;
	if (bits)
		first_ended(n, TV_OK, bits);
	spin_unlock(&n->lock);
	return waits;
}

void notify_signal(struct notification *n, uint64_t bits)
{
	/* Who waits is in the list before it looks at the word for the last time: one of both sees the other. */
	bool sent = __atomic_fetch_or(&n->word, bits, __ATOMIC_SEQ_CST) != 0;
	struct thread *t;

	if (READ_ONCE(n->waiters.next) != &n->waiters && notify_wake(n))
		return;
	/*
	 * On this CPU the loop of vcpu_run looks before it enters the guest again.  On another CPU the interrupt is sent whatever the thread
	 * does: the loop makes no full barrier, so that what it has published about itself might not be seen here.  But one is enough until the
	 * signals are taken: else whoever signals without end would keep that CPU from doing anything else.
	 */
	t = READ_ONCE(n->bound);
	if (!sent && t && READ_ONCE(t->cpu) != cpu_self()->arch.id)
		irq_send_ipi(READ_ONCE(t->cpu));
}

enum tv_err notify_wait(struct notification *n, struct thread *t)
{
	enum tv_err err = TV_OK;

	spin_lock(&n->lock);
	t->wait = WAIT_NOTIFICATION;
	t->ntfn = n;
	list_add_tail(&n->waiters, &t->queue);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&n->word, __ATOMIC_RELAXED))
		err = TV_EAGAIN;
	else if (n->dead)
		err = TV_EDEAD;
	if (err) {
		list_del(&t->queue);
		t->ntfn = NULL;
		t->wait = WAIT_NONE;
	}
	spin_unlock(&n->lock);
	return err;
}

bool notify_cancel(struct thread *t)
{
	struct notification *n = t->ntfn;
	bool waits;

	spin_lock(&n->lock);
	waits = !list_empty(&t->queue);
	list_del(&t->queue);
	spin_unlock(&n->lock);
	if (waits)
		t->ntfn = NULL;
	return waits;
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
	/* Nobody may signal the old target with the new bits. */
	if (h->target) {
		hook_clear(h);
		cross_sync();
	}
	h->bits = bits;
	list_add_tail(&n->hooks, &h->link);
	__atomic_store_n(&h->target, n, __ATOMIC_RELEASE);
}

void hook_clear(struct notify_hook *h)
{
	if (!h->target)
		return;
	list_del(&h->link);
	WRITE_ONCE(h->target, NULL);
}

/* The first of those that wait gets TV_EDEAD, and nobody can wait any more.  false: there was none. */
static bool notify_evict(struct notification *n)
{
	bool waits;

	spin_lock(&n->lock);
	n->dead = true;
	waits = !list_empty(&n->waiters);
	if (waits)
		first_ended(n, TV_EDEAD, 0);
	spin_unlock(&n->lock);
	return waits;
}

bool notify_destroy(struct notification *n, struct work *w)
{
	if (n->bound)
		WRITE_ONCE(n->bound->bound, NULL);
	WRITE_ONCE(n->bound, NULL);
	while (!list_empty(&n->hooks)) {
		hook_clear(list_first(&n->hooks, struct notify_hook, link));
		work_spend(w, 1);
		if (!work_left(w))
			return false;
	}
	while (notify_evict(n)) {
		work_spend(w, WORK_NODE);
		if (!work_left(w))
			return false;
	}
	return true;
}
