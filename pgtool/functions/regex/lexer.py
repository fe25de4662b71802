"""Regular expressions taken apart into tokens: advanced (ARE), extended (ERE), literal.

A token is (kind, value). Kinds: ``char``, ``class`` and ``notclass`` (a name), ``[`` (with
whether it is negated; the parser then reads the set through :meth:`Lexer.bracket`),
``.``, ``^``, ``$``, ``A``, ``Z``, ``<``, ``>``, ``y``, ``Y``, ``(`` (with whether it
captures), ``)``, ``|``, ``look`` (ahead, positive), ``*``, ``+``, ``?`` (with whether it is
greedy), ``{`` (low, high, preference or None), ``backref`` and ``end``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from pgtool.errors import SqlError, Unsupported

__all__ = ["Flags", "Lexer", "bad_regex"]

Token = tuple[str, Any]
DUPMAX = 255
_SPACE = " \t\n\v\f\r"


def bad_regex(what: str) -> SqlError:
    """The error for an expression that is wrong."""
    return SqlError(f"invalid regular expression: {what}", "2201B")


@dataclass(frozen=True)
class Flags:
    """How an expression is read: its flavour and its options."""

    extended: bool = True
    advanced: bool = True
    quote: bool = False
    ignore_case: bool = False
    expanded: bool = False
    newline_stops: bool = False
    newline_anchors: bool = False


#: Escapes for one character.
_SIMPLE = {
    "a": "\a", "b": "\b", "B": "\\", "e": "\033", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v",
}  # fmt: skip
_CLASSES = {
    "d": ("class", "digit"), "s": ("class", "space"), "w": ("class", "word"),
    "D": ("notclass", "digit"), "S": ("notclass", "space"), "W": ("notclass", "word"),
}  # fmt: skip
_PLACES = {"A": "A", "Z": "Z", "m": "<", "M": ">", "y": "y", "Y": "Y"}
_HEX = "0123456789abcdefABCDEF"
_OPTIONS: dict[str, dict[str, bool]] = {
    "c": {"ignore_case": False}, "i": {"ignore_case": True},
    "e": {"extended": True, "advanced": False, "quote": False},
    "m": {"newline_stops": True, "newline_anchors": True},
    "n": {"newline_stops": True, "newline_anchors": True},
    "p": {"newline_stops": True, "newline_anchors": False},
    "q": {"quote": True, "advanced": False, "extended": False},
    "s": {"newline_stops": False, "newline_anchors": False},
    "t": {"expanded": False}, "w": {"newline_stops": False, "newline_anchors": True},
    "x": {"expanded": True}, "b": {"extended": False, "advanced": False, "quote": False},
}  # fmt: skip


def with_options(flags: Flags, letters: str) -> Flags:
    """Flags changed by option letters; KeyError for one that does not exist."""
    values = dict(flags.__dict__)
    for letter in letters:
        values.update(_OPTIONS[letter])
    return Flags(**values)


class Lexer:
    """Tokens of one expression; ``groups`` counts the captures opened so far."""

    def __init__(self, pattern: str, flags: Flags) -> None:
        self.text = pattern
        self.at = 0
        self.flags = flags
        self.groups = 0
        self._prefixes()
        if not (self.flags.quote or self.flags.extended):
            raise Unsupported("basic regular expressions")

    def _prefixes(self) -> None:
        if self.flags.quote:
            return
        if len(self.text) >= 4 and self.text.startswith("***"):
            kind = self.text[3]
            self.at = 4
            if kind == "=":
                self.flags = Flags(False, False, True, self.flags.ignore_case)
                return
            if kind == "?":
                raise bad_regex("invalid regexp (reg version 0.8)")
            if kind != ":":
                raise bad_regex("quantifier operand invalid")
            self.flags = with_options(self.flags, "e")
            self.flags = Flags(**{**self.flags.__dict__, "advanced": True})
        if not self.flags.advanced:
            return
        match = re.compile(r"\(\?([a-zA-Z]+)(\))?").match(self.text, self.at)
        if match is None:
            return
        try:
            self.flags = with_options(self.flags, match[1])
        except KeyError:
            raise bad_regex("invalid embedded option") from None
        if not match[2]:
            raise bad_regex("invalid embedded option")
        self.at = match.end()
        if self.flags.quote:
            self.flags = Flags(False, False, True, self.flags.ignore_case)

    def _fail(self, what: str) -> NoReturn:
        raise bad_regex(what)

    def _take(self, what: str) -> bool:
        if self.text.startswith(what, self.at):
            self.at += len(what)
            return True
        return False

    def _skip(self) -> None:
        """White space and comments of the expanded syntax."""
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char.isspace():
                self.at += 1
            elif char == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif text.startswith("(?#", self.at):
                end = text.find(")", self.at)
                self.at = len(text) if end < 0 else end + 1
            else:
                return

    def next(self) -> Token:
        """The next token."""
        if self.flags.expanded:
            self._skip()
        while self.flags.advanced and self.text.startswith("(?#", self.at):
            end = self.text.find(")", self.at + 3)
            self.at = len(self.text) if end < 0 else end + 1
            if self.flags.expanded:
                self._skip()
        if self.at >= len(self.text):
            return ("end", None)
        char = self.text[self.at]
        self.at += 1
        if self.flags.quote:
            return ("char", char)
        if char in "*+?":
            return (char, not (self.flags.advanced and self._take("?")))
        if char in "|.^$)":
            return (char, None)
        if char == "(":
            return self._parenthesis()
        if char == "[":
            for word in "<>":
                if self._take(f"[:{word}:]]"):
                    return (word, None)
            return ("[", self._take("^"))
        if char == "{":
            return self._bound()
        if char == "\\":
            if self.at >= len(self.text):
                self._fail("invalid escape \\ sequence")
            if not self.flags.advanced:
                self.at += 1
                return ("char", self.text[self.at - 1])
            return self.escape()
        return ("char", char)

    def _parenthesis(self) -> Token:
        if not (self.flags.advanced and self._take("?")):
            return ("(", True)
        if self._take(":"):
            return ("(", False)
        for sign, value in (("=", (True, True)), ("!", (True, False)),
                            ("<=", (False, True)), ("<!", (False, False))):  # fmt: skip
            if self._take(sign):
                return ("look", value)
        self._fail("quantifier operand invalid")

    def _bound(self) -> Token:
        if self.flags.expanded:
            self._skip()
        if not self.text[self.at : self.at + 1].isdecimal():
            return ("char", "{")
        low = self._number()
        high: int | None = low
        prefer: bool | None = None
        comma = self._bound_char() == ","
        if comma:
            self.at += 1
            high = self._number() if self._bound_char() in "0123456789" else None
        if self._bound_char() != "}":
            self._fail("invalid repetition count(s)")
        if high is not None and low > high:
            self._fail("invalid repetition count(s)")
        self.at += 1
        greedy = not (self.flags.advanced and self._take("?"))
        if comma:
            prefer = greedy
        return ("{", (low, high, prefer))

    def _bound_char(self) -> str:
        if self.flags.expanded:
            self._skip()
        if self.at >= len(self.text):
            self._fail("braces {} not balanced")
        return self.text[self.at]

    def _number(self) -> int:
        value = 0
        while self._bound_char() in "0123456789":
            value = value * 10 + int(self.text[self.at])
            self.at += 1
            if value > DUPMAX:
                self._fail("invalid repetition count(s)")
        return value

    def escape(self) -> Token:
        """What follows a backslash in an ARE."""
        char = self.text[self.at]
        self.at += 1
        if not (char.isascii() and char.isalnum()):
            return ("char", char)
        if char in _SIMPLE:
            return ("char", _SIMPLE[char])
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _PLACES:
            return (_PLACES[char], None)
        if char == "c":
            if self.at >= len(self.text):
                self._fail("invalid escape \\ sequence")
            self.at += 1
            return ("char", chr(ord(self.text[self.at - 1]) & 0o37))
        if char in "uUx":
            least, most = {"u": (4, 4), "U": (8, 8), "x": (1, 255)}[char]
            return ("char", self._code(self._digits(16, least, most)))
        if char in "123456789":
            start = self.at
            self.at -= 1
            number = self._digits(10, 1, 255)
            if self.at == start or 0 < number <= self.groups:
                return ("backref", number)
            self.at = start
        if char.isdecimal():
            self.at -= 1
            value = self._digits(8, 1, 3)
            if value > 0xFF:
                self.at -= 1
                value >>= 3
            return ("char", chr(value))
        self._fail("invalid escape \\ sequence")

    def _code(self, value: int) -> str:
        if value > 0x7FFFFFFE or value > 0x10FFFF:
            self._fail("invalid escape \\ sequence")
        return chr(value)

    def _digits(self, base: int, least: int, most: int) -> int:
        start = self.at
        allowed = _HEX if base == 16 else "0123456789"[:base]
        while (
            self.at < len(self.text) and self.at - start < most and self.text[self.at] in allowed
        ):
            self.at += 1
        if self.at - start < least:
            self._fail("invalid escape \\ sequence")
        return int(self.text[start : self.at], base)

    # -- inside brackets -------------------------------------------------------------

    def bracket(self, first: bool) -> Token:
        """The next token inside brackets: char, class, notclass, range, ], or [= [. [: parts."""
        if self.at >= len(self.text):
            self._fail("brackets [] not balanced")
        char = self.text[self.at]
        self.at += 1
        if char == "]":
            return ("char", char) if first else ("]", None)
        if char == "\\" and self.flags.advanced:
            if self.at >= len(self.text):
                self._fail("invalid escape \\ sequence")
            token = self.escape()
            if token[0] not in ("char", "class", "notclass"):
                self._fail("invalid escape \\ sequence")
            return token
        if char == "-":
            return ("char" if first or self.text.startswith("]", self.at) else "range", char)
        if char == "[" and self.at >= len(self.text):
            self._fail("brackets [] not balanced")
        if char == "[" and self.text[self.at] in ".=:":
            return self._named()
        return ("char", char)

    def _named(self) -> Token:
        mark = self.text[self.at]
        end = self.text.find(mark + "]", self.at + 1)
        if end < 0:
            self._fail("brackets [] not balanced")
        name = self.text[self.at + 1 : end]
        self.at = end + 2
        if not name:
            self._fail("invalid character class" if mark == ":" else "invalid collating element")
        return (mark, name)
