/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SATA host adapter, for disks and CD drives of guests without virtio drivers.  Intel, "Serial ATA Advanced Host Controller
 * Interface (AHCI)".
 *
 * 32 command slots on each port, no native queuing, one interrupt line.  A command is done while its register is written, with
 * the device lock held, so nothing is ever under way.
 */
#ifndef DEV_AHCI_H
#define DEV_AHCI_H

#include <dev/ata.h>
#include <dev/pci.h>

#include "gmem.h"

#define AHCI_PORTS	4u
#define AHCI_SIZE	0x1000ull	/* of the registers, BAR 5 */

struct ahci_port {
	uint64_t list, fis;		/* guest addresses: command list, received FISes                   */
	uint32_t is, ie, cmd, tfd, sig, sctl, serr, ci;
	uint8_t halted;			/* a command failed: none is begun until software has stopped the port */
	uint8_t greeting;		/* the FIS with the signature has not been received yet            */
	uint8_t sense, asc;		/* of a CD drive                                                   */
};

struct ahci_state {
	uint32_t ghc, is;
	struct ahci_port port[AHCI_PORTS];
};

struct ahci {
	struct ahci_state s;
	struct pci_func func;
	struct ata_drive drive[AHCI_PORTS];
	const struct gmem *mem;
};

/* The drives are in @a already.  @slot: its device number.  False: there is no room on the bus. */
bool ahci_init(struct ahci *a, struct pci *pci, const struct gmem *mem, unsigned slot) MUST_USE;
void ahci_reset(struct ahci *a);
bool ahci_restore(void *dev, const void *state) MUST_USE;

#endif
