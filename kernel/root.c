/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of root, the first domain: its program, its memory, and its capabilities to everything. */
#include <abi/info.h>
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/machine.h>
#include <arch/user.h>
#include <kernel/boot_info.h>
#include <kernel/boot_memory.h>
#include <kernel/domain.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/root.h>
#include <kernel/sched.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <lib/elf.h>
#include <mm/frame.h>

#define ROOT_STACK_SIZE		(64 * KIB)
/* Below the information pages, with a gap that faults. */
#define ROOT_STACK_TOP		(TV_ROOT_INFO_ADDR - 16 * PAGE_SIZE)
/* Pages of the pool that stay with the kernel: nothing allocates there after boot, but the log and the machine could. */
#define KERNEL_RESERVE		64u
#define ROOT_PRIORITY		255u

static struct domain root;
static struct boot_area areas[TV_ROOT_REGIONS];
static unsigned area_count;

static const struct boot_module *root_module(void)
{
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		const char *name = boot_info.module[i].cmdline;

		if (strncmp(name, "root", 4) == 0 && (name[4] == ' ' || name[4] == 0))
			return &boot_info.module[i];
	}
	cannot_run("no boot module named \"root\" among %u modules", boot_info.module_count);
}

/* @pages of free memory, out of the first area that has them. */
static hpa_t root_memory(uint64_t pages)
{
	for (unsigned i = 0; i < area_count; i++) {
		struct boot_area *a = &areas[i];
		hpa_t base = { a->base };

		if (a->kind != TV_REGION_RAM || a->size <= pages * PAGE_SIZE)
			continue;
		a->base += pages * PAGE_SIZE;
		a->size -= pages * PAGE_SIZE;
		memset(frame_va(base), 0, pages * PAGE_SIZE);
		return base;
	}
	cannot_run("no %lu KiB of free memory for the module \"root\"", (unsigned long)(pages * PAGE_SIZE / KIB));
}

/* A mapping that belongs to no capability. */
static void root_map(uint64_t va, hpa_t pa, uint64_t size, uint32_t rights)
{
	struct map_request r = { .va = va, .size = size, .pa = pa, .attr = rights | PT_USER | PT_WB, .max = rights };
	bool done = false;

	while (!done) {
		struct work w = { WORK_CHUNK };
		enum tv_err err = space_map(&root.space, &r, &w, &done);

		if (err)
			panic("mapping root at 0x%llx: error %u", (unsigned long long)va, err);
	}
}

static uint32_t segment_rights(const struct elf_segment *s)
{
	return PT_R | (s->flags & ELF_W ? PT_W : 0) | (s->flags & ELF_X ? PT_X : 0);
}

/* Copy the program into memory of its own, and map it. */
static uint64_t root_load(const struct boot_module *m)
{
	const char *image = frame_va((hpa_t){ m->base });
	struct elf_layout l;
	struct elf_error e;

	if (!elf_check(image, m->size, TV_USER_MIN, ROOT_STACK_TOP - ROOT_STACK_SIZE, &l, &e))
		cannot_run("module \"root\": %s", e.text);
	for (unsigned i = 0; i < l.count; i++) {
		const struct elf_segment *s = &l.segment[i];
		uint64_t first = align_down(s->vaddr, PAGE_SIZE), size = align_up(s->vaddr + s->memsz, PAGE_SIZE) - first;
		hpa_t pa = root_memory(size / PAGE_SIZE);

		memcpy((char *)frame_va(pa) + (s->vaddr - first), image + s->offset, s->filesz);
		root_map(first, pa, size, segment_rights(s));
	}
	root_map(ROOT_STACK_TOP - ROOT_STACK_SIZE, root_memory(ROOT_STACK_SIZE / PAGE_SIZE), ROOT_STACK_SIZE, PT_R | PT_W);
	return l.entry;
}

/* A range capability, the root of a derivation tree. */
static void root_range(uint64_t sel, enum tv_cap_type type, uint32_t rights, uint64_t base, uint64_t size, bool ram)
{
	struct cap value = { .type = (uint8_t)type, .rights = (uint16_t)(TV_RIGHT_DERIVE | rights), .base = base, .size = size,
			     .flags = ram ? CAP_RAM : 0 };
	struct cap *c;

	CHECK(cap_reserve(&root, sel, &c) == TV_OK);
	cap_fill(c, &value, NULL);
}

static void root_ranges(void)
{
	struct cap log = { .type = TV_CAP_LOG, .rights = TV_RIGHT_ALL }, *c;

	CHECK(cap_reserve(&root, TV_SEL_LOG, &c) == TV_OK);
	cap_fill(c, &log, NULL);
	root_range(TV_SEL_PORTS, TV_CAP_PORTS, TV_RIGHT_USE, 0, 65536, false);
	root_range(TV_SEL_MSRS, TV_CAP_MSRS, TV_RIGHT_USE, 0, 1ull << 32, false);
	root_range(TV_SEL_IRQS, TV_CAP_IRQS, TV_RIGHT_USE, 0, TV_IRQ_MAX, false);
	for (unsigned i = 0; i < area_count; i++) {
		const struct boot_area *a = &areas[i];
		uint32_t rights = a->kind == TV_REGION_ACPI ? TV_RIGHT_READ :
				  a->kind == TV_REGION_MMIO ? TV_RIGHT_READ | TV_RIGHT_WRITE :
				  TV_RIGHT_READ | TV_RIGHT_WRITE | TV_RIGHT_EXEC;

		root_range(TV_SEL_REGION + i, TV_CAP_REGION, rights, a->base, a->size, a->kind != TV_REGION_MMIO);
	}
}

static void root_info_regions(struct tv_rootinfo *info)
{
	info->region_count = area_count;
	for (unsigned i = 0; i < area_count; i++) {
		const struct boot_area *a = &areas[i];

		info->region[i] = (struct tv_root_region){ .base = a->base, .size = a->size, .kind = a->kind };
		if (a->kind != TV_REGION_MODULE)
			continue;
		info->region[i].arg = a->module;
		info->module[a->module].region = i;
	}
}

_Static_assert(sizeof(struct tv_rootinfo) <= TV_ROOT_INFO_PAGES * PAGE_SIZE, "info.h");
_Static_assert(BOOT_MODULES <= TV_ROOT_MODULES, "every module has a place in struct tv_rootinfo");

static void root_info(void)
{
	const struct boot_framebuffer *fb = &boot_info.fb;
	struct tv_rootinfo *info = frame_alloc_many(TV_ROOT_INFO_PAGES);

	CHECK(info);
	info->version = TV_ABI_VERSION;
	info->module_count = boot_info.module_count;
	info->gsi_count = irq_count();
	info->rsdp = machine_rsdp();
	info->kernel_memory = boot_memory_kernel();
	info->fb_base = fb->base;
	info->fb_width = fb->width;
	info->fb_height = fb->height;
	info->fb_pitch = fb->pitch;
	info->fb_bpp = fb->bpp;
	memcpy(info->cmdline, boot_info.cmdline, sizeof(info->cmdline));
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		info->module[i].size = boot_info.module[i].size;
		memcpy(info->module[i].cmdline, boot_info.module[i].cmdline, sizeof(info->module[i].cmdline));
	}
	root_info_regions(info);
	root_map(TV_ROOT_INFO_ADDR, frame_pa(info), TV_ROOT_INFO_PAGES * PAGE_SIZE, PT_R);
}
_Static_assert(sizeof(boot_info.cmdline) == sizeof(((struct tv_rootinfo *)0)->cmdline), "copied as a whole");
_Static_assert(sizeof(boot_info.module[0].cmdline) == sizeof(((struct tv_rootinfo *)0)->module[0].cmdline), "copied as a whole");

/* Its only thread, with a scheduling context that has no limits. */
static void root_thread(uint64_t entry)
{
	struct thread_start start = { .rip = entry, .rsp = ROOT_STACK_TOP };
	void *thread, *sched, *fpu = quota_frame_alloc(&root.quota);

	CHECK(fpu && object_prepare(&root, TV_SEL_THREAD, sizeof(struct thread), &thread) == TV_OK);
	CHECK(object_prepare(&root, TV_SEL_SCHED, sizeof(struct sched), &sched) == TV_OK);
	thread_init(thread, &root, fpu, &start);
	sched_setup(sched, arch_cpu()->id, ROOT_PRIORITY, 0, 0);
	object_publish(&((struct thread *)thread)->object, &root, TV_SEL_THREAD, TV_CAP_THREAD, NULL);
	object_publish(&((struct sched *)sched)->object, &root, TV_SEL_SCHED, TV_CAP_SCHED, NULL);
	sched_bind(sched, thread);
	((struct thread *)thread)->stop = 0;
	sched_wake(thread);
}

enum tv_err root_create(void)
{
	const struct boot_module *m = root_module();
	uint64_t entry;
	struct cap *c;

	area_count = boot_memory_areas(areas, TV_ROOT_REGIONS);
	root.object.payer = &root;
	if (domain_init(&root, NULL, frame_count_free() - KERNEL_RESERVE - TV_ROOT_INFO_PAGES))
		return TV_EQUOTA;
	CHECK(cap_reserve(&root, TV_SEL_DOMAIN, &c) == TV_OK);
	object_publish(&root.object, &root, TV_SEL_DOMAIN, TV_CAP_DOMAIN, NULL);
	entry = root_load(m);
	root_info();
	root_ranges();
	root_thread(entry);
	log_info("root: %lu KiB of kernel memory, %u regions, %u modules", (unsigned long)(root.quota.limit * PAGE_SIZE / KIB),
		 area_count, boot_info.module_count);
	return TV_OK;
}
