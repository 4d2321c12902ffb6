# SPDX-License-Identifier: Apache-2.0
"""Networks between guests and to the outside: Linux guests on switches that are user programs, and what they let through."""
import re
import socket
import time
import urllib.error
import urllib.request

import pytest

from conftest import TREE

SHELL = "trivet> "


class Guests:
    """Guests behind one console; @names in the order of the configuration, the first one in front."""

    def __init__(self, child, *names):
        self.child, self.front, self.marks = child, names[0], 0
        self.keys = {"shell": 0} | {name: number for number, name in enumerate(names, 1)}
        self.prompts = {"shell": SHELL} | {name: f"{name}# " for name in names}
        for name in names:
            self.show(name)
            child.expect_exact(f"Guest {name} is up")
            child.expect_exact(self.prompts[name])
            self.ask(name, "stty cols 250")

    def show(self, name):
        """Bring @name to the front; what it has printed before is shown again."""
        if self.front != name:
            self.child.send(f"\x01{self.keys[name]}")
            self.front = name

    def mark(self, name):
        """Read up to a prompt behind all that was shown again."""
        self.marks += 1
        if name != "shell":
            self.child.sendline(f'echo "mark"{self.marks}.')
            self.child.expect_exact(f"mark{self.marks}.")
        else:
            self.child.sendline("")
        self.child.expect_exact(self.prompts[name])

    def ask(self, name, text):
        """Type a line in guest @name, or on the management shell, "shell"; returns what it printed."""
        if self.front != name:
            self.show(name)
            self.mark(name)
        return self.child.ask(text, self.prompts[name])

    def power_off(self):
        for name in list(self.keys)[1:]:
            self.show(name)
            self.mark(name)
            self.child.sendline("poweroff -f")
        return self.child.end()


def up(interface, address):
    return f"ip addr add {address} dev {interface}; ip link set {interface} up"


def ping(address):
    """Pings until there is an answer: what the first one has to wait for, such as addresses, may take longer than its patience."""
    return f"until ping -c 1 -W 5 {address}; do :; done"


def test_two_guests_reach_each_other_and_survive_their_switch(console):
    both = Guests(console(TREE / "examples/net.toml", "--direct"), "left", "right")
    both.ask("left", up("eth0", "10.0.0.1/24"))
    both.ask("right", up("eth0", "10.0.0.2/24"))
    assert "bytes from 10.0.0.2" in both.ask("left", ping("10.0.0.2"))
    # A stream: large segments in one piece, checksums left open.
    both.ask("right", "(nc -l -p 5000 >/tmp/got; md5sum /tmp/got >/tmp/sum) &")
    both.ask("right", "until netstat -ltn | grep -q :5000; do sleep 1; done")
    both.ask("left", "dd if=/dev/urandom of=/tmp/sent bs=64k count=32 2>/dev/null; nc 10.0.0.2 5000 </tmp/sent")
    sent = re.search(r"[0-9a-f]{32}", both.ask("left", "md5sum /tmp/sent"))[0]
    assert sent in both.ask("right", "while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum")
    status = both.ask("shell", "status lan")
    assert re.search(r"left/0\s+up\s+in [1-9]", status) and re.search(r"right/0\s+up\s+in [1-9]", status)
    both.ask("shell", "restart lan")
    assert "bytes from 10.0.0.2" in both.ask("left", ping("10.0.0.2"))
    assert both.power_off() == 0


def test_a_guest_routes_between_networks_and_gives_addresses(console):
    all_three = Guests(console(TREE / "examples/router.toml", "--direct"), "client", "router", "server")
    all_three.ask("server", up("eth0", "10.2.0.2/24") + "; ip route add default via 10.2.0.1")
    all_three.ask("router", up("eth0", "10.1.0.1/24") + "; " + up("eth1", "10.2.0.1/24") + "; echo 1 >/proc/sys/net/ipv4/ip_forward")
    all_three.ask("router", r"printf 'start 10.1.0.100\nend 10.1.0.110\ninterface eth0\nopt router 10.1.0.1\nlease_file /tmp/l\n' >/tmp/c")
    all_three.ask("router", "touch /tmp/l; udhcpd -S /tmp/c")
    all_three.ask("client", "echo '#!/bin/sh' >/tmp/s; chmod +x /tmp/s; ip link set eth0 up")
    all_three.ask("client", "echo '[ $1 = bound ] && ip addr add $ip/24 dev eth0 && ip route add default via $router; true' >>/tmp/s")
    assert "10.1.0.10" in all_three.ask("client", "until udhcpc -i eth0 -s /tmp/s -n -q; do :; done")
    answer = all_three.ask("client", ping("10.2.0.2"))
    assert "bytes from 10.2.0.2" in answer and "ttl=63" in answer
    assert all_three.power_off() == 0


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
    web = Guests(console(config, "--direct", "--forward", f"{port}:80"), "web")
    web.ask("web", up("eth0", "10.0.2.15/24"))
    web.ask("web", "seq 200000 >/tmp/index.html; httpd -h /tmp")
    assert "bytes from 10.0.2.2" in web.ask("web", ping("10.0.2.2"))
    numbers = "".join(f"{n}\n" for n in range(1, 200001)).encode()
    assert fetch(port, "index.html") == numbers
    for program in ("outside", "nic0"):
        assert "no such" not in web.ask("shell", f"restart {program}")
    assert "bytes from 10.0.2.2" in web.ask("web", ping("10.0.2.2"))
    assert fetch(port, "index.html") == numbers
    assert web.power_off() == 0
