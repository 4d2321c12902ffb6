/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on domains. */
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/notify.h>
#include <kernel/thread.h>

/* domain_create: arg0 = selector, arg1 = quota in bytes. */
enum tv_err hc_domain_create(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 0), bytes = frame_arg(f, 1);
	struct domain *d;
	void *memory;
	enum tv_err err;

	if (!is_aligned(bytes, PAGE_SIZE))
		return TV_EINVAL;
	if (t->domain->level + 1u >= DOMAIN_LEVELS)
		return TV_EUNSUP;
	err = object_prepare(t->domain, sel, sizeof(*d), &memory);
	if (err)
		return err;
	d = memory;
	err = domain_init(d, t->domain, bytes / PAGE_SIZE);
	if (err)
		object_abandon(t->domain, sel, memory, sizeof(*d));
	else
		object_publish(&d->object, t->domain, sel, TV_CAP_DOMAIN, NULL);
	return err;
}

/* domain_destroy: arg0 = domain. */
enum tv_err hc_domain_destroy(struct thread *t, struct user_frame *f)
{
	struct work w = { WORK_CHUNK };
	struct cap *via = cap_slot(&t->domain->table, frame_arg(f, 0)), *c = via;
	enum tv_err err;

	/* An original capability that is going already: this is the same call again, after a restart. */
	if (!via || via->type != (TV_CAP_DOMAIN | CAP_DYING) || !(via->flags & CAP_ORIGINAL)) {
		err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_DOMAIN, TV_RIGHT_CONTROL, &via);
		if (err)
			return err;
		c = cap_domain(via)->object.original;
	}
	if (thread_ends_with(t, c))
		return TV_EBUSY;
	if (!(c == via ? cap_delete(c, &w) : cap_delete_through(c, via, &w)))
		hypercall_restart(t);
	return TV_OK;
}

/* domain_quota: arg0 = domain, arg1 = bytes, signed: what the caller's own quota gives, or takes back. */
enum tv_err hc_domain_quota(struct thread *t, struct user_frame *f)
{
	uint64_t bytes = frame_arg(f, 1);
	bool back = bytes >> 63;
	struct quota *own = &t->domain->quota;
	struct domain *d;
	enum tv_err err = domain_get(&t->domain->table, frame_arg(f, 0), TV_RIGHT_CONTROL, &d);

	if (err)
		return err;
	if (!is_aligned(bytes, PAGE_SIZE))
		return TV_EINVAL;
	/* At its end all of a domain's quota returns to its creator: only the creator may add to it. */
	if (d->object.payer != t->domain || d == t->domain)
		return TV_ERIGHT;
	if (back ? !quota_return(&d->quota, own, (0 - bytes) / PAGE_SIZE) : !quota_give(own, &d->quota, bytes / PAGE_SIZE))
		return TV_EQUOTA;
	return TV_OK;
}

/* domain_info: arg0 = domain -> word 0 = quota, word 1 = used, word 2 = threads, word 3 = peak of used; in bytes. */
enum tv_err hc_domain_info(struct thread *t, struct user_frame *f)
{
	struct domain *d;
	enum tv_err err = domain_get(&t->domain->table, frame_arg(f, 0), TV_RIGHT_READ, &d);

	if (err)
		return err;
	frame_set_word(f, 0, d->quota.limit * PAGE_SIZE);
	frame_set_word(f, 1, d->quota.used * PAGE_SIZE);
	frame_set_word(f, 2, d->thread_count);
	frame_set_word(f, 3, d->quota.peak * PAGE_SIZE);
	return TV_OK;
}

/* domain_watch: arg0 = domain, arg1 = notification (0: nobody), arg2 = bits. */
enum tv_err hc_domain_watch(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 1), bits = frame_arg(f, 2);
	struct notification *n;
	struct domain *d;
	enum tv_err err = domain_get(&t->domain->table, frame_arg(f, 0), TV_RIGHT_CONTROL, &d);

	if (err)
		return err;
	if (sel == 0) {
		hook_clear(&d->watch);
		return TV_OK;
	}
	err = notify_get(&t->domain->table, sel, bits, &n);
	if (err)
		return err;
	hook_set(&d->watch, n, bits);
	return TV_OK;
}
