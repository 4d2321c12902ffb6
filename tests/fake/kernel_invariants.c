/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between any two hypercalls, whatever was created, derived, mapped and destroyed before. */
#include "kernel_fake.h"

#include <kernel/ep.h>
#include <kernel/irq.h>
#include <kernel/notify.h>
#include <kernel/port.h>
#include <kernel/space.h>
#include <kernel/vcpu.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

bool revoking;

static uint64_t frames;			/* that the domains' quotas account for */

static void check_node(const struct node *n)
{
	assert_ptr_equal(n->next->prev, n);
	assert_ptr_equal(n->prev->next, n);
	/* Preorder: one level deeper, or back up, unless a revocation that is not through has taken what was between; only the
	 * root of the ring has depth 0. */
	assert_true(n->next->depth <= n->depth + 1 || revoking);
	assert_true(n->depth > 0 || n->prev->depth > 0 || n->next == n);
}

/* The tree of AVL nodes is ordered and balanced; returns its height. */
static int check_tree(const struct tree_node *n, const struct tree_node *parent, uint64_t low, uint64_t high)
{
	int a, b;

	if (!n)
		return 0;
	assert_ptr_equal(n->parent, parent);
	assert_true(n->key >= low && n->key <= high);
	a = check_tree(n->child[0], n, low, n->key);
	b = check_tree(n->child[1], n, n->key, high);
	assert_true(a - b <= 1 && b - a <= 1);
	assert_int_equal(n->height, 1 + (a > b ? a : b));
	return n->height;
}

/* Table pages of a tree of page tables, and 4 KiB pages that its leaves map. */
static void count_tables(const struct pt *pt, const uint64_t *table, unsigned level, unsigned last, uint64_t *tables,
			 uint64_t *pages)
{
	for (unsigned i = 0; i <= last; i++) {
		if (!(table[i] & pt->fmt->present)) {
			assert_int_equal(table[i], 0);
		} else if (level == 0 || (table[i] & pt->fmt->leaf_mask) == pt->fmt->leaf_val) {
			*pages += 1ull << (9 * level);
		} else {
			++*tables;
			count_tables(pt, (const uint64_t *)((table[i] & PT_ADDR) + 0xffff800000000000ull), level - 1, 511,
				     tables, pages);
		}
	}
}

/* Every mapping is in the page tables as it says, no leaf spans two of them, and nothing else is there. */
static void check_space(const struct space *s, uint64_t extra)
{
	uint64_t end = 0, tables = 1, pages = 0, mapped = extra;

	if (!s->pt.root)
		return;
	check_tree(s->mappings.root, NULL, 0, ~0ull);
	for (struct tree_node *n = tree_first(&s->mappings); n; n = tree_next(n)) {
		const struct mapping *m = tree_entry(n, struct mapping, at);

		check_node(&m->node);
		assert_int_equal(m->node.kind, NODE_MAPPING);
		assert_ptr_equal(m->space, s);
		assert_true(m->at.key >= end && m->size > 0 && m->done <= m->size);
		assert_true(m->done == m->size ? m->reserved == 0 : true);
		end = m->at.key + m->size;
		for (uint64_t off = 0; off < m->done;) {
			hpa_t pa;
			uint32_t attr;
			uint64_t leaf;

			assert_true(pt_lookup(&s->pt, m->at.key + off, &pa, &attr, &leaf));
			assert_int_equal(pa.v, m->pa.v + off);
			assert_int_equal(attr & PT_RWX, m->attr & PT_RWX);
			assert_true(is_aligned(m->at.key + off, leaf) && off + leaf <= m->done);
			off += leaf;
		}
		mapped += m->done / PAGE_SIZE;
	}
	count_tables(&s->pt, s->pt.root, s->pt.fmt->levels - 1u, s->kind == SPACE_HOST ? 255 : 511, &tables, &pages);
	assert_int_equal(pages, mapped);
	frames += tables;
}

static void check_slabs(const struct quota *q)
{
	for (unsigned i = 0; i < SLAB_CLASSES; i++) {
		const struct list *prev = &q->partial[i];

		list_for_each(it, &q->partial[i]) {
			assert_ptr_equal(it->prev, prev);
			prev = it;
		}
	}
	assert_true(q->used <= q->limit && q->reserved <= q->used);
}

static void check_hook(const struct notify_hook *h)
{
	if (h->target)
		assert_ptr_equal(h->link.next->prev, &h->link);
}

static void check_sched(const struct sched *s)
{
	uint64_t sum = 0;

	assert_true(s->runs || s->state == SCHED_IDLE);
	if (s->runs)
		assert_ptr_equal(s->runs->sched, s);
	if (s->owner)
		assert_ptr_equal(s->owner->own, s);
	assert_int_equal(s->state == SCHED_RUNNING, first_cpu.sched == s);
	if (s->state != SCHED_IDLE)
		assert_true(thread_ready(s->runs));
	else if (s->runs)
		assert_false(thread_ready(s->runs));
	assert_int_equal(s->state == SCHED_EMPTY, timer_running(&s->refill_timer));
	assert_int_equal(s->state == SCHED_READY, !list_empty(&s->queue));
	for (unsigned i = 0; i < s->refill_count; i++)
		sum += s->refill[(s->refill_first + i) % SCHED_REFILLS].amount;
	assert_true(s->refill_count >= 1);
	assert_int_equal(sum, s->budget);
}

static void check_thread(const struct thread *t)
{
	assert_ptr_equal(t->in_domain.next->prev, &t->in_domain);
	if (t->sched)
		assert_ptr_equal(t->sched->runs, t);
	if (t->own)
		assert_ptr_equal(t->own->owner, t);
	if (t->bound)
		assert_ptr_equal(t->bound->bound, t);
	if (t->caller) {
		assert_ptr_equal(t->caller->callee, t);
		assert_int_equal(t->caller->wait, WAIT_REPLY);
		assert_true(t->call_depth <= EP_CALL_LEVELS);
	}
	assert_int_equal(t->wait == WAIT_REPLY, t->callee != NULL);
	if (t->callee)
		assert_ptr_equal(t->callee->caller, t);
	assert_int_equal(t->wait == WAIT_NOTIFICATION || t->wait == WAIT_CALL || t->wait == WAIT_SERVE, !list_empty(&t->queue));
	if (t->vcpu)
		assert_ptr_equal(t->vcpu->owner, t);
	assert_true(t->lent ? t->wait == WAIT_REPLY : true);
}

static void check_cap(const struct domain *d, const struct cap *c);

static void check_domain(const struct domain *d)
{
	unsigned threads = 0;

	check_slabs(&d->quota);
	check_space(&d->space, 1);
	check_hook(&d->watch);
	list_for_each(it, &d->threads) {
		check_thread(list_entry(it, struct thread, in_domain));
		threads++;
	}
	assert_int_equal(threads, d->thread_count);
	for (unsigned page = 0; page < CAP_PAGES; page++) {
		unsigned used = 0;

		if (!d->table.page[page]) {
			assert_int_equal(d->table.used[page], 0);
			continue;
		}
		for (unsigned i = 0; i < CAP_PAGE_SLOTS; i++) {
			const struct cap *c = &d->table.page[page][i];

			if (c->type == TV_CAP_NONE)
				continue;
			used++;
			assert_ptr_equal(c->domain, d);
			assert_int_equal(c->sel, page * CAP_PAGE_SLOTS + i);
			check_cap(d, c);
		}
		assert_int_equal(used, d->table.used[page]);
		assert_true(used > 0);
	}
}

static void check_original(const struct domain *d, const struct cap *c)
{
	assert_ptr_equal(c->object->original, c);
	assert_ptr_equal(c->object->payer, d);
	switch (c->type & ~CAP_DYING) {
	case TV_CAP_DOMAIN:
		if (cap_domain(c) != d)
			check_domain(cap_domain(c));
		break;
	case TV_CAP_SPACE:
		check_space(cap_space(c), 0);
		break;
	case TV_CAP_SCHED:
		check_sched(cap_sched(c));
		break;
	case TV_CAP_THREAD:
		check_thread(cap_thread(c));
		break;
	default:
		break;
	}
}

static void check_cap(const struct domain *d, const struct cap *c)
{
	check_node(&c->node);
	assert_int_equal(c->node.kind, NODE_CAP);
	if (c->flags & CAP_ORIGINAL) {
		check_original(d, c);
		return;
	}
	assert_true(c->node.depth > 0 || d->object.payer == d);
	/* What is derived names the same object as its predecessor in the tree, or a part of its range. */
	if (c->node.depth > 0 && c->node.prev->kind == NODE_CAP && c->node.prev->depth < c->node.depth) {
		const struct cap *source = container_of(c->node.prev, const struct cap, node);

		assert_int_equal(source->type & ~CAP_DYING, c->type & ~CAP_DYING);
		assert_int_equal(c->rights & ~source->rights, 0);
		if (cap_is_range((enum tv_cap_type)(c->type & ~CAP_DYING)))
			assert_true(c->base >= source->base && range_inside(c->base - source->base, c->size, source->size));
		else
			assert_ptr_equal(c->object, source->object);
	}
}

void check_invariants(void)
{
	struct domain *root = fake_current()->domain;

	while (root->object.payer != root)
		root = root->object.payer;
	frames = 0;
	check_domain(root);
	for (unsigned i = 0; i < SCHED_PRIORITIES; i++)
		assert_int_equal(list_empty(&first_cpu.ready[i]), !(first_cpu.ready_map[i / 64] >> i % 64 & 1));
	check_tree(first_cpu.timers.root, NULL, 0, ~0ull);
	assert_false(spin_is_locked(&derivation_lock));
}
