/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints.  A call hands the caller's scheduling context to the server, and the reply hands it back, so that the work is done
 * at the caller's priority and on its budget, and neither a queue nor the clock is touched on the way:
 *
 *     client: RUNNING --- ep_call ---> WAIT_REPLY, lent ------------------------> RUNNING
 *     server: WAIT_SERVE ------------> RUNNING on the client's --- reply_wait --> WAIT_SERVE
 *
 * A server that calls another one lends on what it runs on.  The context comes back along the chain; when a thread of the chain
 * ends, the ones above it get it back at once.  A server with a context of its own falls back on that one.
 */
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/ep.h>
#include <kernel/hypercall.h>
#include <kernel/domain.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

void ep_init(struct endpoint *e)
{
	e->cpu = EP_CPU_ANY;
	list_init(&e->callers);
	list_init(&e->servers);
}

/* The first user of @e decides on which CPU it is used. */
static NOINLINE enum tv_err ep_enter(struct endpoint *e)
{
	uint32_t cpu = EP_CPU_ANY, self = cpu_self()->arch.id;

	if (__atomic_compare_exchange_n(&e->cpu, &cpu, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || cpu == self)
		return TV_OK;
	return cpu == EP_CPU_NONE ? TV_EDEAD : TV_EBUSY;
}

/* The endpoint that the capability @sel with @right names, for a thread of this CPU. */
static inline enum tv_err ep_get(const struct thread *t, uint64_t sel, uint32_t right, struct cap **c)
{
	enum tv_err err = cap_get(&t->domain->table, sel, TV_CAP_ENDPOINT, right, c);

	if (likely(!err) && unlikely(READ_ONCE(cap_endpoint(*c)->cpu) != t->cpu))
		return ep_enter(cap_endpoint(*c));
	return err;
}

/* Words 0 to 4 stand in the same registers on both sides. */
static void words_copy(struct user_frame *to, const struct user_frame *from)
{
	to->rsi = from->rsi;
	to->rdx = from->rdx;
	to->r10 = from->r10;
	to->r8 = from->r8;
	to->r9 = from->r9;
}

/* @server gets the message of @caller and owes it the reply. */
static void ep_deliver(struct thread *caller, struct thread *server, uint64_t badge)
{
	struct user_frame *f = &server->arch.frame;

	words_copy(f, &caller->arch.frame);
	frame_set_badge(f, badge);
	frame_set_status(f, TV_OK);
	server->wait = WAIT_NONE;
	server->caller = caller;
	server->call_depth = (uint8_t)(caller->call_depth + 1);
	caller->callee = server;
	caller->wait = WAIT_REPLY;
	caller->lent = true;
}

/* The call of @caller is over. */
static void ep_finish(struct thread *server, struct thread *caller, enum tv_err status)
{
	server->caller = NULL;
	server->call_depth = 0;
	caller->callee = NULL;
	caller->wait = WAIT_NONE;
	frame_set_badge(&caller->arch.frame, 0);
	frame_set_status(&caller->arch.frame, status);
}

/* The context that @t, the end of a chain or in the midst of it, has from its caller; NULL: it is lost or given back. */
static struct sched *ep_borrowed(struct thread *t)
{
	while (t->lent && t->callee)
		t = t->callee;
	return t->sched != t->own ? t->sched : NULL;
}

/* What @caller has lent to @server comes back; both have been taken apart already. */
static void ep_give_back(struct thread *server, struct thread *caller)
{
	struct sched *s = caller->lent ? ep_borrowed(server) : NULL;

	caller->lent = false;
	if (s)
		sched_move(s, caller);
	else if (thread_ready(caller))
		sched_wake(caller);
}

void ep_abandon_caller(struct thread *t)
{
	struct thread *caller = t->caller;

	if (!caller)
		return;
	ep_finish(t, caller, TV_EDEAD);
	ep_give_back(t, caller);
}

void ep_forget_callee(struct thread *t)
{
	t->callee->caller = NULL;
	t->callee->call_depth = 0;
	t->callee = NULL;
	t->wait = WAIT_NONE;
}

/* ep_call: arg0 = endpoint, arg1 to arg5 = words 0 to 4. */
enum tv_err hc_ep_call(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	struct endpoint *e;
	struct thread *server;
	enum tv_err err = ep_get(t, frame_arg(f, 0), TV_RIGHT_SIGNAL, &c);

	if (unlikely(err))
		return err;
	if (unlikely(t->call_depth >= EP_CALL_LEVELS))
		return TV_EBUSY;
	e = cap_endpoint(c);
	if (unlikely(list_empty(&e->servers))) {
		/* The badge waits in the register that held the selector. */
		frame_set_badge(f, c->badge);
		t->wait = WAIT_CALL;
		list_add_tail(&e->callers, &t->queue);
		sched_block(t);
		sched_dispatch();
	}
	server = list_first(&e->servers, struct thread, queue);
	list_del(&server->queue);
	ep_deliver(t, server, c->badge);
	if (likely(!server->stop))
		sched_hand_over(server);
	sched_move(t->sched, server);
	sched_dispatch();
}

/* @t, not ready and on no context but its own, waits for a call at @e, or takes the one that waits there. */
static NORETURN void ep_serve(struct thread *t, struct endpoint *e)
{
	if (list_empty(&e->callers)) {
		t->wait = WAIT_SERVE;
		list_add_tail(&e->servers, &t->queue);
	} else {
		struct thread *caller = list_first(&e->callers, struct thread, queue);

		list_del(&caller->queue);
		ep_deliver(caller, t, caller->arch.frame.rdi);
		if (caller->sched)
			sched_move(caller->sched, t);
		else
			sched_wake(t);
	}
	sched_dispatch();
}

/* ep_wait: arg0 = endpoint. */
enum tv_err hc_ep_wait(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err = ep_get(t, frame_arg(f, 0), TV_RIGHT_WAIT, &c);

	if (err)
		return err;
	t->wait = WAIT_SERVE;
	ep_abandon_caller(t);
	sched_detach(t);
	ep_serve(t, cap_endpoint(c));
}

/* ep_reply_wait: arg0 = endpoint, arg1 to arg5 = words 0 to 4 of the reply. */
enum tv_err hc_ep_reply_wait(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	struct thread *caller = t->caller;
	enum tv_err err = ep_get(t, frame_arg(f, 0), TV_RIGHT_WAIT, &c);

	if (unlikely(err))
		return err;
	t->wait = WAIT_SERVE;
	if (likely(caller)) {
		words_copy(&caller->arch.frame, f);
		ep_finish(t, caller, TV_OK);
		if (likely(caller->lent && t->sched != t->own && !caller->stop)) {
			caller->lent = false;
			if (likely(list_empty(&cap_endpoint(c)->callers))) {
				list_add_tail(&cap_endpoint(c)->servers, &t->queue);
				sched_hand_over(caller);
			}
			sched_lend(caller);
			ep_serve(t, cap_endpoint(c));
		}
		ep_give_back(t, caller);
	}
	sched_detach(t);
	ep_serve(t, cap_endpoint(c));
}

struct eviction {
	struct endpoint *endpoint;
	struct work *work;
	bool done;
};

/* On the CPU of the endpoint: who waits there gets TV_EDEAD. */
static void ep_evict(void *arg)
{
	struct eviction *ev = arg;
	struct endpoint *e = ev->endpoint;

	while (!list_empty(&e->callers) || !list_empty(&e->servers)) {
		struct list *which = list_empty(&e->callers) ? &e->servers : &e->callers;
		struct thread *t = list_first(which, struct thread, queue);

		list_del(&t->queue);
		frame_set_badge(&t->arch.frame, 0);
		thread_complete(t, TV_EDEAD);
		work_spend(ev->work, WORK_NODE);
		if (!work_left(ev->work))
			return;
	}
	ev->done = true;
}

bool ep_destroy(struct endpoint *e, struct work *w)
{
	struct eviction ev = { .endpoint = e, .work = w };
	uint32_t cpu = EP_CPU_ANY;

	/* Nobody may come in whose CPU would not be asked. */
	if (__atomic_compare_exchange_n(&e->cpu, &cpu, EP_CPU_NONE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || cpu == EP_CPU_NONE)
		return true;
	cross_call(cpu, ep_evict, &ev);
	return ev.done;
}
