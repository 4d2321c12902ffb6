/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas and slabs.
 *
 * A slab is one page that holds objects of one size for one quota.  Its first slot holds the header, the others are objects or
 * linked free slots:
 *
 *   | header | object | free -+ | object | free -> NULL |      size classes 64, 128 ... 2048: 63 ... 1 objects a page
 *                          ^--- slab.free
 *
 * Slabs with free slots hang in quota.partial[class]; a slab whose last object goes is given back as a page at once, so that a
 * quota whose owner has freed everything is balanced to the byte.
 */
#include <mm/frame.h>
#include <mm/quota.h>

#define SLAB_MIN	64u
#define SLAB_POISON	0xa5

struct slab {
	struct list link;		/* quota.partial[class], or in no list when full   */
	void *free;			/* first free slot; its first word is the next one */
	unsigned used;			/* slots in use                                    */
};
_Static_assert(sizeof(struct slab) <= SLAB_MIN, "the header takes the first slot");
_Static_assert(SLAB_MIN << (SLAB_CLASSES - 1) == 2048, "mm/quota.h says 64 to 2048");

/* A quota of @pages with nothing used. */
void quota_init(struct quota *q, uint64_t pages)
{
	*q = (struct quota){ .limit = pages };
	for (unsigned i = 0; i < SLAB_CLASSES; i++)
		list_init(&q->partial[i]);
}

static bool quota_charge(struct quota *q, uint64_t pages)
{
	if (!q)
		return true;
	if (pages > q->limit - q->used)
		return false;
	q->used += pages;
	q->peak = max_u64(q->peak, q->used);
	return true;
}

static void quota_uncharge(struct quota *q, uint64_t pages)
{
	if (q)
		q->used -= pages;
}

bool quota_give(struct quota *from, struct quota *to, uint64_t pages)
{
	if (!quota_charge(from, pages))
		return false;
	to->limit += pages;
	return true;
}

bool quota_return(struct quota *from, struct quota *to, uint64_t pages)
{
	if (pages > from->limit - from->used)
		return false;
	from->limit -= pages;
	quota_uncharge(to, pages);
	return true;
}

/* Contiguous and zeroed, or NULL; a single page cannot fail for lack of contiguous memory. */
void *quota_frames_alloc(struct quota *q, unsigned count)
{
	void *pages;

	if (!quota_charge(q, count))
		return NULL;
	pages = count == 1 ? frame_alloc() : frame_alloc_many(count);
	if (!pages)
		quota_uncharge(q, count);
	return pages;
}

void *quota_frame_alloc(struct quota *q)
{
	return quota_frames_alloc(q, 1);
}

void quota_frames_free(struct quota *q, void *pages, unsigned count)
{
	if (count == 1)
		frame_free(pages);
	else
		frame_free_many(pages, count);
	quota_uncharge(q, count);
}

void quota_frame_free(struct quota *q, void *page)
{
	quota_frames_free(q, page, 1);
}

bool quota_reserve(struct quota *q, uint64_t pages)
{
	if (!quota_charge(q, pages))
		return false;
	q->reserved += pages;
	return true;
}

/* The reservation was charged, and all charges together fit into the pool: the frame is there. */
void *quota_frame_take(struct quota *q)
{
	void *page = frame_alloc();

	if (!page || !q->reserved)
		__builtin_trap();
	q->reserved--;
	return page;
}

void quota_unreserve(struct quota *q, uint64_t pages)
{
	q->reserved -= pages;
	quota_uncharge(q, pages);
}

static unsigned slab_class(size_t size)
{
	unsigned class = 0;

	while ((size_t)SLAB_MIN << class < size)
		class++;
	return class;
}

/* A new slab with every slot in its free list. */
static struct slab *slab_new(struct quota *q, unsigned class)
{
	size_t size = (size_t)SLAB_MIN << class;
	char *page = quota_frame_alloc(q);
	struct slab *s = (struct slab *)(void *)page;

	if (!page)
		return NULL;
	for (size_t at = PAGE_SIZE - size; at > 0; at -= size) {
		*(void **)(void *)(page + at) = s->free;
		s->free = page + at;
	}
	list_add_head(&q->partial[class], &s->link);
	return s;
}

/* Aligned to its size, rounded up to a power of two. */
void *quota_alloc(struct quota *q, size_t size)
{
	unsigned class = slab_class(size);
	struct slab *s;
	void *object;

	if (class >= SLAB_CLASSES)
		return NULL;
	if (list_empty(&q->partial[class]))
		s = slab_new(q, class);
	else
		s = list_first(&q->partial[class], struct slab, link);
	if (!s)
		return NULL;
	object = s->free;
	s->free = *(void **)object;
	s->used++;
	if (!s->free)
		list_del(&s->link);
	__builtin_memset(object, 0, (size_t)SLAB_MIN << class);
	return object;
}

void quota_free(struct quota *q, void *object, size_t size)
{
	unsigned class = slab_class(size);
	struct slab *s = (struct slab *)align_down((uintptr_t)object, PAGE_SIZE);

#ifdef DEBUG
	__builtin_memset(object, SLAB_POISON, (size_t)SLAB_MIN << class);
#endif
	if (!s->free)
		list_add_head(&q->partial[class], &s->link);
	*(void **)object = s->free;
	s->free = object;
	if (--s->used == 0) {
		list_del(&s->link);
		quota_frame_free(q, s);
	}
}
