/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: one program for each VM.  From the start page to a running guest:
 *
 *	guest space and its memory -> machine and vCPUs -> tables and kernel in guest memory -> a thread for each vCPU
 *
 * It holds capabilities to its own VM and to nothing else; whatever goes wrong in here ends this VM only.
 */
#include <load/load.h>
#include <rt/fmt.h>
#include <rt/log.h>
#include <rt/start.h>
#include <rt/string.h>
#include <rt/sys.h>
#include <rt/time.h>
#include <svc/vm.h>

#include "acpi.h"
#include "firmware.h"
#include "inject.h"
#include "layout.h"
#include "legacy.h"
#include "variables.h"
#include "vcpu.h"
#include "vm.h"

/* Host-virtual addresses. */
#define HOST_PAGES	VM_HOST_FREE		/* state pages of the vCPUs */
#define HOST_KERNEL	0x001000000000ull
#define HOST_MODULE	0x002000000000ull
#define HOST_FIRMWARE	0x003000000000ull
#define HOST_DISKS	0x004000000000ull	/* HOST_DISK_STEP apart: the image, then what was written */
#define HOST_DISK_STEP	0x001000000000ull
#define HOST_RAM	0x010000000000ull	/* aligned for the largest pages */

#define MODULE_WINDOW	(16 * MIB)		/* of a module, mapped at a time: page tables for all of it could exceed the quota */

static struct vm vm;
static struct vcpu vcpus[VM_CPUS];

/* What the start page gave, and where the next selector goes. */
struct setup {
	const struct tv_start *start;
	const struct vm_config *config;
	uint64_t domain, space, next_sel;
	bool again;		/* another monitor had this VM before: its guest goes on */
	struct vm_disk_place disk[VM_DISKS];
	struct vm_net_place net[VM_NETS];
};

static enum vm_next no_call(const char *what, enum tv_err err)
{
	return vm_stop(&vm, VM_EXIT_MONITOR, "%s failed with status %d", what, (int)err);
}

/*
 * Map [@offset, @offset + @size) of guest RAM, counted over all pieces, to @addr of @space.  The pieces are in the order of guest
 * addresses.
 */
static enum tv_err ram_map(const struct vm_config *c, uint64_t space, uint64_t addr, uint64_t offset, uint64_t size,
			   uint32_t flags)
{
	uint64_t start = 0;

	for (uint32_t i = 0; i < c->ram_count && size; start += c->ram[i++].size) {
		uint64_t skip = offset - start, len;
		enum tv_err err;

		if (offset < start || skip >= c->ram[i].size)
			continue;
		len = min_u64(size, c->ram[i].size - skip);
		err = sys_mem_map(space, addr, c->ram[i].sel, skip, len, flags);
		if (err != TV_OK)
			return err;
		offset += len;
		addr += len;
		size -= len;
	}
	return size ? TV_ERANGE : TV_OK;
}

/* The guest's memory for the monitor itself. */
static bool host_map(struct setup *s)
{
	enum tv_err err = ram_map(s->config, s->domain, HOST_RAM, 0, s->config->memory, TV_MAP_READ | TV_MAP_WRITE);

	if (err != TV_OK)
		(void)no_call("mapping guest memory", err);
	return err == TV_OK;
}

/* The guest space: layout.h's regions, everything accessible; and all of it once for the monitor itself. */
static bool memory_map(struct setup *s)
{
	const struct vm_config *c = s->config;
	const uint32_t rwx = TV_MAP_READ | TV_MAP_WRITE | TV_MAP_EXEC;
	uint64_t low = layout_low(c->memory);
	enum tv_err err;

	s->space = s->next_sel++;
	if (s->again)
		return host_map(s);
	err = sys_space_create(s->space, TV_SPACE_GUEST);
	if (err == TV_OK)
		err = ram_map(c, s->space, 0, 0, LAYOUT_VGA, rwx);
	if (err == TV_OK)
		err = ram_map(c, s->space, LAYOUT_ROM, LAYOUT_ROM, low - LAYOUT_ROM, rwx);
	if (err == TV_OK && c->memory > low)
		err = ram_map(c, s->space, LAYOUT_HIGH, low, c->memory - low, rwx);
	if (err != TV_OK)
		(void)no_call("mapping guest memory", err);
	return err == TV_OK && host_map(s);
}

/* A notification in the next selector, in the place of the old monitor's. */
static enum tv_err notification_make(struct setup *s, uint64_t *sel)
{
	*sel = s->next_sel++;
	if (s->again)
		(void)sys_cap_delete(*sel);
	return sys_ntfn_create(*sel);
}

/* The notification that is bound to the thread of CPU @index: the first one's comes from root, who signals on it. */
static enum tv_err vcpu_notification(struct setup *s, struct vcpu *v, unsigned index)
{
	enum tv_err err;

	if (!index) {
		v->ntfn = start_cap(s->start, "ntfn");
		return TV_OK;
	}
	err = notification_make(s, &v->ntfn);
	return err == TV_OK ? sys_thread_bind(s->config->thread[index], v->ntfn) : err;
}

/* Map capability @name, @size bytes, to @addr.  NULL after vm_stop(). */
static uint8_t *disk_part(struct setup *s, const char *kind, unsigned i, uint64_t addr, uint64_t size, uint32_t rights)
{
	char name[12];
	enum tv_err err;

	fmt_buf(name, sizeof(name), "%s%u", kind, i);
	err = sys_mem_map(s->domain, addr, start_cap(s->start, name), 0, align_up(size, PAGE_SIZE), rights);
	if (err == TV_OK)
		return (uint8_t *)addr;
	(void)vm_stop(&vm, VM_EXIT_MONITOR, "mapping %s failed with status %d", name, (int)err);
	return NULL;
}

/* The links to the servers of all network ports. */
static bool ports_find(struct setup *s)
{
	char name[8];

	if (s->config->net_count > VM_NETS)
		return false;
	for (unsigned i = 0; i < s->config->net_count; i++) {
		struct vm_net_place *p = &s->net[i];
		uint64_t size = 0;

		fmt_buf(name, sizeof(name), "net%u", i);
		p->shared = start_area(s->start, name, &size);
		p->server = (struct vm_port){ start_cap(s->start, name), s->config->net_signal[i] };
		if (p->shared && size >= sizeof(*p->shared) && p->server.ntfn)
			continue;
		(void)vm_stop(&vm, VM_EXIT_MONITOR, "network port %u: no links to its server were given", i);
		return false;
	}
	return true;
}

/* The link to the server of disk @i. */
static bool disk_link(struct setup *s, unsigned i, const struct vm_disk *d)
{
	struct vm_disk_place *p = &s->disk[i];
	uint64_t size = 0;
	char name[8];

	fmt_buf(name, sizeof(name), "blk%u", i);
	p->link = start_area(s->start, name, &size);
	p->server = (struct vm_port){ start_cap(s->start, name), d->signal };
	if (p->link && size >= sizeof(*p->link) && p->server.ntfn)
		return true;
	(void)vm_stop(&vm, VM_EXIT_MONITOR, "disk %u: no link to its server was given", i);
	return false;
}

/* The memory of all disks; it stays mapped. */
static bool disks_map(struct setup *s)
{
	const struct vm_config *c = s->config;

	if (c->disk_count > VM_DISKS)
		return false;
	for (unsigned i = 0; i < c->disk_count; i++) {
		const struct vm_disk *d = &c->disk[i];
		uint64_t at = HOST_DISKS + 2 * i * HOST_DISK_STEP;

		if (d->server) {
			if (!disk_link(s, i, d))
				return false;
			continue;
		}
		if (d->image_size) {
			s->disk[i].image = disk_part(s, "image", i, at, d->image_size, TV_MAP_READ);
			if (!s->disk[i].image)
				return false;
		}
		if (!d->read_only) {
			s->disk[i].data = disk_part(s, "ramdisk", i, at + HOST_DISK_STEP, vm_disk_memory(d->size),
						    TV_MAP_READ | TV_MAP_WRITE);
			if (!s->disk[i].data)
				return false;
		}
	}
	return true;
}

/* A vCPU with its state page. */
static bool vcpu_make(struct setup *s, struct vcpu *v, unsigned index)
{
	struct tv_exit_page *page = (struct tv_exit_page *)(HOST_PAGES + index * PAGE_SIZE);
	char name[12];
	enum tv_err err;

	v->sel = s->next_sel++;
	fmt_buf(name, sizeof(name), "sched%u", index);
	v->sched = start_cap(s->start, name);
	err = s->again ? TV_OK : sys_vcpu_create(v->sel, s->space);
	if (err == TV_OK)
		err = sys_vcpu_map(v->sel, (uint64_t)page);
	if (err == TV_OK)
		err = vcpu_notification(s, v, index);
	if (err != TV_OK) {
		(void)no_call("creating a virtual CPU", err);
		return false;
	}
	if (page->version != TV_EXIT_PAGE_VERSION || page->size != sizeof(*page)) {
		(void)vm_stop(&vm, VM_EXIT_MONITOR, "state page of version %u, size %u: not what this monitor knows",
			      page->version, page->size);
		return false;
	}
	if (!vcpu_init(v, &vm, index, page)) {
		(void)vm_stop(&vm, VM_EXIT_MONITOR, "no room for CPU %u", index);
		return false;
	}
	return true;
}

/* All vCPUs in their state after power-up, and what their threads share. */
static bool vcpus_make(struct setup *s)
{
	enum tv_err err;

	err = notification_make(s, &vm.dev_lock.ntfn);
	if (err == TV_OK)
		err = notification_make(s, &vm.dump_lock.ntfn);
	if (err != TV_OK) {
		(void)no_call("creating a notification", err);
		return false;
	}
	for (unsigned i = 0; i < s->config->cpus; i++) {
		if (!vcpu_make(s, &vcpus[i], i))
			return false;
		if (s->again)
			continue;
		vcpu_reset_registers(&vcpus[i]);
		msr_firmware_mtrrs(&vcpus[i], LAYOUT_LOW_MAX);
	}
	return true;
}

/* The other CPUs' threads; they sleep until the guest starts them. */
static bool threads_start(const struct vm_config *c)
{
	for (unsigned i = 1; i < c->cpus; i++) {
		enum tv_err err = sys_thread_start(c->thread[i]);

		if (err == TV_OK)
			continue;
		vm.cpu_count = i;		/* those that run and will end */
		(void)no_call("starting a thread", err);
		return false;
	}
	return true;
}

/* ACPI tables, and what a BIOS leaves in low memory.  0: they do not fit, which the layout excludes. */
static uint64_t firmware_place(void)
{
	const struct acpi_config acpi = { .cpu_count = vm.cpu_count, .ioapic_id = vm.board.ioapic.s.id, .suspend = true };
	uint8_t *tables = gmem_at(&vm.mem, (gpa_t){ LAYOUT_ACPI }, LAYOUT_ACPI_SIZE, true);

	if (!tables || !acpi_build(tables, LAYOUT_ACPI_SIZE, LAYOUT_ACPI, &acpi) || !legacy_memory(&vm.mem))
		return 0;
	return LAYOUT_ACPI;
}

/* Map @size bytes of module @name from @offset on, read-only; NULL after vm_stop(). */
static const uint8_t *module_map(struct setup *s, const char *name, uint64_t addr, uint64_t offset, uint64_t size)
{
	enum tv_err err = sys_mem_map(s->domain, addr, start_cap(s->start, name), offset, align_up(size, PAGE_SIZE), TV_MAP_READ);

	if (err == TV_OK)
		return (const uint8_t *)addr;
	(void)vm_stop(&vm, VM_EXIT_MONITOR, "mapping module %s failed with status %d", name, (int)err);
	return NULL;
}

/* Copy module @index to guest-physical address @gpa. */
static bool module_copy(struct setup *s, unsigned index, uint64_t gpa)
{
	uint64_t size = s->config->module[index].size;
	char name[12];

	fmt_buf(name, sizeof(name), "module%u", index);
	for (uint64_t done = 0; done < size; done += MODULE_WINDOW) {
		uint64_t len = min_u64(size - done, MODULE_WINDOW);
		const uint8_t *window = module_map(s, name, HOST_MODULE, done, len);

		if (!window || !gmem_write(&vm.mem, (gpa_t){ gpa + done }, window, len))
			return false;
		(void)sys_mem_unmap(s->domain, HOST_MODULE, align_up(len, PAGE_SIZE));
	}
	return true;
}

static void explain(const struct vm_config *c, const struct load_error *e)
{
	bool kernel = str_equal(e->file, "kernel"), initrd = str_equal(e->file, "initrd");
	const char *name = kernel ? c->kernel_name : initrd ? c->module[0].name : "", *space = *name ? " " : "";

	if (e->unknown)
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "kernel %s: this is %s; expected " LOAD_ACCEPTED, name, e->text);
	else if (e->need)
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "%s%s%s: %s (%llu KiB needed, %llu KiB there)", e->file, space, name,
			      e->text, (unsigned long long)(e->need + KIB - 1) / KIB, (unsigned long long)e->have / KIB);
	else if (e->have)
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "%s: %s (%llu bytes)", e->file, e->text, (unsigned long long)e->have);
	else
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "%s%s%s: %s", e->file, space, name, e->text);
}

/* Kernel and modules into guest memory; afterwards the files are out of reach again. */
static bool guest_load(struct setup *s, struct load_entry *entry)
{
	const struct vm_config *c = s->config;
	struct e820_entry map[LAYOUT_E820_MAX];
	struct load_input boot = {
		.kernel_size = c->kernel_size, .module_count = c->module_count, .cmdline = c->cmdline, .e820 = map,
	};
	struct load_error err;
	bool loaded;

	for (unsigned i = 0; i < c->module_count; i++)
		boot.module[i] = (struct load_module){ c->module[i].size, c->cmdline + c->module[i].args };
	boot.e820_count = layout_e820(c->memory, map);
	boot.rsdp = firmware_place();
	boot.kernel = module_map(s, "kernel", HOST_KERNEL, 0, c->kernel_size);
	if (!boot.kernel)
		return false;
	loaded = load_kernel(&vm.mem, &boot, entry, &err);
	if (!loaded)
		explain(c, &err);
	(void)sys_mem_unmap(s->domain, HOST_KERNEL, align_up(c->kernel_size, PAGE_SIZE));
	for (unsigned i = 0; i < c->module_count && loaded; i++)
		loaded = module_copy(s, i, entry->module[i]);
	return loaded;
}

/* The devices of the monitor before this one. */
static bool guest_resume(struct setup *s)
{
	uint64_t record_size = 0, size = 0;
	const struct record *r = start_area(s->start, "record", &record_size);
	const uint8_t *memory = start_area(s->start, "old", &size);
	const struct record_old old = { r, memory, s->config->old_addr, size };
	const char *wrong = "it is not there";

	if (r && memory && record_size >= sizeof(*r))
		wrong = resume_read(&vm, &old);
	if (wrong) {
		(void)vm_stop(&vm, VM_EXIT_MONITOR, "the record of the monitor before: %s", wrong);
		return false;
	}
	for (unsigned i = 0; i < vm.cpu_count; i++)
		inject_resume(&vcpus[i]);
	return true;
}

/* Firmware at the reset vector, read-only; it, and what it shall start, stay mapped. */
static bool firmware_load(struct setup *s)
{
	const struct vm_config *c = s->config;
	uint64_t base = LAYOUT_HIGH - c->firmware_size;
	struct firmware_input in = {
		.size = c->firmware_size, .kernel_size = c->kernel_size, .initrd_size = c->module_count ? c->module[0].size : 0,
		.cmdline = c->cmdline,
	};
	enum tv_err err;

	if (!in.size || in.size > FIRMWARE_MAX || !is_aligned(in.size, PAGE_SIZE)) {
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "firmware %s: %llu bytes; expected a multiple of 4 KiB up to %llu MiB",
			      c->firmware_name, (unsigned long long)in.size, FIRMWARE_MAX / MIB);
		return false;
	}
	err = sys_mem_map(s->space, base, start_cap(s->start, "firmware"), 0, in.size, TV_MAP_READ | TV_MAP_EXEC);
	if (err != TV_OK) {
		(void)no_call("mapping the firmware", err);
		return false;
	}
	in.image = module_map(s, "firmware", HOST_FIRMWARE, 0, in.size);
	in.kernel = in.kernel_size ? module_map(s, "kernel", HOST_KERNEL, 0, in.kernel_size) : NULL;
	in.initrd = in.initrd_size ? module_map(s, "module0", HOST_MODULE, 0, in.initrd_size) : NULL;
	if (!in.image || (in.kernel_size && !in.kernel) || (in.initrd_size && !in.initrd))
		return false;
	return gmem_add(&vm.mem, (gpa_t){ base }, in.size, (void *)HOST_FIRMWARE, false) && firmware_init(&vm, &in);
}

/* The flash of the firmware's variables: the disk of that type, if there is one. */
static bool variables_load(struct setup *s, const struct vm_setup *machine)
{
	char name[12];

	for (unsigned i = 0; i < s->config->disk_count; i++) {
		if (s->config->disk[i].type != VM_DISK_FLASH)
			continue;
		fmt_buf(name, sizeof(name), "ramdisk%u", i);
		return variables_init(&vm, machine, i, s->space, start_cap(s->start, name));
	}
	return true;
}

/* Everything up to the first instruction of the guest. */
static bool machine_make(struct setup *s)
{
	const struct vm_setup machine = {
		.shared = vm.shared, .root = vm.root, .info = rt_info(), .config = s->config, .ram = (uint8_t *)HOST_RAM,
		.host_cpuid = cpuid, .disk = s->disk, .net = s->net,
		.ntfn = start_cap(s->start, "ntfn"),
	};
	struct load_entry entry;

	if (!s->config->cpus || s->config->cpus > VM_CPUS) {
		(void)vm_stop(&vm, VM_EXIT_REFUSED, "cpus: %u virtual CPUs; this monitor can run 1 to %u", s->config->cpus, VM_CPUS);
		return false;
	}
	if (!memory_map(s) || !disks_map(s) || !ports_find(s) || !vm_init(&vm, &machine) || !vm_virtio_init(&vm, &machine) ||
	    !vm_devices_init(&vm, &machine) || !vcpus_make(s))
		return false;
	vm.can_suspend = !s->config->firmware_size;
	atomic_store(&vm.shared->status.state, VM_STATE_LOADING);
	if (s->again)
		return guest_resume(s);
	if (!variables_load(s, &machine))
		return false;
	if (s->config->firmware_size) {		/* the first CPU is as after a reset */
		vcpu_virtual_wire(&vcpus[0]);
		return firmware_load(s);
	}
	if (!guest_load(s, &entry))
		return false;
	if (entry.bios)
		legacy_devices(&vm);
	vcpu_enter_kernel(&vcpus[0], &entry);
	return true;
}

/* From here on another monitor could go on where this one is. */
static bool record_make(const struct setup *s)
{
	uint64_t size = 0;
	struct record *r = start_area(s->start, "record", &size);

	if (r && size >= sizeof(*r) && resume_prepare(&vm, r, s->config->generation))
		return true;
	(void)vm_stop(&vm, VM_EXIT_MONITOR, "no room for the record");
	return false;
}

void rt_thread_main(const struct tv_start *start, unsigned index)
{
	(void)start;
	RT_CHECK(index < vm.cpu_count);
	vcpu_run_loop(&vcpus[index]);
}

uint64_t rt_main(const struct tv_start *start)
{
	struct setup s = { .start = start };
	uint64_t size = 0;

	if (!start)
		return RT_EXIT_START;
	s.config = start_config(start, sizeof(struct vm_config));
	vm.shared = start_area(start, "shared", &size);
	if (!s.config || !vm.shared || size < sizeof(*vm.shared))
		return RT_EXIT_START;
	vm.root = start_cap(start, "root");
	s.domain = start_cap(start, "domain");
	s.next_sel = start->free_sel;
	s.again = s.config->generation != 0;
	vm_log_init(&vm);

	if (machine_make(&s) && record_make(&s)) {
		atomic_store(&vm.shared->status.kernel_entry_tsc, clock_now());
		atomic_store(&vm.shared->status.state, VM_STATE_RUNNING);
		(void)sys_ntfn_signal(vm.root, vm.root_signal);
		(void)threads_start(s.config);
		vm_signal(&vm);				/* of what came before the guest ran, nobody tells again */
		vcpu_run_loop(&vcpus[0]);
	}
	return vm_exit_code(&vm);
}
