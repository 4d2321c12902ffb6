/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of drivers.  A link is memory that root keeps; the driver gets the memory of the virtual machine, for its device to read and
 * write in place, when the machine starts, and loses it when it ends: the link is declared void (no hello), the driver lets what is under
 * way come to its end and then answers with no hello either.  Only then is the memory cleaned and given to others.
 */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#include "drivers.h"
#include "mem.h"
#include "root.h"

#define LINKS_MAX	(CONFIG_DRIVERS * DRIVER_CLIENTS)
#define LINK_STEP	(4 * MIB)			/* host-virtual, in monitor and driver */
#define LINK_BASE	0x40000000ull
_Static_assert(LINK_BASE + LINKS_MAX * LINK_STEP <= 0x80000000ull, "below what programs map themselves");
_Static_assert(VM_RAM_PIECES <= DRIVER_PIECES, "a selector for each piece");

static struct driver_link links[LINKS_MAX];
static unsigned link_count;

static uint64_t link_address(const struct driver_link *l)
{
	return LINK_BASE + (uint64_t)(l - links) * LINK_STEP;
}

/* In root's table: a capability of each piece of a VM's memory, from which those of all its drivers are derived. */
static uint64_t ram_sel(const struct vm *v, unsigned piece)
{
	return ROOT_SEL_RAM + v->index * VM_RAM_PIECES + piece;
}

struct driver_link *driver_link_add(struct driver_child *d, struct vm *vm, const char *name, uint64_t signal, unsigned count,
				    const struct driver_client *what)
{
	struct driver_link *l = &links[link_count];

	if (d->client_count == DRIVER_CLIENTS || link_count == LINKS_MAX || count * sizeof(*l->shared) > LINK_STEP)
		return NULL;
	*l = (struct driver_link){ .driver = d, .client = d->client_count, .vm = vm, .signal = signal, .links = count };
	str_copy(l->name, sizeof(l->name), name);
	l->shared = mem_keep(count * sizeof(*l->shared), &l->extent);
	d->client_config[d->client_count] = *what;
	d->client_config[d->client_count].signal = signal;
	d->client[d->client_count++] = l;
	link_count++;
	return l;
}

/* What @l has only while its virtual machine runs.  A driver that is not there gets it when it starts. */
static void link_up(const struct driver_link *l)
{
	uint64_t domain = child_domain(&l->driver->child);
	uint32_t sel = DRIVER_SEL_CLIENT(l->client), rights = TV_RIGHT_READ | TV_RIGHT_WRITE;
	enum tv_err err;

	if (!l->driver->child.alive)
		return;
	err = sys_cap_derive(domain, sel, child_ntfn(&l->vm->child), TV_RIGHT_SIGNAL, l->signal, 0);
	for (unsigned i = 0; i < l->vm->ram_count && err == TV_OK; i++)
		err = sys_cap_derive(domain, sel + 1 + i, ram_sel(l->vm, i), rights, 0, 0);
	if (err != TV_OK)
		root_say("driver %s: gets no access to %s: status %u", l->driver->config->name, l->vm->config->name, (unsigned)err);
	(void)sys_ntfn_signal(driver_ntfn(l->driver), BIT(DRIVER_BIT_CLIENT(l->client)));
}

void driver_links_give(struct driver_child *d)
{
	char name[12];

	for (unsigned i = 0; i < d->client_count; i++) {
		const struct driver_link *l = d->client[i];

		fmt_buf(name, sizeof(name), "link%u", i);
		child_area(&d->child, name, link_address(l), &l->extent, TV_MAP_READ | TV_MAP_WRITE);
		if (l->vm->phase == VM_RUNNING && !d->child.wrong)
			link_up(l);
	}
}

void vm_links_areas(struct vm *v)
{
	for (struct driver_link *l = links; l < links + link_count; l++)
		if (l->vm == v)
			child_area(&v->child, l->name, link_address(l), &l->extent, TV_MAP_READ | TV_MAP_WRITE);
}

void vm_links_give(struct vm *v)
{
	uint32_t rights = TV_RIGHT_READ | TV_RIGHT_WRITE | TV_RIGHT_DERIVE;
	bool any = false;

	for (struct driver_link *l = links; l < links + link_count; l++)
		any |= l->vm == v;
	for (unsigned i = 0; any && i < v->ram_count; i++)
		RT_CHECK(sys_cap_derive(TV_SEL_DOMAIN, ram_sel(v, i), TV_SEL_REGION + v->ram[i].region, rights, v->ram[i].base,
					v->ram[i].size) == TV_OK);
	for (struct driver_link *l = links; l < links + link_count; l++) {
		if (l->vm != v)
			continue;
		child_give(&v->child, l->name, driver_ntfn(l->driver), TV_RIGHT_SIGNAL, BIT(DRIVER_BIT_CLIENT(l->client)), 0);
		link_up(l);
	}
}

void vm_links_end(struct vm *v)
{
	for (unsigned i = 0; i < VM_RAM_PIECES; i++)
		(void)sys_cap_delete(ram_sel(v, i));
	for (struct driver_link *l = links; l < links + link_count; l++) {
		if (l->vm != v)
			continue;
		for (unsigned i = 0; i < l->links; i++)
			atomic_store(&l->shared[i].client.hello, 0);
		(void)sys_ntfn_signal(driver_ntfn(l->driver), BIT(DRIVER_BIT_CLIENT(l->client)));
	}
}

bool vm_links_ended(const struct vm *v)
{
	for (const struct driver_link *l = links; l < links + link_count; l++)
		for (unsigned i = 0; l->vm == v && i < l->links; i++)
			if (atomic_load(&l->shared[i].server.hello))
				return false;
	return true;
}
