/* SPDX-License-Identifier: Apache-2.0 */
/* sources: drivers/switch/switch.c drivers/switch/port.c drivers/switch/frame.c drivers/switch/offload.c drivers/switch/table.c vmm/rt/link.c */
/* Clients that write whatever they like into their links: the switch stays inside their data memory, and the others' traffic goes on. */
#include "drivers/switch/switch.h"

#include <stdlib.h>
#include <string.h>

#define PORTS	3u
#define MEMORY	0x4000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_shared *ports;
static uint8_t *memory[PORTS];

static uint8_t *memory_of(unsigned n) { return memory[n]; }

struct input {
	const uint8_t *p;
	size_t left;
};

static uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t v = 0;

	if (bytes > in->left)
		bytes = (unsigned)in->left;
	memcpy(&v, in->p, bytes);
	in->p += bytes;
	in->left -= bytes;
	return v;
}

/* By the book, as far as the handshake goes: the answer is seen, or it begins anew. */
static void client_looks(struct link link[2], unsigned n, bool anew)
{
	bool signal[2];

	if (anew) {
		link_client_init(&link[0], &ports[n].send);
		link_client_init(&link[1], &ports[n].receive);
	} else if (link_client_poll(&link[0], &signal[0]) != link_client_poll(&link[1], &signal[1])) {
		link_client_restart(&link[0]);
	}
}

/* A frame that is nearly right: headers and offload words from the input. */
static void send_frame(struct input *in, struct link *l, uint8_t *mem)
{
	struct link_request r = { .tag = (uint32_t)take(in, 1), .op = NET_SEND, .segments = (uint16_t)(1 + take(in, 1) % 4) };
	struct link_segment seg[4];

	r.arg[0] = take(in, 8);
	r.arg[1] = take(in, 2);
	for (unsigned i = 0; i < r.segments; i++)
		seg[i] = (struct link_segment){ take(in, 2) % MEMORY, (uint32_t)take(in, 2) % MEMORY, 0 };
	for (unsigned i = 0; i < 10; i++)
		*(uint64_t *)(void *)(mem + seg[0].addr % (MEMORY - 80) / 8 * 8 + 8 * i) = take(in, 8);
	if (!link_request(l, &r, seg))
		return;
}

static void lend(struct input *in, struct link *l)
{
	const struct link_request r = { .tag = (uint32_t)take(in, 1), .op = NET_BUFFER, .segments = 1, .arg = { take(in, 1) } };
	const struct link_segment seg = { take(in, 2) % MEMORY, (uint32_t)take(in, 2) % MEMORY, 0 };

	if (!link_request(l, &r, &seg))
		return;
}

static void step(struct input *in, struct net_switch *sw, struct switch_shared *shared, struct link link[PORTS][2])
{
	unsigned op = (unsigned)take(in, 1), n = (unsigned)take(in, 1) % PORTS;
	uint64_t when = UINT64_MAX;

	switch (op % 8) {
	case 0:			/* any word of what is shared */
		((uint32_t *)(void *)&ports[n])[take(in, 2) % (sizeof(*ports) / 4)] = (uint32_t)take(in, 4);
		break;
	case 1:
		client_looks(link[n], n, take(in, 1) == 0xff);
		break;
	case 2: case 3:
		send_frame(in, &link[n][0], memory[n]);
		break;
	case 4: case 5:
		lend(in, &link[n][1]);
		break;
	case 6:
		atomic_store(&shared->port[n].wanted, take(in, 1));
		(void)switch_plugs(sw, memory_of);
		break;
	default:
		(void)switch_turn(sw, 1000000 + take(in, 4), &when);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct net_switch *sw = calloc(1, sizeof(*sw));
	static struct switch_shared shared;
	struct switch_config config = { .port_count = PORTS };
	struct link link[PORTS][2];

	memset(&shared, 0, sizeof(shared));
	memset(link, 0, sizeof(link));
	ports = calloc(PORTS, sizeof(*ports));
	for (unsigned i = 0; i < PORTS; i++) {
		memory[i] = calloc(1, MEMORY);
		config.port[i] = (struct switch_port_config){ .mac = 2 + ((uint64_t)i << 40), .flags = (uint32_t)take(&in, 1) & SWITCH_FLAGS,
							      .vlan = (uint16_t)(take(&in, 1) & 3), .tagged_count = 1, .tagged = { 1 } };
		atomic_store(&shared.port[i].size, MEMORY);
		atomic_store(&shared.port[i].wanted, 1);
		link_client_init(&link[i][0], &ports[i].send);
		link_client_init(&link[i][1], &ports[i].receive);
	}
	switch_init(sw, &config, &shared, ports, 1000, 1);
	(void)switch_plugs(sw, memory_of);
	while (in.left)
		step(&in, sw, &shared, link);
	for (unsigned i = 0; i < PORTS; i++)
		free(memory[i]);
	free(ports);
	free(sw);
	return 0;
}
