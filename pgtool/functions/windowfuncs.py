"""Window functions: ranks and shares by peers, values at other rows of partition or frame."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import WindowFunction, window

Rows = list[tuple[Any, ...]]
Spans = list[tuple[int, int]]


@window("window_row_number")
class RowNumber(WindowFunction):
    """row_number."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """1, 2, 3 …"""
        return list(range(1, len(peers) + 1))


@window("window_rank")
class Rank(WindowFunction):
    """rank."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The number of the first peer."""
        return [first + 1 for first, _ in peers]


def _dense(peers: Spans) -> list[int]:
    out, rank, last = [], 0, -1
    for first, _ in peers:
        rank += first != last
        last = first
        out.append(rank)
    return out


@window("window_dense_rank")
class DenseRank(WindowFunction):
    """dense_rank."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The number of the peer group."""
        return list(_dense(peers))


@window("window_percent_rank")
class PercentRank(WindowFunction):
    """percent_rank."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """(rank - 1) / (rows - 1), 0 of a single row."""
        last = len(peers) - 1
        return [first / last if last else 0.0 for first, _ in peers]


@window("window_cume_dist")
class CumeDist(WindowFunction):
    """cume_dist."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """Rows up to the last peer as a share."""
        return [end / len(peers) for _, end in peers]


@window("window_ntile")
class Ntile(WindowFunction):
    """ntile: the first buckets have one row more where it does not come out even."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The number of the bucket; the first row's argument counts for all."""
        total = len(rows)
        out: list[Any] = []
        buckets: int | None = None
        for number, (wanted, *_) in enumerate(rows):
            if buckets is None:
                if wanted is None:
                    out.append(None)
                    continue
                if wanted <= 0:
                    raise SqlError("argument of ntile must be greater than zero", "22014")
                buckets = int(wanted)
                start, size, longer = number, total // buckets, total % buckets
            place = number - start
            long_rows = longer * (size + 1)
            if place < long_rows:
                out.append(place // (size + 1) + 1)
            else:
                out.append(longer + (place - long_rows) // max(size, 1) + 1)
        return out


def _offset(rows: Rows, sign: int) -> list[Any]:
    out: list[Any] = []
    for number, row in enumerate(rows):
        steps = row[1] if len(row) > 1 else 1
        if steps is None:
            out.append(None)
            continue
        target = number + sign * steps
        if 0 <= target < len(rows):
            out.append(rows[target][0])
        else:
            out.append(row[2] if len(row) > 2 else None)
    return out


@window("window_lag", "window_lag_with_offset", "window_lag_with_offset_and_default")
class Lag(WindowFunction):
    """lag."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The value some rows before."""
        return _offset(rows, -1)


@window("window_lead", "window_lead_with_offset", "window_lead_with_offset_and_default")
class Lead(WindowFunction):
    """lead."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The value some rows after."""
        return _offset(rows, 1)


@window("window_first_value")
class FirstValue(WindowFunction):
    """first_value."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The first row's of the frame."""
        return [rows[first][0] if first < end else None for first, end in frames]


@window("window_last_value")
class LastValue(WindowFunction):
    """last_value."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The last row's of the frame."""
        return [rows[end - 1][0] if first < end else None for first, end in frames]


@window("window_nth_value")
class NthValue(WindowFunction):
    """nth_value."""

    def evaluate(self, rows: Rows, peers: Spans, frames: Spans) -> list[Any]:
        """The n-th row's of the frame."""
        out: list[Any] = []
        for row, (first, end) in zip(rows, frames):
            n = row[1]
            if n is None:
                out.append(None)
                continue
            if n <= 0:
                raise SqlError("argument of nth_value must be greater than zero", "22016")
            out.append(rows[first + n - 1][0] if first + n - 1 < end else None)
        return out
