/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: so many bytes a second, in bursts of at most a twentieth of that.  What is sent may make debts once; then it waits. */
#ifndef SWITCH_BUCKET_H
#define SWITCH_BUCKET_H

#include <lib/base.h>

#define BUCKET_BURST	20u		/* parts of a second */

struct bucket {
	uint64_t rate;			/* bytes a second; 0: no limit */
	uint64_t hz;			/* of the TSC */
	uint64_t free_at;		/* TSC from which on the next byte may go */
};

/* May something be sent at @now?  If not, *@when is the time from which on it may. */
static inline bool bucket_open(struct bucket *b, uint64_t now, uint64_t *when)
{
	uint64_t burst = b->hz / BUCKET_BURST;

	if (!b->rate)
		return true;
	/* Time that was not used counts, as far as the burst goes. */
	if (now > burst && b->free_at < now - burst)
		b->free_at = now - burst;
	*when = b->free_at;
	return b->free_at <= now;
}

/* @bytes, at most some 64 KiB, are sent. */
static inline void bucket_spend(struct bucket *b, uint64_t bytes)
{
	if (b->rate)
		b->free_at += bytes * b->hz / b->rate;
}

#endif
