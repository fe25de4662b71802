"""Aggregates over frames that only grow (running totals), as cumulative sums of columns.

A frame's result is what the values up to its end come to. Sums of floats add up in the order
of the rows, as the server adds them. What is not here, or does not fit 64 bits, is left to
the scalar states.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.functions.columns import ScaledColumn
from pgtool.functions.quotients import averages
from pgtool.sql.executor.batch import ConstColumn, nulls, stored, take
from pgtool.sql.executor.vcalls import integers_of
from pgtool.types.column import FixedColumn

__all__ = ["running"]

Array = Any
_ROOM = 1 << 62
_COUNTS = {("int8inc", ""), ("int8inc_any", "")}
_SUMS = {("int2_sum", ""), ("int4_sum", ""), ("int8_avg_accum", "numeric_poly_sum"),
         ("numeric_avg_accum", "numeric_sum")}  # fmt: skip
_AVERAGES = {("int2_avg_accum", "int8_avg"), ("int4_avg_accum", "int8_avg"),
             ("int8_avg_accum", "numeric_poly_avg"),
             ("numeric_avg_accum", "numeric_avg")}  # fmt: skip
_EXTREMES = {
    (f"{kind}{end}", ""): ufunc
    for end, ufunc in (("larger", np.maximum), ("smaller", np.minimum))
    for kind in ("int2", "int4", "int8", "date_", "timestamp_", "timestamptz_")
}


def running(
    key: tuple[str, str], columns: list[Any], codecs: list[Any], keep: Array, ends: Array,
    result: Any,
) -> Any:  # fmt: skip
    """The results for frames that end before the rows ``ends``; None where it is not so plain.

    ``keep``: the rows that FILTER leaves.
    """
    for column in columns:
        gone = nulls(column)
        keep = keep if gone is None else keep & ~gone
    count = np.concatenate([[0], np.cumsum(keep)])[ends]
    if key in _COUNTS:
        return FixedColumn(count)
    if len(columns) != 1 or not keep.any():
        return None
    rows = np.flatnonzero(keep)
    if key in _SUMS or key in _AVERAGES:
        return _exact(key, _taken(columns[0], rows), codecs[0], count, result)
    if key != ("float8pl", "") and key not in _EXTREMES:
        return None
    values = stored(_taken(columns[0], rows), codecs[0]).values
    if key in _EXTREMES:
        found = _EXTREMES[key].accumulate(values)
    else:
        with np.errstate(all="ignore"):
            found = np.cumsum(values)
        if not np.isfinite(found).all():
            return None  # an overflow, or infinities that may have made it
    return FixedColumn(found[np.maximum(count - 1, 0)], _unless_all(count > 0))


def _taken(column: Any, rows: Array) -> Any:
    return ConstColumn(column.value, len(rows)) if type(column) is ConstColumn else take(
        column, rows
    )


def _exact(key: tuple[str, str], column: Any, codec: Any, count: Array, result: Any) -> Any:
    if codec.is_numeric:
        if type(column) is ConstColumn:
            column = stored(column, codec)
        column = integers_of(column, codec)
        if not isinstance(column, ScaledColumn):
            return None
        scale = column.scale
    else:
        column, scale = stored(column, codec), 0
    values = column.values.astype(np.int64)
    if max(int(values.max()), -int(values.min())) > _ROOM // len(values):
        return None
    sums = np.cumsum(values)[np.maximum(count - 1, 0)]
    there = _unless_all(count > 0)
    if key in _AVERAGES:
        return averages(sums, scale, count, result.encode)
    return ScaledColumn(sums, scale, there) if result.is_numeric else FixedColumn(sums, there)


def _unless_all(there: Array) -> Array | None:
    return None if there.all() else there
