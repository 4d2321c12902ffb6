# SPDX-License-Identifier: Apache-2.0
"""The management shell for scripts: JSON, and what a VM uses and does."""
import json
import re

from conftest import TREE
from test_boot import log_in

PREFIX = "\x01"
SHELL = "trivet> "


def objects(text):
    """The JSON objects in what a command printed, a line each."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_scripts_read_what_a_vm_is_and_does(console):
    child = console(TREE / "examples/default.toml", "--direct")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    vms = objects(child.ask("list --json", SHELL))
    assert [(vm["name"], vm["state"], vm["memory"], vm["cpus"], vm["starts"]) for vm in vms] == [("web", "running", 512 << 20, 1, 1)]
    status, = objects(child.ask("status web --json", SHELL))
    assert status["restart"] == "on-failure"
    assert status["kernel_memory"]["used"] <= status["kernel_memory"]["peak"] <= status["kernel_memory"]["quota"]
    assert status["cpu"][0]["exits"]["hlt"] > 0
    child.sendline("top 2 --json")
    child.expect_exact(SHELL)
    idle = objects(child.before.decode())
    assert len(idle) == 2
    assert idle[1]["vm"][0]["halt_permille"] > 500

    child.send(PREFIX + "1")
    child.sendline("while :; do :; done")
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    busy = objects(child.ask("top 2 --json", SHELL))[1]["vm"][0]
    assert busy["run_permille"] > 500
    assert busy["halt_permille"] < 100
    assert busy["run_permille"] + busy["steal_permille"] + busy["halt_permille"] <= 1000


def test_top_is_a_screen_that_a_key_ends(console):
    child = console(TREE / "examples/default.toml", "--direct")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    child.sendline("top")
    for _ in range(2):
        child.expect(re.compile(rb"of memory free; q ends this.* 1  web +running .*hlt \d+", re.S))
    child.send("q")
    child.expect_exact(SHELL)
