/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X: a table of messages in a BAR of the device, and a pending bit for each that is masked.
 * PCI Local Bus Specification, "MSI-X Capability and Table Structures".
 */
#ifndef DEV_MSIX_H
#define DEV_MSIX_H

#include <dev/pci.h>

#define MSIX_CAP_ID	0x11
#define MSIX_CAP_SIZE	12
#define MSIX_ENABLE	0x8000u		/* message control */
#define MSIX_MASK_ALL	0x4000u
#define MSIX_VECTORS	32u		/* most of a function */
#define MSIX_ENTRY	16u

struct msix_entry {
	uint64_t addr;
	uint32_t data, control;
};

struct msix {
	struct pci_func *func;
	unsigned cap;			/* offset of the capability in its configuration space */
	unsigned count;
	struct msix_entry entry[MSIX_VECTORS];
	uint32_t pending;
};

/* @count vectors of @f, whose capability is at @cap.  All masked. */
void msix_init(struct msix *m, struct pci_func *f, unsigned cap, unsigned count);
void msix_reset(struct msix *m);
/* The table of @from, out of a record; its configuration space is restored already. */
void msix_restore(struct msix *m, const struct msix *from);
/* The guest has switched MSI-X on: INTx is not used. */
bool msix_enabled(const struct msix *m);
/* Send the message of @vector, now or when it is unmasked; ignored when there is no such vector. */
void msix_send(struct msix *m, unsigned vector);
/* The capability was written: send what has become unmasked. */
void msix_control_changed(struct msix *m);

/* Accesses to the table and to the pending bits, up to 4 bytes wide (8 is split); @off from their start. */
uint64_t msix_table_read(const struct msix *m, uint64_t off, unsigned size);
void msix_table_write(struct msix *m, uint64_t off, unsigned size, uint64_t val);
uint64_t msix_pending_read(const struct msix *m, uint64_t off, unsigned size);

#endif
