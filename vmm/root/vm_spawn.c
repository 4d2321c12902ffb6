/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor is given: svc/vm.h lists it. */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#include "drivers.h"
#include "mem.h"
#include "network.h"
#include "root.h"
#include "vms.h"

#define MONITOR_HEAP	(1 * MIB)

/*
 * Kernel memory of a monitor's domain, in pages: tables and objects of its own, two sets of page tables for guest RAM (its own
 * in 2 MiB pages, the guest's, at worst, in 4 KiB ones: a CPU without large nested pages, or rights that split them), and what
 * a virtual CPU needs.
 */
#define QUOTA_DOMAIN	96u
#define QUOTA_PER_GIB	(4u + 512u)
#define QUOTA_PER_DISK	8u		/* beside one page table for each 2 MiB */
#define QUOTA_PER_CPU	32u

static uint64_t monitor_quota(const struct config_vm *c)
{
	return (QUOTA_DOMAIN + QUOTA_PER_GIB * (c->memory / GIB + 1) + QUOTA_PER_CPU * c->cpus +
		QUOTA_PER_DISK * c->disk_count + network_quota(c) + vm_disks_bytes(c) / (2 * MIB)) * PAGE_SIZE;
}

/* What is wrong with boot module @name; NULL: nothing. */
static const char *module_check(const char *name)
{
	const struct tv_root_module *m = mem_module(name, NULL);
	static char text[96];

	if (m && m->size)
		return NULL;
	fmt_buf(text, sizeof(text), m ? "the boot module \"%s\" is empty" : "there is no boot module \"%s\"", name);
	return text;
}

const char *vm_spawn_check(const struct config_vm *config)
{
	const char *wrong = module_check(config->monitor);

	if (!wrong)
		wrong = config->kernel[0] ? module_check(config->kernel) : NULL;
	if (!wrong && config->firmware[0])
		wrong = module_check(config->firmware);
	for (unsigned i = 0; i < config->module_count && !wrong; i++)
		wrong = module_check(config->module[i].image);
	for (unsigned i = 0; i < config->disk_count && !wrong; i++)
		wrong = config->disk[i].image[0] ? module_check(config->disk[i].image) : NULL;
	return wrong;
}

static void give_memory(struct vm *v, struct vm_config *c)
{
	char name[12];

	c->ram_count = v->ram_count;
	for (unsigned i = 0; i < v->ram_count; i++) {
		fmt_buf(name, sizeof(name), "ram%u", i);
		c->ram[i].size = v->ram[i].size;
		c->ram[i].sel = child_give(&v->child, name, TV_SEL_REGION + v->ram[i].region,
					   TV_RIGHT_READ | TV_RIGHT_WRITE | TV_RIGHT_EXEC, v->ram[i].base, v->ram[i].size);
	}
}

/* Module @module as capability @name; returns its size. */
static uint64_t give_module(struct vm *v, const char *name, const char *module, uint32_t rights, char *config_name)
{
	const struct tv_root_module *m = module[0] ? mem_module(module, NULL) : NULL;

	str_copy(config_name, VM_MODULE_NAME, module);
	if (!m || !m->size)
		return 0;
	child_give(&v->child, name, TV_SEL_REGION + m->region, rights, 0, 0);
	return m->size;
}

/* The files beside the kernel; their command lines stand behind the kernel's, the CPU's description behind these. */
static void give_modules(struct vm *v, struct vm_config *c)
{
	size_t used = strlen(c->cmdline) + 1;

	c->module_count = v->config->module_count;
	for (unsigned i = 0; i < c->module_count; i++) {
		const struct config_module *m = &v->config->module[i];
		char name[12];

		fmt_buf(name, sizeof(name), "module%u", i);
		c->module[i].size = give_module(v, name, m->image, TV_RIGHT_READ, c->module[i].name);
		c->module[i].args = (uint32_t)used;
		used += str_copy(c->cmdline + used, sizeof(c->cmdline) - used, m->args) + 1;
	}
	if (v->config->cpu[0]) {
		c->cpu = (uint32_t)used;
		str_copy(c->cmdline + used, sizeof(c->cmdline) - used, v->config->cpu);
	}
}

static void give_threads(struct vm *v, struct vm_config *c)
{
	c->cpus = v->config->cpus;
	for (unsigned i = 0; i < c->cpus; i++) {
		const struct child_limits limits = {
			v->cpu[i], v->config->priority, v->config->budget_us, v->config->period_us,
		};

		c->thread[i] = child_thread(&v->child, &limits);
	}
	if (!v->child.wrong && sys_thread_bind(child_thread_sel(&v->child, 0), child_ntfn(&v->child)) != TV_OK)
		v->child.wrong = "binding its notification";
}

static void give_areas(struct vm *v)
{
	struct child *child = &v->child;

	child_area(child, "shared", CHILD_SHARED, &v->shared_extent, TV_MAP_READ | TV_MAP_WRITE);
	child_area(child, "record", CHILD_RECORD, &v->record_extent, TV_MAP_READ | TV_MAP_WRITE);
	if (v->old.size)
		child_area(child, "old", CHILD_OLD, &v->old, TV_MAP_READ);
	child_heap(child, MONITOR_HEAP);
	network_areas(v);
	vm_links_areas(v);
}

bool vm_respawn(struct vm *v)
{
	const struct tv_root_module *m = mem_module(v->config->monitor, NULL);
	static struct vm_config c;

	memcpy(&c, v->child.start.config, sizeof(c));
	c.generation = v->generation;
	c.old_addr = v->old_addr;
	if (m)				/* vm_spawn_check() has seen it */
		child_load(&v->child, m);
	give_areas(v);
	child_threads_again(&v->child);
	return child_start(&v->child, &c, sizeof(c));
}

bool vm_spawn(struct vm *v)
{
	struct child *child = &v->child;
	const struct tv_root_module *m = mem_module(v->config->monitor, NULL);
	static struct vm_config c;

	c = (struct vm_config){
		.memory = v->config->memory, .wall_seconds = root.wall_seconds, .wall_tsc = root.wall_tsc,
		.devices = v->config->devices, .paravirt = v->config->paravirt, .root_signal = BIT(ROOT_BIT_VM + v->index),
	};
	str_copy(c.name, sizeof(c.name), v->config->name);
	str_copy(c.cmdline, sizeof(c.cmdline), v->config->cmdline);
	child_begin(child, v->index, v->config->name, monitor_quota(v->config), ROOT_BIT_VM_END + v->index);
	if (m)				/* vm_spawn_check() has seen it */
		child_load(child, m);
	give_areas(v);
	child_give(child, "domain", child_domain(child), TV_RIGHT_MAP, 0, 0);
	child_give(child, "ntfn", child_ntfn(child), TV_RIGHT_WAIT | TV_RIGHT_CONTROL | TV_RIGHT_SIGNAL, 0, 0);
	child_give(child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, c.root_signal, 0);
	give_memory(v, &c);
	c.kernel_size = give_module(v, "kernel", v->config->kernel, TV_RIGHT_READ, c.kernel_name);
	c.firmware_size = give_module(v, "firmware", v->config->firmware, TV_RIGHT_READ | TV_RIGHT_EXEC, c.firmware_name);
	give_modules(v, &c);
	vm_disks_give(v, &c);
	network_give(v, &c);
	vm_links_give(v);
	give_threads(v, &c);
	return child_start(child, &c, sizeof(c));
}
