/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: see msix.h. */
#include <dev/msix.h>

#include <dev/pci_cfg.h>

#include "irqchip.h"

#define CONTROL		2		/* offset of message control in the capability */
#define ENTRY_CONTROL	12		/* offset of the vector control in an entry */
#define ENTRY_MASKED	1u

void msix_init(struct msix *m, struct pci_func *f, unsigned cap, unsigned count)
{
	*m = (struct msix){ .func = f, .cap = cap, .count = count };
	msix_reset(m);
}

void msix_reset(struct msix *m)
{
	for (unsigned i = 0; i < m->count; i++)
		m->entry[i] = (struct msix_entry){ 0, 0, ENTRY_MASKED };
	m->pending = 0;
}

void msix_restore(struct msix *m, const struct msix *from)
{
	for (unsigned i = 0; i < m->count; i++) {
		m->entry[i] = from->entry[i];
		m->entry[i].addr &= ~3ull;
		m->entry[i].control &= ENTRY_MASKED;
	}
	m->pending = from->pending & (m->count < 32 ? (1u << m->count) - 1 : UINT32_MAX);
	msix_control_changed(m);
}

static uint32_t control(const struct msix *m)
{
	return pci_cfg_read(m->func, m->cap + CONTROL, 2);
}

bool msix_enabled(const struct msix *m)
{
	return control(m) & MSIX_ENABLE;
}

/* A message is a memory write of the function, for which it must be a bus master. */
static bool can_send(const struct msix *m, unsigned vector)
{
	return (control(m) & (MSIX_ENABLE | MSIX_MASK_ALL)) == MSIX_ENABLE && !(m->entry[vector].control & ENTRY_MASKED) &&
	       pci_cfg_read(m->func, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

void msix_send(struct msix *m, unsigned vector)
{
	if (vector >= m->count)
		return;
	if (can_send(m, vector))	/* addresses that are no interrupt's do nothing */
		(void)msi_deliver(m->func->bus->env.chip, m->entry[vector].addr, m->entry[vector].data);
	else
		m->pending |= 1u << vector;
}

static void send_pending(struct msix *m, unsigned vector)
{
	if (!(m->pending & 1u << vector) || !can_send(m, vector))
		return;
	m->pending &= ~(1u << vector);
	msix_send(m, vector);
}

void msix_control_changed(struct msix *m)
{
	for (unsigned i = 0; i < m->count; i++)
		send_pending(m, i);
}

static uint32_t entry_word(const struct msix_entry *e, unsigned off)
{
	switch (off) {
	case 0:  return (uint32_t)e->addr;
	case 4:  return (uint32_t)(e->addr >> 32);
	case 8:  return e->data;
	default: return e->control;
	}
}

/* The table is accessed in whole words; anything else reads 0 and does nothing. */
uint64_t msix_table_read(const struct msix *m, uint64_t off, unsigned size)
{
	if (size != 4 || off % 4 || off / MSIX_ENTRY >= m->count)
		return 0;
	return entry_word(&m->entry[off / MSIX_ENTRY], off % MSIX_ENTRY);
}

void msix_table_write(struct msix *m, uint64_t off, unsigned size, uint64_t val)
{
	struct msix_entry *e = &m->entry[off / MSIX_ENTRY % MSIX_VECTORS];

	if (size != 4 || off % 4 || off / MSIX_ENTRY >= m->count)
		return;
	switch (off % MSIX_ENTRY) {
	case 0:
		e->addr = (e->addr & ~MASK(31, 0)) | (val & ~3ull & MASK(31, 0));
		break;
	case 4:
		e->addr = (e->addr & MASK(31, 0)) | val << 32;
		break;
	case 8:
		e->data = (uint32_t)val;
		break;
	default:
		e->control = (uint32_t)val & ENTRY_MASKED;
		send_pending(m, (unsigned)(off / MSIX_ENTRY));
	}
}

uint64_t msix_pending_read(const struct msix *m, uint64_t off, unsigned size)
{
	return off < 4 && size <= 4 ? (uint64_t)m->pending >> (8 * off) : 0;
}
