"""The window functions proper, as computations on row numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import registry
from pgtool.functions.columns import ObjectColumn
from pgtool.sql.executor.batch import ConstColumn, take_outer, values
from pgtool.sql.executor.frames import Frames
from pgtool.types.column import FixedColumn

__all__ = ["FUNCTIONS", "registered"]

Compute = Callable[[int, Any, Frames, list[Any], list[Any], Any], Any]


def _first(peer: Any) -> Any:
    return np.searchsorted(peer, peer, side="left")


def _row_number(n: int, peer: Any, *_: Any) -> Any:
    return FixedColumn(np.arange(1, n + 1))


def _rank(n: int, peer: Any, *_: Any) -> Any:
    return FixedColumn(_first(peer) + 1)


def _dense_rank(n: int, peer: Any, *_: Any) -> Any:
    return FixedColumn(peer.astype(np.int64) + 1)


def _percent_rank(n: int, peer: Any, *_: Any) -> Any:
    return FixedColumn(_first(peer) / float(n - 1) if n > 1 else np.zeros(n))


def _cume_dist(n: int, peer: Any, *_: Any) -> Any:
    return FixedColumn(np.searchsorted(peer, peer, side="right") / float(n))


def _ntile(n: int, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
           result: Any) -> Any:  # fmt: skip
    buckets = values(columns[0], codecs[0])[0] if n else None
    if buckets is None:
        return ConstColumn(None, n)
    if buckets <= 0:
        raise SqlError("argument of ntile must be greater than zero", "22014")
    size, larger = divmod(n, buckets)
    rows = np.arange(n)
    head = larger * (size + 1)
    out = np.where(rows < head, rows // (size + 1), larger + (rows - head) // max(size, 1))
    return FixedColumn((out + 1).astype(np.int32))


def _shifted(direction: int) -> Compute:
    def compute(n: int, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
                result: Any) -> Any:  # fmt: skip
        offset: Any = 1
        missing = None
        if len(columns) > 1:
            found = values(columns[1], codecs[1])
            missing = np.array([v is None for v in found])
            offset = np.array([0 if v is None else v for v in found], np.int64)
        place = np.arange(n) + direction * offset
        outside = (place < 0) | (place >= n)
        index = np.where(outside, -1, place)
        out = take_outer(columns[0], index)
        if len(columns) > 2 and outside.any():
            items = list(values(out, result))
            default = values(columns[2], codecs[2])
            for i in np.flatnonzero(outside).tolist():
                items[i] = default[i]
            out = ObjectColumn(items)
        if missing is not None and missing.any():
            items = list(values(out, result))
            for i in np.flatnonzero(missing).tolist():
                items[i] = None
            out = ObjectColumn(items)
        return _settled(out, result)

    return compute


def _settled(column: Any, result: Any) -> Any:
    if isinstance(column, ObjectColumn) and result.is_number:
        return result.column(column.items)
    return column


def _first_value(n: int, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
                 result: Any) -> Any:  # fmt: skip
    return _settled(take_outer(columns[0], frames.nth(0)), result)


def _last_value(n: int, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
                result: Any) -> Any:  # fmt: skip
    return _settled(take_outer(columns[0], frames.last()), result)


def _nth_value(n: int, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
               result: Any) -> Any:  # fmt: skip
    numbers = values(columns[1], codecs[1])
    if any(v is not None and v <= 0 for v in numbers):
        raise SqlError("argument of nth_value must be greater than zero", "22016")
    wanted = np.array([-1 if v is None else v - 1 for v in numbers], np.int64)
    return _settled(take_outer(columns[0], frames.nth(wanted)), result)


FUNCTIONS: dict[str, Compute] = {
    "window_row_number": _row_number, "window_rank": _rank, "window_dense_rank": _dense_rank,
    "window_percent_rank": _percent_rank, "window_cume_dist": _cume_dist,
    "window_ntile": _ntile, "window_lag": _shifted(-1), "window_lag_with_offset": _shifted(-1),
    "window_lag_with_offset_and_default": _shifted(-1), "window_lead": _shifted(1),
    "window_lead_with_offset": _shifted(1),
    "window_lead_with_offset_and_default": _shifted(1),
    "window_first_value": _first_value, "window_last_value": _last_value,
    "window_nth_value": _nth_value,
}  # fmt: skip


def registered(
    prosrc: str, call: Any, peer: Any, frames: Frames, columns: list[Any], codecs: list[Any],
    result: Any,
) -> Any:  # fmt: skip
    """A window function of the registry, on values."""
    registry.load()
    kind = registry.WINDOWS.get(prosrc)
    if kind is None or len(frames.runs) > 1:
        raise Unsupported(f"window function {prosrc}")
    lists = [values(c, codec) for c, codec in zip(columns, codecs)]
    n = len(peer)
    rows = list(zip(*lists)) if lists else [()] * n
    first = _first(peer).tolist()
    last = np.searchsorted(peer, peer, side="right").tolist()
    start, end = frames.runs[0]
    out = kind(call).evaluate(
        rows, list(zip(first, last)), list(zip(start.tolist(), end.tolist()))
    )
    return result.column(out) if result.is_number else ObjectColumn(out)
