# SPDX-License-Identifier: Apache-2.0
"""The whole way: power on, GRUB, hypervisor, root, monitor, an unmodified Debian kernel, its shell, power off."""
import hashlib
import re

import pytest

from conftest import TREE

DEFAULT = TREE / "examples/default.toml"


def log_in(child, name="web", cpus=1):
    """Wait for the guest's prompt; it is up as soon as init has printed its banner."""
    child.expect(rf"Guest {name} is up: Linux 6\.1\.\S+-cloud-amd64, {cpus} CPU, \d+ MiB\.")
    child.expect_exact(f"{name}# ")
    return f"{name}# "


@pytest.mark.parametrize("options", [[], ["--firmware", "uefi"], ["--media", "usb"], ["--direct"]], ids=["grub", "uefi", "usb", "pvh"])
def test_a_debian_guest_reaches_its_shell_and_powers_the_machine_off(console, options):
    child = console(DEFAULT, *options)
    prompt = log_in(child)
    assert "6.1." in child.ask("uname -r", prompt)
    child.sendline("poweroff")
    assert child.end() == 0


@pytest.mark.parametrize("off", ["npt1g", "npt2m", "nextrip,decode,flushasid,cleanbits,vgif", "smep,smap,umip,pge", "xsave"])
def test_a_guest_runs_without_optional_features(console, off):
    child = console(DEFAULT, "--direct", "--append", f"off={off}")
    log_in(child)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_a_guest_computes_sleeps_and_is_interrupted(console):
    child = console(DEFAULT, "--direct")
    prompt = log_in(child)
    assert "5050" in child.ask("seq 100 | awk '{ s += $1 } END { print s }'", prompt)
    assert re.search(r"real\t0m [1-4]\.", child.ask("time sleep 1", prompt))   # a loaded machine wakes it late, never early
    child.sendline("cat")
    child.sendline("typed")
    child.expect_exact("typed\r\ntyped\r\n")      # the terminal's echo, then cat's: it runs
    child.sendcontrol("c")
    child.expect_exact(prompt)
    assert "ttyS0" in child.ask("tty", prompt)
    assert int(child.ask("grep -c . /proc/interrupts", prompt).split()[-1]) > 3
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_a_guest_that_reboots_comes_back_and_the_machine_stays_up(console):
    child = console(DEFAULT, "--direct")
    log_in(child)
    child.sendline("reboot -f")
    log_in(child)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_what_is_typed_fast_is_not_lost(console):
    child = console(DEFAULT, "--direct")
    prompt = log_in(child)
    text = "".join(chr(ord("a") + i % 26) for i in range(200))
    child.sendline(f"echo -n {text} | md5sum")      # the shell breaks the line on the screen: look at the result only
    child.expect_exact(hashlib.md5(text.encode()).hexdigest())
    child.expect_exact(prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_a_long_output_is_complete(console):
    child = console(DEFAULT, "--direct")
    prompt = log_in(child)
    lines = child.ask("seq 10000", prompt).split()
    assert lines == [str(n) for n in range(1, 10001)]
    child.sendline("poweroff -f")
    assert child.end() == 0
