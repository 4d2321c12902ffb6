/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual clock: see pvclock.h. */
#include "pvclock.h"

#include <rt/time.h>

#include "vcpu.h"
#include "vm.h"

#define ENABLED		BIT(0)		/* of MSR_PV_SYSTEM_TIME */
#define FLAG_STABLE	1u		/* the same on all CPUs: no need to compare them */
#define NS		1000000000ull

/* What the guest reads; @version is odd while it changes. */
struct system_time {
	uint32_t version, pad0;
	uint64_t tsc;			/* guest TSC at which ... */
	uint64_t ns;			/* ... this was the time since the VM's start */
	uint32_t mult;			/* ns = ((tsc << shift) * mult) >> 32 */
	int8_t shift;
	uint8_t flags, pad1[2];
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct system_time) == 32, "KVM-specific MSRs");

struct wall_clock {
	uint32_t version, sec, nsec;	/* at system time 0 */
};
_Static_assert(sizeof(struct wall_clock) == 12, "KVM-specific MSRs");

/* A factor of at least 2^31 and the shift that goes with it, from ticks of @hz to nanoseconds. */
static void tsc_scale(uint64_t hz, uint32_t *mult, int8_t *shift)
{
	int8_t s = 0;

	for (; hz > NS * 2; s--)
		hz >>= 1;
	for (; hz <= NS; s++)
		hz <<= 1;
	*mult = (uint32_t)((NS << 32) / hz);
	*shift = s;
}

/* System time counts from the VM's start, as a host TSC, on every CPU. */
static uint64_t system_ns(const struct vm *vm, uint64_t now)
{
	return clock_ticks(&vm->ns, now) - clock_ticks(&vm->ns, vm->start.tsc);
}

void pvclock_update(struct vcpu *v)
{
	struct system_time *t = gmem_at(&v->vm->mem, (gpa_t){ v->msr.pv_system_time & ~ENABLED }, sizeof(*t), true);
	uint64_t now = clock_now();
	uint32_t version;

	if (!(v->msr.pv_system_time & ENABLED) || !t)
		return;
	version = (*(volatile uint32_t *)&t->version | 1) + 2;
	*(volatile uint32_t *)&t->version = version;
	atomic_thread_fence(memory_order_seq_cst);
	t->tsc = now + v->msr.tsc_offset;
	t->ns = system_ns(v->vm, now);
	tsc_scale(v->vm->tsc_hz, &t->mult, &t->shift);
	t->flags = FLAG_STABLE;
	atomic_thread_fence(memory_order_seq_cst);
	*(volatile uint32_t *)&t->version = version + 1;
}

static bool wall_clock_write(const struct vm *vm, uint64_t gpa)
{
	const struct wall_clock w = { .version = 2, .sec = (uint32_t)vm->start.time };

	return gmem_write(&vm->mem, (gpa_t){ gpa }, &w, sizeof(w));
}

enum msr_result pvclock_get(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	*val = msr == MSR_PV_SYSTEM_TIME ? v->msr.pv_system_time : v->msr.pv_wall_clock;
	return v->vm->cpuid.paravirt == VM_PARAVIRT_KVM ? MSR_OK : MSR_FAULT;
}

enum msr_result pvclock_set(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (v->vm->cpuid.paravirt != VM_PARAVIRT_KVM)
		return MSR_FAULT;
	if (msr == MSR_PV_WALL_CLOCK) {
		if (val % sizeof(uint32_t) || (val && !wall_clock_write(v->vm, val)))
			return MSR_FAULT;
		v->msr.pv_wall_clock = val;
		return MSR_OK;
	}
	/* The structure must not leave its page: memory behind it could be another device's, or none. */
	if (val & ENABLED && ((val & ~ENABLED) % sizeof(uint32_t) ||
			      !gmem_at(&v->vm->mem, (gpa_t){ val & ~ENABLED }, sizeof(struct system_time), true)))
		return MSR_FAULT;
	v->msr.pv_system_time = val;
	pvclock_update(v);
	return MSR_OK;
}
