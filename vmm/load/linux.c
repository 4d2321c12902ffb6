/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux bzImage loader.  Kernel documentation: "The Linux/x86 Boot Protocol", 64-bit boot protocol.
 *
 * The file is a boot sector with the setup header at 0x1f1, real-mode code that is not needed, and the protected-mode
 * kernel, which decompresses itself.  The header comes from outside: each value is read once and checked.
 */
#include <load/load.h>

#include <asm/bootparam.h>

#define SECTOR			512u
#define PARAGRAPH		16u
#define SETUP_SECTS_DEFAULT	4u
#define BOOT_FLAG		0xaa55u
#define HEADER_MAGIC		0x53726448u	/* "HdrS" */
#define VERSION_MIN		0x020cu		/* the first with xloadflags: Linux 3.8 */
#define LOADER_UNDEFINED	0xffu
#define ENTRY_64		0x200u
#define HEADER_AT		offsetof(struct boot_params, hdr)

/* Boot protocol: __BOOT_CS and __BOOT_DS. */
#define BOOT_CS			0x10u
#define BOOT_DS			0x18u
#define BOOT_GDT_ENTRIES	4u
#define GDT_CODE64		0x00af9a000000ffffull
#define GDT_DATA		0x00cf92000000ffffull

#define PTE_TABLE		0x3ull		/* present, writable */
#define PDE_LARGE		0x83ull		/* and a 2 MiB page */
#define BOOT_PDS		4u		/* page directories: 4 GiB of identity map */

_Static_assert(HEADER_AT == 0x1f1, "boot protocol: setup header");
_Static_assert(sizeof(struct boot_params) == PAGE_SIZE, "boot protocol: zero page");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "boot protocol: memory map");
_Static_assert(LAYOUT_E820_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "the memory map fits");
_Static_assert(LAYOUT_BOOT_TABLES + (2 + BOOT_PDS) * PAGE_SIZE <= LAYOUT_BOOT_CMDLINE, "low memory layout");

bool linux_is(const struct load_input *in)
{
	struct setup_header h;

	if (in->kernel_size < HEADER_AT + sizeof(h))
		return false;
	__builtin_memcpy(&h, in->kernel + HEADER_AT, sizeof(h));
	return h.boot_flag == BOOT_FLAG && h.header == HEADER_MAGIC;
}

/* Bytes of the protected-mode kernel: the header counts in paragraphs, of which the last need not be whole in the file. */
static uint64_t code_size(const struct setup_header *h, uint64_t kernel_size, uint64_t payload)
{
	uint64_t code = (uint64_t)h->syssize * PARAGRAPH;

	if (payload < kernel_size && code > kernel_size - payload && code - (kernel_size - payload) < PARAGRAPH)
		return kernel_size - payload;
	return code;
}

/* Checks of the setup header @h that do not depend on the guest. */
static bool header_check(const struct setup_header *h, uint64_t kernel_size, uint64_t payload, struct load_error *err)
{
	uint64_t code = code_size(h, kernel_size, payload);

	if (h->version < VERSION_MIN)
		return load_fail(err, "kernel", "boot protocol older than 2.12 (Linux before 3.8)", 0, 0);
	if (!(h->xloadflags & XLF_KERNEL_64) || !(h->loadflags & LOADED_HIGH))
		return load_fail(err, "kernel", "a 32-bit kernel: only the 64-bit boot protocol is supported", 0, 0);
	if (payload >= kernel_size || code > kernel_size - payload)
		return load_fail(err, "kernel", "truncated: shorter than its header says", payload + code, kernel_size);
	if (!h->kernel_alignment || (h->kernel_alignment & (h->kernel_alignment - 1)) ||
	    h->pref_address & (h->kernel_alignment - 1) || h->pref_address < LAYOUT_HIMEM ||
	    code < ENTRY_64 || h->init_size < code)
		return load_fail(err, "kernel", "corrupt setup header: load address, alignment or size make no sense", 0, 0);
	return true;
}

/* Read and check the header of a file for which linux_is().  @payload: offset of the protected-mode kernel in the file. */
static bool header_read(const struct load_input *in, struct setup_header *h, uint64_t *payload, struct load_error *err)
{
	uint64_t sects, end;

	__builtin_memset(h, 0, sizeof(*h));
	__builtin_memcpy(h, in->kernel + HEADER_AT, sizeof(*h));

	/* An older header ends earlier; what follows in the file is code. */
	end = 0x202u + (h->jump >> 8) - HEADER_AT;
	if (end < sizeof(*h))
		__builtin_memset((uint8_t *)h + end, 0, sizeof(*h) - end);

	sects = h->setup_sects ? h->setup_sects : SETUP_SECTS_DEFAULT;
	*payload = (sects + 1) * SECTOR;
	return header_check(h, in->kernel_size, *payload, err);
}

/* The kernel goes where it prefers to be: below that it would move itself there anyway, and memory begins at the bottom. */
static bool kernel_place(const struct gmem *m, const struct load_input *in, const struct setup_header *h, uint64_t payload,
			 struct load_error *err)
{
	uint64_t code = code_size(h, in->kernel_size, payload);

	if (h->pref_address >= LAYOUT_LOW_MAX || !gmem_at(m, (gpa_t){ h->pref_address }, h->init_size, true))
		return load_fail(err, "memory", "too small for this kernel", h->pref_address + h->init_size,
				 gmem_bytes_below(m, LAYOUT_HIGH));
	if (!gmem_write(m, (gpa_t){ h->pref_address }, in->kernel + payload, code))
		return load_fail(err, "memory", "too small for this kernel", code, 0);
	return true;
}

/* The initrd goes as high as the kernel can reach, above the kernel. */
static bool initrd_place(const struct gmem *m, const struct load_input *in, struct boot_params *p, struct load_error *err)
{
	uint64_t floor = align_up(p->hdr.pref_address + p->hdr.init_size, PAGE_SIZE);
	uint64_t limit = (uint64_t)p->hdr.initrd_addr_max + 1, size = in->module[0].size, at;

	if (!in->module_count)
		return true;
	if (in->module_count > 1)
		return load_fail(err, "module", "Linux takes one, its initrd", 0, 0);
	for (unsigned i = 0; i < m->count; i++) {
		const struct gmem_region *r = &m->region[i];

		if (floor - r->base < r->size)
			limit = min_u64(limit, r->base + r->size);
	}
	limit = min_u64(align_down(limit, PAGE_SIZE), LAYOUT_LOW_MAX);
	if (limit < floor || size > limit - floor)
		return load_fail(err, "initrd", "larger than the memory that the kernel leaves for it", size,
				 limit < floor ? 0 : limit - floor);
	at = align_down(limit - size, PAGE_SIZE);
	if (at < floor || !gmem_at(m, (gpa_t){ at }, size, true))
		return load_fail(err, "initrd", "larger than the memory that the kernel leaves for it", size, limit - floor);
	p->hdr.ramdisk_image = (uint32_t)at;
	p->hdr.ramdisk_size = (uint32_t)size;
	return true;
}

static bool cmdline_place(const struct gmem *m, const struct load_input *in, struct boot_params *p, struct load_error *err)
{
	uint64_t max = min_u64(p->hdr.cmdline_size, LAYOUT_BOOT_CMDLINE_MAX - 1), len = 0;

	while (len <= max && in->cmdline[len])
		len++;
	if (len > max)
		return load_fail(err, "cmdline", "longer than this kernel accepts", 0, max);
	p->hdr.cmd_line_ptr = (uint32_t)LAYOUT_BOOT_CMDLINE;
	if (!gmem_write(m, (gpa_t){ LAYOUT_BOOT_CMDLINE }, in->cmdline, len + 1))
		return load_fail(err, "memory", "too small for any kernel", LAYOUT_MIN, gmem_bytes_below(m, LAYOUT_HIGH));
	return true;
}

/* Identity map of the first 4 GiB, and a GDT with the two segments that the protocol asks for. */
static bool tables_place(const struct gmem *m)
{
	uint64_t *gdt = gmem_at(m, (gpa_t){ LAYOUT_BOOT_GDT }, BOOT_GDT_ENTRIES * 8, true);
	uint64_t *pml4 = gmem_at(m, (gpa_t){ LAYOUT_BOOT_TABLES }, (2 + BOOT_PDS) * PAGE_SIZE, true);
	uint64_t *pdpt, *pd;

	if (!gdt || !pml4)
		return false;
	__builtin_memset(gdt, 0, BOOT_GDT_ENTRIES * 8);
	gdt[BOOT_CS / 8] = GDT_CODE64;
	gdt[BOOT_DS / 8] = GDT_DATA;

	__builtin_memset(pml4, 0, 2 * PAGE_SIZE);
	pdpt = pml4 + 512;
	pd = pdpt + 512;
	pml4[0] = (LAYOUT_BOOT_TABLES + PAGE_SIZE) | PTE_TABLE;
	for (unsigned i = 0; i < BOOT_PDS; i++)
		pdpt[i] = (LAYOUT_BOOT_TABLES + (2 + i) * PAGE_SIZE) | PTE_TABLE;
	for (unsigned i = 0; i < BOOT_PDS * 512; i++)
		pd[i] = i * 2 * MIB | PDE_LARGE;
	return true;
}

static void e820_place(const struct load_input *in, struct boot_params *p)
{
	unsigned count = in->e820_count < LAYOUT_E820_MAX ? in->e820_count : LAYOUT_E820_MAX;

	for (unsigned i = 0; i < count; i++)
		p->e820_table[i] = (struct boot_e820_entry){ in->e820[i].addr, in->e820[i].size, in->e820[i].type };
	p->e820_entries = (uint8_t)count;
}

bool linux_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err)
{
	struct setup_header h;
	struct boot_params *p;
	uint64_t payload;

	if (!header_read(in, &h, &payload, err) || !kernel_place(m, in, &h, payload, err))
		return false;
	p = gmem_at(m, (gpa_t){ LAYOUT_BOOT_PARAMS }, sizeof(*p), true);
	if (!p || !tables_place(m))
		return load_fail(err, "memory", "too small for any kernel", LAYOUT_MIN, gmem_bytes_below(m, LAYOUT_HIGH));

	__builtin_memset(p, 0, sizeof(*p));
	p->hdr = h;
	p->hdr.type_of_loader = LOADER_UNDEFINED;
	p->hdr.code32_start = (uint32_t)h.pref_address;
	p->hdr.ramdisk_image = 0;
	p->hdr.ramdisk_size = 0;
	p->hdr.setup_data = 0;
	p->acpi_rsdp_addr = in->rsdp;
	e820_place(in, p);
	if (!initrd_place(m, in, p, err) || !cmdline_place(m, in, p, err))
		return false;

	*out = (struct load_entry){
		.long_mode = true,
		.rip = h.pref_address + ENTRY_64,
		.rsi = LAYOUT_BOOT_PARAMS,
		.rsp = LAYOUT_BOOT_GDT,		/* grows down into unused memory */
		.cr3 = LAYOUT_BOOT_TABLES,
		.gdt_base = LAYOUT_BOOT_GDT,
		.gdt_limit = BOOT_GDT_ENTRIES * 8 - 1,
		.cs = BOOT_CS,
		.ds = BOOT_DS,
		.module = { p->hdr.ramdisk_image },
	};
	return true;
}
