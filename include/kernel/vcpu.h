/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU: the part that the vendor back-ends and the kernel share. */
#ifndef KERNEL_VCPU_H
#define KERNEL_VCPU_H

#include <abi/exit.h>
#include <arch/virt.h>
#include <kernel/cap.h>
#include <kernel/object.h>
#include <kernel/thread.h>
#include <lib/base.h>
#include <lib/list.h>

struct space;

struct vcpu {
	struct object object;
	struct space *space;		/* its guest space; NULL after that was destroyed: it can never run again */
	struct list in_space;		/* space->vcpus                                                          */
	struct tv_exit_page *page;	/* the state page, through the direct map                                */
	struct thread *owner;		/* who ran it last, is inside vcpu_run on it, or will be; NULL: nobody.  On this thread's CPU is what
					   the hardware keeps; owner->vcpu leads back                            */
	uint32_t kick;			/* sticky: vcpu_run returns at once                                      */
	uint64_t flush_seen;		/* space->flush_generation that the hardware has honoured                */
	struct list grants;		/* struct grant.link: ports and MSRs that pass without an exit           */
	void *hw;			/* struct vmx_vcpu or struct svm_vcpu                                    */
};

static inline struct vcpu *cap_vcpu(const struct cap *c) { return container_of(c->object, struct vcpu, object); }

/* The call of @t is over: the vCPU can be taken by another thread. */
static inline void vcpu_leave(struct thread *t)
{
	t->cont = THREAD_CONT_NONE;
}

/* A vCPU in slot @sel of @d, with its guest memory from @space.  Errors as object_prepare(); nothing is changed then. */
enum tv_err vcpu_create(struct domain *d, uint64_t sel, struct cap *space) MUST_USE;
/*
 * Make @t, a thread of this CPU, the owner of @v, which stays so until another thread is: it takes the tree lock, which vcpu_run does
 * not.  TV_EBUSY: another thread runs @v; TV_EDEAD: its guest space was destroyed.
 */
enum tv_err vcpu_take(struct thread *t, struct vcpu *v) MUST_USE;
/* On the CPU of its owner: @v has none any more. */
void vcpu_release(struct vcpu *v);
/*
 * vcpu_run of the current thread @t, the owner of @v: until an exit for the monitor, a signal, a kick, or @deadline (absolute TSC).
 * TV_EDEAD: its guest space was destroyed; TV_ESTATE, TV_EINVAL: state was refused, nothing was entered.
 */
static inline enum tv_err MUST_USE vcpu_run(struct thread *t, struct vcpu *v, uint64_t deadline)
{
	if (unlikely(!v->space))
		return TV_EDEAD;
	t->deadline = deadline;
	t->cont = THREAD_CONT_VCPU_RUN;
	return virt->loop(t, v);
}
/* Make vcpu_run on @v return at once, now or the next time. */
void vcpu_kick(struct vcpu *v);
/* @t, whose continuation is THREAD_CONT_VCPU_RUN, was chosen to run again: go on with the loop of vcpu_run. */
NORETURN void vcpu_resume(struct thread *t);
/* Run @fn(@arg) where @v is, between two entries into its guest.  The caller holds the tree lock. */
void vcpu_call(const struct vcpu *v, void (*fn)(void *arg), void *arg);
/* The guest space of @v ends: unlinks @v from it (in_space, space = NULL); @v can never run again, and who is inside vcpu_run on it
 * gets TV_EDEAD. */
void vcpu_space_gone(struct vcpu *v);
/* object_destroy() for vCPUs: nothing is derived from it any more, and its grants are gone.  Leaves its space, ends a vcpu_run on it
 * with TV_EDEAD, gives back what virt->vcpu_init() and the creation took; object.c frees @v itself. */
void vcpu_destroy(struct vcpu *v);

#endif
