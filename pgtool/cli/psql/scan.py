"""Scanning input as psql does: statements end at semicolons outside quotes and parentheses.

A :class:`Scanner` is given lines and tells what it met: the end of a statement, a backslash,
the end of the line. What it gathers is the query buffer, which the caller owns. Variables are
put in on the way: ``:name``, ``:'name'``, ``:"name"`` and ``:{?name}``, outside quotes only
and only those that are set; the text of ``:name`` is scanned in its turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum

__all__ = ["Met", "Scanner", "literal", "put_in", "quoted_name"]

_TOKEN = re.compile(
    r"""(?P<line>--[^\n]*)|(?P<comment>/\*)|(?P<estring>[eE]')|(?P<string>')|(?P<name>")
    |(?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z_0-9\x80-\U0010ffff]*)?\$)
    |(?P<cast>::|:=)|(?P<test>:\{\?\w+\})|(?P<var>:(?:\w+|'\w+'|"\w+"))
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)|(?P<number>\d[\w.]*)
    |(?P<open>[(\[])|(?P<close>[)\]])|(?P<semi>;)|(?P<back>\\)""",
    re.X,
)
#: Within a plain line: anything but marks, strings, lone minus and slash.
_INNER = r"""[^'"\\;:$/\-()\[\]]++|'[^'\\]*+'|-(?!-)|/(?!\*)"""
_LIST = rf"\((?:{_INNER})*+\)"
#: A line that is one statement in which nothing asks for the scanner. (One that creates may
#: have a body.)
_WHOLE = re.compile(
    rf"\s*+(?=[a-z])(?!create\b)((?:{_INNER}|\((?:{_INNER}|{_LIST})*+\))++;)\s*", re.I
)
_VARIABLE = re.compile(r""":(?:(\w+)|['"](\w+)['"])""")
_ENDS = {
    "string": re.compile(r"'"), "name": re.compile(r'"'),
    "estring": re.compile(r"(?:[^'\\]|\\.|'')*'", re.S), "comment": re.compile(r"/\*|\*/"),
}  # fmt: skip
_MARKS = {"string": "'", "estring": "'", "name": '"', "dollar": "$", "comment": "*"}


class Met(Enum):
    """What the scanner stopped at."""

    SEMICOLON = "semicolon"
    BACKSLASH = "backslash"
    END = "end"


class Scanner:
    """The state between lines: what is open, what is gathered, what is left of the line."""

    def __init__(
        self, variables: Mapping[str, str], *, split: bool = True,
        warn: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        self.variables = variables
        self.split = split
        self.warn = warn
        #: Whether variables are put in: not where conditions skip the text.
        self.active = True
        self.buffer = ""
        self.text = ""
        self.at = 0
        self.reset()

    def reset(self) -> None:
        """Begin a statement; what is left of the line stays."""
        self.buffer = ""
        self.state = ""
        self.tag = ""
        self.depth = 0
        self.nesting = 0
        self.body = 0
        self.words: list[str] = []

    @property
    def mark(self) -> str:
        """The character that tells in a prompt what is open."""
        if self.state:
            return _MARKS[self.state]
        if self.depth:
            return "("
        return "-" if self.buffer.strip() else "="

    # -- a line ------------------------------------------------------------------------

    def takes_whole(self, line: str) -> bool:
        """Take a line at once that is one plain statement; False where it is to be scanned."""
        if self.buffer or self.state:
            return False
        match = _WHOLE.fullmatch(line)
        if match is None:
            return False
        self.text, self.at, self.buffer = line, len(line), match[1]
        return True

    def start(self, line: str) -> None:
        """One line without its line end."""
        self.text, self.at = line, 0
        self._spliced: list[tuple[str, int]] = []
        self._before = len(self.buffer)
        self._newline = bool(self.buffer)
        if self._newline:
            self.buffer += "\n"

    def scan(self) -> Met:
        """Go on to where something has to be done."""
        while self.at < len(self.text):
            if self.state:
                self._inside()
                continue
            match = _TOKEN.search(self.text, self.at)
            if match is None:
                self._add(self.text[self.at :])
                break
            self._add(self.text[self.at : match.start()])
            self.at = match.end()
            kind = str(match.lastgroup)
            if kind == "back" and self.split:
                if self.text[self.at : self.at + 1] in (";", ":"):
                    self._add(self.text[self.at])
                    self.at += 1
                    continue
                self._strip_newline()
                return Met.BACKSLASH
            if kind == "semi" and self.split and not self.depth and not self.body:
                self._add(";")
                return Met.SEMICOLON
            self._token(kind, match[0])
        self.at = len(self.text)
        self._strip_newline()
        return Met.END

    def _strip_newline(self) -> None:
        """A line that added nothing leaves no line end behind."""
        if self._newline and len(self.buffer) == self._before + 1:
            self.buffer = self.buffer[:-1]
        self._newline = False

    @property
    def rest(self) -> str:
        """What is left of the line."""
        return self.text[self.at :]

    # -- tokens ------------------------------------------------------------------------

    def _add(self, text: str) -> None:
        if not self.buffer:
            # Leading blank lines and spaces are not sent.
            text = text.lstrip()
        self.buffer += text

    def _token(self, kind: str, text: str) -> None:
        if kind == "line":
            if self.buffer:
                self.buffer += text
            return
        if kind == "var" and self.active and self._variable(text):
            return
        if kind == "test" and self.active:
            text = "TRUE" if text[3:-1] in self.variables else "FALSE"
        elif kind in _ENDS or kind == "dollar":
            self.state, self.tag, self.nesting = kind, text, 1
        elif kind in ("open", "close"):
            self.depth = max(self.depth + (1 if kind == "open" else -1), 0)
        elif kind == "word":
            self._word(text.lower())
        elif kind == "var":
            # Nothing is set by that name: the colon is an operator, what follows its operand.
            self._add(":")
            self.at -= len(text) - 1
            return
        self._add(text)

    def _variable(self, text: str) -> bool:
        """Put a variable in; False if there is none."""
        quote = text[1] if text[1] in "'\"" else ""
        name = text.strip(":'\"")
        value = self.variables.get(name)
        if value is None:
            return False
        if quote:
            self._add(literal(value) if quote == "'" else quoted_name(value))
            return True
        left = len(self.text) - self.at
        self._spliced = [item for item in self._spliced if left >= item[1]]
        if any(item[0] == name for item in self._spliced):
            if self.warn is not None:
                self.warn(f'skipping recursive expansion of variable "{name}"')
            return False
        self._spliced.append((name, left))
        self.text, self.at = value + self.text[self.at :], 0
        return True

    def _word(self, word: str) -> None:
        """CREATE FUNCTION … BEGIN ATOMIC … END holds semicolons."""
        if len(self.words) < 4:
            self.words.append(word)
        routine = self.words[:1] == ["create"] and {"function", "procedure"} & set(self.words)
        if (routine and word == "begin") or (self.body and word == "case"):
            self.body += 1
        elif self.body and word == "end":
            self.body -= 1

    def _inside(self) -> None:
        """Within quotes or a comment: go on to where they end, or to the line's end."""
        line, at = self.text, self.at
        if self.state == "dollar":
            end = line.find(self.tag, at)
            stop = len(line) if end < 0 else end + len(self.tag)
            closed = end >= 0
        elif self.state == "estring":
            match = _ENDS["estring"].match(line, at)
            stop, closed = (match.end(), True) if match else (len(line), False)
        else:
            match = _ENDS[self.state].search(line, at)
            stop, closed = (match.end(), True) if match else (len(line), False)
            if match and self.state == "comment":
                self.nesting += 1 if match[0] == "/*" else -1
                closed = self.nesting == 0
        self.buffer += line[at:stop]
        self.at = stop
        if closed:
            self.state = ""


def literal(text: str) -> str:
    """A text as an SQL literal, as psql quotes it."""
    quoted = text.replace("'", "''")
    return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in text else f"'{quoted}'"


def quoted_name(text: str) -> str:
    """A text as a quoted SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def put_in(text: str, variables: Mapping[str, str]) -> str:
    """A text of several statements with its variables put in, outside quotes and comments."""
    names = (match[1] or match[2] for match in _VARIABLE.finditer(text))
    if not any(name in variables for name in names) and ":{?" not in text:
        return text
    scanner = Scanner(variables, split=False)
    scanner.start(text)
    scanner.scan()
    return scanner.buffer
