/* SPDX-License-Identifier: Apache-2.0 */
/* Boot information of the PVH protocol, as `qemu -kernel` passes it.  Xen, "x86/HVM direct boot ABI". */
#include <kernel/string.h>

#include "boot.h"

struct pvh_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules;	/* physical addresses */
	uint64_t cmdline;	/* 0: none            */
	uint64_t rsdp;
	uint64_t memory_map;	/* from version 1 on  */
	uint32_t memory_map_count, reserved;
};
_Static_assert(offsetof(struct pvh_start_info, memory_map) == 40, "PVH");
_Static_assert(sizeof(struct pvh_start_info) == 56, "PVH");

struct pvh_module {
	uint64_t base, size, cmdline, reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "PVH");

struct pvh_range {
	uint64_t base, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct pvh_range) == 24, "PVH");

/* Xen's types are e820's, which enum boot_memory repeats; others (unusable, disabled, persistent) become reserved. */
static bool parse_memory_map(const struct phys_window *mem, const struct pvh_start_info *s, struct boot_info *out,
			     struct boot_error *err)
{
	struct pvh_range r;

	for (uint32_t i = 0; i < s->memory_map_count; i++) {
		if (!phys_copy(mem, s->memory_map + i * sizeof(r), &r, sizeof(r)))
			return boot_fail(err, "PVH: entry %u of the memory map at %#llx is out of reach", i,
					 (unsigned long long)s->memory_map);
		if (!ranges_add(out, r.base, r.size, r.type, err))
			return false;
	}
	return ranges_normalise(out, err);
}

/* The string at @pa and in *@max how many bytes of it may be read, at most a page; NULL: out of reach. */
static const char *string_at(const struct phys_window *mem, uint64_t pa, size_t *max)
{
	const char *s = phys_at(mem, pa, 1);

	if (s)
		*max = (size_t)min_u64(PAGE_SIZE, mem->start + mem->size - pa);
	return s;
}

static bool parse_modules(const struct phys_window *mem, const struct pvh_start_info *s, struct boot_info *out,
			  struct boot_error *err)
{
	struct pvh_module m;

	for (uint32_t i = 0; i < s->module_count; i++) {
		const char *cmdline = "";
		size_t max = sizeof("");

		if (!phys_copy(mem, s->modules + i * sizeof(m), &m, sizeof(m)))
			return boot_fail(err, "PVH: entry %u of the module list at %#llx is out of reach", i,
					 (unsigned long long)s->modules);
		if (m.cmdline)
			cmdline = string_at(mem, m.cmdline, &max);
		if (!cmdline)
			return boot_fail(err, "PVH: the command line of module %u, at %#llx, is out of reach", i,
					 (unsigned long long)m.cmdline);
		if (!modules_add(out, m.base, m.size, cmdline, max, err))
			return false;
	}
	return true;
}

static bool parse_cmdline(const struct phys_window *mem, uint64_t pa, struct boot_info *out, struct boot_error *err)
{
	size_t max = 0, length;
	const char *text = string_at(mem, pa, &max);

	if (!text)
		return boot_fail(err, "PVH: the command line at %#llx is out of reach", (unsigned long long)pa);
	length = strnlen(text, max);
	if (length >= sizeof(out->cmdline) || length == max)
		return boot_fail(err, "the command line has %zu or more characters, at most %zu are possible", length,
				 sizeof(out->cmdline) - 1);
	memcpy(out->cmdline, text, length);
	return true;
}

bool pvh_parse(const struct phys_window *mem, uint64_t info, struct boot_info *out, struct boot_error *err)
{
	struct pvh_start_info s;

	if (!phys_copy(mem, info, &s, sizeof(s)))
		return boot_fail(err, "PVH: start info at %#llx is out of reach", (unsigned long long)info);
	if (s.magic != PVH_START_MAGIC)
		return boot_fail(err, "PVH: start info at %#llx begins with %#x, expected %#x", (unsigned long long)info, s.magic,
				 PVH_START_MAGIC);
	if (s.version < 1)
		return boot_fail(err, "PVH: start info version %u has no memory map, expected 1 or later", s.version);
	out->loader = "pvh";
	out->rsdp = s.rsdp;
	if (s.cmdline && !parse_cmdline(mem, s.cmdline, out, err))
		return false;
	return parse_memory_map(mem, &s, out, err) && parse_modules(mem, &s, out, err);
}
