/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs: how they begin and end.  kernel/exit.c runs them. */
#include <arch/irq.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>

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
	v->page->version = TV_EXIT_PAGE_VERSION;
	v->page->size = sizeof(*v->page);
	v->page->valid = TV_REGS_ALL;
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
