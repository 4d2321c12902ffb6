#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the disk of examples/disk.toml: mkdisk.py INITRAMFS OUT.img.  Its partition "root" is an ext4 file system with the files of the
initramfs, which is an uncompressed cpio archive; its partition "data" is empty."""
import subprocess
import sys
import tempfile
from pathlib import Path

from trivetlib import disk_image

MIB = 1 << 20
SECTORS = MIB // disk_image.SECTOR
SIZE, ROOT = 64 * MIB, 48 * MIB
PARTS = [("root", SECTORS, ROOT // disk_image.SECTOR), ("data", SECTORS + ROOT // disk_image.SECTOR, 8 * SECTORS)]


def main(initramfs, out):
    with tempfile.TemporaryDirectory() as work:
        tree, system = Path(work) / "tree", Path(work) / "root.ext4"
        tree.mkdir()
        with open(initramfs, "rb") as archive:
            subprocess.run(["cpio", "-id", "--quiet", "--no-absolute-filenames"], stdin=archive, cwd=tree, check=True)
        with open(system, "wb") as file:
            file.truncate(ROOT)
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-E", "root_owner=0:0", "-d", tree, system], check=True)
        offsets = disk_image.make(out, SIZE, PARTS)
        with open(out, "r+b") as disk:
            disk.seek(offsets["root"])
            disk.write(system.read_bytes())


main(*sys.argv[1:])
