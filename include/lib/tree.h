/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive balanced search tree (AVL) with 64-bit keys: mappings by address, timers by deadline.
 *
 * In every node the heights of both subtrees differ by at most one, so that n nodes are at most 1.44 log2(n) levels deep:
 * insertion, removal and search are O(log n), without recursion.  Equal keys are allowed and stay in the order of insertion.
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H

#include <lib/base.h>

struct tree_node {
	struct tree_node *parent;
	struct tree_node *child[2];	/* 0: smaller keys, 1: larger or equal ones */
	uint64_t key;
	int32_t height;			/* of the subtree; a leaf: 1                */
};

struct tree {
	struct tree_node *root;
};

#define tree_entry(node, type, member) container_of(node, type, member)

static inline int32_t tree_height(const struct tree_node *n) { return n ? n->height : 0; }

static inline void tree_update(struct tree_node *n)
{
	int32_t a = tree_height(n->child[0]), b = tree_height(n->child[1]);

	n->height = 1 + (a > b ? a : b);
}

/* Put @n, which may be NULL, where @old hangs. */
static inline void tree_replace(struct tree *t, struct tree_node *old, struct tree_node *n)
{
	struct tree_node *parent = old->parent;

	if (!parent)
		t->root = n;
	else
		parent->child[parent->child[1] == old] = n;
	if (n)
		n->parent = parent;
}

/* Turn the subtree at @n so that its child on side @side becomes its root; returns that. */
static inline struct tree_node *tree_rotate(struct tree *t, struct tree_node *n, int side)
{
	struct tree_node *up = n->child[side], *inner = up->child[!side];

	tree_replace(t, n, up);
	up->child[!side] = n;
	n->parent = up;
	n->child[side] = inner;
	if (inner)
		inner->parent = n;
	tree_update(n);
	tree_update(up);
	return up;
}

/* Restore balance and heights from @n up to the root. */
static inline void tree_rebalance(struct tree *t, struct tree_node *n)
{
	while (n) {
		int32_t balance = tree_height(n->child[1]) - tree_height(n->child[0]);
		int32_t before = n->height;

		if (balance > 1 || balance < -1) {
			int side = balance > 1;
			struct tree_node *c = n->child[side];

			if (tree_height(c->child[!side]) > tree_height(c->child[side]))
				(void)tree_rotate(t, c, !side);
			n = tree_rotate(t, n, side);
		} else {
			tree_update(n);
		}
		if (n->height == before)
			return;
		n = n->parent;
	}
}

/* Insert @n with the key that stands in it, behind all nodes with the same key. */
static inline void tree_insert(struct tree *t, struct tree_node *n)
{
	struct tree_node *parent = NULL, *at = t->root;
	int side = 0;

	while (at) {
		parent = at;
		side = n->key >= at->key;
		at = at->child[side];
	}
	n->parent = parent;
	n->child[0] = n->child[1] = NULL;
	n->height = 1;
	if (!parent)
		t->root = n;
	else
		parent->child[side] = n;
	tree_rebalance(t, parent);
}

/* The neighbour of @n in the order of keys: @side 1: next, 0: previous; NULL: none. */
static inline struct tree_node *tree_step(const struct tree_node *n, int side)
{
	struct tree_node *at = n->child[side];

	if (at) {
		while (at->child[!side])
			at = at->child[!side];
		return at;
	}
	while (n->parent && n->parent->child[side] == n)
		n = n->parent;
	return n->parent;
}
static inline struct tree_node *tree_next(const struct tree_node *n) { return tree_step(n, 1); }
static inline struct tree_node *tree_prev(const struct tree_node *n) { return tree_step(n, 0); }

/* Remove @n, which is in @t. */
static inline void tree_remove(struct tree *t, struct tree_node *n)
{
	struct tree_node *start;

	if (n->child[0] && n->child[1]) {
		/* The next node in order has no smaller child: it takes the place of @n. */
		struct tree_node *next = tree_next(n);

		start = next->parent == n ? next : next->parent;
		tree_replace(t, next, next->child[1]);
		tree_replace(t, n, next);
		for (int side = 0; side < 2; side++) {
			next->child[side] = n->child[side];
			if (next->child[side])
				next->child[side]->parent = next;
		}
		next->height = n->height;
	} else {
		start = n->parent;
		tree_replace(t, n, n->child[n->child[0] == NULL]);
	}
	tree_rebalance(t, start);
}

static inline struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n && n->child[0])
		n = n->child[0];
	return n;
}

/* The last node with a key <= @key; NULL: none. */
static inline struct tree_node *tree_floor(const struct tree *t, uint64_t key)
{
	struct tree_node *best = NULL;

	for (struct tree_node *n = t->root; n; n = n->child[n->key <= key])
		if (n->key <= key)
			best = n;
	return best;
}

/* The first node with a key >= @key; NULL: none. */
static inline struct tree_node *tree_ceil(const struct tree *t, uint64_t key)
{
	struct tree_node *best = NULL;

	for (struct tree_node *n = t->root; n; n = n->child[n->key < key])
		if (n->key >= key)
			best = n;
	return best;
}

#endif
