/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on spaces and memory. */
#include <arch/virt.h>
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/space.h>
#include <kernel/thread.h>

/* space_create: arg0 = selector, arg1 = enum tv_space_kind. */
enum tv_err hc_space_create(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 0);
	struct space *s;
	void *memory;
	enum tv_err err;

	if (frame_arg(f, 1) != TV_SPACE_GUEST)
		return TV_EINVAL;
	err = object_prepare(t->domain, sel, sizeof(*s), &memory);
	if (err)
		return err;
	s = memory;
	err = space_init(s, SPACE_GUEST, &t->domain->quota);
	if (err)
		object_abandon(t->domain, sel, memory, sizeof(*s));
	else
		object_publish(&s->object, t->domain, sel, TV_CAP_SPACE, NULL);
	return err;
}

/* "space" as an argument: a SPACE, or a DOMAIN for its host space, with TV_RIGHT_MAP. */
static enum tv_err space_get(const struct thread *t, uint64_t sel, struct space **out)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, sel, TV_CAP_SPACE, TV_RIGHT_MAP, &c);

	if (!err) {
		*out = cap_space(c);
	} else if (err == TV_ETYPE) {
		err = cap_get(&t->domain->table, sel, TV_CAP_DOMAIN, TV_RIGHT_MAP, &c);
		if (!err)
			*out = &cap_domain(c)->space;
	}
	return err;
}

/* Is [@va, @va + @size) a page-granular, non-empty range of addresses that @s has? */
static bool range_valid(const struct space *s, uint64_t va, uint64_t size)
{
	return is_aligned(va | size, PAGE_SIZE) && size > 0 && range_inside(va, size, s->limit) &&
	       (s->kind == SPACE_GUEST || va >= TV_USER_MIN);
}

/* TV_MAP_READ, WRITE, EXEC are PT_R, PT_W, PT_X.  Everything mapped is readable; in a host space nothing is writable and executable. */
_Static_assert(TV_MAP_READ == PT_R && TV_MAP_WRITE == PT_W && TV_MAP_EXEC == PT_X, "rights of mappings");
static bool rights_valid(const struct space *s, uint64_t rights)
{
	return rights & TV_MAP_READ && !(rights & ~(uint64_t)TV_MAP_RIGHTS) &&
	       (s->kind == SPACE_GUEST || (rights & (TV_MAP_WRITE | TV_MAP_EXEC)) != (TV_MAP_WRITE | TV_MAP_EXEC));
}

/* The PT_* attributes of a mapping of @region with TV_MAP_* @flags; RAM is mapped write-back, anything else never. */
static bool attr_of(const struct space *s, const struct cap *region, uint64_t flags, uint32_t *attr)
{
	static const uint32_t type[] = { PT_WB, PT_UC, PT_WC };
	uint64_t which = (flags & TV_MAP_TYPE) / TV_MAP_UC;

	if (flags & ~(uint64_t)TV_MAP_FLAGS || !rights_valid(s, flags & TV_MAP_RIGHTS) || which >= ARRAY_LEN(type))
		return false;
	if ((type[which] == PT_WB) != ((region->flags & CAP_RAM) != 0))
		return false;
	*attr = (uint32_t)(flags & TV_MAP_RIGHTS) | type[which] | (s->kind == SPACE_HOST ? PT_USER : 0);
	return true;
}

/* What mappings made from @c may allow at most. */
static uint32_t region_rights(const struct cap *c)
{
	return (c->rights & TV_RIGHT_READ ? PT_R : 0) | (c->rights & TV_RIGHT_WRITE ? PT_W : 0) |
	       (c->rights & TV_RIGHT_EXEC ? PT_X : 0);
}

/* mem_map: arg0 = space, arg1 = address, arg2 = region, arg3 = offset in it, arg4 = size, arg5 = TV_MAP_*. */
enum tv_err hc_mem_map(struct thread *t, struct user_frame *f)
{
	struct map_request r = { .va = frame_arg(f, 1), .size = frame_arg(f, 4) };
	uint64_t offset = frame_arg(f, 3);
	struct work w = { WORK_CHUNK };
	struct space *s;
	struct cap *region;
	bool done;
	enum tv_err err = space_get(t, frame_arg(f, 0), &s);

	if (err)
		return err;
	err = cap_get(&t->domain->table, frame_arg(f, 2), TV_CAP_REGION, 0, &region);
	if (err)
		return err;
	if (!range_valid(s, r.va, r.size) || !is_aligned(offset, PAGE_SIZE) || !attr_of(s, region, frame_arg(f, 5), &r.attr))
		return TV_EINVAL;
	r.max = region_rights(region);
	if (r.attr & PT_RWX & ~r.max)
		return TV_ERIGHT;
	if (!range_inside(offset, r.size, region->size))
		return TV_ERANGE;
	r.pa.v = region->base + offset;
	r.source = &region->node;
	err = space_map(s, &r, &w, &done);
	if (!err && !done)
		hypercall_restart(t);
	return err;
}

/* mem_unmap: arg0 = space, arg1 = address, arg2 = size. */
enum tv_err hc_mem_unmap(struct thread *t, struct user_frame *f)
{
	uint64_t va = frame_arg(f, 1), size = frame_arg(f, 2);
	struct work w = { WORK_CHUNK };
	struct space *s;
	enum tv_err err = space_get(t, frame_arg(f, 0), &s);

	if (err)
		return err;
	if (!range_valid(s, va, size))
		return TV_EINVAL;
	err = space_unmap(s, &va, &size, &w);
	if (!err && size) {
		frame_set_arg(f, 1, va);
		frame_set_arg(f, 2, size);
		hypercall_restart(t);
	}
	return err;
}

/* mem_protect: arg0 = space, arg1 = address, arg2 = size, arg3 = TV_MAP_READ, WRITE, EXEC. */
enum tv_err hc_mem_protect(struct thread *t, struct user_frame *f)
{
	uint64_t va = frame_arg(f, 1), size = frame_arg(f, 2), rights = frame_arg(f, 3), end = va + size;
	/* First the whole range is checked, then it is changed; how far both came is kept beside the arguments. */
	uint64_t checked = max_u64(t->checked, va), changed = max_u64(t->changed, va);
	struct work w = { WORK_CHUNK };
	struct space *s;
	enum tv_err err = space_get(t, frame_arg(f, 0), &s);

	t->checked = t->changed = 0;
	if (err)
		return err;
	if (!range_valid(s, va, size) || !rights_valid(s, rights))
		return TV_EINVAL;
	err = space_may_protect(s, &checked, end, (uint32_t)rights, &w);
	if (!err && checked >= end)
		err = space_protect(s, va, end, &changed, (uint32_t)rights, &w);
	if (!err && changed < end) {
		t->checked = checked;
		t->changed = changed;
		hypercall_restart(t);
	}
	return err;
}
