/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of a VM: which there are, in which PCI slots, and what they stand on. */
#ifndef VIRTIO_DEVICES_H
#define VIRTIO_DEVICES_H

#include <svc/vm.h>
#include <virtio/blk_link.h>
#include <virtio/blk_ram.h>
#include <virtio/hvc.h>
#include <virtio/net.h>
#include <virtio/rng.h>

struct vm;
struct vm_setup;

/* PCI slots; 0 is the host bridge, 30 the SATA adapter (vmm/devices.c), and 31 the ISA bridge of the DSDT. */
enum { SLOT_RNG = 1, SLOT_DISK = 2, SLOT_NET = SLOT_DISK + VM_DISKS, SLOT_CONSOLE = SLOT_NET + VM_NETS };

/* Whom to signal, and how. */
struct vm_port {
	uint64_t ntfn, bits;
};

struct vm_virtio {
	struct rng rng;
	struct hvc hvc;
	struct blk disk[VM_DISKS];
	struct blk_ram ram[VM_DISKS];
	struct blk_request request[VM_DISKS];	/* memory has no depth: one at a time */
	struct blk_link link[VM_DISKS];
	struct vm_port blk_server[VM_DISKS];
	struct net net[VM_NETS];
	struct vm_port net_server[VM_NETS];
};

/* The disks of @setup: where the monitor has mapped them. */
struct vm_disk_place {
	const uint8_t *image;		/* NULL: none                                         */
	uint8_t *data;			/* NULL: the disk is read-only; the bits are behind it */
	struct link_shared *link;	/* behind a server                                    */
	struct vm_port server;
};

/* The network ports of @setup. */
struct vm_net_place {
	struct net_shared *shared;
	struct vm_port server;
};

/* Disk @i, which is in memory. */
struct blk_ram vm_disk_ram(const struct vm_setup *setup, unsigned i);

/* Make the devices that @setup asks for.  False, after vm_stop(): one of them cannot be made. */
bool vm_virtio_init(struct vm *vm, const struct vm_setup *setup) MUST_USE;

#endif
