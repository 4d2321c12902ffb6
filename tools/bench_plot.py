#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws bench.json as SVG, with gnuplot: what VM exits cost under Trivet and under Linux KVM, and how late a guest of high priority wakes up.
What has not been measured is left out.

	tools/bench_plot.py bench.json EXITS.svg LATE.svg"""
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



LATE = """
set terminal svg size 1000,480 font 'sans,11' background '#ffffff'
set output '{out}'
set title 'Lateness of the first instruction of a guest of high priority (two CPUs, emulated VMX)'
set style fill solid 0.6
set logscale xy 2
set format y '%.0f'
set yrange [0.5:*]
set xlabel 'ticks'
set ylabel 'wake-ups'
set grid xtics ytics
set key top right
plot '{idle}' using 1:2:1:3:(0.5):2 with boxxyerror lc '#cccccc' title 'machine idle; latest {idle_max}', \\
     '{busy}' using 1:2:1:3:(0.5):2 with boxxyerror lc '#3465a4' title 'CPUs and VMs saturated; latest {busy_max}'
"""


def draw(script):
    try:
        result = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
    except FileNotFoundError:
        sys.exit("bench-plot: gnuplot is not installed (Debian package gnuplot-nox); run `make deps`")
    if result.returncode:
        sys.exit(f"bench-plot: {result.stderr.strip()}")


def draw_exits(data, out, work):
    """False: not measured under both."""
    rows = [(event, who["trivet"]["median"], who["kvm"]["median"]) for event, who in data["exits"].items()
            if "trivet" in who and "kvm" in who and max(who["trivet"]["median"], who["kvm"]["median"]) > 1]
    if not rows:
        return False
    file = work / "exits.dat"
    file.write_text("".join(f"{ours} {theirs}\n" for _, ours, theirs in rows))
    tics = ", ".join(f"'{event}' {i}" for i, (event, _, _) in enumerate(rows))
    draw(SCRIPT.format(height=60 + 24 * len(rows), out=out, count=len(rows), tics=tics, data=file))
    return True


def draw_late(data, out, work):
    """The two distributions: lower and upper end of each bucket, of which there are four between two powers of two.  False: not measured."""
    words = {"out": out}
    for who in ("idle", "busy"):
        rows = data.get("tables", {}).get(f"late.{who}")
        if not rows:
            return False
        words[who] = work / f"{who}.dat"
        words[who].write_text("".join(f"{ticks} {n} {ticks + (1 << ticks.bit_length() - 3)}\n" for ticks, n in rows))
        words[f"{who}_max"] = data["figures"][f"late.{who}.max"]
    draw(LATE.format(**words))
    return True


def main():
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} bench.json EXITS.svg LATE.svg")
    try:
        data = bench_report.read(Path(sys.argv[1]))
    except (OSError, ValueError) as problem:
        sys.exit(f"bench-plot: {problem}")
    with tempfile.TemporaryDirectory(prefix="trivet-") as name:
        drawn = [draw_exits(data, sys.argv[2], Path(name)), draw_late(data, sys.argv[3], Path(name))]
    if not any(drawn):
        sys.exit(f"bench-plot: {sys.argv[1]} has neither exits measured under both nor wake-ups; run `make bench`")


if __name__ == "__main__":
    main()
