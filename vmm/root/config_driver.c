/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers in the configuration: node /drivers with serial, pci and driver@0 ... below it. */
#include "config_prop.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>

struct image_node {
	char image[VM_MODULE_NAME];
};

static const struct config_prop image_props[] = {
	{ .name = "image", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct image_node, image), .size = VM_MODULE_NAME },
	{ .name = NULL }
};

#define ADDRESS_MAX	0x10000u
#define CLASS_MAX	0xffffffu

static const struct config_prop driver_props[] = {
	{ .name = "name", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_driver, name), .size = DRIVER_NAME },
	{ .name = "image", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_driver, image), .size = VM_MODULE_NAME },
	{ .name = "ids", .kind = PROP_LIST, .offset = offsetof(struct config_driver, ids), .max = UINT32_MAX },
	{ .name = "class", .kind = PROP_U32, .offset = offsetof(struct config_driver, class), .max = CLASS_MAX },
	{ .name = "address", .kind = PROP_U32, .offset = offsetof(struct config_driver, address), .max = ADDRESS_MAX },
	{ .name = NULL }
};

static const struct config_prop no_props[] = { { .name = NULL } };
static const char *const none[] = { NULL };

static bool driver_read(const struct config_at *at, int node, struct config *c)
{
	struct config_driver *d = &c->driver[c->driver_count];

	if (c->driver_count == CONFIG_DRIVERS) {
		config_error(at, "more than %u drivers", CONFIG_DRIVERS);
		return false;
	}
	*d = (struct config_driver){ .class = 0 };
	if (!config_node_read(at, node, driver_props, d) || !config_children_known(at, node, none))
		return false;
	if (!config_name_valid(d->name)) {
		config_error(at, "name: expected letters, digits, - and _");
		return false;
	}
	for (unsigned i = 0; i < c->driver_count; i++)
		if (str_equal(c->driver[i].name, d->name)) {
			config_error(at, "name: \"%s\" is the name of another driver", d->name);
			return false;
		}
	c->driver_count++;
	return true;
}

static bool image_read(const struct config_at *at, int node, char *image)
{
	struct image_node n = { .image = "" };

	if (!config_node_read(at, node, image_props, &n) || !config_children_known(at, node, none))
		return false;
	memcpy(image, n.image, sizeof(n.image));
	return true;
}

bool config_drivers_read(struct config_at at, struct config *c)
{
	int drivers = fdt_subnode_offset(at.fdt, 0, "drivers"), node;
	char path[64];

	if (drivers < 0)
		return true;
	at.node = "/drivers";
	if (!config_node_read(&at, drivers, no_props, NULL))
		return false;
	fdt_for_each_subnode(node, at.fdt, drivers) {
		const char *name = fdt_get_name(at.fdt, node, NULL);
		bool ok = false;

		if (!name || !config_printable(name))
			name = "?";
		fmt_buf(path, sizeof(path), "/drivers/%.40s", name);
		at.node = path;
		if (str_equal(name, "serial"))
			ok = c->serial = image_read(&at, node, c->serial_image);
		else if (str_equal(name, "pci"))
			ok = image_read(&at, node, c->pci_image);
		else if (strncmp(name, "driver@", 7) == 0)
			ok = driver_read(&at, node, c);
		else
			config_error(&at, "unknown node \"%.40s\"", name);
		if (!ok)
			return false;
	}
	return true;
}
