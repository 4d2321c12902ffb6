/* SPDX-License-Identifier: Apache-2.0 */
/* Creation and end of kernel objects. */
#include <kernel/cap.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/ep.h>
#include <kernel/notify.h>
#include <kernel/object.h>
#include <kernel/panic.h>
#include <kernel/port.h>
#include <kernel/sched.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>

/* Bytes of each object; 0: not an object of its own, or freed by its owner. */
static const size_t object_size[TV_CAP_TYPES] = {
	[TV_CAP_DOMAIN] = sizeof(struct domain),
	[TV_CAP_SPACE] = sizeof(struct space),
	[TV_CAP_THREAD] = sizeof(struct thread),
	[TV_CAP_SCHED] = sizeof(struct sched),
	[TV_CAP_VCPU] = sizeof(struct vcpu),
	[TV_CAP_ENDPOINT] = sizeof(struct endpoint),
	[TV_CAP_NOTIFICATION] = sizeof(struct notification),
};
_Static_assert(sizeof(struct domain) <= 2048 && sizeof(struct thread) <= 2048, "objects come from slabs");

enum tv_err object_prepare(struct domain *d, uint64_t sel, size_t size, void **memory)
{
	struct cap *c;
	enum tv_err err = cap_reserve(d, sel, &c);

	if (err)
		return err;
	*memory = quota_alloc(&d->quota, size);
	if (!*memory) {
		cap_release(c);
		return TV_EQUOTA;
	}
	return TV_OK;
}

/* The slot that object_prepare() has reserved. */
static struct cap *object_slot(const struct domain *d, uint64_t sel)
{
	return &d->table.page[sel / CAP_PAGE_SLOTS][sel % CAP_PAGE_SLOTS];
}

void object_abandon(struct domain *d, uint64_t sel, void *memory, size_t size)
{
	quota_free(&d->quota, memory, size);
	cap_release(object_slot(d, sel));
}

void object_publish(struct object *o, struct domain *d, uint64_t sel, enum tv_cap_type type, struct cap *source)
{
	struct cap *c = object_slot(d, sel);
	struct cap value = { .type = (uint8_t)type, .flags = CAP_ORIGINAL, .rights = TV_RIGHT_ALL, .object = o };

	if (type == TV_CAP_NOTIFICATION)
		value.badge = ~0ull;
	o->original = c;
	o->payer = d;
	cap_fill(c, &value, source ? &source->node : NULL);
}

/* The memory of the object of @c, which is in limbo: its head is a member of each. */
void object_free(struct cap *c)
{
	struct quota *q = &c->object->payer->quota;
	void *memory = NULL;

	switch ((enum tv_cap_type)c->was) {
	case TV_CAP_DOMAIN:	memory = cap_domain(c); break;
	case TV_CAP_SPACE:	memory = cap_space(c); break;
	case TV_CAP_THREAD:	memory = cap_thread(c); break;
	case TV_CAP_SCHED:	memory = cap_sched(c); break;
	case TV_CAP_VCPU:	memory = cap_vcpu(c); break;
	case TV_CAP_ENDPOINT:	memory = cap_endpoint(c); break;
	case TV_CAP_NOTIFICATION: memory = cap_notification(c); break;
	default:		return;		/* ranges and the log have no memory of their own */
	}
	quota_free(q, memory, object_size[c->was]);
}

static void destroy_thread(void *t) { thread_destroy(t); }
static void destroy_sched(void *s) { sched_destroy(s); }

/* What belongs to a CPU ends there; the memory is freed by object_free(). */
bool object_destroy(struct cap *c, struct work *w)
{
	switch ((enum tv_cap_type)(c->type & ~CAP_DYING)) {
	case TV_CAP_DOMAIN:
		domain_destroy(cap_domain(c));
		return true;
	case TV_CAP_SPACE:
		return space_destroy(cap_space(c), w);
	case TV_CAP_THREAD:
		cross_call(cap_thread(c)->cpu, destroy_thread, cap_thread(c));
		return true;
	case TV_CAP_SCHED:
		cross_call(cap_sched(c)->cpu, destroy_sched, cap_sched(c));
		return true;
	case TV_CAP_VCPU:
		if (!grants_end(&cap_vcpu(c)->grants, w))
			return false;
		vcpu_destroy(cap_vcpu(c));
		return true;
	case TV_CAP_ENDPOINT:
		return ep_destroy(cap_endpoint(c), w);
	case TV_CAP_NOTIFICATION:
		return notify_destroy(cap_notification(c), w);
	default:
		return true;
	}
}
