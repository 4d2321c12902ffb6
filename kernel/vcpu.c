/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: their life, and the loop of vcpu_run.
 *
 * The loop leaves nothing on the kernel stack that it would miss: when another thread must run, the scheduler simply takes over,
 * and vcpu_resume() begins the loop again, which re-checks everything before it enters the guest.  Between the last check and
 * the entry interrupts are off, so that a signal or a deadline that comes later makes the guest exit at once.
 */
#include <abi/hypercall.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/exit.h>
#include <kernel/sched.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/upcall.h>
#include <kernel/vcpu.h>
#include <mm/frame.h>

/* Give @t's call up: the vCPU can be run by another thread. */
static void vcpu_leave(struct thread *t, struct vcpu *v)
{
	v->thread = NULL;
	t->vcpu = NULL;
	t->cont = THREAD_CONT_NONE;
}

/* Load what the monitor has changed.  Anything but TV_OK ends vcpu_run, and the group that was refused stands in word 0. */
static enum tv_err vcpu_push(struct thread *t, struct vcpu *v, uint32_t dirty)
{
	uint32_t refused;

	if (dirty & ~TV_REGS_ALL)
		return TV_EINVAL;
	refused = virt->push(v, dirty);
	if (unlikely(refused)) {
		frame_set_word(&t->arch.frame, 0, refused);
		return TV_ESTATE;
	}
	v->page->dirty = 0;
	return TV_OK;
}

/*
 * Run the guest until there is something to report.  Returns the status of the hypercall, with the call ended; or goes to the
 * scheduler, with @t's continuation set.
 */
static enum tv_err vcpu_loop(struct thread *t, struct vcpu *v)
{
	struct tv_exit_page *p = v->page;
	enum tv_err err = TV_OK;
	uint32_t kind, dirty;

	for (;;) {
		if (unlikely(__atomic_load_n(&v->kick, __ATOMIC_RELAXED) || thread_signalled(t))) {
			__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
			kind = TV_EXIT_KICK;
			break;
		}
		if (unlikely(time_now() >= t->deadline)) {
			kind = TV_EXIT_DEADLINE;
			break;
		}
		dirty = READ_ONCE(p->dirty);
		if (dirty) {
			err = vcpu_push(t, v, dirty);
			if (unlikely(err))
				goto leave;
		}
		if (unlikely(v->flush_seen != v->space->flush_generation)) {
			v->flush_seen = v->space->flush_generation;
			virt->flush(v);
		}
		if (t->deadline != TV_NEVER || timer_running(&t->timer))
			timer_start(&t->timer, t->deadline);

		kind = virt->run(v);
		if (likely(kind != TV_EXIT_NONE))
			break;
		/* A host interrupt may have made another thread ready, or ended this call: then this does not return. */
		kernel_after_interrupt();
	}
	if (unlikely(kind == VIRT_REFUSED)) {
		frame_set_word(&t->arch.frame, 0, 0);
		err = TV_ESTATE;
	} else {
		exit_deliver(v, kind);
	}
leave:
	vcpu_leave(t, v);
	return err;
}

/*
 * vcpu_run of the current thread @t: until an exit for the monitor, a signal, a kick, or @deadline (absolute TSC).  TV_EBUSY:
 * another thread runs it; TV_EDEAD: its guest space was destroyed; TV_ESTATE, TV_EINVAL: state was refused, nothing was entered.
 */
enum tv_err vcpu_run(struct thread *t, struct vcpu *v, uint64_t deadline)
{
	if (unlikely(!v->space))
		return TV_EDEAD;
	if (unlikely(v->thread))
		return TV_EBUSY;
	v->thread = t;
	t->vcpu = v;
	t->deadline = deadline;
	/* From here on a signal on another CPU is followed by an interrupt: see notify_signal(). */
	t->cont = THREAD_CONT_VCPU_RUN;
	return vcpu_loop(t, v);
}

/* @t, whose continuation is THREAD_CONT_VCPU_RUN, was chosen to run again: go on with the loop of vcpu_run. */
void vcpu_resume(struct thread *t)
{
	enum tv_err err = vcpu_loop(t, t->vcpu);

	frame_set_status(&t->arch.frame, err);
	sched_return();
}

/* End the vcpu_run that a thread is in, if any; the thread does not run now. */
static void vcpu_interrupt(struct vcpu *v, enum tv_err status)
{
	struct thread *t = v->thread;

	if (!t)
		return;
	vcpu_leave(t, v);
	thread_complete(t, status);
}

/* Make vcpu_run on @v return at once, now or the next time. */
void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->kick, 1, __ATOMIC_SEQ_CST);
	/* On this CPU the loop looks before it enters the guest again. */
	if (v->thread && v->thread->cpu != cpu_self()->arch.id)
		irq_send_ipi(v->thread->cpu);
}

/* A vCPU in slot @sel of @d, with its guest memory from @space.  Errors as object_prepare(); nothing is changed then. */
enum tv_err vcpu_create(struct domain *d, uint64_t sel, struct cap *space)
{
	struct space *s = cap_space(space);
	struct vcpu *v;
	void *memory;
	enum tv_err err = object_prepare(d, sel, sizeof(*v), &memory);

	if (err)
		return err;
	v = memory;
	v->space = s;
	v->flush_seen = s->flush_generation;
	v->page = quota_frame_alloc(&d->quota);
	err = v->page ? virt->vcpu_init(v, &d->quota) : TV_EQUOTA;
	if (err) {
		if (v->page)
			quota_frame_free(&d->quota, v->page);
		object_abandon(d, sel, v, sizeof(*v));
		return err;
	}
	exit_page_init(v->page);
	list_init(&v->grants);
	list_add_tail(&s->vcpus, &v->in_space);
	object_publish(&v->object, d, sel, TV_CAP_VCPU, space);
	return TV_OK;
}

/* The guest space of @v ends: it can never run again; who is inside vcpu_run on it gets TV_EDEAD. */
void vcpu_space_gone(struct vcpu *v)
{
	list_del(&v->in_space);
	v->space = NULL;
	vcpu_interrupt(v, TV_EDEAD);
}

/* object_destroy() for vCPUs: nothing is derived from it any more, and its grants are gone.  object.c frees @v itself. */
void vcpu_destroy(struct vcpu *v)
{
	struct quota *q = &v->object.payer->quota;

	vcpu_interrupt(v, TV_EDEAD);
	list_del(&v->in_space);
	virt->vcpu_fini(v, q);
	quota_frame_free(q, v->page);
}
