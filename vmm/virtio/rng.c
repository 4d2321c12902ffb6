/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy device: see rng.h. */
#include <virtio/rng.h>

#define CLASS_OTHER	0xff000000u
#define FILL_MAX	4096u		/* bytes for one buffer: the device lock is held */

/* How much of the chain's writable part could be filled. */
static uint32_t fill(struct rng *r)
{
	uint32_t want = r->chain.in_len < FILL_MAX ? r->chain.in_len : FILL_MAX, done = 0;
	uint64_t word;

	while (done < want && r->source(&word)) {
		uint32_t len = want - done < sizeof(word) ? want - done : (uint32_t)sizeof(word);

		done += vq_copy_in(&r->chain, done, &word, len);
	}
	return done;
}

static void notify(struct virtio *v, unsigned q)
{
	struct rng *r = container_of(v, struct rng, virtio);

	do {
		while (virtio_pop(v, q, &r->chain)) {
			uint32_t len = fill(r);

			/* "The device MUST place one or more random bytes": a buffer without room for one is wrong. */
			if (!len) {
				virtio_broken(v);
				return;
			}
			virtio_push(v, q, &r->chain, len);
		}
	} while (virtio_more(v, q));
	virtio_interrupt(v, q);
}

static const struct virtio_type rng_type = { .name = "virtio-rng", .id = VIRTIO_ID_RNG, .class = CLASS_OTHER, .notify = notify };

bool rng_init(struct rng *r, struct pci *pci, const struct gmem *mem, unsigned slot, rng_source *source)
{
	*r = (struct rng){ .source = source, .virtio = { .type = &rng_type, .queue_count = 1 } };
	return virtio_init(&r->virtio, pci, mem, slot);
}
