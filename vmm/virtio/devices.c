/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of a VM: see devices.h. */
#include <virtio/devices.h>

#include "vm.h"

#define CPUID_1_ECX_RDRAND	BIT(30)
#define RDRAND_TRIES		10u	/* SDM, "Methods for Retrieving RDRAND Numbers": fails that often in a row only when broken */

/* The CPU's own generator, which is as good as what the host itself would use. */
static bool rdrand(uint64_t *word)
{
	bool ok = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
	return ok;
}

bool vm_virtio_init(struct vm *vm, const struct vm_setup *setup)
{
	struct vm_virtio *x = &vm->virtio;

	/* Without a source that deserves the name there is no such device. */
	if (setup->host_cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND &&
	    !rng_init(&x->rng, &vm->board.pci, &vm->mem, SLOT_RNG, rdrand)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for the entropy device");
		return false;
	}
	return true;
}
