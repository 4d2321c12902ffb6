# SPDX-License-Identifier: Apache-2.0
"""Guests with several CPUs, on one and on several CPUs of the host."""
import re

import pytest

from conftest import TREE

SMP = TREE / "examples/smp.toml"
GUESTS = TREE / "build/guests"
HOTPLUG = ["cd /sys/devices/system/cpu", "t() { echo 0 >$1/online; echo 1 >$1/online; }",
           "for n in 1 2 3; do for c in cpu[1-9]; do t $c; done; done", "cd /"]      # lines that fit on the screen
TROUBLE = re.compile(r"BUG|WARNING|stall|lockup|hung|unstable|Oops", re.I)


def log_in(child, cpus):
    child.expect(rf"Guest web is up: Linux 6\.1\.\S+-cloud-amd64, {cpus} CPU, \d+ MiB\.")
    child.expect_exact("web# ")
    return "web# "


def power_off(child):
    child.sendline("poweroff -f")
    assert child.end() == 0


def healthy(child, prompt):
    """The kernel has complained about nothing, and trusts the time-stamp counter."""
    log = child.ask("dmesg | tail -n 60", prompt)
    assert not TROUBLE.search(log), log
    assert "tsc" in child.ask("cat /sys/devices/system/clocksource/clocksource0/current_clocksource", prompt).split()


@pytest.fixture
def loaded(tmp_path):
    """A configuration whose guest has @cpus CPUs and a load generator in its initramfs."""
    def make(cpus):
        initrd = tmp_path / "initrd"
        initrd.write_bytes((GUESTS / "busybox").read_bytes() + (GUESTS / "stress").read_bytes())
        file = tmp_path / "smp.toml"
        file.write_text(f"[system]\nwhen_all_stopped = 'poweroff'\n[vm.web]\nmemory = '512M'\ncpus = {cpus}\nkernel = 'guest:linux-cloud'\n"
                        f"initrd = '{initrd}'\ncmdline = 'console=ttyS0 quiet hostname=web'\n")
        return file
    return make


def test_a_guest_with_four_cpus_reaches_its_shell_and_powers_the_machine_off(console):
    child = console(SMP, "--direct")
    prompt = log_in(child, 4)
    healthy(child, prompt)
    child.sendline("poweroff")
    assert child.end() == 0


@pytest.mark.parametrize("cpus, host", [(2, 1), (4, 2)])
def test_cpus_of_a_guest_go_offline_and_come_back_while_all_of_them_work(console, loaded, cpus, host):
    child = console(loaded(cpus), "--direct", "--cpus", host)
    prompt = log_in(child, cpus)
    child.ask(f"stress -q -c {cpus} -i {cpus} -m {cpus} --vm-bytes 8M -t 600 &", prompt)
    for line in HOTPLUG:
        child.ask(line, prompt)
    assert f"0-{cpus - 1}" in child.ask("cat /sys/devices/system/cpu/online", prompt).split()
    child.ask("killall stress; wait", prompt)
    called = child.ask("grep CAL: /proc/interrupts", prompt).split()[1:1 + cpus]
    assert all(int(n) > 0 for n in called), called
    healthy(child, prompt)
    power_off(child)


def test_a_guest_whose_cpus_all_work_can_be_reset_and_comes_back(console):
    child = console(SMP, "--direct")
    prompt = log_in(child, 4)
    child.ask("for n in 1 2 3 4; do while :; do :; done & done", prompt)
    child.sendline("reboot -f")
    prompt = log_in(child, 4)
    power_off(child)


def test_the_monitor_of_a_guest_whose_cpus_all_work_is_replaced_and_they_go_on(console):
    child = console(SMP, "--direct")
    prompt = log_in(child, 4)
    child.ask("for n in 1 2 3 4; do while :; do :; done & done", prompt)
    for _ in range(2):
        child.send("\x01" + "0")
        child.expect_exact("trivet> ")
        child.sendline("restart-monitor web")
        child.expect_exact("trivet> ")
        child.send("\x01" + "1")
        assert "5" in child.ask("echo $((2 + 3))", prompt).split()
    child.ask("kill $(jobs -p)", prompt)
    child.ask("cd /sys/devices/system/cpu; echo 0 >cpu3/online; echo 1 >cpu3/online", prompt)
    healthy(child, prompt)
    power_off(child)


def test_a_dump_shows_the_registers_of_every_cpu(console):
    child = console(SMP, "--direct")
    log_in(child, 4)
    child.send("\x01" + "0")
    child.expect_exact("trivet> ")
    child.sendline("dump web")
    child.expect_exact("trivet> ")
    child.sendline("log web")
    for cpu in range(4):
        child.expect(rf"CPU {cpu}[^\r]*: last exit")
    child.sendline("poweroff")
    child.expect_exact("poweroff")
    child.close(force=True)
