# SPDX-License-Identifier: Apache-2.0
"""Measurements by user programs of the tests (tests/user), which print `cost: name=value`: what VMs and CPUs cost each other.

On QEMU under -icount and on Bochs a tick is an instruction, so the figures do not depend on the host; on Bochs with several CPUs a tick is
the mean of what these execute, idle ones counted as busy."""
import re
import sys
import time

from trivetlib import bochs, bundle, image, layout, machine
from trivetlib.session import Session, Status

MIB = 1 << 20
MEMORY = 512 * MIB
SECONDS = 900
CYCLES = 10000
SAMPLES = 2000
# Hypercalls and a doorbell with its answer: at most, in instructions.
AIMS = {"unknown_call": 60, "call_and_reply": 250, "doorbell_round": 5000}
# What concerns one CPU alone must cost the same with others beside it, but for the clock's own price.
LOCAL = ("unknown_call", "refused_signal", "signal", "poll", "call_and_reply", "run_to_hlt", "doorbell_round")
JITTER = 3
COST = re.compile(rb"cost: ([\w.]+)=(-?[\d.]+)")


def run(program, work, platform="qemu-svm", cpus=1, cmdline=""):
    """{name: value} of what build/tests/user/@program.elf prints; ends the program with a word if it has not passed."""
    root = layout.Module("root", layout.built(layout.BUILD / f"tests/user/{program}.elf", layout.BUILD))
    plan = layout.Layout(layout.built(layout.KERNEL, layout.BUILD), cmdline, [root])
    found, failed = {}, []

    def on_line(line):
        if match := COST.search(line):
            found[match[1].decode()] = float(match[2]) if b"." in match[2] else int(match[2])
        if b"FAIL:" in line:
            failed.append(line.decode(errors="replace"))
        return Status.POWER_OFF if line.strip().endswith(b"DONE") else None

    if platform == "qemu-svm":
        file = work / "modules"
        file.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
        command = machine.base_command(memory=MEMORY, cpus=cpus, icount=True) + machine.boot_direct(plan.kernel, file, cmdline)
        session = Session(command, lambda _: None, on_line)
    else:
        file = work / "bochs.img"
        image.make(plan, file)
        session = bochs.BochsSession(file, work, lambda _: None, on_line, on=platform, memory=MEMORY, cpus=cpus)
    end = session.run(timeout=SECONDS)
    if end.status != Status.POWER_OFF or failed:
        sys.exit(f"bench: {program} on {platform}: {failed[0] if failed else end.reason}")
    return found


def cycles(report, work):
    """Making a VM, running its guest and destroying it, over and over."""
    start = time.monotonic()
    found = run("vm_cycles", work, cmdline=f"cycles={CYCLES}")
    report.put("vm-cycles.count", found["vm_cycles"])
    for what in ("min", "mean", "max"):
        report.put(f"vm-cycles.{what}", found[f"vm_cycle_{what}"], "instructions for one")
    report.put("vm-cycles.leaked", found["vm_cycles_leaked"], "bytes; aim: 0")
    report.put("vm-cycles.seconds", round(time.monotonic() - start, 1), "aim: less than 180")


def smp(report, work):
    """What several CPUs cost, and what they do to each other."""
    for program in ("vcpu_cost", "cost"):
        one, four = (run(program, work, cpus=n) for n in (1, 4))
        for name in one:
            report.put(f"smp.{name}.1cpu", one[name], f"aim: at most {AIMS[name]}" if name in AIMS else "")
            report.put(f"smp.{name}.4cpus", four[name])
        if dearer := [name for name in LOCAL if name in one and four[name] > one[name] + JITTER]:
            sys.exit(f"bench: dearer on four CPUs than on one: {', '.join(dearer)}")
    for name, value in run("reservation", work).items():
        report.put(name, value, "per cent of a CPU")
    found = run("wakeup", work, "bochs-vmx", cpus=2, cmdline=f"samples={SAMPLES}")
    for who in ("idle", "busy"):
        rows = sorted((int(name.split(".")[2]), n) for name, n in found.items() if re.fullmatch(rf"late\.{who}\.\d+", name))
        for what in ("min", "max"):
            report.put(f"late.{who}.{what}", found[f"late.{who}.{what}"], "ticks")
        report.put(f"late.{who}.median", median(rows), "ticks, the lower end of its bucket")
        report.put_table(f"late.{who}", rows)


def median(rows):
    """The lower end of the bucket in which the middle one of (lower end, count) lies."""
    left = sum(n for _, n in rows) // 2
    for ticks, n in rows:
        left -= n
        if left < 0:
            return ticks
    return 0
