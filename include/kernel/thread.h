/* SPDX-License-Identifier: Apache-2.0 */
/* User threads.  One kernel stack per CPU serves them all: a thread that blocks inside the kernel leaves nothing on the stack but
 * stores here how it goes on. */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <abi/hypercall.h>
#include <arch/user.h>
#include <kernel/cap.h>
#include <kernel/notify.h>
#include <kernel/object.h>
#include <kernel/timer.h>
#include <lib/base.h>
#include <lib/list.h>

struct domain;
struct endpoint;
struct sched;
struct vcpu;

/* What the thread waits for. */
enum thread_wait {
	WAIT_NONE = 0,
	WAIT_NOTIFICATION,	/* in notification.waiters                                  */
	WAIT_CALL,		/* in endpoint.callers: no server was waiting               */
	WAIT_REPLY,		/* its @callee works for it                                 */
	WAIT_SERVE,		/* in endpoint.servers: waits for a call                    */
};

/* How it goes on when it is next chosen to run. */
enum thread_cont {
	THREAD_CONT_NONE = 0,	/* return to user mode                                      */
	THREAD_CONT_VCPU_RUN,	/* vcpu_resume()                                            */
};

/* Why it may not run, whatever it waits for.  A thread is ready when it waits for nothing and no bit is set. */
#define THREAD_SUSPENDED	(1u << 0)
#define THREAD_FAULTED		(1u << 1)
#define THREAD_EXITED		(1u << 2)

struct thread {
	struct arch_thread arch;
	struct object object;
	struct domain *domain;
	struct list in_domain;		/* domain.threads                                                       */
	uint8_t wait;			/* enum thread_wait                                                     */
	uint8_t cont;			/* enum thread_cont                                                     */
	uint8_t stop;			/* THREAD_SUSPENDED, THREAD_FAULTED, THREAD_EXITED                      */
	uint8_t call_depth;		/* calls that wait, directly or not, for what this thread does          */
	bool lent;			/* WAIT_REPLY: the context it called with has not come back             */
	uint32_t cpu;			/* whose it is: only that CPU changes it; where its contexts are        */
	struct sched *own;		/* bound by sched_bind; NULL: runs only while it serves a call          */
	struct sched *sched;		/* which it runs on now: its own, its caller's, or none                 */
	struct list queue;		/* in what @wait says                                                   */
	struct notification *ntfn;	/* WAIT_NOTIFICATION: which; until its own CPU has ended the wait       */
	struct thread *mail_next;	/* in cpu.mail, with how the wait has ended:                            */
	uint64_t taken;			/* signals                                                              */
	enum tv_err result;
	struct thread *caller;		/* to whom it owes a reply                                              */
	struct thread *callee;		/* WAIT_REPLY: who owes one to it                                       */
	struct timer timer;		/* deadline of a wait or of vcpu_run                                    */
	struct notification *bound;	/* thread_bind: its signals end vcpu_run                                */
	struct vcpu *vcpu;		/* whose owner it is; with THREAD_CONT_VCPU_RUN, inside vcpu_run on it  */
	uint64_t deadline;		/* of that vcpu_run                                                     */
	uint64_t checked, changed;	/* mem_protect in chunks: the addresses it has reached                  */
	uint64_t fault, fault_rip, fault_addr, exit_code;
};

static inline struct thread *cap_thread(const struct cap *c) { return container_of(c->object, struct thread, object); }

static inline bool thread_ready(const struct thread *t) { return t->wait == WAIT_NONE && !t->stop; }
/* Is there a signal that must end vcpu_run of @t?  Sticky: it stays until the thread has taken the bits. */
static inline bool thread_signalled(const struct thread *t)
{
	const struct notification *n = READ_ONCE(t->bound);

	return n && __atomic_load_n(&n->word, __ATOMIC_ACQUIRE) != 0;
}

/* Registers of a new thread. */
struct thread_start {
	uint64_t rip, rsp, arg, fs_base;
};
/* Make of the zeroed @n a suspended thread of @d; @fpu: a zeroed page of the payer's quota, which is @n's from here on. */
void thread_init(struct thread *n, struct domain *d, void *fpu, const struct thread_start *s);

/*
 * End the call that @t is in (blocked, or in a continuation) with @status, and make it ready.  The caller has unlinked it from
 * what it waited for.
 */
void thread_complete(struct thread *t, enum tv_err status);
/* Make it a thread of CPU @cpu.  It runs on no context and is in no call: else TV_EBUSY.  The caller holds the tree lock. */
enum tv_err thread_migrate(struct thread *t, uint32_t cpu) MUST_USE;
/* Its timer fired: a wait with a deadline ends with TV_ETIMEOUT.  (In vcpu_run the interrupt itself has left the guest.) */
void thread_timeout(struct thread *t);
/* The current thread stops for good: with an exception (vector | error code << 32), or because it wants to. */
NORETURN void thread_fault(struct thread *t, uint64_t fault, uint64_t address);
NORETURN void thread_exit(struct thread *t, uint64_t code);

/*
 * @t, which is suspended, has faulted or has exited, gives up what it was doing and is suspended where @s says; its FS base and
 * its FPU state stay.  TV_EBUSY: it is none of these, or it has part in a call on an endpoint.
 */
enum tv_err thread_reset(struct thread *t, const struct thread_start *s) MUST_USE;

/* Would the end of @c be the end of @t? */
bool thread_ends_with(const struct thread *t, const struct cap *c);
/* object_destroy() for threads. */
void thread_destroy(struct thread *t);

#endif
