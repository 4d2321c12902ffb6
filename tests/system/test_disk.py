# SPDX-License-Identifier: Apache-2.0
"""Disks of the machine behind drivers: what a guest has written and flushed is on the disk, whatever ends meanwhile."""
import hashlib
import re

import pytest
from conftest import TREE
from test_boot import log_in

from trivetlib import disk_image

PREFIX = "\x01"
SHELL = "trivet> "
SIZE = 64 << 20
PARTS = [("boot", 2048, 4096), ("root", 8192, 65536)]
KINDS = ["virtio-blk", "ahci", "nvme"]
GUEST = 'memory = "128M"\nkernel = "guest:linux-cloud"\ninitrd = "guest:busybox"\ncmdline = "console=ttyS0 hostname=%s panic=-1"\n'


@pytest.fixture
def system(tmp_path, console):
    """Boots a guest with a disk of the machine, of @kind; returns console, prompt and the image's path."""
    def boot(kind, disks, extra="", damage=None):
        if kind == "ahci":              # port 0 is for the CD that machines boot from
            disks = disks.replace('driver = "disk0"', 'driver = "disk0"\nunit = 1')
        image = tmp_path / "disk.img"
        if not image.exists():
            disk_image.make(image, SIZE, PARTS)
            if damage:
                with open(image, "r+b") as file:
                    file.seek(damage)
                    file.write(b"damaged")
        config = tmp_path / "system.toml"
        config.write_text(f'[system]\nwhen_all_stopped = "poweroff"\n[[machine.disk]]\nkind = "{kind}"\nimage = "{image}"\n'
                          f'[driver.disk0]\nkind = "{kind}"\n[vm.linux]\n{GUEST % "web"}{disks}{extra}')
        child = console(config, "--direct")
        prompt = log_in(child)
        child.ask("stty cols 250", prompt)
        return child, prompt, image
    return boot


def part_of(image, name):
    """What partition @name of @image holds."""
    first, count = next((first, count) for part, first, count in PARTS if part == name)
    with open(image, "rb") as file:
        file.seek(first * disk_image.SECTOR)
        return file.read(count * disk_image.SECTOR)


def restart_driver(child, prompt):
    """Kill the driver from the management shell while the guest goes on, and wait until there is another one."""
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    child.ask("restart disk0", SHELL)
    while "ready, started" not in child.ask("status disk0", SHELL):
        pass
    child.send(PREFIX + "1")
    child.sendline("")
    child.expect_exact(prompt)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_flushed_is_on_the_disk_although_its_driver_is_killed_under_load(system, kind):
    child, prompt, image = system(kind, '[[vm.linux.disk]]\ndriver = "disk0"\npartition = "root"\n'
                                  '[[vm.linux.disk]]\ndriver = "disk0"\npartition = "#1"\nread_only = true\n')
    assert re.search(r"32768 vda\s.*2048 vdb", child.ask("cat /proc/partitions", prompt), re.S)
    assert "not permitted" in child.ask("dd if=/dev/zero of=/dev/vdb bs=512 count=1", prompt)
    # A stream of numbered blocks, each flushed before the next one; what was acknowledged is counted in a file.
    child.ask("yes 0123456789abcde | head -c 4096 >/tmp/b", prompt)
    child.ask("(i=0; while [ $i -lt 2000 ] && [ ! -e /tmp/stop ]; do dd if=/tmp/b of=/dev/vda bs=4k seek=$i conv=notrunc,fsync 2>/tmp/err || "
              "echo $i >>/tmp/failed; i=$((i+1)); echo $i >/tmp/done; done; echo >/tmp/end) &", prompt)
    counts = []
    for _ in range(3):
        before = len(counts)
        while len(counts) <= before:
            number = re.search(r"\b(\d+)\r", child.ask("cat /tmp/done", prompt))
            if number and (not counts or int(number[1]) > counts[-1]):
                counts.append(int(number[1]))
        restart_driver(child, prompt)
    child.ask("touch /tmp/stop; while [ ! -e /tmp/end ]; do sleep 1; done", prompt)
    done = int(re.search(r"\b(\d+)\r", child.ask("cat /tmp/done", prompt))[1])
    assert done >= counts[-1] > counts[0]
    assert "No such file" in child.ask("cat /tmp/failed", prompt)
    # Reads come from the disk again after a reboot of the guest, through a driver that serves a new client.
    child.sendline("reboot -f")
    prompt = log_in(child)
    digest = child.ask(f"dd if=/dev/vda bs=4k count={done} 2>/dev/null | sha256sum", prompt)
    expected = hashlib.sha256(b"0123456789abcde\n" * 256 * done).hexdigest()
    assert expected in digest
    child.sendline("poweroff -f")
    assert child.end() == 0
    assert hashlib.sha256(part_of(image, "root")[:4096 * done]).hexdigest() == expected
    assert not any(part_of(image, "boot"))


def test_a_damaged_partition_table_is_replaced_by_its_copy_and_two_guests_share_a_disk_that_nobody_writes(system):
    disks = '[[vm.linux.disk]]\ndriver = "disk0"\npartition = "root"\nread_only = true\n'
    child, prompt, _ = system("virtio-blk", disks, f'[vm.other]\n{GUEST % "other"}[[vm.other.disk]]\ndriver = "disk0"\nread_only = true\n'
                              '[console]\nfront = "linux"\n', damage=512 + 40)
    assert "32768 vda" in child.ask("cat /proc/partitions", prompt)
    child.send(PREFIX + "2")
    child.expect_exact("other# ")
    assert "65536 vda" in child.ask("cat /proc/partitions", "other# ")
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    assert "ready, started 1 times" in child.ask("status disk0", SHELL)
    child.sendline("poweroff --force")
    assert child.end() == 0


def test_a_guest_boots_from_a_disk_of_the_machine_and_what_it_writes_stays(console, tmp_path):
    image, config = tmp_path / "disk.img", tmp_path / "disk.toml"
    image.write_bytes((TREE / "build/disk.img").read_bytes())
    config.write_text((TREE / "examples/disk.toml").read_text().replace("../build/disk.img", str(image)))
    for files in ("", "kept"):
        child = console(config, "--direct")
        prompt = log_in(child, "disk")
        assert "ext4" in child.ask("grep ' / ' /proc/mounts", prompt)
        assert files in child.ask("cat /root/file", prompt)
        child.ask("echo kept >/root/file; sync", prompt)
        child.sendline("poweroff -f")
        assert child.end() == 0
