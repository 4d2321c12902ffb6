/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on capabilities. */
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/thread.h>

/* Narrow the range of @c to [@base, @base + @size); @size 0: all of it. */
static enum tv_err derive_range(struct cap *c, uint64_t base, uint64_t size)
{
	if (size == 0)
		return base ? TV_EINVAL : TV_OK;
	if (c->type == TV_CAP_REGION && !is_aligned(base | size, PAGE_SIZE))
		return TV_EINVAL;
	if (base < c->base || !range_inside(base - c->base, size, c->size))
		return TV_ERANGE;
	c->base = base;
	c->size = size;
	return TV_OK;
}

/* Give @c the badge, or the mask of bits, @badge; 0: that of the source. */
static enum tv_err derive_badge(struct cap *c, uint64_t badge, uint64_t size)
{
	if (size)
		return TV_EINVAL;
	if (!badge)
		return TV_OK;
	if (c->type == TV_CAP_NOTIFICATION && badge & ~c->badge)
		return TV_ERANGE;
	if (c->type == TV_CAP_ENDPOINT && c->badge && c->badge != badge)
		return TV_ERANGE;
	c->badge = badge;
	return TV_OK;
}

static enum tv_err derive_value(const struct cap *src, uint64_t rights, uint64_t base, uint64_t size, struct cap *value)
{
	if (rights & ~(uint64_t)TV_RIGHT_ALL)
		return TV_EINVAL;
	if (rights & ~(uint64_t)src->rights)
		return TV_ERIGHT;
	*value = (struct cap){ .type = src->type, .flags = src->flags & CAP_RAM, .rights = (uint16_t)rights,
			       .base = src->base, .size = src->size };
	if (cap_is_range((enum tv_cap_type)src->type))
		return derive_range(value, base, size);
	if (src->type == TV_CAP_ENDPOINT || src->type == TV_CAP_NOTIFICATION)
		return derive_badge(value, base, size);
	return base || size ? TV_EINVAL : TV_OK;
}

/* cap_derive: arg0 = destination domain, arg1 = selector there, arg2 = source, arg3 = rights, arg4 = base or badge, arg5 = size. */
enum tv_err hc_cap_derive(struct thread *t, struct user_frame *f)
{
	struct cap *dst_domain, *src, *dst, value;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_DOMAIN, TV_RIGHT_GRANT, &dst_domain);

	if (err)
		return err;
	err = cap_get_any(&t->domain->table, frame_arg(f, 2), TV_RIGHT_DERIVE, &src);
	if (err)
		return err;
	err = derive_value(src, frame_arg(f, 3), frame_arg(f, 4), frame_arg(f, 5), &value);
	if (err)
		return err;
	err = cap_reserve(cap_domain(dst_domain), frame_arg(f, 1), &dst);
	if (err)
		return err;
	cap_fill(dst, &value, &src->node);
	return TV_OK;
}

/* cap_delete: arg0 = selector. */
enum tv_err hc_cap_delete(struct thread *t, struct user_frame *f)
{
	/* Also a slot whose deletion has begun: that is how this call goes on, or is taken up again. */
	struct cap *c = cap_slot(&t->domain->table, frame_arg(f, 0));
	struct work w = { WORK_CHUNK };

	if (!c)
		return TV_ECAP;
	if (thread_ends_with(t, c))
		return TV_EBUSY;
	if (!cap_delete(c, &w))
		hypercall_restart(t);
	return TV_OK;
}

/* cap_revoke: arg0 = selector. */
enum tv_err hc_cap_revoke(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	struct work w = { WORK_CHUNK };
	enum tv_err err = cap_get_any(&t->domain->table, frame_arg(f, 0), 0, &c);

	if (err)
		return err;
	if (!cap_revoke(c, NULL, &w))
		hypercall_restart(t);
	return TV_OK;
}

/* cap_info: arg0 = selector -> word 0 = type, word 1 = rights, word 2 = base or badge, word 3 = size. */
enum tv_err hc_cap_info(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err = cap_get_any(&t->domain->table, frame_arg(f, 0), 0, &c);
	bool range, badge;

	if (err)
		return err;
	range = cap_is_range((enum tv_cap_type)c->type);
	badge = c->type == TV_CAP_ENDPOINT || c->type == TV_CAP_NOTIFICATION;
	frame_set_word(f, 0, c->type);
	frame_set_word(f, 1, c->rights);
	frame_set_word(f, 2, range ? c->base : badge ? c->badge : 0);
	frame_set_word(f, 3, range ? c->size : 0);
	return TV_OK;
}
