/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs: how they begin and end.  kernel/exit.c runs them. */
#include <arch/irq.h>
#include <arch/virt.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>

void vcpu_call(const struct vcpu *v, void (*fn)(void *arg), void *arg)
{
	cross_call(v->owner ? v->owner->cpu : cpu_self()->arch.id, fn, arg);
}

/* End the vcpu_run that its owner is in, if any. */
static void vcpu_interrupt(struct vcpu *v, enum tv_err status)
{
	struct thread *t = v->owner;

	if (!t || t->cont != THREAD_CONT_VCPU_RUN)
		return;
	vcpu_leave(t);
	thread_complete(t, status);
	/* It may be the current thread, in the loop of vcpu_run, which must not go on. */
	cpu_self()->resched = true;
}

void vcpu_release(struct vcpu *v)
{
	virt->leave(v);
	v->owner->vcpu = NULL;
	__atomic_store_n(&v->owner, NULL, __ATOMIC_RELEASE);
}

static void release_unless_inside(void *arg)
{
	struct vcpu *v = arg;

	if (v->owner->cont != THREAD_CONT_VCPU_RUN)
		vcpu_release(v);
}

enum tv_err vcpu_take(struct thread *t, struct vcpu *v)
{
	if (!v->space)
		return TV_EDEAD;
	if (v->owner)
		vcpu_call(v, release_unless_inside, v);
	if (v->owner)
		return TV_EBUSY;
	if (t->vcpu)
		vcpu_release(t->vcpu);
	t->vcpu = v;
	/* Who kicks sets the kick and then looks for the owner; the owner looks for a kick after this.  Both with full barriers. */
	__atomic_store_n(&v->owner, t, __ATOMIC_SEQ_CST);
	return TV_OK;
}

/* Make vcpu_run on @v return at once, now or the next time. */
void vcpu_kick(struct vcpu *v)
{
	bool sent = __atomic_exchange_n(&v->kick, 1, __ATOMIC_SEQ_CST);
	struct thread *t = READ_ONCE(v->owner);

	/* On this CPU the loop looks before it enters the guest again; for others see notify_signal(). */
	if (!sent && t && READ_ONCE(t->cpu) != cpu_self()->arch.id)
		irq_send_ipi(READ_ONCE(t->cpu));
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
	virt->leave(v);
	v->page->version = TV_EXIT_PAGE_VERSION;
	v->page->size = sizeof(*v->page);
	v->page->valid = TV_REGS_ALL;
	list_init(&v->grants);
	list_add_tail(&s->vcpus, &v->in_space);
	object_publish(&v->object, d, sel, TV_CAP_VCPU, space);
	return TV_OK;
}

static void leave_space(void *arg)
{
	struct vcpu *v = arg;

	v->space = NULL;
	vcpu_interrupt(v, TV_EDEAD);
}

/* The guest space of @v ends: it can never run again; who is inside vcpu_run on it gets TV_EDEAD. */
void vcpu_space_gone(struct vcpu *v)
{
	list_del(&v->in_space);
	vcpu_call(v, leave_space, v);
}

static void leave_owner(void *arg)
{
	struct vcpu *v = arg;

	v->space = NULL;
	vcpu_interrupt(v, TV_EDEAD);
	if (v->owner)
		vcpu_release(v);
}

/* object_destroy() for vCPUs: nothing is derived from it any more, and its grants are gone.  object.c frees @v itself. */
void vcpu_destroy(struct vcpu *v)
{
	struct quota *q = &v->object.payer->quota;

	vcpu_call(v, leave_owner, v);
	list_del(&v->in_space);
	virt->vcpu_fini(v, q);
	quota_frame_free(q, v->page);
}
