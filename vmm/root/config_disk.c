/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of a VM in the configuration: nodes disk@0 ... below its own. */
#include "config_prop.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>

#define DISK_MAX	(64 * GIB)
#define DISK_UNITS	32u		/* disks of one controller */

static const char *const type_words[VM_DISK_TYPES + 1] = { "virtio", "sata", "cdrom", "flash", NULL };

static const struct config_prop disk_props[] = {
	{ .name = "driver", .kind = PROP_TEXT, .offset = offsetof(struct config_disk, driver), .size = DRIVER_NAME },
	{ .name = "part", .kind = PROP_TEXT, .offset = offsetof(struct config_disk, part), .size = DRIVER_PART },
	{ .name = "unit", .kind = PROP_U32, .offset = offsetof(struct config_disk, unit), .max = DISK_UNITS - 1 },
	{ .name = "image", .kind = PROP_TEXT, .offset = offsetof(struct config_disk, image), .size = VM_MODULE_NAME },
	{ .name = "size", .kind = PROP_U64, .offset = offsetof(struct config_disk, size), .max = DISK_MAX },
	{ .name = "read-only", .kind = PROP_U32, .offset = offsetof(struct config_disk, read_only), .max = 1 },
	{ .name = "serial", .kind = PROP_TEXT, .offset = offsetof(struct config_disk, serial), .size = CONFIG_SERIAL },
	{ .name = "type", .kind = PROP_WORD, .words = type_words, .offset = offsetof(struct config_disk, type) },
	{ .name = NULL }
};

static bool disk_check(const struct config_at *at, const struct config_disk *d)
{
	if (d->driver[0]) {
		if (!d->image[0] && !d->size)
			return true;
		config_error(at, "driver: expected neither image nor size beside it");
		return false;
	}
	if (!d->image[0] && !d->size) {
		config_error(at, "size: expected one, as there is no image");
		return false;
	}
	if (d->size % PAGE_SIZE) {
		config_error(at, "size: expected a multiple of 4096, found %lu", d->size);
		return false;
	}
	if (d->read_only && !d->image[0]) {
		config_error(at, "read-only: expected an image to read");
		return false;
	}
	if (d->type == VM_DISK_CDROM && !d->read_only) {
		config_error(at, "type: expected a CD to be read-only");
		return false;
	}
	if (d->type == VM_DISK_FLASH && d->read_only) {
		config_error(at, "type: expected a flash that can be written");
		return false;
	}
	return true;
}

bool config_is_disk(const char *name)
{
	return strncmp(name, "disk@", 5) == 0;
}

bool config_disks_read(struct config_at at, int vm_node, struct config_vm *vm)
{
	static const char *const none[] = { NULL };
	const char *vm_path = at.node;
	char path[96];
	int node;

	fdt_for_each_subnode(node, at.fdt, vm_node) {
		struct config_disk *d = &vm->disk[vm->disk_count];
		const char *name = fdt_get_name(at.fdt, node, NULL);

		if (!name || !config_is_disk(name))
			continue;
		at.node = vm_path;
		if (vm->disk_count == VM_DISKS) {
			config_error(&at, "more than %u disks", VM_DISKS);
			return false;
		}
		fmt_buf(path, sizeof(path), "%s/disk@%u", vm_path, vm->disk_count);
		at.node = path;
		if (!config_node_read(&at, node, disk_props, d) || !config_children_known(&at, node, none) || !disk_check(&at, d))
			return false;
		vm->disk_count++;
	}
	return true;
}
