/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of queues.  NVM Express Base Specification, "Submission Queue & Completion Queue Definition", "Phase Tag". */
#include "nvme.h"

bool nvme_queue_begin(struct nvme_queue *q, struct driver *d, unsigned depth)
{
	*q = (struct nvme_queue){ .depth = (uint16_t)depth, .phase = true };
	q->submission = dma_alloc(d, depth * sizeof(struct nvme_command), NVME_PAGE, &q->submission_addr);
	q->completion = dma_alloc(d, depth * sizeof(struct nvme_completion), NVME_PAGE, &q->completion_addr);
	return q->submission && q->completion;
}

/* A full ring looks like an empty one, so one entry stays free. */
unsigned nvme_queue_room(const struct nvme_queue *q)
{
	return q->depth - 1u - q->under_way;
}

void nvme_queue_put(struct nvme_queue *q, const struct nvme_command *c)
{
	q->submission[q->tail] = *c;
	q->tail = (uint16_t)((q->tail + 1) % q->depth);
	q->under_way++;
}

void nvme_queue_tell(struct nvme_queue *q)
{
	if (q->told == q->tail)
		return;
	q->told = q->tail;
	/* The commands must be in memory before the controller is told. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*q->submission_bell = q->tail;
}

bool nvme_queue_take(struct nvme_queue *q, uint16_t *id, uint16_t *status)
{
	uint16_t word = q->completion[q->head].status;

	if ((word & 1) != q->phase || !q->under_way)
		return false;
	/* The phase tells that the rest is there. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*id = q->completion[q->head].id;
	*status = word >> 1;
	q->head = (uint16_t)((q->head + 1) % q->depth);
	if (!q->head)
		q->phase = !q->phase;
	q->under_way--;
	*q->completion_bell = q->head;
	return true;
}
