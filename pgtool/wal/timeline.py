"""Timelines of a pg_wal directory: who begot whom, and where each ended."""

from __future__ import annotations

import os

from formats.units import Lsn
from pgtool.errors import CorruptData
from pgtool.wal.source import TimelineSwitch


def timeline_history(directory: str, tli: int) -> tuple[TimelineSwitch, ...]:
    """The ancestors of ``tli`` and where each ended, oldest first; empty where none is known."""
    path = os.path.join(directory, f"{tli:08X}.history")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file]
    except FileNotFoundError:
        return ()
    out = []
    for words in lines:
        if not words or words[0].startswith("#"):
            continue
        try:
            out.append(TimelineSwitch(int(words[0]), Lsn.parse(words[1])))
        except (ValueError, IndexError):
            raise CorruptData("syntax error in timeline history", file=path) from None
    return tuple(out)
