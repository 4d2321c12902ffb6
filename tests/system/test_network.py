# SPDX-License-Identifier: Apache-2.0
"""Networks between guests: two Linux guests on a switch that is a user program, and what it lets through."""
import re
import socket
import time
import urllib.error
import urllib.request

import pytest

from conftest import TREE
from test_boot import log_in

SHELL = "trivet> "


class Guests:
    """Two guests, "left" and "right", behind one console."""

    def __init__(self, child):
        self.child, self.front = child, "left"
        log_in(child, "left")
        self.to("right", 2)
        child.sendline("")
        child.expect(r"right# ")
        self.prompts = {"left": "left# ", "right": "right# "}

    def to(self, name, key):
        self.child.send(f"\x01{key}")
        self.front = name

    def ask(self, name, text):
        """Type a line in guest @name, "left" or "right", or on the management shell, "shell"."""
        if self.front != name:
            self.to(name, {"shell": 0, "left": 1, "right": 2}[name])
            self.child.sendline("")
            self.child.expect_exact(SHELL if name == "shell" else self.prompts[name])
        return self.child.ask(text, SHELL if name == "shell" else self.prompts[name])

    def address(self, left="", right=""):
        for name, number, more in (("left", 1, left), ("right", 2, right)):
            self.ask(name, f"stty cols 250; ip addr add 10.0.0.{number}/24 dev eth0; ip link set eth0 up; {more}")


@pytest.fixture
def guests(console, tmp_path):
    """Starts examples/net.toml, with @change applied to its text."""
    def start(change=lambda text: text):
        config = tmp_path / "net.toml"
        config.write_text(change((TREE / "examples/net.toml").read_text()))
        return Guests(console(config, "--direct"))
    return start


def test_two_guests_reach_each_other_and_survive_their_switch(guests):
    both = guests()
    both.address()
    assert "3 packets received" in both.ask("left", "ping -c 3 10.0.0.2")
    # A stream in both directions: large segments in one piece, checksums left open.
    both.ask("right", "(nc -l -p 5000 >/tmp/got; md5sum /tmp/got >/tmp/sum) &")
    both.ask("left", "dd if=/dev/urandom of=/tmp/sent bs=64k count=32 2>/dev/null; nc 10.0.0.2 5000 </tmp/sent")
    sent = re.search(r"[0-9a-f]{32}", both.ask("left", "md5sum /tmp/sent"))[0]
    assert sent in both.ask("right", "while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum")
    status = both.ask("shell", "status lan")
    assert re.search(r"left/0\s+up\s+in [1-9]", status) and re.search(r"right/0\s+up\s+in [1-9]", status)
    both.ask("shell", "restart lan")
    assert "bytes from 10.0.0.2" in both.ask("left", "until ping -c 1 -W 2 10.0.0.2; do :; done")
    both.child.sendline("poweroff -f")
    both.ask("right", "")
    both.child.sendline("poweroff -f")
    assert both.child.end() == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, path):
    """What the web server behind @port answers; it may need a moment."""
    for attempt in range(30):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError):
            if attempt == 29:
                raise
            time.sleep(1)
    return None


@pytest.mark.parametrize("card", ["virtio-net", "e1000e"])
def test_a_web_server_in_a_guest_is_reached_from_outside_and_survives_driver_and_switch(console, tmp_path, card):
    port = free_port()
    config = tmp_path / "web.toml"
    config.write_text((TREE / "examples/web.toml").read_text().replace('kind = "virtio-net"', f'kind = "{card}"'))
    child = console(config, "--direct", "--forward", f"{port}:80")
    prompt = log_in(child)
    child.ask("stty cols 250; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up", prompt)
    child.ask("seq 200000 >/tmp/index.html; httpd -h /tmp", prompt)
    assert "bytes from 10.0.2.2" in child.ask("until ping -c 1 -W 2 10.0.2.2; do :; done", prompt)
    numbers = "".join(f"{n}\n" for n in range(1, 200001)).encode()
    assert fetch(port, "index.html") == numbers
    child.send("\x010")
    child.expect_exact(SHELL)
    for program in ("outside", "nic0"):
        assert "no such" not in child.ask(f"restart {program}", SHELL)
    child.send("\x011")
    child.sendline("")
    child.expect_exact(prompt)
    assert "bytes from 10.0.2.2" in child.ask("until ping -c 1 -W 2 10.0.2.2; do :; done", prompt)
    assert fetch(port, "index.html") == numbers
    child.sendline("poweroff -f")
    assert child.end() == 0
