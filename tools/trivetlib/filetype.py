# SPDX-License-Identifier: Apache-2.0
"""What is this file?  Told from its content, never from its name."""
import struct
import zlib

COMPRESSED = {
    b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2",
    b"\x5d\0\0": "lzma", b"\x89LZO": "lzo", b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4",
}
MACHINES = {3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S390", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}
ELF_TYPES = {1: "object file", 2: "executable", 3: "shared object or PIE", 4: "core dump"}
PE_MACHINES = {0x14c: "i386", 0x8664: "x86-64", 0xaa64: "AArch64", 0x5064: "RISC-V"}
HEAD = 40 * 1024        # enough for every magic below (ISO 9660 has the farthest)

# Linux, "The Linux/x86 Boot Protocol", offsets in the file.
BZ_SETUP_SECTS, BZ_SYSSIZE, BZ_BOOT_FLAG, BZ_MAGIC, BZ_VERSION, BZ_KERNEL_VERSION = 0x1f1, 0x1f4, 0x1fe, 0x202, 0x206, 0x20e
BZ_LOADFLAGS, BZ_XLOADFLAGS, BZ_CMDLINE_SIZE, BZ_PREF_ADDRESS, BZ_INIT_SIZE = 0x211, 0x236, 0x238, 0x258, 0x260
BZ_HEADER_END = 0x264
LOADED_HIGH, XLF_KERNEL_64 = 1, 1


def is_bzimage(head):
    return head[BZ_MAGIC:BZ_MAGIC + 4] == b"HdrS" and head[BZ_BOOT_FLAG:BZ_BOOT_FLAG + 2] == b"\x55\xaa"


def compression(head):
    """Name of the compression, or None."""
    return next((name for magic, name in COMPRESSED.items() if head.startswith(magic)), None)


def describe(head):
    """A few words for what begins with the bytes @head."""
    packed = compression(head)
    if not head:
        return "an empty file"
    if is_bzimage(head):
        return "a Linux kernel (bzImage)" if len(head) >= BZ_HEADER_END else "the beginning of a Linux kernel (bzImage)"
    if packed == "gzip":
        inner = zlib.decompressobj(31)
        try:
            return f"gzip of {describe(inner.decompress(head, HEAD))}"
        except zlib.error:
            return "a damaged gzip file"
    if packed:
        return f"{packed}-compressed data"
    if head.startswith(b"\x7fELF") and len(head) >= 20:
        kind, machine = struct.unpack_from("<HH" if head[5] == 1 else ">HH", head, 16)
        name = MACHINES.get(machine, f"machine {machine}")
        text = f"an ELF {ELF_TYPES.get(kind, 'file')} for {name}"
        return text + (" (vmlinux?)" if kind == 2 and machine == 62 else "")
    if head[0x38:0x3c] == b"ARM\x64":
        return "an AArch64 Linux kernel (Image)"
    if head[0x38:0x3c] == b"RSC\x05":
        return "a RISC-V Linux kernel (Image)"
    if head.startswith(b"MZ") and len(head) >= 0x40:
        pe = struct.unpack_from("<I", head, 0x3c)[0]
        if head[pe:pe + 4] == b"PE\0\0":
            machine = struct.unpack_from("<H", head, pe + 4)[0]
            return f"a PE/COFF executable (EFI application) for {PE_MACHINES.get(machine, hex(machine))}"
        return "a DOS executable"
    for offset, magic, text in (
            (0, b"070701", "a cpio archive (initramfs)"), (0, b"070702", "a cpio archive (initramfs)"),
            (0, b"\xd0\x0d\xfe\xed", "a flattened device tree"), (0, b"\x27\x05\x19\x56", "a U-Boot image (uImage)"),
            (0, b"QFI\xfb", "a qcow2 disk image"), (0, b"hsqs", "a squashfs file system"), (0, b"!<arch>\n", "an ar archive or Debian package"),
            (0, b"TVBUNDLE", "a bundle of Trivet"), (257, b"ustar", "a tar archive"), (0x8001, b"CD001", "an ISO 9660 image"),
            (0x438, b"\x53\xef", "an ext2/3/4 file system"), (0x1fe, b"\x55\xaa", "a disk image or boot sector")):
        if head[offset:offset + len(magic)] == magic:
            return text
    if all(byte in b"\t\n\r\f" or 32 <= byte for byte in head[:512]):
        return "a text file"
    return "a file of unknown kind"


def read_head(path):
    with open(path, "rb") as file:
        return file.read(HEAD)


class BzImage:
    """The fields of a Linux kernel that the configuration is checked against.  @head must be a bzImage with a whole header."""

    def __init__(self, head):
        def field(offset, fmt):
            return struct.unpack_from("<" + fmt, head, offset)[0]
        self.protocol = field(BZ_VERSION, "H")
        self.file_size = ((field(BZ_SETUP_SECTS, "B") or 4) + 1) * 512 + field(BZ_SYSSIZE, "I") * 16
        self.high = bool(field(BZ_LOADFLAGS, "B") & LOADED_HIGH)
        self.entry64 = self.protocol >= 0x20c and bool(field(BZ_XLOADFLAGS, "H") & XLF_KERNEL_64)
        self.address = field(BZ_PREF_ADDRESS, "Q") if self.protocol >= 0x20a else 0     # where it wants to be loaded
        self.init_size = field(BZ_INIT_SIZE, "I") if self.protocol >= 0x20a else 0      # what it needs there to start
        self.cmdline_size = field(BZ_CMDLINE_SIZE, "I") if self.protocol >= 0x206 else 255
        name = field(BZ_KERNEL_VERSION, "H")
        end = head.find(b"\0", name + 0x200)
        self.version = head[name + 0x200:end].decode("ascii", "replace") if name and end > 0 else "unknown version"
