# SPDX-License-Identifier: Apache-2.0
"""`trivet run` tells every way in which a machine can end by its exit status and one line; small kernels end it each way."""
import os
import signal
import subprocess
import sys
import time

import pexpect
import pytest

from conftest import TREE, TRIVET
from trivetlib import image, layout

SOURCE = TREE / "tests/system/ending.asm"
POWER_OFF, RESET, TRIPLE_FAULT, HALT, SPIN, ECHO = range(1, 7)


@pytest.fixture
def machine_image(tmp_path):
    """Makes an image with a kernel that prints @message and then does @action."""
    def make(action, message="hello"):
        elf = tmp_path / "trivet.elf"
        subprocess.run(["nasm", "-f", "elf32", f"-DACTION={action}", f"-DMESSAGE='{message}'", "-o", tmp_path / "k.o", SOURCE], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x200000", "-e", "start", "-o", elf, tmp_path / "k.o"], check=True)
        module = layout.Module("root", None, b"nothing")
        image.make(layout.Layout(elf, "", [module]), tmp_path / "out.img")
        return tmp_path / "out.img"
    return make


@pytest.mark.parametrize("action, message, status, reason", [
    (POWER_OFF, "hello", 0, ""),
    (RESET, "hello", 6, "reset"),
    (TRIPLE_FAULT, "hello", 6, "triple fault"),
    (SPIN, "hello", 5, "no power-off within 10 seconds"),
    (HALT, "trivet: panic: it is over", 7, "panic: it is over"),
    (HALT, "trivet: cannot run: no SVM", 8, "cannot run: no SVM"),
    (HALT, "hello", 9, "halted with interrupts off"),
    (RESET, "trivet: panic: it is over", 7, "panic: it is over"),
])
def test_status_and_line_tell_how_it_ended(trivet, machine_image, action, message, status, reason):
    done = trivet("run", machine_image(action, message), "--on", "qemu-svm", "--timeout", "10")
    assert done.returncode == status, done
    assert message in done.stdout
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == (1 if status else 0)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("media", ["cd", "disk", "usb"])
def test_the_image_boots_from(trivet, machine_image, firmware, media):
    done = trivet("run", machine_image(POWER_OFF), "--on", "qemu-svm", "--firmware", firmware, "--media", media, "--timeout", "60")
    assert done.returncode == 0, done
    assert "hello" in done.stdout


def test_input_reaches_the_console_untouched(machine_image):
    child = pexpect.spawn(str(TRIVET), ["run", "--on", "qemu-svm", str(machine_image(ECHO))], timeout=30)
    child.expect_exact("hello")
    keys = b"a\x01\x03\x04\x1a\x1c\r\n\x1b[A\x7f"          # Ctrl-a, Ctrl-c, Ctrl-d, Ctrl-z, Ctrl-\, arrow, Backspace
    child.send(keys)
    child.expect_exact(b"\n" + keys)
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_three_escapes_end_the_emulator_and_restore_the_terminal(machine_image):
    child = pexpect.spawn("/bin/sh", ["-c", f"stty -a; {TRIVET} run --on qemu-svm {machine_image(ECHO)}; echo status $?; stty -a"], timeout=30)
    child.expect_exact("hello")
    before = child.before.split(b"\r\n")
    child.send("\x1d\x1d\x1d")
    child.expect_exact("ended with Ctrl-]")
    child.expect_exact("status 10\r\n")
    child.expect(pexpect.EOF)
    after = child.before.split(b"\r\n")
    assert [line for line in before if b"icanon" in line] == [line for line in after if b"icanon" in line]


def test_a_signal_ends_the_emulator_in_good_order(machine_image):
    image_file = machine_image(SPIN)
    process = subprocess.Popen([TRIVET, "run", "--on", "qemu-svm", image_file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL)
    os.set_blocking(process.stdout.fileno(), True)
    while "hello" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert process.wait(20) == 10
    assert time.monotonic() - started < 10
    assert "ended by signal SIGTERM" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()


def test_input_from_a_pipe_and_from_a_file_is_typed(trivet, machine_image, tmp_path):
    image_file = machine_image(ECHO)
    (tmp_path / "keys").write_bytes(b"  xyzq")                # firmware may take the first bytes
    with open(tmp_path / "keys") as keys:
        assert "xyzq" in trivet("run", "--on", "qemu-svm", image_file, "--timeout", "20", stdin=keys).stdout
    done = trivet("run", "--on", "qemu-svm", image_file, "--timeout", "20", stdin=None, input="  xyzq")
    assert done.returncode == 0
    assert "xyzq" in done.stdout


def test_without_qemu_it_says_so(tmp_path, trivet):
    done = trivet("run", TREE / "examples/default.toml", env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "qemu-system-x86_64 is not installed" in done.stderr
    assert "make deps" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_bochs_it_says_so(tmp_path, trivet):
    done = trivet("run", "--on", "bochs-vmx", TREE / "examples/default.toml", env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "bochs is not installed" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_bochs_nothing_is_measured_on_it(tmp_path):
    figures = tmp_path / "bench.json"
    done = subprocess.run([sys.executable, TREE / "tools/bench.py", "--json", figures, "boot-vmx"], env={"PATH": str(tmp_path)},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("bench: bochs is not installed")
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == "" and not figures.exists()


def test_what_cannot_be_used_is_refused_in_one_line(trivet, tmp_path):
    (tmp_path / "noise").write_bytes(os.urandom(1000))
    for words, status, reason in (
            (["--on", "bochs-vmx", "--icount", TREE / "examples/default.toml"], 1, "a BIOS and a CD drive only"),
            (["--on", "bochs-svm", "--firmware", "uefi", TREE / "examples/default.toml"], 1, "a BIOS and a CD drive only"),
            ([tmp_path / "noise"], 1, "expected a configuration"),
            ([TREE / "build"], 1, "Is a directory"),
            (["--memory", "64M", TREE / "examples/default.toml"], 1, "over-committed")):
        done = trivet("run", *words)
        assert done.returncode == status, done
        assert reason in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_wrong_usage_has_its_own_status(trivet):
    for words in ([], ["run"], ["frobnicate"], ["run", "x", "--memory", "7"], ["run", "x", "--cpus", "0"], ["run", "x", "--on", "vax"]):
        assert trivet(*words).returncode == 2


def test_the_help_lists_every_status(trivet):
    text = trivet("run", "--help").stdout
    for status in range(11):
        assert f"\n  {status:2}  " in text
