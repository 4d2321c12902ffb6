/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy for the guest.  Virtual I/O Device (VIRTIO) specification, "Entropy Device". */
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include <virtio/virtio.h>

/* 64 random bits.  False: the source has none at the moment. */
typedef bool rng_source(uint64_t *word);

struct rng {
	struct virtio virtio;
	rng_source *source;
	struct vq_chain chain;
};

/* A device with @source, of which nobody else in the system can tell or influence what it delivers. */
bool rng_init(struct rng *r, struct pci *pci, const struct gmem *mem, unsigned slot, rng_source *source) MUST_USE;

#endif
