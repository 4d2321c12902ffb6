# SPDX-License-Identifier: Apache-2.0
"""An unmodified Debian kernel on the emulated Intel CPU.  A boot takes a minute or more there, so this is one boot with all questions."""
import re

import pytest

from conftest import MIB, TREE
from test_boot import log_in
from trivetlib import bochs, config, image, layout
from trivetlib.problem import NoEmulator
from trivetlib.session import Status

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


@pytest.mark.parametrize("model, words", [
    ("athlon64_venice", ["no hardware virtualization", "CPUID"]),
    ("core2_penryn_t9600", ["no nested paging (EPT)", "0x48b"]),
    ("corei5_lynnfield_750", ["no unrestricted guest", "0x48b"]),
], ids=["neither", "ept", "unrestricted"])
def test_a_cpu_without_what_is_needed_is_refused_in_one_line(tmp_path, model, words):
    output = bytearray()
    image.make(layout.make(config.load(TREE / "examples/default.toml")), tmp_path / "trivet.img")
    try:
        end = bochs.BochsSession(tmp_path / "trivet.img", tmp_path, output.extend, model=model, memory=512 * MIB).run(timeout=200)
    except NoEmulator as problem:
        pytest.skip(str(problem))
    text = output.decode(errors="replace")
    assert end.status == Status.CANNOT_RUN, (end, text[-2000:])
    line, = (line for line in text.splitlines() if "cannot" in line)
    assert line.startswith("trivet: cannot run: this CPU"), line
    for word in words:
        assert word in line, line
