/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on virtual CPUs. */
#include <kernel/cap.h>
#include <kernel/cross.h>
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/space.h>
#include <kernel/thread.h>
#include <kernel/vcpu.h>
#include <mm/frame.h>

/* TV_VCPU_CREATE: arg0 = destination selector, arg1 = guest space. */
enum tv_err hc_vcpu_create(struct thread *t, struct user_frame *f)
{
	struct cap *space;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 1), TV_CAP_SPACE, TV_RIGHT_USE, &space);

	if (err)
		return err;
	if (cap_space(space)->dying)
		return TV_EDEAD;
	return vcpu_create(t->domain, frame_arg(f, 0), space);
}

/* TV_VCPU_MAP: arg0 = vCPU, arg1 = address in the caller's host space. */
enum tv_err hc_vcpu_map(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_VCPU, TV_RIGHT_CONTROL, &c);

	if (err)
		return err;
	return space_map_page(&t->domain->space, frame_arg(f, 1), c, frame_pa(cap_vcpu(c)->page), PT_R | PT_W);
}

/* The first run of a vCPU by @t, or the first after another one. */
static NOINLINE enum tv_err run_first(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err;

	tree_lock(f);
	/* Again: what was found before may have gone since. */
	err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_VCPU, TV_RIGHT_RUN, &c);
	if (!err)
		err = vcpu_take(t, cap_vcpu(c));
	tree_unlock();
	return err ? err : vcpu_run(t, t->vcpu, frame_arg(f, 1));
}

/* TV_VCPU_RUN: arg0 = vCPU, arg1 = absolute TSC deadline. */
enum tv_err hc_vcpu_run(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_VCPU, TV_RIGHT_RUN, &c);

	if (unlikely(err))
		return err;
	if (unlikely(READ_ONCE(cap_vcpu(c)->owner) != t))
		return run_first(t, f);
	return vcpu_run(t, cap_vcpu(c), frame_arg(f, 1));
}

/* TV_VCPU_KICK: arg0 = vCPU. */
enum tv_err hc_vcpu_kick(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_VCPU, TV_RIGHT_SIGNAL, &c);

	if (err)
		return err;
	vcpu_kick(cap_vcpu(c));
	return TV_OK;
}
