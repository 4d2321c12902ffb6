/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: a word of 64 signals. */
#ifndef KERNEL_NOTIFY_H
#define KERNEL_NOTIFY_H

#include <kernel/cap.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/list.h>

struct thread;

struct notification {
	struct object object;
	uint64_t word;			/* signals that nobody has taken yet; atomic                   */
	struct list waiters;		/* thread.queue, first come first served                       */
	struct thread *bound;		/* thread_bind                                                 */
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
/* Set @bits; wakes the thread that has waited longest, which takes all bits. */
void notify_signal(struct notification *n, uint64_t bits);

/*
 * Decode the notification that the kernel shall signal with @bits for a caller whose table is @table.  Needs TV_RIGHT_CONTROL.
 * TV_EINVAL: @bits is 0; TV_ERANGE: bits that the capability may not signal; TV_ECAP, TV_ETYPE, TV_ERIGHT.
 */
enum tv_err notify_get(const struct cap_table *table, uint64_t sel, uint64_t bits, struct notification **out) MUST_USE;
void hook_set(struct notify_hook *h, struct notification *n, uint64_t bits);
/* Safe on a hook that is not set. */
void hook_clear(struct notify_hook *h);
static inline void hook_signal(const struct notify_hook *h)
{
	if (h->target)
		notify_signal(h->target, h->bits);
}

/* object_destroy() for notifications: false when @w ran out, call again. */
bool notify_destroy(struct notification *n, struct work *w) MUST_USE;

#endif
