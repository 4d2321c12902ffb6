# SPDX-License-Identifier: Apache-2.0
"""Every class of error in a configuration gets one line with file, line and key, and says what was expected."""
import gzip
import re
import shutil
import struct
import subprocess

import pytest

from conftest import TREE

pytestmark = pytest.mark.platforms("host")

GOOD = 'memory = "128M"\nkernel = "guest:linux-cloud"\n'

# text of the file; what the message must have: line, key, words in this order
ERRORS = {
    "no value": ("[vm.a]\nmemory =\n", 2, "", ["Invalid value"]),
    "unclosed string": ('[vm.a]\nmemory = "64M\n', 2, "", []),
    "key twice": ('[vm.a]\nmemory = "64M"\nmemory = "64M"\n', 3, "", []),
    "empty file": ("", 1, "", ['"vm" is missing']),
    "no virtual machine": ("[vm]\n", 1, "vm", ["no virtual machine", "[vm.NAME]"]),
    "too many": ("".join(f"[vm.a{n}]\n{GOOD}" for n in range(17)), 1, "vm", ["17", "at most 16"]),
    "unknown table": (f"[sytem]\n[vm.a]\n{GOOD}", 1, "sytem", ['did you mean "system"', "expected one of: system, "]),
    "unknown key": (f'[vm.a]\n{GOOD}memroy = "1M"\n', 4, "vm.a.memroy", ['did you mean "memory"']),
    "unknown key, nothing near": (f"[vm.a]\n{GOOD}zzz = 1\n", 4, "vm.a.zzz", ["unknown key (expected one of: memory"]),
    "unknown console key": (f"[console]\nfrnt = 'a'\n[vm.a]\n{GOOD}", 2, "console.frnt", ['did you mean "front"']),
    "missing kernel": ('[vm.a]\nmemory = "64M"\n', 1, "vm.a", ['"kernel" is missing', "bzImage"]),
    "missing memory": ('[vm.a]\nkernel = "guest:linux-cloud"\n', 1, "vm.a", ['"memory" is missing', '"512M"']),
    "name of a vm": (f"[vm.Web_1]\n{GOOD}", 1, "vm.Web_1", ["not a valid name", "small letter"]),
    "reserved name": (f"[vm.shell]\n{GOOD}", 1, "vm.shell", ["another name"]),
    "number for memory": ('[vm.a]\nmemory = 64\nkernel = "guest:linux-cloud"\n', 2, "vm.a.memory", ["a number where a string belongs"]),
    "no size": ('[vm.a]\nmemory = "64 MB"\nkernel = "guest:linux-cloud"\n', 2, "vm.a.memory", ["64 MB", "512M"]),
    "odd size": ('[vm.a]\nmemory = "65M"\nkernel = "guest:linux-cloud"\n', 2, "vm.a.memory", ["multiple of 2M"]),
    "small size": ('[vm.a]\nmemory = "8M"\nkernel = "guest:linux-cloud"\n', 2, "vm.a.memory", ["from 16M to 1T"]),
    "text for cpus": (f"[vm.a]\n{GOOD}cpus = '1'\n", 4, "vm.a.cpus", ["a string where a whole number belongs"]),
    "too many cpus": (f"[vm.a]\n{GOOD}cpus = 9\n", 4, "vm.a.cpus", ["9: expected", "from 1 to 8"]),
    "text for cpu_list": (f"[vm.a]\n{GOOD}cpu_list = '1'\n", 4, "vm.a.cpu_list", ["a string where an array belongs", "[2, 3]"]),
    "CPU that cannot exist": (f"[vm.a]\n{GOOD}cpu_list = [256]\n", 4, "vm.a.cpu_list.0", ["256: expected", "from 0 to 255"]),
    "CPU twice": (f"[vm.a]\n{GOOD}cpus = 2\ncpu_list = [1, 1]\n", 5, "vm.a.cpu_list", ["twice", "[2, 3]"]),
    "more in the list than CPUs": (f"[vm.a]\n{GOOD}cpu_list = [0, 1]\n", 4, "vm.a.cpu_list", ["2 CPUs", "at most one for each of the 1"]),
    "absent CPU": (f"[machine]\ncpus = 2\n[vm.a]\n{GOOD}cpu_list = [2]\n", 6, "vm.a.cpu_list", ["CPU 2", "has 2, from 0 on"]),
    "exclusive without list": (f"[vm.a]\n{GOOD}exclusive = true\n", 4, "vm.a.exclusive", ['"cpu_list"']),
    "exclusive CPU of the management": (f"[vm.a]\n{GOOD}cpu_list = [0]\nexclusive = true\n", 4, "vm.a.cpu_list", ["CPU 0", "expected others"]),
    "exclusive CPU of another": (f"[vm.a]\n{GOOD}cpu_list = [1]\nexclusive = true\n[vm.b]\n{GOOD}cpu_list = [1]\n", 9, "vm.b.cpu_list",
                                 ["CPU 1 is a's alone"]),
    "exclusive CPU in use": (f"[vm.a]\n{GOOD}cpu_list = [1]\n[vm.b]\n{GOOD}cpu_list = [1]\nexclusive = true\n", 8, "vm.b.cpu_list",
                             ["CPU 1 cannot be its alone", "a runs on it"]),
    "monitor is a kernel": (f'[vm.a]\n{GOOD}monitor = "guest:linux-cloud"\n', 4, "vm.a.monitor", ["a Linux kernel (bzImage)", "expected a monitor"]),
    "restart limit": (f"[vm.a]\n{GOOD}restart_limit = 9\n", 4, "vm.a.restart_limit", ["9: expected", "from 1 to 8"]),
    "watchdog too short": (f"[vm.a]\n{GOOD}watchdog = '10ms'\n", 4, "vm.a.watchdog", ["10ms", "from 1s to 3600s"]),
    "memory over-committed": (f"[machine]\nmemory = '256M'\n[vm.a]\n{GOOD}[vm.b]\n{GOOD}", 2, "machine.memory",
                              ["over-committed", "256M together", "about 64M", "has 256M"]),
    "text for autostart": (f"[vm.a]\n{GOOD}autostart = 'no'\n", 4, "vm.a.autostart", ["true or false"]),
    "disk without anything": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nserial = 'x'\n", 4, "vm.a.disk.0", ['"image" or the key "size"']),
    "size of a disk": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '65K'\n", 4, "vm.a.disk.0.size", ["65K", "multiple of 4K"]),
    "empty disk that is read-only": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\nread_only = true\n", 4, "vm.a.disk.0.read_only", ["an image"]),
    "image of a disk that is not there": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nimage = 'none.img'\n", 4, "vm.a.disk.0.image", ["none.img", "no such file"]),
    "serial number of a disk": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\nserial = 'a b'\n", 4, "vm.a.disk.0.serial", ["a b", "letters"]),
    "type of a disk": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\ntype = 'scsi'\n", 4, "vm.a.disk.0.type", ["scsi", "sata"]),
    "CD without an image": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\ntype = 'cdrom'\n", 4, "vm.a.disk.0.type", ["an image"]),
    "flash without firmware": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\ntype = 'flash'\n", 4, "vm.a.disk", ["firmware"]),
    "too many disks": (f"[vm.a]\n{GOOD}" + "[[vm.a.disk]]\nsize = '64K'\n" * 5, 4, "vm.a.disk", ["at most 4"]),
    "port on a network that is not there": (f"[network.lan]\n[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lam'\n", 5, "vm.a.net.0.network", ['did you mean "lan"']),
    "port without any network": (f"[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lan'\n", 4, "vm.a.net.0.network", ["a table [network.NAME]"]),
    "port of nothing": (f"[vm.a]\n{GOOD}[[vm.a.net]]\n", 4, "vm.a.net.0", ['"network" is missing']),
    "address of a group": (f"[network.lan]\n[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lan'\nmac = '01:00:00:00:00:01'\n", 5, "vm.a.net.0.mac", ["of a group"]),
    "no address": (f"[network.lan]\n[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lan'\nmac = '52:54'\n", 5, "vm.a.net.0.mac", ["52:54:00:12:34:56"]),
    "address twice": (f"[network.lan]\n[vm.a]\n{GOOD}" + "[[vm.a.net]]\nnetwork = 'lan'\nmac = '52:54:00:00:00:01'\n" * 2, 5, "vm.a.net.1",
                      ["52:54:00:00:00:01", "another port of lan"]),
    "VLAN with and without tag": (f"[network.lan]\n[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lan'\nvlan = 5\ntagged = [4, 5]\n", 5, "vm.a.net.0.tagged", ["5 is"]),
    "VLAN that cannot be": (f"[network.lan]\n[vm.a]\n{GOOD}[[vm.a.net]]\nnetwork = 'lan'\nvlan = 4095\n", 5, "vm.a.net.0.vlan", ["from 1 to 4094"]),
    "uplink that is no driver": (f"[driver.nic]\nkind = 'virtio-net'\n[network.lan]\nuplink = 'nik'\n[vm.a]\n{GOOD}", 4, "network.lan.uplink", ['did you mean "nic"']),
    "uplink that drives disks": (f"[driver.nic]\nkind = 'virtio-blk'\n[network.lan]\nuplink = 'nic'\n[vm.a]\n{GOOD}", 4, "network.lan.uplink",
                                 ["a table [driver.NAME]"]),
    "uplink of two": (f"[driver.nic]\nkind = 'virtio-net'\n[network.a]\nuplink = 'nic'\n[network.b]\nuplink = 'nic'\n[vm.a]\n{GOOD}", 4, "network.a.uplink",
                      ["two networks"]),
    "disk behind a network card": (f"[driver.nic]\nkind = 'virtio-net'\n[vm.a]\n{GOOD}[[vm.a.disk]]\ndriver = 'nic'\n", 6, "vm.a.disk.0.driver", ["no driver"]),
    "too many networks": ("".join(f"[network.n{n}]\n" for n in range(5)) + f"[vm.a]\n{GOOD}", 1, "network", ["5", "at most 4"]),
    "too many ports": ("[network.lan]\n" + "".join(f"[vm.a{n}]\n{GOOD}" + "[[vm.a%d.net]]\nnetwork = 'lan'\n" % n * 4 for n in range(5)), 1, "network.lan",
                       ["20", "at most 16"]),
    "driver that is not there": (f"[driver.disk0]\nkind = 'ahci'\n[vm.a]\n{GOOD}[[vm.a.disk]]\ndriver = 'dsk0'\n", 6, "vm.a.disk.0.driver", ['did you mean "disk0"']),
    "kind of driver": (f"[driver.disk0]\nkind = 'nvm'\n[vm.a]\n{GOOD}", 2, "driver.disk0.kind", ['did you mean "nvme"']),
    "device of a driver": (f"[driver.disk0]\nkind = 'nvme'\ndevice = '1.2'\n[vm.a]\n{GOOD}", 3, "driver.disk0.device", ["00:1f.2"]),
    "two writers of one disk": (f"[driver.d]\nkind = 'ahci'\n[vm.a]\n{GOOD}[[vm.a.disk]]\ndriver = 'd'\npartition = 'root'\n[vm.b]\n{GOOD}"
                                "[[vm.b.disk]]\ndriver = 'd'\nread_only = true\n", 12, "vm.b.disk.0", ["is a disk of a, too", "read_only = true"]),
    "partition of nothing": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsize = '64K'\npartition = 'root'\n", 4, "vm.a.disk.0.partition", ['"driver" beside it']),
    "size of a disk behind a driver": (f"[driver.d]\nkind = 'ahci'\n[vm.a]\n{GOOD}[[vm.a.disk]]\ndriver = 'd'\nsize = '64K'\n", 6, "vm.a.disk.0.size", ["cannot stand beside"]),
    "unknown key of a disk": (f"[vm.a]\n{GOOD}[[vm.a.disk]]\nsiez = '64K'\n", 4, "vm.a.disk.0.siez", ['did you mean "size"']),
    "priority": (f"[vm.a]\n{GOOD}priority = 201\n", 4, "vm.a.priority", ["from 1 to 200"]),
    "restart": (f"[vm.a]\n{GOOD}restart = 'onfailure'\n", 4, "vm.a.restart", ['did you mean "on-failure"', "never, on-failure, always"]),
    "when_all_stopped": (f"[system]\nwhen_all_stopped = 'reboot'\n[vm.a]\n{GOOD}", 2, "system.when_all_stopped", ["poweroff, stay"]),
    "command line of the hypervisor": (f"[system]\ncmdline = 'a;b'\n[vm.a]\n{GOOD}", 2, "system.cmdline", ["a;b", "expected"]),
    "command line of a guest": (f"[vm.a]\n{GOOD}cmdline = 'a\tb'\n", 4, "vm.a.cmdline", ["printable"]),
    "prefix": (f"[console]\nprefix = 'Ctrl-m'\n[vm.a]\n{GOOD}", 2, "console.prefix", ["Ctrl-m", "Enter"]),
    "front": (f"[console]\nfront = 'ab'\n[vm.abc]\n{GOOD}", 2, "console.front", ['no virtual machine "ab"', 'did you mean "abc"', "shell"]),
    "budget without period": (f"[vm.a]\n{GOOD}budget = '3ms'\n", 4, "vm.a.budget", ['"period"']),
    "period without budget": (f"[vm.a]\n{GOOD}period = '3ms'\n", 4, "vm.a.period", ['"budget"']),
    "no time": (f"[vm.a]\n{GOOD}budget = '3'\nperiod = '10ms'\n", 4, "vm.a.budget", ["3ms"]),
    "budget above period": (f"[vm.a]\n{GOOD}budget = '11ms'\nperiod = '10ms'\n", 4, "vm.a.budget", ["11ms", "10ms"]),
    "period too long": (f"[vm.a]\n{GOOD}budget = '1s'\nperiod = '11s'\n", 5, "vm.a.period", ["11s", "from 1ms to 10s"]),
    "not schedulable": (f"[vm.a]\n{GOOD}budget='6ms'\nperiod='10ms'\n[vm.b]\n{GOOD}budget='5ms'\nperiod='10ms'\n", 9, "vm.b.budget",
                        ["50.0% of a CPU wanted", "of 1 CPUs the emptiest has 40.0% left", "at most 100%"]),
    "not schedulable on one CPU": (f"[vm.a]\n{GOOD}budget='6ms'\nperiod='10ms'\ncpu_list=[1]\n"
                                   f"[vm.b]\n{GOOD}budget='5ms'\nperiod='10ms'\ncpu_list=[1]\n", 12, "vm.b.cpu_list",
                                   ["a, b", "CPU 1", "110.0%", "at most 100%"]),
    "no such CPU model": (f"[vm.a]\n{GOOD}cpu = 'x86-64-v5'\n", 4, "vm.a.cpu", ['did you mean "x86-64-v4"', "expected one of: host, x86-64-v1"]),
    "no such feature": (f"[vm.a]\n{GOOD}cpu_features = ['+aess']\n", 4, "vm.a.cpu_features", ['did you mean "aes"']),
    "feature without sign": (f"[vm.a]\n{GOOD}cpu_features = ['aes']\n", 4, "vm.a.cpu_features.0", ["+ or -"]),
    "no such interface": (f"[vm.a]\n{GOOD}paravirt = 'xen'\n", 4, "vm.a.paravirt", ["kvm, hyperv, none"]),
    "no such kernel": ('[vm.a]\nmemory = "64M"\nkernel = "vmlinux"\n', 3, "vm.a.kernel", ["vmlinux: no such file", 'did you mean "vmlinuz"']),
    "kernel is a folder": ('[vm.a]\nmemory = "64M"\nkernel = "."\n', 3, "vm.a.kernel", ["Is a directory"]),
    "no such guest": ('[vm.a]\nmemory = "64M"\nkernel = "guest:linux-clud"\n', 3, "vm.a.kernel", ['did you mean "guest:linux-cloud"']),
    "no such initrd": (f'[vm.a]\n{GOOD}initrd = "nowhere"\n', 4, "vm.a.initrd", ["no such file"]),
    "initrd is a kernel": (f'[vm.a]\n{GOOD}initrd = "guest:linux-cloud"\n', 4, "vm.a.initrd", ["a Linux kernel (bzImage)", "expected a cpio"]),
    "initrd larger than memory": (f'[vm.a]\n{GOOD}initrd = "big.cpio"\n', 4, "vm.a.initrd", ["80M", "do not fit", "128M"]),
    "kernel larger than memory": ('[vm.a]\nmemory = "64M"\nkernel = "guest:linux-cloud"\n', 3, "vm.a.kernel", ["more than the memory, 64M"]),
    "firmware of odd size": ('[vm.a]\nmemory = "64M"\nfirmware = "big.cpio"\n', 3, "vm.a.firmware", ["expected firmware", "up to 8M"]),
    "no such firmware": ('[vm.a]\nmemory = "64M"\nfirmware = "bios"\n', 3, "vm.a.firmware", ["no such file"]),
    "module without file": (f"[vm.a]\n{GOOD}modules = [{{ cmdline = 'x' }}]\n", 4, "vm.a.modules.0", ['"file" is missing']),
    "no such module": (f"[vm.a]\n{GOOD}modules = [{{ file = 'nowhere' }}]\n", 4, "vm.a.modules.0.file", ["no such file"]),
    "too many modules": (f"[vm.a]\n{GOOD}modules = [{', '.join(5 * ['{ file = %r }' % 'big.cpio'])}]\n", 4, "vm.a.modules", ["at most 4"]),
    "modules for Linux": (f"[vm.a]\n{GOOD}modules = [{{ file = 'big.cpio' }}, {{ file = 'big.cpio' }}]\n", 4, "vm.a.modules", ["takes one"]),
    "modules are a text": (f"[vm.a]\n{GOOD}modules = 'big.cpio'\n", 4, "vm.a.modules", ["a string where an array belongs"]),
    "inline table": ('vm.a = { memory = "128M", kernel = "guest:linux-cloud", foo = 1 }\n', 1, "vm.a.foo", ["unknown key"]),
    "after a long string": (f'[vm.a]\ncmdline = """a\\\n  b # no comment"""\n{GOOD}foo = 1\n', 6, "vm.a.foo", ["unknown key"]),
}


def elf(machine, kind=2):
    return b"\x7fELF\x02\x01\x01" + bytes(9) + kind.to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(100)


KERNELS = {
    "empty": (b"", "an empty file"),
    "vmlinux": (elf(62), "an ELF executable for x86-64"),
    "vmlinux-arm64": (elf(183), "an ELF executable for AArch64"),
    "object": (elf(62, 1), "an ELF object file for x86-64"),
    "Image": (b"MZ" + bytes(0x36) + b"ARM\x64" + bytes(64), "an AArch64 Linux kernel"),
    "app.efi": (b"MZ" + bytes(0x3a) + b"\x40\0\0\0" + b"PE\0\0" + b"\x64\x86" + bytes(64), "a PE/COFF executable (EFI application) for x86-64"),
    "vmlinux.gz": (gzip.compress(elf(62)), "gzip of an ELF executable for x86-64"),
    "noise.gz": (b"\x1f\x8b" + bytes(100), "a damaged gzip file"),
    "vmlinux.xz": (b"\xfd7zXZ\0" + bytes(100), "xz-compressed data"),
    "vmlinux.zst": (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd-compressed data"),
    "initrd.cpio": (b"070701" + bytes(100), "a cpio archive"),
    "board.dtb": (b"\xd0\x0d\xfe\xed" + bytes(100), "a flattened device tree"),
    "uImage": (b"\x27\x05\x19\x56" + bytes(100), "a U-Boot image"),
    "disk.qcow2": (b"QFI\xfb" + bytes(100), "a qcow2 disk image"),
    "disk.img": (bytes(510) + b"\x55\xaa", "a disk image or boot sector"),
    "cd.iso": (bytes(0x8001) + b"CD001" + bytes(100), "an ISO 9660 image"),
    "package.deb": (b"!<arch>\n" + bytes(100), "an ar archive"),
    "tar": (bytes(257) + b"ustar" + bytes(300), "a tar archive"),
    "notes.txt": (b"not a kernel\n", "a text file"),
    "noise": (b"\x01\x02\x03\x04" * 300, "a file of unknown kind"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_names_its_place(trivet, tmp_path, name):
    text, line, key, words = ERRORS[name]
    (tmp_path / "vmlinuz").write_bytes(b"")
    (tmp_path / "big.cpio").write_bytes(b"070701")
    with open(tmp_path / "big.cpio", "ab") as file:
        file.truncate((80 << 20) - 1)
    config = tmp_path / "system.toml"
    config.write_text(text)
    done = trivet("check", config)
    assert done.returncode == 1
    assert done.stdout == ""
    place = f"{config}:{line}: " + (f"{key}: " if key else "")
    lines = [found for found in done.stderr.splitlines() if found.startswith(place)]
    assert len(lines) == 1, done.stderr
    assert re.search(".*".join(map(re.escape, words)), lines[0]), lines[0]


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_that_is_none_is_called_what_it_is(trivet, tmp_path, name):
    content, what = KERNELS[name]
    (tmp_path / name).write_bytes(content)
    config = tmp_path / "system.toml"
    config.write_text(f'[vm.a]\nmemory = "64M"\nkernel = "{name}"\n')
    done = trivet("check", config)
    assert done.returncode == 1
    assert f"system.toml:3: vm.a.kernel: {tmp_path / name}: is {what}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_multiboot_and_pvh_kernels_are_known(trivet, tmp_path):
    (tmp_path / "kernel").write_bytes(bytes(64) + struct.pack("<3I", 0x1badb002, 0x10000, -(0x1badb002 + 0x10000) & 0xffffffff)
                                      + struct.pack("<5I", 0x100040, 0x100000, 0x100100, 0x100200, 0x100000) + bytes(256))
    (tmp_path / "system.toml").write_text('[vm.a]\nmemory = "64M"\nkernel = "kernel"\nmodules = [{ file = "kernel", cmdline = "again" }]\n')
    done = trivet("check", "--report", tmp_path / "system.toml")
    assert done.returncode == 0, done.stderr
    assert "multiboot 1 kernel, ends at 0x100200" in done.stdout
    assert "again" in done.stdout


def test_a_bzimage_with_32_bit_entry_only_is_refused(trivet, tmp_path):
    kernel = bytearray((TREE / "build/guests/linux-cloud").read_bytes()[:65536])
    kernel[0x236] &= 0xfe
    (tmp_path / "old").write_bytes(kernel)
    (tmp_path / "system.toml").write_text('[vm.a]\nmemory = "64M"\nkernel = "old"\n')
    done = trivet("check", tmp_path / "system.toml")
    assert done.returncode == 1
    assert "without 64-bit entry" in done.stderr


@pytest.mark.parametrize("size, what", [(0x210, "is the beginning of a Linux kernel"), (1 << 20, "is truncated: 1048576 bytes, its header says")])
def test_a_truncated_kernel_is_refused(trivet, tmp_path, size, what):
    (tmp_path / "cut").write_bytes((TREE / "build/guests/linux-cloud").read_bytes()[:size])
    (tmp_path / "system.toml").write_text('[vm.a]\nmemory = "128M"\nkernel = "cut"\n')
    done = trivet("check", tmp_path / "system.toml")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert what in done.stderr


def test_all_errors_are_reported_in_the_order_of_the_file(trivet, tmp_path):
    config = tmp_path / "system.toml"
    config.write_text("[vm.a]\nfoo = 1\nmemory = 3\n[vm.b]\nkernel = 1\nbar = 2\n")
    done = trivet("check", config)
    lines = [int(line.split(":")[1]) for line in done.stderr.splitlines()]
    assert len(lines) == 6
    assert lines == sorted(lines)


def test_a_file_that_is_no_text_is_called_what_it_is(trivet):
    done = trivet("check", "/bin/true")
    assert done.returncode == 1
    assert done.stderr.startswith("/bin/true: is an ELF ")


def test_a_missing_configuration_is_one_line(trivet, tmp_path):
    for command in ("check", "run"):
        done = trivet(command, tmp_path / "nowhere.toml")
        assert done.returncode == 1
        assert "No such file or directory" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_guest_that_is_not_prepared_points_to_make_deps(tmp_path):
    shutil.copytree(TREE / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([tmp_path / "tools/trivet", "check", TREE / "examples/default.toml"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "vm.web.kernel: guest:linux-cloud: not prepared yet; run `make deps`" in done.stderr


def test_the_examples_are_good_and_their_layout_is_reported(trivet):
    for name in ("default", "two-vms", "smp", "four-vms", "partition"):
        done = trivet("check", "--report", TREE / f"examples/{name}.toml")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert re.search(r"^vm 0: \w+ \(Ctrl-a 1\): \d+M, \d CPUs?, priority \d+", done.stdout, re.M)
        assert re.search(r"memory:  0x0+-0x[0-9a-f]+ \d+M", done.stdout)


def test_a_system_that_does_not_fit_a_machine_is_refused_for_that_one_only(trivet, tmp_path):
    config = tmp_path / "system.toml"
    config.write_text(f"[vm.a]\n{GOOD}cpu_list = [3]\n")
    assert trivet("check", config).returncode == 0
    assert trivet("check", "--cpus", 4, config).returncode == 0
    done = trivet("check", "--cpus", 2, config)
    assert done.returncode == 1
    assert "vm.a: CPU 3 is in the list; the machine has 2, from 0 on (machine with 2 CPUs)" in done.stderr
    done = trivet("check", "--memory", "128M", config)
    assert done.returncode == 1
    assert "over-committed" in done.stderr


def test_the_report_says_where_each_cpu_runs(trivet, tmp_path):
    config = tmp_path / "system.toml"
    config.write_text(f"[machine]\ncpus = 3\n[vm.a]\n{GOOD}cpus = 3\n[vm.b]\n{GOOD}cpu_list = [2]\n[vm.c]\n{GOOD}autostart = false\n")
    done = trivet("check", "--report", config)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^  cpus:    (.*)$", done.stdout, re.M) == [
        "on CPUs 0, 1, 2 of the machine, as the emptiest at boot", "on CPU 2 of the machine, from its list", "placed when it is started"]


def test_a_good_configuration_is_accepted_silently(trivet):
    done = trivet("check", TREE / "examples/default.toml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


DUMP = """CPU:
   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69
   0x00000001 0x00: eax=0x000006fb ebx=0x00000000 ecx=0x00002201 edx=0x078bfbff
   0x80000000 0x00: eax=0x80000008 ebx=0x00000000 ecx=0x00000000 edx=0x00000000
   0x80000001 0x00: eax=0x00000000 ebx=0x00000000 ecx=0x00000001 edx=0x20100800
   0x80000008 0x00: eax=0x00003024 ebx=0x00000000 ecx=0x00000000 edx=0x00000000
"""


def test_cpu_models_are_shown_and_resolved_for_a_vm_and_another_host(trivet, tmp_path):
    models = trivet("cpu", "--models").stdout
    assert 'x86-64-v2: "Trivet x86-64-v2 CPU", for hosts by any maker:' in models and "haswell:" in models
    assert "models:\n    host x86-64-v1" in trivet("cpu", "--host").stdout
    (tmp_path / "core2").write_text(DUMP)
    other = trivet("cpu", "--host", "--from", tmp_path / "core2").stdout
    assert "by Intel: family 0x6, model 0xf" in other and "x86-64-v1\n" in other and "ssse3" in other and "avx" not in other
    (tmp_path / "a.toml").write_text(f"[vm.a]\n{GOOD}cpu = 'x86-64-v1'\ncpu_features = ['+ssse3', '+sse3']\ncpus = 2\n")
    text = trivet("cpu", "--resolve", tmp_path / "a.toml", "--from", tmp_path / "core2").stdout
    assert "vm a: x86-64-v1 +ssse3 +sse3\nTrivet x86-64-v1 CPU, by Intel" in text
    assert "0x00000001 0x00: eax=0x000006fb ebx=0x00020000 ecx=0x81200201" in text
    (tmp_path / "a.toml").write_text(f"[vm.a]\n{GOOD}cpu = 'x86-64-v2'\n")
    refused = trivet("cpu", "--resolve", tmp_path / "a.toml", "--from", tmp_path / "core2")
    assert refused.returncode == 1 and "vm.a.cpu: the host cannot offer: sse4_1 sse4_2 popcnt" in refused.stderr
