/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: for each of the configuration a switch (svc/switch.h), a child of root's, and the VMs' ports on it.
 *
 * A switch that ends is started again; the VMs do not notice more than a pause.
 */
#ifndef ROOT_NETWORK_H
#define ROOT_NETWORK_H

#include <lib/base.h>

#include "drivers.h"
#include "vms.h"

/* Start the switches that the configuration asks for. */
void networks_init(void);

/* Kernel memory that the ports of a VM cost its monitor, in pages. */
unsigned network_quota(const struct config_vm *c);
/* Map the links of the ports of @v into its monitor. */
void network_areas(struct vm *v);
/* Give its monitor what it needs to signal the switches, say so in @c, and plug it in: its memory and its child are ready. */
void network_give(struct vm *v, struct vm_config *c);
/* Plug @v out: it has ended.  Its memory is its own again when network_released() says so; vm_scrub() is called again then. */
void network_unplug(struct vm *v);
bool network_released(const struct vm *v) MUST_USE;

/* @d is being started: if it is the uplink of a network, give it its port, say so in @c, and plug it in. */
void network_uplink_give(struct driver_child *d, struct driver_config *c);

/* Does @word name a network? */
bool network_named(const char *word);
/* Take the switch of network @name down and start it again. */
void network_restart(const char *name);
/* Lines about network @name and its ports, on the shell. */
void network_show(const char *name);

#endif
