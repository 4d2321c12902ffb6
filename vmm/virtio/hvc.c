/* SPDX-License-Identifier: Apache-2.0 */
/* Console device: see hvc.h. */
#include <virtio/hvc.h>

#define CLASS_SERIAL	0x07800000u
#define CHUNK		256u

enum { INPUT = 0, OUTPUT = 1 };

static void push(struct hvc *h, unsigned q, const struct vq_chain *c, bool *held, uint32_t written)
{
	*held = false;
	virtio_push(&h->virtio, q, c, written);
}

/* The buffer that is held, as far as there is room.  False: there is none left. */
static bool output(struct hvc *h)
{
	uint8_t bytes[CHUNK];
	uint32_t len, taken;

	while ((len = vq_copy_out(&h->out, h->out_at, bytes, CHUNK)) != 0) {
		taken = h->ops->put(h->arg, bytes, len);
		h->out_at += taken;
		if (taken < len)
			return false;
	}
	push(h, OUTPUT, &h->out, &h->out_held, 0);
	return true;
}

void hvc_room(struct hvc *h)
{
	struct virtio *v = &h->virtio;

	if (h->out_held && !output(h))
		return;
	do {
		while (virtio_pop(v, OUTPUT, &h->out)) {
			h->out_held = true;
			h->out_at = 0;
			if (!output(h))
				goto full;
		}
	} while (virtio_more(v, OUTPUT));
full:
	virtio_interrupt(v, OUTPUT);
}

enum hvc_took hvc_input(struct hvc *h, uint8_t byte)
{
	struct virtio *v = &h->virtio;

	if (!virtio_runs(v))
		return HVC_NOT_USED;
	if (!h->in_held) {
		/* The next notification is asked for while there is nothing. */
		while (!virtio_pop(v, INPUT, &h->in))
			if (!virtio_more(v, INPUT))
				return HVC_FULL;
		if (!h->in.in_len) {
			virtio_broken(v);
			return HVC_NOT_USED;
		}
		h->in_held = true;
		h->in_at = 0;
	}
	h->in_at += vq_copy_in(&h->in, h->in_at, &byte, 1);
	if (h->in_at == h->in.in_len)
		push(h, INPUT, &h->in, &h->in_held, h->in_at);
	return HVC_TOOK;
}

void hvc_input_done(struct hvc *h)
{
	if (h->in_held && h->in_at)
		push(h, INPUT, &h->in, &h->in_held, h->in_at);
	virtio_interrupt(&h->virtio, INPUT);
}

static void notify(struct virtio *v, unsigned q)
{
	struct hvc *h = container_of(v, struct hvc, virtio);

	if (q == OUTPUT)
		hvc_room(h);
	else
		h->ops->lent(h->arg);
}

static bool stop(struct virtio *v, uint32_t q)
{
	struct hvc *h = container_of(v, struct hvc, virtio);

	if (q == VIRTIO_ALL || q == OUTPUT)
		h->out_held = false;
	if (q == VIRTIO_ALL || q == INPUT)
		h->in_held = false;
	return true;
}

static const struct virtio_type hvc_type = {
	.name = "virtio-console", .id = VIRTIO_ID_CONSOLE, .class = CLASS_SERIAL, .notify = notify, .stop = stop,
};

bool hvc_init(struct hvc *h, struct pci *pci, const struct gmem *mem, unsigned slot, const struct hvc_ops *ops, void *arg)
{
	*h = (struct hvc){ .ops = ops, .arg = arg, .virtio = { .type = &hvc_type, .queue_count = 2 } };
	return virtio_init(&h->virtio, pci, mem, slot);
}
