#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the measurements: how a guest under Trivet compares with the same kernel booted bare on the same emulated machine, the
costs of VM exits, and sizes.

Boot is measured from the kernel's first instruction to init, in TSC ticks; on QEMU under -icount, and on Bochs (an Intel CPU),
one tick is one instruction, so the result does not depend on the host.  init prints the counter itself (tools/guest/init.c).
For the counter at the kernel's entry the same machine is started a second time with the kernel's first instructions replaced by
ones that print it (tests/perf/entry.asm).

	tools/bench.py [--json FILE] [PART ...]		parts: sizes exits boot boot-vmx prompt memory vms smp; none: all

Status 1: something could not be measured; then FILE is not written."""
import argparse
import functools
import re
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_exits  # noqa: E402
import bench_report  # noqa: E402
import bench_vms  # noqa: E402
from trivetlib import bochs, bundle, config, filetype, image, layout, machine  # noqa: E402
from trivetlib.problem import Problem  # noqa: E402
from trivetlib.session import Session, Status  # noqa: E402

TREE, BUILD = config.TREE, layout.BUILD
KERNEL, INITRD = config.GUESTS / "linux-cloud", config.GUESTS / "busybox"
MEMORY = 512 << 20              # of the guest, and of the bare machine
# The same calibration for both, and quiet: otherwise the log on the emulated serial port is most of what is measured.
CMDLINE = "console=ttyS0 quiet tsc_early_khz=1000000"
# Self-tests of ciphers are work for the CPU alone: they would only hide the difference.
CMDLINE_BOCHS = f"console=ttyS0 quiet cryptomgr.notests tsc_early_khz={bochs.IPS // 1000}"
PROMPT, SHELL = b"bench# ", b"trivet> "
SETUP_ENTRY = 0x200             # file offset of the jump that the 16-bit setup code begins with
ENTRY64 = 0x200                 # offset of the 64-bit entry in the protected-mode code, whose beginning is the 32-bit one
SECONDS, SECONDS_BOCHS = 300, 1200
report = bench_report.Report(TREE)


def patched_kernel(path):
    """The kernel that prints the counter when it is entered, by any way."""
    kernel, pieces = bytearray(KERNEL.read_bytes()), (BUILD / "perf/entry.bin").read_bytes()
    setup_sectors = kernel[filetype.BZ_SETUP_SECTS] or 4
    start16 = SETUP_ENTRY + 2 + kernel[SETUP_ENTRY + 1]             # where "jmp short" leads
    start32 = (setup_sectors + 1) * 512
    start64 = start32 + ENTRY64
    for number, start in enumerate((start16, start32, start64)):
        kernel[start:start + 512] = pieces[number * 512:(number + 1) * 512]
    path.write_bytes(kernel)
    return path


# The four machines.  Each returns what makes its session from what is called with the console's output.

def bare(kernel, cmdline, icount):
    command = machine.base_command(memory=MEMORY, icount=icount)
    return functools.partial(Session, command + ["-kernel", str(kernel), "-initrd", str(INITRD), "-append", cmdline])


def system(kernel, cmdline):
    vm = config.Vm("bench", MEMORY, kernel, [config.Module(INITRD)], cmdline, 1, 100, 0, 0, "never", True)
    return config.System(kernel, "poweroff", "", 1, "bench", [vm])


def trivet(kernel, cmdline, icount, work):
    plan = layout.make(system(kernel, cmdline))
    file = work / "modules"
    file.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    command = machine.base_command(memory=2 * MEMORY, icount=icount)
    return functools.partial(Session, command + machine.boot_direct(plan.kernel, file, plan.cmdline))


def on_bochs(plan, protocol, memory, work):
    file = work / "bochs.img"
    image.make(plan, file, protocol)
    return functools.partial(bochs.BochsSession, file, work, memory=memory)


def bare_bochs(kernel, cmdline, work):
    return on_bochs(layout.Layout(kernel, cmdline, [layout.Module("initrd", INITRD)]), "linux", MEMORY, work)


def trivet_bochs(kernel, cmdline, work):
    return on_bochs(layout.make(system(kernel, cmdline)), "multiboot2", 2 * MEMORY, work)


def watch(new_session, pattern, seconds=SECONDS):
    """Run until the console shows @pattern; returns (match, seconds since the start)."""
    text, found = bytearray(), []
    start = time.monotonic()

    def sink(data):
        text.extend(data)
        if not found and (match := re.search(pattern, text)):
            found.append((match, time.monotonic() - start))
            session.finish(Status.POWER_OFF, "seen")
    session = new_session(sink)
    end = session.run(timeout=seconds)
    if not found:
        sys.exit(f"bench: {end.reason}; the console's last words:\n{bytes(text[-2000:]).decode(errors='replace')}")
    return found[0]


def ticks(new_session, seconds=SECONDS):
    match, _ = watch(new_session, rb"ticks: (0x[0-9a-f]{16}|\d+)\r?\n", seconds)
    return int(match[1], 0)


def boot_ticks(work):
    patched = patched_kernel(work / "entry")
    entry = ticks(bare(patched, CMDLINE, True))
    bare_ticks = ticks(bare(KERNEL, CMDLINE, True)) - entry
    report.put("boot.bare.ticks", bare_ticks)
    entry = ticks(trivet(patched, CMDLINE, True, work))
    guest_ticks = ticks(trivet(KERNEL, CMDLINE, True, work)) - entry
    report.put("boot.trivet.ticks", guest_ticks)
    report.put("boot.ratio", round(guest_ticks / bare_ticks, 3), "aim: at most 1.05")


def boot_vmx(work):
    """The same on Bochs, and how long a person waits for Trivet's guest there."""
    bochs.find()
    patched, spent = patched_kernel(work / "entry"), {}
    for who, start in (("bare", bare_bochs), ("trivet", trivet_bochs)):
        entry = ticks(start(patched, CMDLINE_BOCHS, work), SECONDS_BOCHS)
        spent[who] = ticks(start(KERNEL, CMDLINE_BOCHS, work), SECONDS_BOCHS) - entry
        if spent[who] <= 0:
            sys.exit(f"bench: {who} on Bochs: init was reached {-spent[who]} ticks before the kernel's entry")
        report.put(f"boot-vmx.{who}.ticks", spent[who])
    report.put("boot-vmx.ratio", round(spent["trivet"] / spent["bare"], 3), "aim: at most 1.2")
    start = time.monotonic()
    watch(trivet_bochs(KERNEL, "console=ttyS0 hostname=bench", work), PROMPT, SECONDS_BOCHS)
    report.put("prompt-vmx.trivet.seconds", round(time.monotonic() - start, 1), "aim: less than 180")


def wall_time(work):
    cmdline = "console=ttyS0 hostname=bench"
    _, bare_seconds = watch(bare(KERNEL, cmdline, False), PROMPT)
    report.put("prompt.bare.seconds", round(bare_seconds, 1))
    start = time.monotonic()
    what = system(KERNEL, cmdline)
    plan = layout.make(what)
    image.make(plan, work / "bench.img")
    command = machine.base_command(memory=layout.machine_memory(what, plan)) + machine.boot_image(work / "bench.img")
    watch(functools.partial(Session, command), PROMPT)
    seconds = time.monotonic() - start
    report.put("prompt.trivet.seconds", round(seconds, 1))
    report.put("prompt.ratio", round(seconds / bare_seconds, 2), "aim: at most 4")


def exits(work):
    """What VM exits cost, beside Linux KVM."""
    try:
        bench_exits.put(report, *bench_exits.measure(work))
    except bench_exits.CannotMeasure as problem:
        sys.exit(f"bench: {problem}")


def code_lines(*patterns):
    """Lines with code: neither blank nor comment only."""
    count = 0
    for pattern in patterns:
        for path in sorted(TREE.glob(pattern)):
            text = path.read_text()
            if path.suffix == ".asm":
                text = re.sub(r";.*", "", text)
            else:
                text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
            count += sum(1 for line in text.splitlines() if line.strip())
    return count


def loaded_size(elf):
    """Bytes in memory, and of these in the file, of the ELF's loadable segments."""
    data = elf.read_bytes()
    offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    segments = [struct.unpack_from("<IIQQQQQQ", data, offset + 56 * i) for i in range(count)]
    return sum(s[6] for s in segments if s[0] == 1), sum(s[5] for s in segments if s[0] == 1)


def sizes(_work):
    """Lines of code, and images."""
    kernel = code_lines("boot/*.[ch]", "boot/*.asm", "arch/*/*.[ch]", "arch/*/*.asm", "kernel/*.[ch]", "mm/*.[ch]",
                        "include/abi/*.h", "include/arch/*.h", "include/kernel/*.h", "include/mm/*.h", "include/lib/*.h", "include/x86/*.h")
    report.put("kernel.code_lines", kernel, "aim: at most 10000")
    report.put("monitor.code_lines", code_lines("vmm/*.[ch]", "vmm/dev/*.[ch]", "vmm/load/*.[ch]", "vmm/virtio/*.[ch]"))
    report.put("runtime.code_lines", code_lines("vmm/rt/*.[ch]", "vmm/rt/*.asm", "include/rt/*.h", "include/svc/*.h"))
    report.put("root.code_lines", code_lines("vmm/root/*.[ch]"))
    for name in ("trivet", "root", "vmm", "serial"):
        memory, file = loaded_size(BUILD / f"{name}.elf")
        report.put(f"{name}.image_bytes", file)
        report.put(f"{name}.memory_bytes", memory)


def memory_per_vm(work):
    """What the management shell says about a running guest."""
    plan = layout.make(system(KERNEL, "console=ttyS0 hostname=bench"))
    file = work / "modules"
    file.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    text = bytearray()
    steps = [(PROMPT, b"\x010"), (SHELL, b"status bench\r"), (SHELL, None)]

    def sink(data):
        text.extend(data)
        seen, answer = steps[0]
        if seen not in text:
            return
        del steps[0]
        if answer is None:
            session.finish(Status.POWER_OFF, "seen")
        else:
            text.clear()
            session.send(answer)
    session = Session(machine.base_command(memory=2 * MEMORY) + machine.boot_direct(plan.kernel, file, ""), sink)
    end = session.run(timeout=SECONDS)
    if steps:
        sys.exit(f"bench: {end.reason}")
    for line in text.decode(errors="replace").splitlines():
        if match := re.search(r"kernel memory\D*(\d+)", line):
            report.put("vm.kernel_memory", int(match[1]), " ".join(line.split()))


PARTS = {"sizes": sizes, "exits": exits, "boot": boot_ticks, "boot-vmx": boot_vmx, "prompt": wall_time, "memory": memory_per_vm,
         "vms": functools.partial(bench_vms.cycles, report), "smp": functools.partial(bench_vms.smp, report)}


def main():
    parser = argparse.ArgumentParser(description="Prints the measurements.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there as well")
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; none: all")
    options = parser.parse_args()
    if unknown := [part for part in options.part if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; expected {', '.join(PARTS)}")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: there is no such folder")
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        try:
            for part in options.part or PARTS:
                PARTS[part](Path(name))
        except Problem as problem:
            sys.exit(f"bench: {problem}")
        except OSError as error:
            sys.exit(f"bench: {error.filename or 'system'}: {error.strerror}")
    if options.json:
        report.write(options.json)


if __name__ == "__main__":
    main()
