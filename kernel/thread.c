/* SPDX-License-Identifier: Apache-2.0 */
/* User threads: how their waits end, and how they end. */
#include <arch/time.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/ep.h>
#include <kernel/klog.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>

/* Faults of threads that are logged in one second. */
#define FAULT_LINES	20u

void thread_init(struct thread *n, struct domain *d, void *fpu, const struct thread_start *s)
{
	user_init(&n->arch, s->rip, s->rsp, s->arg, s->fs_base, fpu);
	n->stop = THREAD_SUSPENDED;
	n->domain = d;
	list_init(&n->queue);
	list_init(&n->mail);
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

/* All waits but the one for a reply are a place in a list, and perhaps a timer. */
void thread_cancel_wait(struct thread *t)
{
	timer_stop(&t->timer);
	list_del(&t->queue);
}

void thread_timeout(struct thread *t)
{
	if (t->wait != WAIT_NOTIFICATION)
		return;
	thread_cancel_wait(t);
	frame_set_word(&t->arch.frame, 0, 0);
	thread_complete(t, TV_ETIMEOUT);
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
	static uint64_t second;
	static unsigned lines;
	uint64_t now = time_now();

	if (now - second >= time_hz()) {
		second = now;
		lines = 0;
	}
	return lines++ < FAULT_LINES;
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

enum tv_err thread_reset(struct thread *t, const struct thread_start *s)
{
	if (!t->stop || t->caller || (t->wait != WAIT_NONE && t->wait != WAIT_NOTIFICATION))
		return TV_EBUSY;
	thread_cancel_wait(t);
	if (t->vcpu)
		vcpu_leave(t, t->vcpu);
	t->wait = WAIT_NONE;
	t->cont = THREAD_CONT_NONE;
	t->stop = THREAD_SUSPENDED;
	t->fault = t->fault_rip = t->fault_addr = t->exit_code = 0;
	user_reset(&t->arch, s->rip, s->rsp, s->arg);
	return TV_OK;
}

void thread_destroy(struct thread *t)
{
	struct cpu *c = cpu_self();

	t->stop |= THREAD_EXITED;
	ep_abandon_caller(t);
	if (t->wait == WAIT_REPLY)
		ep_forget_callee(t);
	thread_cancel_wait(t);
	list_del(&t->mail);
	sched_detach(t);
	sched_disown(t);
	if (t->bound)
		t->bound->bound = NULL;
	if (t->vcpu)
		t->vcpu->thread = NULL;
	list_del(&t->in_domain);
	t->domain->thread_count--;
	if (c->current == t)
		c->current = NULL;
	user_forget(&t->arch);
	quota_frame_free(&t->object.payer->quota, t->arch.fpu);
}
