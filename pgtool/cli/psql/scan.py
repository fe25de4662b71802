"""Splitting input as psql does: at semicolons outside quotes, comments and parentheses.

A :class:`Scanner` is fed lines and yields statements when they are complete, and backslash
commands. Variables are put in on the way: ``:name``, ``:'name'``, ``:"name"`` and
``:{?name}``, outside quotes only, and only those that are set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Item", "Scanner", "put_in", "substitute"]

_TOKEN = re.compile(
    r"""(?P<line>--[^\n]*)|(?P<comment>/\*)|(?P<estring>[eE]')|(?P<string>')|(?P<name>")
    |(?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z_0-9\x80-\U0010ffff]*)?\$)
    |(?P<cast>::|:=)|(?P<test>:\{\?\w+\})|(?P<var>:(?:\w+|'\w+'|"\w+"))
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)|(?P<number>\d[\w.]*)
    |(?P<open>[(\[])|(?P<close>[)\]])|(?P<semi>;)|(?P<back>\\)""",
    re.X,
)
_ENDS = {
    "string": re.compile(r"'"), "name": re.compile(r'"'),
    "estring": re.compile(r"(?:[^'\\]|\\.|'')*'", re.S), "comment": re.compile(r"/\*|\*/"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A statement, or a backslash command (with its backslash); ``line`` is where it ends."""

    text: str
    line: int
    is_command: bool = False


class Scanner:
    """The state between lines: what is open, what is gathered."""

    def __init__(self, variables: dict[str, str], *, split: bool = True) -> None:
        self.variables = variables
        self.split = split
        self.buffer = ""
        self.line = 0
        self._reset()

    def _reset(self) -> None:
        self.buffer = ""
        self.state = ""
        self.tag = ""
        self.depth = 0
        self.nesting = 0
        self.body = 0
        self.words: list[str] = []

    @property
    def prompt(self) -> str:
        """The character that tells in a prompt what is open."""
        if self.state:
            shown = {"string": "'", "estring": "'", "name": '"', "dollar": "$", "comment": "*"}
            return shown[self.state]
        if self.depth:
            return "("
        return "-" if self.buffer.strip() else "="

    def feed(self, line: str) -> Iterator[Item]:
        """One line without its line end; what it completes."""
        self.line += 1
        at = 0
        if self.buffer:
            self._add("\n")
        while at < len(line):
            if self.state:
                at = self._inside(line, at)
                continue
            match = _TOKEN.search(line, at)
            if match is None:
                self._add(line[at:])
                break
            self._add(line[at : match.start()])
            kind = str(match.lastgroup)
            if kind == "back" and self.split:
                yield from self._command(line, match)
                return
            if kind == "semi" and self.split and not self.depth and not self.body:
                yield from self._complete(";")
            else:
                self._token(kind, match[0])
            at = match.end()

    def rest(self) -> Iterator[Item]:
        """What is left without a semicolon at the end of the input."""
        yield from self._complete("")

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
        if kind in _ENDS or kind == "dollar":
            self.state, self.tag, self.nesting = kind, text, 1
        elif kind in ("open", "close"):
            self.depth = max(self.depth + (1 if kind == "open" else -1), 0)
        elif kind == "word":
            self._word(text.lower())
        elif kind in ("var", "test"):
            text = substitute(text, self.variables)
        self._add(text)

    def _word(self, word: str) -> None:
        """CREATE FUNCTION … BEGIN ATOMIC … END holds semicolons."""
        if len(self.words) < 4:
            self.words.append(word)
        routine = self.words[:1] == ["create"] and {"function", "procedure"} & set(self.words)
        if (routine and word == "begin") or (self.body and word == "case"):
            self.body += 1
        elif self.body and word == "end":
            self.body -= 1

    def _inside(self, line: str, at: int) -> int:
        """Within quotes or a comment: go on to where they end, or to the line's end."""
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
        if closed:
            self.state = ""
        return stop

    def _command(self, line: str, match: re.Match[str]) -> Iterator[Item]:
        r"""A backslash command: \g and \gx send the statement, others stand for themselves."""
        text = line[match.start() :]
        name = text[1:].split(None, 1)[0] if text[1:].split() else ""
        if name == ";":
            self._add(";")
            yield from self.feed_rest(text[2:])
            return
        if name in ("g", "gx", "crosstabview", "gset", "gexec", "gdesc") and self.buffer.strip():
            statement = Item(self.buffer.rstrip(), self.line)
            self._reset()
            yield Item(text, self.line, True)
            yield statement
            return
        if name in ("r", "reset"):
            self._reset()
        yield Item(text, self.line, True)

    def feed_rest(self, text: str) -> Iterator[Item]:
        """The rest of a line."""
        self.line -= 1
        joined = self.feed(text)
        yield from joined

    def _complete(self, end: str) -> Iterator[Item]:
        text = self.buffer + end
        self._reset()
        if _is_statement(text):
            yield Item(text, self.line)


def put_in(text: str, variables: dict[str, str]) -> str:
    """A text of several statements with its variables put in, outside quotes and comments."""
    scanner = Scanner(variables, split=False)
    if not _VARIABLE.search(text):
        return text
    for line in text.split("\n"):
        list(scanner.feed(line))
    return scanner.buffer


def _is_statement(text: str) -> bool:
    """Whether anything but comments and semicolons is there."""
    bare = re.sub(r"--[^\n]*", "", text)
    bare = re.sub(r"/\*.*?\*/", "", bare, flags=re.S)
    return bool(bare.strip().strip(";").strip())


_VARIABLE = re.compile(r"""::|:\{\?(\w+)\}|:(\w+)|:'(\w+)'|:"(\w+)\"""")


def substitute(text: str, variables: dict[str, str]) -> str:
    """Variables of a text put in; unset ones stay."""

    def value(match: re.Match[str]) -> str:
        test, plain, literal, name = match.groups()
        if test:
            return "TRUE" if test in variables else "FALSE"
        found = variables.get(plain or literal or name or "")
        if found is None:
            return match[0]
        if plain:
            return found
        if literal:
            quoted = found.replace("'", "''")
            return f" E'{quoted}'".replace("\\", "\\\\") if "\\" in found else f"'{quoted}'"
        return '"' + found.replace('"', '""') + '"'

    return _VARIABLE.sub(value, text)
