/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls of guests: see pvcall.h. */
#include "pvcall.h"

#include <stdatomic.h>

#include "upcall.h"
#include "vcpu.h"
#include "vm.h"

/* As with any wake-up: the flag first, then the signal.  It stays until a HLT takes it. */
static uint64_t kick(struct vm *vm, uint64_t apic_id)
{
	for (unsigned i = 0; i < vm->cpu_count; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (v->lapic.s.id != apic_id)
			continue;
		atomic_store(&v->s.unhalt, 1);
		vcpu_notify(v);
	}
	return 0;
}

uint64_t pvcall(struct vcpu *v, uint64_t number, uint64_t arg0, uint64_t arg1)
{
	(void)arg0;			/* flags of PVCALL_KICK, of which there are none */
	if (v->page->cpl)
		return PVCALL_EPERM;
	return number == PVCALL_KICK ? kick(v->vm, arg1) : PVCALL_ENOSYS;
}
