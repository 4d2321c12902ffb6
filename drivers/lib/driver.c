/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of a driver, its log and its DMA memory: see drv/driver.h. */
#include <drv/driver.h>
#include <rt/log.h>
#include <rt/sys.h>

#define MAP_BASE	0x4000000000ull		/* where BARs are mapped */

static struct driver *logging;

static void log_write(const char *text, size_t length)
{
	struct ring log = driver_ring_log(logging->shared);

	if (ring_space(&log) < length)
		return;
	(void)ring_put(&log, text, (uint32_t)length);
	if (ring_wake_getter(&log))
		(void)sys_ntfn_signal(logging->root, logging->config->root_signal);
}

bool driver_begin(struct driver *d, const struct tv_start *start)
{
	struct sys_cap_info info;
	uint64_t size = 0, dma;

	*d = (struct driver){ .start = start, .map_next = MAP_BASE };
	d->config = start_config(start, sizeof(*d->config));
	d->shared = start_area(start, "shared", &size);
	d->domain = start_cap(start, "domain");
	d->ntfn = start_cap(start, "ntfn");
	d->root = start_cap(start, "root");
	if (!d->config || !d->shared || size != sizeof(*d->shared) || !d->domain || !d->ntfn || !d->root)
		return false;
	logging = d;
	rt_log_to(log_write);
	event_init(&d->loop, d->ntfn);
	if (!d->config->has_device)
		return true;
	d->pci = start_cap(start, "pci");
	d->irqs = start_cap(start, "irqs");
	d->dma = start_area(start, "dma", &d->dma_size);
	dma = start_cap(start, "dma");
	if (!d->pci || !d->irqs || !d->dma || sys_cap_info(dma, &info) != TV_OK || info.size != d->dma_size)
		return false;
	d->dma_addr = info.base;
	return true;
}

void driver_ready(struct driver *d)
{
	atomic_store(&d->shared->ready, 1);
	(void)sys_ntfn_signal(d->root, d->config->root_signal);
}

void driver_run(struct driver *d)
{
	for (;;)
		event_run(&d->loop);
}

/* A driver that was started again finds what its predecessor has left there. */
void *dma_alloc(struct driver *d, uint64_t size, uint64_t align, uint64_t *addr)
{
	uint64_t at = align_up(d->dma_addr + d->dma_used, align) - d->dma_addr;

	if (!range_inside(at, size, d->dma_size))
		return NULL;
	d->dma_used = at + size;
	*addr = d->dma_addr + at;
	__builtin_memset(d->dma + at, 0, size);
	return d->dma + at;
}
