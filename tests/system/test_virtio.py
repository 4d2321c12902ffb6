# SPDX-License-Identifier: Apache-2.0
"""Virtio devices in a Linux guest: what is read is what was written, on every kind of disk; entropy; a reboot."""
import re
import subprocess

import pytest

from test_boot import log_in

CMDLINE = "console=ttyS0 hostname=web panic=-1"


@pytest.fixture
def system(tmp_path, console):
    """Boots a guest with the lines of TOML in @disks; returns its console and prompt."""
    def boot(disks="", options="", cpus=1):
        config = tmp_path / "system.toml"
        config.write_text(f'[system]\nwhen_all_stopped = "poweroff"\n[vm.linux]\nmemory = "128M"\nkernel = "guest:linux-cloud"\n'
                          f'initrd = "guest:busybox"\ncmdline = "{CMDLINE} {options}"\ncpus = {cpus}\n{disks}')
        child = console(config, "--direct")
        prompt = log_in(child, cpus=cpus)
        child.ask("stty cols 250", prompt)
        return child, prompt
    return boot


@pytest.fixture
def image(tmp_path):
    """A disk image of 3 MiB and 700 bytes, in which each sector begins with its number."""
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(b"sector %9d." % n + bytes(495) for n in range(6144)) + b"the end" + bytes(693))
    return path


def test_a_disk_gives_back_what_was_written_and_keeps_the_rest_of_its_image(system, image):
    child, prompt = system(f'[[vm.linux.disk]]\nimage = "{image}"\nsize = "8M"\n')
    assert "8192 vda" in child.ask("cat /proc/partitions", prompt)
    assert "linux-disk0" in child.ask("cat /sys/block/vda/serial; echo", prompt)
    assert "sector      4711." in child.ask("dd if=/dev/vda bs=512 skip=4711 count=1 2>/dev/null | tr -d '\\0'; echo", prompt)
    assert "the end" in child.ask("dd if=/dev/vda bs=512 skip=6144 count=1 2>/dev/null | tr -d '\\0'; echo", prompt)
    child.ask("dd if=/dev/urandom of=/tmp/r bs=4k count=300 2>/dev/null", prompt)
    assert "300+0 records out" in child.ask("dd if=/tmp/r of=/dev/vda bs=4k seek=700 conv=fsync", prompt)
    child.ask("echo 3 >/proc/sys/vm/drop_caches", prompt)
    assert "same" in child.ask("dd if=/dev/vda bs=4k skip=700 count=300 2>/dev/null | cmp - /tmp/r && echo sa''me", prompt)
    assert "sector      5599." in child.ask("dd if=/dev/vda bs=512 skip=5599 count=1 2>/dev/null | tr -d '\\0'; echo", prompt)
    child.ask("blkdiscard -o 0 -l 2097152 /dev/vda", prompt)
    assert "2097152" in child.ask("dd if=/dev/vda bs=4k count=512 2>/dev/null | tr -d -c '\\0' | wc -c", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_a_read_only_disk_cannot_be_written_and_two_disks_share_an_image(system, image):
    child, prompt = system(f'[[vm.linux.disk]]\nimage = "{image}"\nread_only = true\nserial = "ROM-1"\n'
                           f'[[vm.linux.disk]]\nimage = "{image}"\n[[vm.linux.disk]]\nsize = "1M"\n')
    assert re.search(r"1\s+0\s+0", child.ask("cat /sys/block/vd?/ro", prompt))
    assert "ROM-1" in child.ask("cat /sys/block/vda/serial; echo", prompt)
    assert "not permitted" in child.ask("dd if=/dev/zero of=/dev/vda bs=512 count=1", prompt)
    child.ask("dd if=/dev/zero of=/dev/vdb bs=4k count=16 conv=fsync 2>/dev/null", prompt)
    assert "sector         1." in child.ask("dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | tr -d '\\0'; echo", prompt)
    assert "1048576" in child.ask("tr -d -c '\\0' </dev/vdc | wc -c", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_what_was_written_is_still_there_after_a_reboot_of_the_guest(system):
    child, prompt = system('restart = "always"\n[[vm.linux.disk]]\nsize = "2M"\n')
    child.ask("echo kept | dd of=/dev/vda conv=fsync 2>/dev/null", prompt)
    child.sendline("reboot -f")
    prompt = log_in(child)
    assert "kept" in child.ask("head -n 1 /dev/vda", prompt)
    child.sendline("poweroff -f")


def test_files_survive_in_a_file_system_that_is_mounted_again(system, tmp_path):
    path = tmp_path / "ext4.img"
    path.write_bytes(bytes(16 << 20))
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", str(path)], check=True)
    child, prompt = system(f'[[vm.linux.disk]]\nimage = "{path}"\n', cpus=2)
    child.ask("mkdir -p /mnt && mount -t ext4 /dev/vda /mnt; cp -r /bin/busybox /etc /mnt; sync", prompt)
    child.ask("umount /mnt; mount -t ext4 -o ro /dev/vda /mnt", prompt)
    assert "same" in child.ask("cmp /bin/busybox /mnt/busybox && echo sa''me", prompt)
    assert "req.1" in child.ask("grep virtio /proc/interrupts", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_the_virtio_console_has_input_and_output_once_the_guest_drives_it(system):
    child, prompt = system('devices = ["console"]\n', "console=hvc0")
    assert "/dev/hvc0" in child.ask("tty", prompt)
    assert "50005000" in child.ask("seq 1 10000 | tee /dev/hvc0 | awk '{ n += $1 } END { print n }'", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_the_entropy_device_feeds_the_guest(system):
    child, prompt = system()
    assert "virtio_rng.0" in child.ask("cat /sys/class/misc/hw_random/rng_current", prompt)
    assert "65536" in child.ask("head -c 65536 /dev/hwrng | wc -c", prompt)
    # What a byte can be is nearly all there in so many of them.
    assert int(re.search(r"(\d+)\r", child.ask("head -c 65536 /dev/hwrng | hexdump -v -e '1/1 \"%02x\\n\"' | sort -u | wc -l", prompt))[1]) == 256
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_disks_work_with_interrupt_lines_where_the_guest_uses_no_messages(system):
    child, prompt = system('[[vm.linux.disk]]\nsize = "1M"\n', "pci=nomsi")
    assert re.search(r"IO-APIC\s+18-fasteoi\s+virtio1", child.ask("cat /proc/interrupts", prompt))
    child.ask("dd if=/dev/urandom of=/tmp/r bs=4k count=200 2>/dev/null; dd if=/tmp/r of=/dev/vda bs=4k conv=fsync 2>/dev/null", prompt)
    child.ask("echo 3 >/proc/sys/vm/drop_caches", prompt)
    assert "same" in child.ask("dd if=/dev/vda bs=4k count=200 2>/dev/null | cmp - /tmp/r && echo sa''me", prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_the_report_names_the_disks(trivet, tmp_path):
    config = tmp_path / "a.toml"
    config.write_text('[vm.a]\nmemory = "128M"\nkernel = "guest:linux-cloud"\n[[vm.a.disk]]\nsize = "16M"\n')
    done = trivet("check", "--report", config)
    assert done.returncode == 0 and "disk 0:  virtio, 16M, writable, empty at first, serial number a-disk0" in done.stdout
