/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 2 loader.  "Multiboot2 Specification version 2.0", OS image format, machine state, boot information format.
 *
 * The header stands in the first 32 KiB of the file, a list of tags; a tag that this loader does not know is a reason to give up
 * unless the kernel calls it optional.
 */
#include <load/place.h>

#define SEARCH		32768u
#define HEADER_MAGIC	0xe85250d6u
#define ENTRY_MAGIC	0x36d76289u	/* EAX for the kernel */
#define ARCH_I386	0u
#define TAG_ALIGN	8u
#define TAG_OPTIONAL	1u
#define TAGS_MAX	64u
#define LOADER_NAME	"Trivet"
#define RSDP_SIZE	36u		/* version 2 */

struct mb2_header {
	uint32_t magic, architecture, length, checksum;
};

struct mb2_tag {		/* of the header */
	uint16_t type, flags;
	uint32_t size;
};

enum {				/* header tags; the ones after @TAG_ENTRY are wishes that may stay unfulfilled */
	TAG_END = 0, TAG_REQUEST = 1, TAG_ADDRESS = 2, TAG_ENTRY = 3, TAG_CONSOLE = 4, TAG_FRAMEBUFFER = 5, TAG_ALIGNED = 6,
	TAG_EFI_SERVICES = 7, TAG_EFI32 = 8, TAG_EFI64 = 9, TAG_RELOCATABLE = 10,
};

enum {				/* boot information tags */
	INFO_END = 0, INFO_CMDLINE = 1, INFO_NAME = 2, INFO_MODULE = 3, INFO_MEMORY = 4, INFO_MAP = 6, INFO_RSDP2 = 15,
};
#define INFO_KNOWN	21u	/* the highest type that the specification has: others cannot be asked for */

/* What the header asks for. */
struct wishes {
	bool addresses, entry;
	uint32_t header_addr, load_addr, load_end, bss_end;
	uint32_t entry_addr;
};

/* Boot information under construction, in guest memory. */
struct info {
	uint8_t *data;
	uint64_t used, size;
	bool full;
};

static uint32_t word(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

/* Offset of the header in the file, or the file's size if there is none. */
static uint64_t header_find(const struct load_input *in, struct mb2_header *h)
{
	uint64_t end = min_u64(in->kernel_size, SEARCH);

	*h = (struct mb2_header){ 0 };
	for (uint64_t at = 0; range_inside(at, sizeof(*h), end); at += TAG_ALIGN) {
		__builtin_memcpy(h, in->kernel + at, sizeof(*h));
		if (h->magic == HEADER_MAGIC && h->magic + h->architecture + h->length + h->checksum == 0)
			return at;
	}
	return in->kernel_size;
}

bool multiboot2_is(const struct load_input *in)
{
	struct mb2_header h;

	return header_find(in, &h) < in->kernel_size;
}

/* One header tag of @tag->size bytes at @p. */
static bool tag_read(const struct mb2_tag *tag, const uint8_t *p, struct wishes *w, struct load_error *err)
{
	switch (tag->type) {
	case TAG_REQUEST:
		for (uint32_t i = sizeof(*tag); i + 4 <= tag->size; i += 4)
			if (word(p + i) > INFO_KNOWN && !(tag->flags & TAG_OPTIONAL))
				return load_fail(err, "kernel", "a multiboot 2 kernel that asks for unknown information", 0, 0);
		return true;
	case TAG_ADDRESS:
		if (tag->size < 24)
			return load_fail(err, "kernel", "corrupt multiboot 2 header: address tag", 0, 0);
		w->addresses = true;
		w->header_addr = word(p + 8);
		w->load_addr = word(p + 12);
		w->load_end = word(p + 16);
		w->bss_end = word(p + 20);
		return true;
	case TAG_ENTRY:
		if (tag->size < 12)
			return load_fail(err, "kernel", "corrupt multiboot 2 header: entry tag", 0, 0);
		w->entry = true;
		w->entry_addr = word(p + 8);
		return true;
	case TAG_CONSOLE: case TAG_FRAMEBUFFER: case TAG_ALIGNED: case TAG_EFI_SERVICES: case TAG_EFI32: case TAG_EFI64:
	case TAG_RELOCATABLE:
		return true;
	default:
		if (tag->flags & TAG_OPTIONAL)
			return true;
		return load_fail(err, "kernel", "a multiboot 2 kernel that needs something unknown (header tag)", 0, 0);
	}
}

/* All tags of the header at @at. */
static bool tags_read(const struct load_input *in, const struct mb2_header *h, uint64_t at, struct wishes *w, struct load_error *err)
{
	uint64_t off = sizeof(*h);
	struct mb2_tag tag;

	if (h->architecture != ARCH_I386)
		return load_fail(err, "kernel", "a multiboot 2 kernel for another architecture", 0, 0);
	if (!range_inside(at, h->length, in->kernel_size))
		return load_fail(err, "kernel", "truncated: shorter than its headers say", at + h->length, in->kernel_size);
	for (unsigned n = 0; n < TAGS_MAX; n++) {
		if (!range_inside(off, sizeof(tag), h->length))
			break;
		__builtin_memcpy(&tag, in->kernel + at + off, sizeof(tag));
		if (tag.type == TAG_END)
			return true;
		if (tag.size < sizeof(tag) || !range_inside(off, tag.size, h->length))
			break;
		if (!tag_read(&tag, in->kernel + at + off, w, err))
			return false;
		off = align_up(off + tag.size, TAG_ALIGN);
	}
	return load_fail(err, "kernel", "corrupt multiboot 2 header: its list of tags does not end", 0, 0);
}

/* The file goes where the address tag of the header, at @at, says. */
static bool place_by_tag(const struct gmem *m, const struct load_input *in, const struct wishes *w, uint64_t at,
			 struct load_extent *e, struct load_error *err)
{
	uint64_t offset = 0, load = w->load_addr, filesz, memsz;

	*e = (struct load_extent){ UINT64_MAX, 0 };
	if (load == UINT32_MAX) {			/* the file from its beginning on */
		if (at > w->header_addr)
			return load_fail(err, "kernel", "corrupt multiboot 2 header: load address", 0, 0);
		load = w->header_addr - at;
	} else if (load > w->header_addr || w->header_addr - load > at) {
		return load_fail(err, "kernel", "corrupt multiboot 2 header: load address", 0, 0);
	} else {
		offset = at - (w->header_addr - load);
	}
	if ((w->load_end && w->load_end < load) || (w->bss_end && w->bss_end < load))
		return load_fail(err, "kernel", "corrupt multiboot 2 header: it ends before it begins", 0, 0);
	filesz = w->load_end ? w->load_end - load : in->kernel_size - offset;
	memsz = w->bss_end ? w->bss_end - load : filesz;
	return place_segment(m, in, offset, filesz, load, max_u64(memsz, filesz), e, err);
}

/* A new tag of @type with room for @len bytes; NULL when the area is full. */
static uint8_t *info_tag(struct info *info, uint32_t type, uint64_t len)
{
	const uint32_t head[2] = { type, (uint32_t)(sizeof(head) + len) };
	uint64_t at = align_up(info->used, TAG_ALIGN);

	if (!range_inside(at, sizeof(head) + len, info->size)) {
		info->full = true;
		return NULL;
	}
	__builtin_memcpy(info->data + at, head, sizeof(head));
	info->used = at + sizeof(head) + len;
	return info->data + at + sizeof(head);
}

/* A tag of @words and a text after them. */
static void info_text(struct info *info, uint32_t type, const uint32_t *words, unsigned count, const char *text)
{
	uint64_t len = __builtin_strlen(text) + 1;
	uint8_t *p = info_tag(info, type, count * sizeof(*words) + len);

	if (!p)
		return;
	if (count)
		__builtin_memcpy(p, words, count * sizeof(*words));
	__builtin_memcpy(p + count * sizeof(*words), text, len);
}

static void info_map(struct info *info, const struct load_input *in)
{
	const uint32_t head[2] = { 24, 0 };		/* bytes of an entry, version */
	uint32_t memory[2] = { (uint32_t)(LAYOUT_EBDA / KIB), 0 };
	uint8_t *p = info_tag(info, INFO_MAP, sizeof(head) + in->e820_count * 24);

	if (!p)
		return;
	__builtin_memcpy(p, head, sizeof(head));
	for (unsigned i = 0; i < in->e820_count; i++) {
		const struct e820_entry *r = &in->e820[i];
		const uint64_t entry[3] = { r->addr, r->size, r->type };

		__builtin_memcpy(p + sizeof(head) + i * sizeof(entry), entry, sizeof(entry));
		if (r->addr == LAYOUT_HIMEM && r->type == E820_RAM)
			memory[1] = (uint32_t)(r->size / KIB);
	}
	p = info_tag(info, INFO_MEMORY, sizeof(memory));
	if (p)
		__builtin_memcpy(p, memory, sizeof(memory));
}

static bool info_fill(const struct gmem *m, struct info *info, const struct load_input *in, const struct load_entry *out,
		      struct load_error *err)
{
	uint8_t *p;

	info->used = 8;
	info_text(info, INFO_CMDLINE, NULL, 0, in->cmdline);
	info_text(info, INFO_NAME, NULL, 0, LOADER_NAME);
	for (unsigned i = 0; i < in->module_count; i++) {
		const uint32_t range[2] = { (uint32_t)out->module[i], (uint32_t)(out->module[i] + in->module[i].size) };

		info_text(info, INFO_MODULE, range, 2, in->module[i].args);
	}
	info_map(info, in);
	p = info_tag(info, INFO_RSDP2, RSDP_SIZE);
	if (p && !gmem_read(m, (gpa_t){ in->rsdp }, p, RSDP_SIZE))
		return load_fail(err, "memory", "too small for this kernel", 0, 0);
	(void)info_tag(info, INFO_END, 0);
	if (info->full)
		return load_fail(err, "cmdline", "the command lines are too long", 0, info->size);
	__builtin_memcpy(info->data, &(uint32_t){ (uint32_t)info->used }, 4);
	return true;
}

bool multiboot2_load(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err)
{
	struct wishes w = { .addresses = false };
	struct mb2_header h;
	uint64_t at = header_find(in, &h), addr, entry = 0;
	struct load_extent extent;
	struct load_elf elf;
	struct info info;
	uint8_t *area;

	if (!tags_read(in, &h, at, &w, err))
		return false;
	if (w.addresses) {
		if (!place_by_tag(m, in, &w, at, &extent, err))
			return false;
	} else if (!load_elf_open(in, &elf)) {
		return load_fail(err, "kernel", "a multiboot 2 kernel without address tag that is no ELF file for x86 either", 0, 0);
	} else {
		if (!load_elf_place(m, in, &elf, &extent, err))
			return false;
		entry = load_elf_entry(&elf);
	}
	if (w.entry)
		entry = w.entry_addr;
	if (entry < extent.low || entry >= extent.high)
		return load_fail(err, "kernel", "corrupt: its entry point lies outside of it", 0, 0);

	*out = (struct load_entry){ .rax = ENTRY_MAGIC, .bios = true };
	area = place_area(m, in, &extent, &addr, err);
	if (!area || !place_modules(in, &extent, out, err))
		return false;
	info = (struct info){ .data = area + PLACE_GDT_SIZE, .size = LAYOUT_BOOT_SIZE - PLACE_GDT_SIZE };
	if (!info_fill(m, &info, in, out, err))
		return false;
	place_flat32((uint64_t *)(void *)area, addr, entry, out);
	out->rbx = addr + PLACE_GDT_SIZE;
	out->rsp = addr + LAYOUT_BOOT_SIZE;
	return true;
}
