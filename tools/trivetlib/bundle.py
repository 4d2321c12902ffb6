# SPDX-License-Identifier: Apache-2.0
"""One file with all boot modules, for loaders that take one module only: `qemu -kernel ... -initrd BUNDLE` (PVH).

A header page, then the files, each at a page boundary:
	0	char magic[8]		"TVBUNDLE"
	8	u32 version		1
	12	u32 count
	16	count times: { char cmdline[96], NUL-terminated; u64 offset; u64 size }"""
import struct

from .problem import Problem

PAGE = 4096
ENTRY = struct.Struct("<96sQQ")
HEADER = struct.Struct("<8sII")
ENTRIES_MAX = (PAGE - HEADER.size) // ENTRY.size


def pack(modules):
    """The bundle of @modules, (cmdline, content) pairs, as bytes."""
    if len(modules) > ENTRIES_MAX:
        raise Problem(f"{len(modules)} boot modules; a bundle holds at most {ENTRIES_MAX}")
    header = HEADER.pack(b"TVBUNDLE", 1, len(modules))
    files = []
    offset = PAGE
    for cmdline, content in modules:
        header += ENTRY.pack(cmdline.encode(), offset, len(content))
        files.append(content + bytes(-len(content) % PAGE))
        offset += len(files[-1])
    return header.ljust(PAGE, b"\0") + b"".join(files)
