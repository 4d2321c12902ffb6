/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unmapping and protecting parts of a space.
 *
 * First the range is cut out: mappings that cross its ends are split in two, and so are the large leaves there, for which memory
 * is set aside before.  After that, everything in the range consists of whole mappings and whole leaves, and the rest of the
 * work, in chunks, needs no memory:
 *
 *      range            [=====================]
 *      mappings   [------------][----][-----------]
 *      after      [----][------][----][-------][--]
 */
#include <kernel/space.h>

/* What happens to the range. */
struct change {
	bool unmap;
	uint32_t rights;		/* otherwise: the new PT_R, PT_W, PT_X */
};

/* Does a mapping cover both @at - 1 and @at? */
static struct mapping *mapping_across(const struct space *s, uint64_t at)
{
	struct mapping *m = space_find(s, at);

	return m && m->at.key < at ? m : NULL;
}

/* Does a leaf translate both @at - 1 and @at? */
static bool leaf_across(const struct space *s, uint64_t at)
{
	return !is_aligned(at, space_leaf(s, at));
}

/* Split @m at @at into itself and @rest, a zeroed node. */
static void mapping_split(struct mapping *m, uint64_t at, struct mapping *rest)
{
	uint64_t bytes = at - m->at.key;

	rest->space = m->space;
	rest->size = rest->done = m->size - bytes;
	rest->pa.v = m->pa.v + bytes;
	rest->attr = m->attr;
	rest->max = m->max;
	rest->at.key = at;
	m->size = m->done = bytes;
	tree_insert(&m->space->mappings, &rest->at);
	node_insert_after(&rest->node, &m->node);
}

/* Change whole leaves, or parts of leaves for which tables are reserved. */
static void change_leaves(struct space *s, uint64_t va, uint64_t size, uint32_t attr, bool unmap)
{
	struct pt_dead dead = { 0 };

	if (unmap)
		pt_unmap(&s->pt, va, size, s->quota, &dead);
	else
		pt_protect(&s->pt, va, size, attr, s->quota, &dead);
	space_shootdown(s, va, size);
	pt_free_dead(&dead, s->quota);
}

static uint32_t change_attr(const struct mapping *m, const struct change *c)
{
	return (m->attr & ~PT_RWX) | c->rights;
}

/* The part of the leaf across @at that lies in [@va, @end), where @at is one of both. */
static void change_edge(struct space *s, uint64_t at, uint64_t va, uint64_t end, const struct change *c)
{
	uint64_t leaf = space_leaf(s, at), from = max_u64(align_down(at, leaf), va);
	uint64_t to = min_u64(align_down(at, leaf) + leaf, end);
	struct mapping *m = space_find(s, from);

	if (!m || is_aligned(at, leaf))
		return;
	change_leaves(s, from, to - from, change_attr(m, c), c->unmap);
	if (!c->unmap)
		return;
	if (m->at.key == from)
		mapping_shrink_front(m, to - from);
	else
		m->size = m->done = from - m->at.key;
	if (m->size == 0)
		mapping_free(m);
}

/* May @m, which can be NULL, be changed by @c? */
static bool change_allowed(const struct mapping *m, const struct change *c)
{
	return !m || c->unmap || !(c->rights & ~m->max);
}

/*
 * Make the ends of the range ends of mappings and of leaves.  TV_ERIGHT, TV_EQUOTA, TV_EBUSY: nothing has changed.  TV_ERIGHT is for
 * what another thread has mapped since the caller checked the range.
 */
static enum tv_err change_cut(struct space *s, uint64_t va, uint64_t end, const struct change *c)
{
	struct mapping *first = mapping_across(s, va), *last = mapping_across(s, end);
	unsigned edges = (first && leaf_across(s, va) ? 1u : 0u) + (last && leaf_across(s, end) ? 1u : 0u);
	uint64_t pages = edges * (s->pt.fmt->levels - 1u), before;
	struct mapping *spare[2] = { NULL, NULL };

	if (!first && !last)
		return TV_OK;
	if (!change_allowed(first, c) || !change_allowed(last, c))
		return TV_ERIGHT;
	if ((first && first->done < first->size) || (last && last->done < last->size))
		return TV_EBUSY;
	if (!quota_reserve(s->quota, pages))
		return TV_EQUOTA;
	if (first)
		spare[0] = quota_alloc(s->quota, sizeof(*first));
	if (last)
		spare[1] = quota_alloc(s->quota, sizeof(*last));
	if ((first && !spare[0]) || (last && !spare[1])) {
		for (unsigned i = 0; i < 2; i++)
			if (spare[i])
				quota_free(s->quota, spare[i], sizeof(*first));
		quota_unreserve(s->quota, pages);
		return TV_EQUOTA;
	}
	before = s->quota->reserved;
	if (first)
		mapping_split(first, va, spare[0]);
	if (last)
		mapping_split(mapping_across(s, end), end, spare[1]);
	if (last && edges)
		change_edge(s, end, va, end, c);
	if (first && edges)
		change_edge(s, va, va, end, c);
	quota_unreserve(s->quota, pages - (before - s->quota->reserved));
	return TV_OK;
}

enum tv_err space_unmap(struct space *s, uint64_t *va, uint64_t *size, struct work *w)
{
	const struct change c = { .unmap = true };
	uint64_t end = *va + *size;
	enum tv_err err = change_cut(s, *va, end, &c);

	if (err)
		return err;
	while (*size) {
		struct mapping *m = space_find_from(s, *va);
		uint64_t next = m ? min_u64(m->at.key + m->size, end) : end;

		if (!work_left(w))
			return TV_OK;
		work_spend(w, WORK_NODE);
		if (m && m->at.key < end && !mapping_destroy(m, w))
			next = m->at.key;
		*va = next;
		*size = end - next;
	}
	return TV_OK;
}

/* Let @m absorb its right neighbour if both are alike and came from one call, and make large leaves again around the seam. */
static void mapping_merge(struct mapping *m, struct mapping *next)
{
	struct space *s = m->space;
	uint64_t seam = next->at.key, from, to;

	if (m->at.key + m->size != seam || m->pa.v + m->size != next->pa.v || m->attr != next->attr || m->max != next->max ||
	    m->done < m->size || next->done < next->size || !node_adjacent(&m->node, &next->node))
		return;
	m->size += next->size;
	m->done = m->size;
	mapping_free(next);
	if (is_aligned(seam, 2 * MIB))
		return;
	from = max_u64(align_down(seam, 2 * MIB), m->at.key);
	to = min_u64(align_down(seam, 2 * MIB) + 2 * MIB, m->at.key + m->size);
	change_leaves(s, from, to - from, m->attr, false);
}

/* Merge the mapping at @at, if there is one, with the one that ends there. */
static void change_join(struct space *s, uint64_t at)
{
	struct mapping *next = space_find(s, at), *m = at ? space_find(s, at - 1) : NULL;

	if (m && next && m != next)
		mapping_merge(m, next);
}

/* Protect the part of @m, which lies in the range, from @va on; returns where it stopped. */
static uint64_t mapping_protect(struct mapping *m, uint64_t va, const struct change *c, struct work *w)
{
	uint64_t at, end = m->at.key + m->done;

	/* Not allowed, or not in the page tables yet. */
	if (!change_allowed(m, c) || va >= end)
		return m->at.key + m->size;
	/* Between two chunks another thread may have made a large leaf where this call has stopped; it lies in the range as a whole. */
	va = align_down(va, space_leaf(m->space, va));
	m->attr = change_attr(m, c);
	at = space_leaves(m->space, va, end, w);
	/* Whole 2 MiB, so that each call can make one leaf of them. */
	if (at < end && align_down(at, 2 * MIB) > va)
		at = align_down(at, 2 * MIB);
	change_leaves(m->space, va, at - va, m->attr, false);
	return at < end ? at : m->at.key + m->size;
}

enum tv_err space_protect(struct space *s, uint64_t va, uint64_t end, uint64_t *at, uint32_t rights, struct work *w)
{
	const struct change c = { .rights = rights };
	enum tv_err err = change_cut(s, va, end, &c);

	if (err)
		return err;
	while (*at < end) {
		struct mapping *m = space_find_from(s, *at);
		uint64_t next = end;

		if (!work_left(w))
			return TV_OK;
		work_spend(w, WORK_NODE);
		if (m && m->at.key < end) {
			next = mapping_protect(m, max_u64(*at, m->at.key), &c, w);
			if (m->at.key + m->size == next && m->at.key > va)
				change_join(s, m->at.key);
		}
		*at = next;
	}
	/* Not before all is done: the ends of the range must stay cut until then. */
	change_join(s, va);
	change_join(s, end);
	return TV_OK;
}

enum tv_err space_may_protect(const struct space *s, uint64_t *va, uint64_t end, uint32_t rights, struct work *w)
{
	while (*va < end && work_left(w)) {
		struct mapping *m = space_find_from(s, *va);

		if (m && m->at.key < end && rights & ~m->max)
			return TV_ERIGHT;
		*va = m && m->at.key < end ? m->at.key + m->size : end;
		work_spend(w, WORK_NODE);
	}
	return TV_OK;
}
