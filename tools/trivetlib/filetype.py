# SPDX-License-Identifier: Apache-2.0
"""What is this file?  Told from its content, never from its name."""
import struct
import zlib
from dataclasses import dataclass

COMPRESSED = {
    b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2",
    b"\x5d\0\0": "lzma", b"\x89LZO": "lzo", b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4",
}
MACHINES = {3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S390", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}
ELF_TYPES = {1: "object file", 2: "executable", 3: "shared object or PIE", 4: "core dump"}
PE_MACHINES = {0x14c: "i386", 0x8664: "x86-64", 0xaa64: "AArch64", 0x5064: "RISC-V"}
PT_LOAD, PT_NOTE = 1, 4
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


class Elf:
    """The program headers of an ELF file for an x86 CPU; ValueError if @data is none or lies about itself."""

    def __init__(self, data):
        if data[:4] != b"\x7fELF" or len(data) < 64 or data[5] != 1 or data[4] not in (1, 2):
            raise ValueError("no ELF file")
        wide = data[4] == 2
        machine = struct.unpack_from("<H", data, 18)[0]
        if machine not in (3, 62):
            raise ValueError("for another CPU")
        table, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
        size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
        if size < (56 if wide else 32) or table + size * count > len(data):
            raise ValueError("truncated")
        self.segments = []              # (type, offset, physical address, bytes in the file, bytes in memory)
        for n in range(count):
            if wide:
                kind, _, offset, _, address, filesz, memsz = struct.unpack_from("<IIQQQQQ", data, table + n * size)
            else:
                kind, offset, _, address, filesz, memsz = struct.unpack_from("<IIIIII", data, table + n * size)
            self.segments.append((kind, offset, address, filesz, memsz))
        self.end = max((s[2] + s[4] for s in self.segments if s[0] == PT_LOAD), default=0)
        self.whole = all(s[1] + s[3] <= len(data) for s in self.segments if s[0] == PT_LOAD)

    def has_pvh_entry(self, data):
        """Is there a note of Xen with a 32-bit entry point?"""
        for kind, offset, _, size, _ in self.segments:
            at, end = offset, min(offset + size, len(data))
            while kind == PT_NOTE and at + 12 <= end:
                name, desc, number = struct.unpack_from("<III", data, at)
                if number == 18 and data[at + 12:at + 16] == b"Xen\0" and name == 4:
                    return True
                at += 12 + (name + 3 & ~3) + (desc + 3 & ~3)
        return False


def multiboot_header(head):
    """(version, offset) of the multiboot header in a file that begins with @head, or None."""
    for version, magic, words, step, search in ((2, 0xe85250d6, 4, 8, 32768), (1, 0x1badb002, 3, 4, 8192)):
        at = head.find(struct.pack("<I", magic))
        while 0 <= at <= min(search, len(head)) - 4 * words:
            if at % step == 0 and sum(struct.unpack_from(f"<{words}I", head, at)) & 0xffffffff == 0:
                return version, at
            at = head.find(struct.pack("<I", magic), at + 1)
    return None


@dataclass
class Kernel:
    """What a guest's kernel is: @kind in words, @end: the memory that it needs to start, from address 0 on; @wrong: it is damaged."""
    kind: str
    end: int
    wrong: str | None = None


def guest_kernel(path):
    """The Kernel in the file @path if it is a multiboot or PVH kernel, else None."""
    head = read_head(path)
    header = multiboot_header(head)
    if header and header[0] == 1 and struct.unpack_from("<I", head, header[1] + 4)[0] & 1 << 16:
        _, load, load_end, bss_end, _ = struct.unpack_from("<5I", head, header[1] + 12)
        return Kernel("multiboot 1 kernel", max(load_end, bss_end, load))
    if not header and not head.startswith(b"\x7fELF"):
        return None
    data = path.read_bytes()
    try:
        elf = Elf(data)
    except ValueError as error:
        return Kernel(f"multiboot {header[0]} kernel", 0, None if header[0] == 2 else str(error)) if header else None
    if not header and not elf.has_pvh_entry(data):
        return None
    kind = f"multiboot {header[0]} kernel" if header else "ELF kernel with a PVH entry"
    return Kernel(kind, elf.end, None if elf.whole else "truncated")


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
        self.end = self.address + self.init_size
        self.cmdline_size = field(BZ_CMDLINE_SIZE, "I") if self.protocol >= 0x206 else 255
        name = field(BZ_KERNEL_VERSION, "H")
        end = head.find(b"\0", name + 0x200)
        self.kind = "Linux bzImage"
        self.version = head[name + 0x200:end].decode("ascii", "replace") if name and end > 0 else "unknown version"
