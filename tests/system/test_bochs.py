# SPDX-License-Identifier: Apache-2.0
"""The emulated CPUs of Intel and AMD in Bochs.  A boot of Linux takes a minute or more there, so there is one with all questions."""
import re
import sys

import pytest

from conftest import LOGS, MIB, TREE
from test_boot import log_in
from trivetlib import bochs, config, image, layout
from trivetlib.session import Status

sys.path.insert(0, str(TREE / "tests"))
import bootest  # noqa: E402

pytestmark = pytest.mark.platforms("bochs-vmx", "bochs-svm")
VENDOR = {"bochs-vmx": "GenuineIntel", "bochs-svm": "AuthenticAMD"}


def test_a_debian_guest_has_a_shell_that_can_be_used_and_powers_the_machine_off(console, platform):
    child = console(TREE / "examples/default.toml")
    prompt = log_in(child)
    assert re.search(rf"^vendor_id\s*: {VENDOR[platform]}", child.ask("cat /proc/cpuinfo", prompt), re.M)
    child.sendline("cat")
    child.sendline("typed")
    child.expect_exact("typed\r\ntyped\r\n")
    child.sendcontrol("c")
    child.expect_exact(prompt)
    lines = child.ask("seq 1000", prompt).split()
    assert lines == [str(n) for n in range(1, 1001)]
    counts = child.ask("for i in $(seq 10); do dmesg | grep Linux.version | wc -l; done", prompt)
    assert re.findall(r"^\d+", counts, re.M) == ["1"] * 10      # many short programs: none loses a register
    child.sendline("poweroff")
    assert child.end() == 0


def boot(work, plan, platform, model, cpus=1, on_line=None, **more):
    """(End, console output) of a machine of its own.  @more: of BochsSession."""
    output = bytearray()
    image.make(plan, work / "trivet.img")
    session = bochs.BochsSession(work / "trivet.img", work, output.extend, on_line, on=platform, model=model, cpus=cpus, memory=512 * MIB, **more)
    return session.run(timeout=300), output.decode(errors="replace")


def refusal(work, platform, model, **more):
    """The one line that says why it cannot run there."""
    end, text = boot(work, layout.make(config.load(TREE / "examples/default.toml")), platform, model, **more)
    assert end.status == Status.CANNOT_RUN, (end, text[-2000:])
    line, = (line for line in text.splitlines() if "cannot" in line)
    return line


def lacks(platform, what, model, *words):
    return pytest.param(model, words, id=what, marks=pytest.mark.platforms(platform))


@pytest.mark.parametrize("model, words", [
    lacks("bochs-vmx", "virtualization", "p4_prescott_celeron_336", "no hardware virtualization", "CPUID"),
    lacks("bochs-vmx", "ept", "core2_penryn_t9600", "no nested paging (EPT)", "0x48b"),
    lacks("bochs-vmx", "unrestricted", "corei5_lynnfield_750", "no unrestricted guest", "0x48b"),
    lacks("bochs-svm", "npt", "turion64_tyler", "no nested paging"),
])
def test_a_cpu_without_what_is_needed_is_refused_in_one_line(tmp_path, platform, model, words):
    line = refusal(tmp_path, platform, model)
    assert line.startswith("trivet: cannot run: this CPU"), line
    for word in words:
        assert word in line, line


@pytest.mark.platforms("bochs-vmx")
def test_vmx_that_the_firmware_has_locked_off_is_said_in_one_line(tmp_path):
    """Bochs' BIOS sets lock and VMX in IA32_FEATURE_CONTROL (mov ecx, 3ah; rdmsr; or eax, 5; wrmsr); here it sets only the lock."""
    firmware = bochs.BIOS.read_bytes()
    switch_on, lock_off = bytes.fromhex("b93a0000000f3283c8050f30"), bytes.fromhex("b93a0000000f3283c8010f30")
    assert firmware.count(switch_on) == 1
    (tmp_path / "bios").write_bytes(firmware.replace(switch_on, lock_off))
    line = refusal(tmp_path, "bochs-vmx", None, bios=tmp_path / "bios")
    assert line.startswith("trivet: cannot run: Intel VMX is switched off and locked by the firmware (IA32_FEATURE_CONTROL is 0x1)"), line


@pytest.mark.platforms("bochs-vmx")
@pytest.mark.parametrize("program, off, used", [
    ("calls", "", "shstk ibt "), ("vcpu_event", "", "shstk ibt "), ("vcpu_event", "shstk", "ibt "), ("vcpu_event", "ibt", "shstk ")])
def test_a_kernel_that_checks_its_own_control_flow_does_all_it_does_without(tmp_path, program, off, used):
    """Calls between domains and threads that fault leave the kernel stack at any depth; guests are left and entered again."""
    path = TREE / f"build/tests/user/{program}.elf"
    plan = bootest.user_layout(path, {"cmdline": f"off={off}"})
    end, text = boot(tmp_path, plan, "bochs-vmx", "tigerlake", 2, lambda line: Status.POWER_OFF if line.endswith(b"DONE") else None)
    (LOGS / f"bochs-{program}-{off}.log").write_text(text)
    assert end.status == Status.POWER_OFF, end
    assert f" umip {used}xsave " in text
    assert "PASS:" in text and "FAIL:" not in text


def leak(off, xsaves, lost):
    return pytest.param(off, xsaves, lost, id=f"off={off}")


@pytest.mark.platforms("bochs-vmx")
@pytest.mark.parametrize("off, xsaves, lost", [leak("avx", True, False), leak("", False, True), leak("avx,xsaves", False, False)])
def test_xsaves_is_used_where_it_keeps_registers_and_only_there(tmp_path, off, xsaves, lost):
    """Bochs 2.7 writes registers beyond those of SSE elsewhere than it reads them from; without those XSAVES is right."""
    plan = bootest.user_layout(TREE / "build/tests/user/vcpu_leak.elf", {"cmdline": f"off={off}"})
    end, text = boot(tmp_path, plan, "bochs-vmx", "tigerlake", 2, lambda line: Status.POWER_OFF if line.endswith(b"DONE") else None)
    (LOGS / f"bochs-xsaves-{off}.log").write_text(text)
    assert end.status == Status.POWER_OFF, end
    assert (" xsaves " in text, "XSAVES loses registers" in text) == (xsaves, lost)
    assert "PASS:" in text and "FAIL:" not in text
