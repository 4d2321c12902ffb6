/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address was seen behind which port: IEEE 802.1Q, "The Filtering Database".  Of fixed size; a port that uses up its share, or
 * a set of the table that is full, costs the port's own oldest addresses and nobody else's.
 */
#ifndef SWITCH_TABLE_H
#define SWITCH_TABLE_H

#include <lib/base.h>
#include <svc/switch.h>

#define TABLE_SETS		256u		/* a power of two */
#define TABLE_WAYS		4u
#define TABLE_PER_PORT		256u		/* addresses of one port */
#define TABLE_NOWHERE		0xffffffffu

struct table_entry {
	uint64_t key;				/* address | VLAN << 48 | TABLE_USED */
	uint64_t seen;				/* TSC */
	uint32_t port;
};

struct table {
	uint64_t age;				/* ticks after which an address is forgotten */
	uint64_t secret;			/* so that nobody can choose addresses of one set */
	uint32_t count;
	uint32_t of_port[SWITCH_PORTS];
	struct table_entry entry[TABLE_SETS][TABLE_WAYS];
};

/* @t is zeroed. */
void table_init(struct table *t, uint64_t age, uint64_t secret);
/* @mac was seen as a source behind @port.  An address that was seen behind another one moves. */
void table_learn(struct table *t, uint64_t mac, uint16_t vlan, uint32_t port, uint64_t now);
/* The port, or TABLE_NOWHERE. */
uint32_t table_find(const struct table *t, uint64_t mac, uint16_t vlan, uint64_t now) MUST_USE;
/* Nothing is behind @port any more. */
void table_forget(struct table *t, uint32_t port);

#endif
