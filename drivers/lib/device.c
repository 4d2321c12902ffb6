/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's device: configuration space and messages through the PCI server, BARs as regions.  See drv/driver.h. */
#include <drv/driver.h>
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/sys.h>

#define ALL_ONES	0xffffffffu

/* Words @w go to the PCI server and come back. */
static bool call(const struct driver *d, enum pci_call what, uint64_t w[3])
{
	struct sys_msg m = { d->pci, { what, w[0], w[1], w[2], 0 } };
	enum tv_err err = sys_ep_call(&m);

	if (err != TV_OK || m.word[0] != PCI_OK)
		return false;
	w[0] = m.word[1];
	return true;
}

uint32_t device_config(const struct driver *d, unsigned offset, unsigned size)
{
	uint64_t w[3] = { offset, size, 0 };

	return call(d, PCI_READ, w) ? (uint32_t)w[0] : ALL_ONES;
}

bool device_enable(const struct driver *d, unsigned flags)
{
	uint64_t w[3] = { flags, 0, 0 };

	return call(d, PCI_ENABLE, w);
}

bool device_message(struct driver *d, unsigned index, void (*signalled)(void *arg), void *arg)
{
	unsigned bit = DRIVER_BIT_MESSAGE(index);
	uint64_t w[3] = { index, 0, 0 };
	enum tv_err err;

	if (index >= d->config->messages || index >= DRIVER_MESSAGES)
		return false;
	event_on(&d->loop, bit, signalled, arg);
	err = sys_irq_bind_message(d->irqs, d->config->first_message + index, d->ntfn, BIT(bit), &w[1], &w[2]);
	if (err == TV_OK && call(d, PCI_MESSAGE, w))
		return true;
	rt_log("message %u: status %d", index, (int)err);
	return false;
}

/* Region @name, if it has [@addr, @addr + @size) of physical memory, is mapped there. */
static volatile void *map(struct driver *d, const char *name, uint64_t addr, uint64_t size)
{
	uint64_t sel = start_cap(d->start, name), first = align_down(addr, PAGE_SIZE), at = d->map_next;
	uint64_t length = align_up(addr + size, PAGE_SIZE) - first;
	struct sys_cap_info info;

	if (!sel || sys_cap_info(sel, &info) != TV_OK || addr < info.base || !range_inside(first - info.base, length, info.size) ||
	    sys_mem_map(d->domain, at, sel, first - info.base, length, TV_MAP_READ | TV_MAP_WRITE | TV_MAP_UC) != TV_OK)
		return NULL;
	d->map_next += length;
	return (volatile uint8_t *)(at + (addr - first));
}

volatile void *device_map(struct driver *d, unsigned bar, uint64_t offset, uint64_t size)
{
	volatile void *there;
	char name[12];
	uint64_t addr;

	if (bar >= PCI_BARS || !size || !range_inside(offset, size, d->config->device.bar[bar].size))
		return NULL;
	addr = d->config->device.bar[bar].base + offset;
	fmt_buf(name, sizeof(name), "bar%u", bar);
	there = map(d, name, addr, size);
	if (there)
		return there;
	fmt_buf(name, sizeof(name), "bar%ub", bar);
	return map(d, name, addr, size);
}
