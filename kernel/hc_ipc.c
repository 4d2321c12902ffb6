/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on notifications, and the creation of endpoints; calls through endpoints are in ep.c. */
#include <arch/time.h>
#include <kernel/domain.h>
#include <kernel/ep.h>
#include <kernel/hypercall.h>
#include <kernel/notify.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

/* ep_create: arg0 = selector. */
enum tv_err hc_ep_create(struct thread *t, struct user_frame *f)
{
	struct endpoint *e;
	void *memory;
	enum tv_err err = object_prepare(t->domain, frame_arg(f, 0), sizeof(*e), &memory);

	if (err)
		return err;
	e = memory;
	ep_init(e);
	object_publish(&e->object, t->domain, frame_arg(f, 0), TV_CAP_ENDPOINT, NULL);
	return TV_OK;
}

/* ntfn_create: arg0 = selector. */
enum tv_err hc_ntfn_create(struct thread *t, struct user_frame *f)
{
	struct notification *n;
	void *memory;
	enum tv_err err = object_prepare(t->domain, frame_arg(f, 0), sizeof(*n), &memory);

	if (err)
		return err;
	n = memory;
	notify_init(n);
	object_publish(&n->object, t->domain, frame_arg(f, 0), TV_CAP_NOTIFICATION, NULL);
	return TV_OK;
}

/* ntfn_signal: arg0 = notification, arg1 = bits. */
enum tv_err hc_ntfn_signal(struct thread *t, struct user_frame *f)
{
	uint64_t bits = frame_arg(f, 1);
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_NOTIFICATION, TV_RIGHT_SIGNAL, &c);

	if (unlikely(err))
		return err;
	if (unlikely(!bits))
		return TV_EINVAL;
	if (unlikely(bits & ~c->badge))
		return TV_ERANGE;
	notify_signal(cap_notification(c), bits);
	return TV_OK;
}

/* ntfn_wait: arg0 = notification, arg1 = absolute TSC deadline (TV_NEVER: none) -> word 0 = bits. */
enum tv_err hc_ntfn_wait(struct thread *t, struct user_frame *f)
{
	uint64_t deadline = frame_arg(f, 1), bits;
	struct notification *n;
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_NOTIFICATION, TV_RIGHT_WAIT, &c);

	if (unlikely(err))
		return err;
	n = cap_notification(c);
	do {
		bits = notify_take(n);
		if (bits) {
			frame_set_word(f, 0, bits);
			return TV_OK;
		}
		if (deadline != TV_NEVER && deadline <= time_now()) {
			frame_set_word(f, 0, 0);
			return TV_ETIMEOUT;
		}
		err = notify_wait(n, t);
	} while (err == TV_EAGAIN);
	if (unlikely(err))
		return err;
	timer_start(&t->timer, deadline);
	sched_block(t);
	sched_dispatch();
}

/* ntfn_poll: arg0 = notification -> word 0 = bits. */
enum tv_err hc_ntfn_poll(struct thread *t, struct user_frame *f)
{
	uint64_t bits;
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_NOTIFICATION, TV_RIGHT_WAIT, &c);

	if (err)
		return err;
	bits = notify_take(cap_notification(c));
	frame_set_word(f, 0, bits);
	return bits ? TV_OK : TV_EAGAIN;
}
