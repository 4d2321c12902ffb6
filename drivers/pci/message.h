/* SPDX-License-Identifier: Apache-2.0 */
/* MSI and MSI-X of one function. */
#ifndef PCI_MESSAGE_H
#define PCI_MESSAGE_H

#include <svc/pci.h>

/* Could this be a message of a device: to a local APIC, fixed, an edge, with a vector that is no exception? */
bool message_valid(uint64_t address, uint64_t data);
/* Message @index < d->messages comes from now on.  @table: of MSI-X, mapped; else NULL. */
void message_set(const struct pci_device *d, volatile uint32_t *table, unsigned index, uint64_t address, uint32_t data);
/* None comes any more. */
void message_off(const struct pci_device *d, volatile uint32_t *table);

#endif
