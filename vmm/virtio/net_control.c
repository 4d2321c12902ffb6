/* SPDX-License-Identifier: Apache-2.0 */
/* The control queue of a network device: which frames the guest wants to see; the server is told and may filter. */
#include <virtio/net.h>

/* "Control Virtqueue" */
enum { CLASS_RX = 0, CLASS_MAC = 1 };
enum { RX_PROMISC = 0, RX_ALLMULTI = 1 };
enum { MAC_TABLE = 0, MAC_ADDR = 1 };
enum { ACK_OK = 0, ACK_ERROR = 1 };

struct command {
	uint8_t class, command;
};
#define MAC_LEN		6u
#define TABLE_HEADER	4u

static void filter_set(struct net *n, uint64_t flag, bool on)
{
	n->filter = on ? n->filter | flag : n->filter & ~flag;
	link_info_set(&n->send.shared->client, NET_CLIENT_FILTER, n->filter);
}

/* RX commands have one byte: on or off. */
static bool rx_command(struct net *n, uint8_t command)
{
	uint8_t on;

	if (vq_copy_out(&n->chain, sizeof(struct command), &on, 1) != 1 || on > 1)
		return false;
	switch (command) {
	case RX_PROMISC:
		filter_set(n, NET_PROMISC, on);
		return true;
	case RX_ALLMULTI:
		filter_set(n, NET_ALL_MULTICAST, on);
		return true;
	default:
		return false;
	}
}

/* One table: a number, then so many addresses.  More than there is room for: @flag instead.  False: it is not all there. */
static bool table_read(struct net *n, uint32_t *at, unsigned *count, uint64_t flag)
{
	struct link_side *own = &n->send.shared->client;
	uint32_t entries;

	if (vq_copy_out(&n->chain, *at, &entries, TABLE_HEADER) != TABLE_HEADER)
		return false;
	*at += TABLE_HEADER;
	if (entries > (n->chain.out_len - *at) / MAC_LEN)
		return false;
	for (uint32_t i = 0; i < entries; i++, *at += MAC_LEN) {
		uint64_t mac = 0;

		if (*count == NET_FILTER_MACS) {
			*at += (entries - i) * MAC_LEN;
			filter_set(n, flag, true);
			return true;
		}
		(void)vq_copy_out(&n->chain, *at, &mac, MAC_LEN);
		link_info_set(own, NET_CLIENT_MAC0 + (*count)++, mac);
	}
	return true;
}

/* Unicast addresses, then multicast ones. */
static bool mac_table(struct net *n)
{
	uint32_t at = sizeof(struct command);
	unsigned count = 0;
	bool good = table_read(n, &at, &count, NET_PROMISC) && table_read(n, &at, &count, NET_ALL_MULTICAST);

	link_info_set(&n->send.shared->client, NET_CLIENT_MACS, count);
	return good;
}

/* The server decides which address a port may use: only that one is accepted. */
static bool mac_address(struct net *n)
{
	uint64_t mac = 0;

	return vq_copy_out(&n->chain, sizeof(struct command), &mac, MAC_LEN) == MAC_LEN &&
	       __builtin_memcmp(&mac, n->mac, MAC_LEN) == 0;
}

static bool run(struct net *n, const struct command *c)
{
	if (c->class == CLASS_RX)
		return rx_command(n, c->command);
	if (c->class == CLASS_MAC && c->command == MAC_TABLE)
		return mac_table(n);
	return c->class == CLASS_MAC && c->command == MAC_ADDR && mac_address(n);
}

void net_control(struct net *n, unsigned q)
{
	struct virtio *v = &n->virtio;

	do {
		while (virtio_pop(v, q, &n->chain)) {
			struct command c;
			uint8_t ack;

			if (!n->chain.in_len || vq_copy_out(&n->chain, 0, &c, sizeof(c)) != sizeof(c)) {
				virtio_broken(v);
				return;
			}
			ack = run(n, &c) ? ACK_OK : ACK_ERROR;
			virtio_push(v, q, &n->chain, vq_copy_in(&n->chain, n->chain.in_len - 1, &ack, 1));
		}
	} while (virtio_more(v, q));
	n->signal(n->signal_arg);
	virtio_interrupt(v, q);
}

void net_control_reset(struct net *n)
{
	filter_set(n, NET_PROMISC | NET_ALL_MULTICAST, false);
	link_info_set(&n->send.shared->client, NET_CLIENT_MACS, 0);
}
