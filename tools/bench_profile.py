#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of each VM exit go: the benchmark guest under Trivet, with a QEMU plugin (tests/perf/profile.c) that
counts what the hypervisor executes meanwhile.  For each event: instructions per run by stage and by function, and the privileged
operations, whose price on silicon an instruction count does not show.

Arguments: events, as tools/bench_exits.py names them; none: the ones that the aims are about."""
import collections
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_exits  # noqa: E402
from trivetlib import layout, machine  # noqa: E402

PLUGIN = layout.BUILD / "perf/profile.so"
DEFAULT = ["cpuid", "vmmcall", "in.pic", "mmio.read", "x2apic.timer", "x2apic.ipi"]
FUNCTIONS = 24                  # lines of the list of functions
KERNEL_HALF = 1 << 63

# (stage, file, function), as patterns; the first that fits one of an instruction's functions, from the innermost inlined one on.
STAGES = [
    ("into the guest", r"arch/\w+/enter\.asm", r"\w+_enter_asm$"),
    ("out of the guest", r"arch/\w+/enter\.asm", r""),
    ("events", r"arch/\w+/inject\.c|kernel/event\.c", r""),
    ("exit decoding", r"arch/\w+/(exit\.c|hot\.h)", r"exit_\w+|decode_\w+|length_to|\w+_exit_\w+"),
    ("registers fetched", r"arch/\w+/(state\.c|run\.c|hot\.h)", r"pull|unusable|\w+_shadow"),
    ("registers checked and loaded", r"arch/\w+/((state|guest_state|controls)\.c|hot\.h)|include/arch/guest_state\.h", r""),
    ("into the guest", r"arch/\w+/(run|asid|vpid|check)\.c", r""),
    ("run loop of the kernel", r"kernel/(exit|timer)\.c|include/kernel/(run_loop|thread|timer)\.h", r""),
    ("SYSCALL and SYSRET", r"arch/x86/entry\.asm|kernel/(hypercall|hc_\w+)\.c|include/kernel/(cap|vcpu)\.h|include/rt/sys\.h", r""),
    ("rest of the kernel", r"(kernel|arch|mm|boot)/.*", r""),
    ("monitor: loop and dispatch", r"vmm/(vcpu|exit|trace)\.c", r""),
    ("monitor: instruction length", r"vmm/(retire\.[ch]|insn_seen\.h)", r"\w*(length|seen|memo|code_segment|same_bytes|linear_rip|cache_\w+|access_of)"),
    ("monitor: retire", r"vmm/retire\.c", r""),
    ("monitor: fetch and page walks", r"vmm/(gwalk|insn|gmem)\.[ch]", r""),
    ("monitor: emulation", r"vmm/(emulate|mmio|insn_\w+)\.[ch]", r""),
    ("monitor: events", r"vmm/(inject|irqchip)\.[ch]", r""),
    ("monitor: handler and device", r"vmm/.*", r""),
]
PRIVILEGED = re.compile(r"^(vm\w+|clgi|stgi|skinit|inv\w+|wrmsr|rdmsr|swapgs|syscall|sysret\w*|iretq?|sti|cli|hlt|in|out|x[gs]etbv|xsave\w*|"
                        r"xrstor\w*|fx\w+|l[gil]dt|ltr|wbinvd|rdtscp?|lfence|mfence|sfence|cpuid|pause|popf\w*|lock)\b"
                        r"|^mov\w*\b.*%[cd][rb]\d")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_counts(path):
    """{event number: {address: executions}}"""
    counts = collections.defaultdict(dict)
    for line in path.read_text().splitlines():
        event, address, count = line.split()
        counts[int(event)][int(address, 16)] = int(count)
    return counts


def file_of(address):
    return layout.BUILD / ("trivet.debug" if address >= KERNEL_HALF else "vmm.debug")


def sources(addresses):
    """{address: [(function, file), ...]}, the innermost inlined function first."""
    result = {}
    for path in {file_of(a) for a in addresses}:
        mine = [a for a in addresses if file_of(a) == path]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
            listing.write("\n".join(f"{a:#x}" for a in mine))
            listing.flush()
            text = run(["addr2line", "-a", "-f", "-i", "-e", str(path), f"@{listing.name}"])
        for block in re.split(r"^0x", text, flags=re.M)[1:]:
            lines = block.splitlines()
            result[int(lines[0], 16)] = [(name, clean(where)) for name, where in zip(lines[1::2], lines[2::2])]
    return result


def clean(where):
    """A path inside the tree, without line."""
    path = re.sub(r":[\d?]+( \(.*\))?$", "", where).split("//")[-1]
    return re.sub(r"^.*?/?((arch|boot|kernel|mm|vmm|include|drivers)/)", r"\1", path)


def privileged():
    """{address: mnemonic} of the privileged and serialising instructions of kernel and monitor."""
    result = {}
    for name in ("trivet.debug", "vmm.debug"):
        for line in run(["objdump", "-d", "--no-show-raw-insn", str(layout.BUILD / name)]).splitlines():
            match = re.match(r"\s*([0-9a-f]+):\s+(.*\S)", line)
            if match and PRIVILEGED.match(match[2]):
                words = match[2].split()
                register = re.search(r"%([cd][rb]\d)", match[2]) if words[0].startswith("mov") else None
                result[int(match[1], 16)] = f"mov {register[1]}" if register else words[0]
    return result


def stage_of(chain, symbol):
    for function, path in [*chain, (symbol, chain[-1][1])]:
        for stage, file_pattern, function_pattern in STAGES:
            if re.fullmatch(file_pattern, path) and re.match(function_pattern, function):
                return stage
    return "elsewhere"


def assembly_names():
    """For addresses of assembly, which has no functions: a search in the symbols, sorted by address."""
    symbols = []
    for name in ("trivet.debug", "vmm.debug"):
        for line in run(["nm", "-n", str(layout.BUILD / name)]).splitlines():
            address, _, symbol = line.split()[-3:]
            symbols.append((int(address, 16), symbol))
    return sorted(symbols)


def symbol_of(symbols, address):
    lo, hi = 0, len(symbols)
    while lo < hi:
        mid = (lo + hi) // 2
        lo, hi = (mid + 1, hi) if symbols[mid][0] <= address else (lo, mid)
    return symbols[lo - 1][1] if lo else "?"


class Profile:
    """One run: everything that the tables need."""

    def __init__(self, work):
        counts_path = work / "counts"
        figures = bench_exits.trivet(work, ["-plugin", f"{PLUGIN},out={machine.quoted(counts_path)}"])
        if not counts_path.exists():
            raise bench_exits.CannotMeasure("QEMU has not run the plugin")
        counts = read_counts(counts_path)
        self.names = list(figures)
        self.figures = figures
        self.counts = {name: counts[i] for i, name in enumerate(self.names, 1)}
        addresses = sorted({a for counted in self.counts.values() for a in counted})
        if not addresses:
            raise bench_exits.CannotMeasure("the plugin has counted nothing")
        self.chains, self.privileged = sources(addresses), privileged()
        symbols = assembly_names()
        self.symbols = {a: symbol_of(symbols, a) for a in addresses}

    def totals(self, event, key):
        """[(key, instructions per run)], the largest first; @key: of an address."""
        total = collections.Counter()
        for address, count in self.counts[event].items():
            total[key(address)] += count
        return [(name, count / bench_exits.RUNS) for name, count in total.most_common()]

    def stage(self, address):
        return stage_of(self.chains[address], self.symbols[address])

    def function(self, address):
        chain = self.chains[address]
        inner = chain[0][0] if chain[0][0] != "??" else self.symbols[address]
        return inner if inner == self.symbols[address] else f"{self.symbols[address]} ({inner})"

    def table(self, event):
        stages = dict(self.totals(event, self.stage))
        yield f"{event}: median {self.figures[event]['median']}; instructions per run, {sum(stages.values()):.0f} in all"
        order = list(dict.fromkeys(stage for stage, _, _ in STAGES)) + ["elsewhere"]
        for stage in order:
            if stages.get(stage, 0) >= 0.5:
                yield f"  {stages[stage]:7.1f}  {stage}"
        yield "  by function:"
        for name, count in self.totals(event, self.function)[:FUNCTIONS]:
            yield f"  {count:7.1f}  {name}"
        operations = [(name, count) for name, count in self.totals(event, lambda a: self.privileged.get(a, "")) if name and count >= 0.05]
        yield "  privileged and serialising: " + ", ".join(f"{name} {count:.1f}" for name, count in operations)
        yield ""


def main():
    wanted = sys.argv[1:] or DEFAULT
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        try:
            profile = Profile(Path(name))
            unknown = [event for event in wanted if event not in profile.names]
            if unknown:
                raise bench_exits.CannotMeasure(f"no such event: {', '.join(unknown)}; there are {', '.join(profile.names)}")
            for event in wanted:
                print("\n".join(profile.table(event)))
        except bench_exits.CannotMeasure as problem:
            sys.exit(f"bench: {problem}")


if __name__ == "__main__":
    main()
