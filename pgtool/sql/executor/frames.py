"""Window frames: for every row of a partition the rows that its frame holds.

A frame is up to three runs of rows (:class:`Frames`): what lies before an excluded stretch,
the row itself where EXCLUDE TIES keeps it, and what lies behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgtool.errors import SqlError, Unsupported
from pgtool.sql.executor.batch import Batch, values

__all__ = ["Frames", "frames_of"]

(
    _RANGE, _ROWS, _GROUPS, _START_UNBOUNDED, _END_PRECEDING_ALL, _START_FOLLOWING_ALL,
    _END_UNBOUNDED, _START_CURRENT, _END_CURRENT, _START_PRECEDING, _END_PRECEDING,
    _START_FOLLOWING, _END_FOLLOWING, _EXCLUDE_ROW, _EXCLUDE_GROUP, _EXCLUDE_TIES,
) = (
    0x2, 0x4, 0x8, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000,
    0x8000, 0x10000, 0x20000,
)  # fmt: skip
_START_OFFSET = _START_PRECEDING | _START_FOLLOWING
_END_OFFSET = _END_PRECEDING | _END_FOLLOWING
_BAD_SIZE = "invalid preceding or following size in window function"


@dataclass(slots=True)
class Frames:
    """(start, end) arrays of each run; a run with start ≥ end is empty."""

    runs: list[tuple[Any, Any]]
    whole: bool
    running: bool

    def sizes(self) -> Any:
        """Rows in each frame."""
        return sum(np.maximum(end - start, 0) for start, end in self.runs)

    def nth(self, n: Any) -> Any:
        """The frame's n-th row (from 0), −1 where it has none."""
        n = np.array(n, np.int64)
        out = np.full(len(self.runs[0][0]), -1, np.int64)
        left = np.where(n < 0, np.int64(1) << 60, n) + np.zeros(len(out), np.int64)
        for start, end in self.runs:
            size = np.maximum(end - start, 0)
            here = (out < 0) & (left < size)
            out = np.where(here, start + left, out)
            left = left - size
            left = np.where(left < 0, np.int64(1) << 60, left)
        return out

    def last(self) -> Any:
        """The frame's last row, −1 where it is empty."""
        out = np.full(len(self.runs[0][0]), -1, np.int64)
        for start, end in self.runs:
            out = np.where(end > start, end - 1, out)
        return out


def frames_of(
    options: int, partition: Batch, peer: Any, offsets: tuple[Any, Any], in_range: Any
) -> Frames:
    """The frames of all rows; ``peer`` are the peer groups' numbers."""
    n = partition.n
    rows = np.arange(n)
    first = np.searchsorted(peer, peer, side="left")
    last = np.searchsorted(peer, peer, side="right")
    starts = _bound(options, True, n, rows, (peer, first, last), offsets[0], in_range)
    ends = _bound(options, False, n, rows, (peer, first, last), offsets[1], in_range)
    starts, ends = np.clip(starts, 0, n), np.clip(ends, 0, n)
    plain = not options & (_EXCLUDE_ROW | _EXCLUDE_GROUP | _EXCLUDE_TIES)
    whole = plain and bool((starts == 0).all() and (ends == n).all())
    running = plain and bool((starts == 0).all() and (np.diff(ends) >= 0).all())
    if plain:
        return Frames([(starts, ends)], whole, running)
    if options & _EXCLUDE_ROW:
        cut = (rows, rows + 1)
    else:
        cut = (first, last)
    runs = [(starts, np.minimum(ends, cut[0]))]
    if options & _EXCLUDE_TIES:
        inside = (rows >= starts) & (rows < ends)
        runs.append((rows, np.where(inside, rows + 1, rows)))
    runs.append((np.maximum(starts, cut[1]), ends))
    return Frames(runs, False, False)


def _checked(offset: Any, what: str) -> Any:
    if offset is None:
        raise SqlError(f"frame {what} offset must not be null", "22004")
    return offset


def _bound(
    options: int, start: bool, n: int, rows: Any, groups: tuple[Any, Any, Any], offset: Any,
    in_range: Any,
) -> Any:  # fmt: skip
    """Where frames begin (or end, exclusive)."""
    peer, first, last = groups
    if options & (_START_UNBOUNDED if start else _END_UNBOUNDED):
        return np.full(n, 0 if start else n)
    if options & (_START_CURRENT if start else _END_CURRENT):
        if options & _ROWS:
            return rows if start else rows + 1
        return first if start else last
    if not options & (_START_OFFSET if start else _END_OFFSET):
        raise Unsupported(f"window frame options 0x{options:x}")
    what = "starting" if start else "ending"
    offset = _checked(offset, what)
    preceding = bool(options & (_START_PRECEDING if start else _END_PRECEDING))
    if options & _RANGE:
        return in_range(start, preceding, offset)
    if offset < 0:
        raise SqlError(f"frame {what} offset must not be negative", "22013")
    offset = min(offset, 1 << 40)
    step = -offset if preceding else offset
    if options & _ROWS:
        return rows + step + (0 if start else 1)
    count = int(peer[-1]) + 1 if n else 0
    begins = np.searchsorted(peer, np.arange(count + 1), side="left")
    wanted = peer + step + (0 if start else 1)
    return begins[np.clip(wanted, 0, count)]


def range_bounds(
    column: Any, codec: Any, function: Callable[..., Any], ascending: bool, nulls_first: bool,
    peer: Any,
) -> Callable[[bool, bool, Any], Any]:  # fmt: skip
    """RANGE with an offset, by the type's in_range function.

    ``function(value, base, offset, subtract, less)`` tells on which side of base ± offset a
    value lies. NULLs are peers of one another and of nothing else.
    """
    items = values(column, codec)
    n = len(items)
    first = np.searchsorted(peer, peer, side="left")
    last = np.searchsorted(peer, peer, side="right")
    present = [i for i, v in enumerate(items) if v is not None]
    low, high = (present[0], present[-1] + 1) if present else (0, 0)

    def find(start: bool, preceding: bool, offset: Any) -> Any:
        subtract = preceding if ascending else not preceding
        less = (not start) if ascending else start
        out = np.empty(n, np.int64)
        known = -1
        for i, base in enumerate(items):
            if i and peer[i] == known:
                out[i] = out[i - 1]
                continue
            known = peer[i]
            if base is None:
                out[i] = first[i] if start else last[i]
                continue
            # Inside the values that are there, the answer changes once.
            a, b = low, high
            while a < b:
                middle = (a + b) // 2
                if function(items[middle], base, offset, subtract, less) is start:
                    b = middle
                else:
                    a = middle + 1
            out[i] = a
        return out

    return find


def simple_in_range(value: Any, base: Any, offset: Any, subtract: bool, less: bool) -> bool:
    """in_range of plain numbers."""
    if offset < 0:
        raise SqlError(_BAD_SIZE, "22013")
    limit = base - offset if subtract else base + offset
    return bool(value <= limit if less else value >= limit)
