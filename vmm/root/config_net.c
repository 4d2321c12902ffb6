/* SPDX-License-Identifier: Apache-2.0 */
/* Networks in the configuration: nodes network@0 ... of /networks, and net@0 ... below a VM's own. */
#include "config_prop.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>
#include <svc/switch.h>

#define RATE_MIN	1000u			/* bytes a second: below that a frame would wait for seconds */
#define RATE_MAX	1000000000000ull
#define MAC_MAX		0xffffffffffffull
#define MAC_GROUP	1u

static const struct config_prop network_props[] = {
	{ .name = "name", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_network, name), .size = VM_NAME },
	{ .name = "uplink", .kind = PROP_TEXT, .offset = offsetof(struct config_network, uplink), .size = DRIVER_NAME },
	{ .name = NULL }
};

static const struct config_prop net_props[] = {
	{ .name = "network", .kind = PROP_U32, .required = true, .offset = offsetof(struct config_net, network), .max = CONFIG_NETWORKS - 1 },
	{ .name = "mac", .kind = PROP_U64, .required = true, .offset = offsetof(struct config_net, mac), .min = 1, .max = MAC_MAX },
	{ .name = "vlan", .kind = PROP_U32, .offset = offsetof(struct config_net, vlan), .max = SWITCH_VLAN_MAX },
	{ .name = "tagged", .kind = PROP_LIST, .offset = offsetof(struct config_net, tagged), .min = 1, .max = SWITCH_VLAN_MAX },
	{ .name = "isolated", .kind = PROP_U32, .offset = offsetof(struct config_net, isolated), .max = 1 },
	{ .name = "any-source", .kind = PROP_U32, .offset = offsetof(struct config_net, any_source), .max = 1 },
	{ .name = "capture", .kind = PROP_U32, .offset = offsetof(struct config_net, capture), .max = 1 },
	{ .name = "rate", .kind = PROP_U64, .offset = offsetof(struct config_net, rate), .min = RATE_MIN, .max = RATE_MAX },
	{ .name = NULL }
};
_Static_assert(CONFIG_LIST <= SWITCH_VLANS, "a list of VLANs fits");

static const char *const none[] = { NULL };

/* The uplink is a driver's, and no other network's. */
static bool uplink_check(const struct config_at *at, const struct config *c, const struct config_network *n)
{
	bool there = !n->uplink[0];

	for (unsigned i = 0; i < c->driver_count; i++)
		there |= str_equal(c->driver[i].name, n->uplink);
	if (!there) {
		config_error(at, "uplink: no driver is called \"%s\"", n->uplink);
		return false;
	}
	for (unsigned i = 0; i < c->network_count; i++)
		if (n->uplink[0] && str_equal(c->network[i].uplink, n->uplink)) {
			config_error(at, "uplink: \"%s\" is the uplink of another network", n->uplink);
			return false;
		}
	return true;
}

bool config_networks_read(struct config_at at, struct config *c)
{
	static const struct config_prop no_props[] = { { .name = NULL } };
	int networks = fdt_subnode_offset(at.fdt, 0, "networks"), node;

	if (networks < 0)
		return true;
	at.node = "/networks";
	if (!config_node_read(&at, networks, no_props, NULL))
		return false;
	fdt_for_each_subnode(node, at.fdt, networks) {
		struct config_network n = { .name = "" };

		if (c->network_count == CONFIG_NETWORKS) {
			config_error(&at, "more than %u networks", CONFIG_NETWORKS);
			return false;
		}
		if (!config_node_read(&at, node, network_props, &n) || !config_children_known(&at, node, none))
			return false;
		if (!config_name_valid(n.name)) {
			config_error(&at, "name: expected letters, digits, - and _");
			return false;
		}
		if (!uplink_check(&at, c, &n))
			return false;
		c->network[c->network_count++] = n;
	}
	return true;
}

bool config_is_net(const char *name)
{
	return strncmp(name, "net@", 4) == 0;
}

/* The ports of @network among those of @vm: how many, and does one of them have the address of @n? */
static unsigned ports_of(const struct config_vm *vm, const struct config_net *n, bool *same)
{
	unsigned count = 0;

	for (unsigned i = 0; i < vm->net_count; i++) {
		if (vm->net[i].network != n->network)
			continue;
		count++;
		*same |= vm->net[i].mac == n->mac;
	}
	return count;
}

static bool vlans_check(const struct config_at *at, const struct config_net *n)
{
	for (unsigned i = 0; i < n->tagged.count; i++) {
		bool twice = n->tagged.item[i] == n->vlan;

		for (unsigned k = 0; k < i; k++)
			twice |= n->tagged.item[i] == n->tagged.item[k];
		if (twice) {
			config_error(at, "tagged: VLAN %u is given twice", n->tagged.item[i]);
			return false;
		}
	}
	return true;
}

/* What the table cannot say about one port. */
static bool net_check(const struct config_at *at, const struct config *c, const struct config_vm *vm, const struct config_net *n)
{
	bool same = false;
	unsigned ports;

	if (n->network >= c->network_count) {
		config_error(at, "network: expected one of %u, found %u", c->network_count, n->network);
		return false;
	}
	if (n->mac & MAC_GROUP) {
		config_error(at, "mac: expected the address of one station, found that of a group");
		return false;
	}
	ports = ports_of(vm, n, &same);
	for (unsigned i = 0; i < c->vm_count; i++)
		ports += ports_of(&c->vm[i], n, &same);
	if (same) {
		config_error(at, "mac: another port of the network has this address");
		return false;
	}
	if (ports + (c->network[n->network].uplink[0] != 0) >= SWITCH_PORTS) {
		config_error(at, "network: more than %u ports of one network", SWITCH_PORTS);
		return false;
	}
	return vlans_check(at, n);
}

bool config_nets_read(struct config_at at, int vm_node, const struct config *c, struct config_vm *vm)
{
	const char *vm_path = at.node;
	char path[96];
	int node;

	fdt_for_each_subnode(node, at.fdt, vm_node) {
		struct config_net *n = &vm->net[vm->net_count];
		const char *name = fdt_get_name(at.fdt, node, NULL);

		if (!name || !config_is_net(name))
			continue;
		at.node = vm_path;
		if (vm->net_count == VM_NETS) {
			config_error(&at, "more than %u network ports", VM_NETS);
			return false;
		}
		fmt_buf(path, sizeof(path), "%s/net@%u", vm_path, vm->net_count);
		at.node = path;
		if (!config_node_read(&at, node, net_props, n) || !config_children_known(&at, node, none) || !net_check(&at, c, vm, n))
			return false;
		vm->net_count++;
	}
	return true;
}
