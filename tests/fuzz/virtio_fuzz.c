/* SPDX-License-Identifier: Apache-2.0 */
/* sources: vmm/virtio/blk.c vmm/virtio/blk_link.c vmm/virtio/blk_ram.c vmm/virtio/net.c vmm/virtio/net_control.c vmm/virtio/rng.c vmm/rt/link.c */
/* sources: vmm/virtio/virtio.c vmm/virtio/virtio_pci.c vmm/virtio/vq.c vmm/virtio/vq_split.c vmm/virtio/vq_packed.c vmm/gmem.c */
/* sources: vmm/dev/msix.c vmm/dev/pci.c vmm/dev/pci_cfg.c vmm/bus.c */
/*
 * Virtio devices between a driver and servers that do whatever they like: register accesses, memory that changes, completions out of
 * nowhere, resets.  The sanitizers see any byte that is touched outside of guest memory, disk and links.
 */
#include <stdlib.h>
#include <string.h>

#include <dev/pci_cfg.h>
#include <virtio/blk_link.h>
#include <virtio/blk_ram.h>
#include <virtio/net.h>
#include <virtio/rng.h>

#include "irqchip.h"
#include "upcall.h"

#define RAM		0x10000ull
#define RAM_SIZE	0x8000ull
#define DISK		(32 * 4096ull)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the devices need around them. */
void vm_bus_unclaimed(struct vm *vm, const char *space, uint64_t addr, unsigned size, bool write, uint64_t val)
{
	(void)vm, (void)space, (void)addr, (void)size, (void)write, (void)val;
}
void vm_reset(struct vm *vm) { (void)vm; }
void irq_line_set(struct irqchip *c, unsigned gsi, bool level) { (void)c, (void)gsi, (void)level; }
bool msi_deliver(struct irqchip *c, uint64_t addr, uint32_t data) { (void)c, (void)data; return addr >> 20 == 0xfee; }

static bool source(uint64_t *word)
{
	*word = 0x0123456789abcdef;
	return true;
}
static void signal_server(void *arg) { (void)arg; }

static struct {
	struct bus pio, mmio;
	struct pci pci;
	struct gmem mem;
	struct rng rng;
	struct blk disk, remote;
	struct blk_ram memory;
	struct blk_link link;
	struct net net;
	struct link server[3];			/* of the disk; of sending and receiving */
	uint8_t *ram, *data;
	struct link_shared *blk_shared;
	struct net_shared *net_shared;
	struct blk_request request[1 + BLK_LINK_REQUESTS];
	struct net_buffer buffer[LINK_TAGS];
	struct net_frame frame[LINK_TAGS];
} m;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void accept_all(void)
{
	for (unsigned i = 0; i < 3; i++)
		if (link_server_poll(&m.server[i]) == LINK_NEW)
			link_server_accept(&m.server[i]);
}

static void servers_begin(void)
{
	struct link_side *blk = &m.blk_shared->server, *net = &m.net_shared->send.server;

	link_server_init(&m.server[0], m.blk_shared);
	link_server_init(&m.server[1], &m.net_shared->send);
	link_server_init(&m.server[2], &m.net_shared->receive);
	link_info_set(blk, BLK_INFO_VERSION, BLK_VERSION);
	link_info_set(blk, BLK_INFO_SECTORS, 1000);
	link_info_set(blk, BLK_INFO_BLOCK, 512);
	link_info_set(blk, BLK_INFO_FLAGS, BLK_HAS_FLUSH | BLK_HAS_DISCARD | BLK_HAS_ZEROES);
	link_info_set(blk, BLK_INFO_MAX_SEGMENTS, LINK_SEGMENTS);
	link_info_set(blk, BLK_INFO_MAX_DISCARD, 100);
	link_info_set(net, NET_INFO_LINK, 1);
	link_info_set(net, NET_INFO_OFFLOADS, NET_TAKES_CSUM | NET_TAKES_SEG);
}

static void disks_make(void)
{
	struct blk_setup s = {
		.pci = &m.pci, .mem = &m.mem, .slot = 2, .queues = 2, .requests = 1, .request = m.request, .back = &blk_ram_back,
		.back_state = &m.memory,
	};

	m.memory = (struct blk_ram){ m.data, 5000, m.data + 5008, DISK, (uint64_t *)(void *)(m.data + 5008 + DISK) };
	s.geometry = blk_ram_geometry(&m.memory, "fuzz");
	must(blk_init(&m.disk, &s));
	blk_link_init(&m.link, m.blk_shared, m.ram, signal_server, NULL);
	(void)blk_link_poll(&m.link);
	accept_all();
	must(blk_link_poll(&m.link));
	s.slot = 3;
	s.requests = BLK_LINK_REQUESTS;
	s.request = m.request + 1;
	s.back = &blk_link_back;
	s.back_state = &m.link;
	s.geometry = m.link.geometry;
	must(blk_init(&m.remote, &s));
	m.link.blk = &m.remote;
}

static void make(void)
{
	struct dev_env env = { .vm = NULL };
	struct bus_range ecam = { PCI_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, &m.pci, "ecam", 4 };
	struct net_setup port = { .signal = signal_server, .buffer = m.buffer, .frame = m.frame };

	memset(&m, 0, sizeof(m));
	m.ram = calloc(1, RAM_SIZE);
	m.data = calloc(1, 5008 + DISK + blk_ram_bits(DISK));
	m.blk_shared = calloc(1, sizeof(*m.blk_shared));
	m.net_shared = calloc(1, sizeof(*m.net_shared));
	bus_init(&m.pio, NULL, "port", 0xffff);
	bus_init(&m.mmio, NULL, "mmio", UINT64_MAX);
	pci_init(&m.pci, &env, &m.pio, &m.mmio);
	must(bus_add(&m.mmio, &ecam) && gmem_add(&m.mem, (gpa_t){ RAM }, RAM_SIZE, m.ram, true));
	must(rng_init(&m.rng, &m.pci, &m.mem, 1, source));
	servers_begin();
	port.shared = m.net_shared;
	port.ram = m.ram;
	net_begin(&m.net, &port);
	disks_make();
	(void)net_poll(&m.net);
	accept_all();
	must(net_poll(&m.net) && net_init(&m.net, &m.pci, &m.mem, 4));
	for (unsigned slot = 1; slot <= 4; slot++)
		bus_write(&m.mmio, PCI_ECAM_BASE + slot * 0x8000 + PCI_COMMAND, 2, 7);
}

/* Every segment that a server is given lies in the data memory. */
static void serve(unsigned which, uint64_t v)
{
	struct link_segment seg[LINK_SEGMENTS];
	struct link_request r;
	struct link *l = &m.server[which];

	if (!link_take(l, &r, seg, LINK_SEGMENTS)) {
		must(!link_broken(l));		/* the monitor keeps to the rules, whatever its guest does */
		return;
	}
	for (unsigned i = 0; i < r.segments; i++)
		must(seg[i].len && range_inside(seg[i].addr, seg[i].len, RAM_SIZE));
	if (v & 1) {
		struct link_completion c = { .tag = v & 2 ? (uint32_t)v >> 8 & 0xff : r.tag, .status = v & 4 ? (uint32_t)v >> 3 & 7 : 0 };

		c.arg[2] = v & 8 ? v : (v >> 16 & 0x3ff) | 1ull << 32;
		(void)link_complete(l, &c);
	}
}

/* Registers of device @slot with all its queues set up as @v says: what a fuzzer would take long to find. */
static void set_up(unsigned slot, uint64_t v)
{
	uint64_t regs = bus_read(&m.mmio, PCI_ECAM_BASE + slot * 0x8000 + 0x18, 4) & ~0xfull;
	uint64_t features = VF_VERSION_1 | (v & 1 ? VF_PACKED : 0) | (v & 2 ? VF_EVENT_IDX : 0) | (v & 4 ? VF_INDIRECT : 0) |
			    (v & 8 ? VF_RING_RESET : 0) | (slot == 4 ? v >> 16 & 0x128ffff : v >> 16 & 0x7640);

	bus_write(&m.mmio, regs + 20, 1, 0);
	bus_write(&m.mmio, regs + 20, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		bus_write(&m.mmio, regs + 8, 4, i);
		bus_write(&m.mmio, regs + 12, 4, features >> (32 * i));
	}
	bus_write(&m.mmio, regs + 20, 1, 0xb);
	for (unsigned q = 0; q < 3; q++) {
		bus_write(&m.mmio, regs + 22, 2, q);
		bus_write(&m.mmio, regs + 24, 2, 8);
		for (unsigned i = 0; i < 3; i++) {
			bus_write(&m.mmio, regs + 32 + 8 * i, 4, RAM + q * 0x400 + i * 0x100);
			bus_write(&m.mmio, regs + 36 + 8 * i, 4, 0);
		}
		bus_write(&m.mmio, regs + 28, 2, 1);
	}
	bus_write(&m.mmio, regs + 20, 1, 0xf);
}

/* Twelve bytes: what, where, a value. */
static void step(const uint8_t *d)
{
	unsigned slot = 1 + d[1] % 4, size = 1u << (d[1] >> 2 & 3);
	uint64_t off = d[2] | d[3] << 8, v, regs = PCI_ECAM_BASE + slot * 0x8000;

	memcpy(&v, d + 4, sizeof(v));
	switch (d[0] % 12) {
	case 0: memcpy(m.ram + off % (RAM_SIZE - 8), &v, 8); break;
	case 1: bus_write(&m.mmio, regs + off % 0x100, size, v); break;
	case 2: (void)bus_read(&m.mmio, regs + off % 0x100, size); break;
	case 3: bus_write(&m.mmio, PCI_MEM_BASE + (slot - 1) * 0x8000 + off % 0x8000, size, v); break;
	case 4: (void)bus_read(&m.mmio, PCI_MEM_BASE + (slot - 1) * 0x8000 + off % 0x8000, size); break;
	case 5:
	case 6: bus_write(&m.pio, PCI_IO_BASE + (slot - 1) * 64 + off % 12, size, v); break;
	case 7: set_up(slot, v); break;
	case 8: serve(off % 3, v); break;
	case 9: accept_all(); break;
	case 10:
		(void)blk_link_poll(&m.link);
		(void)net_poll(&m.net);
		break;
	default:
		/* The server's half as a server that is wrong, or new, would leave it. */
		if (off & 1)
			servers_begin();
		else
			memcpy((uint8_t *)&m.blk_shared->server + v % (sizeof(struct link_side) - 8), d + 2, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make();
	for (size_t at = 0; at + 12 <= size; at += 12)
		step(data + at);
	free(m.ram);
	free(m.data);
	free(m.blk_shared);
	free(m.net_shared);
	return 0;
}
