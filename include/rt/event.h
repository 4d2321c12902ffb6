/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of an event-driven program: one thread, one notification, a handler for each bit, and timers.
 * Handlers run to completion and never wait.
 */
#ifndef RT_EVENT_H
#define RT_EVENT_H

#include <lib/base.h>
#include <lib/list.h>

#define EVENT_BITS	64u

struct event_timer {
	struct list in_loop;		/* sorted by deadline */
	uint64_t deadline;		/* absolute TSC       */
	void (*expired)(void *arg);
	void *arg;
};

struct event_loop {
	uint64_t ntfn;			/* selector; the right to wait is needed */
	struct list timers;
	struct {
		void (*signalled)(void *arg);
		void *arg;
	} bit[EVENT_BITS];
};

void event_init(struct event_loop *loop, uint64_t ntfn);
/* Call @signalled(@arg) whenever @bit < 64 was signalled; NULL: ignore it again. */
void event_on(struct event_loop *loop, unsigned bit, void (*signalled)(void *arg), void *arg);
/* Prepare @timer, which is then not armed. */
void event_timer_init(struct event_timer *timer, void (*expired)(void *arg), void *arg);
/* Arm @timer for @deadline, whether or not it was armed. */
void event_timer_set(struct event_loop *loop, struct event_timer *timer, uint64_t deadline);
/* Safe on a timer that is not armed. */
void event_timer_cancel(struct event_timer *timer);
bool event_timer_armed(const struct event_timer *timer);
/* Wait for one round of signals or the next deadline and run what is due.  Panics when the wait itself is refused. */
void event_run(struct event_loop *loop);

#endif
