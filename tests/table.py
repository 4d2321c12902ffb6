# SPDX-License-Identifier: Apache-2.0
"""The table of tests and platforms at the end of a test run."""
import collections


def rows(ran, platforms):
    """{(name of the row, platform): [result]} of the tests that need a machine: a row is a program, or a function of a system test."""
    cells = collections.defaultdict(list)
    for test, results in ran:
        for result in results if test.platform in platforms else []:
            name = f"{test.title()}: {result.name.split('[')[0]}" if test.kind == "system" else test.title()
            cells[name, test.platform].append(result)
    return cells


def cell(results):
    """Such as "12 pass", "1 FAIL of 12", "skip"; "-" for a test that is not meant for the platform."""
    count = collections.Counter(result.outcome for result in results)
    if not results:
        return "-"
    if count["fail"]:
        return f"{count['fail']} FAIL of {len(results)}"
    skipped = f"{count['skip']} skip" if count["skip"] else ""
    passed = f"{count['pass']} pass" if count["pass"] else ""
    return ", ".join(filter(None, (passed, skipped)))


def text(ran, platforms):
    """The table, then why something was skipped; empty if no test needed a machine."""
    cells = rows(ran, platforms)
    names = sorted({name for name, _ in cells})
    if not names:
        return ""
    width = max(map(len, names))
    lines = ["", "  ".join([f"{'test':{width}}", *(f"{p:14}" for p in platforms)]).rstrip()]
    lines += ["  ".join([f"{name:{width}}", *(f"{cell(cells.get((name, p), [])):14}" for p in platforms)]).rstrip() for name in names]
    skipped = sorted({f"{name}@{platform}: {result.detail}" for (name, platform), results in cells.items() for result in results
                      if result.outcome == "skip"})
    lines += ["", "skipped:", *skipped] if skipped else []
    return "\n".join([*lines, "", ""])
