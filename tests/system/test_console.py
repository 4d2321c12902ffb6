# SPDX-License-Identifier: Apache-2.0
"""One console, several machines on it, and the management shell behind it."""
import re

import pytest

from conftest import TREE
from test_boot import log_in

TWO_VMS = TREE / "examples/two-vms.toml"
DEFAULT = TREE / "examples/default.toml"
SHELL = "trivet> "
PREFIX = "\x01"


@pytest.fixture
def shell(console):
    """The default system with the management shell in front and its guest up."""
    child = console(DEFAULT, "--direct")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    return child


@pytest.mark.platforms("qemu-svm", "bochs-vmx")
def test_two_guests_share_a_cpu_and_both_reach_a_shell(console):
    child = console(TWO_VMS)
    web = log_in(child)
    child.send(PREFIX + "2")
    child.sendline("")
    child.expect_exact("build# ")
    assert "build" in child.ask("hostname", "build# ")
    child.sendline("poweroff -f")
    child.send(PREFIX + "1")
    child.sendline("")
    child.expect_exact(web)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_the_prefix_twice_is_a_literal(console):
    child = console(DEFAULT, "--direct")
    log_in(child)
    child.sendline("stty -icanon -echo; head -c 3 | cat -v; stty icanon echo; echo")
    child.expect_exact("echo\r\n")
    child.send("a" + PREFIX + PREFIX + "b")
    child.expect_exact("a^Ab")
    child.sendline("poweroff -f")
    assert child.end() == 0


@pytest.mark.parametrize("key", ["h", "?"])
def test_help_and_unknown_keys_print_the_keys_and_forward_nothing(console, key):
    child = console(DEFAULT, "--direct")
    prompt = log_in(child)
    child.send(PREFIX + key)
    child.expect_exact("Ctrl-a")
    child.sendline("echo $((6 * 7))")
    child.expect_exact("42")
    child.expect_exact(prompt)
    child.sendline("poweroff -f")
    assert child.end() == 0


def test_another_prefix_is_obeyed(console, tmp_path):
    config = tmp_path / "prefix.toml"
    config.write_text(DEFAULT.read_text().replace('prefix = "Ctrl-a"', 'prefix = "Ctrl-t"'))
    child = console(config, "--direct")
    log_in(child)
    child.send("\x140")
    child.expect_exact(SHELL)
    child.sendline("poweroff")
    assert child.end() == 0


def test_the_shell_lists_its_commands(shell):
    text = shell.ask("help", SHELL)
    for name in ("help", "list", "status", "console", "stop", "start", "restart", "log", "poweroff", "reboot"):
        assert re.search(rf"^\s*{name}\b", text, re.M), name


def test_the_shell_shows_stops_and_starts_a_guest(shell, console):
    assert re.search(r"web\s.*running", shell.ask("list", SHELL))
    assert "512" in shell.ask("status web", SHELL)
    assert "Trivet" in shell.ask("log", SHELL) or "trivet" in shell.before.decode()


def test_a_stopped_guest_is_started_again(console, tmp_path):
    config = tmp_path / "stay.toml"
    config.write_text(DEFAULT.read_text().replace('"poweroff"', '"stay"', 1))
    child = console(config, "--direct")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    child.ask("stop web", SHELL)
    assert re.search(r"web\s.*stopped", child.ask("list", SHELL))
    child.ask("start web", SHELL)
    child.sendline("console web")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    child.ask("restart web", SHELL)
    child.sendline("console web")
    log_in(child)
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    child.sendline("poweroff")
    assert child.end() == 0


def test_wrong_commands_get_one_line(shell):
    for line, word in (("frobnicate", "help"), ("status", "VM"), ("status nobody", "nobody"), ("console 99", "99")):
        answer = shell.ask(line, SHELL)
        assert word in answer, answer
        assert len(answer.strip().splitlines()) == 1


def test_reboot_resets_the_machine(shell):
    shell.sendline("reboot")
    assert shell.end() == 6


def test_poweroff_of_the_shell_is_a_clean_one(shell):
    shell.sendline("poweroff")
    assert shell.end() == 0
