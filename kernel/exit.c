/* SPDX-License-Identifier: Apache-2.0 */
/* vcpu_run: the rare ways out of its loop, which is in kernel/run_loop.h, and the way back into it. */
#include <arch/time.h>
#include <kernel/run_loop.h>
#include <kernel/sched.h>

enum tv_err exit_refuse(struct thread *t, enum tv_err err, uint64_t word)
{
	frame_set_word(&t->arch.frame, 0, word);
	vcpu_leave(t);
	return err;
}

enum tv_err exit_load(struct thread *t, struct vcpu *v, uint32_t groups)
{
	uint32_t refused;

	if (groups & ~TV_REGS_ALL)
		return exit_refuse(t, TV_EINVAL, 0);
	refused = virt->push(v, groups);
	return refused ? exit_refuse(t, TV_ESTATE, refused) : TV_OK;
}

enum tv_err exit_early(struct thread *t, struct vcpu *v, uint32_t kind)
{
	struct tv_exit_page *p = v->page;
	uint32_t groups = exit_groups(p, kind), keep = READ_ONCE(p->dirty);

	/* A full barrier: who has found it set and sends no interrupt has written before whatever this kick is about. */
	if (kind == TV_EXIT_KICK)
		(void)__atomic_exchange_n(&v->kick, 0, __ATOMIC_SEQ_CST);
	if (keep & (TV_REGS_CR | TV_REGS_SEG))
		keep |= TV_REGS_CODE;		/* a part of both */
	vcpu_leave(t);
	p->kind = kind;
	p->valid = groups;
	p->exits++;
	virt->pull(v, groups & ~keep);
	return TV_OK;
}

uint32_t exit_deadline(struct thread *t)
{
	if (time_now() >= t->deadline)
		return TV_EXIT_DEADLINE;
	timer_start(&t->timer, t->deadline);
	return TV_EXIT_NONE;
}

/* @t, whose continuation is THREAD_CONT_VCPU_RUN, was chosen to run again: go on with the loop of vcpu_run. */
void vcpu_resume(struct thread *t)
{
	enum tv_err err = virt->loop(t, t->vcpu);

	frame_set_status(&t->arch.frame, err);
	sched_return();
}
