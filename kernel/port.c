/* SPDX-License-Identifier: Apache-2.0 */
/* I/O ports for domains, I/O ports and MSRs for vCPUs.  Grants to one receiver never overlap, so that each can end alone. */
#include <arch/virt.h>
#include <kernel/domain.h>
#include <kernel/panic.h>
#include <kernel/port.h>
#include <kernel/sched.h>
#include <kernel/vcpu.h>

#define PORTS		65536u

/* The bytes of the permission map that allow anything, for the machine to copy no more than these. */
static void port_bounds(struct domain *d)
{
	unsigned first = PORTS / 8, last = 0;

	list_for_each(it, &d->grants) {
		const struct grant *g = list_entry(it, struct grant, link);

		if (g->base / 8 < first)
			first = g->base / 8;
		if ((g->base + g->count - 1) / 8 > last)
			last = (g->base + g->count - 1) / 8;
	}
	d->port_first = (uint16_t)first;
	d->port_last = (uint16_t)last;
}

/* In the map a set bit denies. */
static void port_mark(struct domain *d, const struct grant *g, bool allow)
{
	uint32_t end = g->base + g->count;

	for (uint32_t port = g->base; port < end;) {
		if (port % 8 == 0 && end - port >= 8) {
			d->ports[port / 8] = allow ? 0 : 0xff;
			port += 8;
			continue;
		}
		if (allow)
			d->ports[port / 8] &= (uint8_t)~(1u << port % 8);
		else
			d->ports[port / 8] |= (uint8_t)(1u << port % 8);
		port++;
	}
}

static enum tv_err domain_grant(struct domain *d, const struct grant *g)
{
	if (!d->ports) {
		d->ports = quota_frames_alloc(&d->quota, PORT_MAP_PAGES);
		if (!d->ports)
			return TV_EQUOTA;
		__builtin_memset(d->ports, 0xff, PORT_MAP_PAGES * PAGE_SIZE);
	}
	port_mark(d, g, true);
	return TV_OK;
}

/* May @g join @list? */
static enum tv_err grant_check(const struct list *list, const struct grant *g)
{
	unsigned count = 0;

	list_for_each(it, list) {
		const struct grant *other = list_entry(it, struct grant, link);

		if (other->msrs == g->msrs && g->base < (uint64_t)other->base + other->count &&
		    other->base < (uint64_t)g->base + g->count)
			return TV_EEXIST;
		count++;
	}
	return count < GRANTS_MAX ? TV_OK : TV_EBUSY;
}

struct grant_call {
	const struct grant *grant;
	bool allow;
	enum tv_err err;
};

/* Where the vCPU is. */
static void grant_apply(void *arg)
{
	struct grant_call *c = arg;
	const struct grant *g = c->grant;

	c->err = (g->msrs ? virt->msrs : virt->ports)(g->vcpu, g->base, g->count, c->allow, g->quota);
}

static enum tv_err vcpu_grant(const struct grant *g, bool allow)
{
	struct grant_call c = { .grant = g, .allow = allow };

	vcpu_call(g->vcpu, grant_apply, &c);
	return c.err;
}

enum tv_err grant_create(const struct grant *value, struct cap *source)
{
	struct list *list = value->domain ? &value->domain->grants : &value->vcpu->grants;
	struct grant *g;
	enum tv_err err = grant_check(list, value);

	if (err)
		return err;
	g = quota_alloc(value->quota, sizeof(*g));
	if (!g)
		return TV_EQUOTA;
	*g = *value;
	if (g->domain)
		err = domain_grant(g->domain, g);
	else
		err = vcpu_grant(g, true);
	if (err) {
		quota_free(value->quota, g, sizeof(*g));
		return err;
	}
	list_add_tail(list, &g->link);
	node_insert(&g->node, &source->node, NODE_GRANT);
	if (g->domain) {
		port_bounds(g->domain);
		sched_load_ports(g->domain);
	}
	return TV_OK;
}

void grant_end(struct grant *g)
{
	list_del(&g->link);
	node_unlink(&g->node);
	if (g->domain) {
		port_mark(g->domain, g, false);
		port_bounds(g->domain);
		sched_load_ports(g->domain);
		if (list_empty(&g->domain->grants)) {
			quota_frames_free(&g->domain->quota, g->domain->ports, PORT_MAP_PAGES);
			g->domain->ports = NULL;
		}
	} else {
		CHECK(vcpu_grant(g, false) == TV_OK);
	}
	quota_free(g->quota, g, sizeof(*g));
}

bool grants_end(struct list *list, struct work *w)
{
	while (!list_empty(list)) {
		grant_end(list_first(list, struct grant, link));
		work_spend(w, WORK_NODE);
		if (!work_left(w))
			return false;
	}
	return true;
}
