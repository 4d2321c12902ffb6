/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks: see lock.h.  A waiter changes TAKEN to WAITED before it sleeps, and whoever releases a lock that is WAITED signals.
 * The signal is sticky, so it does not matter which of the two comes first; a thread that was woken takes the lock as WAITED,
 * because it cannot know whether others sleep.
 */
#include "lock.h"

#include <stdatomic.h>

#include <rt/sys.h>

enum lock_state { LOCK_FREE, LOCK_TAKEN, LOCK_WAITED };

#define LOCK_SPINS	100u		/* about as long as a register access holds it */
#define LOCK_SIGNAL	1ull

void lock_take(struct lock *l)
{
	uint64_t bits;

	for (unsigned i = 0; i < LOCK_SPINS; i++) {
		uint32_t state = LOCK_FREE;

		if (likely(atomic_compare_exchange_strong_explicit(&l->state, &state, LOCK_TAKEN, memory_order_acquire,
								   memory_order_relaxed)))
			return;
		__builtin_ia32_pause();
	}
	while (atomic_exchange_explicit(&l->state, LOCK_WAITED, memory_order_acquire) != LOCK_FREE)
		(void)sys_ntfn_wait(l->ntfn, TV_NEVER, &bits);
}

void lock_release(struct lock *l)
{
	if (unlikely(atomic_exchange_explicit(&l->state, LOCK_FREE, memory_order_release) == LOCK_WAITED))
		(void)sys_ntfn_signal(l->ntfn, LOCK_SIGNAL);
}
