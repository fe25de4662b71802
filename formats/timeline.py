"""Timeline history files: ``pg_wal/0000000N.history``.

Source: ``access/transam/timeline.c``. One line for each ancestor: its timeline, where the
next one branched off, why; separated by tabs. Empty lines and lines that start with
``#`` are comments. Parsing keeps every line, so that rendering gives the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from formats.errors import CorruptData
from formats.units import Lsn

_ENTRY = re.compile(r"[ \t]*([0-9]+)[ \t]+([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})(?:[ \t]+(.*))?", re.S)


@dataclass(frozen=True)
class Branch:
    """One ancestor: WAL of timeline ``tli`` counts up to ``switchpoint``."""

    tli: int
    switchpoint: Lsn
    reason: str = ""

    def render(self) -> str:
        """The line as a server writes it, without its end."""
        return f"{self.tli}\t{self.switchpoint}\t{self.reason}"


@dataclass(frozen=True)
class History:
    """A file: ``lines`` are branches, or the text of whatever else stands in a line."""

    lines: tuple[tuple[Branch | None, str], ...]
    ended: bool = True

    @property
    def branches(self) -> list[Branch]:
        """The ancestors, oldest first."""
        return [branch for branch, _ in self.lines if branch is not None]

    def render(self) -> bytes:
        """The file's bytes."""
        text = "\n".join(line for _, line in self.lines) + ("\n" if self.ended else "")
        return text.encode("utf-8", "surrogateescape")


def file_name(tli: int) -> str:
    """The name of a timeline's history file."""
    return f"{tli:08X}.history"


def make(branches: list[Branch]) -> History:
    """A history of these ancestors."""
    return History(tuple((branch, branch.render()) for branch in branches))


def parse(data: bytes, *, file: str = "timeline history") -> History:
    """The history; CorruptData for a line that is no branch or goes backwards."""
    text = data.decode("utf-8", "surrogateescape")
    ended = text.endswith("\n")
    lines: list[tuple[Branch | None, str]] = []
    last = 0
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        bare = line.lstrip(" \t\r")
        if not bare or bare.startswith("#"):
            lines.append((None, line))
            continue
        found = _ENTRY.fullmatch(line)
        if found is None or int(found[1]) > 0xFFFFFFFF:
            raise CorruptData(f"syntax error in history file, line {number}", file=file)
        branch = Branch(int(found[1]), Lsn.parse(found[2]), found[3] or "")
        if branch.tli <= last:
            raise CorruptData(
                f"invalid data in history file, line {number}: timelines must increase", file=file
            )
        last = branch.tli
        lines.append((branch, line))
    return History(tuple(lines), ended)
