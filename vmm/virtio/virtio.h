/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device as a PCI function: what all of them have in common.
 * Virtual I/O Device (VIRTIO) specification, "Basic Facilities of a Virtio Device" and "Virtio Over PCI Bus".
 *
 *	virtio.c       life of a device: status, features, queues, interrupts
 *	virtio_pci.c   its registers and capabilities
 *	rng.c blk.c    one device type each: struct virtio_type
 *
 * All of it runs under the device lock.  A driver that breaks the rules gets DEVICE_NEEDS_RESET; nothing happens on such a device until
 * the driver resets it.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <dev/msix.h>
#include <dev/pci.h>
#include <lib/base.h>
#include <virtio/vq.h>

#define VIRTIO_QUEUES		16u
#define VIRTIO_NO_VECTOR	0xffffu
#define VIRTIO_ROWS		40u
#define VIRTIO_ALL		UINT32_MAX	/* instead of the number of a queue */

/* "Device Status Field" */
#define VIRTIO_ACKNOWLEDGE	0x01u
#define VIRTIO_DRIVER		0x02u
#define VIRTIO_DRIVER_OK	0x04u
#define VIRTIO_FEATURES_OK	0x08u
#define VIRTIO_NEEDS_RESET	0x40u
#define VIRTIO_FAILED		0x80u

/* "Reserved Feature Bits" */
#define VF_INDIRECT	BIT(28)
#define VF_EVENT_IDX	BIT(29)
#define VF_VERSION_1	BIT(32)
#define VF_PLATFORM	BIT(33)
#define VF_PACKED		BIT(34)
#define VF_RING_RESET	BIT(40)
#define VF_COMMON		(VF_INDIRECT | VF_EVENT_IDX | VF_VERSION_1 | VF_PLATFORM | \
				 VF_PACKED | VF_RING_RESET)

enum virtio_id {
	VIRTIO_ID_NET = 1, VIRTIO_ID_BLK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4, VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_VSOCK = 19,
};

struct virtio;

/* What makes a device type. */
struct virtio_type {
	const char *name;
	uint16_t id;			/* enum virtio_id                                     */
	uint32_t class;			/* PCI class code << 8                                */
	/* There may be buffers in queue @q; the device runs (DRIVER_OK).  Also called when it begins to run. */
	void (*notify)(struct virtio *v, unsigned q);
	/* Its configuration space; NULL: there is none.  Any @off, @size 1, 2 or 4: beyond its end reads 0 and drops. */
	uint64_t (*config_read)(struct virtio *v, uint64_t off, unsigned size);
	void (*config_write)(struct virtio *v, uint64_t off, unsigned size, uint64_t val);
	/*
	 * Forget what was popped from queue @q, or from all (VIRTIO_ALL).  False: guest memory is still in use for that;
	 * virtio_stopped() must follow.  NULL: nothing is ever kept.
	 */
	bool (*stop)(struct virtio *v, uint32_t q);
};

struct virtio {
	/* set by the device before virtio_init() */
	const struct virtio_type *type;
	uint64_t offered;		/* features of the type; those of all devices are added */
	unsigned queue_count;
	uint16_t queue_max[VIRTIO_QUEUES];	/* entries; 0: VQ_SIZE_MAX */
	/* the device's own business */
	struct pci_func func;
	struct pci_row rows[VIRTIO_ROWS];
	struct msix msix;
	const struct gmem *mem;
	struct vq queue[VIRTIO_QUEUES];
	uint16_t vector[VIRTIO_QUEUES];
	uint16_t config_vector;
	uint64_t accepted;
	uint32_t feature_select, driver_feature_select;
	uint16_t queue_select;
	uint8_t status, isr, generation;
	uint32_t stopping;		/* queues whose reset waits for virtio_stopped() */
	bool resetting;			/* so does that of the device                    */
};

/* Put the device on the bus as function 0 of device @slot.  False: the slot is taken, or there is no room for its BARs. */
bool virtio_init(struct virtio *v, struct pci *pci, const struct gmem *mem, unsigned slot) MUST_USE;

/* Make it what @state, a struct virtio out of a record, says.  False: impossible. */
bool virtio_restore(void *dev, const void *state) MUST_USE;

/* Has the driver finished, and is nothing wrong? */
static inline bool virtio_runs(const struct virtio *v)
{
	return (v->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK && !v->resetting;
}
static inline bool virtio_has(const struct virtio *v, uint64_t feature) { return v->accepted & feature; }

/* vq_pop() of queue @q; a broken one breaks the device and counts as empty. */
bool virtio_pop(struct virtio *v, unsigned q, struct vq_chain *c) MUST_USE;
/* The queue was empty: ask for the next notification.  True: there is a buffer already, which nobody will notify of. */
bool virtio_more(struct virtio *v, unsigned q) MUST_USE;
/* vq_push(), and after the last one of a batch the interrupt, if the driver wants it. */
void virtio_push(struct virtio *v, unsigned q, const struct vq_chain *c, uint32_t written);
void virtio_interrupt(struct virtio *v, unsigned q);
/* The configuration space has changed. */
void virtio_config_changed(struct virtio *v);
/* The driver broke the rules. */
void virtio_broken(struct virtio *v);
/* What virtio_type.stop() could not stop at once has ended. */
void virtio_stopped(struct virtio *v, uint32_t q);

/* --- virtio.c for virtio_pci.c --- */

/* Everything as after a reset; PCI registers stay. */
void virtio_status_write(struct virtio *v, uint8_t status);
void virtio_queue_enable(struct virtio *v, unsigned q);
void virtio_queue_reset(struct virtio *v, unsigned q);
void virtio_kick(struct virtio *v, unsigned q);
void virtio_kick_all(struct virtio *v);

/* --- virtio_pci.c for virtio.c --- */

bool virtio_pci_init(struct virtio *v, struct pci *pci, unsigned slot) MUST_USE;
/* Interrupt with @vector, or by INTx with bits @isr. */
void virtio_pci_interrupt(struct virtio *v, uint16_t vector, uint8_t isr);
#define VIRTIO_ISR_QUEUE	1u
#define VIRTIO_ISR_CONFIG	2u
/* ISR and INTx as after a reset. */
void virtio_pci_reset(struct virtio *v);

#endif
