#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The support matrix: boots Linux as a guest on every emulated CPU, once with everything that the CPU offers, once without each
optional feature, once without all of them; and starts the hypervisor on CPUs that it must refuse.

	matrix.py [--cells WORD] [--again] [--any-build] [--jobs N]	run what is missing, then write docs/support.md
	matrix.py --list						name the cells and what is known of them

A cell's result is kept in build/matrix/ with the commit and a digest of everything that was booted.  A cell is run if the
result is missing, or not of this build; so an interrupted run is gone on with by starting it again."""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "tools"))

import support  # noqa: E402
from trivetlib import bochs, bundle, config, image, layout, machine  # noqa: E402
from trivetlib.session import Session, Status  # noqa: E402

MIB = 1 << 20
RESULTS = layout.BUILD / "matrix"
SECONDS = 1200                  # for one cell; an idle machine needs 30
GUEST_MEMORY, MACHINE_MEMORY = 192 * MIB, 512 * MIB
# The shortest way that still is all of Linux: to a program of user space, and off, without the kernel's self-tests of ciphers.
LINE = re.compile(rb"Linux 6\.1\.\S+ is up\r?$", re.M)
CMDLINE = 'console=ttyS0 quiet cryptomgr.notests rdinit=/bin/sh -- -c "echo Linux $(uname -r) is up; poweroff -f"'
REFUSAL = re.compile(rb"cannot run: (.*?)\r?$", re.M)         # the first is the reason, the last the word that ends it
IN_USE = re.compile(rb"(?:vmx|svm): .*in use:(.*)|CPU:([^;]*);")

Cell = collections.namedtuple("Cell", "machine off")         # @off: a feature, "" for none, "all"; None: must be refused


def cells():
    """All of them, each machine's baseline first: it says which features the CPU has."""
    for name, m in support.MACHINES.items():
        for off in support.switches(m.vendor):
            yield Cell(name, off)
    for name in support.REFUSED:
        yield Cell(name, None)


def label(cell):
    what = "refused" if cell.off is None else f"off={cell.off}" if cell.off else "on"
    return f"{cell.machine}/{what}"


def result_file(cell):
    return RESULTS / (label(cell).replace("/", "@") + ".json")


def known(cell):
    try:
        return json.loads(result_file(cell).read_text())
    except (OSError, ValueError):
        return None


def words_off(cell):
    """What stands after off= on the hypervisor's command line."""
    return ",".join(support.features(support.MACHINES[cell.machine].vendor)) if cell.off == "all" else cell.off


def plan_of(cell):
    kernel, initrd = config.GUESTS / "linux-cloud", config.GUESTS / "busybox"
    vm = config.Vm("matrix", GUEST_MEMORY, kernel, [config.Module(initrd)], CMDLINE, 1, 100, 0, 0, "never", True)
    system = config.System(kernel, "poweroff", "", 1, "matrix", [vm])
    return layout.make(system, append=f"off={words_off(cell)}" if cell.off else "")


def digest(plan):
    """Of everything that is booted: the same for two commits whose programs are the same."""
    total = hashlib.sha256(plan.kernel.read_bytes())
    for module in plan.modules:
        total.update(module.content())
    return total.hexdigest()[:16]


def session_of(cell, plan, work, sink):
    m = support.MACHINES.get(cell.machine) or support.REFUSED[cell.machine]
    if m.on == "qemu-svm":
        file = work / "modules"
        file.write_bytes(bundle.pack([(part.name, part.content()) for part in plan.modules]))
        return Session(machine.base_command(memory=MACHINE_MEMORY, cpu=m.model) + machine.boot_direct(plan.kernel, file, plan.cmdline), sink)
    file = work / "trivet.img"
    image.make(plan, file)
    return bochs.BochsSession(file, work, sink, on=m.on, model=m.model, memory=MACHINE_MEMORY)


def verdict(cell, end, text, used):
    """("pass" or "fail", why): the guest came up and switched the machine off, and what is off was not used; or it was refused."""
    if cell.off is None:
        said = REFUSAL.findall(text)
        return ("pass", said[0].decode()) if end.status == Status.CANNOT_RUN and said else ("fail", f"not refused: {end.reason}")
    if not LINE.search(text):
        return "fail", f"the guest did not come up: {end.reason}"
    if end.status != Status.POWER_OFF:
        return "fail", end.reason
    still = sorted(set(words_off(cell).split(",")) & used)
    return ("fail", f"used although it is off: {' '.join(still)}") if still else ("pass", "")


def run(cell, plan):
    text, start = bytearray(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trivet-") as work:
        end = session_of(cell, plan, Path(work), text.extend).run(timeout=SECONDS)
    used = {word for match in IN_USE.findall(text) for part in match for word in part.decode().split()}
    outcome, why = verdict(cell, end, text, used)
    (RESULTS / f"{result_file(cell).stem}.log").write_bytes(text)
    return {"outcome": outcome, "why": why, "used": sorted(used), "seconds": round(time.monotonic() - start, 1)}


def offers(cell):
    """Whether the CPU has the feature that the cell switches off, as far as its baseline has said."""
    base = known(Cell(cell.machine, ""))
    return cell.off in (None, "", "all") or base is None or base["outcome"] != "pass" or cell.off in base["used"]


def do_cell(cell, commit, options):
    """Returns a line to print, or None if there was nothing to do."""
    plan = plan_of(cell)
    build, old = digest(plan), known(cell)
    if old and not options.again and (options.any_build or old["build"] == build):
        return None
    if offers(cell):
        result = run(cell, plan)
    else:
        result = {"outcome": "none", "why": "", "used": [], "seconds": 0}
    result_file(cell).write_text(json.dumps({"commit": commit, "build": build, **result}, indent=1) + "\n")
    words = {"pass": "ok  ", "fail": "FAIL", "none": "none"}
    return f"{words[result['outcome']]} {label(cell)} ({result['seconds']} s) {result['why']}".rstrip()


def commit_now():
    done = subprocess.run(["git", "-C", str(TREE), "log", "-1", "--format=%h %cs"], capture_output=True, text=True)
    return done.stdout.strip() or "no commit"


def main():
    parser = argparse.ArgumentParser(description="Boot Linux on every emulated CPU without each optional feature.")
    parser.add_argument("--cells", metavar="WORD", default="", help="only cells with this in their name, such as tigerlake or off=vpid")
    parser.add_argument("--again", action="store_true", help="run cells whose result is there, too")
    parser.add_argument("--any-build", action="store_true", help="results of other builds are good enough")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many machines at a time")
    parser.add_argument("--list", action="store_true", help="list the cells, run none")
    options = parser.parse_args()

    chosen = [cell for cell in cells() if options.cells in label(cell)]
    if options.list:
        for cell in chosen:
            old = known(cell) or {"outcome": "not run", "commit": ""}
            print(f"{label(cell):40} {old['outcome']:8} {old['commit']}")
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    commit = commit_now()
    # A baseline first, since the other cells of its machine need what it says.
    for wave in ([c for c in chosen if not c.off], [c for c in chosen if c.off]):
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for job in concurrent.futures.as_completed([pool.submit(do_cell, cell, commit, options) for cell in wave]):
                if line := job.result():
                    print(line, flush=True)
    everything = {cell: known(cell) for cell in cells()}
    (TREE / "docs/support.md").write_text(support.document(everything))
    bad = [label(cell) for cell in chosen if not (r := everything[cell]) or r["outcome"] == "fail"]
    print(f"{len(chosen)} cells, {len(bad)} bad{': ' if bad else ''}{' '.join(bad)}; docs/support.md is written")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
