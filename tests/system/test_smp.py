# SPDX-License-Identifier: Apache-2.0
"""Guests with several CPUs."""
from conftest import TREE

SMP = TREE / "examples/smp.toml"


def log_in(child, cpus):
    child.expect(rf"Guest web is up: Linux 6\.1\.\S+-cloud-amd64, {cpus} CPU, \d+ MiB\.")
    child.expect_exact("web# ")
    return "web# "


def test_a_guest_with_four_cpus_reaches_its_shell_and_powers_the_machine_off(console):
    child = console(SMP, "--direct")
    prompt = log_in(child, 4)
    assert "tsc" in child.ask("cat /sys/devices/system/clocksource/clocksource0/current_clocksource", prompt).split()
    child.sendline("poweroff")
    assert child.end() == 0
