/* SPDX-License-Identifier: Apache-2.0 */
/* The table of learned addresses: see table.h. */
#include "table.h"

#define TABLE_USED	BIT(63)		/* an address and a VLAN have 60 bits */

static uint64_t key_of(uint64_t mac, uint16_t vlan)
{
	return mac | (uint64_t)vlan << 48 | TABLE_USED;
}

/* The finalizer of SplitMix64: every bit of the key changes every bit of the set. */
static struct table_entry *set_of(const struct table *t, uint64_t key)
{
	uint64_t h = key ^ t->secret;

	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 27) * 0x94d049bb133111ebull;
	return (struct table_entry *)t->entry[(h ^ h >> 31) % TABLE_SETS];
}

static void drop(struct table *t, struct table_entry *e)
{
	t->of_port[e->port]--;
	t->count--;
	*e = (struct table_entry){ .key = 0 };
}

void table_init(struct table *t, uint64_t age, uint64_t secret)
{
	t->age = age;
	t->secret = secret;
}

/* A place in @set for a new address of @port: a free one, or that of its own oldest.  NULL: none. */
static struct table_entry *place(struct table *t, struct table_entry *set, uint32_t port, uint64_t now)
{
	struct table_entry *free = NULL, *own = NULL;

	for (unsigned i = 0; i < TABLE_WAYS; i++) {
		struct table_entry *e = &set[i];

		if (e->key && now - e->seen > t->age)
			drop(t, e);
		if (!e->key)
			free = e;
		else if (e->port == port && (!own || e->seen < own->seen))
			own = e;
	}
	if (free && t->of_port[port] < TABLE_PER_PORT)
		return free;
	if (own)
		drop(t, own);
	return own;
}

void table_learn(struct table *t, uint64_t mac, uint16_t vlan, uint32_t port, uint64_t now)
{
	uint64_t key = key_of(mac, vlan);
	struct table_entry *set = set_of(t, key), *e;

	for (unsigned i = 0; i < TABLE_WAYS; i++) {
		if (set[i].key != key)
			continue;
		if (set[i].port == port) {
			set[i].seen = now;
			return;
		}
		drop(t, &set[i]);
	}
	e = place(t, set, port, now);
	if (!e)
		return;
	*e = (struct table_entry){ key, now, port };
	t->of_port[port]++;
	t->count++;
}

uint32_t table_find(const struct table *t, uint64_t mac, uint16_t vlan, uint64_t now)
{
	uint64_t key = key_of(mac, vlan);
	const struct table_entry *set = set_of(t, key);

	for (unsigned i = 0; i < TABLE_WAYS; i++)
		if (set[i].key == key && now - set[i].seen <= t->age)
			return set[i].port;
	return TABLE_NOWHERE;
}

void table_forget(struct table *t, uint32_t port)
{
	for (unsigned i = 0; i < TABLE_SETS; i++)
		for (unsigned k = 0; k < TABLE_WAYS; k++)
			if (t->entry[i][k].key && t->entry[i][k].port == port)
				drop(t, &t->entry[i][k]);
}
