/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console of the guest that takes whole lines instead of single bytes: /dev/hvc0 in Linux.
 * Virtual I/O Device (VIRTIO) specification, "Console Device"; one port.
 */
#ifndef VIRTIO_HVC_H
#define VIRTIO_HVC_H

#include <virtio/virtio.h>

struct hvc;

/* Where its bytes go. */
struct hvc_ops {
	/* Take up to @len bytes of output; returns how many there was room for.  If not all, hvc_room() must follow. */
	uint32_t (*put)(void *arg, const void *bytes, uint32_t len);
	/* The guest has lent a buffer for input.  Called from inside the device: hvc_input() must wait until it has returned. */
	void (*lent)(void *arg);
};

struct hvc {
	struct virtio virtio;
	const struct hvc_ops *ops;
	void *arg;
	struct vq_chain out, in;
	uint32_t out_at, in_at;
	bool out_held, in_held;		/* popped and not pushed yet */
};

enum hvc_took { HVC_NOT_USED, HVC_FULL, HVC_TOOK };

bool hvc_init(struct hvc *h, struct pci *pci, const struct gmem *mem, unsigned slot, const struct hvc_ops *ops, void *arg) MUST_USE;
/* One byte of input; HVC_NOT_USED: the guest has no driver for it.  After the last one: hvc_input_done(). */
enum hvc_took hvc_input(struct hvc *h, uint8_t byte);
void hvc_input_done(struct hvc *h);
/* There is room for output again. */
void hvc_room(struct hvc *h);

#endif
