/* SPDX-License-Identifier: Apache-2.0 */
/* Which loader takes a file, and what a file is that none takes. */
#include <load/load.h>

/* The first that knows a file loads it: a kernel that speaks several protocols gets the one that tells it most. */
static const struct {
	bool (*is)(const struct load_input *in);
	bool (*load)(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err);
} loaders[] = {
	{ linux_is, linux_load },
	{ multiboot2_is, multiboot2_load },
	{ multiboot_is, multiboot_load },
	{ pvh_is, pvh_load },
};

bool load_fail(struct load_error *err, const char *file, const char *text, uint64_t need, uint64_t have)
{
	*err = (struct load_error){ file, text, false, need, have };
	return false;
}

static bool has_bytes(const uint8_t *file, uint64_t size, uint64_t off, const char *bytes, uint64_t len)
{
	return range_inside(off, len, size) && !__builtin_memcmp(file + off, bytes, len);
}

const char *load_identify(const uint8_t *file, uint64_t size)
{
	static const struct {
		uint16_t off;
		uint8_t len;
		const char *bytes, *what;
	} magic[] = {
		{ 0x38, 4, "ARM\x64",			"a kernel for AArch64" },
		{ 0x38, 4, "RSC\x05",			"a kernel for RISC-V" },
		{ 0, 2, "\x1f\x8b",			"gzip-compressed data: unpack it first" },
		{ 0, 6, "\xfd" "7zXZ\0",		"xz-compressed data: unpack it first" },
		{ 0, 4, "\x28\xb5\x2f\xfd",		"zstd-compressed data: unpack it first" },
		{ 0, 4, "\x04\x22\x4d\x18",		"lz4-compressed data: unpack it first" },
		{ 0, 4, "\x02\x21\x4c\x18",		"lz4-compressed data: unpack it first" },
		{ 0, 3, "BZh",				"bzip2-compressed data: unpack it first" },
		{ 0, 5, "\x7f" "ELF\x01",		"a 32-bit ELF file without multiboot header or PVH note" },
		{ 0, 4, "\x7f" "ELF",			"an ELF file without multiboot header or PVH note (perhaps a vmlinux "
							"without CONFIG_PVH: take the bzImage, vmlinuz)" },
		{ 0, 2, "MZ",				"a PE/COFF (EFI) program without Linux setup header" },
		{ 0, 6, "070701",			"a cpio archive, perhaps the initrd" },
		{ 0x8001, 5, "CD001",			"an ISO 9660 image" },
		{ 0, 4, "\xd0\x0d\xfe\xed",		"a flattened device tree" },
		{ 0, 4, "\x27\x05\x19\x56",		"a U-Boot image" },
		{ 0x28, 4, "_FVH",			"a UEFI firmware volume: the key \"firmware\" takes it" },
		{ 0, 2, "#!",				"a script" },
		{ 510, 2, "\x55\xaa",			"a boot sector or a disk image" },
	};

	if (!size)
		return "an empty file";
	for (unsigned i = 0; i < ARRAY_LEN(magic); i++)
		if (has_bytes(file, size, magic[i].off, magic[i].bytes, magic[i].len))
			return magic[i].what;
	return "nothing known";
}

bool load_kernel(const struct gmem *m, const struct load_input *in, struct load_entry *out, struct load_error *err)
{
	for (unsigned i = 0; i < ARRAY_LEN(loaders); i++)
		if (loaders[i].is(in))
			return loaders[i].load(m, in, out, err);
	*err = (struct load_error){ "kernel", load_identify(in->kernel, in->kernel_size), true, 0, 0 };
	return false;
}
