/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration space of one PCI function: for pci.c and for devices that look at their own registers. */
#ifndef DEV_PCI_CFG_H
#define DEV_PCI_CFG_H

#include <dev/pci.h>

/* Type 0 header.  PCI Local Bus Specification, "Configuration Space Organization". */
enum pci_reg {
	PCI_VENDOR = 0x00, PCI_DEVICE = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_CLASS = 0x08, PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM = 0x2c, PCI_CAPABILITIES = 0x34, PCI_INTERRUPT_LINE = 0x3c, PCI_INTERRUPT_PIN = 0x3d,
};

#define PCI_COMMAND_IO		0x0001
#define PCI_COMMAND_MEMORY	0x0002
#define PCI_COMMAND_MASTER	0x0004
#define PCI_COMMAND_INTX_OFF	0x0400
#define PCI_STATUS_INTX		0x08		/* in the low byte of the status */
#define PCI_STATUS_CAPS		0x10

/* Build the masks from the rows and the BARs, then reset. */
void pci_cfg_init(struct pci_func *f);
/* Registers at their reset values, BARs off the bus. */
void pci_cfg_reset(struct pci_func *f);

/* @reg + @size <= PCI_CFG_SIZE, @size 1 ... 4. */
uint32_t pci_cfg_read(const struct pci_func *f, unsigned reg, unsigned size);
/* As the guest reads: the device is asked first. */
uint32_t pci_cfg_guest_read(struct pci_func *f, unsigned reg, unsigned size);
/* Store @val as the device itself, masks or not. */
void pci_cfg_set(struct pci_func *f, unsigned reg, unsigned size, uint32_t val);
/* As the guest writes: masks apply, BARs move, the device is told. */
void pci_cfg_write(struct pci_func *f, unsigned reg, unsigned size, uint32_t val);

/* What the guest could have written, out of the registers @cfg of another one; the device is not told. */
void pci_cfg_restore(struct pci_func *f, const uint8_t cfg[PCI_CFG_SIZE]);

/* In pci.c: drive the line of @f again after its command register changed. */
void pci_intx_update(struct pci_func *f);

#endif
