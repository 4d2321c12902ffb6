#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What each kind of VM exit costs under Trivet and under Linux KVM: one program (tests/perf/guest.c) as the guest of both, on the
same emulated machine, where one tick of the time-stamp counter is one instruction.

As a program it prints a table of the medians; with --vmx, those on the Intel CPU that Bochs emulates, whose time-stamp counter
goes with the instructions as well.  Figures are of whole runs only: whoever cannot measure ends with a word
and status 1."""
import argparse
import re
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from trivetlib import bochs, bundle, config, image, layout, machine  # noqa: E402
from trivetlib.problem import Problem  # noqa: E402
from trivetlib.session import Session, Status  # noqa: E402

GUEST, KVM_HOST = layout.BUILD / "perf/guest.bin", layout.BUILD / "perf/kvm_host"
KVM_KERNEL, KVM_MODULES = config.GUESTS / "linux-cloud", config.GUESTS / "work/kernel/lib/modules"
MODULES = ("irqbypass.ko", "kvm.ko")    # and that of the CPU's vendor
GUEST_MEMORY, MEMORY = 64 << 20, 512 << 20
# Mitigations would cost KVM about an eighth more; nokaslr: the same addresses in each run.
KVM_CMDLINE = "console=ttyS0 quiet mitigations=off nokaslr tsc_early_khz={}"
KVM_CMDLINE_QEMU, KVM_CMDLINE_BOCHS = KVM_CMDLINE.format(1000000), "cryptomgr.notests " + KVM_CMDLINE.format(bochs.IPS // 1000)
SECONDS, SECONDS_BOCHS = 600, 2400
RUNS = 1001                     # of each event: tests/perf/guest.c
# Medians to reach.
AIMS = {"cpuid": 450, "vmmcall": 450, "in.pic": 500, "out.pic": 500, "in.rtc": 500, "mmio.read": 1000, "mmio.write": 1000,
        "x2apic.timer": 650, "deadline.arm": 650, "x2apic.ipi": 1200, "touch.fresh": 1, "touch.ready": 1}
STATISTICS = ("min", "median", "p99", "max")
LINE = re.compile(r"perf\.(?P<event>[a-z0-9.]+) " + " ".join(rf"{name}=(?P<{name}>\d+)" for name in STATISTICS) + r"\r*$", re.M)
FAILED = re.compile(r"perf\.failed: (.*?)\r*$", re.M)


class CannotMeasure(Exception):
    pass


def run(who, command):
    """{event: {"min": ..., "median": ..., "p99": ..., "max": ...}} of one run of the guest in QEMU; raises CannotMeasure."""
    output = bytearray()
    return figures_of(who, Session(command, output.extend).run(timeout=SECONDS), output)


def figures_of(who, end, output):
    """The same of a run that has ended."""
    text = output.decode(errors="replace")
    if failure := FAILED.search(text):
        raise CannotMeasure(f"{who}: {failure[1]}")
    if end.status != Status.POWER_OFF or "perf.done" not in text:
        last = text.strip().splitlines()[-1:] or ["(nothing)"]
        raise CannotMeasure(f"{who}: the guest did not finish: {end.reason}; its last words: {last[0]}")
    return {match["event"]: {name: int(match[name]) for name in STATISTICS} for match in LINE.finditer(text)}


def system():
    """Trivet with the benchmark guest, whose end is the machine's."""
    vm = config.Vm("perf", GUEST_MEMORY, GUEST, [], "", 1, 100, 0, 0, "never", True)
    return layout.make(config.System(GUEST, "poweroff", "", 1, "perf", [vm]))


def on_bochs(who, work, plan, protocol="multiboot2"):
    """The figures of what Bochs boots."""
    file, output = work / "bench.img", bytearray()
    try:
        image.make(plan, file, protocol)
        end = bochs.BochsSession(file, work, output.extend, memory=MEMORY).run(timeout=SECONDS_BOCHS)
    except Problem as problem:
        raise CannotMeasure(f"{who} on Bochs: {problem}") from problem
    return figures_of(f"{who} on Bochs", end, output)


def trivet(work, options=()):
    """The figures under Trivet; @options: more of QEMU's."""
    plan = system()
    modules = work / "modules"
    modules.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    command = machine.base_command(memory=MEMORY, icount=True)
    return run("Trivet", command + list(options) + machine.boot_direct(plan.kernel, modules, plan.cmdline))


def newc(files):
    """A cpio archive ("newc", as Linux wants its initramfs) of [(name, mode, bytes)]."""
    archive = bytearray()
    for inode, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def kvm_initramfs(vendor):
    """For Debian's kernel: KVM's modules with @vendor's, the monitor as init, the guest."""
    found = {path.name: path for path in KVM_MODULES.rglob("*.ko")}
    missing = [name for name in (*MODULES, vendor) if name not in found] + ([] if KVM_KERNEL.exists() else [KVM_KERNEL.name])
    if missing:
        raise CannotMeasure(f"KVM: {', '.join(missing)} not found under {config.GUESTS}; run `make deps`")
    directory, program, file = 0o40755, 0o100755, 0o100644
    return newc([("dev", directory, b""), ("init", program, KVM_HOST.read_bytes()), ("guest", file, GUEST.read_bytes()),
                 *((name, file, found[name].read_bytes()) for name in MODULES), ("kvm-vendor.ko", file, found[vendor].read_bytes())])


def kvm(work):
    """The figures under the KVM of Debian's kernel."""
    initramfs = work / "initramfs"
    initramfs.write_bytes(kvm_initramfs("kvm-amd.ko"))
    command = machine.base_command(memory=MEMORY, icount=True)
    return run("KVM", command + ["-kernel", str(KVM_KERNEL), "-initrd", machine.quoted(initramfs), "-append", KVM_CMDLINE_QEMU])


def kvm_vmx(work):
    """The same on Bochs, by the 32-bit entry that GRUB uses."""
    plan = layout.Layout(KVM_KERNEL, KVM_CMDLINE_BOCHS, [layout.Module("initrd", None, kvm_initramfs("kvm-intel.ko"))])
    return on_bochs("KVM", work, plan, "linux")


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if theirs else "-"


def put(report, ours, theirs):
    """The figures into a bench_report.Report."""
    for event in ours:
        for who, figures in (("trivet", ours[event]), ("kvm", theirs[event])):
            aim = f"; aim: at most {AIMS[event]}" if who == "trivet" and event in AIMS else ""
            report.put_exit(event, who, figures)
            report.put(f"exit.{event}.{who}", figures["median"],
                       f"min {figures['min']}, p99 {figures['p99']}, max {figures['max']}, spread {figures['p99'] - figures['min']}{aim}")
        if theirs[event]["median"]:
            report.put(f"exit.{event}.ratio", round(ours[event]["median"] / theirs[event]["median"], 3))


def table(ours, theirs):
    """The figures as a table for people: medians, and Trivet's spread."""
    yield f"{'instructions':<18}{'Trivet':>8}{'KVM':>8}{'ratio':>8}{'aim':>8}{'min':>10}{'p99':>8}{'max':>8}"
    for event, a in ours.items():
        b = theirs[event]["median"]
        yield (f"{event:<18}{a['median']:>8}{b:>8}{ratio(a['median'], b):>8}{AIMS.get(event, ''):>8}"
               f"{a['min']:>10}{a['p99']:>8}{a['max']:>8}")


def measure(work, vmx=False):
    """The figures of both; raises CannotMeasure."""
    ours, theirs = (on_bochs("Trivet", work, system()), kvm_vmx(work)) if vmx else (trivet(work), kvm(work))
    if ours.keys() != theirs.keys() or not ours:
        raise CannotMeasure(f"the two runs measured different events: {', '.join(sorted(ours.keys() ^ theirs.keys())) or 'none'}")
    return ours, theirs


def main():
    parser = argparse.ArgumentParser(description="Prints what VM exits cost under Trivet and under Linux KVM.")
    parser.add_argument("--vmx", action="store_true", help="on the emulated Intel CPU instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        try:
            print("\n".join(table(*measure(Path(name), options.vmx))))
        except CannotMeasure as problem:
            sys.exit(f"bench: {problem}")


if __name__ == "__main__":
    main()
