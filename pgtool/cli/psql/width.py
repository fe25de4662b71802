"""How wide text is on a terminal, and how psql shows what cannot be shown."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from pgtool.cli.psql.widthdata import NOTHING, WIDE

__all__ = ["cut", "lines", "width"]

#: The last code points of every plane but the first take no column.
_NO_CHARACTER = 0xFFFE


def _limits(ranges: str) -> list[int]:
    """Where ranges begin and end, in turn: a place at an odd position lies inside."""
    out: list[int] = []
    for text in ranges.split():
        first, _, last = text.partition("-")
        out += [int(first, 16), int(last or first, 16) + 1]
    return out


_NOTHING, _WIDE = _limits(NOTHING), _limits(WIDE)


@lru_cache(4096)
def _character(c: str) -> int:
    code = ord(c)
    past = code > 0xFFFF and code & _NO_CHARACTER == _NO_CHARACTER
    if past or bisect_right(_NOTHING, code) % 2:
        return 0
    return 2 if bisect_right(_WIDE, code) % 2 else 1


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
