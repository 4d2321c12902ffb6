/* SPDX-License-Identifier: Apache-2.0 */
/* Dividing physical memory at boot: the kernel's pool, and what root is given. */
#include <arch/machine.h>
#include <kernel/boot_info.h>
#include <kernel/boot_memory.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <mm/frame.h>

/* The pool: this share of RAM within these bounds.  It holds kernel objects and page tables, 8 bytes for each 4 KiB mapped. */
#define POOL_SHARE	16u
#define POOL_MIN	(16 * MIB)
#define POOL_MAX	(512 * MIB)
#define POOL_LIMIT	(4 * GIB)	/* the boot page tables, in use then, show no more */
#define POOL_RANGES	4u

/* The first MiB belongs to the firmware; what drivers may want to see of it is display memory and ROMs. */
#define LOW_VGA		0xa0000ull
#define LOW_ROM		0xc0000ull
#define LOW_END		0x100000ull

/* Message-signalled interrupts; no device has registers there. */
#define MSI_BASE	0xfee00000ull
#define MSI_END		0xfef00000ull

#define AREAS		192u
#define HOLES		(BOOT_MODULES + POOL_RANGES + MACHINE_OWNED_PAGES + 2)

struct span {
	uint64_t base, end;
};

struct area_list {
	struct boot_area area[AREAS];
	unsigned count;
	struct span hole[HOLES];	/* what no area may contain */
	unsigned hole_count;
};

extern const char kernel_phys_start[], kernel_phys_end[];	/* linker.ld */

static struct span pool[POOL_RANGES];
static unsigned pool_count;

uint64_t boot_memory_total(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < boot_info.range_count; i++)
		if (boot_info.range[i].kind == BOOT_RAM)
			sum += boot_info.range[i].size;
	return sum;
}

uint64_t boot_memory_kernel(void)
{
	uint64_t sum = (uint64_t)(kernel_phys_end - kernel_phys_start);

	for (unsigned i = 0; i < pool_count; i++)
		sum += pool[i].end - pool[i].base;
	return sum;
}

static void add_hole(struct area_list *l, uint64_t base, uint64_t end)
{
	CHECK(l->hole_count < HOLES);
	l->hole[l->hole_count++] = (struct span){ base, end };
}

static void add_holes(struct area_list *l)
{
	uint64_t owned[MACHINE_OWNED_PAGES];
	unsigned n = machine_owned_pages(owned, MACHINE_OWNED_PAGES);

	l->count = l->hole_count = 0;
	add_hole(l, (uint64_t)kernel_phys_start, (uint64_t)kernel_phys_end);
	add_hole(l, MSI_BASE, MSI_END);
	for (unsigned i = 0; i < boot_info.module_count; i++)
		if (boot_info.module[i].size)
			add_hole(l, boot_info.module[i].base,
				 align_up(boot_info.module[i].base + boot_info.module[i].size, PAGE_SIZE));
	for (unsigned i = 0; i < pool_count; i++)
		add_hole(l, pool[i].base, pool[i].end);
	for (unsigned i = 0; i < n; i++)
		add_hole(l, owned[i], owned[i] + PAGE_SIZE);
}

/* Append [@base, @end) without the holes from number @hole on. */
static void add_area(struct area_list *l, uint64_t base, uint64_t end, uint32_t kind, unsigned hole)
{
	for (; hole < l->hole_count && base < end; hole++) {
		const struct span *h = &l->hole[hole];

		if (h->base >= end || h->end <= base)
			continue;
		if (h->base > base)
			add_area(l, base, h->base, kind, hole + 1);
		base = h->end;
	}
	if (base < end && l->count < AREAS)
		l->area[l->count++] = (struct boot_area){ .base = base, .size = end - base, .kind = kind };
}

/* The free RAM in [LOW_END, POOL_LIMIT) that is largest. */
static struct span largest_free(void)
{
	static struct area_list l;		/* too large for the stack; boot only */
	struct span best = { 0, 0 };

	add_holes(&l);
	for (unsigned i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *r = &boot_info.range[i];

		if (r->kind == BOOT_RAM)
			add_area(&l, max_u64(r->base, LOW_END), min_u64(r->base + r->size, POOL_LIMIT), TV_REGION_RAM, 0);
	}
	for (unsigned i = 0; i < l.count; i++)
		if (l.area[i].size > best.end - best.base)
			best = (struct span){ l.area[i].base, l.area[i].base + l.area[i].size };
	return best;
}

void boot_memory_init(void)
{
	uint64_t total = boot_memory_total(), want, need;

	want = align_up(min_u64(max_u64(total / POOL_SHARE, POOL_MIN), POOL_MAX), 2 * MIB);
	/* From the end of the largest pieces: what is left keeps its alignment, and mostly the pool is one piece. */
	for (need = want; need > 0 && pool_count < POOL_RANGES;) {
		struct span s = largest_free();
		uint64_t size = min_u64(need, s.end - s.base);

		if (size == 0)
			break;
		if (s.end - s.base >= need + 2 * MIB)
			s.end = align_down(s.end, 2 * MIB);
		pool[pool_count++] = (struct span){ s.end - size, s.end };
		frame_add((hpa_t){ s.end - size }, size);
		need -= size;
	}
	if (want - need < POOL_MIN)
		cannot_run("%lu MiB of free memory, the kernel alone needs %lu MiB", (unsigned long)((want - need) / MIB),
			   (unsigned long)(POOL_MIN / MIB));
	log_info("memory: %lu MiB, %lu MiB of it for the kernel, %u modules", (unsigned long)(total / MIB),
		 (unsigned long)(boot_memory_kernel() / MIB), boot_info.module_count);
}

static uint32_t kind_of(uint32_t boot_kind)
{
	return boot_kind == BOOT_RAM ? TV_REGION_RAM :
	       boot_kind == BOOT_ACPI || boot_kind == BOOT_NVS ? TV_REGION_ACPI : TV_REGION_MMIO;
}

/* All that lies between, where no memory is, belongs to devices, as does what the firmware calls reserved. */
static void add_map(struct area_list *l)
{
	uint64_t limit = BIT(machine_phys_bits());
	struct span mmio = { LOW_END, LOW_END };

	for (unsigned i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *r = &boot_info.range[i];
		uint64_t base = max_u64(r->base, LOW_END), end = min_u64(r->base + r->size, limit);
		uint32_t kind = kind_of(r->kind);

		if (base >= end || kind == TV_REGION_MMIO)
			continue;
		mmio.end = base;
		add_area(l, mmio.base, mmio.end, TV_REGION_MMIO, 0);
		add_area(l, base, end, kind, 0);
		mmio.base = end;
	}
	add_area(l, mmio.base, limit, TV_REGION_MMIO, 0);
}

/* ACPI's root pointer, where it is not in memory that a range covers: in the EBDA, or the loader's copy of it. */
static void add_rsdp(struct area_list *l)
{
	uint64_t page = align_down(machine_rsdp(), PAGE_SIZE);
	uint64_t kernel = (uint64_t)kernel_phys_start, kernel_end = (uint64_t)kernel_phys_end;

	if (page && (page < LOW_VGA || (page >= kernel && page < kernel_end)))
		l->area[l->count++] = (struct boot_area){ .base = page, .size = PAGE_SIZE, .kind = TV_REGION_ACPI };
}

static void sort(struct area_list *l)
{
	for (unsigned i = 1; i < l->count; i++) {
		struct boot_area a = l->area[i];
		unsigned j = i;

		for (; j > 0 && l->area[j - 1].base > a.base; j--)
			l->area[j] = l->area[j - 1];
		l->area[j] = a;
	}
}

static void drop_smallest(struct area_list *l)
{
	unsigned smallest = ~0u;

	for (unsigned i = 0; i < l->count; i++)
		if (l->area[i].kind != TV_REGION_MODULE &&
		    (smallest == ~0u || l->area[i].size < l->area[smallest].size))
			smallest = i;
	CHECK(smallest != ~0u);
	log_warn("memory map: %#lx bytes at %#lx are left out", (unsigned long)l->area[smallest].size,
		 (unsigned long)l->area[smallest].base);
	l->count--;
	memmove(&l->area[smallest], &l->area[smallest + 1], (l->count - smallest) * sizeof(l->area[0]));
}

unsigned boot_memory_areas(struct boot_area *out, unsigned max)
{
	static struct area_list l;

	add_holes(&l);
	l.area[l.count++] = (struct boot_area){ .base = LOW_VGA, .size = LOW_ROM - LOW_VGA, .kind = TV_REGION_MMIO };
	l.area[l.count++] = (struct boot_area){ .base = LOW_ROM, .size = LOW_END - LOW_ROM, .kind = TV_REGION_ACPI };
	add_rsdp(&l);
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		if (boot_info.module[i].size == 0)
			continue;
		l.area[l.count++] = (struct boot_area){
			.base = boot_info.module[i].base, .size = align_up(boot_info.module[i].size, PAGE_SIZE),
			.kind = TV_REGION_MODULE, .module = i,
		};
	}
	add_map(&l);
	sort(&l);
	while (l.count > max)
		drop_smallest(&l);
	memcpy(out, l.area, l.count * sizeof(*out));
	return l.count;
}
