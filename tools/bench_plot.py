#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws bench.json as SVG, with gnuplot: what VM exits cost under Trivet and under Linux KVM.

	tools/bench_plot.py bench.json OUT.svg"""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_report  # noqa: E402

SCRIPT = """
set terminal svg size 1000,{height} font 'sans,11' background '#ffffff'
set output '{out}'
set title 'VM exits: instructions, median (QEMU, emulated SVM)'
set style fill solid 0.9
set boxwidth 0.38 absolute
set yrange [{count} - 0.4:-0.6]
set xrange [0:*]
set ytics nomirror scale 0 ({tics})
set xtics nomirror
set grid xtics
set key bottom right
plot '{data}' using ($1/2):($0-0.2):($1/2):(0.19) with boxxyerror lc '#3465a4' title 'Trivet, in user mode', \\
     '' using ($2/2):($0+0.2):($2/2):(0.19) with boxxyerror lc '#cccccc' title 'KVM'
"""


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} bench.json OUT.svg")
    try:
        exits = bench_report.read(Path(sys.argv[1]))["exits"]
    except (OSError, ValueError) as problem:
        sys.exit(f"bench-plot: {problem}")
    rows = [(event, who["trivet"]["median"], who["kvm"]["median"]) for event, who in exits.items()
            if "trivet" in who and "kvm" in who and max(who["trivet"]["median"], who["kvm"]["median"]) > 1]
    if not rows:
        sys.exit(f"bench-plot: {sys.argv[1]} has no exits measured under both; run `make bench`")
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as data:
        data.write("".join(f"{ours} {theirs}\n" for _, ours, theirs in rows))
        data.flush()
        tics = ", ".join(f"'{event}' {i}" for i, (event, _, _) in enumerate(rows))
        script = SCRIPT.format(height=60 + 24 * len(rows), out=sys.argv[2], count=len(rows), tics=tics, data=data.name)
        try:
            result = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
        except FileNotFoundError:
            sys.exit("bench-plot: gnuplot is not installed (Debian package gnuplot-nox); run `make deps`")
    if result.returncode:
        sys.exit(f"bench-plot: {result.stderr.strip()}")


if __name__ == "__main__":
    main()
