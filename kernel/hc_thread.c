/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on threads. */
#include <arch/irq.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/notify.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

/* First address that no thread may start at, or use as its FS base: the user half of a 48-bit address space ends here. */
#define USER_END	0x0000800000000000ull

static enum tv_err thread_get(const struct thread *t, uint64_t sel, uint32_t need, struct thread **out)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, sel, TV_CAP_THREAD, need, &c);

	if (!err)
		*out = cap_thread(c);
	return err;
}

/* thread_create: arg0 = selector, arg1 = domain, arg2 = RIP, arg3 = RSP, arg4 = RDI, arg5 = FS base. */
enum tv_err hc_thread_create(struct thread *t, struct user_frame *f)
{
	struct thread_start s = { frame_arg(f, 2), frame_arg(f, 3), frame_arg(f, 4), frame_arg(f, 5) };
	uint64_t sel = frame_arg(f, 0);
	struct domain *d;
	struct thread *n;
	void *memory, *fpu;
	enum tv_err err = domain_get(&t->domain->table, frame_arg(f, 1), TV_RIGHT_CONTROL, &d);

	if (err)
		return err;
	if (s.rip >= USER_END || s.rsp >= USER_END || s.fs_base >= USER_END)
		return TV_EINVAL;
	err = object_prepare(t->domain, sel, sizeof(*n), &memory);
	if (err)
		return err;
	fpu = quota_frame_alloc(&t->domain->quota);
	if (!fpu) {
		object_abandon(t->domain, sel, memory, sizeof(*n));
		return TV_EQUOTA;
	}
	n = memory;
	thread_init(n, d, fpu, &s);
	object_publish(&n->object, t->domain, sel, TV_CAP_THREAD, NULL);
	return TV_OK;
}

/* On its CPU. */
static void start(void *arg)
{
	struct thread *n = arg;

	n->stop = 0;
	if (thread_ready(n))
		sched_wake(n);
}

static void suspend(void *arg)
{
	struct thread *n = arg;

	n->stop |= THREAD_SUSPENDED;
	sched_block(n);
}

/* thread_start: arg0 = thread. */
enum tv_err hc_thread_start(struct thread *t, struct user_frame *f)
{
	struct thread *n;
	enum tv_err err = thread_get(t, frame_arg(f, 0), TV_RIGHT_CONTROL, &n);

	if (err)
		return err;
	if (n->stop & (THREAD_FAULTED | THREAD_EXITED))
		return TV_EDEAD;
	cross_call(n->cpu, start, n);
	return TV_OK;
}

/* thread_suspend: arg0 = thread. */
enum tv_err hc_thread_suspend(struct thread *t, struct user_frame *f)
{
	struct thread *n;
	enum tv_err err = thread_get(t, frame_arg(f, 0), TV_RIGHT_CONTROL, &n);

	if (err)
		return err;
	cross_call(n->cpu, suspend, n);
	return TV_OK;
}

/* thread_reset: arg0 = thread, arg1 = RIP, arg2 = RSP, arg3 = RDI. */
enum tv_err hc_thread_reset(struct thread *t, struct user_frame *f)
{
	struct thread_start s = { frame_arg(f, 1), frame_arg(f, 2), frame_arg(f, 3), 0 };
	struct thread *n;
	enum tv_err err = thread_get(t, frame_arg(f, 0), TV_RIGHT_CONTROL, &n);

	if (err)
		return err;
	if (s.rip >= USER_END || s.rsp >= USER_END)
		return TV_EINVAL;
	return thread_reset(n, &s);
}

/* thread_bind: arg0 = thread, arg1 = notification (0: none). */
enum tv_err hc_thread_bind(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 1);
	struct notification *n;
	struct thread *bound;
	struct cap *c;
	enum tv_err err = thread_get(t, frame_arg(f, 0), TV_RIGHT_CONTROL, &bound);

	if (err)
		return err;
	if (sel == 0) {
		if (bound->bound)
			WRITE_ONCE(bound->bound->bound, NULL);
		WRITE_ONCE(bound->bound, NULL);
		return TV_OK;
	}
	err = cap_get(&t->domain->table, sel, TV_CAP_NOTIFICATION, TV_RIGHT_CONTROL, &c);
	if (err)
		return err;
	n = cap_notification(c);
	if ((n->bound && n->bound != bound) || (bound->bound && bound->bound != n))
		return TV_EBUSY;
	WRITE_ONCE(bound->bound, n);
	__atomic_store_n(&n->bound, bound, __ATOMIC_SEQ_CST);
	/* Whoever has signalled before knew of nobody whom to interrupt. */
	if (bound->cpu != cpu_self()->arch.id)
		irq_send_ipi(bound->cpu);
	return TV_OK;
}

static enum tv_thread_state thread_state(const struct thread *n)
{
	if (n->stop & THREAD_FAULTED)
		return TV_THREAD_FAULTED;
	if (n->stop & THREAD_EXITED)
		return TV_THREAD_EXITED;
	if (n->stop & THREAD_SUSPENDED)
		return TV_THREAD_SUSPENDED;
	return n->wait == WAIT_NONE ? TV_THREAD_RUNNABLE : TV_THREAD_BLOCKED;
}

/* thread_info: arg0 = thread -> word 0 = state, words 1 to 3 = fault, RIP, address, word 4 = exit code. */
enum tv_err hc_thread_info(struct thread *t, struct user_frame *f)
{
	struct thread *n;
	enum tv_err err = thread_get(t, frame_arg(f, 0), TV_RIGHT_READ, &n);

	if (err)
		return err;
	frame_set_word(f, 0, thread_state(n));
	frame_set_word(f, 1, n->fault);
	frame_set_word(f, 2, n->fault_rip);
	frame_set_word(f, 3, n->fault_addr);
	frame_set_word(f, 4, n->exit_code);
	return TV_OK;
}

/* thread_exit: arg0 = code. */
enum tv_err hc_thread_exit(struct thread *t, struct user_frame *f)
{
	thread_exit(t, frame_arg(f, 0));
}
