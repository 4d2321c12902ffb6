/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steal time: see steal.h.  It is what is left of the time since the guest asked, when the thread's own CPU time (which the
 * kernel counts) and the time that the guest slept are taken away.
 */
#include "steal.h"

#include <rt/sys.h>
#include <rt/time.h>

#include "vcpu.h"
#include "vm.h"

#define ENABLED		BIT(0)		/* of MSR_PV_STEAL_TIME */
#define RESERVED	MASK(5, 1)
#define UPDATE_HZ	1000u		/* at most so often: Linux looks with each tick of its own */

/* What the guest reads; @version is odd while it changes. */
struct steal_time {
	uint64_t ns;
	uint32_t version, flags;
	uint8_t preempted, pad0[3];
	uint32_t pad1[11];
};
_Static_assert(sizeof(struct steal_time) == 64, "KVM-specific MSRs");

static uint64_t consumed(const struct vcpu *v)
{
	struct sys_sched_info info;

	return sys_sched_info(v->sched, &info) == TV_OK ? info.consumed : 0;
}

static void begin(struct vcpu *v, uint64_t now)
{
	v->steal = (struct steal){ .since = now, .consumed = consumed(v), .halted = v->trace.halted, .updated = now };
}

/* Add @ns to what stands in the guest's page: it also counts what another monitor found before this one. */
static void tell(struct vcpu *v, uint64_t ns)
{
	struct steal_time *t = gmem_at(&v->vm->mem, (gpa_t){ v->msr.pv_steal_time & ~ENABLED }, sizeof(*t), true);
	uint32_t version;

	if (!t)
		return;
	version = (__atomic_load_n(&t->version, __ATOMIC_RELAXED) | 1) + 2;
	__atomic_store_n(&t->version, version, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&t->ns, __atomic_load_n(&t->ns, __ATOMIC_RELAXED) + ns, __ATOMIC_RELAXED);
	__atomic_store_n(&t->version, version + 1, __ATOMIC_RELEASE);
}

/* The counts are not taken at one instant: if they say less than before, nothing is told. */
static void measure(struct vcpu *v, uint64_t now)
{
	const struct clock_rate *ns = &v->vm->ns;
	struct steal *s = &v->steal;
	uint64_t used = consumed(v) - s->consumed + v->trace.halted - s->halted, all = now - s->since;

	s->updated = now;
	if (all <= used || all - used <= s->told)
		return;
	tell(v, clock_ticks(ns, all - used) - clock_ticks(ns, s->told));
	s->told = all - used;
}

void steal_update(struct vcpu *v, uint64_t now)
{
	if (likely(!v->msr.pv_steal_time) || now - v->steal.updated < v->vm->tsc_hz / UPDATE_HZ)
		return;
	if (v->steal.since)
		measure(v, now);
	else
		begin(v, now);
}

enum msr_result steal_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = v->msr.pv_steal_time;
	return v->vm->cpuid.paravirt == VM_PARAVIRT_KVM ? MSR_OK : MSR_FAULT;
}

enum msr_result steal_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	if (v->vm->cpuid.paravirt != VM_PARAVIRT_KVM || val & RESERVED ||
	    (val & ENABLED && !gmem_at(&v->vm->mem, (gpa_t){ val & ~ENABLED }, sizeof(struct steal_time), true)))
		return MSR_FAULT;
	v->msr.pv_steal_time = val & ENABLED ? val : 0;
	begin(v, clock_now());
	return MSR_OK;
}
