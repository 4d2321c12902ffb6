/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI server: finds the functions on the machine's PCI buses and keeps their configuration space.
 *
 *	root    starts it, waits for pci_shared.ready, and gives each driver what its function has: regions of memory BARs, interrupts,
 *	        and an endpoint capability whose badge is the function's index in the list, plus 1
 *	driver  calls that endpoint: reads its own configuration space, switches its function on, has its messages set
 *
 * A driver never writes configuration space, and never sees the MSI-X table: what it may ask for stands below, and is checked.
 *
 * Capabilities of the server: "pci" ENDPOINT WAIT; "domain" DOMAIN MAP, its own; "ecam" REGION, configuration space (absent: its
 * domain has the ports of configuration mechanism #1); "mmio0" ... REGION, all device memory, for MSI-X tables; "root" NOTIFICATION.
 * Area "shared": struct pci_shared.  Configuration: struct pci_config.
 */
#ifndef SVC_PCI_H
#define SVC_PCI_H

#include <stdatomic.h>

#include <lib/base.h>

#define PCI_DEVICES	64u		/* functions in the list; further ones are counted */
#define PCI_BARS	6u

#define PCI_BAR_IO	(1u << 0)
#define PCI_BAR_WIDE	(1u << 1)	/* 64 bits: the next one is its upper half */
#define PCI_BAR_PREFETCH (1u << 2)

struct pci_bar {
	uint64_t base, size;		/* size 0: not there, or not placed by the firmware */
	uint32_t flags;			/* PCI_BAR_* */
	uint32_t reserved;
};

/* Offset bits of an address: bus << 8 | device << 3 | function. */
struct pci_device {
	uint16_t address;
	uint16_t vendor, device;
	uint16_t messages;		/* MSI-X: entries of the table; MSI: 1; 0: neither */
	uint32_t class;			/* class << 16 | subclass << 8 | programming interface */
	uint8_t msi, msix;		/* offsets of the capabilities; 0: none */
	uint8_t table_bar, pba_bar;	/* MSI-X: where the table and the pending bits are */
	uint32_t table_offset, pba_offset;
	struct pci_bar bar[PCI_BARS];
};
_Static_assert(sizeof(struct pci_device) == 24 + 24 * PCI_BARS, "protocol");

struct pci_shared {
	_Atomic uint32_t ready;		/* 1: the list is complete */
	uint32_t count, more;		/* in the list, and functions that found no room in it */
	uint32_t reserved;
	struct pci_device device[PCI_DEVICES];
};

struct pci_config {
	uint64_t root_signal;		/* the bit to signal on "root" when ready */
	uint32_t first_bus, last_bus;
	uint32_t mmio;			/* number of "mmioN" */
	uint32_t reserved;
};

/* Word 0 of a call; the reply's word 0 is an enum pci_status. */
enum pci_call {
	PCI_READ = 0,			/* word 1: offset < 4096, word 2: 1, 2 or 4 bytes -> word 1: the value */
	PCI_ENABLE = 1,			/* word 1: PCI_ENABLE_*; what is not named is switched off.  Without PCI_ENABLE_MASTER all
					   messages are off and forgotten, too */
	PCI_MESSAGE = 2,		/* word 1: index, words 2 and 3: address and data as irq_bind returned them; lets it come */
};
#define PCI_ENABLE_MEMORY	(1u << 0)
#define PCI_ENABLE_MASTER	(1u << 1)

enum pci_status { PCI_OK = 0, PCI_EINVAL = 1, PCI_EUNSUP = 2 };

#endif
