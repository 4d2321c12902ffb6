/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor is given: svc/vm.h lists it. */
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/string.h>

#include "mem.h"
#include "root.h"
#include "vms.h"

#define MONITOR_MODULE	"vmm"
#define MONITOR_HEAP	(256 * KIB)

/*
 * Kernel memory of a monitor's domain, in pages: tables and objects of its own, two sets of page tables for guest RAM (its own
 * in 2 MiB pages, the guest's, at worst, in 4 KiB ones: a CPU without large nested pages, or rights that split them), and what
 * a virtual CPU needs.
 */
#define QUOTA_DOMAIN	96u
#define QUOTA_PER_GIB	(4u + 512u)
#define QUOTA_PER_CPU	32u

static uint64_t monitor_quota(const struct config_vm *c)
{
	return (QUOTA_DOMAIN + QUOTA_PER_GIB * (c->memory / GIB + 1) + QUOTA_PER_CPU * c->cpus) * PAGE_SIZE;
}

const char *vm_spawn_check(const struct config_vm *config)
{
	const char *const wanted[] = { MONITOR_MODULE, config->kernel, config->initrd };
	static char text[96];

	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct tv_root_module *m = wanted[i][0] ? mem_module(wanted[i], NULL) : NULL;

		if (!wanted[i][0] || (m && m->size))
			continue;
		fmt_buf(text, sizeof(text), m ? "the boot module \"%s\" is empty" : "there is no boot module \"%s\"", wanted[i]);
		return text;
	}
	return NULL;
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
static uint64_t give_module(struct vm *v, const char *name, const char *module, char *config_name)
{
	const struct tv_root_module *m = module[0] ? mem_module(module, NULL) : NULL;

	str_copy(config_name, VM_MODULE_NAME, module);
	if (!m || !m->size)
		return 0;
	child_give(&v->child, name, TV_SEL_REGION + m->region, TV_RIGHT_READ, 0, 0);
	return m->size;
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

bool vm_spawn(struct vm *v)
{
	struct child *child = &v->child;
	const struct tv_root_module *m = mem_module(MONITOR_MODULE, NULL);
	static struct vm_config c;

	c = (struct vm_config){
		.memory = v->config->memory, .wall_seconds = root.wall_seconds, .wall_tsc = root.wall_tsc,
		.root_signal = BIT(ROOT_BIT_VM + v->index),
	};
	str_copy(c.name, sizeof(c.name), v->config->name);
	str_copy(c.cmdline, sizeof(c.cmdline), v->config->cmdline);
	child_begin(child, v->index, v->config->name, monitor_quota(v->config), ROOT_BIT_VM_END + v->index);
	if (m)				/* vm_spawn_check() has seen it */
		child_load(child, m);
	child_area(child, "shared", CHILD_SHARED, &v->shared_extent);
	child_heap(child, MONITOR_HEAP);
	child_give(child, "domain", child_domain(child), TV_RIGHT_MAP, 0, 0);
	child_give(child, "ntfn", child_ntfn(child), TV_RIGHT_WAIT | TV_RIGHT_CONTROL | TV_RIGHT_SIGNAL, 0, 0);
	child_give(child, "root", ROOT_SEL_NTFN, TV_RIGHT_SIGNAL, c.root_signal, 0);
	give_memory(v, &c);
	c.kernel_size = give_module(v, "kernel", v->config->kernel, c.kernel_name);
	c.initrd_size = give_module(v, "initrd", v->config->initrd, c.initrd_name);
	give_threads(v, &c);
	return child_start(child, &c, sizeof(c));
}
