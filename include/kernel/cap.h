/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities and the derivation tree.
 *
 * Everything that was made out of a capability (a derived capability, a mapping, a port or MSR grant, an IRQ binding) is a node
 * of one tree.  A tree is kept as a ring in preorder, each node with its depth:
 *
 *        A0                     A0 -> B1 -> C2 -> D2 -> E1 -> (A0)
 *       /  \                    the number is the depth; what was derived from X are the nodes that follow X
 *      B1   E1                  with a greater depth than X's
 *     /  \
 *    C2   D2
 *
 * Deriving is one insertion behind the source, and revoking removes followers while they are deeper: no recursion, no stack,
 * constant work per node, whatever the shape of the tree, and it can stop and continue between any two nodes.
 */
#ifndef KERNEL_CAP_H
#define KERNEL_CAP_H

#include <abi/object.h>
#include <abi/status.h>
#include <arch/cpu.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/spinlock.h>

enum node_kind {
	NODE_NONE = 0,
	NODE_CAP,		/* struct cap                          */
	NODE_MAPPING,		/* struct mapping (kernel/space.h)     */
	NODE_GRANT,		/* struct grant (kernel/port.h)        */
	NODE_IRQ,		/* struct irq_binding (kernel/irq.h)   */
};

struct node {
	struct node *next, *prev;	/* the ring, in preorder       */
	uint32_t depth;			/* 0: the root of its tree     */
	uint8_t kind;			/* enum node_kind              */
};

/* In cap.flags. */
#define CAP_ORIGINAL	(1u << 0)	/* its end is the end of its object                          */
#define CAP_RAM		(1u << 1)	/* REGION: memory, to be mapped write-back; otherwise MMIO   */
#define CAP_LAST	(1u << 2)	/* in limbo: the page of this slot goes with it              */

/* In cap.type while the capability is being deleted: it cannot be looked up, but its slot is not free yet. */
#define CAP_DYING	0x80u
/* In cap.type of a slot in limbo (kernel/limbo.h), whose type was @was. */
#define CAP_GONE	0x7fu

/* One slot of a domain's table: a cache line. */
struct cap {
	struct node node;
	uint8_t type;			/* enum tv_cap_type; TV_CAP_NONE: free slot; | CAP_DYING     */
	uint8_t flags;			/* CAP_*                                                     */
	uint16_t rights;		/* TV_RIGHT_*                                                */
	uint16_t sel;			/* its own index                                             */
	uint8_t was;			/* CAP_GONE: the type it had                                 */
	uint8_t reserved;
	struct domain *domain;		/* whose table it stands in                                  */
	union {
		struct object *object;
		uint64_t base;		/* of a range                                                */
	};
	union {
		uint64_t badge;		/* ENDPOINT: badge; NOTIFICATION: bits that it may signal    */
		uint64_t size;		/* of a range, in the range's units                          */
	};
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct cap) == 64, "64 slots a page");

#define CAP_PAGE_SLOTS	(PAGE_SIZE / sizeof(struct cap))
#define CAP_PAGES	(TV_SEL_MAX / CAP_PAGE_SLOTS)

/* A domain's capabilities: a directory of pages that come with their first capability and go with their last one. */
struct cap_table {
	struct cap *page[CAP_PAGES];
	uint8_t used[CAP_PAGES];	/* slots in use                                              */
};

/* The tree lock (kernel/cross.h): the shape of every derivation tree and the life of every object.  Never taken on an exit, IPC or signal path. */
extern struct spinlock derivation_lock;

/* How much a long operation may still do before it lets interrupts in. */
struct work {
	int left;
};
#define WORK_CHUNK	128	/* page-table entries, or ...  */
#define WORK_NODE	4	/* ... 32 nodes at this price  */
static inline bool work_left(const struct work *w) { return w->left > 0; }
static inline void work_spend(struct work *w, unsigned units) { w->left -= (int)units; }

static inline bool cap_is_range(enum tv_cap_type type) { return type >= TV_CAP_REGION && type < TV_CAP_TYPES; }

/* Read it once: another CPU may be filling or withdrawing the capability.  Pairs with cap_fill(). */
static inline uint8_t cap_type(const struct cap *c) { return __atomic_load_n(&c->type, __ATOMIC_ACQUIRE); }

/* The slot of @sel, whatever is in it; NULL if there is none. */
static inline struct cap *cap_place(const struct cap_table *table, uint64_t sel)
{
	struct cap *page;

	if (unlikely(sel >= TV_SEL_MAX))
		return NULL;
	sel = index_mask(sel, TV_SEL_MAX);
	page = READ_ONCE(table->page[sel / CAP_PAGE_SLOTS]);
	return likely(page) ? &page[sel % CAP_PAGE_SLOTS] : NULL;
}

/* The slot of @sel, occupied, dying or gone; NULL if there is none. */
static inline struct cap *cap_slot(const struct cap_table *table, uint64_t sel)
{
	struct cap *c = cap_place(table, sel);

	return c && cap_type(c) != TV_CAP_NONE ? c : NULL;
}

/*
 * Resolve selector @sel to a capability of @type that carries all rights in @need.  The three checks come in this order, each
 * with its own error; on failure *@out is untouched.  The pointer is good until this hypercall ends or blocks.
 */
static inline enum tv_err MUST_USE cap_get(const struct cap_table *table, uint64_t sel, enum tv_cap_type type, uint32_t need,
					   struct cap **out)
{
	struct cap *c = cap_place(table, sel);
	uint8_t found = likely(c) ? cap_type(c) : CAP_GONE;

	if (unlikely(found != type))
		return found < CAP_GONE && found != TV_CAP_NONE ? TV_ETYPE : TV_ECAP;
	if (unlikely((c->rights & need) != need))
		return TV_ERIGHT;
	*out = c;
	return TV_OK;
}
/* As cap_get(), of any type. */
enum tv_err cap_get_any(const struct cap_table *table, uint64_t sel, uint32_t need, struct cap **out) MUST_USE;

/*
 * Make sure that slot @sel of @d can be filled, with memory of @d's quota.  Either cap_fill() follows, or cap_release().
 * TV_ECAP, TV_EEXIST, TV_EQUOTA, TV_EDEAD as in object_prepare().
 */
enum tv_err cap_reserve(struct domain *d, uint64_t sel, struct cap **out) MUST_USE;
void cap_release(struct cap *c);
/* Fill the reserved slot @c and link it under @source (NULL: a tree of its own). */
void cap_fill(struct cap *c, const struct cap *value, struct node *source);

/* Link @n as the youngest child of @source; NULL: as the root of a tree of its own. */
void node_insert(struct node *n, struct node *source, enum node_kind kind);
/* Link @n as the sibling that follows @m, which has no children. */
void node_insert_after(struct node *n, struct node *m);
/* Take @n out of its tree.  What was derived from it stays below its parent. */
void node_unlink(struct node *n);
/* Is @b derived from the same source as @a and directly behind it?  Only for nodes that never have children. */
bool node_adjacent(const struct node *a, const struct node *b);

/*
 * Remove all that was derived from @c, but not @keep (may be NULL; has no descendants of its own when this returns true).
 * false: @w ran out, call again.
 */
bool cap_revoke(struct cap *c, struct node *keep, struct work *w) MUST_USE;
/* Remove all that was derived from @c, then @c itself, with the object when it is the original one.  false: call again. */
bool cap_delete(struct cap *c, struct work *w) MUST_USE;
/* cap_delete() of a domain's original capability @c, asked for through @via, which was derived from it and goes last. */
bool cap_delete_through(struct cap *c, struct cap *via, struct work *w) MUST_USE;

#endif
