/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's half of every host address space, PML4 entries 256 to 511:
 *
 *   0xffff8000_00000000  DIRECT_MAP     RAM, nothing else; read-write, but the kernel's text and rodata read-only
 *   0xffffff00_00000000  DEVICE_WINDOW  registers that the kernel itself drives; uncached; and stacks, with holes between them
 *   0xffffffff_80000000  KERNEL_BASE    the image: text R-X, rodata R--, data RW-; a hole below the boot stack
 *
 * Nothing is writable and executable, and only text is executable.  All of it is global: it is the same everywhere, and
 * never changes but by new device mappings.
 */
#include <arch/cpu.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <mm/pt.h>

#define KERNEL_FIRST		256u		/* PML4 entries */
#define PML4_SPAN		(512 * GIB)
#define DIRECT_MAP_SIZE		(128 * PML4_SPAN)
#define DEVICE_WINDOW		0xffffff0000000000ull
#define DEVICE_WINDOW_SIZE	GIB

/* linker.ld, entry64.asm */
extern const char kernel_text_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern const char kernel_phys_start[], boot_stack_guard[];

static struct pt kernel_pt;
static uint64_t device_next = DEVICE_WINDOW;
static bool spaces_exist;

/* The image with 4 KiB pages: its parts are small and have different rights. */
static void map_image(const char *start, const char *end, uint32_t rights)
{
	struct pt_format small = *kmap_format();
	struct pt pt = { .fmt = &small, .root = kernel_pt.root };

	small.max_leaf_level = 0;
	pt_map(&pt, (uint64_t)start, (hpa_t){ (uint64_t)start - KERNEL_BASE }, (uint64_t)(end - start), rights | PT_GLOBAL, NULL);
}

static void map_direct(uint64_t start, uint64_t end, uint32_t rights)
{
	if (start < end)
		pt_map(&kernel_pt, DIRECT_MAP + start, (hpa_t){ start }, end - start, rights | PT_GLOBAL, NULL);
}

/* RAM [@start, @end), of which what the image has in [@ro, @ro_end) is never written. */
static void map_ram(uint64_t start, uint64_t end, uint64_t ro, uint64_t ro_end)
{
	map_direct(start, min_u64(end, ro), PT_R | PT_W);
	map_direct(max_u64(start, ro), min_u64(end, ro_end), PT_R);
	map_direct(max_u64(start, ro_end), end, PT_R | PT_W);
}

void kmap_init(void)
{
	uint64_t ro = (uint64_t)kernel_phys_start, ro_end = (uint64_t)kernel_rodata_end - KERNEL_BASE;

	kernel_pt = (struct pt){ .fmt = kmap_format(), .root = frame_alloc() };
	CHECK(kernel_pt.root);
	map_image(kernel_text_start, kernel_text_end, PT_R | PT_X);
	map_image(kernel_text_end, kernel_rodata_end, PT_R);
	map_image(kernel_rodata_end, boot_stack_guard, PT_R | PT_W);
	map_image(boot_stack_guard + PAGE_SIZE, kernel_end, PT_R | PT_W);

	for (unsigned i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *r = &boot_info.range[i];

		if (r->kind != BOOT_RAM)
			continue;
		if (r->base + r->size > DIRECT_MAP_SIZE)
			log_warn("memory above %#llx is not used", DIRECT_MAP_SIZE);
		map_ram(min_u64(r->base, DIRECT_MAP_SIZE), min_u64(r->base + r->size, DIRECT_MAP_SIZE), ro, ro_end);
	}
	cpu_load_space(kmap_root());
}

hpa_t kmap_root(void)
{
	return frame_pa(kernel_pt.root);
}

void kmap_space_init(uint64_t *root)
{
	spaces_exist = true;
	memcpy(&root[KERNEL_FIRST], &kernel_pt.root[KERNEL_FIRST], (512 - KERNEL_FIRST) * sizeof(*root));
}

void *kmap_device_type(hpa_t pa, uint64_t size, uint32_t type)
{
	uint64_t offset = pa.v & PAGE_MASK, length = align_up(offset + size, PAGE_SIZE), va = device_next;

	if (size == 0 || length < size || length > DEVICE_WINDOW + DEVICE_WINDOW_SIZE - va)
		return NULL;
	/* Spaces have copied the top-level entries: the window's must be among them. */
	CHECK(!spaces_exist || kernel_pt.root[DEVICE_WINDOW / PML4_SPAN % 512]);
	device_next += length;
	pt_map(&kernel_pt, va, (hpa_t){ pa.v - offset }, length, PT_R | PT_W | PT_GLOBAL | type, NULL);
	return (void *)(va + offset);
}

void *kmap_device(hpa_t pa, uint64_t size)
{
	return kmap_device_type(pa, size, PT_UC);
}

void *kmap_shadow_stack(void *frames, uint64_t size)
{
	struct pt_format shadow = *kmap_format();
	struct pt pt = { .fmt = &shadow, .root = kernel_pt.root };
	uint64_t va = device_next + PAGE_SIZE;

	CHECK(size <= DEVICE_WINDOW + DEVICE_WINDOW_SIZE - va);
	device_next = va + size;
	/* What the CPU takes for a shadow stack: no page that is written to by stores is both. */
	shadow.perm[PT_R] |= shadow.dirty;
	pt_map(&pt, va, frame_pa(frames), size, PT_R | PT_GLOBAL, NULL);
	return (void *)va;
}

void kmap_seal(void *frames, uint64_t size)
{
	struct pt_dead dead = { .count = 0 };
	uint64_t va = (uint64_t)frames;

	pt_protect(&kernel_pt, va, size, PT_R | PT_GLOBAL, NULL, &dead);
	for (uint64_t a = va; a < va + size; a += PAGE_SIZE)
		cpu_flush_range(a, PAGE_SIZE);		/* page by page: also what is global */
	pt_free_dead(&dead, NULL);
}

void *kmap_stack(uint64_t size)
{
	char *frames = frame_alloc_many((unsigned)(size / PAGE_SIZE)), *stack;

	device_next += PAGE_SIZE;
	stack = frames ? kmap_device_type(frame_pa(frames), size, PT_WB) : NULL;
	return stack ? stack + size : NULL;
}
