/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of the machine's PCI functions; tests bring their own. */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#include <lib/base.h>

/* @size (1, 2 or 4) bytes at @offset, aligned, of the function @address (svc/pci.h); all ones where there is none. */
uint32_t config_read(uint32_t address, unsigned offset, unsigned size);
void config_write(uint32_t address, unsigned offset, unsigned size, uint32_t value);

/* Registers of a function.  PCI Local Bus Specification, "Configuration Space Organization". */
#define CFG_VENDOR		0x00u
#define CFG_DEVICE		0x02u
#define CFG_COMMAND		0x04u
#define CFG_STATUS		0x06u
#define CFG_CLASS		0x08u
#define CFG_HEADER		0x0eu
#define CFG_BAR(n)		(0x10u + 4 * (n))
#define CFG_CAPABILITIES	0x34u
#define CFG_FIRST_CAPABILITY	0x40u
#define CFG_SIZE		256u
#define CFG_SIZE_EXPRESS	4096u
#define CFG_COMMAND_IO		(1u << 0)
#define CFG_COMMAND_MEMORY	(1u << 1)
#define CFG_COMMAND_MASTER	(1u << 2)
#define CFG_COMMAND_NO_INTX	(1u << 10)
#define CFG_STATUS_CAPABILITIES	(1u << 4)
#define CFG_HEADER_TYPE		0x7fu
#define CFG_HEADER_MULTI	0x80u
#define CFG_CLASS_BRIDGE	0x06u
#define CFG_BAR_IO		(1u << 0)
#define CFG_BAR_TYPE		(3u << 1)
#define CFG_BAR_TYPE_64		(2u << 1)
#define CFG_BAR_PREFETCH	(1u << 3)

/* Capabilities: id, offset of the next one, and then, "MSI Capability Structure", "MSI-X Capability and Table Structures". */
#define CAP_MSI			0x05u
#define CAP_MSIX		0x11u
#define MSI_CONTROL		2u
#define MSI_CONTROL_ENABLE	(1u << 0)
#define MSI_CONTROL_MULTIPLE	(7u << 4)
#define MSI_CONTROL_64		(1u << 7)
#define MSI_CONTROL_MASKS	(1u << 8)
#define MSI_ADDRESS		4u
#define MSIX_CONTROL		2u
#define MSIX_CONTROL_SIZE	0x7ffu
#define MSIX_CONTROL_MASK	(1u << 14)
#define MSIX_CONTROL_ENABLE	(1u << 15)
#define MSIX_TABLE		4u
#define MSIX_PBA		8u
#define MSIX_BIR		7u
#define MSIX_ENTRY		16u		/* bytes: address, upper half, data, vector control */
#define MSIX_ENTRY_MASKED	1u

#endif
