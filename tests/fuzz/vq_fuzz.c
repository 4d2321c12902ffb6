/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c */
/* Virtqueues: whatever stands in the rings, and however it changes in between, a chain lies in guest memory. */
#include <virtio/vq.h>

#include <stdlib.h>
#include <string.h>

#define RAM	0x1000ull
#define SIZE	0x2000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *ram;		/* of its own: the sanitizer sees every byte beyond it */
static struct vq_chain c;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void chain_check(const struct vq *q)
{
	uint64_t out = 0, in = 0;

	require(c.out + c.in > 0 && c.out + c.in <= q->size && c.slots > 0 && c.slots <= q->size);
	for (unsigned i = 0; i < c.out + c.in; i++) {
		require(c.seg[i].len && c.seg[i].p >= ram && range_inside((uint64_t)(c.seg[i].p - ram), c.seg[i].len, SIZE));
		*(i < c.out ? &out : &in) += c.seg[i].len;
	}
	require(out == c.out_len && in == c.in_len);
}

/* One byte says what happens next. */
static void step(struct vq *q, uint8_t what)
{
	static const uint8_t answer[64] = "what a device writes comes from memory of its own";

	switch (what % 5) {
	case 0:
	case 1:
		if (vq_pop(q, &c) != VQ_CHAIN)
			break;
		chain_check(q);
		if (what % 5 == 0) {
			vq_copy_in(&c, what, answer, sizeof(answer));
			vq_push(q, c.id, c.slots, what);
		}
		break;
	case 2: (void)vq_wants_interrupt(q); break;
	case 3: vq_mute(q); break;
	default: (void)vq_listen(q); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem mem = { .count = 0 };
	struct vq q = { .mem = &mem };
	uint8_t setup[8];

	if (size < sizeof(setup))
		return 0;
	memcpy(setup, data, sizeof(setup));
	data += sizeof(setup);
	size -= sizeof(setup);
	ram = calloc(1, SIZE);
	require(gmem_add(&mem, (gpa_t){ RAM }, SIZE, ram, true));
	q.size = setup[0] & 0x80 ? setup[0] : (uint16_t)(1u << setup[0] % 8);
	q.packed = setup[1] & 1;
	q.event_idx = setup[1] & 2;
	q.indirect = setup[1] & 4;
	q.desc = RAM + setup[2] * 16u;
	q.driver = RAM + setup[3] * 32u + setup[4] % 8;
	q.device = RAM + setup[5] * 32u + setup[6] % 8;
	if (vq_enable(&q)) {
		/* What comes is, in turn, a step, and eight bytes that the driver writes somewhere. */
		for (size_t at = 0; at + 11 <= size; at += 11) {
			memcpy(ram + (data[at + 1] | data[at + 2] << 8) % (SIZE - 8), data + at + 3, 8);
			step(&q, data[at]);
		}
	}
	vq_reset(&q);
	free(ram);
	return 0;
}
