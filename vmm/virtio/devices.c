/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of a VM: see devices.h. */
#include <virtio/devices.h>

#include <rt/heap.h>
#include <rt/sys.h>
#include <rt/time.h>

#include "upcall.h"
#include "vm.h"

#define SERVER_PATIENCE_S	30u	/* for the server of a disk to say what the disk is */

#define CPUID_1_ECX_RDRAND	BIT(30)
#define RDRAND_TRIES		10u	/* SDM, "Methods for Retrieving RDRAND Numbers": fails that often in a row only when broken */

/* The CPU's own generator, which is as good as what the host itself would use. */
static bool rdrand(uint64_t *word)
{
	bool ok = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
	return ok;
}

struct blk_ram vm_disk_ram(const struct vm_setup *setup, unsigned i)
{
	const struct vm_disk *c = &setup->config->disk[i];
	const struct vm_disk_place *at = &setup->disk[i];

	return (struct blk_ram){
		.image = at->image, .image_size = c->image_size, .data = at->data, .size = c->size,
		.written = at->data ? (uint64_t *)(void *)(at->data + c->size) : NULL,
	};
}

/* Disk @i in memory: as many queues as CPUs, for their interrupts to come where the requests came from. */
static bool disk_init(struct vm *vm, unsigned i, const struct vm_setup *vs)
{
	const struct vm_disk *c = &vs->config->disk[i];
	struct vm_virtio *x = &vm->virtio;
	struct blk_ram *ram = &x->ram[i];
	char serial[BLK_SERIAL + 1] = { 0 };
	struct blk_setup setup = {
		.pci = &vm->board.pci, .mem = &vm->mem, .slot = SLOT_DISK + i, .queues = vs->config->cpus < BLK_QUEUES_MAX ? vs->config->cpus : BLK_QUEUES_MAX,
		.requests = 1, .request = &x->request[i], .back = &blk_ram_back, .back_state = ram,
	};

	*ram = vm_disk_ram(vs, i);
	__builtin_memcpy(serial, c->serial, BLK_SERIAL);
	setup.geometry = blk_ram_geometry(ram, serial);
	return blk_init(&x->disk[i], &setup);
}

static uint32_t console_put(void *arg, const void *bytes, uint32_t len) { return vm_console_put(arg, bytes, len); }
static void console_lent(void *arg) { vm_console_retry(arg); }

/* The console: its output goes where that of the first serial port goes, and it has the input once the guest drives it. */
static bool console_init(struct vm *vm)
{
	static const struct hvc_ops ops = { console_put, console_lent };

	vm->hvc_input = hvc_input;
	vm->hvc_input_done = hvc_input_done;
	vm->hvc_room = hvc_room;
	vm->hvc = &vm->virtio.hvc;
	return hvc_init(vm->hvc, &vm->board.pci, &vm->mem, SLOT_CONSOLE, &ops, vm);
}

static void port_signal(void *arg)
{
	const struct vm_port *p = arg;

	(void)sys_ntfn_signal(p->ntfn, p->bits);
}

/*
 * The features of a device are fixed before the guest runs, so its server must have spoken by then.  What else was signalled
 * meanwhile is signalled again.
 */
static bool server_wait(struct vm *vm, bool (*poll)(void *device), void *device, uint64_t ntfn)
{
	uint64_t deadline = clock_now() + SERVER_PATIENCE_S * vm->tsc_hz, bits, seen = 0;
	bool up;

	while (!(up = poll(device)) && sys_ntfn_wait(ntfn, deadline, &bits) == TV_OK)
		seen |= bits;
	if (seen)
		(void)sys_ntfn_signal(ntfn, seen);
	return up;
}

static bool disk_poll(void *device) { return blk_link_poll(device); }
static bool port_poll(void *device) { return net_poll(device); }

/* Disk @i behind a server. */
static bool disk_link_init(struct vm *vm, unsigned i, const struct vm_setup *vs)
{
	struct vm_virtio *x = &vm->virtio;
	struct blk_link *l = &x->link[i];
	struct blk_setup setup = {
		.pci = &vm->board.pci, .mem = &vm->mem, .slot = SLOT_DISK + i, .queues = 1, .requests = BLK_LINK_REQUESTS,
		.request = heap_alloc(BLK_LINK_REQUESTS * sizeof(struct blk_request)), .back = &blk_link_back, .back_state = l,
	};

	x->blk_server[i] = vs->disk[i].server;
	blk_link_init(l, vs->disk[i].link, vs->ram, port_signal, &x->blk_server[i]);
	if (!server_wait(vm, disk_poll, l, vs->ntfn)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "disk %u: its server does not answer", i);
		return false;
	}
	setup.geometry = l->geometry;
	if (!blk_init(&x->disk[i], &setup))
		return false;
	l->blk = &x->disk[i];
	return true;
}

/* Network port @i. */
static bool port_init(struct vm *vm, unsigned i, const struct vm_setup *vs)
{
	struct vm_virtio *x = &vm->virtio;
	struct net *n = &x->net[i];
	const struct net_setup setup = {
		.shared = vs->net[i].shared, .ram = vs->ram, .signal = port_signal, .signal_arg = &x->net_server[i],
		.buffer = heap_alloc(LINK_TAGS * sizeof(struct net_buffer)), .frame = heap_alloc(LINK_TAGS * sizeof(struct net_frame)),
	};

	x->net_server[i] = vs->net[i].server;
	net_begin(n, &setup);
	if (!server_wait(vm, port_poll, n, vs->ntfn)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "network port %u: its server does not answer", i);
		return false;
	}
	return net_init(n, &vm->board.pci, &vm->mem, SLOT_NET + i);
}

/* Servers have signalled. */
static void signalled(struct vm *vm, uint64_t bits)
{
	struct vm_virtio *x = &vm->virtio;

	vm_dev_lock(vm);
	for (unsigned i = 0; i < VM_DISKS; i++)
		if (bits & VM_SIGNAL_DISK(i) && x->link[i].blk)
			(void)blk_link_poll(&x->link[i]);
	for (unsigned i = 0; i < VM_NETS; i++)
		if (bits & VM_SIGNAL_NET(i) && x->net[i].begun)
			(void)net_poll(&x->net[i]);
	vm_dev_unlock(vm);
}

bool vm_virtio_init(struct vm *vm, const struct vm_setup *setup)
{
	struct vm_virtio *x = &vm->virtio;

	vm->signalled = signalled;
	/* Without a source that deserves the name there is no such device. */
	if (setup->host_cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND &&
	    !rng_init(&x->rng, &vm->board.pci, &vm->mem, SLOT_RNG, rdrand)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for the entropy device");
		return false;
	}
	if (setup->config->devices & VM_DEVICE_CONSOLE && !console_init(vm)) {
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for the console");
		return false;
	}
	for (unsigned i = 0; i < setup->config->disk_count; i++) {
		if (setup->config->disk[i].type != VM_DISK_VIRTIO)
			continue;
		if (setup->disk[i].link ? disk_link_init(vm, i, setup) : disk_init(vm, i, setup))
			continue;
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for disk %u", i);
		return false;
	}
	for (unsigned i = 0; i < setup->config->net_count; i++) {
		if (port_init(vm, i, setup))
			continue;
		(void)vm_stop(vm, VM_EXIT_MONITOR, "no room for network port %u", i);
		return false;
	}
	return true;
}
