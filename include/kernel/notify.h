/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: a word of 64 signals. */
#ifndef KERNEL_NOTIFY_H
#define KERNEL_NOTIFY_H

#include <kernel/cap.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/list.h>
#include <lib/spinlock.h>

struct thread;

struct notification {
	struct object object;
	uint64_t word;			/* signals that nobody has taken yet; atomic                   */
	struct spinlock lock;		/* guards @waiters and @dead                                   */
	bool dead;			/* nobody can wait any more                                    */
	struct list waiters;		/* thread.queue, first come first served                       */
	struct thread *bound;		/* thread_bind; read without a lock                            */
	struct list hooks;		/* struct notify_hook.link: what signals it from the kernel    */
};

/* A place in the kernel that signals @bits of @target when something happens: IRQ bindings, domain watches, the log. */
struct notify_hook {
	struct list link;		/* notification.hooks                                          */
	struct notification *target;	/* NULL: nobody is told                                        */
	uint64_t bits;
};

static inline struct notification *cap_notification(const struct cap *c)
{
	return container_of(c->object, struct notification, object);
}

void notify_init(struct notification *n);
/* Set @bits; wakes the thread that has waited longest, which takes all bits.  From anywhere, without the tree lock. */
void notify_signal(struct notification *n, uint64_t bits);
/* Take all signals that are there; 0: none. */
static inline uint64_t notify_take(struct notification *n) { return __atomic_exchange_n(&n->word, 0, __ATOMIC_SEQ_CST); }
/* Let the current thread @t wait.  TV_OK: it waits; TV_EAGAIN: there are signals after all; TV_EDEAD: @n is being destroyed. */
enum tv_err notify_wait(struct notification *n, struct thread *t) MUST_USE;
/* @t, a thread of this CPU, waits for a notification and is to wait no more.  false: another CPU has ended the wait, and its mail is
 * here or on its way. */
bool notify_cancel(struct thread *t);
/* The wait of @t, a thread of this CPU, has ended with @status and @bits. */
void notify_ended(struct thread *t, enum tv_err status, uint64_t bits);

/*
 * Decode the notification that the kernel shall signal with @bits for a caller whose table is @table.  Needs TV_RIGHT_CONTROL.
 * TV_EINVAL: @bits is 0; TV_ERANGE: bits that the capability may not signal; TV_ECAP, TV_ETYPE, TV_ERIGHT.
 */
enum tv_err notify_get(const struct cap_table *table, uint64_t sel, uint64_t bits, struct notification **out) MUST_USE;
void hook_set(struct notify_hook *h, struct notification *n, uint64_t bits);
/* Safe on a hook that is not set. */
void hook_clear(struct notify_hook *h);
/* Without the tree lock: what is found stays until this CPU answers others (kernel/cross.h). */
static inline void hook_signal(const struct notify_hook *h)
{
	struct notification *n = __atomic_load_n(&h->target, __ATOMIC_ACQUIRE);

	if (n)
		notify_signal(n, h->bits);
}

/* object_destroy() for notifications: false when @w ran out, call again. */
bool notify_destroy(struct notification *n, struct work *w) MUST_USE;

#endif
