# SPDX-License-Identifier: Apache-2.0
"""Where figures go: printed as they come, and kept in one JSON file for comparisons and plots."""
import json
import subprocess

FORMAT = 1


def git(tree, *command):
    """One line of git's answer, or "" outside of a repository and without git."""
    try:
        result = subprocess.run(["git", "-C", str(tree), *command], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


class Report:
    """Figures of one run: numbers by name, and per exit its statistics under Trivet and KVM."""

    def __init__(self, tree):
        self.data = {"format": FORMAT, "commit": git(tree, "rev-parse", "HEAD"),
                     "changed": bool(git(tree, "status", "--porcelain", "--untracked-files=no")), "figures": {}, "exits": {}}

    def put(self, name, value, note=""):
        """A number."""
        self.data["figures"][name] = value
        print(f"{name}={value}{' (' + note + ')' if note else ''}", flush=True)

    def put_exit(self, event, who, statistics):
        self.data["exits"].setdefault(event, {})[who] = statistics

    def put_table(self, name, rows):
        """Rows of numbers, for plots; not printed."""
        self.data.setdefault("tables", {})[name] = rows

    def write(self, path):
        path.write_text(json.dumps(self.data, indent=1) + "\n")


def read(path):
    """The data of a report; ValueError: it is none."""
    data = json.loads(path.read_text())
    if data.get("format") != FORMAT:
        raise ValueError(f"{path}: format {data.get('format')}, expected {FORMAT}")
    return data
