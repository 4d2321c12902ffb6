# SPDX-License-Identifier: Apache-2.0
"""On which line does each key of a TOML file stand?  tomllib does not say.

The text has been accepted by tomllib before, so this scanner only has to find its way, not to judge."""


class _Scanner:
    def __init__(self, text):
        self.text, self.at = text, 0
        self.lines = {(): 1}

    def line(self):
        return self.text.count("\n", 0, self.at) + 1

    def peek(self):
        return self.text[self.at:self.at + 1]

    def skip(self, blanks):
        """Skip characters of @blanks and, where a newline is among them, comments."""
        while self.at < len(self.text):
            if self.peek() == "#" and "\n" in blanks:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.peek() in blanks:
                self.at += 1
            else:
                break

    def string(self):
        """Skip a string of any of the four kinds; returns what is between the quotes, escapes untouched."""
        quote = self.peek()
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        start = self.at = self.at + len(fence)
        while not self.text.startswith(fence, self.at):
            self.at += 2 if self.peek() == "\\" and quote == '"' else 1
        inside = self.text[start:self.at]
        self.at += len(fence)
        while len(fence) == 3 and self.peek() == quote:     # up to two quotes may stand before the closing three
            self.at += 1
        return inside

    def key(self):
        """A dotted key as a tuple."""
        parts = []
        while True:
            self.skip(" \t")
            if self.peek() in "\"'":
                parts.append(self.string())
            else:
                start = self.at
                while self.peek().isalnum() or self.peek() in ("_", "-"):
                    self.at += 1
                parts.append(self.text[start:self.at])
            self.skip(" \t")
            if self.peek() != ".":
                return tuple(parts)
            self.at += 1

    def pair(self, table):
        line = self.line()
        path = table + self.key()
        for length in range(len(table) + 1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
        self.at += 1                                        # the "="
        self.skip(" \t")
        self.value(path)

    def value(self, path):
        if self.peek() in "\"'":
            self.string()
        elif self.peek() == "{":
            self.at += 1
            self.skip(" \t")
            while self.peek() != "}":
                self.pair(path)
                self.skip(" \t,")
            self.at += 1
        elif self.peek() == "[":
            self.at += 1
            self.skip(" \t\r\n,")
            while self.peek() != "]":
                self.value(path)
                self.skip(" \t\r\n,")
            self.at += 1
        else:
            while self.peek() and self.peek() not in ",]}\r\n#":
                self.at += 1

    def document(self):
        table = ()
        while True:
            self.skip(" \t\r\n")
            if not self.peek():
                return self.lines
            if self.peek() == "[":
                line = self.line()
                while self.peek() == "[":
                    self.at += 1
                table = self.key()
                for length in range(1, len(table) + 1):
                    self.lines.setdefault(table[:length], line)
                while self.peek() == "]":
                    self.at += 1
            else:
                self.pair(table)


def key_lines(text):
    """{path of a key as a tuple: its line}, for tables as well; () is line 1."""
    return _Scanner(text).document()
