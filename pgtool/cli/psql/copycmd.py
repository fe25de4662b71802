r"""\copy: COPY whose file is the client's: read here, or written here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pgtool.errors import UserError

__all__ = ["client_copy"]

_FORM = re.compile(
    r"\s*(?P<what>\(.*\)|[^\s(]+(?:\s*\([^)]*\))?)\s+(?P<way>from|to)\s+"
    r"(?P<file>'(?:[^']|'')*'|\S+)(?P<rest>.*)$",
    re.I | re.S,
)
PIECE = 1 << 20


def client_copy(runner: Any, text: str) -> None:
    """Run one; the file may be stdin or stdout."""
    match = _FORM.match(text.rstrip().rstrip(";"))
    if match is None:
        raise UserError("\\copy: parse error")
    what, rest = match["what"], match["rest"]
    name = match["file"]
    if name.startswith("'"):
        name = name[1:-1].replace("''", "'")
    if match["way"].lower() == "from":
        before = runner.engine.copy_in
        if name.lower() not in ("stdin", "pstdin"):
            runner.engine.copy_in = lambda: _pieces(name)
        try:
            runner.statement(f"COPY {what} FROM STDIN {rest}")
        finally:
            runner.engine.copy_in = before
        return
    statement = f"COPY {what} TO STDOUT {rest}"
    if name.lower() in ("stdout", "pstdout"):
        runner.statement(statement)
        return
    with open(name, "w", encoding="utf-8", newline="") as file:
        out, runner.out = runner.out, file
        try:
            runner.statement(statement)
        finally:
            runner.out = out


def _pieces(name: str) -> Iterator[bytes]:
    with open(name, "rb") as file:
        while piece := file.read(PIECE):
            yield piece
