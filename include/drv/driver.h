/* SPDX-License-Identifier: Apache-2.0 */
/* What all drivers share: their beginning, their log, their device, memory for DMA.  svc/driver.h says what root gives them. */
#ifndef DRV_DRIVER_H
#define DRV_DRIVER_H

#include <rt/event.h>
#include <rt/start.h>
#include <svc/driver.h>

struct driver {
	const struct tv_start *start;
	const struct driver_config *config;
	struct driver_shared *shared;
	uint64_t domain, ntfn, root, pci, irqs;		/* selectors */
	uint8_t *dma;					/* DMA memory, ...  */
	uint64_t dma_addr, dma_size, dma_used;		/* ... where the device sees it, and how much of it is taken */
	uint64_t map_next;				/* host-virtual: where the next BAR goes */
	struct event_loop loop;
};

/* Take over what root gave.  False: something that every driver has is missing; then return DRIVER_EXIT_REFUSED from rt_main(). */
bool driver_begin(struct driver *d, const struct tv_start *start) MUST_USE;
/* The device works: tell root. */
void driver_ready(struct driver *d);
/* Serve signals and timers for ever. */
NORETURN void driver_run(struct driver *d);

/*
 * @size bytes of zeroed DMA memory, aligned to @align (a power of two), never given back; *@addr is what the device is told.  NULL: used up.
 */
void *dma_alloc(struct driver *d, uint64_t size, uint64_t align, uint64_t *addr);

/* @size bytes, a multiple of 1, 2 or 4, at @offset of the configuration space of the device; all ones if that is refused. */
uint32_t device_config(const struct driver *d, unsigned offset, unsigned size);
/* Switch the device on (PCI_ENABLE_*); 0: off, with its messages. */
bool device_enable(const struct driver *d, unsigned flags) MUST_USE;
/* Message @index of the device calls @signalled(@arg) from now on. */
bool device_message(struct driver *d, unsigned index, void (*signalled)(void *arg), void *arg) MUST_USE;
/*
 * Map [@offset, @offset + @size) of memory BAR @bar, uncached.  NULL: the BAR has not so much, or the range is in a page with an MSI-X table.
 */
volatile void *device_map(struct driver *d, unsigned bar, uint64_t offset, uint64_t size);

#endif
