/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls on scheduling contexts. */
#include <arch/time.h>
#include <kernel/cpu.h>
#include <kernel/cross.h>
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

/* Is so much of CPU @cpu not promised to anybody?  If not, words 0 and 1 are what is promised and what was asked for. */
static bool admit(struct user_frame *f, uint64_t cpu, uint64_t share)
{
	uint64_t promised = cpu_area[cpu]->promised;

	if (share <= TV_SCHED_WHOLE - promised)
		return true;
	frame_set_word(f, 0, promised);
	frame_set_word(f, 1, share);
	return false;
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
	if (!admit(f, cpu, sched_share(budget, period))) {
		object_abandon(t->domain, sel, memory, sizeof(*s));
		return TV_EBUSY;
	}
	s = memory;
	sched_setup(s, (uint32_t)cpu, (uint8_t)priority, budget, period);
	object_publish(&s->object, t->domain, sel, TV_CAP_SCHED, source);
	return TV_OK;
}

struct binding {
	struct sched *sched;
	struct thread *thread;
	enum tv_err err;
};

/* On the CPU of the context; its thread is one of that CPU. */
static void bind(void *arg)
{
	struct binding *b = arg;

	b->err = b->sched->runs ? TV_EBUSY : TV_OK;
	if (!b->err)
		sched_bind(b->sched, b->thread);
}

static void unbind(void *s) { sched_unbind(s); }

/* sched_bind: arg0 = scheduling context, arg1 = thread (0: none). */
enum tv_err hc_sched_bind(struct thread *t, struct user_frame *f)
{
	uint64_t sel = frame_arg(f, 1);
	struct binding b = { .err = TV_OK };
	struct cap *c, *thread_cap;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SCHED, TV_RIGHT_CONTROL, &c);

	if (err)
		return err;
	b.sched = cap_sched(c);
	if (sel == 0) {
		cross_call(b.sched->cpu, unbind, b.sched);
		return TV_OK;
	}
	err = cap_get(&t->domain->table, sel, TV_CAP_THREAD, TV_RIGHT_CONTROL, &thread_cap);
	if (err)
		return err;
	b.thread = cap_thread(thread_cap);
	if (b.sched->owner == b.thread)
		return TV_OK;
	if (b.sched->owner || b.thread->own)
		return TV_EBUSY;
	err = thread_migrate(b.thread, b.sched->cpu);
	if (err)
		return err;
	cross_call(b.sched->cpu, bind, &b);
	return b.err;
}

/* What @s has consumed.  Another CPU may be running on it: then that CPU's account is read until it has not changed meanwhile. */
static uint64_t consumed(const struct sched *s)
{
	const struct cpu *c = cpu_area[s->cpu];
	uint64_t since, used, end;
	bool running;

	do {
		since = __atomic_load_n(&c->since, __ATOMIC_ACQUIRE);
		used = __atomic_load_n(&s->consumed, __ATOMIC_ACQUIRE);
		running = __atomic_load_n(&c->sched, __ATOMIC_ACQUIRE) == s;
		end = time_now();
	} while (since == TV_NEVER || since != __atomic_load_n(&c->since, __ATOMIC_ACQUIRE));
	return running && end > since ? used + (end - since) : used;
}

/* sched_info: arg0 = scheduling context -> word 0 = ticks consumed, words 1 to 4 = priority, CPU, budget, period. */
enum tv_err hc_sched_info(struct thread *t, struct user_frame *f)
{
	struct cap *c;
	const struct sched *s;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SCHED, TV_RIGHT_READ, &c);

	if (err)
		return err;
	s = cap_sched(c);
	frame_set_word(f, 0, consumed(s));
	frame_set_word(f, 1, s->priority);
	frame_set_word(f, 2, s->cpu);
	frame_set_word(f, 3, s->budget);
	frame_set_word(f, 4, s->period);
	return TV_OK;
}

/* cpu_info: arg0 = scheduling context -> words 0 to 4 = of its CPU: idle ticks, timer, device and message interrupts, switches. */
enum tv_err hc_cpu_info(struct thread *t, struct user_frame *f)
{
	const struct cpu_count *n;
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_SCHED, TV_RIGHT_READ, &c);

	if (err)
		return err;
	n = &cpu_area[cap_sched(c)->cpu]->count;
	frame_set_word(f, 0, READ_ONCE(n->idle));
	frame_set_word(f, 1, READ_ONCE(n->timer));
	frame_set_word(f, 2, READ_ONCE(n->device));
	frame_set_word(f, 3, READ_ONCE(n->message));
	frame_set_word(f, 4, READ_ONCE(n->switches));
	return TV_OK;
}
