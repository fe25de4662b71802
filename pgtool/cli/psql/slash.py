r"""The arguments of a backslash command: words, quotes, variables, what a shell answers.

An argument ends at a blank, or at a backslash: there the next command begins, or with a
double one SQL goes on. Quotes in single form know escapes; double ones stay, and keep blanks
together; what backquotes hold is run by the shell.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping

from pgtool.cli.psql.scan import literal, quoted_name

__all__ = ["Arguments", "command_name"]

_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "r": "\r", "f": "\f"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.S)
_VARIABLE = re.compile(r""":(?:(?P<plain>\w+)|'(?P<literal>\w+)'|"(?P<name>\w+)")""")
_TEST = re.compile(r":\{\?(\w+)\}")
_SINGLE = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)
_PLAIN = re.compile(r"""[^\s\\'"`:]+""")


def command_name(text: str, at: int) -> tuple[str, int]:
    """The name of the command that begins there, and where it ends."""
    match = re.compile(r"[^\s\\]*").match(text, at)
    assert match is not None
    name = match[0]
    # An argument may follow a quote at once.
    if name[:1] == "!":
        name = "!"
    return name, at + len(name)


class _Unterminated(Exception):
    """A quote that nothing ends."""


class Arguments:
    """What follows a command's name on its line; ``active`` False: only scanned over."""

    def __init__(
        self, text: str, at: int, variables: Mapping[str, str], complain: Callable[..., None],
        active: bool = True,
    ) -> None:  # fmt: skip
        self.text = text
        self.at = at
        self.variables = variables
        self.complain = complain
        self.active = active
        #: The character that quoted the last argument, or "".
        self.quoted = ""

    def _skip_blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def word(self, *, semicolon: bool = False, name: str = "") -> str | None:
        """The next argument. ``semicolon``: one at the end is no part of it.

        ``name``: "id" takes double quotes off and folds what they do not hold; "keep" does
        not fold.
        """
        self._skip_blanks()
        self.quoted = ""
        if self.at >= len(self.text) or self.text[self.at] == "\\":
            return None
        out = ""
        bare = True
        while self.at < len(self.text):
            c = self.text[self.at]
            if c.isspace() or c == "\\":
                break
            try:
                piece, was_quoted = self._piece(c, name)
            except _Unterminated:
                self.complain("unterminated quoted string", "error")
                return None
            bare = not was_quoted
            out += piece
        if semicolon and bare:
            out = out.rstrip(";")
            if not out and not self.quoted:
                return None
        return out

    def _piece(self, c: str, name: str) -> tuple[str, bool]:
        """The next piece of an argument, and whether it was quoted."""
        if c == "'":
            self.quoted = "'"
            return self._single(), True
        if c == '"':
            self.quoted = '"'
            return self._double(name), True
        if c == "`":
            self.quoted = "`"
            return self._backquoted(), True
        if c == ":":
            return self._variable()
        match = _PLAIN.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return match[0].lower() if name == "id" else match[0], False

    def _single(self) -> str:
        match = _SINGLE.match(self.text, self.at)
        if match is None:
            self.at = len(self.text)
            raise _Unterminated
        self.at = match.end()
        body = match[0][1:-1].replace("''", "'")
        return _ESCAPE.sub(_escape, body)

    def _double(self, name: str) -> str:
        end = self.text.find('"', self.at + 1)
        if end < 0:
            self.at = len(self.text)
            raise _Unterminated
        body = self.text[self.at : end + 1]
        self.at = end + 1
        return body[1:-1] if name else body

    def _backquoted(self) -> str:
        end = self.text.find("`", self.at + 1)
        if end < 0:
            self.at = len(self.text)
            raise _Unterminated
        command = self.text[self.at + 1 : end]
        self.at = end + 1
        if not self.active:
            return ""
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            return ""
        return done.stdout.decode("utf-8", "replace").rstrip("\r\n")

    def _variable(self) -> tuple[str, bool]:
        test = _TEST.match(self.text, self.at)
        if test is not None:
            self.at = test.end()
            return "TRUE" if test[1] in self.variables else "FALSE", False
        match = _VARIABLE.match(self.text, self.at)
        name = "" if match is None else match[match.lastgroup or 0]
        if match is None or name not in self.variables or not self.active:
            self.at += 1
            return ":", False
        self.at = match.end()
        value = self.variables[name]
        if match["plain"]:
            return value, True
        self.quoted = ":"
        return literal(value) if match["literal"] else quoted_name(value), True

    def words(self, *, semicolon: bool = False) -> list[str]:
        """All that is left, one by one."""
        out = []
        while (word := self.word(semicolon=semicolon)) is not None:
            out.append(word)
        return out

    def file(self) -> str | None:
        """A file's name, or a pipe: all that follows, as it is."""
        self._skip_blanks()
        if self.text[self.at : self.at + 1] == "|":
            return self.line()
        return self.word()

    def line(self, *, semicolon: bool = False) -> str:
        """All of the line, as it is."""
        out = self.text[self.at :].strip()
        self.at = len(self.text)
        return out.rstrip("; \t") if semicolon else out

    def end(self, command: str) -> None:
        """No argument is expected any more; a double backslash goes back to SQL."""
        while self.active and (word := self.word()) is not None:
            self.complain(f'\\{command}: extra argument "{word}" ignored', "warning")
        if not self.active:
            self.skip()
        if self.text.startswith("\\\\", self.at):
            self.at += 2

    def skip(self) -> None:
        """Pass over arguments that do not count."""
        while self.word() is not None:
            pass


def _escape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 8) & 255)
    return _ESCAPES.get(match[3], match[3])
