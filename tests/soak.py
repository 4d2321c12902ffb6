#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the isolation tests over and over: `soak.py SECONDS`.  Stops at the first failure, with its status.

Each round also starts and destroys a VM CYCLES times; free memory and free kernel memory must be the same after each."""
import os
import subprocess
import sys
import time
from pathlib import Path

RUN = Path(__file__).with_name("run.py")
CYCLES = 100
PATTERNS = ["user/isolation", "user/calls", "user/vcpu_fuzz", "user/vcpu_leak", "user/smp", "guest/sweep", "guest/smp_stress", "unit/resume",
            "system/test_hostile", "system/test_supervise"]


def main():
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
