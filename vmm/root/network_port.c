/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs' ports on the switches: who is plugged in, and when its memory is its own again. */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#include "mem.h"
#include "network_priv.h"

#define QUOTA_LINKS		4u		/* pages that the links of a port cost the monitor */
#define PATIENCE_MS		5000u		/* for a switch to let go of a port */

static void network_signal(const struct network *n)
{
	if (n->child.alive)
		(void)sys_ntfn_signal(network_ntfn(n), SWITCH_SIGNAL_ROOT);
}

/* The port on the network for port @k of @v. */
static struct network_port *port_of(const struct vm *v, unsigned k, struct network **of)
{
	struct network *n = &networks[v->config->net[k].network];

	*of = n;
	for (unsigned i = 0; i < n->config.port_count; i++)
		if (n->port[i].vm == v && n->port[i].index == k)
			return &n->port[i];
	rt_panic("network %s: no port for %s", n->name, v->config->name);
}

/* The data memory at port @p, a VM's or a driver's, appears in the switch, one piece behind the other. */
static enum tv_err memory_map(struct network *n, unsigned p)
{
	const struct network_port *port = &n->port[p];
	const struct extent *e = port->vm ? port->vm->ram : &port->driver->dma;
	unsigned count = port->vm ? port->vm->ram_count : 1;
	uint64_t at = switch_memory(p);
	enum tv_err err = TV_OK;

	for (unsigned i = 0; i < count && err == TV_OK; at += e[i++].size)
		err = mem_map(child_domain(&n->child), at, &e[i], 0, e[i].size, TV_MAP_READ | TV_MAP_WRITE);
	return err;
}

void network_port_plug(struct network *n, unsigned p)
{
	struct switch_port *s = &n->shared->port[p];
	const struct network_port *port = &n->port[p];
	uint64_t ntfn = port->vm ? child_ntfn(&port->vm->child) : driver_ntfn(port->driver);
	enum tv_err err;

	if (!n->child.alive)
		return;				/* network_start() will do it */
	err = memory_map(n, p);
	if (err == TV_OK)
		err = sys_cap_derive(child_domain(&n->child), SWITCH_CLIENTS + p, ntfn, TV_RIGHT_SIGNAL,
				     n->config.port[p].signal, 0);
	if (err != TV_OK) {
		root_say("network %s: %s cannot be plugged in: status %d", n->name, n->config.port[p].name, (int)err);
		return;
	}
	atomic_store_explicit(&s->size, port->vm ? port->vm->config->memory : port->driver->dma.size, memory_order_relaxed);
	atomic_store_explicit(&s->wanted, ++n->plugs, memory_order_release);
}

static void port_released(struct network *n, unsigned p)
{
	struct vm *v = n->port[p].vm;

	n->port[p].leaving = false;
	if (n->child.alive)
		(void)sys_mem_unmap(child_domain(&n->child), switch_memory(p), align_up(v->config->memory, PAGE_SIZE));
	if (network_released(v) && (v->phase == VM_CLEANING || v->phase == VM_PREPARING))
		vm_scrub(v, v->phase);
}

void network_releases(struct network *n)
{
	bool waits = false;

	for (unsigned i = 0; i < n->config.port_count; i++) {
		if (n->port[i].leaving && (!n->child.alive || !atomic_load_explicit(&n->shared->port[i].done, memory_order_acquire)))
			port_released(n, i);
		waits |= n->port[i].leaving;
	}
	if (!waits)
		event_timer_cancel(&n->patience);
}

unsigned network_quota(const struct config_vm *c)
{
	return QUOTA_LINKS * c->net_count;
}

/* The links of port @p of @n appear in @child as those of its port @k. */
static void links_area(struct child *child, unsigned k, const struct network *n, unsigned p)
{
	struct extent e = n->links_extent;
	char name[8];

	e.base += p * sizeof(struct net_shared);
	e.size = sizeof(struct net_shared);
	fmt_buf(name, sizeof(name), "net%u", k);
	child_area(child, name, CHILD_NET + k * CHILD_NET_STEP, &e, TV_MAP_READ | TV_MAP_WRITE);
}

void network_areas(struct vm *v)
{
	struct network *n;

	for (unsigned k = 0; k < v->config->net_count; k++) {
		unsigned p = (unsigned)(port_of(v, k, &n) - n->port);

		links_area(&v->child, k, n, p);
	}
}

/* The memory of a driver is always its own, so the uplink is plugged in once and stays. */
void network_uplink_give(struct driver_child *d, struct driver_config *c)
{
	for (unsigned i = 0; i < root.config.network_count; i++) {
		struct network *n = &networks[i];
		unsigned p = n->config.port_count - 1;

		if (!n->config.port_count || n->port[p].driver != d || d->child.wrong)
			continue;
		c->client_count = 1;
		c->client[0].signal = BIT(p);
		links_area(&d->child, 0, n, p);
		child_give(&d->child, "net0", network_ntfn(n), TV_RIGHT_SIGNAL, BIT(p), 0);
		if (!n->port[p].plugged && !d->child.wrong) {
			n->port[p].plugged = true;
			network_port_plug(n, p);
			network_signal(n);
		}
	}
}

void network_give(struct vm *v, struct vm_config *c)
{
	struct network *n;
	char name[8];

	c->net_count = v->config->net_count;
	for (unsigned k = 0; k < c->net_count; k++) {
		struct network_port *port = port_of(v, k, &n);
		unsigned p = (unsigned)(port - n->port);

		fmt_buf(name, sizeof(name), "net%u", k);
		c->net_signal[k] = BIT(p);
		child_give(&v->child, name, network_ntfn(n), TV_RIGHT_SIGNAL, BIT(p), 0);
		if (v->child.wrong)
			return;
		port->plugged = true;
		network_port_plug(n, p);
		network_signal(n);
	}
}

void network_unplug(struct vm *v)
{
	struct network *n;

	for (unsigned k = 0; k < v->config->net_count; k++) {
		struct network_port *port = port_of(v, k, &n);

		if (!port->plugged)
			continue;
		port->plugged = false;
		port->leaving = n->child.alive;
		atomic_store_explicit(&n->shared->port[port - n->port].wanted, 0, memory_order_release);
		if (port->leaving && !event_timer_armed(&n->patience))
			event_timer_set(&root.loop, &n->patience, root_after_ms(PATIENCE_MS));
		network_signal(n);
		network_releases(n);
	}
}

bool network_released(const struct vm *v)
{
	struct network *n;

	for (unsigned k = 0; k < v->config->net_count; k++)
		if (port_of(v, k, &n)->leaving)
			return false;
	return true;
}

void network_port_add(struct vm *v, unsigned k)
{
	const struct config_net *c = &v->config->net[k];
	struct network *n = &networks[c->network];
	struct switch_port_config *p = &n->config.port[n->config.port_count];

	n->port[n->config.port_count++] = (struct network_port){ .vm = v, .index = k };
	fmt_buf(p->name, sizeof(p->name), "%.16s/%u", v->config->name, k);
	p->mac = c->mac;
	p->rate = c->rate;
	p->signal = VM_SIGNAL_NET(k);
	p->flags = (c->isolated ? SWITCH_ISOLATED : 0) | (c->any_source ? SWITCH_ANY_SOURCE : 0) | (c->capture ? SWITCH_CAPTURE : 0);
	p->vlan = (uint16_t)c->vlan;
	p->tagged_count = (uint16_t)c->tagged.count;
	for (unsigned i = 0; i < c->tagged.count; i++)
		p->tagged[i] = (uint16_t)c->tagged.item[i];
}

void network_uplink_add(struct network *n, struct driver_child *d)
{
	struct switch_port_config *p = &n->config.port[n->config.port_count];

	n->port[n->config.port_count++] = (struct network_port){ .driver = d };
	fmt_buf(p->name, sizeof(p->name), "%.16s", d->config->name);
	p->signal = BIT(DRIVER_BIT_CLIENT(0));
	p->flags = SWITCH_ANY_SOURCE | SWITCH_UPLINK;
}
