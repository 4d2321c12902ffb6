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
BOCHS_SECONDS = 800             # the same on Bochs; an idle machine needs one minute
MIB = 1 << 20


def pytest_addoption(parser):
    parser.addoption("--platform", default="qemu-svm", help="run the tests that are for this platform: host, qemu-svm, bochs-vmx, bochs-svm")


def pytest_configure(config):
    config.addinivalue_line("markers", "platforms(name...): where the test runs, if not on qemu-svm only; host: it needs no machine")


def pytest_collection_modifyitems(config, items):
    """Leave the tests of the platform that was asked for."""
    wanted = config.getoption("--platform")
    chosen = [item for item in items if wanted in (mark.args if (mark := item.get_closest_marker("platforms")) else ("qemu-svm",))]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.fixture
def platform(request):
    return request.config.getoption("--platform")


@pytest.fixture
def trivet():
    """Runs tools/trivet with arguments; returns the finished process with its output as text."""
    def call(*words, **options):
        options = {"timeout": 120, "stdin": subprocess.DEVNULL} | options
        return subprocess.run([str(TRIVET), *map(str, words)], capture_output=True, text=True, **options)
    return call


class Console(pexpect.spawn):
    """`trivet run` on a pseudo terminal."""

    def __init__(self, platform, log, *words):
        on, seconds = ([], BOOT_SECONDS) if platform == "qemu-svm" else (["--on", platform], BOCHS_SECONDS)
        super().__init__(str(TRIVET), ["run", *on, "--timeout", str(2 * seconds), *map(str, words)], timeout=seconds, logfile=log,
                         cwd=str(TREE), dimensions=(25, 200))
        self.delaybeforesend = 0.1

    def expect_list(self, *arguments, **options):
        return self.explained(super().expect_list, *arguments, **options)

    def expect_exact(self, *arguments, **options):
        return self.explained(super().expect_exact, *arguments, **options)

    def explained(self, expect, *arguments, **options):
        """Expect as pexpect does; but a run that ends, or says nothing for too long, is reported with its status and last lines."""
        try:
            return expect(*arguments, **options)
        except pexpect.EOF as end:
            self.close()
            how = f"it ended with status {self.exitstatus}" if self.signalstatus is None else f"signal {self.signalstatus} ended it"
            raise AssertionError(f"{how}; {self.last_words()}") from end
        except pexpect.TIMEOUT as end:
            raise AssertionError(f"not seen within the time: {arguments[0]!r}; {self.last_words()}") from end

    def last_words(self):
        text = self.before.decode(errors="replace") if isinstance(self.before, bytes) else ""
        return "last lines: " + " | ".join([line.strip() for line in text.splitlines() if line.strip()][-6:])

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
def console(request, platform):
    """Opens consoles: console(CONFIG, option...).  They are closed at the end of the test."""
    opened = []

    def start(*words):
        LOGS.mkdir(parents=True, exist_ok=True)
        log = open(LOGS / f"console-{request.node.name}@{platform}.log", "ab")
        opened.append((Console(platform, log, *words), log))
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
