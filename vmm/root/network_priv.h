/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about networks share: see network.h. */
#ifndef ROOT_NETWORK_PRIV_H
#define ROOT_NETWORK_PRIV_H

#include <rt/event.h>
#include <svc/net.h>
#include <svc/switch.h>

#include "child.h"
#include "drivers.h"
#include "network.h"
#include "policy.h"
#include "root.h"

#define SWITCH_CLIENTS		64u		/* selectors of a switch's clients, behind all that it is given */

struct network_port {
	struct vm *vm;			/* whose it is, always the same; NULL: ...                  */
	struct driver_child *driver;	/* ... a NIC's, the uplink                                  */
	unsigned index;			/* in the configuration of the VM                           */
	bool plugged;
	bool leaving;			/* the switch may still touch its memory                    */
};

struct network {
	unsigned index;
	const char *name;
	struct child child;
	struct switch_shared *shared;
	struct net_shared *links;	/* of each port                                             */
	struct extent shared_extent, links_extent;
	struct ring log;
	struct switch_config config;
	struct network_port port[SWITCH_PORTS];
	uint64_t plugs;			/* how often something was plugged in                       */
	struct policy policy;
	struct event_timer restart, patience;
	unsigned starts;
};

extern struct network networks[CONFIG_NETWORKS];

static inline uint64_t network_ntfn(const struct network *n) { return ROOT_SEL_NETWORK + n->index; }

/* The switch of @n is gone, or is to go: start it again, later and later if that repeats itself. */
void network_again(struct network *n, const char *why);
/* It is down: forget the timer, and start it at once. */
void network_start(void *arg);

/* --- network_port.c --- */

/* Port @k of @v, as the switch is told. */
void network_port_add(struct vm *v, unsigned k);
/* The uplink, behind all others. */
void network_uplink_add(struct network *n, struct driver_child *d);
/* Give the switch what port @p needs, and tell it. */
void network_port_plug(struct network *n, unsigned p);
/* Which ports has the switch let go?  All, if it has ended. */
void network_releases(struct network *n);

#endif
