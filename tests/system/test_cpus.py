# SPDX-License-Identifier: Apache-2.0
"""The CPUs of the machine, as a whole system sees them: how many are used, and how all of them stop."""
import re
import sys

import pytest

from trivetlib import bundle, machine
from trivetlib.config import TREE
from trivetlib.session import Session, Status

sys.path.insert(0, str(TREE / "tests"))
import bootest  # noqa: E402

MIB = 1 << 20


def run(folder, program, cpus, cmdline="", on_line=lambda session, line: None, kind=Session):
    """A user program on the bare kernel: how it ended, and what it printed."""
    plan = bootest.user_layout(TREE / f"build/tests/user/{program}.elf", {})
    modules = folder / "modules"
    modules.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    command = machine.base_command(memory=512 * MIB, cpus=cpus) + machine.boot_direct(plan.kernel, modules, cmdline)
    printed = bytearray()

    def line_ready(line):
        return Status.POWER_OFF if line.strip() == b"DONE" else on_line(session, line)

    session = kind(command + ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"], printed.extend, line_ready)
    end = session.run(timeout=120)
    return end, printed.decode(errors="replace")


class NmiSession(Session):
    """From nmi() on, all CPUs get one NMI after the other, each as soon as the last one is on its way."""
    nmis = 0

    def nmi(self):
        self.nmis += 1
        self.qmp_send("human-monitor-command", **{"command-line": "nmi"})

    def registers(self, text):
        if text:
            super().registers(text)
        else:                                       # the answer to nmi()
            self.nmi()


def test_the_command_line_limits_the_number_of_cpus(tmp_path):
    end, printed = run(tmp_path, "smoke", 4, "cpus=2")
    assert end.status == Status.POWER_OFF
    assert "2 of 4 CPUs in use" in printed
    end, printed = run(tmp_path, "smoke", 4, "cpus=1")
    assert end.status == Status.POWER_OFF
    assert "CPUs in use" not in printed


def test_many_cpus_come_up(tmp_path):
    end, printed = run(tmp_path, "smoke", 12)
    assert end.status == Status.POWER_OFF
    assert "12 of 12 CPUs in use" in printed


@pytest.mark.parametrize("program", ["smp", "vcpu_fuzz"])
def test_nmis_at_any_moment_are_counted_and_change_nothing(tmp_path, program):
    seen = []

    def started(session, line):
        if b"of kernel memory" in line:             # the kernel's last word before the program
            seen.append(session)
            session.nmi()

    end, printed = run(tmp_path, program, 4, on_line=started, kind=NmiSession)
    assert end.status == Status.POWER_OFF, printed[-2000:]
    print(f"{seen[0].nmis} NMIs")
    assert "PASS:" in printed and "FAIL:" not in printed
    assert seen[0].nmis > 100


def test_a_machine_check_on_one_cpu_stops_all_with_one_report(tmp_path):
    injected = []

    def inject(session, line):
        # Once: the report repeats the last lines, and a second machine check during the first would end the machine.
        if b"PASS: threads run on all CPUs" in line and not injected:
            injected.append(line)
            session.qmp_send("human-monitor-command", **{"command-line": "mce 2 1 0xbd00000000000000 0x4 0x0 0x0"})

    end, printed = run(tmp_path, "smp", 4, on_line=inject)
    assert end.status == Status.PANIC
    assert len(re.findall("trivet: panic", printed)) == 1
    assert "cpu2 error: machine check: bank 1" in printed
    assert "trivet: stopped" in printed
