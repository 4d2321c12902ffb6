/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on scheduling contexts. */
#include <arch/time.h>
#include <kernel/cpu.h>
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/refill.h>
#include <kernel/sched.h>
#include <kernel/thread.h>

/* Is the share of @budget in @period at most that of @limit, which may have none? */
static bool share_within(uint64_t budget, uint64_t period, const struct sched *limit)
{
	if (!limit->budget)
		return true;
	return budget && (unsigned __int128)budget * limit->period <= (unsigned __int128)limit->budget * period;
}

/* sched_create: arg0 = selector, arg1 = source, arg2 = CPU, arg3 = priority, arg4 = budget, arg5 = period, both in ticks. */
enum tv_err hc_sched_create(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 0), cpu = frame_arg(f, 2), priority = frame_arg(f, 3);
	uint64_t budget = frame_arg(f, 4), period = frame_arg(f, 5);
	struct cap *source;
	struct sched *s;
	void *memory;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 1), TV_CAP_SCHED, TV_RIGHT_CONTROL, &source);

	if (err)
		return err;
	if (cpu >= cpu_count() || priority > cap_sched(source)->priority)
		return TV_EINVAL;
	if (budget > period || period > SCHED_MAX_PERIOD || (!budget && period))
		return TV_EINVAL;
	if (budget && budget < time_hz() / REFILL_MIN_HZ)
		return TV_EINVAL;
	if (!share_within(budget, period, cap_sched(source)))
		return TV_EINVAL;
	err = object_prepare(t->domain, sel, sizeof(*s), &memory);
	if (err)
		return err;
	s = memory;
	sched_setup(s, (uint32_t)cpu, (uint8_t)priority, budget, period);
	object_publish(&s->object, t->domain, sel, TV_CAP_SCHED, source);
	return TV_OK;
}

/* sched_bind: arg0 = scheduling context, arg1 = thread (0: none). */
enum tv_err hc_sched_bind(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 1);
	struct cap *c, *thread_cap;
	struct thread *n;
	struct sched *s;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SCHED, TV_RIGHT_CONTROL, &c);

	if (err)
		return err;
	s = cap_sched(c);
	if (sel == 0) {
		sched_unbind(s);
		return TV_OK;
	}
	err = cap_get(&t->domain->table, sel, TV_CAP_THREAD, TV_RIGHT_CONTROL, &thread_cap);
	if (err)
		return err;
	n = cap_thread(thread_cap);
	if (s->owner == n)
		return TV_OK;
	if (s->owner || s->runs || n->own)
		return TV_EBUSY;
	sched_bind(s, n);
	return TV_OK;
}

/* sched_info: arg0 = scheduling context -> word 0 = ticks consumed, words 1 to 4 = priority, CPU, budget, period. */
enum tv_err hc_sched_info(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	struct sched *s;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SCHED, TV_RIGHT_READ, &c);

	if (err)
		return err;
	s = cap_sched(c);
	if (s->state == SCHED_RUNNING)
		sched_charge(cpu_self());
	frame_set_word(f, 0, s->consumed);
	frame_set_word(f, 1, s->priority);
	frame_set_word(f, 2, s->cpu);
	frame_set_word(f, 3, s->budget);
	frame_set_word(f, 4, s->period);
	return TV_OK;
}
