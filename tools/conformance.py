#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a folder of test guests on Trivet and on the plain emulated machine, and compares.

	tools/conformance.py FOLDER [NAME ...] [--write docs/conformance.md]

The guests are multiboot kernels in the manner of kvm-unit-tests: FOLDER/unittests.cfg lists them (sections with `file`, `smp`,
`test_args`, `arch`, `timeout`); they print PASS:, FAIL: and SKIP: lines on the first serial port and end by writing a code to port
0xf4.  NAMEs choose sections (shell patterns).  Every test has a time limit on each machine."""
import argparse
import collections
import configparser
import fnmatch
import re
import shlex
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from trivetlib import bundle, config, layout, machine  # noqa: E402
from trivetlib.session import Session, Status  # noqa: E402

MIB = 1 << 20
MEMORY = 128 * MIB              # of the guest, unless its section says -m
HOST_MEMORY = 256 * MIB         # what Trivet's machine has beside it
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-device", "pc-testdev"]
LINE = re.compile(rb"^(PASS|FAIL|SKIP|XFAIL|XPASS)\b:? *(.*)")
TRIPLE = re.compile(rb"has crashed: triple fault")
CODE = re.compile(rb"test device, code (\d+)")
CODES = {0: "pass", 1: "fail", 38: "skipped", 63: "abort"}
HEADER = """\
# Conformance

A public suite of small test guests (kvm-unit-tests), each run in a guest of Trivet and, for comparison, on the plain emulated machine:
`tools/conformance.py FOLDER --write docs/conformance.md` made this table; the suite itself is no part of the tree. Both columns count
subtests that passed and failed, and say how the guest ended. A test is **worse** when a subtest that passes on the plain machine does not
pass on Trivet, or its end is worse.

"""

Guest = collections.namedtuple("Guest", "name file smp args memory seconds")
Run = collections.namedtuple("Run", "passed failed skipped end")


def guests(folder, patterns, seconds):
    """The sections of the folder's list that match one of @patterns and whose files exist."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(folder / "unittests.cfg")
    for name in parser.sections():
        section = parser[name]
        file = folder / section.get("file", "")
        if section.get("arch", "x86_64") != "x86_64" or not file.is_file():
            continue
        if patterns and not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        options = shlex.split(section.get("qemu_params", section.get("extra_params", "")))
        memory = next((int(re.sub(r"\D", "", b)) * MIB for a, b in zip(options, options[1:]) if a == "-m"), MEMORY)
        args = " ".join(shlex.split(section.get("test_args", "")))
        yield Guest(name, file, int(section.get("smp", "1").split(",")[0]), args, memory, max(seconds, int(section.get("timeout", "0"))))


def watch(command, seconds, log):
    """Run a machine to the test's end; returns ({subtest: count}, code or None, status)."""
    seen, code = collections.Counter(), []

    def on_line(line):
        if match := LINE.match(line.strip()):
            # Times and addresses differ from run to run; what is counted is the sentence.
            seen[match[1].decode(), re.sub(r"\b(0x)?[0-9a-f]*\d[0-9a-f]*\b", "#", match[2].decode(errors="replace"))] += 1
        if TRIPLE.search(line):
            code.append(None)
        elif match := CODE.search(line):
            code.append(int(match[1]))
        return Status.POWER_OFF if match else None

    with open(log, "wb") as output:
        session = Session(command, output.write, on_line)
        end = session.run(timeout=seconds)
        output.write(f"\n--- {end.status.name}: {end.reason}\n".encode())
    if end.status == Status.EMULATOR_DIED and (match := re.search(r"status (\d+)", end.reason)):
        code.append(int(match[1]) >> 1)
    if code and code[0] is None:                # what is a reset on the plain machine
        end = end._replace(status=Status.RESET)
    return seen, code[0] if code else None, end


def outcome(seen, code, end):
    count = collections.Counter()
    for (word, _), times in seen.items():
        count[word] += times
    if code is not None:
        text = CODES.get(code, f"code {code}")
    else:
        text = {Status.TIMEOUT: "timeout", Status.RESET: "reset", Status.HALTED: "halted"}.get(end.status, end.status.name.lower())
    return Run(count["PASS"], count["FAIL"] + count["XPASS"], count["SKIP"], text)


def run_plain(guest, log):
    command = machine.base_command(cpus=guest.smp, memory=guest.memory) + DEBUG_EXIT
    command += ["-kernel", str(guest.file), "-append", guest.args]
    return watch(command, guest.seconds, log)


def run_trivet(guest, log, work, append):
    env = work / "env"
    env.write_text(f"NR_CPUS={guest.smp}\nMEMSIZE={guest.memory // MIB}\nTEST_DEVICE=1\n")
    cmdline = f"{guest.file.name} {guest.args}".strip()
    vm = config.Vm("test", guest.memory, guest.file, [config.Module(env, "env")], cmdline, guest.smp, 100, 0, 0, "never", True, devices=["test"])
    plan = layout.make(config.System(guest.file, "poweroff", append, 1, "test", [vm]))
    modules = work / "modules"
    modules.write_bytes(bundle.pack([(m.name, m.content()) for m in plan.modules]))
    command = machine.base_command(cpus=guest.smp, memory=guest.memory + HOST_MEMORY)
    return watch(command + machine.boot_direct(plan.kernel, modules, plan.cmdline), guest.seconds * 2, log)


def lost(plain, trivet):
    """Subtests that pass on the plain machine more often than on Trivet."""
    return sorted(text for (word, text), times in plain.items() if word == "PASS" and trivet[word, text] < times)


RANK = {"pass": 0, "skipped": 1, "fail": 2}


def verdict(plain, trivet, missing):
    if RANK.get(trivet.end, 3) > RANK.get(plain.end, 3) or (missing and trivet.passed < plain.passed):
        return "**worse**"
    better = RANK.get(trivet.end, 3) < RANK.get(plain.end, 3) or trivet.passed > plain.passed
    return "better" if better else "same"


def cell(run):
    if run is None:
        return ""
    return f"{run.passed} / {run.failed}" + (f" / {run.skipped} skipped" if run.skipped else "") + f", {run.end}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60, help="limit of each test on the plain machine; Trivet gets twice that (default 60)")
    parser.add_argument("--only-trivet", action="store_true", help="do not run the plain machine")
    parser.add_argument("--append", default="", help="words for the hypervisor's command line")
    parser.add_argument("--logs", type=Path, default=layout.BUILD / "conformance")
    parser.add_argument("--write", type=Path, help="write the table to this file")
    args = parser.parse_args()

    args.logs.mkdir(parents=True, exist_ok=True)
    rows, worse = [], 0
    for guest in guests(args.folder, args.names, args.seconds):
        plain = seen = None
        if not args.only_trivet:
            seen, code, end = run_plain(guest, args.logs / f"{guest.name}.plain.log")
            plain = outcome(seen, code, end)
        with tempfile.TemporaryDirectory(prefix="trivet-") as work:
            found, code, end = run_trivet(guest, args.logs / f"{guest.name}.trivet.log", Path(work), args.append)
        trivet = outcome(found, code, end)
        missing = lost(seen, found) if plain else []
        word = verdict(plain, trivet, missing) if plain else ""
        worse += "worse" in word
        print(f"{guest.name:28} {cell(plain):32} {cell(trivet):32} {word}", flush=True)
        for text in missing if "worse" in word else []:
            print(f"    lost: {text}", flush=True)
        rows.append(f"| {guest.name} | {guest.smp} | {cell(plain)} | {cell(trivet)} | {word} |")
    if args.write:
        table = ["| test | CPUs | plain machine: passed / failed | Trivet: passed / failed | |", "|---|---|---|---|---|", *rows]
        args.write.write_text(HEADER + "\n".join(table) + f"\n\n{len(rows)} tests, {worse} worse than on the plain machine.\n")
    print(f"{len(rows)} tests, {worse} worse")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
