/* SPDX-License-Identifier: Apache-2.0 */
/* The switch: see switch.h. */
#include "switch.h"

#define VLAN_MASK	0x0fffu
/* IEEE 802.1Q, "Reserved addresses": 01-80-C2-00-00-00 to -0F go no further than one cable. */
#define MAC_RESERVED	0x0000c28001ull
#define MAC_RESERVED_MASK 0xf0ffffffffffull

void switch_init(struct net_switch *s, const struct switch_config *config, struct switch_shared *shared, struct net_shared *ports,
		 uint64_t hz, uint64_t secret)
{
	s->config = config;
	s->shared = shared;
	table_init(&s->table, SWITCH_AGE_S * hz, secret);
	for (unsigned i = 0; i < config->port_count; i++) {
		struct port *p = &s->port[i];

		p->config = &config->port[i];
		p->status = &shared->port[i];
		p->shared = &ports[i];
		p->bucket = (struct bucket){ .rate = p->config->rate, .hz = hz };
		atomic_store(&p->status->done, 0);
	}
}

bool switch_plugs(struct net_switch *s, uint8_t *(*memory)(unsigned n))
{
	bool changed = false;

	for (unsigned i = 0; i < s->config->port_count; i++) {
		struct port *p = &s->port[i];
		uint64_t wanted = atomic_load_explicit(&p->status->wanted, memory_order_acquire);

		if (wanted == p->plugged)
			continue;
		port_unplug(p);
		table_forget(&s->table, i);
		if (wanted)
			port_plug(p, wanted, memory(i), atomic_load_explicit(&p->status->size, memory_order_relaxed));
		atomic_store_explicit(&p->status->done, wanted, memory_order_release);
		changed = true;
	}
	return changed;
}

static bool flag(const struct port *p, uint32_t flag) { return (p->config->flags & flag) != 0; }

static bool is_up(const struct port *p) { return atomic_load_explicit(&p->status->up, memory_order_relaxed) != 0; }

/* May frames of VLAN @vlan go from @from to @to? */
static bool reaches(const struct port *from, const struct port *to, uint16_t vlan)
{
	return from != to && is_up(to) && !flag(to, SWITCH_CAPTURE) && !(flag(from, SWITCH_ISOLATED) && flag(to, SWITCH_ISOLATED)) &&
	       port_has_vlan(to, vlan);
}

/* Does the client of @p want frames for addresses that are not its own? */
static bool wants_unknown(const struct port *p)
{
	return flag(p, SWITCH_ANY_SOURCE) || link_info_get(&p->shared->send.client, NET_CLIENT_FILTER) & NET_PROMISC;
}

/* Whose own address, by configuration, is @mac?  TABLE_NOWHERE: nobody's. */
static uint32_t owner_of(const struct net_switch *s, uint64_t mac)
{
	for (unsigned i = 0; i < s->config->port_count; i++)
		if (s->config->port[i].mac && s->config->port[i].mac == mac)
			return i;
	return TABLE_NOWHERE;
}

/* Why the client of port @n may not send this; SWITCH_DROPS: it may.  *@vlan is its VLAN. */
static enum switch_drop check(const struct net_switch *s, unsigned n, const struct frame *f, uint16_t *vlan)
{
	const struct port *p = &s->port[n];
	uint64_t source = frame_mac(f->head + ETH_SOURCE);
	uint32_t owner = owner_of(s, source);

	/* Tag 0 is a priority without VLAN. */
	*vlan = f->tagged && f->tag & VLAN_MASK ? f->tag & VLAN_MASK : p->config->vlan;
	if (flag(p, SWITCH_CAPTURE))
		return SWITCH_DROP_RECEIVE_ONLY;
	if (f->tagged && f->tag & VLAN_MASK && (*vlan == p->config->vlan || !port_has_vlan(p, *vlan)))
		return SWITCH_DROP_VLAN;
	if (!source || source & MAC_GROUP || (owner != n && !(flag(p, SWITCH_ANY_SOURCE) && owner == TABLE_NOWHERE)))
		return SWITCH_DROP_SOURCE;
	return SWITCH_DROPS;
}

/* To all whom it may concern. */
static void flood(struct net_switch *s, struct port *from, const struct frame *f, uint16_t vlan, bool group)
{
	for (unsigned i = 0; i < s->config->port_count; i++) {
		struct port *to = &s->port[i];

		if (reaches(from, to, vlan) && (group || wants_unknown(to)))
			port_deliver(to, f, vlan);
	}
}

static void capture(struct net_switch *s, const struct frame *f, uint16_t vlan)
{
	for (unsigned i = 0; i < s->config->port_count; i++)
		if (flag(&s->port[i], SWITCH_CAPTURE) && is_up(&s->port[i]))
			port_deliver(&s->port[i], f, vlan);
}

static void forward(struct net_switch *s, unsigned n, uint64_t now)
{
	struct port *from = &s->port[n];
	const struct frame *f = &s->frame;
	uint64_t to = frame_mac(f->head);
	uint16_t vlan;
	enum switch_drop drop = check(s, n, f, &vlan);
	uint32_t port;

	if (drop != SWITCH_DROPS) {
		port_count(&from->status->dropped[drop], 1);
		return;
	}
	capture(s, f, vlan);
	if (flag(from, SWITCH_ANY_SOURCE))
		table_learn(&s->table, frame_mac(f->head + ETH_SOURCE), vlan, n, now);
	if ((to & MAC_RESERVED_MASK) == MAC_RESERVED)
		return;
	if (to & MAC_GROUP) {
		flood(s, from, f, vlan, true);
		return;
	}
	port = owner_of(s, to);
	if (port == TABLE_NOWHERE)
		port = table_find(&s->table, to, vlan, now);
	if (port == TABLE_NOWHERE)
		flood(s, from, f, vlan, false);
	else if (reaches(from, &s->port[port], vlan))
		port_deliver(&s->port[port], f, vlan);
}

/* Some frames of port @n.  True: there may be more. */
static bool port_turn(struct net_switch *s, unsigned n, uint64_t now, uint64_t *when)
{
	struct port *p = &s->port[n];

	for (unsigned i = 0; i < SWITCH_TURN; i++) {
		enum port_taken taken;
		uint64_t open;
		uint32_t tag;

		if (!bucket_open(&p->bucket, now, &open)) {
			*when = min_u64(*when, open);
			return false;
		}
		taken = port_take(p, &s->frame, &tag);
		if (taken == PORT_NOTHING)
			return !port_sleep(p);
		if (taken == PORT_FRAME) {
			bucket_spend(&p->bucket, s->frame.len);
			port_count(&p->status->in_frames, 1);
			port_count(&p->status->in_bytes, s->frame.len);
			forward(s, n, now);
		} else {
			bucket_spend(&p->bucket, NET_FRAME_MIN);
			port_count(&p->status->dropped[SWITCH_DROP_MALFORMED], 1);
		}
		port_done(p, tag, taken == PORT_FRAME ? NET_OK : NET_ERANGE);
	}
	return true;
}

bool switch_turn(struct net_switch *s, uint64_t now, uint64_t *when)
{
	bool more = false;

	for (unsigned i = 0; i < s->config->port_count; i++)
		if (port_poll(&s->port[i]))
			more |= port_turn(s, i, now, when);
	atomic_store_explicit(&s->shared->learned, s->table.count, memory_order_relaxed);
	return more;
}
