"""How wide text is on a terminal, and how psql shows what cannot be shown."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

__all__ = ["cut", "lines", "width"]

_WIDE = ("W", "F")
_NOTHING = ("Mn", "Me", "Cf")
#: Format characters that take a column after all.
_SHOWN = {0xAD, *range(0x600, 0x606), 0x6DD, 0x70F, 0x110BD}


@lru_cache(4096)
def _character(c: str) -> int:
    if unicodedata.east_asian_width(c) in _WIDE:
        return 2
    if unicodedata.category(c) in _NOTHING and ord(c) not in _SHOWN:
        return 0
    return 1


def width(text: str) -> int:
    """Columns that a line takes."""
    return len(text) if text.isascii() else sum(map(_character, text))


def lines(text: str) -> list[str]:
    """The lines of a cell: tabs expanded, control characters in escaped form."""
    if text.isprintable():
        return [text]
    return [_shown(line) for line in text.split("\n")]


def _shown(line: str) -> str:
    out: list[str] = []
    at = 0
    for c in line:
        code = ord(c)
        if c == "\t":
            piece = " " * (8 - at % 8)
        elif c == "\r":
            piece = "\\r"
        elif code < 32 or code == 127:
            piece = f"\\x{code:02X}"
        elif 0x80 <= code < 0xA0:
            piece = f"\\u{code:04X}"
        else:
            piece = c
        out.append(piece)
        at += width(piece)
    return "".join(out)


def cut(line: str, room: int) -> tuple[str, str]:
    """(what fits into so many columns, the rest); at least one character fits."""
    if width(line) <= room:
        return line, ""
    at = taken = 0
    while at < len(line) and taken + (wide := _character(line[at])) <= room:
        taken += wide
        at += 1
    at = max(at, 1)
    return line[:at], line[at:]
