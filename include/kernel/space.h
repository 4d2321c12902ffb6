/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: page tables and the record of what is mapped in them, and from which capability. */
#ifndef KERNEL_SPACE_H
#define KERNEL_SPACE_H

#include <kernel/cap.h>
#include <kernel/cpu.h>
#include <kernel/object.h>
#include <lib/base.h>
#include <lib/list.h>
#include <lib/tree.h>
#include <mm/pt.h>
#include <mm/quota.h>

enum space_kind {
	SPACE_HOST = 0,		/* embedded in its domain                       */
	SPACE_GUEST = 1,	/* TV_SPACE_GUEST: an object of its own         */
};

struct space {
	struct object object;		/* SPACE_GUEST only                                                      */
	uint8_t kind;			/* enum space_kind                                                       */
	bool dying;			/* nothing new can be mapped                                             */
	struct pt pt;
	struct quota *quota;		/* of the domain that owns it: pays for tables and mapping nodes         */
	uint64_t limit;			/* first address beyond it                                               */
	struct tree mappings;		/* struct mapping.at, ordered by address                                 */
	struct list vcpus;		/* struct vcpu.in_space                                                  */
	struct cpu_set cpus;		/* SPACE_HOST: CPUs that may know translations of it, loaded or not      */
	struct doorbells *doorbells;	/* SPACE_GUEST: kernel/doorbell.h; NULL: none                             */
	uint64_t flush_generation;	/* grows whenever the space loses a translation                          */
};

/* One range of one space, mapped by one call.  The key of @at is its first address. */
struct mapping {
	struct node node;		/* below the REGION capability (VCPU, for a state page) it was made from */
	struct tree_node at;
	struct space *space;
	uint64_t size;			/* bytes                                                                 */
	uint64_t done;			/* bytes that are in the page tables already                             */
	uint64_t reserved;		/* quota pages set aside for the rest                                    */
	hpa_t pa;
	uint32_t attr;			/* PT_*                                                                  */
	uint32_t max;			/* PT_R, PT_W, PT_X that mem_protect may give                            */
};

static inline struct space *cap_space(const struct cap *c) { return container_of(c->object, struct space, object); }

/* Set up @s; its top-level table comes out of @q.  TV_EQUOTA. */
enum tv_err space_init(struct space *s, enum space_kind kind, struct quota *q) MUST_USE;
/* Remove every mapping, then the tables.  false: @w ran out, call again. */
bool space_fini(struct space *s, struct work *w) MUST_USE;
/* object_destroy() for guest spaces. */
bool space_destroy(struct space *s, struct work *w) MUST_USE;

/*
 * Map [@va, @va + @size) to @pa, recorded below @source (NULL: by the kernel itself), with @attr (PT_*) and at most @max rights
 * later.  Arguments are checked but for overlap.  *@done: false: called again with the same arguments it goes on; only the first call
 * can fail, changing nothing: TV_EEXIST, TV_EQUOTA, TV_EDEAD.
 */
struct map_request {
	uint64_t va, size;
	hpa_t pa;
	uint32_t attr, max;
	struct node *source;
};
enum tv_err space_map(struct space *s, const struct map_request *r, struct work *w, bool *done) MUST_USE;
/*
 * Map one page that belongs to a kernel object (a vCPU's state page) into host space @s at @va, as derived from capability @c.
 * @rights: PT_R | PT_W.  TV_EINVAL: no user address, or misaligned; TV_EEXIST, TV_EQUOTA, TV_EDEAD.
 */
enum tv_err space_map_page(struct space *s, uint64_t va, struct cap *c, hpa_t pa, uint32_t rights) MUST_USE;
/*
 * Remove what is mapped in [*@va, *@va + *@size); holes are skipped.  Both advance with the work: *@size is 0 when all is done.  Only
 * the first call can fail, changing nothing: TV_EQUOTA (a mapping or a large page has to be split), TV_EBUSY (a mapping that would
 * be split is not finished).
 */
enum tv_err space_unmap(struct space *s, uint64_t *va, uint64_t *size, struct work *w) MUST_USE;
/*
 * Change the rights of what is mapped in [@va, @end); holes, and mappings that cannot have @rights, are skipped.  *@at, at first @va,
 * advances with the work up to @end.  Errors as space_unmap(), and TV_ERIGHT: a mapping that
 * would have to be cut.
 */
enum tv_err space_protect(struct space *s, uint64_t va, uint64_t end, uint64_t *at, uint32_t rights, struct work *w) MUST_USE;
/* May every mapping in [*@va, @end) get @rights (PT_R | PT_W | PT_X)?  Advances *@va to @end; TV_ERIGHT. */
enum tv_err space_may_protect(const struct space *s, uint64_t *va, uint64_t end, uint32_t rights, struct work *w) MUST_USE;

/* The mapping that covers @va, or NULL; and if there is none, the next one behind it. */
struct mapping *space_find(const struct space *s, uint64_t va);
struct mapping *space_find_from(const struct space *s, uint64_t va);
/* Bytes of the leaf that translates @va; PAGE_SIZE when none does. */
uint64_t space_leaf(const struct space *s, uint64_t va);
/* The end of as many whole leaves from @va, where one begins, up to @end, where one ends, as @w allows; at least one. */
uint64_t space_leaves(const struct space *s, uint64_t va, uint64_t end, struct work *w);
/*
 * The space lost translations in [@va, @va + @size), which are in its tables no more: when this returns, no CPU uses one any more.
 */
void space_shootdown(struct space *s, uint64_t va, uint64_t size);

/* Remove one mapping; false: @w ran out, call again. */
bool mapping_destroy(struct mapping *m, struct work *w) MUST_USE;
/* Its first @bytes are not mapped any more. */
void mapping_shrink_front(struct mapping *m, uint64_t bytes);
/* Forget the node of a mapping of which nothing is in the page tables any more. */
void mapping_free(struct mapping *m);

#endif
