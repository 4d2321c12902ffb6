/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as root sees it, reduced to what can be counted; and the parts of root that touch memory or the terminal. */
#include <root_fake.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/elf.h>
#include <root/mem.h>
#include <root/drivers.h>
#include <root/network.h>
#include <root/root.h>
#include <root/system.h>
#include <root/term.h>
#include <root/vms.h>
#include <rt/log.h>
#include <rt/time.h>

#define MEMORY		(64 * MIB)
#define SELS		4096u
#define KEPT		64u

struct root root;
uint64_t fake_now;

static uint8_t *memory;			/* physical addresses 0 ... MEMORY */
static struct pool pool;
static uint8_t type[SELS];		/* enum tv_cap_type of each selector of root */
static struct sys_thread_info thread[SELS];
static uint64_t sched_cpu[SELS], consumed[SELS];
static struct root_fake_cap derived[64];
static unsigned derived_count, windows;
static uint64_t pending;
static unsigned fail_at;
static char said[65536];
static void *kept[KEPT];
static unsigned kept_count;
static bool switch_holds;

/* A program of a page of code and one of data, and a guest kernel. */
static struct {
	struct elf_header h;
	struct elf_program_header p[2];
} program;
static const struct tv_root_module modules[] = {
	{ .size = sizeof(program), .region = 1, .cmdline = "vmm" }, { .size = 5000, .region = 2, .cmdline = "linux x" },
	{ .size = 0, .cmdline = "nil" },
};
static struct tv_rootinfo info;

static void program_make(void)
{
	program.h = (struct elf_header){ .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = ELF_TYPE_EXEC,
		.machine = ELF_MACHINE_X86_64, .entry = 0x400000, .phoff = sizeof(program.h), .phentsize = sizeof(program.p[0]),
		.phnum = 2, .ehsize = sizeof(program.h) };
	program.p[0] = (struct elf_program_header){ .type = ELF_PT_LOAD, .flags = ELF_R | ELF_X, .vaddr = 0x400000,
		.filesz = sizeof(program), .memsz = sizeof(program) };
	program.p[1] = (struct elf_program_header){ .type = ELF_PT_LOAD, .flags = ELF_R | ELF_W, .vaddr = ROOT_FAKE_DATA,
		.memsz = 64 };
}

void root_fake_reset(void)
{
	while (kept_count)
		free(kept[--kept_count]);
	free(memory);
	memory = calloc(1, MEMORY);
	memset(&root, 0, sizeof(root));
	memset(&pool, 0, sizeof(pool));
	memset(type, 0, sizeof(type));
	memset(said, 0, sizeof(said));
	derived_count = windows = fail_at = 0;
	pending = 0;
	switch_holds = false;
	fake_now = 1000 * ROOT_FAKE_HZ;
	info = (struct tv_rootinfo){ .region_count = 3, .module_count = ARRAY_LEN(modules) };
	root.info = &info;
	root.tsc_hz = ROOT_FAKE_HZ;
	program_make();
	if (!pool_free(&pool, (struct extent){ 0, MEMORY, 0 }))
		abort();
}

/* --- time and signals --- */

uint64_t root_after_ms(uint64_t ms)
{
	return fake_now + ms * (ROOT_FAKE_HZ / 1000);
}

static uint64_t run_until;
static bool idle;

void root_fake_run(unsigned seconds)
{
	run_until = fake_now + seconds * ROOT_FAKE_HZ;
	idle = false;
	while (!idle)
		event_run(&root.loop);
}

void root_fake_signal(uint64_t bits)
{
	pending |= bits;
}

enum tv_err sys_ntfn_wait(uint64_t ntfn, uint64_t deadline, uint64_t *bits)
{
	if (ntfn != ROOT_SEL_NTFN)
		abort();
	*bits = pending;
	pending = 0;
	if (*bits)
		return TV_OK;
	if (deadline > run_until) {
		fake_now = run_until;
		idle = true;
	} else if (deadline > fake_now) {
		fake_now = deadline;
	}
	return TV_ETIMEOUT;
}

enum tv_err sys_ntfn_signal(uint64_t ntfn, uint64_t bits)
{
	if (ntfn == ROOT_SEL_NTFN)
		pending |= bits;
	else if (type[ntfn] != TV_CAP_NOTIFICATION || !bits)
		return TV_ECAP;
	return TV_OK;
}

/* --- objects --- */

void root_fake_fail_at(unsigned n)
{
	fail_at = n;
}

static bool fails(void)
{
	return fail_at && --fail_at == 0;
}

static enum tv_err create(uint64_t sel, enum tv_cap_type t)
{
	if (sel >= SELS || type[sel])
		abort();
	if (fails())
		return TV_EQUOTA;
	type[sel] = (uint8_t)t;
	return TV_OK;
}

enum tv_err sys_domain_create(uint64_t dst, uint64_t quota)
{
	derived_count = 0;
	return quota % PAGE_SIZE ? TV_EINVAL : create(dst, TV_CAP_DOMAIN);
}

/* Threads go with their domain: those of the same child, which are the selectors that follow. */
enum tv_err sys_domain_destroy(uint64_t domain)
{
	if (type[domain] != TV_CAP_DOMAIN)
		return TV_ECAP;
	type[domain] = 0;
	for (unsigned i = 1; i < CHILD_SELS; i++)
		if (type[domain + i] == TV_CAP_THREAD)
			type[domain + i] = 0;
	return TV_OK;
}

enum tv_err sys_domain_watch(uint64_t domain, uint64_t ntfn, uint64_t bits)
{
	(void)bits;
	if (type[domain] != TV_CAP_DOMAIN || ntfn != ROOT_SEL_NTFN)
		abort();
	return fails() ? TV_EQUOTA : TV_OK;
}

enum tv_err sys_ntfn_create(uint64_t dst) { return create(dst, TV_CAP_NOTIFICATION); }

enum tv_err sys_thread_create(uint64_t dst, uint64_t domain, uint64_t rip, uint64_t rsp, uint64_t arg, uint64_t fs_base)
{
	if (type[domain] != TV_CAP_DOMAIN || rip != 0x400000 || !rsp || arg % PAGE_SIZE >= VM_CPUS || fs_base)
		abort();
	thread[dst] = (struct sys_thread_info){ .state = TV_THREAD_SUSPENDED };
	return create(dst, TV_CAP_THREAD);
}

enum tv_err sys_sched_create(uint64_t dst, uint64_t source, uint64_t cpu, uint64_t priority, uint64_t budget, uint64_t period)
{
	if (source != TV_SEL_SCHED || cpu >= ROOT_FAKE_CPUS || priority >= ROOT_PRIORITY || budget > period)
		abort();
	sched_cpu[dst] = cpu;
	consumed[dst] = 0;
	return create(dst, TV_CAP_SCHED);
}

void root_fake_consumed(uint64_t sel, uint64_t ticks)
{
	consumed[sel] = ticks;
}

uint64_t root_fake_sched_cpu(uint64_t sel)
{
	return sched_cpu[sel];
}

enum tv_err sys_sched_bind(uint64_t sched, uint64_t t)
{
	if (type[sched] != TV_CAP_SCHED || type[t] != TV_CAP_THREAD)
		abort();
	return fails() ? TV_EBUSY : TV_OK;
}

enum tv_err sys_sched_info(uint64_t sched, struct sys_sched_info *i)
{
	*i = (struct sys_sched_info){ .consumed = consumed[sched] };
	return type[sched] == TV_CAP_SCHED ? TV_OK : TV_ECAP;
}

enum tv_err sys_cpu_info(uint64_t sched, struct sys_cpu_info *i)
{
	*i = (struct sys_cpu_info){ .timer = 11, .device = 12, .message = 13, .switches = 14 };
	return type[sched] == TV_CAP_SCHED ? TV_OK : TV_ECAP;
}

enum tv_err sys_thread_bind(uint64_t t, uint64_t ntfn)
{
	if (type[t] != TV_CAP_THREAD || type[ntfn] != TV_CAP_NOTIFICATION)
		abort();
	return fails() ? TV_EBUSY : TV_OK;
}

enum tv_err sys_thread_start(uint64_t t)
{
	if (type[t] != TV_CAP_THREAD)
		abort();
	if (fails())
		return TV_EDEAD;
	thread[t].state = TV_THREAD_RUNNABLE;
	return TV_OK;
}

enum tv_err sys_thread_info(uint64_t t, struct sys_thread_info *i)
{
	*i = thread[t];
	return type[t] == TV_CAP_THREAD ? TV_OK : TV_ECAP;
}

enum tv_err sys_thread_suspend(uint64_t t)
{
	if (type[t] != TV_CAP_THREAD)
		abort();
	if (thread[t].state == TV_THREAD_RUNNABLE || thread[t].state == TV_THREAD_BLOCKED)
		thread[t].state = TV_THREAD_SUSPENDED;
	return TV_OK;
}

enum tv_err sys_thread_reset(uint64_t t, uint64_t rip, uint64_t rsp, uint64_t arg)
{
	if (type[t] != TV_CAP_THREAD || rip != 0x400000 || !rsp || arg % PAGE_SIZE >= VM_CPUS)
		abort();
	if (thread[t].state == TV_THREAD_RUNNABLE || thread[t].state == TV_THREAD_BLOCKED || fails())
		return TV_EBUSY;
	thread[t] = (struct sys_thread_info){ .state = TV_THREAD_SUSPENDED };
	return TV_OK;
}

enum tv_err sys_mem_unmap(uint64_t space, uint64_t addr, uint64_t size)
{
	if (type[space] != TV_CAP_DOMAIN || addr % PAGE_SIZE || !size)
		abort();
	return fails() ? TV_EBUSY : TV_OK;
}

void root_fake_thread_stops(uint64_t sel, enum tv_thread_state state, uint64_t code)
{
	if (type[sel] != TV_CAP_THREAD)
		abort();
	thread[sel] = (struct sys_thread_info){ .state = state, .fault = 14 | 4ull << 32, .rip = 0x401000, .addr = 0x10, .code = code };
}

enum tv_err sys_cap_delete(uint64_t sel)
{
	if (!type[sel])
		return TV_ECAP;
	type[sel] = 0;
	return TV_OK;
}

enum tv_err sys_cap_derive(uint64_t domain, uint64_t dst, uint64_t src, uint32_t rights, uint64_t base, uint64_t size)
{
	/* Root's own, of memory that drivers get. */
	if (domain == TV_SEL_DOMAIN && dst >= ROOT_SEL_RAM && dst < ROOT_SEL_PCI && !type[dst]) {
		type[dst] = TV_CAP_REGION;
		return TV_OK;
	}
	if (type[domain] != TV_CAP_DOMAIN || dst != derived_count + 1)
		abort();
	if (fails())
		return TV_EQUOTA;
	derived[derived_count++] = (struct root_fake_cap){ src, base, size, rights };
	return TV_OK;
}

const struct root_fake_cap *root_fake_derived(const char *name)
{
	const struct tv_start *s = &vms_get(0)->child.start;

	for (unsigned i = 0; i < s->cap_count; i++)
		if (strcmp(s->cap[i].name, name) == 0)
			return &derived[s->cap[i].sel - 1];
	abort();
}

static unsigned count(enum tv_cap_type t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SELS; i++)
		n += type[i] == t;
	return n;
}

struct root_fake_balance root_fake_balance(void)
{
	return (struct root_fake_balance){ pool_bytes(&pool), count(TV_CAP_DOMAIN), count(TV_CAP_THREAD), count(TV_CAP_SCHED),
		count(TV_CAP_NOTIFICATION), windows };
}

/* --- memory: root/mem.c on an array --- */

uint64_t mem_free_bytes(void) { return pool_bytes(&pool); }

bool mem_take(uint64_t size, struct extent *out)
{
	if (fails() || !pool_take_high(&pool, align_up(size, PAGE_SIZE), out))
		return false;
	memset(memory + out->base, 0, out->size);
	return true;
}

unsigned mem_take_ram(uint64_t size, struct extent *out, unsigned max)
{
	return pool_take_pieces(&pool, size, 2 * MIB, out, max);
}

void mem_give_back(const struct extent *e)
{
	if (!pool_free(&pool, *e))
		abort();
}

enum tv_err mem_map(uint64_t domain, uint64_t addr, const struct extent *e, uint64_t offset, uint64_t size, uint32_t rights)
{
	if (type[domain] != TV_CAP_DOMAIN || addr % PAGE_SIZE || !range_inside(offset, size, e->size) ||
	    (rights & (TV_MAP_WRITE | TV_MAP_EXEC)) == (TV_MAP_WRITE | TV_MAP_EXEC))
		abort();
	return fails() ? TV_EQUOTA : TV_OK;
}

void *mem_window(const struct extent *e, uint64_t offset, uint64_t size)
{
	if (windows++ || size > MEM_WINDOW || !range_inside(offset, size, e->size))
		abort();
	return memory + e->base + offset;
}

void mem_window_close(void)
{
	windows--;
}

void *mem_keep(uint64_t size, struct extent *e)
{
	*e = (struct extent){ 0, align_up(size, PAGE_SIZE), 0 };
	kept[kept_count] = calloc(1, size);
	return kept[kept_count++];
}

void mem_scrub(void *at, uint64_t size)
{
	memset(at, 0, size);
}

const struct tv_root_module *mem_module(const char *name, unsigned *index)
{
	for (unsigned i = 0; i < ARRAY_LEN(modules); i++)
		if (strncmp(modules[i].cmdline, name, strlen(name)) == 0 && modules[i].cmdline[strlen(name)] <= ' ') {
			if (index)
				*index = i;
			return &modules[i];
		}
	return NULL;
}

const void *mem_module_map(const struct tv_root_module *m)
{
	return m == &modules[0] && !fails() ? &program : NULL;
}

void root_fake_dirty_memory(void)
{
	memset(memory, 0xa5, MEMORY);
}

bool root_fake_is_zero(const struct extent *e)
{
	for (uint64_t i = 0; i < e->size; i++)
		if (memory[e->base + i])
			return false;
	return true;
}

/* --- what root says, and parts of it that are not under test --- */

static void say(const char *fmt, va_list args)
{
	size_t length = strlen(said);

	vsnprintf(said + length, sizeof(said) - length - 1, fmt, args);
	strcat(said, "\n");
}

void root_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void root_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

bool root_fake_said(const char *text)
{
	return strstr(said, text) != NULL;
}

void rt_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}

const struct tv_info *rt_info(void)
{
	static const struct tv_info the_info = { .abi_version = TV_ABI_VERSION, .cpu_count = ROOT_FAKE_CPUS };

	return &the_info;
}

void root_fake_switch_holds(bool holds) { switch_holds = holds; }
bool network_released(const struct vm *v) { return !switch_holds || v->phase == VM_PREPARING; }
unsigned network_quota(const struct config_vm *c) { return c->net_count; }
void network_areas(struct vm *v) { (void)v; }
void network_unplug(struct vm *v) { (void)v; }

void network_uplink_give(struct driver_child *d, struct driver_config *c)
{
	(void)d;
	(void)c;
}

void network_give(struct vm *v, struct vm_config *c)
{
	(void)v;
	c->net_count = 0;
}

bool system_is_ending(void) { return false; }
void system_vms_changed(void) { }
void term_again(void) { }

void term_run(void)
{
	for (unsigned i = 0; i < vms_count(); i++)
		vm_drain(vms_get(i));
}

/* No machine here has devices. */
const char *pci_start(void) { return "no PCI"; }
bool pci_claim(struct driver_child *d) { return d->device != NULL; }
void pci_give(struct driver_child *d) { (void)d; }
