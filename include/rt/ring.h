/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes in memory shared by two programs that need not trust each other; one puts, one gets.
 *
 * Each index counts all bytes that ever went through and has one writer.  The size of the data is not in shared memory: both
 * sides know it from their protocol.  A peer that lies about its index can stop the traffic, or feed garbage, but never
 * move the other side outside the data.
 *
 * Sleeping: the getter calls ring_sleep_data() when the ring is empty and, if it answers true, waits for a signal; the putter
 * signals when ring_wake_getter() answers true.  The same with ring_sleep_space() and ring_wake_putter() for a full ring.  Each
 * wake function answers true once for a sleep.  The getter of a new ring counts as asleep.
 */
#ifndef RT_RING_H
#define RT_RING_H

#include <stdatomic.h>

#include <lib/base.h>

/* The shared part; ring_init() makes it an empty ring. */
struct ring_shared {
	_Atomic uint32_t tail;		/* written by the putter                        */
	_Atomic uint32_t put_sleeps;	/* set by the putter, cleared by the getter     */
	uint32_t reserved0[14];
	_Atomic uint32_t head;		/* written by the getter                        */
	_Atomic uint32_t get_sleeps;	/* set by the getter, cleared by the putter     */
	uint32_t reserved1[14];
};
_Static_assert(sizeof(struct ring_shared) == 128, "protocol");

/* One side's private view. */
struct ring {
	struct ring_shared *shared;
	uint8_t *data;
	uint32_t size;			/* of the data in bytes, a power of two          */
};

/* By whoever provides the memory, before the two sides use it. */
static inline void ring_init(struct ring_shared *s)
{
	atomic_store(&s->tail, 0);
	atomic_store(&s->head, 0);
	atomic_store(&s->put_sleeps, 0);
	atomic_store(&s->get_sleeps, 1);
}

/* Bytes that can be got; a lying putter yields at most the size. */
static inline uint32_t ring_used(const struct ring *r)
{
	uint32_t used = atomic_load_explicit(&r->shared->tail, memory_order_acquire) -	/* pairs with ring_put */
			atomic_load_explicit(&r->shared->head, memory_order_acquire);	/* pairs with ring_get */

	return used <= r->size ? used : r->size;
}

/* Has the peer broken the protocol?  Only a lie makes more bytes than the ring holds; whoever finds this stops the peer. */
static inline bool ring_broken(const struct ring *r)
{
	return atomic_load_explicit(&r->shared->tail, memory_order_acquire) -
	       atomic_load_explicit(&r->shared->head, memory_order_acquire) > r->size;
}

static inline uint32_t ring_space(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* Putter only: append up to @len bytes; returns how many there was room for. */
static inline uint32_t ring_put(struct ring *r, const void *from, uint32_t len)
{
	uint32_t tail = atomic_load_explicit(&r->shared->tail, memory_order_relaxed);
	uint32_t space = ring_space(r);

	if (len > space)
		len = space;
	for (uint32_t i = 0; i < len; i++)
		r->data[(tail + i) & (r->size - 1)] = ((const uint8_t *)from)[i];
	atomic_store_explicit(&r->shared->tail, tail + len, memory_order_release);	/* pairs with ring_used */
	return len;
}

/* Getter only: look at the @i-th byte from the front; @i < ring_used(). */
static inline uint8_t ring_peek(const struct ring *r, uint32_t i)
{
	return r->data[(atomic_load_explicit(&r->shared->head, memory_order_relaxed) + i) & (r->size - 1)];
}

/* Getter only: drop @len <= ring_used() bytes. */
static inline void ring_skip(struct ring *r, uint32_t len)
{
	uint32_t head = atomic_load_explicit(&r->shared->head, memory_order_relaxed);

	atomic_store_explicit(&r->shared->head, head + len, memory_order_release);	/* pairs with ring_used */
}

/* Getter only: take up to @len bytes; returns how many there were. */
static inline uint32_t ring_get(struct ring *r, void *to, uint32_t len)
{
	uint32_t used = ring_used(r);

	if (len > used)
		len = used;
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = ring_peek(r, i);
	ring_skip(r, len);
	return len;
}

/* Getter: announce that it goes to sleep.  False: something came in the meantime, do not sleep. */
static inline bool ring_sleep_data(struct ring *r)
{
	atomic_store(&r->shared->get_sleeps, 1);	/* sequentially consistent: pairs with ring_wake_getter */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_used(r) == 0;
}

/* Putter, at any time after ring_put: must the getter be signalled?  Never when there is nothing for it. */
static inline bool ring_wake_getter(struct ring *r)
{
	atomic_thread_fence(memory_order_seq_cst);	/* pairs with ring_sleep_data */
	return atomic_load_explicit(&r->shared->get_sleeps, memory_order_relaxed) && ring_used(r) &&
	       atomic_exchange(&r->shared->get_sleeps, 0);
}

/* Putter: announce that it waits for room.  False: there is room now. */
static inline bool ring_sleep_space(struct ring *r)
{
	atomic_store(&r->shared->put_sleeps, 1);	/* pairs with ring_wake_putter */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_space(r) == 0;
}

/* Getter, at any time after ring_get or ring_skip: must the putter be signalled?  Never when there is no room for it. */
static inline bool ring_wake_putter(struct ring *r)
{
	atomic_thread_fence(memory_order_seq_cst);	/* pairs with ring_sleep_space */
	return atomic_load_explicit(&r->shared->put_sleeps, memory_order_relaxed) && ring_space(r) &&
	       atomic_exchange(&r->shared->put_sleeps, 0);
}

#endif
