/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers and servers: each from its configuration to a program in a domain of its own, started again whenever it ends; and what ties
 * virtual machines to them.
 *
 *	pci.c          the PCI server, which says what devices there are
 *	drivers.c      the programs
 *	driver_link.c  their clients: links, and the memory of virtual machines while they run
 */
#ifndef ROOT_DRIVERS_H
#define ROOT_DRIVERS_H

#include <lib/base.h>
#include <rt/event.h>
#include <rt/link.h>
#include <svc/driver.h>

#include "child.h"
#include "config.h"
#include "policy.h"
#include "vms.h"

/* One client: a device of a virtual machine.  Its links stay, whoever of the two ends. */
struct driver_link {
	struct driver_child *driver;
	unsigned client;		/* its number there                                        */
	struct vm *vm;
	uint64_t signal;		/* the bit of the VM's notification                        */
	char name[12];			/* of area and capability in the monitor                   */
	struct link_shared *shared;	/* @links of them                                          */
	unsigned links;
	struct extent extent;
};

struct driver_child {
	const struct config_driver *config;
	unsigned index;
	struct child child;
	const struct pci_device *device;	/* NULL: none, or not yet                          */
	unsigned device_index;			/* in the list of the PCI server                   */
	uint32_t first_message, messages;
	struct extent dma, shared_extent;
	struct driver_shared *shared;
	struct ring log;
	struct driver_link *client[DRIVER_CLIENTS];
	struct driver_client client_config[DRIVER_CLIENTS];
	unsigned client_count;
	struct policy policy;
	struct event_timer restart;
	unsigned starts;
};

/* --- drivers.c --- */

/* One for each entry of the configuration; starts those without a device, and the PCI server if others need it. */
void drivers_init(void);
/* The PCI server has made its list: start those that wait for it. */
void drivers_devices(void);
/* By name; NULL: there is none. */
struct driver_child *driver_find(const char *name);
unsigned drivers_count(void);
struct driver_child *driver_get(unsigned index);
/* What it is doing, for people, in one line. */
void driver_status(const struct driver_child *d, char *buf, size_t size);
/* Take it down and start it again. */
void driver_restart(struct driver_child *d);
/* Selector of its notification in root's table; it outlives the program. */
uint64_t driver_ntfn(const struct driver_child *d);

/* --- pci.c --- */

/* Start the PCI server.  NULL, or why not. */
const char *pci_start(void) MUST_USE;
/* Give @d the first device that fits and is nobody's.  False: there is none. */
bool pci_claim(struct driver_child *d) MUST_USE;
/* Give the child of @d what its device has. */
void pci_give(struct driver_child *d);

/* --- driver_link.c --- */

/*
 * @d gets a client: device @name of @vm, which is signalled by @signal, with @links links; @what says what it is a client of.
 * NULL: it has too many.
 */
struct driver_link *driver_link_add(struct driver_child *d, struct vm *vm, const char *name, uint64_t signal, unsigned links,
				    const struct driver_client *what);
/* For a new program of @d: areas and capabilities of its clients.  For those that run: what comes and goes with them. */
void driver_links_give(struct driver_child *d);
/* For a new monitor of @v: areas; and for a new domain, capabilities and what its drivers get. */
void vm_links_areas(struct vm *v);
void vm_links_give(struct vm *v);
/* @v has ended: take its memory from its drivers. */
void vm_links_end(struct vm *v);
/* Has every driver let go of what was under way for @v?  Until then devices may write into its memory. */
bool vm_links_ended(const struct vm *v) MUST_USE;

#endif
