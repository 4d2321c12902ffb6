/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of what a VM uses and does. */
#include "sample.h"

#include <rt/sys.h>
#include <rt/time.h>

#include "vms.h"

void sample_request(struct vm *v)
{
	if (v->phase == VM_RUNNING)
		vm_beat(v);
}

static uint64_t word(const _Atomic uint64_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

void sample_take(const struct vm *v, struct sample *s)
{
	*s = (struct sample){ .tsc = clock_now(), .start = v->starts };
	if (v->phase != VM_RUNNING)
		return;
	s->cpus = v->child.thread_count;
	for (unsigned i = 0; i < s->cpus; i++) {
		const struct vm_cpu_status *status = &v->shared->status.cpu[i];
		struct sample_cpu *c = &s->cpu[i];
		struct sys_sched_info info;

		if (sys_sched_info(child_sched_sel(&v->child, i), &info) == TV_OK)
			c->run = info.consumed;
		c->halt = word(&status->halted);
		c->interrupts = word(&status->injected);
		for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
			c->exits[kind] = word(&status->exits[kind]);
	}
}

static uint64_t moved(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

void sample_between(const struct sample *from, const struct sample *to, struct sample *d)
{
	static const struct sample_cpu none;
	bool same = from->start == to->start;

	*d = *to;
	d->tsc = moved(from->tsc, to->tsc);
	for (unsigned i = 0; i < to->cpus; i++) {
		const struct sample_cpu *a = same && i < from->cpus ? &from->cpu[i] : &none, *b = &to->cpu[i];
		struct sample_cpu *c = &d->cpu[i];

		c->run = min_u64(moved(a->run, b->run), d->tsc);
		c->halt = min_u64(moved(a->halt, b->halt), d->tsc - c->run);
		c->steal = d->tsc - c->run - c->halt;
		c->interrupts = moved(a->interrupts, b->interrupts);
		for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
			c->exits[kind] = moved(a->exits[kind], b->exits[kind]);
	}
}

struct sample_cpu sample_sum(const struct sample *s)
{
	struct sample_cpu sum = { .run = 0 };

	for (unsigned i = 0; i < s->cpus; i++) {
		const struct sample_cpu *c = &s->cpu[i];

		sum.run += c->run;
		sum.halt += c->halt;
		sum.steal += c->steal;
		sum.interrupts += c->interrupts;
		for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
			sum.exits[kind] += c->exits[kind];
	}
	return sum;
}

uint64_t sample_exits(const struct sample_cpu *c)
{
	uint64_t sum = 0;

	for (unsigned kind = 0; kind < TV_EXIT_KINDS; kind++)
		sum += c->exits[kind];
	return sum;
}

uint64_t sample_permille(uint64_t part, uint64_t ticks)
{
	return ticks ? part / (ticks / 1000 + 1) : 0;
}

uint64_t sample_per_second(uint64_t count, uint64_t ticks, uint64_t hz)
{
	uint64_t ms = ticks / (hz / 1000);

	return ms ? min_u64(count, UINT64_MAX / 1000) * 1000 / ms : 0;
}
