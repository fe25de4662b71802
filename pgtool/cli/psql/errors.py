"""Errors and notices as psql prints them, with the line and a caret where there is a place."""

from __future__ import annotations

from typing import Any

from pgtool.cli.psql.width import width
from pgtool.errors import CorruptData, PgtoolError, SqlError, Unsupported

__all__ = ["error_lines", "facts_of", "notice_lines"]

DISPLAY_SIZE = 60
MIN_RIGHT_CUT = 10
_INTERNAL = "XX000"
_CORRUPT = "XX001"
_UNSUPPORTED = "0A000"


def facts_of(error: PgtoolError) -> tuple[str, str]:
    """The message of an error and its SQLSTATE."""
    if isinstance(error, SqlError):
        return error.message, error.sqlstate
    if isinstance(error, CorruptData):
        return str(error), _CORRUPT
    kind = "not supported: " if isinstance(error, Unsupported) else ""
    return kind + str(error), _UNSUPPORTED if kind else _INTERNAL


def error_lines(
    error: PgtoolError, text: str, *, verbosity: str = "default", context: bool = True
) -> list[str]:
    """An error as lines, the first beginning with its severity."""
    message, state = facts_of(error)
    if verbosity == "sqlstate":
        return [f"ERROR:  {state}"]
    position = getattr(error, "position", None)
    shown = f"{state}: " if verbosity == "verbose" else ""
    out = [f"ERROR:  {shown}{message}"]
    if verbosity == "terse":
        if position:
            out[0] += f" at character {_characters(text, position)}"
        return out
    if position:
        out += place(text, _characters(text, position))
    names = ("detail", "hint", "context") if context else ("detail", "hint")
    found = ((name, getattr(error, name, None)) for name in names)
    return out + [f"{name.upper()}:  {value}" for name, value in found if value]


def notice_lines(notice: Any, verbosity: str = "default") -> list[str]:
    """A notice as lines."""
    if verbosity == "sqlstate":
        return [f"{notice.severity}:  {notice.sqlstate}"]
    shown = f"{notice.sqlstate}: " if verbosity == "verbose" else ""
    out = [f"{notice.severity}:  {shown}{notice.message}"]
    if verbosity != "terse":
        found = ((name, getattr(notice, name)) for name in ("detail", "hint"))
        out += [f"{name.upper()}:  {value}" for name, value in found if value]
    return out


def _characters(text: str, position: int) -> int:
    """A place in bytes from 1 → characters from 1."""
    return len(text.encode("utf-8", "replace")[: position - 1].decode("utf-8", "replace")) + 1


def place(text: str, position: int) -> list[str]:
    """The line that a place lies in, and a caret below it."""
    at = min(position - 1, len(text))
    before = text[:at]
    number = before.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    begin = max(before.rfind("\n"), before.rfind("\r")) + 1
    ends = [end for end in (text.find("\n", at), text.find("\r", at)) if end >= 0]
    end = min(ends, default=len(text))
    line = text[begin:end].replace("\t", " ")
    line, column, cut_left, cut_right = _cut(line, at - begin)
    head = f"LINE {number}: " + "..." * cut_left
    shown = head + line + "..." * cut_right
    return [shown, " " * (width(head) + width(line[:column])) + "^"]


def _cut(line: str, column: int) -> tuple[str, int, bool, bool]:
    """A long line cut so that the place shows: (line, place in it, cut left, cut right)."""
    if width(line) <= DISPLAY_SIZE:
        return line, column, False, False
    if width(line[:column]) + MIN_RIGHT_CUT <= DISPLAY_SIZE:
        while width(line) > DISPLAY_SIZE:
            line = line[:-1]
        return line, column, False, True
    cut_right = cut_left = False
    while width(line[: column]) + MIN_RIGHT_CUT < width(line):
        line, cut_right = line[:-1], True
    while width(line) > DISPLAY_SIZE:
        line, column, cut_left = line[1:], column - 1, True
    return line, column, cut_left, cut_right
