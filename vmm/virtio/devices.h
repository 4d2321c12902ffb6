/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of a VM: which there are, in which PCI slots, and what they stand on. */
#ifndef VIRTIO_DEVICES_H
#define VIRTIO_DEVICES_H

#include <virtio/rng.h>

struct vm;
struct vm_setup;

/* PCI slots; 0 is the host bridge and 31 the ISA bridge of the DSDT. */
enum { SLOT_RNG = 1, SLOT_FIRST = 2 };

struct vm_virtio {
	struct rng rng;
};

/* Make the devices that @setup asks for.  False, after vm_stop(): one of them cannot be made. */
bool vm_virtio_init(struct vm *vm, const struct vm_setup *setup) MUST_USE;

#endif
