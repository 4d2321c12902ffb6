/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI server: lists the functions once, then answers their drivers.  include/svc/pci.h is the protocol. */
#include <rt/fmt.h>
#include <rt/start.h>
#include <rt/sys.h>
#include <svc/driver.h>

#include "access.h"
#include "config.h"
#include "message.h"
#include "scan.h"

#define ECAM_BASE	0x4000000000ull		/* host-virtual */
#define ECAM_BUS	MIB
#define TABLES_BASE	0x5000000000ull		/* MSI-X tables, TABLE_STEP apart */
#define TABLE_STEP	(64 * KIB)		/* 2048 entries, not aligned */

static struct {
	const struct tv_start *start;
	const struct pci_config *config;
	struct pci_shared *shared;
	uint64_t domain;
	struct pci_device device[PCI_DEVICES];	/* its own copy: others may write into the shared one */
	volatile uint32_t *table[PCI_DEVICES];
} server;

/* The MSI-X table of function @i, mapped when it is needed first; NULL: it has none, or it lies in no device memory. */
static volatile uint32_t *table_of(unsigned i)
{
	const struct pci_device *d = &server.device[i];
	uint64_t addr = d->bar[d->table_bar].base + d->table_offset, at = TABLES_BASE + i * TABLE_STEP;
	uint64_t first = align_down(addr, PAGE_SIZE), length = align_up(addr + d->messages * MSIX_ENTRY, PAGE_SIZE) - first;
	struct sys_cap_info info;
	char name[12];

	for (unsigned n = 0; d->msix && !server.table[i] && n < server.config->mmio; n++) {
		fmt_buf(name, sizeof(name), "mmio%u", n);
		uint64_t sel = start_cap(server.start, name);

		if (sys_cap_info(sel, &info) == TV_OK && first >= info.base && range_inside(first - info.base, length, info.size) &&
		    sys_mem_map(server.domain, at, sel, first - info.base, length, TV_MAP_READ | TV_MAP_WRITE | TV_MAP_UC) == TV_OK)
			server.table[i] = (volatile uint32_t *)(at + (addr - first));
	}
	return server.table[i];
}

static enum pci_status call_read(const struct pci_device *d, uint64_t offset, uint64_t size, uint64_t *value)
{
	if ((size != 1 && size != 2 && size != 4) || offset >= CFG_SIZE_EXPRESS || !is_aligned(offset, size))
		return PCI_EINVAL;
	*value = config_read(d->address, (unsigned)offset, (unsigned)size);
	return PCI_OK;
}

static enum pci_status call_enable(unsigned i, uint64_t flags)
{
	const struct pci_device *d = &server.device[i];
	uint32_t command = config_read(d->address, CFG_COMMAND, 2);

	if (flags & ~(uint64_t)(PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER))
		return PCI_EINVAL;
	command &= ~(CFG_COMMAND_IO | CFG_COMMAND_MEMORY | CFG_COMMAND_MASTER);
	command |= CFG_COMMAND_NO_INTX | (flags & PCI_ENABLE_MASTER ? CFG_COMMAND_MASTER : 0);
	if (!(flags & PCI_ENABLE_MASTER)) {
		/* The table is memory of the device, which must decode it. */
		config_write(d->address, CFG_COMMAND, 2, command | CFG_COMMAND_MEMORY);
		message_off(d, table_of(i));
	}
	config_write(d->address, CFG_COMMAND, 2, command | (flags & PCI_ENABLE_MEMORY ? CFG_COMMAND_MEMORY : 0));
	return PCI_OK;
}

static enum pci_status call_message(unsigned i, uint64_t index, uint64_t address, uint64_t data)
{
	const struct pci_device *d = &server.device[i];

	if (index >= d->messages || !message_valid(address, data))
		return PCI_EINVAL;
	if (d->msix && !table_of(i))
		return PCI_EUNSUP;
	message_set(d, server.table[i], (unsigned)index, address, (uint32_t)data);
	return PCI_OK;
}

/* Words of a call become those of its reply. */
static void answer(struct sys_msg *m)
{
	unsigned i = (unsigned)m->badge - 1;
	enum pci_status status = PCI_EINVAL;
	uint64_t value = 0;

	if (m->badge && i < server.shared->count && i < PCI_DEVICES) {
		switch (m->word[0]) {
		case PCI_READ:
			status = call_read(&server.device[i], m->word[1], m->word[2], &value);
			break;
		case PCI_ENABLE:
			status = call_enable(i, m->word[1]);
			break;
		case PCI_MESSAGE:
			status = call_message(i, m->word[1], m->word[2], m->word[3]);
			break;
		default:
			break;
		}
	}
	*m = (struct sys_msg){ 0, { status, value, 0, 0, 0 } };
}

static bool ecam_map(void)
{
	uint64_t sel = start_cap(server.start, "ecam");
	uint64_t size = (uint64_t)(server.config->last_bus - server.config->first_bus + 1) * ECAM_BUS;

	if (!sel)
		return true;
	if (sys_mem_map(server.domain, ECAM_BASE, sel, 0, size, TV_MAP_READ | TV_MAP_WRITE | TV_MAP_UC) != TV_OK)
		return false;
	config_ecam((volatile uint8_t *)ECAM_BASE, server.config->first_bus, server.config->last_bus);
	return true;
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t ep = start_cap(start, "pci"), size = 0;
	struct sys_msg m = { ep, { 0 } };

	server.start = start;
	server.config = start_config(start, sizeof(*server.config));
	server.shared = start_area(start, "shared", &size);
	server.domain = start_cap(start, "domain");
	if (!server.config || !server.shared || size < sizeof(*server.shared) || !ecam_map())
		return DRIVER_EXIT_REFUSED;
	scan(server.shared, server.config->first_bus, server.config->last_bus);
	__builtin_memcpy(server.device, server.shared->device, sizeof(server.device));
	atomic_store(&server.shared->ready, 1);
	(void)sys_ntfn_signal(start_cap(start, "root"), server.config->root_signal);
	for (enum tv_err err = sys_ep_wait(&m); err == TV_OK;) {
		answer(&m);
		m.badge = ep;
		err = sys_ep_reply_wait(&m);
	}
	return DRIVER_EXIT_REFUSED;
}
