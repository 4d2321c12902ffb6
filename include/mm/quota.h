/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel memory that a domain has paid for.  The sum of all quotas never exceeds the frame pool, so an allocation that its
 * quota covers succeeds.  Small objects come from slabs that belong to one quota: a domain cannot fragment another's memory.
 */
#ifndef MM_QUOTA_H
#define MM_QUOTA_H

#include <lib/base.h>
#include <lib/list.h>

/* Sizes of slab objects: powers of two from 64 to 2048 bytes. */
#define SLAB_CLASSES	6u

struct quota {
	uint64_t limit;			/* pages                                       */
	uint64_t used;			/* pages, including @reserved                  */
	uint64_t reserved;		/* pages set aside by quota_reserve()          */
	uint64_t peak;
	struct list partial[SLAB_CLASSES];	/* slabs with a free object            */
};

void quota_init(struct quota *q, uint64_t pages);
/* Move @pages of what @from has not used to the limit of @to, for which @from counts them as used; false: not there. */
bool quota_give(struct quota *from, struct quota *to, uint64_t pages) MUST_USE;
/* The way back: @from lowers its limit by @pages that it has not used; false: it uses them. */
bool quota_return(struct quota *from, struct quota *to, uint64_t pages) MUST_USE;
/* One zeroed page, or NULL when the quota is exhausted.  @q == NULL: the kernel itself pays. */
void *quota_frame_alloc(struct quota *q) MUST_USE;
void *quota_frames_alloc(struct quota *q, unsigned count) MUST_USE;
void quota_frame_free(struct quota *q, void *page);
void quota_frames_free(struct quota *q, void *pages, unsigned count);
/* Set @pages aside for an operation that must not fail half-way; false (nothing changed) when they are not there. */
bool quota_reserve(struct quota *q, uint64_t pages) MUST_USE;
/* As quota_frame_alloc, out of the reservation: cannot fail. */
void *quota_frame_take(struct quota *q) MUST_USE;
void quota_unreserve(struct quota *q, uint64_t pages);
/* A zeroed object of @size <= 2048 bytes, or NULL.  Freed memory is poisoned in debug builds. */
void *quota_alloc(struct quota *q, size_t size) MUST_USE;
void quota_free(struct quota *q, void *object, size_t size);

#endif
