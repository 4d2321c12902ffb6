# SPDX-License-Identifier: Apache-2.0
"""A monitor that has been taken over: whatever it does, its neighbour makes progress, root answers, and everything comes back."""
import json
import re

import pytest

from conftest import TREE
from test_boot import log_in

PREFIX, SHELL = "\x01", "trivet> "
EVIL = TREE / "build/tests/monitor/evil.elf"
SYSTEM = """
[console]
front = "web"

[vm.web]
memory = "192M"
kernel = "guest:linux-cloud"
initrd = "guest:busybox"
cmdline = "console=ttyS0 hostname=web"

[vm.evil]
memory = "128M"
monitor = "{evil}"
kernel = "guest:linux-cloud"
cmdline = "{attack}"
restart = "{restart}"
autostart = false
"""
FAIR_PERMILLE = 350             # of the CPU that the two share: half of it, less what root and the emulator's clock take
ATTACKS = ["spin", "signals", "output", "log", "lie", "calls", "quota", "fault", "crash"]


def shares(child):
    """Mean share of the neighbour over three seconds, in thousandths."""
    samples = [json.loads(line) for line in child.ask("top 3 --json", SHELL).splitlines() if line.startswith("{")]
    return sum(vm["run_permille"] for sample in samples for vm in sample["vm"] if vm["name"] == "web") / len(samples)


def free(child):
    return re.search(r"free memory \S+, free kernel memory \d+", child.ask("version", SHELL))[0]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_monitor_is_felt_by_its_own_vm_only(console, tmp_path, attack):
    config = tmp_path / "hostile.toml"
    config.write_text(SYSTEM.format(evil=EVIL, attack=attack, restart="always" if attack in ("fault", "crash", "lie") else "never"))
    child = console(config, "--direct")
    log_in(child)
    child.sendline("while :; do :; done")
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    before = free(child)
    child.sendline("start evil")
    child.expect_exact(SHELL)
    share = shares(child)
    print(f"{attack}: the neighbour has {share / 10:.1f} % of the CPU")
    assert share >= FAIR_PERMILLE
    child.ask("list", SHELL)
    child.ask("stop evil --force", SHELL)
    assert re.search(r"evil +stopped", child.ask("list", SHELL))
    assert free(child) == before
    assert re.search(r"web +running", child.ask("list", SHELL))
    child.send(PREFIX + "1")
    child.send("\x03")
    child.expect_exact("web# ")
    assert "42" in child.ask("echo $((6 * 7))", "web# ")
