/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of vcpu_run: into the guest, and exits on their way to the monitor.
 *
 * It is a template: each back-end makes its virt_ops.loop of it, with functions of its own that the compiler sees.  So an exit is one
 * function, without calls through pointers and without registers saved twice.  This path is measured in instructions; what is rare
 * stands outside of it, in kernel/exit.c.
 *
 * The loop leaves nothing on the kernel stack that it would miss: when another thread must run, the scheduler simply takes over,
 * and vcpu_resume() begins the loop again, which re-checks everything before it enters the guest.  Between the last check and
 * the entry interrupts are off, so that a signal or a deadline that comes later makes the guest exit at once.
 */
#ifndef KERNEL_RUN_LOOP_H
#define KERNEL_RUN_LOOP_H

#include <abi/hypercall.h>
#include <arch/virt.h>
#include <kernel/doorbell.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>

/* kernel/exit.c.  A call that ends without having entered the guest: state was refused, @word says which. */
enum tv_err exit_refuse(struct thread *t, enum tv_err err, uint64_t word);
/* Load @groups, which are not RIP alone.  Not TV_OK: the call ends as by exit_refuse(). */
enum tv_err exit_load(struct thread *t, struct vcpu *v, uint32_t groups);
/* The call ends before an entry, with an exit of @kind: what the monitor has changed and nobody has loaded keeps its values. */
enum tv_err exit_early(struct thread *t, struct vcpu *v, uint32_t kind);
/* Has the deadline of @t passed?  Else its timer is set to it.  TV_EXIT_DEADLINE or TV_EXIT_NONE. */
uint32_t exit_deadline(struct thread *t);

/* The groups that the monitor wants fetched with an exit of @kind. */
static inline uint32_t exit_groups(const struct tv_exit_page *p, uint32_t kind)
{
	return (READ_ONCE(p->want[kind]) & (TV_REGS_ALL | TV_REGS_CODE)) | TV_REGS_RIP;
}

/* Must the call end before the guest is entered?  The kind of exit, or TV_EXIT_NONE. */
static ALWAYS_INLINE uint32_t exit_due(struct thread *t, struct vcpu *v)
{
	if (unlikely(READ_ONCE(v->kick) || thread_signalled(t)))
		return TV_EXIT_KICK;
	/* A timer that still runs has not fired: its interrupt will end the guest, or waits and ends it at once. */
	if (t->deadline != TV_NEVER && unlikely(!timer_running(&t->timer) || t->timer.at.key != t->deadline))
		return exit_deadline(t);
	return TV_EXIT_NONE;
}

/* @load: group RIP, or refuse it; @run: enter the guest once, see virt_ops.loop, which this returns as; @fetch: as virt_ops.pull. */
static ALWAYS_INLINE enum tv_err run_loop(struct thread *t, struct vcpu *v, bool (*load)(struct vcpu *v),
					  uint32_t (*run)(struct vcpu *v), void (*fetch)(struct vcpu *v, uint32_t groups))
{
	for (;;) {
		uint32_t kind = exit_due(t, v), dirty;

		if (unlikely(kind != TV_EXIT_NONE))
			return exit_early(t, v, kind);
		dirty = READ_ONCE(v->page->dirty);
		if (dirty) {
			enum tv_err err = TV_OK;

			if (unlikely(dirty != TV_REGS_RIP))
				err = exit_load(t, v, dirty);
			else if (unlikely(!load(v)))
				err = exit_refuse(t, TV_ESTATE, TV_REGS_RIP);
			if (unlikely(err))
				return err;
			v->page->dirty = 0;
		}
		if (unlikely(v->flush_seen != READ_ONCE(v->space->flush_generation))) {
			v->flush_seen = READ_ONCE(v->space->flush_generation);
			virt->flush(v);
		}
		kind = run(v);
		if (kind == TV_EXIT_PIO && doorbell_possible(v) && doorbell_ring(v))
			kind = TV_EXIT_NONE;
		/* Neither TV_EXIT_NONE nor VIRT_REFUSED. */
		if (likely(kind - 1 < TV_EXIT_KINDS - 1)) {
			struct tv_exit_page *p = v->page;
			uint32_t groups = exit_groups(p, kind);

			vcpu_leave(t);
			p->kind = kind;
			p->valid = groups;
			p->exits++;
			fetch(v, groups);
			return TV_OK;
		}
		if (kind == VIRT_REFUSED)
			return exit_refuse(t, TV_ESTATE, 0);
		/* A host interrupt may have made another thread ready, or ended this call: then this does not return. */
		kernel_after_interrupt();
	}
}

#endif
