/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the flattened device tree that tools/trivet made of the user's TOML file.  blob.c and libfdt check the structure of the
 * blob; here each node's properties are checked against a table: name, type, range, whether it must be there.
 */
#include "config.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>

#include "blob.h"

enum prop_kind { PROP_TEXT, PROP_WORD, PROP_U32, PROP_U64 };

/* One property that a node may have. */
struct prop {
	const char *name;
	enum prop_kind kind;
	bool required;
	uint16_t offset;		/* of the member in the node's struct            */
	uint16_t size;			/* PROP_TEXT: bytes of the member with NUL       */
	uint64_t min, max;		/* PROP_U32, PROP_U64                            */
	const char *const *words;	/* PROP_WORD: the member becomes a word's index  */
};

#define PROP_SEEN_MAX	32u

/* Where we are, for messages. */
struct config_at {
	const void *fdt;
	config_report *report;
	const char *node;		/* path, such as "/vms/vm@0" */
};

struct config_root_node {
	char compatible[32];
	uint32_t when_all_stopped;
};

struct config_console_node {
	uint32_t prefix;
	char front[VM_NAME];
};

struct config_driver_node {
	char image[VM_MODULE_NAME];
};

static const char *const stopped_words[] = { "stay", "poweroff", NULL };
static const char *const restart_words[] = { "never", "on-failure", "always", NULL };

static const struct prop root_props[] = {
	{ .name = "compatible", .kind = PROP_TEXT, .required = true,
	  .offset = offsetof(struct config_root_node, compatible), .size = 32 },
	{ .name = "when-all-stopped", .kind = PROP_WORD, .words = stopped_words,
	  .offset = offsetof(struct config_root_node, when_all_stopped) },
	{ .name = NULL }
};

static const struct prop console_props[] = {
	{ .name = "prefix", .kind = PROP_U32, .min = 1, .max = 31,
	  .offset = offsetof(struct config_console_node, prefix) },
	{ .name = "front", .kind = PROP_TEXT, .offset = offsetof(struct config_console_node, front), .size = VM_NAME },
	{ .name = NULL }
};

static const struct prop driver_props[] = {
	{ .name = "image", .kind = PROP_TEXT, .required = true,
	  .offset = offsetof(struct config_driver_node, image), .size = VM_MODULE_NAME },
	{ .name = NULL }
};

static const struct prop no_props[] = { { .name = NULL } };

#define CONFIG_MIN_MEMORY	MIB
#define CONFIG_MAX_MEMORY	(1024 * GIB)
#define CONFIG_MAX_PERIOD	10000000u	/* 10 s */

static const struct prop vm_props[] = {
	{ .name = "name", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_vm, name), .size = VM_NAME },
	{ .name = "memory", .kind = PROP_U64, .required = true, .offset = offsetof(struct config_vm, memory),
	  .min = CONFIG_MIN_MEMORY, .max = CONFIG_MAX_MEMORY },
	{ .name = "cpus", .kind = PROP_U32, .required = true, .offset = offsetof(struct config_vm, cpus),
	  .min = 1, .max = VM_CPUS },
	{ .name = "kernel", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_vm, kernel),
	  .size = VM_MODULE_NAME },
	{ .name = "initrd", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, initrd), .size = VM_MODULE_NAME },
	{ .name = "cmdline", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, cmdline), .size = VM_CMDLINE },
	{ .name = "priority", .kind = PROP_U32, .offset = offsetof(struct config_vm, priority),
	  .min = 1, .max = CONFIG_PRIORITY_MAX },
	{ .name = "budget-us", .kind = PROP_U32, .offset = offsetof(struct config_vm, budget_us), .max = CONFIG_MAX_PERIOD },
	{ .name = "period-us", .kind = PROP_U32, .offset = offsetof(struct config_vm, period_us), .max = CONFIG_MAX_PERIOD },
	{ .name = "restart", .kind = PROP_WORD, .words = restart_words, .offset = offsetof(struct config_vm, restart) },
	{ .name = "autostart", .kind = PROP_U32, .offset = offsetof(struct config_vm, autostart), .max = 1 },
	{ .name = NULL }
};

#define CONFIG_LINE	200u

PRINTF_LIKE(2, 3) static void config_error(const struct config_at *at, const char *fmt, ...)
{
	char line[CONFIG_LINE];
	size_t length = fmt_buf(line, sizeof(line), "config: %s: ", at->node);
	va_list args;

	va_start(args, fmt);
	fmt_vbuf(line + length, sizeof(line) - length, fmt, args);
	va_end(args);
	at->report(line);
}

/* Text that may reach a terminal and a command line: printable ASCII. */
static bool text_printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* One string: the NUL at the end and nowhere else. */
static bool text_read(const struct config_at *at, const struct prop *p, const char *data, size_t len, char *to)
{
	if (len == 0 || strnlen(data, len) != len - 1) {
		config_error(at, "%s: expected one string", p->name);
		return false;
	}
	if (len > p->size) {
		config_error(at, "%s: expected at most %u characters, found %zu", p->name, p->size - 1u, len - 1);
		return false;
	}
	if (!text_printable(data)) {
		config_error(at, "%s: expected printable ASCII characters", p->name);
		return false;
	}
	memcpy(to, data, len);
	return true;
}

static bool word_read(const struct config_at *at, const struct prop *p, const char *data, size_t len, uint32_t *to)
{
	char list[64];
	size_t used = 0;

	if (len > 0 && strnlen(data, len) == len - 1)
		for (uint32_t i = 0; p->words[i]; i++)
			if (str_equal(data, p->words[i])) {
				*to = i;
				return true;
			}
	for (unsigned i = 0; p->words[i]; i++)
		used += fmt_buf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", p->words[i]);
	config_error(at, "%s: expected one of: %s", p->name, list);
	return false;
}

static bool number_read(const struct config_at *at, const struct prop *p, const void *data, size_t len, void *to)
{
	size_t size = p->kind == PROP_U64 ? 8 : 4;
	uint64_t v = 0;

	if (len != size) {
		config_error(at, "%s: expected a number of %zu bytes, found %zu", p->name, size, len);
		return false;
	}
	for (size_t i = 0; i < size; i++)
		v = v << 8 | ((const uint8_t *)data)[i];
	if (v < p->min || v > p->max) {
		config_error(at, "%s: expected %lu to %lu, found %lu", p->name, p->min, p->max, v);
		return false;
	}
	if (p->kind == PROP_U64)
		*(uint64_t *)to = v;
	else
		*(uint32_t *)to = (uint32_t)v;
	return true;
}

static bool prop_read(const struct config_at *at, const struct prop *p, const void *data, size_t len, void *node)
{
	void *to = (char *)node + p->offset;

	switch (p->kind) {
	case PROP_TEXT: return text_read(at, p, data, len, to);
	case PROP_WORD: return word_read(at, p, data, len, to);
	default:        return number_read(at, p, data, len, to);
	}
}

/* Check all properties of the node at @offset against @table and read them into @node, which holds the defaults. */
static bool node_read(const struct config_at *at, int offset, const struct prop *table, void *node)
{
	uint32_t seen = 0;
	int it;

	fdt_for_each_property_offset(it, at->fdt, offset) {
		const char *name;
		int len;
		const void *data = fdt_getprop_by_offset(at->fdt, it, &name, &len);
		unsigned i = 0;

		if (!data || len < 0) {
			config_error(at, "unreadable property (%s)", fdt_strerror(len));
			return false;
		}
		while (table[i].name && !str_equal(table[i].name, name))
			i++;
		if (!table[i].name) {
			config_error(at, "unknown property \"%.40s\"", text_printable(name) ? name : "?");
			return false;
		}
		if (seen & BIT(i)) {
			config_error(at, "%s: given twice", name);
			return false;
		}
		seen |= (uint32_t)BIT(i);
		if (!prop_read(at, &table[i], data, (size_t)len, node))
			return false;
	}
	for (unsigned i = 0; table[i].name; i++)
		if (table[i].required && !(seen & BIT(i))) {
			config_error(at, "%s: missing", table[i].name);
			return false;
		}
	return true;
}

/* No node below the one at @offset may have a name that is not in @names. */
static bool children_known(const struct config_at *at, int offset, const char *const *names)
{
	uint32_t seen = 0;
	int child;

	fdt_for_each_subnode(child, at->fdt, offset) {
		const char *name = fdt_get_name(at->fdt, child, NULL);
		unsigned i = 0;

		while (names[i] && name && !str_equal(names[i], name))
			i++;
		if (!name || !names[i]) {
			config_error(at, "unknown node \"%.40s\"", name && text_printable(name) ? name : "?");
			return false;
		}
		if (seen & BIT(i)) {
			config_error(at, "node \"%s\": given twice", name);
			return false;
		}
		seen |= (uint32_t)BIT(i);
	}
	return true;
}

static bool name_valid(const char *name)
{
	if (!name[0] || name[0] == '-')
		return false;
	for (; *name; name++) {
		char c = *name;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* What the table cannot say about one VM. */
static bool vm_check(const struct config_at *at, const struct config *c, const struct config_vm *vm)
{
	if (!name_valid(vm->name)) {
		config_error(at, "name: expected letters, digits, - and _");
		return false;
	}
	for (unsigned i = 0; i < c->vm_count; i++)
		if (str_equal(c->vm[i].name, vm->name)) {
			config_error(at, "name: \"%s\" is the name of another VM", vm->name);
			return false;
		}
	if (!is_aligned(vm->memory, PAGE_SIZE)) {
		config_error(at, "memory: expected a multiple of 4096, found %lu", vm->memory);
		return false;
	}
	if (!vm->kernel[0]) {
		config_error(at, "kernel: expected the name of a boot module");
		return false;
	}
	if ((vm->budget_us == 0) != (vm->period_us == 0) || vm->budget_us > vm->period_us) {
		config_error(at, "budget-us: expected at most period-us (%u), found %u", vm->period_us, vm->budget_us);
		return false;
	}
	return true;
}

static void vm_read(struct config_at at, int node, struct config *c)
{
	static const char *const none[] = { NULL };
	const char *name = fdt_get_name(at.fdt, node, NULL);
	char path[64];

	fmt_buf(path, sizeof(path), "/vms/%.48s", name && text_printable(name) ? name : "?");
	at.node = path;
	if (c->vm_count == CONFIG_VMS) {
		config_error(&at, "more than %u VMs", CONFIG_VMS);
		c->vm_refused++;
		return;
	}

	struct config_vm *vm = &c->vm[c->vm_count];

	*vm = (struct config_vm){ .cpus = 1, .priority = 100, .autostart = 1 };
	if (node_read(&at, node, vm_props, vm) && children_known(&at, node, none) && vm_check(&at, c, vm))
		c->vm_count++;
	else
		c->vm_refused++;
}

static bool vms_read(struct config_at at, struct config *c)
{
	int vms = fdt_subnode_offset(at.fdt, 0, "vms"), vm;

	if (vms < 0)
		return true;
	at.node = "/vms";
	if (!node_read(&at, vms, no_props, NULL))
		return false;
	fdt_for_each_subnode(vm, at.fdt, vms)
		vm_read(at, vm, c);
	return true;
}

static bool console_read(struct config_at at, struct config *c)
{
	struct config_console_node n = { .prefix = 1 };
	static const char *const none[] = { NULL };
	int console = fdt_subnode_offset(at.fdt, 0, "console");

	at.node = "/console";
	if (console >= 0 && !(node_read(&at, console, console_props, &n) && children_known(&at, console, none)))
		return false;
	if (n.prefix == '\r' || n.prefix == '\n' || n.prefix == '\b') {
		config_error(&at, "prefix: Return, line feed and backspace cannot be the prefix, found %u", n.prefix);
		return false;
	}
	c->prefix = (uint8_t)n.prefix;
	memcpy(c->front, n.front, sizeof(c->front));
	return true;
}

static bool drivers_read(struct config_at at, struct config *c)
{
	static const char *const known[] = { "serial", NULL }, *const none[] = { NULL };
	struct config_driver_node n = { .image = "" };
	int drivers = fdt_subnode_offset(at.fdt, 0, "drivers"), serial;

	if (drivers < 0)
		return true;
	at.node = "/drivers";
	if (!node_read(&at, drivers, no_props, NULL) || !children_known(&at, drivers, known))
		return false;
	serial = fdt_subnode_offset(at.fdt, drivers, "serial");
	if (serial < 0)
		return true;
	at.node = "/drivers/serial";
	if (!node_read(&at, serial, driver_props, &n) || !children_known(&at, serial, none))
		return false;
	c->serial = true;
	memcpy(c->serial_image, n.image, sizeof(c->serial_image));
	return true;
}

/* The front console must be a VM's; one that was refused has been reported already. */
static void front_check(struct config_at at, struct config *c)
{
	if (!c->front[0])
		return;
	for (unsigned i = 0; i < c->vm_count; i++)
		if (str_equal(c->vm[i].name, c->front))
			return;
	at.node = "/console";
	config_error(&at, "front: no VM is called \"%s\"", c->front);
	c->front[0] = 0;
}

bool config_read(struct config *c, const void *blob, size_t size, config_report *report)
{
	static const char *const known[] = { "console", "vms", "drivers", NULL };
	struct config_root_node n = { .when_all_stopped = 0 };
	struct config_at at = { blob, report, "/" };
	const char *wrong = blob_check(blob, size);

	memset(c, 0, sizeof(*c));
	at.node = "module";
	if (wrong) {
		config_error(&at, "expected a flattened device tree: %s", wrong);
		return false;
	}
	at.node = "/";
	if (!node_read(&at, 0, root_props, &n) || !children_known(&at, 0, known))
		return false;
	if (!str_equal(n.compatible, CONFIG_COMPATIBLE)) {
		config_error(&at, "compatible: expected \"" CONFIG_COMPATIBLE "\", found \"%s\"", n.compatible);
		return false;
	}
	c->power_off = n.when_all_stopped != 0;
	if (!console_read(at, c) || !drivers_read(at, c) || !vms_read(at, c))
		return false;
	front_check(at, c);
	return true;
}
