# SPDX-License-Identifier: Apache-2.0
"""Every system in examples/guests boots and gets as far as docs/guests.md says.  `make test-guests`; not part of `make test`."""
from pathlib import Path

import pexpect
import pytest

TREE = Path(__file__).resolve().parents[2]
LOGS = TREE / "build" / "test"
SECONDS = 600                   # for each thing that is waited for, on a slow and busy machine
PROMPT = "# "


@pytest.fixture
def boot(request):
    """boot(name) starts examples/guests/NAME.toml; the console is a pexpect child, and what it showed is kept in build/test."""
    children = []

    def start(name):
        LOGS.mkdir(parents=True, exist_ok=True)
        log = open(LOGS / f"guest-{name}.log", "wb")
        child = pexpect.spawn("tools/trivet", ["run", "--direct", f"examples/guests/{name}.toml"], cwd=TREE, timeout=SECONDS, logfile=log)
        child.delaybeforesend = 0.1
        children.append((child, log))
        return child

    yield start
    for child, log in children:
        child.close(force=True)
        log.close()


def ask(child, text):
    """Type a line at a shell's prompt; returns what it printed before the next prompt."""
    child.sendline(text)
    child.expect_exact(text)
    child.expect_exact(PROMPT)
    return child.before.decode(errors="replace")


def test_linux_generic_keeps_time_by_the_hpet_and_reads_what_it_wrote_to_sata(boot):
    child = boot("linux-generic")
    child.expect_exact("generic" + PROMPT)
    ask(child, "stty columns 200")          # so that what is typed comes back in one line
    assert "hpet" in ask(child, "cat /sys/devices/system/clocksource/*/current_clocksource")
    ask(child, "sh /sata")
    child.sendline("while [ ! -b /dev/sda -o ! -b /dev/sr0 ]; do sleep 1; done; echo both")
    child.expect_exact("\nboth")
    child.expect_exact(PROMPT)
    ask(child, "dd if=/dev/urandom of=/tmp/x bs=64k count=64; dd if=/tmp/x of=/dev/sda bs=64k conv=fsync")
    ask(child, "echo 3 >/proc/sys/vm/drop_caches")
    assert "same" in ask(child, "head -c 4194304 /dev/sda | cmp - /tmp/x && echo sa''me")
    ask(child, "mkdir /cd; mount -t iso9660 /dev/sr0 /cd")
    assert "linux-cloud" in ask(child, "ls /cd/boot")
    assert "same" in ask(child, "head -c 4 /cd/boot/busybox | grep -q 0707 && echo sa''me")


def test_linux_rt_boots_to_its_shell(boot):
    child = boot("linux-rt")
    child.expect_exact("rt" + PROMPT)
    assert "PREEMPT_RT" in ask(child, "uname -v")


def test_memtest86_finishes_a_pass_without_errors(boot):
    child = boot("memtest")
    child.expect_exact("Memtest86+")
    child.expect(r"Pass: +1 +Errors: 0", timeout=3 * SECONDS)


def test_seabios_starts_grub_from_a_cd_and_its_menu_starts_linux(boot):
    child = boot("bios-cd")
    child.expect_exact("SeaBIOS (version")
    child.expect_exact("Linux from this disc")
    child.expect_exact("grub" + PROMPT)


def test_uefi_starts_grub_from_a_disk_and_linux_finds_variables_that_it_can_write(boot):
    child = boot("uefi-disk")
    child.expect_exact("Linux from this disc")
    child.expect_exact("efi: EFI v")
    child.expect_exact("grub" + PROMPT)


def test_ipxe_comes_up(boot):
    child = boot("ipxe")
    child.expect_exact("iPXE initialising devices")
    child.expect_exact("Open Source Network Boot Firmware")


def test_xen_hands_over_to_its_dom0(boot):
    child = boot("xen")
    child.expect_exact("Xen version 4.17")
    child.expect_exact("Serial input to DOM0")
    child.expect(r"Freed \d+kB init memory")
