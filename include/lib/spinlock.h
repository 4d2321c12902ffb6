/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket lock: fair, so that no CPU starves.  docs/locking.md says which lock guards what, and in which order. */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include <lib/base.h>

struct spinlock {
	uint32_t next;		/* ticket of the next CPU that comes */
	uint32_t serving;	/* ticket of the CPU that holds it   */
};

/* In two steps, for who has something to do meanwhile: queue up; is it the turn of @ticket? */
static inline uint32_t spin_ticket(struct spinlock *l)
{
	return __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
}

static inline bool spin_is_served(const struct spinlock *l, uint32_t ticket)
{
	/* Pairs with the release in spin_unlock(). */
	return __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) == ticket;
}

/* Interrupts are off already: the kernel runs with interrupts off.  Not recursive. */
static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket = spin_ticket(l);

	while (!spin_is_served(l, ticket))
		__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

/* For assertions: does anyone hold it? */
static inline bool spin_is_locked(const struct spinlock *l)
{
	return __atomic_load_n(&l->next, __ATOMIC_RELAXED) != __atomic_load_n(&l->serving, __ATOMIC_RELAXED);
}

#endif
