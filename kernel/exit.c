/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_run: into the guest, and exits on their way to the monitor.
 *
 * The loop leaves nothing on the kernel stack that it would miss: when another thread must run, the scheduler simply takes over,
 * and vcpu_resume() begins the loop again, which re-checks everything before it enters the guest.  Between the last check and
 * the entry interrupts are off, so that a signal or a deadline that comes later makes the guest exit at once.
 *
 * This path is measured in instructions; what is rare stands outside of it.
 */
#include <abi/hypercall.h>
#include <arch/time.h>
#include <arch/virt.h>
#include <kernel/doorbell.h>
#include <kernel/sched.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>

/*
 * End the call with an exit of @kind: complete the record with the register groups that the monitor wants for it, and RIP
 * always, but without @keep.
 */
static inline enum tv_err exit_deliver(struct thread *t, struct vcpu *v, uint32_t kind, uint32_t keep)
{
	struct tv_exit_page *p = v->page;
	uint32_t groups = (READ_ONCE(p->want[kind]) & (TV_REGS_ALL | TV_REGS_CODE)) | TV_REGS_RIP;

	if (unlikely(keep & (TV_REGS_CR | TV_REGS_SEG)))
		keep |= TV_REGS_CODE;		/* a part of both */
	vcpu_leave(t);
	p->kind = kind;
	p->valid = groups;
	p->exits++;
	virt->pull(v, groups & ~keep);
	return TV_OK;
}

/* A call that ends without having entered the guest: state was refused, @word says which. */
static NOINLINE enum tv_err exit_refuse(struct thread *t, enum tv_err err, uint64_t word)
{
	frame_set_word(&t->arch.frame, 0, word);
	vcpu_leave(t);
	return err;
}

/* Has the deadline passed?  Else the timer is set to it. */
static NOINLINE uint32_t exit_deadline(struct thread *t)
{
	if (time_now() >= t->deadline)
		return TV_EXIT_DEADLINE;
	timer_start(&t->timer, t->deadline);
	return TV_EXIT_NONE;
}

/* Must the call end before the guest is entered?  The kind of exit, or TV_EXIT_NONE. */
static inline uint32_t exit_due(struct thread *t, struct vcpu *v)
{
	if (unlikely(__atomic_load_n(&v->kick, __ATOMIC_RELAXED) || thread_signalled(t))) {
		__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
		return TV_EXIT_KICK;
	}
	/* A timer that still runs has not fired: its interrupt will end the guest, or waits and ends it at once. */
	if (t->deadline != TV_NEVER && unlikely(!timer_running(&t->timer) || t->timer.at.key != t->deadline))
		return exit_deadline(t);
	return TV_EXIT_NONE;
}

/* Run the guest until there is something to report: the status of the hypercall, with the call ended. */
static enum tv_err exit_loop(struct thread *t, struct vcpu *v)
{
	for (;;) {
		uint32_t kind = exit_due(t, v), dirty = READ_ONCE(v->page->dirty);

		/* A group that was changed and not loaded yet keeps the monitor's values: they are the truth. */
		if (unlikely(kind != TV_EXIT_NONE))
			return exit_deliver(t, v, kind, dirty);
		if (dirty) {
			if (unlikely(dirty & ~TV_REGS_ALL))
				return exit_refuse(t, TV_EINVAL, 0);
			dirty = virt->push(v, dirty);
			if (unlikely(dirty))
				return exit_refuse(t, TV_ESTATE, dirty);
			v->page->dirty = 0;
		}
		if (unlikely(v->flush_seen != READ_ONCE(v->space->flush_generation))) {
			v->flush_seen = READ_ONCE(v->space->flush_generation);
			virt->flush(v);
		}
		kind = virt->run(v);
		if (kind == TV_EXIT_PIO && doorbell_ring(v))
			kind = TV_EXIT_NONE;
		/* Neither TV_EXIT_NONE nor VIRT_REFUSED. */
		if (likely(kind - 1 < TV_EXIT_KINDS - 1))
			return exit_deliver(t, v, kind, 0);
		if (kind == VIRT_REFUSED)
			return exit_refuse(t, TV_ESTATE, 0);
		/* A host interrupt may have made another thread ready, or ended this call: then this does not return. */
		kernel_after_interrupt();
	}
}

/*
 * vcpu_run of the current thread @t, the owner of @v: until an exit for the monitor, a signal, a kick, or @deadline (absolute TSC).
 * TV_EDEAD: its guest space was destroyed; TV_ESTATE, TV_EINVAL: state was refused, nothing was entered.
 */
enum tv_err vcpu_run(struct thread *t, struct vcpu *v, uint64_t deadline)
{
	if (unlikely(!v->space))
		return TV_EDEAD;
	t->deadline = deadline;
	t->cont = THREAD_CONT_VCPU_RUN;
	return exit_loop(t, v);
}

/* @t, whose continuation is THREAD_CONT_VCPU_RUN, was chosen to run again: go on with the loop of vcpu_run. */
void vcpu_resume(struct thread *t)
{
	enum tv_err err = exit_loop(t, t->vcpu);

	frame_set_status(&t->arch.frame, err);
	sched_return();
}
