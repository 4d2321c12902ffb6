/* SPDX-License-Identifier: Apache-2.0 */
/* Boot information of multiboot2, a list of tags.  Multiboot2 Specification, "Boot information format". */
#include <kernel/string.h>

#include "boot.h"

enum mb2_tag_type {
	MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6, MB2_FRAMEBUFFER = 8, MB2_RSDP_V1 = 14, MB2_RSDP_V2 = 15,
};

struct mb2_header {
	uint32_t total_size, reserved;
};

struct mb2_tag {
	uint32_t type, size;	/* @size includes this header, not the padding to 8 bytes */
};

struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;	/* then the command line */
};

struct mb2_mmap {
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
};

struct mb2_mmap_entry {
	uint64_t base, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct mb2_mmap_entry) == 24, "multiboot2");

struct mb2_framebuffer {
	struct mb2_tag tag;
	uint64_t base;
	uint32_t pitch, width, height;
	uint8_t bpp, type;
	uint16_t reserved;
	uint8_t red_position, red_size, green_position, green_size, blue_position, blue_size;
};
_Static_assert(offsetof(struct mb2_framebuffer, bpp) == 28, "multiboot2");
_Static_assert(offsetof(struct mb2_framebuffer, red_position) == 32, "multiboot2");
#define MB2_FRAMEBUFFER_BASE	32u	/* bytes that every type of framebuffer has */
#define MB2_FRAMEBUFFER_RGB	1u

/* The tag being parsed: @size bytes at @data, already known to lie inside the boot information. */
struct mb2_cursor {
	const uint8_t *data;
	uint32_t offset, size;
	bool mmap;		/* a memory map was seen  */
	bool rsdp_v2;		/* a newer RSDP was seen  */
};

static bool too_short(const struct mb2_cursor *c, const char *what, struct boot_error *err)
{
	return boot_fail(err, "multiboot2: %s tag at offset %#x has %u bytes, too few", what, c->offset, c->size);
}

static bool parse_cmdline(struct mb2_cursor *c, struct boot_info *out, struct boot_error *err)
{
	const char *text = (const char *)c->data + sizeof(struct mb2_tag);
	size_t max = c->size - sizeof(struct mb2_tag), length = strnlen(text, max);

	if (length == max)
		return boot_fail(err, "multiboot2: command line tag at offset %#x does not end", c->offset);
	if (length >= sizeof(out->cmdline))
		return boot_fail(err, "the command line has %zu characters, at most %zu are possible", length,
				 sizeof(out->cmdline) - 1);
	memset(out->cmdline, 0, sizeof(out->cmdline));
	memcpy(out->cmdline, text, length);
	return true;
}

static bool parse_module(struct mb2_cursor *c, struct boot_info *out, struct boot_error *err)
{
	struct mb2_module m;

	if (c->size < sizeof(m))
		return too_short(c, "module", err);
	memcpy(&m, c->data, sizeof(m));
	if (m.end < m.start)
		return boot_fail(err, "multiboot2: module %u ends at %#x before it starts at %#x", out->module_count, m.end,
				 m.start);
	return modules_add(out, m.start, m.end - m.start, (const char *)c->data + sizeof(m), c->size - sizeof(m), err);
}

static bool parse_mmap(struct mb2_cursor *c, struct boot_info *out, struct boot_error *err)
{
	struct mb2_mmap m;
	struct mb2_mmap_entry e;

	if (c->mmap)
		return boot_fail(err, "multiboot2: a second memory map at offset %#x", c->offset);
	c->mmap = true;
	if (c->size < sizeof(m))
		return too_short(c, "memory map", err);
	memcpy(&m, c->data, sizeof(m));
	if (m.entry_size < sizeof(e) || m.entry_size % 8 != 0 || (c->size - sizeof(m)) % m.entry_size != 0)
		return boot_fail(err, "multiboot2: memory map tag at offset %#x has %u bytes with entries of %u", c->offset,
				 c->size, m.entry_size);
	for (uint32_t at = sizeof(m); at < c->size; at += m.entry_size) {
		memcpy(&e, c->data + at, sizeof(e));
		if (!ranges_add(out, e.base, e.size, e.type, err))
			return false;
	}
	return true;
}

/* A framebuffer that the console cannot draw on (text mode, palette, other depths) is no error: there is none then. */
static bool parse_framebuffer(struct mb2_cursor *c, struct boot_info *out, struct boot_error *err)
{
	struct mb2_framebuffer f;

	if (c->size < MB2_FRAMEBUFFER_BASE)
		return too_short(c, "framebuffer", err);
	memcpy(&f, c->data, MB2_FRAMEBUFFER_BASE);
	if (f.type != MB2_FRAMEBUFFER_RGB || (f.bpp != 24 && f.bpp != 32))
		return true;
	if (c->size < offsetof(struct mb2_framebuffer, blue_size) + 1)
		return too_short(c, "framebuffer", err);
	memcpy(&f, c->data, offsetof(struct mb2_framebuffer, blue_size) + 1);
	if (f.red_size != 8 || f.green_size != 8 || f.blue_size != 8 || f.red_position > f.bpp - 8u ||
	    f.green_position > f.bpp - 8u || f.blue_position > f.bpp - 8u)
		return true;
	if (f.base == 0 || f.width == 0 || f.height == 0 || f.width > 16384 || f.height > 16384 || f.pitch > 16384 * 8 ||
	    f.pitch < f.width * (f.bpp / 8u) || f.base >= BIT(52))
		return boot_fail(err, "multiboot2: framebuffer at %#llx: %u x %u with %u bytes a line is impossible",
				 (unsigned long long)f.base, f.width, f.height, f.pitch);
	out->fb = (struct boot_framebuffer){
		.base = f.base, .width = f.width, .height = f.height, .pitch = f.pitch, .bpp = f.bpp,
		.red_shift = f.red_position, .green_shift = f.green_position, .blue_shift = f.blue_position,
	};
	return true;
}

/* ACPI, "Root System Description Pointer": 20 bytes in version 1, 36 from version 2 on.  Its user checks the sums. */
static bool parse_rsdp(struct mb2_cursor *c, uint32_t type, struct boot_info *out, struct boot_error *err)
{
	uint32_t length = type == MB2_RSDP_V2 ? 36 : 20;

	if (c->size < sizeof(struct mb2_tag) + length)
		return too_short(c, "RSDP", err);
	if (type == MB2_RSDP_V1 && c->rsdp_v2)
		return true;
	c->rsdp_v2 = type == MB2_RSDP_V2;
	memset(out->rsdp_copy, 0, sizeof(out->rsdp_copy));
	memcpy(out->rsdp_copy, c->data + sizeof(struct mb2_tag), length);
	return true;
}

static bool parse_tag(struct mb2_cursor *c, uint32_t type, struct boot_info *out, struct boot_error *err)
{
	switch (type) {
	case MB2_CMDLINE:
		return parse_cmdline(c, out, err);
	case MB2_MODULE:
		return parse_module(c, out, err);
	case MB2_MMAP:
		return parse_mmap(c, out, err);
	case MB2_FRAMEBUFFER:
		return parse_framebuffer(c, out, err);
	case MB2_RSDP_V1:
	case MB2_RSDP_V2:
		return parse_rsdp(c, type, out, err);
	default:
		return true;		/* there for others */
	}
}

bool mb2_parse(const struct phys_window *mem, uint64_t info, struct boot_info *out, struct boot_error *err)
{
	struct mb2_header h;
	struct mb2_tag tag;
	struct mb2_cursor c = { .offset = sizeof(h) };
	const uint8_t *data;

	if (!phys_copy(mem, info, &h, sizeof(h)))
		return boot_fail(err, "multiboot2: boot information at %#llx is out of reach", (unsigned long long)info);
	data = phys_at(mem, info, h.total_size);
	if (!data || h.total_size < sizeof(h) + sizeof(tag) || !is_aligned(info, 8))
		return boot_fail(err, "multiboot2: boot information at %#llx with %u bytes is impossible",
				 (unsigned long long)info, h.total_size);
	out->loader = "multiboot2";

	for (;;) {
		if (!range_inside(c.offset, sizeof(tag), h.total_size))
			return boot_fail(err, "multiboot2: no end tag within %u bytes", h.total_size);
		memcpy(&tag, data + c.offset, sizeof(tag));
		if (tag.size < sizeof(tag) || !range_inside(c.offset, tag.size, h.total_size))
			return boot_fail(err, "multiboot2: tag of type %u at offset %#x claims %u bytes of %u", tag.type, c.offset,
					 tag.size, h.total_size);
		if (tag.type == MB2_END)
			break;
		c.data = data + c.offset;
		c.size = tag.size;
		if (!parse_tag(&c, tag.type, out, err))
			return false;
		/* Fits: offset and size are below total_size, so their sum is below 2^33; align in 64 bits. */
		uint64_t next = align_up((uint64_t)c.offset + tag.size, 8);

		if (next > h.total_size)
			return boot_fail(err, "multiboot2: no end tag within %u bytes", h.total_size);
		c.offset = (uint32_t)next;
	}
	if (!c.mmap)
		return boot_fail(err, "multiboot2: no memory map");
	return ranges_normalise(out, err);
}
