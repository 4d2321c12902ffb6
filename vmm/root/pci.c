/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI server as root's child, and devices as capabilities.  It is started once: what is asked of it is little and checked; should it
 * end, drivers that run go on, and those that start wait for it.
 */
#include <rt/fmt.h>
#include <rt/string.h>

#include "acpi.h"
#include "drivers.h"
#include "mem.h"
#include "root.h"
#include "term.h"

#define PCI_QUOTA	(1024 * PAGE_SIZE)
#define PCI_PORT	0xcf8u
#define PCI_PORT_COUNT	8u
#define PCI_MMIO_MAX	40u		/* regions: as many as the start page has room for */
#define MSIX_ENTRY	16u

static struct child child;
static struct pci_shared *shared;
static struct extent shared_extent;
/* The server's list as it was when it said that it was complete: what it writes there afterwards changes nothing. */
static struct pci_device devices[PCI_DEVICES];
static uint32_t device_count;
static bool listed;
static bool claimed[PCI_DEVICES];
static uint32_t messages_used;

static void pci_ready(void *arg)
{
	(void)arg;
	if (listed || !child.alive || !atomic_load(&shared->ready))
		return;
	listed = true;
	device_count = (uint32_t)min_u64(READ_ONCE(shared->count), PCI_DEVICES);
	memcpy(devices, shared->device, sizeof(devices));
	root_say("%u PCI functions%s; DMA of drivers is trusted, because no IOMMU is driven", device_count,
		 shared->more ? ", and more than there is room for" : "");
	drivers_devices();
	term_run();
}

static void pci_ended(void *arg)
{
	struct sys_thread_info info;

	(void)arg;
	if (!child.alive || sys_thread_info(child_thread_sel(&child, 0), &info) != TV_OK ||
	    (info.state != TV_THREAD_FAULTED && info.state != TV_THREAD_EXITED))
		return;
	root_say("driver pci: it has ended (state %lu, code %lu, at 0x%lx)", info.state, info.code, info.rip);
	child_end(&child);
	term_run();
}

/* Configuration space: the ECAM that the firmware names, else the ports. */
static void give_access(struct pci_config *c)
{
	struct acpi_ecam e;
	uint64_t sel = 0, offset, base = 0, size = 0;

	if (acpi_ecam_read(&e, root.info->rsdp)) {
		base = e.base + e.first_bus * MIB;
		size = (e.last_bus - e.first_bus + 1u) * MIB;
		sel = mem_region_at(base, size, TV_REGION_MMIO, &offset);
	}
	if (sel) {
		c->first_bus = e.first_bus;
		c->last_bus = e.last_bus;
		child_give(&child, "ecam", sel, TV_RIGHT_READ | TV_RIGHT_WRITE, base, size);
		return;
	}
	c->last_bus = UINT8_MAX;
	if (!child.wrong && (sys_cap_derive(TV_SEL_DOMAIN, ROOT_SEL_PORTS_PCI, TV_SEL_PORTS, TV_RIGHT_USE, PCI_PORT, PCI_PORT_COUNT) != TV_OK ||
			     sys_port_grant(child_domain(&child), ROOT_SEL_PORTS_PCI) != TV_OK))
		child.wrong = "granting its ports";
}

static void give_mmio(struct pci_config *c)
{
	char name[12];

	for (uint32_t i = 0; i < root.info->region_count && c->mmio < PCI_MMIO_MAX; i++) {
		if (root.info->region[i].kind != TV_REGION_MMIO)
			continue;
		fmt_buf(name, sizeof(name), "mmio%u", c->mmio++);
		child_give(&child, name, TV_SEL_REGION + i, TV_RIGHT_READ | TV_RIGHT_WRITE, 0, 0);
	}
}

const char *pci_start(void)
{
	const struct child_limits limits = { .cpu = CONFIG_CPU_ROOT, .priority = ROOT_PRIORITY_DRIVER };
	const struct tv_root_module *m = root.config.pci_image[0] ? mem_module(root.config.pci_image, NULL) : NULL;
	struct pci_config c = { .root_signal = BIT(ROOT_BIT_PCI) };

	if (!m || sys_ep_create(ROOT_SEL_PCI) != TV_OK)
		return "its boot module is missing";
	shared = mem_keep(sizeof(*shared), &shared_extent);
	event_on(&root.loop, ROOT_BIT_PCI, pci_ready, NULL);
	event_on(&root.loop, ROOT_BIT_PCI_END, pci_ended, NULL);
	child_begin(&child, ROOT_CHILD_PCI, "pci", PCI_QUOTA, ROOT_BIT_PCI_END);
	child_load(&child, m);
	child_area(&child, "shared", CHILD_SHARED, &shared_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_give(&child, "domain", child_domain(&child), TV_RIGHT_MAP, 0, 0);
	child_give(&child, "pci", ROOT_SEL_PCI, TV_RIGHT_WAIT, 0, 0);
	child_give(&child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, c.root_signal, 0);
	give_access(&c);
	give_mmio(&c);
	child_thread(&child, &limits);
	if (child_start(&child, &c, sizeof(c)))
		return NULL;
	child_end(&child);
	return child.wrong;
}

static bool fits(const struct config_driver *want, const struct pci_device *d)
{
	uint32_t id = (uint32_t)d->vendor << 16 | d->device;
	bool kind = want->class && d->class == want->class;

	for (unsigned i = 0; i < want->ids.count; i++)
		kind |= want->ids.item[i] == id;
	return kind && (!want->address || want->address - 1 == d->address);
}

bool pci_claim(struct driver_child *d)
{
	for (unsigned i = 0; i < device_count; i++) {
		const struct pci_device *device = &devices[i];
		uint32_t messages = (uint32_t)min_u64(device->messages, DRIVER_MESSAGES);

		if (claimed[i] || !fits(d->config, device) || !messages || messages > TV_IRQ_MESSAGES - messages_used)
			continue;
		claimed[i] = true;
		d->device = device;
		d->device_index = i;
		d->first_message = TV_IRQ_MESSAGE + messages_used;
		d->messages = messages;
		messages_used += messages;
		root_note("driver %s: device %04x:%04x at %02x:%02x.%u", d->config->name, device->vendor, device->device,
			  device->address >> 8, device->address >> 3 & 0x1f, device->address & 7);
		return true;
	}
	return false;
}

static void give_region(struct driver_child *d, const char *name, uint64_t base, uint64_t end)
{
	uint64_t offset, sel = base < end ? mem_region_at(base, end - base, TV_REGION_MMIO, &offset) : 0;

	if (sel)
		child_give(&d->child, name, sel, TV_RIGHT_READ | TV_RIGHT_WRITE, base, end - base);
}

/* Does another function have registers in [@base, @end)? */
static bool is_shared(const struct pci_device *d, uint64_t base, uint64_t end)
{
	for (unsigned i = 0; i < device_count * PCI_BARS; i++) {
		const struct pci_device *other = &devices[i / PCI_BARS];
		const struct pci_bar *bar = &other->bar[i % PCI_BARS];

		if (other != d && !(bar->flags & PCI_BAR_IO) && bar->size && bar->base < end && base < bar->base + bar->size)
			return true;
	}
	return false;
}

/* Memory BAR @i in whole pages, without those of the MSI-X table. */
static void give_bar(struct driver_child *d, unsigned i)
{
	const struct pci_bar *bar = &d->device->bar[i];
	uint64_t base = align_down(bar->base, PAGE_SIZE), end = align_up(bar->base + bar->size, PAGE_SIZE), first = end, last = end;
	char name[12];

	if (bar->flags & PCI_BAR_IO || !bar->size || is_shared(d->device, base, end))
		return;
	if (d->device->msix && d->device->table_bar == i) {
		first = align_down(bar->base + d->device->table_offset, PAGE_SIZE);
		last = align_up(bar->base + d->device->table_offset + d->device->messages * MSIX_ENTRY, PAGE_SIZE);
	}
	fmt_buf(name, sizeof(name), "bar%u", i);
	give_region(d, name, base, first);
	fmt_buf(name, sizeof(name), "bar%ub", i);
	give_region(d, name, last, end);
}

void pci_give(struct driver_child *d)
{
	child_give(&d->child, "pci", ROOT_SEL_PCI, TV_RIGHT_SIGNAL, d->device_index + 1, 0);
	child_give(&d->child, "irqs", TV_SEL_IRQS, TV_RIGHT_USE, d->first_message, d->messages);
	for (unsigned i = 0; i < PCI_BARS; i++)
		give_bar(d, i);
}
