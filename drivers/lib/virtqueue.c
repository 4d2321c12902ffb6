/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split queue.  Virtual I/O Device (VIRTIO) specification, "Split Virtqueues". */
#include <drv/virtio.h>

#define DESC_NEXT	1u
#define DESC_WRITE	2u
#define RING_FLAGS	0u		/* words of both rings */
#define RING_INDEX	1u
#define RING_ENTRIES	2u
#define USED_NO_NOTIFY	1u

bool virtio_put(struct virtio_queue *q, const struct virtio_piece *piece, unsigned out, unsigned in, uint16_t *id)
{
	unsigned count = out + in;
	uint16_t head = q->free, at = head;

	if (!count || count > q->free_count)
		return false;
	for (unsigned i = 0; i < count; i++, at = q->next[at]) {
		bool more = i + 1 < count;

		q->desc[at] = (struct virtio_ring_desc){
			piece[i].addr, piece[i].len, (uint16_t)((i >= out ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0)),
			more ? q->next[at] : (uint16_t)0,
		};
	}
	q->free = at;
	q->free_count = (uint16_t)(q->free_count - count);
	q->chain[head] = (uint16_t)count;
	q->avail[RING_ENTRIES + q->avail_index % q->size] = head;
	q->avail_index++;
	/* The device must see descriptors and entry before the index that covers them. */
	__atomic_store_n(&q->avail[RING_INDEX], q->avail_index, __ATOMIC_RELEASE);
	*id = head;
	return true;
}

void virtio_tell(struct virtio_queue *q)
{
	if (q->told == q->avail_index)
		return;
	q->told = q->avail_index;
	/* The index first, then what the device wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(q->used[RING_FLAGS] & USED_NO_NOTIFY))
		*q->bell = q->index;
}

bool virtio_take(struct virtio_queue *q, uint16_t *id, uint32_t *len)
{
	const volatile struct virtio_ring_used *used = (const volatile struct virtio_ring_used *)(q->used + RING_ENTRIES);
	uint16_t tail;
	uint32_t head;

	*id = 0;
	if (__atomic_load_n(&q->used[RING_INDEX], __ATOMIC_ACQUIRE) == q->used_index)
		return false;
	head = used[q->used_index % q->size].id;
	*len = used[q->used_index % q->size].len;
	if (head >= q->size || !q->chain[head]) {
		*id = VIRTIO_QUEUE_MAX;
		return false;
	}
	q->used_index++;
	tail = (uint16_t)head;
	for (unsigned i = 1; i < q->chain[head]; i++)
		tail = q->next[tail];
	q->next[tail] = q->free;
	q->free = (uint16_t)head;
	q->free_count = (uint16_t)(q->free_count + q->chain[head]);
	q->chain[head] = 0;
	*id = (uint16_t)head;
	return true;
}
