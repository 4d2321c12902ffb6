# SPDX-License-Identifier: Apache-2.0
"""Firmware from Debian's packages starts in a guest and gets as far as a machine without disks lets it."""
import subprocess

import pexpect
import pytest

from conftest import TREE

SEABIOS, OVMF = "/usr/share/seabios/bios-256k.bin", "/usr/share/ovmf/OVMF.fd"
OVMF_CODE, OVMF_VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
GUID = "4b2a1d5c-37c0-4b5e-9d5f-6c3e8a1f0b27"


@pytest.fixture
def boot(tmp_path):
    """boot(lines) starts a VM "pc" with these lines in its table; the console is a pexpect child."""
    children = []

    def start(lines):
        config = tmp_path / "system.toml"
        config.write_text(f'[system]\nwhen_all_stopped = "poweroff"\n[vm.pc]\n{lines}')
        child = pexpect.spawn("tools/trivet", ["run", "--direct", str(config)], cwd=TREE, timeout=300)
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def test_seabios_looks_for_a_disk(boot):
    child = boot(f'memory = "64M"\nfirmware = "{SEABIOS}"\n')
    child.expect_exact("SeaBIOS (version")
    child.expect_exact("No bootable device")


def test_ovmf_reaches_its_shell_keeps_a_variable_over_a_reset_and_switches_the_machine_off(boot):
    child = boot(f'memory = "128M"\nfirmware = "{OVMF_CODE}"\n[[vm.pc.disk]]\nimage = "{OVMF_VARS}"\ntype = "flash"\n')
    child.expect_exact("UEFI Interactive Shell")
    child.expect_exact("Shell>")
    child.send(f"setvar Kept -guid {GUID} -bs -rt -nv =0x4711\r")
    child.expect_exact("Shell>")
    child.send("reset\r")
    child.expect_exact("UEFI Interactive Shell")
    child.expect_exact("Shell>")
    child.send(f"setvar Kept -guid {GUID}\r")
    child.expect_exact("Kept - 0002 Bytes")
    child.expect_exact("11 47")
    child.expect_exact("Shell>")
    child.send("reset -s\r")
    child.expect_exact("all VMs have stopped")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_ovmf_starts_linux(boot):
    child = boot(f'memory = "384M"\nfirmware = "{OVMF}"\nkernel = "guest:linux-cloud"\ninitrd = "guest:busybox"\n'
                 'cmdline = "console=ttyS0 hostname=uefi"\n')
    child.expect_exact("efi: EFI v")
    child.expect_exact("uefi# ")


@pytest.mark.parametrize("firmware,kind", [(SEABIOS, "virtio"), (OVMF, "virtio"), (SEABIOS, "cdrom"), (OVMF, "sata")])
def test_firmware_starts_grub_from_a_disk_and_grub_starts_a_kernel(boot, tmp_path, firmware, kind):
    """The disk is an image of this very system, so the kernel is Trivet's, which then misses a CPU that could run guests."""
    config, image = tmp_path / "inner.toml", tmp_path / "inner.img"
    config.write_text('[vm.a]\nmemory = "128M"\nkernel = "guest:linux-cloud"\n')
    subprocess.run(["tools/trivet", "image", str(config), "-o", str(image)], cwd=TREE, check=True)
    child = boot(f'memory = "384M"\nfirmware = "{firmware}"\n[[vm.pc.disk]]\nimage = "{image}"\ntype = "{kind}"\n')
    child.expect_exact("Trivet, loaded by multiboot2")
    child.expect_exact("no hardware virtualization")
