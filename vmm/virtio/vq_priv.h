/* SPDX-License-Identifier: Apache-2.0 */
/* What vq.c and the two kinds of ring share. */
#ifndef VIRTIO_VQ_PRIV_H
#define VIRTIO_VQ_PRIV_H

#include <virtio/vq.h>

/*
 * A descriptor, each half read once: the second half first, because of the flags of packed rings.  Indirect tables need not be
 * aligned.
 */
static inline struct vq_desc vq_desc_read(const struct vq_desc *d)
{
	typedef const volatile uint64_t __attribute__((aligned(1), may_alias)) half_t;
	half_t *from = (half_t *)(const void *)d;
	struct vq_desc v;
	uint64_t half[2];

	half[1] = from[1];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	half[0] = from[0];
	__builtin_memcpy(&v, half, sizeof(v));
	return v;
}

/* "Used Buffer Notification Suppression": did the index pass @event on its way from @before to @now? */
static inline bool vq_passed(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* Add the piece that @d describes; @write: the device writes it.  False: it must not be there. */
bool vq_add(const struct vq *q, struct vq_chain *c, const struct vq_desc *d, bool write) MUST_USE;
/* The table that @d points to; *@count entries.  NULL: it is not in guest memory, or no table. */
const struct vq_desc *vq_table(const struct vq *q, const struct vq_desc *d, uint32_t *count) MUST_USE;

enum vq_got vq_split_pop(struct vq *q, struct vq_chain *c) MUST_USE;
void vq_split_push(struct vq *q, const struct vq_returned *r, unsigned n);
bool vq_split_wants_interrupt(struct vq *q) MUST_USE;
void vq_split_mute(struct vq *q);
bool vq_split_listen(struct vq *q) MUST_USE;

enum vq_got vq_packed_pop(struct vq *q, struct vq_chain *c) MUST_USE;
void vq_packed_push(struct vq *q, const struct vq_returned *r, unsigned n);
bool vq_packed_wants_interrupt(struct vq *q) MUST_USE;
void vq_packed_mute(struct vq *q);
bool vq_packed_listen(struct vq *q) MUST_USE;

#endif
