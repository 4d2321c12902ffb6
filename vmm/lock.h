/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lock between the threads of a monitor.  Who finds it taken spins for a moment, for the case that the holder runs on
 * another CPU, and then sleeps: the holder may be waiting for this very CPU.
 */
#ifndef VMM_LOCK_H
#define VMM_LOCK_H

#include <lib/base.h>

/* All zero: free. */
struct lock {
	_Atomic uint32_t state;		/* enum lock_state                                                        */
	uint64_t ntfn;			/* NOTIFICATION, WAIT and SIGNAL: where waiters sleep; 0 while there is one thread only */
};

/* Not recursive. */
void lock_take(struct lock *l);
/* By the thread that took it. */
void lock_release(struct lock *l);

#endif
