/* SPDX-License-Identifier: Apache-2.0 */
/* Creation and end of kernel objects. */
#include <kernel/cap.h>
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

bool object_destroy(struct cap *c, struct work *w)
{
	enum tv_cap_type type = (enum tv_cap_type)(c->type & ~CAP_DYING);
	struct domain *payer = c->object->payer;
	void *memory = NULL;

	switch (type) {
	case TV_CAP_DOMAIN:
		domain_destroy(cap_domain(c));
		memory = cap_domain(c);
		break;
	case TV_CAP_SPACE:
		if (!space_destroy(cap_space(c), w))
			return false;
		memory = cap_space(c);
		break;
	case TV_CAP_THREAD:
		thread_destroy(cap_thread(c));
		memory = cap_thread(c);
		break;
	case TV_CAP_SCHED:
		sched_destroy(cap_sched(c));
		memory = cap_sched(c);
		break;
	case TV_CAP_VCPU:
		if (!grants_end(&cap_vcpu(c)->grants, w))
			return false;
		vcpu_destroy(cap_vcpu(c));
		memory = cap_vcpu(c);
		break;
	case TV_CAP_ENDPOINT:
		if (!ep_destroy(cap_endpoint(c), w))
			return false;
		memory = cap_endpoint(c);
		break;
	case TV_CAP_NOTIFICATION:
		if (!notify_destroy(cap_notification(c), w))
			return false;
		memory = cap_notification(c);
		break;
	default:
		return true;	/* ranges and the log have no memory of their own */
	}
	quota_free(&payer->quota, memory, object_size[type]);
	return true;
}
