# SPDX-License-Identifier: Apache-2.0
"""Makes images of disks with a GUID partition table."""
import uuid
import zlib

SECTOR = 512
ENTRIES, ENTRY = 128, 128
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
MIB = 1 << 20


def header(at, other, entries_at, first, last, crc, disk):
    def text(own_crc):
        return (b"EFI PART" + (0x10000).to_bytes(4, "little") + (92).to_bytes(4, "little") + own_crc.to_bytes(4, "little") + bytes(4)
                + b"".join(n.to_bytes(8, "little") for n in (at, other, first, last)) + disk.bytes_le + entries_at.to_bytes(8, "little")
                + ENTRIES.to_bytes(4, "little") + ENTRY.to_bytes(4, "little") + crc.to_bytes(4, "little"))
    return text(zlib.crc32(text(0))).ljust(SECTOR, b"\0")


def gpt(size, parts):
    """(bytes at the beginning, bytes at the end) of a disk of @size bytes with @parts, [(name, first sector, sectors)]."""
    last = size // SECTOR - 1
    array = b"".join(LINUX.bytes_le + uuid.uuid5(LINUX, name).bytes_le + first.to_bytes(8, "little") + (first + count - 1).to_bytes(8, "little")
                     + bytes(8) + name.encode("utf-16-le").ljust(72, b"\0") for name, first, count in parts).ljust(ENTRIES * ENTRY, b"\0")
    blocks = len(array) // SECTOR
    first, usable, crc, disk = 2 + blocks, last - blocks - 1, zlib.crc32(array), uuid.uuid5(LINUX, "disk")
    begin = bytes(SECTOR) + header(1, last, 2, first, usable, crc, disk) + array
    return begin, array + header(last, 1, last - blocks, first, usable, crc, disk)


def make(path, size, parts):
    """A sparse image of @size bytes; returns {name: offset in bytes}."""
    begin, end = gpt(size, parts)
    with open(path, "wb") as file:
        file.truncate(size)
        file.write(begin)
        file.seek(size - len(end))
        file.write(end)
    return {name: first * SECTOR for name, first, _ in parts}
