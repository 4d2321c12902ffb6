# SPDX-License-Identifier: Apache-2.0
"""An unmodified Debian kernel on the emulated Intel CPU.  A boot takes a minute or more there, so this is one boot with all questions."""
import re

from conftest import TREE
from test_boot import log_in

BOOT_SECONDS = 400              # an idle machine needs a minute


def test_a_debian_guest_on_an_intel_cpu_has_a_shell_that_can_be_used_and_powers_the_machine_off(console):
    child = console(TREE / "examples/default.toml", "--on", "bochs-vmx", "--timeout", BOOT_SECONDS)
    child.await_hypervisor()
    child.timeout = BOOT_SECONDS
    prompt = log_in(child)
    assert re.search(r"^vendor_id\s*: GenuineIntel", child.ask("cat /proc/cpuinfo", prompt), re.M)
    child.sendline("cat")
    child.sendline("typed")
    child.expect_exact("typed\r\ntyped\r\n")
    child.sendcontrol("c")
    child.expect_exact(prompt)
    lines = child.ask("seq 1000", prompt).split()
    assert lines == [str(n) for n in range(1, 1001)]
    child.sendline("poweroff")
    assert child.end() == 0
