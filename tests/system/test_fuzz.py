# SPDX-License-Identifier: Apache-2.0
"""Guests that run random instructions in ring 0: each ends or is stopped, with its reason, and nobody else notices.

TRIVET_FUZZ_SECONDS=n goes on for so long, TRIVET_FUZZ_SEED=n begins elsewhere (`make fuzz-guest`)."""
import os
import re
import time

import pytest

from conftest import TREE

PREFIX, SHELL = "\x01", "trivet> "
GUEST = TREE / "build/tests/guest/fuzz.bin"
WILD = 10                       # that run at the same time
SECONDS = int(os.environ.get("TRIVET_FUZZ_SECONDS", 0))
SEED = int(os.environ.get("TRIVET_FUZZ_SEED", 1))
CALM = """
[console]
front = "calm"

[vm.calm]
memory = "64M"
kernel = "{guest}"
cmdline = "seed={seed} rounds=3000"
resume = false
"""
VM = """
[vm.wild{number}]
memory = "16M"
kernel = "{guest}"
cmdline = "wild seed={seed}"
resume = false
"""


def ends_of_one_boot(console, direct, config, seed):
    """How each wild guest that began with @seed and the next ones ended, {name: text}."""
    config.write_text(CALM.format(guest=GUEST, seed=seed) + "".join(VM.format(guest=GUEST, number=n, seed=seed + n) for n in range(WILD)))
    child = console(config, *direct)
    child.expect_exact("PASS: random accesses")         # the neighbour was through with its work
    child.send(PREFIX + "0")
    child.expect_exact(SHELL)
    for name in re.findall(r"(wild\d+) +running", child.ask("list", SHELL)):        # in a loop that nothing ends
        child.ask(f"stop {name} --force", SHELL)
    ends = {f"wild{n}": re.search(r"last end +(.*)", child.ask(f"status wild{n}", SHELL))[1].strip() for n in range(WILD)}
    assert "running" not in child.ask("list", SHELL)
    child.close(force=True)
    return ends


@pytest.mark.platforms("qemu-svm", "bochs-vmx")
@pytest.mark.timeout(SECONDS + 900)
def test_random_instructions_cost_their_own_vm_only(console, platform, tmp_path):
    direct = ["--direct"] if platform == "qemu-svm" else []
    end, seed = time.monotonic() + SECONDS, SEED
    while True:
        for name, text in ends_of_one_boot(console, direct, tmp_path / "fuzz.toml", seed).items():
            print(f"seed {seed + int(name[4:])}: {text}")
            assert "monitor" not in text
        seed += WILD
        if time.monotonic() >= end:
            break
