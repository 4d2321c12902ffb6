#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests/user/vcpu_fuzz for as long as asked: `vcpu_fuzz.py [--seconds N] [--on PLATFORM] [--seed N]`.

The seconds are those of the machine's own clock, which Bochs does not keep in step with ours.  The seed is chosen by chance unless it is
given, and printed: the same seed makes the same states again.  The console's output is build/test/vcpu_fuzz@PLATFORM.log."""
import argparse
import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "tools"))

import bootest  # noqa: E402

PROGRAM = TREE / "build/tests/user/vcpu_fuzz.elf"
PLATFORMS = ("qemu-svm", "bochs-vmx")
PATIENCE = 20                   # seconds of ours for one of a machine on a busy computer
END_SECONDS = 600               # to start and to end


def main():
    parser = argparse.ArgumentParser(description="Write random guest state for a while.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--on", choices=PLATFORMS, default=PLATFORMS[0])
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = parser.parse_args()
    words = f"fuzz={options.seconds} seed={options.seed}"
    log = TREE / f"build/test/vcpu_fuzz@{options.on}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"{options.on}: {words}", flush=True)
    results = bootest.run("user", PROGRAM, options.on, log, options.seconds * PATIENCE + END_SECONDS, words)
    for outcome, name, detail in results:
        print(f"{outcome}: {name}{f': {detail}' if detail else ''}")
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("  "):
            print(line)
    return 0 if results and all(outcome == "pass" for outcome, *_ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
