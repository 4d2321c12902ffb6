# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: the tool, machines on a console, and machines that are only watched."""
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tools"))

from trivetlib import bundle, machine  # noqa: E402
from trivetlib.session import Session, Status  # noqa: E402

TRIVET = TREE / "tools" / "trivet"
LOGS = TREE / "build" / "test"
BOOT_SECONDS = 120              # from nothing to a guest's prompt, on a slow and busy machine
MIB = 1 << 20


@pytest.fixture
def trivet():
    """Runs tools/trivet with arguments; returns the finished process with its output as text."""
    def call(*words, **options):
        options = {"timeout": 120, "stdin": subprocess.DEVNULL} | options
        return subprocess.run([str(TRIVET), *map(str, words)], capture_output=True, text=True, **options)
    return call


class Console(pexpect.spawn):
    """`trivet run` on a pseudo terminal."""

    def __init__(self, log, *words):
        super().__init__(str(TRIVET), ["run", "--timeout", "300", *map(str, words)], timeout=BOOT_SECONDS, logfile=log, cwd=str(TREE),
                         dimensions=(25, 200))
        self.delaybeforesend = 0.1

    def await_hypervisor(self):
        """Until its first line; skips the test if the emulator is missing, or cannot start here."""
        if self.expect([r"Trivet, loaded by", r"trivet: (bochs is not installed|Bochs does not start)[^\r]*\r"]) == 1:
            pytest.skip(self.after.decode(errors="replace").strip())

    def ask(self, text, prompt):
        """Type a line at a prompt; returns what it printed before the next prompt."""
        self.sendline(text)
        self.expect_exact(text)
        self.expect_exact(prompt)
        return self.before.decode(errors="replace")

    def end(self):
        """Exit status of `trivet run`, once it has ended."""
        self.expect(pexpect.EOF)
        self.close()
        return self.exitstatus


@pytest.fixture
def console(request):
    """Opens consoles: console(CONFIG, option...).  They are closed at the end of the test."""
    opened = []

    def start(*words):
        LOGS.mkdir(parents=True, exist_ok=True)
        log = open(LOGS / f"console-{request.node.name}.log", "ab")
        opened.append((Console(log, *words), log))
        return opened[-1][0]
    yield start
    for child, log in opened:
        child.close(force=True)
        log.close()


@pytest.fixture
def watch(tmp_path, request):
    """Boots a layout without boot loader and returns (End, console output) when it has ended, or as soon as the console shows
    @until.  @files: [(name, bytes)] instead of the layout's modules."""
    def boot(layout, files=None, memory=512 * MIB, cpu=None, seconds=60, until=None, cmdline=None):
        path = tmp_path / "modules"
        path.write_bytes(bundle.pack(files if files is not None else [(m.name, m.content()) for m in layout.modules]))
        output = bytearray()

        def sink(data):
            output.extend(data)
            if until is not None and until.encode() in output:
                session.finish(Status.POWER_OFF, "seen")
        command = machine.base_command(memory=memory, cpu=cpu)
        command += machine.boot_direct(layout.kernel, path, layout.cmdline if cmdline is None else cmdline)
        session = Session(command, sink)
        end = session.run(timeout=seconds)
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"watch-{request.node.name.replace(os.sep, '-')}.log").write_bytes(output)
        return end, output.decode(errors="replace")
    return boot
