/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and a driver: what every driver of a PCI function, and every server without a device, is given.  docs/drivers.md explains it.
 *
 * Capabilities in the start page (rt/start.h):
 *   domain      DOMAIN        MAP             its own host space
 *   ntfn        NOTIFICATION  WAIT CONTROL    all signals for it, bits DRIVER_SIGNAL_*; outlives the driver
 *   root        NOTIFICATION  SIGNAL          one bit of root's: signal driver_config.root_signal
 * only with a device:
 *   pci         ENDPOINT      SIGNAL          svc/pci.h
 *   irqs        IRQS          USE             driver_config.messages from driver_config.first_message on
 *   barN        REGION        READ WRITE      memory of BAR N up to the first page of an MSI-X table, in whole pages
 *   barNb       REGION        READ WRITE      what is behind that page, or those pages
 *   dma         REGION        READ WRITE      one piece of memory, also the area "dma": what the device may read and write at any time.  It
 *                                             stays what it is when the driver is started again, so a device that has not noticed does no harm
 * Areas: "shared" struct driver_shared; "dma"; "heap"; "linkN" for client N.
 *
 * Clients come and go while the driver runs, so what belongs to client N stands at fixed selectors, empty while it is away:
 *   DRIVER_SEL_CLIENT(N)          NOTIFICATION  SIGNAL      driver_client.signal
 *   DRIVER_SEL_CLIENT(N) + 1 + K  REGION        READ WRITE  piece K of its data memory
 *
 * DMA addresses: a device is given the address that cap_info says of a region, plus the offset in it.  Nothing else may be told to a
 * device; with an IOMMU that drives it, nothing else will be reachable.
 */
#ifndef SVC_DRIVER_H
#define SVC_DRIVER_H

#include <stdatomic.h>

#include <lib/base.h>
#include <rt/ring.h>
#include <svc/pci.h>

#define DRIVER_CLIENTS		8u
#define DRIVER_MESSAGES		8u
#define DRIVER_PIECES		4u
#define DRIVER_NAME		32u
#define DRIVER_PART		40u

#define DRIVER_SIGNAL_ROOT	(1ull << 0)
#define DRIVER_BIT_MESSAGE(n)	(8u + (n))
#define DRIVER_BIT_CLIENT(n)	(16u + (n))
#define DRIVER_SEL_CLIENT(n)	(512u + 8u * (n))

struct driver_client {
	char part[DRIVER_PART];		/* block: what of the disk: "", the name of a partition or "#1"; NUL-terminated */
	uint32_t unit;			/* block: which disk of the controller */
	uint32_t read_only;
	uint64_t signal;		/* the bit to signal on its notification */
};

struct driver_config {
	uint64_t root_signal;
	uint32_t has_device;		/* 0 or 1: the next three say something */
	uint32_t first_message, messages;
	uint32_t client_count;
	struct pci_device device;
	struct driver_client client[DRIVER_CLIENTS];
};

/* Exit codes, beside those of rt/start.h. */
enum driver_exit {
	DRIVER_EXIT_REFUSED = 1,	/* what it was given is not what it needs             */
	DRIVER_EXIT_DEVICE = 2,		/* the device does not work, or is not what it says   */
};

#define DRIVER_LOG_SIZE		2048u

struct driver_shared {
	struct ring_shared log;		/* text lines: the driver puts */
	_Atomic uint32_t ready;		/* 1: the device works, clients are served */
	uint32_t reserved;
	_Atomic uint64_t interrupts, requests, errors;
	uint8_t pad[2048 - 128 - 32];
	uint8_t log_data[DRIVER_LOG_SIZE];
};
_Static_assert(sizeof(struct driver_shared) == 4096, "one page");

static inline struct ring driver_ring_log(struct driver_shared *s)
{
	return (struct ring){ &s->log, s->log_data, DRIVER_LOG_SIZE };
}

#endif
