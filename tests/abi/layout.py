#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints everything of include/abi/ that a program built earlier depends on: sizes and offsets of all structures, values of all
enumerations, texts of all macros.  The golden file beside it is what was agreed on:

	tests/abi/layout.py >tests/abi/layout.golden	# after a deliberate change, with a new TV_ABI_VERSION

Nothing is listed by hand: the compiler writes all types into debug information, which readelf prints."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
HEADERS = sorted(path.relative_to(TREE / "include") for path in (TREE / "include/abi").glob("*.h"))
CC = ["gcc", "-std=c11", "-ffreestanding", f"-I{TREE / 'include'}", "-x", "c"]
TEXT = "".join(f"#include <{header}>\n" for header in HEADERS)


def compile_text(*options):
    return subprocess.run([*CC, *options, "-"], input=TEXT, capture_output=True, text=True, check=True).stdout


def macros():
    for line in sorted(compile_text("-E", "-dM").splitlines()):
        if match := re.fullmatch(r"#define (TV_\w+)(\([\w, ]*\))? (.+)", line):
            yield f"{match[1]}{match[2] or ''} = {' '.join(match[3].split())}"


def entries(dump):
    """(depth, tag, attributes) of each debugging entry."""
    entry = None
    for line in dump.splitlines():
        if match := re.match(r" <(\d+)><\w+>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)", line):
            if entry:
                yield entry
            entry = (int(match[1]), match[2], {})
        elif entry and (match := re.match(r"\s+<\w+>\s+DW_AT_(\w+)\s*: (?:\([^()]*\):? ?)*(.*?)\s*$", line)):
            entry[2][match[1]] = match[2]
    if entry:
        yield entry


def types():
    with tempfile.NamedTemporaryFile(suffix=".o") as out:
        compile_text("-c", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types", "-o", out.name)
        dump = subprocess.run(["readelf", "--debug-dump=info", "-W", out.name], capture_output=True, text=True, check=True).stdout
    inside = False
    for depth, tag, attributes in entries(dump):
        name = attributes.get("name", "")
        if depth == 1:
            inside = tag in ("structure_type", "union_type", "enumeration_type") and name.startswith("tv_")
            if inside:
                yield f"{tag.split('_')[0]} {name}: {int(attributes['byte_size'], 0)} bytes"
        elif inside and tag == "member":
            yield f"\t{int(attributes['data_member_location'], 0):4} {name}"
        elif inside and tag == "enumerator":
            yield f"\t{name} = {int(attributes['const_value'], 0)}"


sys.stdout.writelines(line + "\n" for line in [*types(), *macros()])
