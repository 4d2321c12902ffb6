#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the isolation tests for longer: `soak.py SECONDS`.  Stops at the first failure, with its status.

First those that count, once each: a million interrupts between virtual CPUs, most of which end a HLT; a million kicks and as many signals that
fetch a thread out of its guest; ten thousand VMs made and destroyed.  Then all isolation tests over and over; each round also starts and
destroys a VM CYCLES times, after which free memory and free kernel memory must be the same."""
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
TREE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "tools"), str(TREE / "tests")]

import bootest  # noqa: E402

BUILD = TREE / "build"
RUN = TREE / "tests/run.py"
CYCLES = 100
PATTERNS = ["user/isolation", "user/calls", "user/vcpu_fuzz", "user/vcpu_leak", "user/smp", "guest/sweep", "guest/smp_stress", "unit/resume",
            "system/test_hostile", "system/test_supervise"]
COUNTED = [
    # kind    program           where        what is other than in make test      what that comes to
    ("guest", "smp_stress.bin", "qemu-svm",  {"vm-cmdline": "62000"},             "1,007,500 interrupts between virtual CPUs"),
    ("user",  "smp_vcpu.elf",   "bochs-vmx", {"cmdline": "kicks=1000000"},        "1,000,000 kicks, 1,000,000 signals"),
    ("user",  "vm_cycles.elf",  "qemu-svm",  {"cmdline": "cycles=10000"},         "10,000 VMs"),
]
COUNTED_SECONDS = 2 * 3600


def counted():
    """Has everything been done so often without a failure?"""
    for kind, name, platform, change, what in COUNTED:
        path = BUILD / "tests" / kind / name
        start = time.monotonic()
        results = bootest.run(kind, path, platform, BUILD / f"test/soak-{path.stem}.log", COUNTED_SECONDS, change=change)
        failed = [f"{title}: {detail}" for outcome, title, detail in results if outcome != "pass"]
        print(f"{'FAIL' if failed else 'ok  '} {kind}/{path.stem}@{platform}: {what}; {time.monotonic() - start:.0f} s", *failed, sep="\n     ",
              flush=True)
        if failed or not results:
            return False
    return True


def main():
    (BUILD / "test").mkdir(exist_ok=True)
    if not counted():
        return 1
    end = time.monotonic() + int(sys.argv[1])
    rounds = 0
    while time.monotonic() < end:
        for pattern in PATTERNS:
            if time.monotonic() >= end:
                break
            status = subprocess.run([sys.executable, str(RUN), pattern], env=dict(os.environ, TRIVET_CYCLES=str(CYCLES))).returncode
            if status:
                print(f"soak: {pattern} failed in round {rounds + 1}")
                return status
        rounds += 1
    print(f"soak: {rounds} rounds without a failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
