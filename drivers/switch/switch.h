/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch itself: which frame goes to which ports.
 *
 *	a frame of a port -> its VLAN -> may the port send this? -> learn its source -> to whom? -> copied to each of them
 */
#ifndef SWITCH_SWITCH_H
#define SWITCH_SWITCH_H

#include <lib/base.h>
#include <svc/switch.h>

#include "port.h"
#include "table.h"

#define SWITCH_AGE_S	300u		/* IEEE 802.1Q, "Ageing Time": the recommended value */
#define SWITCH_TURN	32u		/* frames of a port before it is the next one's turn */

struct net_switch {
	const struct switch_config *config;
	struct switch_shared *shared;
	struct port port[SWITCH_PORTS];
	struct table table;
	struct frame frame;
};

/* @s is zeroed; @ports: struct net_shared of each port.  @hz: of the TSC.  @secret: what nobody outside can know. */
void switch_init(struct net_switch *s, const struct switch_config *config, struct switch_shared *shared, struct net_shared *ports,
		 uint64_t hz, uint64_t secret);
/* What is plugged in has changed, perhaps: @memory(n) is the data memory of port @n.  True: it had, and root waits for a signal. */
bool switch_plugs(struct net_switch *s, uint8_t *(*memory)(unsigned n));
/* One turn of each port.  True: there is more to do now; else *@when is the TSC at which there will be, or stays as it is. */
bool switch_turn(struct net_switch *s, uint64_t now, uint64_t *when) MUST_USE;

#endif
