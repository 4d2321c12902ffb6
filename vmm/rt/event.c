/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: wait for bits or the first deadline, then run handlers, bits before timers. */
#include <rt/event.h>

#include <rt/log.h>
#include <rt/sys.h>
#include <rt/time.h>

void event_init(struct event_loop *loop, uint64_t ntfn)
{
	*loop = (struct event_loop){ .ntfn = ntfn };
	list_init(&loop->timers);
}

void event_on(struct event_loop *loop, unsigned bit, void (*signalled)(void *arg), void *arg)
{
	RT_CHECK(bit < EVENT_BITS);
	loop->bit[bit].signalled = signalled;
	loop->bit[bit].arg = arg;
}

void event_timer_init(struct event_timer *timer, void (*expired)(void *arg), void *arg)
{
	*timer = (struct event_timer){ .expired = expired, .arg = arg };
	list_init(&timer->in_loop);
}

void event_timer_set(struct event_loop *loop, struct event_timer *timer, uint64_t deadline)
{
	struct list *after;

	list_del(&timer->in_loop);
	timer->deadline = deadline;
	for (after = loop->timers.next; after != &loop->timers; after = after->next)
		if (list_entry(after, struct event_timer, in_loop)->deadline > deadline)
			break;
	list_add_tail(after, &timer->in_loop);		/* in front of @after */
}

void event_timer_cancel(struct event_timer *timer)
{
	list_del(&timer->in_loop);
}

bool event_timer_armed(const struct event_timer *timer)
{
	return !list_empty(&timer->in_loop);
}

static void event_run_bits(struct event_loop *loop, uint64_t bits)
{
	while (bits) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);

		bits &= bits - 1;
		if (loop->bit[bit].signalled)
			loop->bit[bit].signalled(loop->bit[bit].arg);
	}
}

/*
 * Run what is due now.  The due timers are moved to a list of their own first, so that one whose handler arms it again for the
 * past waits for the next round; a handler may cancel a timer that is still to come.
 */
static void event_run_timers(struct event_loop *loop)
{
	uint64_t now = clock_now();
	struct list due = LIST_INIT(due);

	list_for_each_safe(it, next, &loop->timers) {
		if (list_entry(it, struct event_timer, in_loop)->deadline > now)
			break;
		list_del(it);
		list_add_tail(&due, it);
	}
	while (!list_empty(&due)) {
		struct event_timer *t = list_first(&due, struct event_timer, in_loop);

		event_timer_cancel(t);
		t->expired(t->arg);
	}
}

void event_run(struct event_loop *loop)
{
	uint64_t deadline = TV_NEVER, bits;

	if (!list_empty(&loop->timers))
		deadline = list_first(&loop->timers, struct event_timer, in_loop)->deadline;

	enum tv_err err = sys_ntfn_wait(loop->ntfn, deadline, &bits);

	if (err != TV_OK && err != TV_ETIMEOUT)
		rt_panic("event loop: wait refused: %d", err);
	event_run_bits(loop, bits);
	event_run_timers(loop);
}
