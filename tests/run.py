#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests: `run.py [PATTERN]`, or `run.py --fuzz SECONDS [PATTERN]` for a longer fuzz of every target.

Every kind of test is a row of KINDS: how to find its tests, how to run one, how long one may take, and on which platforms, if it
needs a machine.  A run of a test on a platform yields a list of results; its log is build/test/KIND-NAME[@PLATFORM].log.  A table of test
and platform comes at the end; the last line counts all results.  docs/testing.md has the protocols."""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

sys.dont_write_bytecode = True
TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / "tools"))

import bootest  # noqa: E402
import table  # noqa: E402

BUILD = TREE / "build"
LOGS = BUILD / "test"
PARALLEL = 2
FUZZ_RUNS, FUZZ_SECONDS = 200000, 10

Result = collections.namedtuple("Result", "outcome name detail")        # outcome: "pass", "fail" or "skip"
Kind = collections.namedtuple("Kind", "name find run seconds platforms", defaults=[None])
PLATFORMS = ["qemu-svm", "bochs-vmx", "bochs-svm"]
options = None


def command(test, *words, seconds, env=None):
    """Run a program into the test's log; returns (status, what it printed), status None when its time was over."""
    with open(test.log, "wb") as log:
        try:
            status = subprocess.run([str(w) for w in words], cwd=TREE, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=subprocess.STDOUT, timeout=seconds).returncode
        except subprocess.TimeoutExpired:
            status = None
    return status, test.log.read_text(errors="replace")


def by_status(test, status, why=""):
    """A single result for a program that says all with its exit status."""
    if status is None:
        return [Result("fail", test.name, "took too long")]
    return [Result("fail" if status else "pass", test.name, why or f"exit status {status}")]


def run_unit(test, seconds):
    """cmocka prints TAP: one line for each test function."""
    status, text = command(test, test.path, seconds=seconds, env={"CMOCKA_MESSAGE_OUTPUT": "TAP"})
    results = []
    for no, name, skip in re.findall(r"^(not )?ok \d+ - (\S+)(.*# SKIP)?", text, re.M):
        results.append(Result("fail" if no else "skip" if skip else "pass", name, ""))
    if status != 0 and not any(r.outcome == "fail" for r in results):
        results += by_status(test, status or (None if status is None else 1), f"ended with status {status}")
    return results


def run_abi(test, seconds):
    """What the script prints is kept in the tree; a difference is a change of the ABI."""
    status, text = command(test, sys.executable, "-B", test.path, seconds=seconds)
    golden = test.path.with_suffix(".golden")
    if status == 0 and golden.read_text() != text:
        changed = sorted(set(text.splitlines()) ^ set(golden.read_text().splitlines())) or ["order"]
        return [Result("fail", test.name, f"differs from {golden.relative_to(TREE)} in {len(changed)} lines, such as: {changed[0].strip()}")]
    return by_status(test, status)


def run_fuzz(test, seconds):
    """A few seconds from the kept corpus; what is found on the way goes to the build folder."""
    subject = test.path.name.removesuffix("_fuzz")
    found, kept = BUILD / "test/corpus" / subject, TREE / "tests/fuzz/corpus" / subject
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={options.fuzz}"] if options.fuzz else [f"-runs={FUZZ_RUNS}", f"-max_total_time={FUZZ_SECONDS}"]
    words = [test.path, *limits, "-timeout=5", f"-artifact_prefix={LOGS}/{subject}-", found] + ([kept] if kept.is_dir() else [])
    return by_status(test, command(test, *words, seconds=seconds + (options.fuzz or 0))[0])


def run_program(test, seconds):
    return by_status(test, command(test, test.path, seconds=seconds)[0])


def run_check(test, seconds):
    status, text = command(test, "sh", test.path, seconds=seconds)
    return by_status(test, status, text.splitlines()[0] if text else "")


def run_model(test, seconds):
    """A model that Spin searches for a state that must not be.  Each of its mutants, which its comment names, must have one."""
    results = []
    mutants = re.search(r"^ \* mutants: (.+)$", test.path.read_text(), re.M)
    for mutant in ["", *(mutants[1].split() if mutants else [])]:
        with tempfile.TemporaryDirectory(prefix="trivet-") as work:
            words = f"cd {work} && spin -a {f'-D{mutant}' if mutant else ''} {test.path} && gcc -O1 -DSAFETY -o pan pan.c && ./pan -m1000000"
            status, text = command(test, "sh", "-c", words, seconds=seconds)
        errors = re.search(r"errors: (\d+)", text)
        good = status == 0 and errors and (errors[1] != "0") == bool(mutant) and "too small" not in text
        name = f"{test.name}, {mutant}: the error is found" if mutant else f"{test.name}: no error is found"
        results.append(Result("pass" if good else "fail", name, f"status {status}, {errors[0] if errors else 'no result'}"))
    return results


def run_boot(test, seconds):
    """A program in root's place, or a guest of its own, in an emulated machine."""
    return [Result(*r) for r in bootest.run(test.kind, test.path, test.platform, test.log, seconds)]


def run_pytest(test, seconds):
    report = test.log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    status, _ = command(test, sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                        f"--platform={test.platform}", test.path, seconds=seconds)
    if not report.exists():
        return by_status(test, status if status is None else status or 1)
    results = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        detail = (bad[0].get("message") or "").splitlines()[:1] if bad else [skipped.get("message") or ""] if skipped is not None else []
        results.append(Result("fail" if bad else "skip" if skipped is not None else "pass", case.get("name"), "".join(detail)))
    return results


def everywhere(_):
    return PLATFORMS


def files_for(path):
    """Where some test of a file of system tests runs, as its marks say; without a mark on QEMU.  Host: no machine is needed."""
    text = path.read_text()
    named = " ".join(re.findall(r"mark\.platforms\((.*?)\)", text)) + ("" if "pytestmark" in text else f' "{PLATFORMS[0]}"')
    return [name for name in ("host", *PLATFORMS) if f'"{name}"' in named]


KINDS = [
    #    name      where its tests are            how one is run   seconds for one    where it runs
    Kind("check",  "tools/check/*.sh",            run_check,       120),
    Kind("abi",    "tests/abi/*.py",              run_abi,         30),
    Kind("unit",   "build/tests/unit/*_test",     run_unit,        120),
    Kind("fuzz",   "build/tests/fuzz/*_fuzz",     run_fuzz,        60),
    Kind("oracle", "build/tests/fuzz/*_zydis",    run_program,     300),
    Kind("model",  "*/*.pml",                     run_model,       120),
    Kind("user",   "build/tests/user/*.elf",      run_boot,        240,               everywhere),
    Kind("guest",  "build/tests/guest/*.bin",     run_boot,        240,               everywhere),
    Kind("system", "tests/system/test_*.py",      run_pytest,      1800,              files_for),
]


class Test:
    """A test on one platform; None: it needs no machine."""

    def __init__(self, kind, path, platform):
        self.kind, self.path, self.platform = kind.name, path, platform
        self.name = path.name if kind.name in ("check", "system") else path.stem
        self.log = LOGS / f"{kind.name}-{path.stem}{f'@{platform}' if platform else ''}.log"

    def title(self):
        return f"{self.kind}/{self.name}"

    def __str__(self):
        return self.title() + (f"@{self.platform}" if self.platform else "")


def find_tests():
    """Every test whose name contains the pattern.  Of what was built, only what still has a source."""
    for kind in KINDS:
        if options.fuzz and kind.name != "fuzz":
            continue
        for path in sorted(TREE.glob(kind.find)):
            if path.suffix in (".d", ".o"):
                continue
            if path.is_relative_to(BUILD) and not list((TREE / "tests" / path.parent.name).glob(f"{path.stem}.*")):
                continue
            for platform in kind.platforms(path) if kind.platforms else [None]:
                test = Test(kind, path, platform)
                if options.pattern in str(test):
                    yield kind, test


def run_one(kind, test):
    start = time.monotonic()
    try:
        results = kind.run(test, kind.seconds) or [Result("fail", test.name, "printed no result")]
    except Exception as error:                      # a broken test must not take the others with it
        results = [Result("fail", test.name, f"{type(error).__name__}: {error}")]
    return test, results, time.monotonic() - start


def count(results):
    totals = collections.Counter(r.outcome for r in results)
    return f"{totals['pass']} passed, {totals['fail']} failed, {totals['skip']} skipped"


def main():
    global options
    parser = argparse.ArgumentParser(description="Run Trivet's tests.")
    parser.add_argument("pattern", nargs="?", default="", help="only tests with this in their name, such as unit/ or mb2")
    parser.add_argument("--fuzz", type=int, metavar="SECONDS", default=0, help="only the fuzz targets, each so long")
    options = parser.parse_args()

    LOGS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(BUILD / "test/corpus", ignore_errors=True)
    everything, ran = [], []
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(run_one, kind, test) for kind, test in find_tests()]
        for job in concurrent.futures.as_completed(jobs):
            test, results, seconds = job.result()
            everything += results
            ran.append((test, results))
            bad = [r for r in results if r.outcome == "fail"]
            print(f"{'FAIL' if bad else 'ok  '} {test} ({count(results)}; {seconds:.1f} s)", flush=True)
            for result in bad:
                print(f"     {result.name}: {result.detail or 'failed'}")
            if bad:
                print(f"     log: {test.log.relative_to(TREE)}", flush=True)
            for result in results:
                if result.outcome == "skip":
                    print(f"     skipped: {result.name}: {result.detail}", flush=True)
    print(table.text(ran, PLATFORMS), end="")
    print(count(everything))
    return 0 if any(r.outcome == "pass" for r in everything) and not any(r.outcome == "fail" for r in everything) else 1


if __name__ == "__main__":
    sys.exit(main())
