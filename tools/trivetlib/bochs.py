# SPDX-License-Identifier: Apache-2.0
"""The machine that Bochs emulates: the only one here whose CPU is Intel's.

It boots from an image only (no kernel of its own choice, no UEFI).  Bochs says nothing about how a run has ended with its exit
status, which is always 1, nor on a control socket, which it does not have; but it writes a log, and there it says all."""
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .problem import NoEmulator
from .session import Session, Status

BOCHS = "bochs"
SHARE = Path("/usr/share/bochs")
BIOS = SHARE / "BIOS-bochs-latest"
# Of Intel's the newest without XSAVEC, over which Bochs 2.7 loses registers (docs/testing.md): programs of a guest die of it.
MODELS = {"bochs-vmx": "broadwell_ult", "bochs-svm": "ryzen"}
START_SECONDS = 60              # on a busy machine
MIB = 1 << 20
IPS = 20_000_000                # instructions in a second of the machine's own time

# vga: with its VBE extension, GRUB jumps to address 0 when it sets a graphics mode.
# sound: without a sound device, the driver for ALSA clears a buffer of a random length, which ends Bochs with "buffer overflow detected".
CONFIG = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest={memory}, host={memory}
romimage: file={bios}
vgaromimage: file={share}/VGABIOS-lgpl-latest
vga: extension=none
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{image}", status=inserted
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none, time0=utc
log: "{log}"
panic: action=fatal{panics}
"""

RESETS_AT_START = 1
LOG_MARKS = [                   # what a line of the log means; the first that matches counts
    (re.compile(rb"ACPI control: soft power off|Shutdown port: shutdown requested"), Status.POWER_OFF, "power-off"),
    (re.compile(rb"exception with no resolution"), Status.RESET, "the machine was reset (triple fault)"),
    (re.compile(rb">>PANIC<< (.*)"), Status.EMULATOR_DIED, "Bochs: {}"),
]
# Said of guests, too, whose HLT leaves them, as Linux' does where it waits for a lock: the machine has stopped if no word follows.
HALT = re.compile(rb"\[CPU0 *\] WARNING: HLT instruction with IF=0")
HALTED_POLLS = 180
# Under SVM Bochs says so of a guest's triple fault, too, stops for its debugger, and only then looks whether the hypervisor has intercepted it.
TRIPLE_FAULT = re.compile(rb".*>>PANIC<< exception\(\): 3rd .* exception with no resolution")
TRIPLE_FAULT_POLLS = 300        # without a word, it was the host's; longer than a test may take
STOPS = 20000                   # of the debugger, each of which takes a command
RESET = re.compile(rb"bx_pc_system_c::Reset\(")


def find():
    path = shutil.which(BOCHS)
    if not path or not (SHARE / "VGABIOS-lgpl-latest").exists():
        raise NoEmulator(f"{BOCHS} is not installed (Debian packages bochs and vgabios); run `make deps`")
    return path


class BochsSession(Session):
    """@image: what it boots; its files go to the folder @work; @bios: its firmware.  Otherwise as Session."""

    def __init__(self, image, work, sink, on_line=None, *, on="bochs-vmx", model=None, cpus=1, memory=1024 * MIB, ips=IPS, bios=BIOS):
        self.files = {name: Path(work) / f"bochs.{name}" for name in ("rc", "log", "config")}
        super().__init__([find(), "-q", "-f", str(self.files["config"]), "-rc", str(self.files["rc"])], sink, on_line)
        self.settings = {"image": image, "memory": memory // MIB, "model": model or MODELS[on], "cpus": cpus, "ips": ips, "share": SHARE, "bios": bios,
                         "log": self.files["log"]}
        self.svm = on == "bochs-svm"
        self.settings["panics"] = "".join(f", cpu{n}=report" for n in range(cpus)) if self.svm else ""
        self.log_read, self.resets, self.triple_faults = 0, 0, 0
        self.halted_after = None                            # time of the last output before the last HALT

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.files["rc"].write_text("c\n" * STOPS)      # Debian's Bochs has a debugger, which waits for a command
            self.files["config"].write_text(CONFIG.format(port=server.getsockname()[1], **self.settings))
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            self.console = self.accept(server)
        self.console.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.console.setblocking(False)
        self.qmp = self.console                             # when it closes, Bochs has gone
        self.selector.register(self.console, 1, self.console_ready)
        self.last_output = time.monotonic()

    def accept(self, server):
        server.settimeout(0.5)
        for _ in range(START_SECONDS * 2):
            try:
                return server.accept()[0]
            except TimeoutError:
                if self.process.poll() is not None:
                    break
        self.process.kill()
        self.process.wait()
        self.process = None
        raise NoEmulator(f"Bochs does not start: {self.last_line()}")

    def last_line(self):
        try:
            return self.files["log"].read_text(errors="replace").splitlines()[-1]
        except (OSError, IndexError):
            return "it has written no log"

    def stop(self):
        self.end_process()
        return ""

    def qmp_send(self, name, **arguments):
        """Bochs has no such socket."""

    # --- how it ends ---

    def read_log(self):
        """What Bochs has said since the last call ends the run, or not."""
        try:
            with open(self.files["log"], "rb") as log:
                log.seek(self.log_read)
                text = log.read()
        except OSError:
            return
        lines = text[:text.rfind(b"\n") + 1]
        self.log_read += len(lines)
        if self.svm:
            lines, faults = TRIPLE_FAULT.subn(b"", lines)
            self.triple_faults += faults
        if HALT.search(lines):
            self.halted_after = self.last_output
        self.resets += len(RESET.findall(lines))
        if self.resets > RESETS_AT_START:
            self.conclude(Status.RESET, "the machine was reset (reboot)")
        for mark, status, reason in LOG_MARKS:
            if match := mark.search(lines):
                self.conclude(status, reason.format(*(g.decode(errors="replace") for g in match.groups())))
                break

    def conclude(self, status, reason):
        if self.verdict and status != Status.POWER_OFF:
            self.finish(*self.verdict)
        else:
            self.finish(status, reason)

    def poll(self):
        super().poll()
        self.read_log()
        if self.halted_after == self.last_output and (self.verdict or self.silent_polls >= HALTED_POLLS):
            self.conclude(Status.HALTED, "CPU 0 is halted with interrupts off")
        if self.triple_faults and (self.verdict or self.silent_polls >= TRIPLE_FAULT_POLLS):
            self.conclude(Status.RESET, "the machine was reset (triple fault)")

    def emulator_gone(self):
        self.process.wait()
        self.read_log()
        if self.verdict:
            self.finish(*self.verdict)
        self.finish(Status.EMULATOR_DIED, f"Bochs ended by itself: {self.last_line()}")
