/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration space to a list of functions.  Devices are believed no more than guests: what cannot be is left out. */
#ifndef PCI_SCAN_H
#define PCI_SCAN_H

#include <svc/pci.h>

/* List the functions on buses @first to @last in @s. */
void scan(struct pci_shared *s, unsigned first, unsigned last);
/* Offset of capability @id of the function @address; 0: it has none. */
unsigned scan_capability(uint32_t address, unsigned id);

#endif
