#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What has changed in the price of VM exits since another commit.

	tools/bench_compare.py BASE [PERCENT]

Builds the commit BASE in a work tree of its own, runs the benchmark guest of this tree under both, and prints the medians.
Status 1: something cannot be measured.  Status 2: an exit has become dearer by more than PERCENT (0 to 1000; default: never)."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("TRIVET_BUILD", TREE / "build")).resolve()
# Runs in either tree, with the modules of that tree: what a boot module looks like is a matter between its own tools and kernel.
MEASURE = """
import json, sys, tempfile
from pathlib import Path
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import bench_exits
bench_exits.GUEST = Path(sys.argv[2])
with tempfile.TemporaryDirectory(prefix="trivet-") as name:
    try:
        print(json.dumps(bench_exits.trivet(Path(name))))
    except bench_exits.CannotMeasure as problem:
        sys.exit(str(problem))
"""


def run(command, what):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["no message"]
        sys.exit(f"bench-compare: {what}: {last[0]}")
    return result.stdout


def measure(tree, name):
    text = run([sys.executable, "-c", MEASURE, str(tree / "tools"), str(BUILD / "perf/guest.bin")], f"measuring {name}")
    return json.loads(text.splitlines()[-1])


def built(commit, work):
    """A built work tree of @commit."""
    tree = work / "base"
    run(["git", "-C", str(TREE), "worktree", "add", "--detach", str(tree), commit], "git worktree")
    run(["make", "-s", "-C", str(tree), "all"], f"building {commit}")
    return tree


def rows(before, after):
    """(event, median before, median after, change in percent) of what both measured."""
    for event in after:
        if event in before:
            a, b = before[event]["median"], after[event]["median"]
            yield event, a, b, 100 * (b - a) / a if a else 0.0


def usage(problem):
    sys.exit(f"bench-compare: {problem}\nusage: make bench-compare BASE=commit [PERCENT=0...1000]")


def arguments():
    if len(sys.argv) not in (2, 3) or not sys.argv[1]:
        usage("which commit is the base?")
    try:
        limit = float(sys.argv[2]) if len(sys.argv) == 3 else None
    except ValueError:
        usage(f"PERCENT: '{sys.argv[2]}' is no number")
    if limit is not None and not 0 <= limit <= 1000:
        usage(f"PERCENT: {sys.argv[2]} is not between 0 and 1000")
    commit = subprocess.run(["git", "-C", str(TREE), "rev-parse", "--verify", "-q", f"{sys.argv[1]}^{{commit}}"],
                            capture_output=True, text=True).stdout.strip()
    if not commit:
        usage(f"BASE: '{sys.argv[1]}' is no commit")
    return commit, limit


def main():
    commit, limit = arguments()
    dearer = []
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        try:
            before = measure(built(commit, Path(name)), commit[:12])
        finally:
            subprocess.run(["git", "-C", str(TREE), "worktree", "remove", "--force", f"{name}/base"], capture_output=True)
    after = measure(TREE, "this tree")
    print(f"{'instructions, median':<22}{commit[:12]:>14}{'here':>8}{'change':>10}")
    for event, a, b, percent in rows(before, after):
        print(f"{event:<22}{a:>14}{b:>8}{percent:>+9.1f}%")
        if limit is not None and percent > limit:
            dearer.append(event)
    if dearer:
        print(f"bench-compare: dearer by more than {limit:g}%: {', '.join(dearer)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
