/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and a switch: one network, its ports, and who is plugged in.
 *
 * Each port stands for one client (svc/net.h): a network card of a virtual machine, or a driver of a host's NIC.  The data memory of a
 * port is mapped by root, writable, from switch_memory(port) on while it is plugged in; so frames are copied once, from the sender's
 * memory to the receiver's, and nobody but the switch sees both.
 *
 * Capabilities in the start page (rt/start.h):
 *   ntfn     NOTIFICATION   WAIT           bit N: the client of port N has signalled; SWITCH_SIGNAL_ROOT: root has
 *   root     NOTIFICATION   SIGNAL         one bit of root's: signal switch_config.root_signal
 * Selector switch_config.client + N: NOTIFICATION SIGNAL of the client of port N, while it is plugged in.
 *
 * Areas: "shared" is struct switch_shared, "ports" one struct net_shared for each port, and a heap.
 *
 * Plugging in and out: root counts up switch_port.wanted when memory and capability are there, and signals; the switch begins both
 * links anew and copies the number to .done.  Root writes 0 to unplug; when .done is 0 as well the switch touches that memory no
 * more, and root takes it away.  Both words survive the switch: a new one begins with .done = 0 everywhere.
 */
#ifndef SVC_SWITCH_H
#define SVC_SWITCH_H

#include <stdatomic.h>

#include <lib/base.h>
#include <rt/ring.h>
#include <rt/start.h>

#define SWITCH_PORTS		16u		/* of one network */
#define SWITCH_VLANS		8u		/* tagged ones of one port */
#define SWITCH_VLAN_MAX		4094u
#define SWITCH_MTU		1500u
#define SWITCH_PORT_NAME	24u
#define SWITCH_SIGNAL_ROOT	(1ull << 32)

#define SWITCH_MEMORY		0x010000000000ull
#define SWITCH_MEMORY_STEP	0x010000000000ull

/* Where the data memory of port @n begins. */
static inline uint64_t switch_memory(unsigned n) { return SWITCH_MEMORY + n * SWITCH_MEMORY_STEP; }

/* switch_port_config.flags */
#define SWITCH_ISOLATED		(1u << 0)	/* no frames from or to other isolated ports                  */
#define SWITCH_ANY_SOURCE	(1u << 1)	/* may send from other addresses than its own: a bridge, a NIC */
#define SWITCH_CAPTURE		(1u << 2)	/* sees all frames, sends none                                */
#define SWITCH_UPLINK		(1u << 3)	/* a NIC: its word about checksums is believed                */
#define SWITCH_FLAGS		0xfu

struct switch_port_config {
	char name[SWITCH_PORT_NAME];		/* for messages                                               */
	uint64_t mac;				/* its address, first byte lowest; 0: it has none (a NIC, a capture port) */
	uint64_t rate;				/* bytes a second that it may send; 0: no limit               */
	uint64_t signal;			/* the bit to signal to its client                            */
	uint32_t flags;				/* SWITCH_*                                                   */
	uint16_t vlan;				/* of untagged frames; 0: the network without number          */
	uint16_t tagged_count;
	uint16_t tagged[SWITCH_VLANS];		/* further VLANs, with tags                                   */
};
_Static_assert(sizeof(struct switch_port_config) == 72, "protocol");

/* The configuration in the start page. */
struct switch_config {
	uint64_t root_signal;			/* the bit to signal on "root"                                */
	uint32_t client;			/* the first of the clients' selectors                        */
	uint32_t port_count;			/* 1 ... SWITCH_PORTS                                         */
	struct switch_port_config port[SWITCH_PORTS];
};
_Static_assert(sizeof(struct switch_config) <= TV_START_CONFIG, "fits into the start page");

/* Exit codes of the switch. */
enum switch_exit {
	SWITCH_EXIT_CONFIG = 1,			/* what root gave it is not what it knows */
};

/* Why frames were dropped. */
enum switch_drop {
	SWITCH_DROP_MALFORMED,			/* too short, too long, or its offload words are nonsense     */
	SWITCH_DROP_SOURCE,			/* not its own address, or a group's                          */
	SWITCH_DROP_VLAN,			/* not a VLAN of this port                                    */
	SWITCH_DROP_RECEIVE_ONLY,		/* from a capture port                                        */
	SWITCH_DROP_NO_ROOM,			/* to this port: its client has lent no buffers               */
	SWITCH_DROPS
};

/* One port: counters are the switch's, root shows them and trusts none. */
struct switch_port {
	_Atomic uint64_t wanted;		/* root: counts how often something was plugged in; 0: nothing */
	_Atomic uint64_t done;			/* the switch                                                 */
	_Atomic uint64_t in_frames, in_bytes;	/* from the client                                            */
	_Atomic uint64_t out_frames, out_bytes;	/* to it                                                      */
	_Atomic uint64_t dropped[SWITCH_DROPS];
	_Atomic uint64_t up;			/* 1: there is a client that speaks                           */
	_Atomic uint64_t size;			/* root: bytes of the data memory, set before @wanted         */
	uint64_t reserved[3];
};
_Static_assert(sizeof(struct switch_port) == 128, "protocol");

#define SWITCH_LOG_SIZE		2048u

/* The area "shared". */
struct switch_shared {
	struct ring_shared log;			/* text lines: the switch puts                                */
	_Atomic uint64_t learned;		/* addresses in its table                                     */
	uint64_t reserved[15];
	struct switch_port port[SWITCH_PORTS];
	uint8_t pad[4096 - 256 - 128 * SWITCH_PORTS];
	uint8_t log_data[SWITCH_LOG_SIZE];
	uint8_t pad1[4096 - SWITCH_LOG_SIZE];
};
_Static_assert(sizeof(struct switch_shared) == 8192, "whole pages");

static inline struct ring switch_ring_log(struct switch_shared *s)
{
	return (struct ring){ &s->log, s->log_data, SWITCH_LOG_SIZE };
}

#endif
