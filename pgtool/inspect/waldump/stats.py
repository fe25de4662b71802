"""Counts and sizes of records by resource manager and record type, and their table.

Counts are kept in one flat array of unsigned 64-bit integers: for each of 256 resource
managers and 16 opcodes the number of records, the bytes without images, and the bytes of
page images. The fast walk adds to the same array.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from formats.units import Lsn
from formats.version import ByMajor
from pgtool.wal import rmgr

KINDS = 4096
RM_XACT_ID = 1
XACT_OPCODE_HALF = 0x07

#: Whether a line above the table names the range, and an empty range prints nothing.
NAMES_RANGE: ByMajor[bool] = ByMajor({14: False, 15: True})


def new_counts() -> array[int]:
    """Zeroed counters: kind * 3 + (0 records, 1 record bytes, 2 image bytes)."""
    return array("Q", bytes(KINDS * 3 * 8))


def kind_of(rmid: int, info: int) -> int:
    """Where a record is counted; Transaction's flag bit is no part of its opcode."""
    half = info >> 4
    return rmid << 4 | (half & XACT_OPCODE_HALF if rmid == RM_XACT_ID else half)


class Stats:
    """The counters and the range that they cover."""

    def __init__(self, major: int, start: int = 0) -> None:
        self.major = major
        self.start = Lsn(start)
        self.end = Lsn(0)
        self.counts = new_counts()

    def add(self, rmid: int, info: int, total_len: int, fpi_len: int, end: int) -> None:
        """Count one record."""
        at = kind_of(rmid, info) * 3
        self.counts[at] += 1
        self.counts[at + 1] += total_len - fpi_len
        self.counts[at + 2] += fpi_len
        self.end = Lsn(end)

    def merge(self, counts: array[int], end: int) -> None:
        """Add the counters of the fast walk; ``end`` is where its last record ended."""
        for i, n in enumerate(counts):
            if n:
                self.counts[i] += n
        self.end = Lsn(max(self.end, end))

    def as_dict(self, per_record: bool) -> dict[str, Any]:
        """The table as one JSON object."""
        rows = [
            {"type": name, "count": n, "record_size": size, "fpi_size": fpi}
            for name, (n, size, fpi) in self._rows(per_record)
        ]
        return {"start": str(self.start), "end": str(self.end), "rows": rows}

    def lines(self, per_record: bool) -> Iterator[str]:
        """pg_waldump's table; nothing where no record was seen (since 15)."""
        if self.end == 0 and NAMES_RANGE[self.major]:
            return
        if NAMES_RANGE[self.major]:
            yield f"WAL statistics between {self.start} and {self.end}:\n"
        totals = (
            sum(self.counts[0::3]), sum(self.counts[1::3]), sum(self.counts[2::3]),
        )  # fmt: skip
        columns = ("N", "Record size", "FPI size", "Combined size")
        yield _heading("Type", *columns)
        yield _heading("----", *("-" * len(name) for name in columns))
        for name, counts in self._rows(per_record):
            yield _row(name, counts, totals)
        dashes = " ".join(f"{'--------':>20} {'':>8}" for _ in columns)
        yield f"{'':<27} {dashes[:-9]}\n"
        yield _total(totals)

    def _rows(self, per_record: bool) -> Iterator[tuple[str, tuple[int, int, int]]]:
        for rmid, manager in rmgr.rmgrs(self.major).items():
            base = rmid * 16 * 3
            found = self.counts[base : base + 48]
            if per_record:
                for half in range(16):
                    counts = found[half * 3 : half * 3 + 3]
                    if counts[0]:
                        name = manager.identify(half << 4, self.major)
                        yield f"{manager.name}/{name}", (counts[0], counts[1], counts[2])
            else:
                sums = (sum(found[0::3]), sum(found[1::3]), sum(found[2::3]))
                if sums[0] or rmid < rmgr.FIRST_CUSTOM_ID:
                    yield manager.name, sums


def _heading(first: str, *names: str) -> str:
    percent = "(%)" if first == "Type" else "---"
    return f"{first:<27} " + " ".join(f"{name:>20} {percent:>8}" for name in names) + "\n"


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _row(name: str, counts: tuple[int, int, int], totals: tuple[int, int, int]) -> str:
    cells = [(n, whole) for n, whole in zip(counts, totals, strict=True)]
    cells.append((counts[1] + counts[2], totals[1] + totals[2]))
    shown = " ".join(f"{n:20} ({_percent(n, whole):6.2f})" for n, whole in cells)
    return f"{name:<27} {shown}\n"


def _total(totals: tuple[int, int, int]) -> str:
    count, record, image = totals
    whole = record + image
    return (
        f"{'Total':<27} {count:20} {'':<9}"
        f"{record:20} {f'[{_percent(record, whole):.2f}%]':<9}"
        f"{image:20} {f'[{_percent(image, whole):.2f}%]':<9}"
        f"{whole:20} {'[100%]':<6}\n"
    )
