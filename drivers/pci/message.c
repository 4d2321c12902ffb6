/* SPDX-License-Identifier: Apache-2.0 */
/* MSI and MSI-X: see message.h. */
#include "message.h"

#include "config.h"

#define ENTRY_WORDS	(MSIX_ENTRY / 4)
#define MSG_BASE	0xfee00000ull	/* SDM, "Message Address Register Format" */
#define MSG_CPU		0x000ff000ull	/* all else is 0: physical destination, no redirection */
#define FIRST_VECTOR	0x30u

bool message_valid(uint64_t address, uint64_t data)
{
	return (address & ~MSG_CPU) == MSG_BASE && data >= FIRST_VECTOR && data <= 0xff;
}

static void msix_set(const struct pci_device *d, volatile uint32_t *table, unsigned index, uint64_t address, uint32_t data)
{
	volatile uint32_t *entry = table + index * ENTRY_WORDS;
	uint32_t control = config_read(d->address, d->msix + MSIX_CONTROL, 2);

	/* While MSI-X is off all entries are as they were left, perhaps by another driver. */
	if (!(control & MSIX_CONTROL_ENABLE)) {
		config_write(d->address, d->msix + MSIX_CONTROL, 2, control | MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK);
		for (unsigned i = 0; i < d->messages; i++)
			table[i * ENTRY_WORDS + 3] = MSIX_ENTRY_MASKED;
	}
	entry[3] = MSIX_ENTRY_MASKED;
	entry[0] = (uint32_t)address;
	entry[1] = (uint32_t)(address >> 32);
	entry[2] = data;
	entry[3] = 0;
	config_write(d->address, d->msix + MSIX_CONTROL, 2, (control & ~MSIX_CONTROL_MASK) | MSIX_CONTROL_ENABLE);
}

static void msi_set(const struct pci_device *d, uint64_t address, uint32_t data)
{
	uint32_t control = config_read(d->address, d->msi + MSI_CONTROL, 2);
	unsigned at = d->msi + MSI_ADDRESS + 4;

	control &= ~(MSI_CONTROL_MULTIPLE | MSI_CONTROL_ENABLE);
	config_write(d->address, d->msi + MSI_CONTROL, 2, control);
	config_write(d->address, d->msi + MSI_ADDRESS, 4, (uint32_t)address);
	if (control & MSI_CONTROL_64) {
		config_write(d->address, at, 4, (uint32_t)(address >> 32));
		at += 4;
	}
	config_write(d->address, at, 2, data);
	if (control & MSI_CONTROL_MASKS)
		config_write(d->address, at + 4, 4, 0);
	config_write(d->address, d->msi + MSI_CONTROL, 2, control | MSI_CONTROL_ENABLE);
}

void message_set(const struct pci_device *d, volatile uint32_t *table, unsigned index, uint64_t address, uint32_t data)
{
	if (d->msix)
		msix_set(d, table, index, address, data);
	else
		msi_set(d, address, data);
}

void message_off(const struct pci_device *d, volatile uint32_t *table)
{
	for (unsigned i = 0; d->msix && table && i < d->messages; i++)
		table[i * ENTRY_WORDS + 3] = MSIX_ENTRY_MASKED;
	if (d->msix)
		config_write(d->address, d->msix + MSIX_CONTROL, 2, 0);
	if (d->msi)
		config_write(d->address, d->msi + MSI_CONTROL, 2,
			     config_read(d->address, d->msi + MSI_CONTROL, 2) & ~MSI_CONTROL_ENABLE);
}
