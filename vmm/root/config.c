/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the flattened device tree that tools/trivet made of the user's TOML file.  blob.c and libfdt check the structure of the
 * blob, config_prop.c each property by itself; here stand the tables of the nodes, and what a table cannot say.
 */
#include "config_prop.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>

#include "blob.h"

struct config_root_node {
	char compatible[32];
	uint32_t when_all_stopped;
};

struct config_console_node {
	uint32_t prefix;
	char front[VM_NAME];
};

static const char *const stopped_words[] = { "stay", "poweroff", NULL };
static const char *const restart_words[] = { "never", "on-failure", "always", NULL };

static const char *const paravirt_words[VM_PARAVIRTS + 1] = { "kvm", "hyperv", "none", NULL };

static const struct config_prop root_props[] = {
	{ .name = "compatible", .kind = PROP_TEXT, .required = true,
	  .offset = offsetof(struct config_root_node, compatible), .size = 32 },
	{ .name = "when-all-stopped", .kind = PROP_WORD, .words = stopped_words,
	  .offset = offsetof(struct config_root_node, when_all_stopped) },
	{ .name = NULL }
};

static const struct config_prop console_props[] = {
	{ .name = "prefix", .kind = PROP_U32, .min = 1, .max = 31,
	  .offset = offsetof(struct config_console_node, prefix) },
	{ .name = "front", .kind = PROP_TEXT, .offset = offsetof(struct config_console_node, front), .size = VM_NAME },
	{ .name = NULL }
};

static const struct config_prop no_props[] = { { .name = NULL } };

#define CONFIG_MIN_MEMORY	MIB
#define CONFIG_MAX_MEMORY	(1024 * GIB)
#define CONFIG_MAX_PERIOD	10000000u	/* 10 s */
#define CONFIG_MIN_WATCHDOG	1000u
#define CONFIG_MAX_WATCHDOG	3600000u

static const struct config_prop vm_props[] = {
	{ .name = "name", .kind = PROP_TEXT, .required = true, .offset = offsetof(struct config_vm, name), .size = VM_NAME },
	{ .name = "memory", .kind = PROP_U64, .required = true, .offset = offsetof(struct config_vm, memory),
	  .min = CONFIG_MIN_MEMORY, .max = CONFIG_MAX_MEMORY },
	{ .name = "cpus", .kind = PROP_U32, .required = true, .offset = offsetof(struct config_vm, cpus),
	  .min = 1, .max = VM_CPUS },
	{ .name = "monitor", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, monitor), .size = VM_MODULE_NAME },
	{ .name = "kernel", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, kernel), .size = VM_MODULE_NAME },
	{ .name = "firmware", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, firmware), .size = VM_MODULE_NAME },
	{ .name = "cmdline", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, cmdline), .size = VM_CMDLINE },
	{ .name = "devices", .kind = PROP_U32, .offset = offsetof(struct config_vm, devices),
	  .max = VM_DEVICE_TEST | VM_DEVICE_PVPANIC | VM_DEVICE_CONSOLE },
	{ .name = "cpu", .kind = PROP_TEXT, .offset = offsetof(struct config_vm, cpu), .size = CONFIG_CPU },
	{ .name = "paravirt", .kind = PROP_WORD, .words = paravirt_words, .offset = offsetof(struct config_vm, paravirt) },
	{ .name = "priority", .kind = PROP_U32, .offset = offsetof(struct config_vm, priority),
	  .min = 1, .max = CONFIG_PRIORITY_MAX },
	{ .name = "budget-us", .kind = PROP_U32, .offset = offsetof(struct config_vm, budget_us), .max = CONFIG_MAX_PERIOD },
	{ .name = "period-us", .kind = PROP_U32, .offset = offsetof(struct config_vm, period_us), .max = CONFIG_MAX_PERIOD },
	{ .name = "restart", .kind = PROP_WORD, .words = restart_words, .offset = offsetof(struct config_vm, restart) },
	{ .name = "restart-limit", .kind = PROP_U32, .offset = offsetof(struct config_vm, restart_limit),
	  .min = 1, .max = CONFIG_RESTARTS },
	{ .name = "watchdog-ms", .kind = PROP_U32, .offset = offsetof(struct config_vm, watchdog_ms),
	  .max = CONFIG_MAX_WATCHDOG },
	{ .name = "resume", .kind = PROP_U32, .offset = offsetof(struct config_vm, resume), .max = 1 },
	{ .name = "cpu-list", .kind = PROP_LIST, .offset = offsetof(struct config_vm, cpu_list), .max = CONFIG_CPUS - 1 },
	{ .name = "exclusive", .kind = PROP_U32, .offset = offsetof(struct config_vm, exclusive), .max = 1 },
	{ .name = "autostart", .kind = PROP_U32, .offset = offsetof(struct config_vm, autostart), .max = 1 },
	{ .name = NULL }
};

static const struct config_prop module_props[] = {
	{ .name = "image", .kind = PROP_TEXT, .required = true,
	  .offset = offsetof(struct config_module, image), .size = VM_MODULE_NAME },
	{ .name = "cmdline", .kind = PROP_TEXT, .offset = offsetof(struct config_module, args), .size = CONFIG_MODULE_ARGS },
	{ .name = NULL }
};

/* Which CPUs of the machine it wants. */
static bool cpus_check(const struct config_at *at, const struct config_vm *vm)
{
	const struct config_list *l = &vm->cpu_list;

	if (l->count > vm->cpus) {
		config_error(at, "cpu-list: expected at most one for each of %u virtual CPUs, found %u", vm->cpus, l->count);
		return false;
	}
	for (unsigned i = 0; i < l->count; i++)
		for (unsigned k = 0; k < i; k++)
			if (l->item[i] == l->item[k]) {
				config_error(at, "cpu-list: CPU %u stands in it twice", l->item[i]);
				return false;
			}
	if (!vm->exclusive)
		return true;
	if (!l->count) {
		config_error(at, "exclusive: expected a cpu-list beside it");
		return false;
	}
	for (unsigned i = 0; i < l->count; i++)
		if (l->item[i] == CONFIG_CPU_ROOT) {
			config_error(at, "exclusive: CPU %u runs root and the drivers and cannot be given away",
				     CONFIG_CPU_ROOT);
			return false;
		}
	return true;
}

/* The files of a VM beside its kernel: one node each below its own. */
static bool modules_read(const struct config_at *at, int node, struct config_vm *vm)
{
	static const char *const none[] = { NULL };
	int child;

	fdt_for_each_subnode(child, at->fdt, node) {
		const char *name = fdt_get_name(at->fdt, child, NULL);

		if (name && (config_is_disk(name) || config_is_net(name)))
			continue;
		if (!name || strncmp(name, "module@", 7) != 0) {
			config_error(at, "unknown node \"%.40s\"", name && config_printable(name) ? name : "?");
			return false;
		}
		if (vm->module_count == VM_MODULES) {
			config_error(at, "more than %u modules", VM_MODULES);
			return false;
		}
		if (!config_node_read(at, child, module_props, &vm->module[vm->module_count]) || !config_children_known(at, child, none))
			return false;
		if (!vm->module[vm->module_count].image[0]) {
			config_error(at, "module %u: expected the name of a boot module", vm->module_count);
			return false;
		}
		vm->module_count++;
	}
	return true;
}

/* All command lines, and the description of the CPU, share the room that the monitor has for them. */
static bool cmdlines_fit(const struct config_vm *vm)
{
	size_t used = strlen(vm->cmdline) + 1 + (vm->cpu[0] ? strlen(vm->cpu) + 1 : 0);

	for (unsigned i = 0; i < vm->module_count; i++)
		used += strlen(vm->module[i].args) + 1;
	return used <= VM_CMDLINE;
}

/* The drivers of its disks are there. */
static bool disk_drivers_check(const struct config_at *at, const struct config *c, const struct config_vm *vm)
{
	for (unsigned i = 0; i < vm->disk_count; i++) {
		const char *name = vm->disk[i].driver;
		bool found = !name[0];

		for (unsigned k = 0; k < c->driver_count; k++)
			found |= str_equal(c->driver[k].name, name);
		if (!found) {
			config_error(at, "disk %u: no driver is called \"%s\"", i, name);
			return false;
		}
	}
	return true;
}

/* What the table cannot say about one VM. */
static bool vm_check(const struct config_at *at, const struct config *c, const struct config_vm *vm)
{
	if (!config_name_valid(vm->name)) {
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
	if (!vm->kernel[0] && !vm->firmware[0]) {
		config_error(at, "kernel: expected the name of a boot module, for there is no firmware either");
		return false;
	}
	if (!cmdlines_fit(vm)) {
		config_error(at, "cmdline: longer than %u characters together with those of the modules and the CPU", VM_CMDLINE - 1);
		return false;
	}
	if ((vm->budget_us == 0) != (vm->period_us == 0) || vm->budget_us > vm->period_us) {
		config_error(at, "budget-us: expected at most period-us (%u), found %u", vm->period_us, vm->budget_us);
		return false;
	}
	if (vm->watchdog_ms && vm->watchdog_ms < CONFIG_MIN_WATCHDOG) {
		config_error(at, "watchdog-ms: expected 0 or at least %u, found %u", CONFIG_MIN_WATCHDOG, vm->watchdog_ms);
		return false;
	}
	return disk_drivers_check(at, c, vm) && cpus_check(at, vm);
}

static void vm_read(struct config_at at, int node, struct config *c)
{
	const char *name = fdt_get_name(at.fdt, node, NULL);
	char path[64];

	fmt_buf(path, sizeof(path), "/vms/%.48s", name && config_printable(name) ? name : "?");
	at.node = path;
	if (c->vm_count == CONFIG_VMS) {
		config_error(&at, "more than %u VMs", CONFIG_VMS);
		c->vm_refused++;
		return;
	}

	struct config_vm *vm = &c->vm[c->vm_count];

	*vm = (struct config_vm){ .cpus = 1, .priority = 100, .autostart = 1, .restart_limit = CONFIG_RESTART_LIMIT,
				  .resume = 1, .monitor = CONFIG_MONITOR };
	if (config_node_read(&at, node, vm_props, vm) && modules_read(&at, node, vm) &&
	    config_disks_read(at, node, vm) && config_nets_read(at, node, c, vm) && vm_check(&at, c, vm))
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
	if (!config_node_read(&at, vms, no_props, NULL))
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
	if (console >= 0 && !(config_node_read(&at, console, console_props, &n) && config_children_known(&at, console, none)))
		return false;
	if (n.prefix == '\r' || n.prefix == '\n' || n.prefix == '\b') {
		config_error(&at, "prefix: Return, line feed and backspace cannot be the prefix, found %u", n.prefix);
		return false;
	}
	c->prefix = (uint8_t)n.prefix;
	memcpy(c->front, n.front, sizeof(c->front));
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
	static const char *const known[] = { "console", "networks", "vms", "drivers", NULL };
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
	if (!config_node_read(&at, 0, root_props, &n) || !config_children_known(&at, 0, known))
		return false;
	if (!str_equal(n.compatible, CONFIG_COMPATIBLE)) {
		config_error(&at, "compatible: expected \"" CONFIG_COMPATIBLE "\", found \"%s\"", n.compatible);
		return false;
	}
	c->power_off = n.when_all_stopped != 0;
	if (!console_read(at, c) || !config_drivers_read(at, c) || !config_networks_read(at, c) || !vms_read(at, c))
		return false;
	front_check(at, c);
	return true;
}
