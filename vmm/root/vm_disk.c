/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks.  In memory: images are boot modules, what a guest writes stays with root until the machine is switched off.  Behind a driver:
 * links.
 */
#include <rt/fmt.h>
#include <rt/string.h>

#include "drivers.h"
#include "mem.h"
#include "vms.h"

/* The size that the guest sees: as configured, or that of the image. */
static uint64_t disk_size(const struct config_disk *d)
{
	const struct tv_root_module *m = d->image[0] ? mem_module(d->image, NULL) : NULL;

	return d->size ? d->size : align_up(m ? m->size : 0, PAGE_SIZE);
}

void vm_disks_link(struct vm *v)
{
	for (unsigned i = 0; i < v->config->disk_count; i++) {
		const struct config_disk *d = &v->config->disk[i];
		struct driver_child *driver = d->driver[0] ? driver_find(d->driver) : NULL;
		struct driver_client what = { .unit = d->unit, .read_only = d->read_only };
		char name[12];

		memcpy(what.part, d->part, sizeof(what.part));
		fmt_buf(name, sizeof(name), "blk%u", i);
		if (driver)
			v->disk_link[i] = driver_link_add(driver, v, name, VM_SIGNAL_DISK(i), 1, &what);
	}
}

const char *vm_disks_take(struct vm *v)
{
	for (unsigned i = 0; i < v->config->disk_count; i++) {
		const struct config_disk *d = &v->config->disk[i];

		if (d->driver[0] && !v->disk_link[i])
			return "a driver of its disks has too many clients";
		if (d->driver[0] || d->read_only || v->disk[i].size)
			continue;
		if (!mem_take(vm_disk_memory(disk_size(d)), &v->disk[i])) {
			v->disk[i].size = 0;
			return "there is not enough free memory for its disks";
		}
	}
	return NULL;
}

uint64_t vm_disks_bytes(const struct config_vm *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->disk_count; i++)
		sum += 2 * disk_size(&c->disk[i]);
	return sum;
}

void vm_disks_give(struct vm *v, struct vm_config *c)
{
	char name[12];

	c->disk_count = v->config->disk_count;
	for (unsigned i = 0; i < c->disk_count; i++) {
		const struct config_disk *d = &v->config->disk[i];
		const struct tv_root_module *m = d->image[0] ? mem_module(d->image, NULL) : NULL;
		const struct extent *e = &v->disk[i];

		c->disk[i] = (struct vm_disk){ .size = disk_size(d), .read_only = d->read_only, .type = d->type };
		if (v->disk_link[i]) {
			c->disk[i].server = 1;
			c->disk[i].signal = BIT(DRIVER_BIT_CLIENT(v->disk_link[i]->client));
			continue;
		}
		memcpy(c->disk[i].serial, d->serial, sizeof(c->disk[i].serial));
		if (m && m->size) {
			fmt_buf(name, sizeof(name), "image%u", i);
			c->disk[i].image_size = min_u64(m->size, c->disk[i].size);
			child_give(&v->child, name, TV_SEL_REGION + m->region, TV_RIGHT_READ, 0, 0);
		}
		if (!d->read_only) {
			fmt_buf(name, sizeof(name), "ramdisk%u", i);
			child_give(&v->child, name, TV_SEL_REGION + e->region, TV_RIGHT_READ | TV_RIGHT_WRITE, e->base, e->size);
		}
	}
}
