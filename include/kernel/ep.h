/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints: synchronous call and reply, on the caller's time. */
#ifndef KERNEL_EP_H
#define KERNEL_EP_H

#include <kernel/cap.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/list.h>

struct thread;

/* How deep calls may nest: bounds every walk along a chain of calls. */
#define EP_CALL_LEVELS	16u

#define EP_CPU_ANY		(~0u)
#define EP_CPU_NONE		(~1u)	/* it is being destroyed */

struct endpoint {
	struct object object;
	uint32_t cpu;			/* whose threads meet here: that of the first user; EP_CPU_* before and after that */
	struct list callers;		/* thread.queue, first come first served; at most one of both lists ... */
	struct list servers;		/* ... has members                                                      */
};

static inline struct endpoint *cap_endpoint(const struct cap *c) { return container_of(c->object, struct endpoint, object); }

void ep_init(struct endpoint *e);
/* @t ends or leaves without a reply: its caller's call ends with TV_EDEAD, and gets its scheduling context back. */
void ep_abandon_caller(struct thread *t);
/* @t ends while another thread works for it: that one owes the reply to nobody now. */
void ep_forget_callee(struct thread *t);
/* object_destroy() for endpoints: false when @w ran out, call again. */
bool ep_destroy(struct endpoint *e, struct work *w) MUST_USE;

#endif
