# SPDX-License-Identifier: Apache-2.0
"""One run of an emulated machine: carries its console, watches how it ends, and says so in one status and one line.

QEMU ends with status 0 after a power-off as well as after a reset, and not at all when the machine stops for good.  So
this asks QEMU itself through its QMP socket: events tell power-off and reset apart, and a machine whose CPUs are all
halted with interrupts off has stopped."""
import collections
import enum
import json
import os
import selectors
import signal
import socket
import subprocess
import termios
import time

ESCAPE = 0x1d                   # Ctrl-]
ESCAPE_COUNT, ESCAPE_SECONDS = 3, 1.0
POLL_SECONDS = 1.0              # how often a silent machine is asked whether it still runs
STOPPED_POLLS, SILENT_POLLS = 3, 5
KILL_SECONDS = 5.0
PANIC, CANNOT_RUN = b"trivet: panic", b"trivet: cannot run:"


class Status(enum.IntEnum):
    """Exit statuses of `trivet run`; docs/testing.md and --help list them."""
    POWER_OFF = 0
    BAD_INPUT = 1
    USAGE = 2
    NO_EMULATOR = 3
    EMULATOR_DIED = 4
    TIMEOUT = 5
    RESET = 6
    PANIC = 7
    CANNOT_RUN = 8
    HALTED = 9
    ENDED_BY_USER = 10


MEANING = {
    Status.POWER_OFF: "the machine was switched off cleanly",
    Status.BAD_INPUT: "a configuration, image or output file is wrong; nothing was started",
    Status.USAGE: "wrong usage of the command line",
    Status.NO_EMULATOR: "the emulator is missing or cannot be used here",
    Status.EMULATOR_DIED: "the emulator ended without a power-off of the machine",
    Status.TIMEOUT: "the time given with --timeout has passed",
    Status.RESET: "the machine was reset: a reboot or a triple fault",
    Status.PANIC: "the hypervisor panicked",
    Status.CANNOT_RUN: "the hypervisor cannot run on this machine",
    Status.HALTED: "the machine halted for good without a word",
    Status.ENDED_BY_USER: "ended with Ctrl-] or a signal",
}

End = collections.namedtuple("End", "status reason")


class RawTerminal:
    """The terminal on @fd passes every key on while this is entered; it is always put back.  No terminal: no effect."""

    def __init__(self, fd):
        self.fd, self.saved = fd, None

    def __enter__(self):
        if self.fd is not None and os.isatty(self.fd):
            self.saved = termios.tcgetattr(self.fd)
            mode = termios.tcgetattr(self.fd)
            mode[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
            mode[1] &= ~termios.OPOST       # the guest ends its own lines
            mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
            termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)
        return self

    def __exit__(self, *_):
        if self.saved is not None:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)


class Session:
    """@command: QEMU's, without console.  @sink: called with every piece of console output.  @on_line: called with every
    whole line of it; a Status it returns ends the run."""

    def __init__(self, command, sink, on_line=None, qmp_commands=()):
        self.command, self.sink, self.on_line = command, sink, on_line
        self.qmp_commands = list(qmp_commands)      # sent at the start, before the first instruction
        self.process = self.end = None
        self.verdict = None                         # what the log has said: PANIC or CANNOT_RUN, and its line
        self.line = b""
        self.to_console, self.qmp_input = b"", b""
        self.escapes = []
        self.shutdown = None
        self.stopped_polls = self.silent_polls = 0
        self.selector = selectors.DefaultSelector()

    # --- start and end ---

    def start(self):
        self.console, console_end = socket.socketpair()
        self.qmp, qmp_end = socket.socketpair()
        # setpriv: QEMU must not outlive this process, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL"] + self.command + [
            "-chardev", f"socket,id=console,fd={console_end.fileno()}", "-serial", "chardev:console",
            "-chardev", f"socket,id=qmp,fd={qmp_end.fileno()}", "-mon", "chardev=qmp,mode=control", "-S"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        pass_fds=(console_end.fileno(), qmp_end.fileno()), start_new_session=True)
        console_end.close()
        qmp_end.close()
        self.console.setblocking(False)
        self.qmp_send("qmp_capabilities")
        for name, arguments in self.qmp_commands:
            self.qmp_send(name, **arguments)
        self.qmp_send("cont")
        self.selector.register(self.console, selectors.EVENT_READ, self.console_ready)
        self.selector.register(self.qmp, selectors.EVENT_READ, self.qmp_ready)
        self.last_output = time.monotonic()

    def end_process(self):
        """End the emulator if it is still there, and the console with it."""
        for step in (self.process.terminate, self.process.kill):
            if self.process.poll() is None:
                step()
            try:
                self.process.wait(KILL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        self.selector.close()
        self.console.close()

    def stop(self):
        """End QEMU; returns what it wrote on its standard error."""
        self.end_process()
        self.qmp.close()
        with self.process.stderr:
            return self.process.stderr.read().decode(errors="replace").strip()

    def catch_signals(self):
        """From now on these signals end the run in good order.  For the main thread of a program."""
        def ended(number, _):
            self.finish(Status.ENDED_BY_USER, f"ended by signal {signal.Signals(number).name}")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ended)

    def run(self, stdin=None, timeout=None):
        """Run to the end; returns an End.  @stdin: file descriptor whose input goes to the console."""
        try:
            self.start()
            if stdin is not None:
                self.watch_input(stdin)
            with RawTerminal(stdin):
                self.loop(None if timeout is None else time.monotonic() + timeout, timeout)
        finally:
            messages = self.stop() if self.process else ""
        if self.end.status == Status.EMULATOR_DIED and messages:
            self.end = End(self.end.status, f"{self.end.reason}: {messages.splitlines()[-1]}")
        return self.end

    def finish(self, status, reason):
        if self.end is None:
            self.end = End(status, reason)

    def loop(self, deadline, timeout):
        while self.end is None:
            wait = POLL_SECONDS
            if deadline is not None:
                wait = min(wait, max(0.0, deadline - time.monotonic()))
            for key, _ in self.selector.select(wait):
                key.data()
            if self.end is None and not self.selector.get_map().get(self.qmp):
                self.emulator_gone()
            if self.end is None and deadline is not None and time.monotonic() >= deadline:
                self.finish(Status.TIMEOUT, f"no power-off within {timeout:g} seconds")
            if time.monotonic() - self.last_output >= POLL_SECONDS:
                self.poll()

    def emulator_gone(self):
        """QEMU has closed its sockets; why, it has said before, or nobody has."""
        self.drain_console()
        if self.end is not None:
            return
        if self.shutdown == "guest-shutdown":
            self.finish(Status.POWER_OFF, "power-off")
        elif self.verdict:
            self.finish(*self.verdict)
        elif self.shutdown == "guest-reset":
            self.finish(Status.RESET, "the machine was reset (reboot or triple fault)")
        else:
            code = self.process.wait()
            self.finish(Status.EMULATOR_DIED, f"QEMU ended by itself with status {code}")

    # --- the console ---

    def console_ready(self):
        if self.to_console:
            self.flush_input()
        self.read_console()

    def read_console(self):
        try:
            data = self.console.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(self.console)
            return False
        self.last_output = time.monotonic()
        self.stopped_polls = self.silent_polls = 0
        self.sink(data)
        *lines, self.line = (self.line + data).split(b"\n")
        self.line = self.line[-4096:]
        for line in lines:
            self.judge(line.rstrip(b"\r"))
        return True

    def drain_console(self):
        self.console.setblocking(True)
        while self.selector.get_map().get(self.console) and self.read_console():
            pass

    def judge(self, line):
        for mark, status in ((PANIC, Status.PANIC), (CANNOT_RUN, Status.CANNOT_RUN)):
            if mark in line and not self.verdict:
                self.verdict = (status, line[line.index(mark):].decode(errors="replace"))
        if self.on_line:
            status = self.on_line(line)
            if status is not None:
                self.finish(status, line.decode(errors="replace"))

    def send(self, data):
        """Queue bytes as console input."""
        self.to_console += data
        self.flush_input()

    def flush_input(self):
        try:
            self.to_console = self.to_console[self.console.send(self.to_console):]
        except OSError:                             # full, or QEMU has gone: the other socket will tell
            pass
        if self.selector.get_map().get(self.console):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.to_console else 0)
            self.selector.modify(self.console, events, self.console_ready)

    def watch_input(self, fd):
        def ready():
            data = os.read(fd, 4096)
            if not data:
                self.selector.unregister(fd)
            elif self.is_escape(data):
                self.finish(Status.ENDED_BY_USER, "ended with Ctrl-]")
            else:
                self.send(data)
        try:
            self.selector.register(fd, selectors.EVENT_READ, ready)
        except PermissionError:                     # a plain file: all of it at once
            while data := os.read(fd, 65536):
                self.to_console += data
            self.flush_input()

    def is_escape(self, data):
        now = time.monotonic()
        for byte in data:
            self.escapes = [t for t in self.escapes if now - t < ESCAPE_SECONDS] + [now] if byte == ESCAPE else []
        return len(self.escapes) >= ESCAPE_COUNT

    # --- QMP ---

    def qmp_send(self, name, **arguments):
        message = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        try:
            self.qmp.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def qmp_ready(self):
        try:
            data = self.qmp.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(self.qmp)
            return
        *lines, self.qmp_input = (self.qmp_input + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message.get("event") == "SHUTDOWN":
                self.shutdown = message["data"]["reason"]
            elif isinstance(message.get("return"), str):
                self.registers(message["return"])

    def poll(self):
        """Nothing was printed for a while: does the machine still run?  A last word that nothing follows ends it anyway."""
        self.last_output = time.monotonic()
        self.silent_polls += 1
        if self.verdict and self.silent_polls >= SILENT_POLLS:
            self.finish(*self.verdict)
        self.qmp_send("human-monitor-command", **{"command-line": "info registers -a"})

    def registers(self, text):
        """Answer to poll(): a CPU that is halted with interrupts off (RFLAGS.IF, bit 9) never runs again."""
        flags = [line.split("=")[1].split()[0] for line in text.splitlines() if line.startswith(("RIP=", "EIP="))
                 for line in [line[line.index("FL="):]]]
        halts = [line.rsplit("HLT=", 1)[1].strip() for line in text.splitlines() if "HLT=" in line]
        stopped = bool(flags) and len(flags) == len(halts) and all(
            halt == "1" and not int(flag, 16) & 1 << 9 for flag, halt in zip(flags, halts))
        self.stopped_polls = self.stopped_polls + 1 if stopped else 0
        if self.stopped_polls and self.verdict:
            self.finish(*self.verdict)
        elif self.stopped_polls >= STOPPED_POLLS:
            self.finish(Status.HALTED, "all CPUs are halted with interrupts off")
