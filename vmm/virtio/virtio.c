/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a virtio device: status, features, queues, interrupts. */
#include <virtio/virtio.h>

#include <dev/pci_cfg.h>

#include "record.h"

static void queue_clear(struct virtio *v, unsigned q)
{
	vq_reset(&v->queue[q]);
	v->queue[q].size = v->queue_max[q];
	v->vector[q] = VIRTIO_NO_VECTOR;
}

static void clear(struct virtio *v)
{
	v->accepted = 0;
	v->feature_select = v->driver_feature_select = 0;
	v->queue_select = 0;
	v->config_vector = VIRTIO_NO_VECTOR;
	v->status = 0;
	v->stopping = 0;
	v->resetting = false;
	for (unsigned q = 0; q < v->queue_count; q++)
		queue_clear(v, q);
	virtio_pci_reset(v);
}

bool virtio_init(struct virtio *v, struct pci *pci, const struct gmem *mem, unsigned slot)
{
	v->mem = mem;
	v->offered |= VF_COMMON;
	for (unsigned q = 0; q < v->queue_count; q++) {
		v->queue[q].mem = mem;
		if (!v->queue_max[q])
			v->queue_max[q] = VQ_SIZE_MAX;
	}
	if (!virtio_pci_init(v, pci, slot))
		return false;
	clear(v);
	return true;
}

/* --- status ---------------------------------------------------------------------------------------------------------- */

/* "Device Reset": the status reads 0 when guest memory is not in use any more. */
static void reset(struct virtio *v)
{
	if (v->resetting)
		return;
	v->resetting = true;
	if (!v->type->stop || v->type->stop(v, VIRTIO_ALL))
		clear(v);
}

static bool features_acceptable(const struct virtio *v)
{
	return !(v->accepted & ~v->offered) && virtio_has(v, VF_VERSION_1);
}

void virtio_status_write(struct virtio *v, uint8_t status)
{
	uint8_t set = status & (uint8_t)~v->status;

	if (!status) {
		reset(v);
		return;
	}
	if (v->resetting)
		return;
	v->status |= set & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
	if (set & VIRTIO_FEATURES_OK && features_acceptable(v))
		v->status |= VIRTIO_FEATURES_OK;
	/* DRIVER_OK without FEATURES_OK: the driver has not looked whether its features were accepted. */
	if (set & VIRTIO_DRIVER_OK && v->status & VIRTIO_FEATURES_OK) {
		v->status |= VIRTIO_DRIVER_OK;
		virtio_kick_all(v);
	}
}

void virtio_broken(struct virtio *v)
{
	if (v->status & VIRTIO_NEEDS_RESET || v->resetting)
		return;
	v->status |= VIRTIO_NEEDS_RESET;
	if (v->status & VIRTIO_DRIVER_OK)
		virtio_config_changed(v);
}

/* --- queues ---------------------------------------------------------------------------------------------------------- */

/* Addresses and size do not change any more until a reset. */
void virtio_queue_enable(struct virtio *v, unsigned q)
{
	struct vq *vq = &v->queue[q];

	if (vq->enabled || v->stopping & 1u << q || !(v->status & VIRTIO_FEATURES_OK))
		return;
	vq->packed = virtio_has(v, VF_PACKED);
	vq->event_idx = virtio_has(v, VF_EVENT_IDX);
	vq->indirect = virtio_has(v, VF_INDIRECT);
	if (!vq_enable(vq))
		virtio_broken(v);
}

/* "Virtqueue Reset": queue_reset reads 1 until guest memory is not in use any more. */
void virtio_queue_reset(struct virtio *v, unsigned q)
{
	if (!virtio_has(v, VF_RING_RESET) || v->stopping & 1u << q || v->resetting || !v->queue[q].enabled)
		return;
	v->stopping |= 1u << q;
	v->queue[q].enabled = false;
	if (!v->type->stop || v->type->stop(v, q))
		virtio_stopped(v, q);
}

void virtio_stopped(struct virtio *v, uint32_t q)
{
	if (q == VIRTIO_ALL) {
		if (v->resetting)
			clear(v);
	} else if (v->stopping & 1u << q && !v->resetting) {
		v->stopping &= ~(1u << q);
		queue_clear(v, q);
	}
}

void virtio_kick(struct virtio *v, unsigned q)
{
	/* What is done for a notification accesses guest memory, for which the function must be a bus master. */
	if (q < v->queue_count && v->queue[q].enabled && virtio_runs(v) &&
	    pci_cfg_read(&v->func, PCI_COMMAND, 2) & PCI_COMMAND_MASTER)
		v->type->notify(v, q);
}

void virtio_kick_all(struct virtio *v)
{
	for (unsigned q = 0; q < v->queue_count; q++)
		virtio_kick(v, q);
}

bool virtio_pop(struct virtio *v, unsigned q, struct vq_chain *c)
{
	enum vq_got got;

	if (!virtio_runs(v))
		return false;
	got = vq_pop(&v->queue[q], c);
	if (got == VQ_BROKEN)
		virtio_broken(v);
	return got == VQ_CHAIN;
}

bool virtio_more(struct virtio *v, unsigned q)
{
	return virtio_runs(v) && !vq_listen(&v->queue[q]);
}

void virtio_push(struct virtio *v, unsigned q, const struct vq_chain *c, uint32_t written)
{
	vq_push(&v->queue[q], c->id, c->slots, written);
}

void virtio_interrupt(struct virtio *v, unsigned q)
{
	if (vq_wants_interrupt(&v->queue[q]))
		virtio_pci_interrupt(v, v->vector[q], VIRTIO_ISR_QUEUE);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (v->status & VIRTIO_DRIVER_OK)
		virtio_pci_interrupt(v, v->config_vector, VIRTIO_ISR_CONFIG);
}

/* --- another monitor goes on ----------------------------------------------------------------------------------------- */

#define STATUS_ALL	(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_NEEDS_RESET | VIRTIO_FAILED)

bool virtio_restore(void *dev, const void *state)
{
	const struct virtio *s = state;
	struct virtio *v = dev;

	if (s->accepted & ~v->offered || s->stopping || record_bool(&s->resetting))
		return false;
	pci_cfg_restore(&v->func, s->func.cfg);
	v->accepted = s->accepted;
	v->feature_select = s->feature_select;
	v->driver_feature_select = s->driver_feature_select;
	v->queue_select = s->queue_select;
	v->config_vector = s->config_vector;
	v->status = s->status & STATUS_ALL;
	v->generation = s->generation;
	for (unsigned q = 0; q < v->queue_count; q++) {
		v->vector[q] = s->vector[q];
		if (!vq_restore(&v->queue[q], &s->queue[q]))
			return false;
	}
	msix_restore(&v->msix, &s->msix);
	if (s->isr)
		virtio_pci_interrupt(v, VIRTIO_NO_VECTOR, s->isr & (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG));
	virtio_kick_all(v);
	for (unsigned q = 0; q < v->queue_count && virtio_runs(v); q++)
		virtio_interrupt(v, q);
	return true;
}
