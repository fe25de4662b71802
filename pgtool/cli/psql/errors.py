"""Errors and notices as psql prints them, with the line and a caret where there is a place."""

from __future__ import annotations

from pgtool.cli.psql.width import width
from pgtool.errors import CorruptData, PgtoolError, SqlError

__all__ = ["error_lines"]

DISPLAY_SIZE = 60
MIN_RIGHT_CUT = 10
_INTERNAL = "XX000"
_CORRUPT = "XX001"
_UNSUPPORTED = "0A000"


def error_lines(error: PgtoolError, text: str, *, verbosity: str = "default") -> list[str]:
    """An error as lines, the first beginning with its severity."""
    if isinstance(error, SqlError):
        state, message = error.sqlstate, error.message
        detail, hint, position = error.detail, error.hint, error.position
    else:
        state = _CORRUPT if isinstance(error, CorruptData) else _UNSUPPORTED
        kind = "" if isinstance(error, CorruptData) else "not supported: "
        kind = kind if type(error).__name__ == "Unsupported" else ""
        message, detail, hint, position = kind + str(error), None, None, None
    if verbosity == "sqlstate":
        return [f"ERROR:  {state}"]
    shown = f"{state}: " if verbosity == "verbose" else ""
    out = [f"ERROR:  {shown}{message}"]
    if verbosity == "terse":
        if position:
            out[0] += f" at character {_characters(text, position)}"
        return out
    if position:
        out += place(text, _characters(text, position))
    if detail:
        out.append(f"DETAIL:  {detail}")
    if hint:
        out.append(f"HINT:  {hint}")
    context = getattr(error, "context", None)
    if context:
        out.append(f"CONTEXT:  {context}")
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
