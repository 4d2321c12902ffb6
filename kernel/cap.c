/* SPDX-License-Identifier: Apache-2.0 */
/* Capability tables and the derivation tree; include/kernel/cap.h has the picture. */
#include <kernel/cap.h>
#include <kernel/domain.h>
#include <kernel/irq.h>
#include <kernel/limbo.h>
#include <kernel/panic.h>
#include <kernel/port.h>
#include <kernel/space.h>

enum tv_err cap_get_any(const struct cap_table *table, uint64_t sel, uint32_t need, struct cap **out)
{
	struct cap *c = cap_slot(table, sel);

	if (!c || cap_type(c) >= CAP_GONE)
		return TV_ECAP;
	if ((c->rights & need) != need)
		return TV_ERIGHT;
	*out = c;
	return TV_OK;
}

enum tv_err cap_reserve(struct domain *d, uint64_t sel, struct cap **out)
{
	struct cap *page;
	uint64_t dir, slot;

	if (sel == 0 || sel >= TV_SEL_MAX)
		return TV_ECAP;
	if (d->dying)
		return TV_EDEAD;
	dir = index_nospec(sel, TV_SEL_MAX) / CAP_PAGE_SLOTS;
	slot = sel % CAP_PAGE_SLOTS;
	page = d->table.page[dir];
	if (page && page[slot].type != TV_CAP_NONE)
		return TV_EEXIST;
	if (!page) {
		page = quota_frame_alloc(&d->quota);
		if (!page)
			return TV_EQUOTA;
		WRITE_ONCE(d->table.page[dir], page);
	}
	d->table.used[dir]++;
	page[slot].domain = d;
	page[slot].sel = (uint16_t)sel;
	*out = &page[slot];
	return TV_OK;
}

/*
 * Give back a slot that was reserved, or whose capability is gone; its page goes with the last one.  Both can be looked up no more,
 * but whoever has done so may still look at them: they are freed with what is in limbo.
 */
void cap_release(struct cap *c)
{
	struct domain *d = c->domain;
	uint64_t dir = c->sel / CAP_PAGE_SLOTS;

	c->was = c->type & (uint8_t)~CAP_DYING;
	__atomic_store_n(&c->type, CAP_GONE, __ATOMIC_RELEASE);
	c->node.kind = NODE_CAP;
	if (--d->table.used[dir] == 0) {
		c->flags |= CAP_LAST;
		WRITE_ONCE(d->table.page[dir], NULL);
	}
	limbo_add(&c->node);
}

void cap_fill(struct cap *c, const struct cap *value, struct node *source)
{
	c->flags = value->flags;
	c->rights = value->rights;
	c->base = value->base;		/* or the object */
	c->size = value->size;		/* or the badge  */
	node_insert(&c->node, source, NODE_CAP);
	/* Last: from here on a lookup finds it. */
	__atomic_store_n(&c->type, value->type, __ATOMIC_RELEASE);
}

static void node_link(struct node *n, struct node *before)
{
	n->prev = before;
	n->next = before->next;
	n->next->prev = n;
	before->next = n;
}

void node_insert(struct node *n, struct node *source, enum node_kind kind)
{
	n->kind = (uint8_t)kind;
	if (source) {
		n->depth = source->depth + 1;
		node_link(n, source);
	} else {
		n->depth = 0;
		n->next = n->prev = n;
	}
}

void node_insert_after(struct node *n, struct node *m)
{
	n->kind = m->kind;
	n->depth = m->depth;
	node_link(n, m);
}

void node_unlink(struct node *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	n->next = n->prev = n;
}

bool node_adjacent(const struct node *a, const struct node *b)
{
	return a->next == b && a->depth == b->depth && a != b;
}

/* The node behind @n if it was derived from @n, else NULL.  The root of a ring has depth 0, so that the ring's end shows. */
static struct node *node_follower(const struct node *n)
{
	return n->next->depth > n->depth ? n->next : NULL;
}

/* Remove @n, which is no original capability.  What was derived from it stays, below its parent.  false: call again. */
static bool node_remove(struct node *n, struct work *w)
{
	work_spend(w, WORK_NODE);
	switch ((enum node_kind)n->kind) {
	case NODE_CAP:
		node_unlink(n);
		cap_release(container_of(n, struct cap, node));
		return true;
	case NODE_MAPPING:
		return mapping_destroy(container_of(n, struct mapping, node), w);
	case NODE_GRANT:
		grant_end(container_of(n, struct grant, node));
		return true;
	case NODE_IRQ:
		irq_unbind(container_of(n, struct irq_binding, node));
		return true;
	case NODE_NONE:
		break;
	}
	panic("derivation node of kind %u", n->kind);
}

static bool node_is_original(const struct node *n)
{
	return n->kind == NODE_CAP && container_of(n, const struct cap, node)->flags & CAP_ORIGINAL;
}

/* End the object of @c, from which nothing is derived any more, and free the slot.  false: call again. */
static bool original_remove(struct cap *c, struct work *w)
{
	work_spend(w, WORK_NODE);
	if (!object_destroy(c, w))
		return false;
	node_unlink(&c->node);
	cap_release(c);		/* and the object's memory */
	return true;
}

bool cap_revoke(struct cap *c, struct node *keep, struct work *w)
{
	struct node *top = &c->node, *at = top;

	/*
	 * @at walks down along original capabilities (scheduling contexts made from others): what was derived from one must go
	 * before its object does.  All between @top and @at are such, so that the way back is at->prev.  Only domain_destroy has
	 * a node to keep, and no original capability is ever derived from a domain's.
	 */
	for (;;) {
		struct node *n = node_follower(at);

		if (n && n == keep)
			n = n->next->depth > at->depth ? n->next : NULL;
		if (!n && at == top)
			return true;
		if (!work_left(w))
			return false;
		if (!n) {
			struct node *up = at->prev;

			if (!original_remove(container_of(at, struct cap, node), w))
				return false;
			at = up;
		} else if (node_is_original(n)) {
			container_of(n, struct cap, node)->type |= CAP_DYING;
			at = n;
		} else if (!node_remove(n, w)) {
			return false;
		}
	}
}

bool cap_delete(struct cap *c, struct work *w)
{
	c->type |= CAP_DYING;
	if (c->type == (TV_CAP_DOMAIN | CAP_DYING) && c->flags & CAP_ORIGINAL && !domain_empty(cap_domain(c), w))
		return false;
	if (!cap_revoke(c, NULL, w))
		return false;
	if (c->flags & CAP_ORIGINAL)
		return original_remove(c, w);
	return node_remove(&c->node, w);
}

bool cap_delete_through(struct cap *c, struct cap *via, struct work *w)
{
	struct work rest = { 4 * WORK_CHUNK };

	c->type |= CAP_DYING;
	if (!domain_empty(cap_domain(c), w))
		return false;
	if (!cap_revoke(c, &via->node, w))
		return false;
	/* What is left takes a bounded time and must not stop half-way: @via, by which the caller would come back, goes now. */
	CHECK(cap_delete(c, &rest));
	return true;
}
