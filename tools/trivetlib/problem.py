# SPDX-License-Identifier: Apache-2.0
"""How every tool says what is wrong: one line each, with the place, and what was expected."""
import difflib


class Problem(Exception):
    """One thing that is wrong with an input.  str() is the line to print."""

    def __init__(self, text, file=None, line=None, key=None):
        super().__init__(text)
        self.text, self.file, self.line, self.key = text, file, line, key

    def __str__(self):
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return place + (f"{self.key}: " if self.key else "") + self.text


class NoEmulator(Problem):
    """An emulator is missing, or cannot start on this machine."""


class Problems(Exception):
    """Several of them, in the order of the file."""

    def __init__(self, problems):
        super().__init__()
        self.problems = sorted(problems, key=lambda p: p.line or 0)

    def __str__(self):
        return "\n".join(str(p) for p in self.problems)


def did_you_mean(word, names):
    """'; did you mean "name"?' for the nearest of @names, or '' when none is near."""
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
