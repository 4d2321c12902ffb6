# SPDX-License-Identifier: Apache-2.0
"""Root supervises: what ends comes back by its policy, what stops gives everything back, and the console survives its driver."""
import os
import random
import re

import pytest

from conftest import TREE
from test_boot import log_in

DEFAULT = TREE / "examples/default.toml"
SHELL = "trivet> "
PREFIX = "\x01"
CYCLES = int(os.environ.get("TRIVET_CYCLES", 5))


@pytest.fixture
def system(console, tmp_path):
    """Opens the default system, which stays up without a guest; @words: more for the guest's command line."""
    def start(words=""):
        text = DEFAULT.read_text().replace('"poweroff"', '"stay"', 1).replace("console=ttyS0", f"console=ttyS0 {words}", 1)
        config = tmp_path / "stay.toml"
        config.write_text(text)
        child = console(config, "--direct")
        log_in(child)
        return child
    return start


def to_shell(child):
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)


def free(child):
    """Free memory and free kernel memory, as the shell shows them."""
    return re.search(r"free memory \S+, free kernel memory \d+", child.ask("version", SHELL))[0]


def test_a_vm_that_stops_gives_everything_back(system):
    child = system()
    to_shell(child)
    child.ask("stop web --force", SHELL)
    before = free(child)
    for _ in range(CYCLES):
        child.ask("start web", SHELL)
        assert free(child) != before
        child.ask("stop web --force", SHELL)
        assert free(child) == before


def test_a_guest_that_crashes_is_started_again(system):
    child = system("reboot=triple")
    child.sendline("reboot -f")
    child.expect_exact("web: the guest has crashed")
    log_in(child)
    to_shell(child)
    assert "crashed" not in child.ask("status web", SHELL)      # that was the run before
    assert re.search(r"starts so far: 2", child.ask("status web", SHELL))


def test_a_guest_that_hangs_with_interrupts_off_is_stopped(system):
    child = system()
    child.sendline("echo c >/proc/sysrq-trigger")
    child.expect_exact("end Kernel panic")
    to_shell(child)
    assert "destroyed" in child.ask("stop web --force", SHELL)
    assert re.search(r"web\s.*stopped", child.ask("list", SHELL))


def test_the_console_survives_its_driver(system):
    child = system()
    to_shell(child)
    child.ask("status serial", SHELL)
    before = free(child)
    for _ in range(7):
        child.sendline("restart serial")
        child.expect_exact(SHELL)
    assert "running" in child.ask("status serial", SHELL)
    assert free(child) == before
    child.send(PREFIX + "1")
    child.sendline("")
    child.expect_exact("web# ")
    assert "1000" in child.ask("seq 1000 | tail -1", "web# ")


def test_switching_off_from_the_console_asks_first(system):
    child = system()
    child.send(PREFIX + "x")
    child.expect_exact("y: yes")
    child.send("n")
    child.expect_exact("not switched off")
    child.sendline("echo $((6 * 7))")
    child.expect_exact("42")
    child.send(PREFIX + "x")
    child.expect_exact("y: yes")
    child.send("y")
    assert child.end() == 0


def restart_monitor(child):
    """From the guest's prompt to the management shell, and back to the guest with another monitor."""
    to_shell(child)
    child.sendline("restart-monitor web")
    child.expect_exact("web: its monitor has failed: restarted by hand; a new one goes on with the guest")
    child.expect_exact(SHELL)
    child.send(PREFIX + "1")


def test_a_shell_session_outlives_its_monitor(system):
    child = system()
    child.ask("cd /tmp; X=$((6 * 7)); echo kept >file", "web# ")
    for n in range(3):
        restart_monitor(child)
        child.sendline("")
        child.expect_exact("web# ")
        assert f"42 kept {n}" in child.ask(f"echo $X $(cat file) {n}", "web# ")
    assert "Hardware Error" not in child.ask("dmesg | tail -5", "web# ")
    assert "1 2 3" in child.ask("sleep 1; echo $((1)) $((2)) 3", "web# ")    # time goes on
    to_shell(child)
    assert "restarted 3 times" in child.ask("status web", SHELL)
    assert re.search(r"starts so far: 1", child.ask("status web", SHELL))


# Ports and memory of devices, the clock, timers, the console.
BUSY = "i=0; while :; do cat /sys/bus/pci/devices/*/config >/dev/null; hwclock >/dev/null 2>&1; usleep 1000; i=$((i + 1)); echo turn $i; done"


def turn_after(child, seen):
    """Wait for a later turn than @seen of BUSY, which also says that it goes on where it was; what is on the screen is shown again before."""
    while True:
        child.expect(rb"\nturn (\d+)\r")
        if int(child.match[1]) > seen:
            return int(child.match[1])


def test_a_monitor_is_replaced_at_any_moment_of_a_guest_that_uses_its_devices(system):
    child = system()
    child.sendline(BUSY)
    moment, seen = random.Random(CYCLES), 0
    for _ in range(CYCLES):
        seen = turn_after(child, seen + moment.randrange(40))
        restart_monitor(child)
    turn_after(child, seen)
    child.send("\x03")
    child.expect_exact("web# ")
    log = child.ask("dmesg | tail -30", "web# ")
    assert not re.search("BUG|WARNING|stall|lockup|hung|Oops|Hardware Error", log), log
    to_shell(child)
    assert f"restarted {CYCLES} times" in child.ask("status web", SHELL)
    assert re.search(r"starts so far: 1", child.ask("status web", SHELL))
