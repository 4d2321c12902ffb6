/* SPDX-License-Identifier: Apache-2.0 */
/* User threads: how their waits end, and how they end. */
#include <arch/time.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/ep.h>
#include <kernel/klog.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>

/* Faults of threads that are logged in one second by one CPU. */
#define FAULT_LINES	20u

void thread_init(struct thread *n, struct domain *d, void *fpu, const struct thread_start *s)
{
	user_init(&n->arch, s->rip, s->rsp, s->arg, s->fs_base, fpu);
	n->stop = THREAD_SUSPENDED;
	n->domain = d;
	list_init(&n->queue);
	n->cpu = cpu_self()->arch.id;
	timer_init(&n->timer, TIMER_THREAD);
	list_add_tail(&d->threads, &n->in_domain);
	d->thread_count++;
}

void thread_complete(struct thread *t, enum tv_err status)
{
	frame_set_status(&t->arch.frame, status);
	t->wait = WAIT_NONE;
	t->cont = THREAD_CONT_NONE;
	if (!t->stop)
		sched_wake(t);
}

void thread_timeout(struct thread *t)
{
	/* Otherwise another CPU was faster. */
	if (t->wait == WAIT_NOTIFICATION && notify_cancel(t))
		notify_ended(t, TV_ETIMEOUT, 0);
}

/* Unlink @t, which ends, from what it waits for. */
static void thread_end_wait(struct thread *t)
{
	/* Where another CPU was faster, its mail is in the box since it has unlocked the notification. */
	if (t->wait == WAIT_NOTIFICATION && !notify_cancel(t))
		mail_take(cpu_self());
	if (t->wait == WAIT_REPLY)
		ep_forget_callee(t);
	timer_stop(&t->timer);
	list_del(&t->queue);
}

struct migration {
	struct thread *thread;
	uint32_t to;
	uint64_t deadline;		/* of the wait that goes on there */
	enum tv_err err;
};

/* On the CPU that @t leaves. */
static void migrate_from(void *arg)
{
	struct migration *m = arg;
	struct thread *t = m->thread;
	struct cpu *c = cpu_self();
	struct notification *n = t->ntfn;

	m->err = TV_EBUSY;
	if (t->sched || t->caller || t->wait == WAIT_CALL || t->wait == WAIT_REPLY || t->wait == WAIT_SERVE)
		return;
	m->err = TV_OK;
	m->deadline = timer_running(&t->timer) ? t->timer.at.key : TV_NEVER;
	timer_stop(&t->timer);
	user_leave(&t->arch);
	if (t->vcpu)
		virt->leave(t->vcpu);
	if (c->current == t)
		c->current = NULL;
	/* Who ends the wait reads the CPU with the notification locked: before this, the mail comes here and is taken now. */
	if (n)
		spin_lock(&n->lock);
	WRITE_ONCE(t->cpu, m->to);
	if (n)
		spin_unlock(&n->lock);
	mail_take(c);
}

/* On the CPU that it comes to. */
static void migrate_to(void *arg)
{
	const struct migration *m = arg;

	if (m->thread->wait == WAIT_NOTIFICATION)
		timer_start(&m->thread->timer, m->deadline);
}

enum tv_err thread_migrate(struct thread *t, uint32_t cpu)
{
	struct migration m = { .thread = t, .to = cpu };

	if (t->cpu == cpu)
		return TV_OK;
	cross_call(t->cpu, migrate_from, &m);
	if (!m.err)
		cross_call(cpu, migrate_to, &m);
	return m.err;
}

bool thread_ends_with(const struct thread *t, const struct cap *c)
{
	if (!(c->flags & CAP_ORIGINAL))
		return false;
	switch (c->type & ~CAP_DYING) {
	case TV_CAP_THREAD:
		return cap_thread(c) == t;
	case TV_CAP_DOMAIN:
		return domain_is_inside(t->domain, cap_domain(c)) || domain_is_inside(t->object.payer, cap_domain(c));
	default:
		return false;
	}
}

/* The current thread will never run again: tell those who wait for it, and its domain's watcher. */
static NORETURN void thread_end(struct thread *t, uint8_t why)
{
	t->stop |= why;
	ep_abandon_caller(t);
	sched_detach(t);
	hook_signal(&t->domain->watch);
	sched_dispatch();
}

/* A domain that makes threads in order to let them fault must not fill the log with them. */
static bool fault_logged(void)
{
	struct cpu *c = cpu_self();
	uint64_t now = time_now();

	if (now - c->fault_second >= time_hz()) {
		c->fault_second = now;
		c->fault_lines = 0;
	}
	return c->fault_lines++ < FAULT_LINES;
}

void thread_fault(struct thread *t, uint64_t fault, uint64_t address)
{
	t->fault = fault;
	t->fault_rip = t->arch.frame.rip;
	t->fault_addr = address;
	if (fault_logged())
		log_warn("thread stopped: exception %u, error 0x%x, rip 0x%llx, address 0x%llx",
			 (unsigned)(fault & 0xffffffff), (unsigned)(fault >> 32), (unsigned long long)t->fault_rip,
			 (unsigned long long)address);
	klog_check();
	thread_end(t, THREAD_FAULTED);
}

void thread_exit(struct thread *t, uint64_t code)
{
	t->exit_code = code;
	thread_end(t, THREAD_EXITED);
}

void kernel_user_fault(struct user_frame *f, uint64_t vector, uint64_t error, uint64_t address)
{
	(void)f;	/* it is the current thread's own */
	thread_fault(cpu_self()->current, vector | error << 32, address);
}

struct reset {
	struct thread *thread;
	const struct thread_start *start;
	enum tv_err err;
};

/* On its CPU. */
static void reset(void *arg)
{
	struct reset *r = arg;
	struct thread *t = r->thread;

	r->err = TV_EBUSY;
	if (!t->stop || t->caller || (t->wait != WAIT_NONE && t->wait != WAIT_NOTIFICATION))
		return;
	thread_end_wait(t);
	t->wait = WAIT_NONE;
	t->cont = THREAD_CONT_NONE;
	t->stop = THREAD_SUSPENDED;
	t->fault = t->fault_rip = t->fault_addr = t->exit_code = 0;
	user_reset(&t->arch, r->start->rip, r->start->rsp, r->start->arg);
	r->err = TV_OK;
}

enum tv_err thread_reset(struct thread *t, const struct thread_start *s)
{
	struct reset r = { .thread = t, .start = s };

	cross_call(t->cpu, reset, &r);
	return r.err;
}

/* On its CPU. */
void thread_destroy(struct thread *t)
{
	struct cpu *c = cpu_self();

	t->stop |= THREAD_EXITED;
	ep_abandon_caller(t);
	thread_end_wait(t);
	sched_detach(t);
	sched_disown(t);
	if (t->bound)
		WRITE_ONCE(t->bound->bound, NULL);
	if (t->vcpu)
		vcpu_release(t->vcpu);
	list_del(&t->in_domain);
	t->domain->thread_count--;
	if (c->current == t)
		c->current = NULL;
	user_forget(&t->arch);
	quota_frame_free(&t->object.payer->quota, t->arch.fpu);
}
