"""Casts through text over columns: integers are read and shown all at once.

Text that is not a plain run of decimal digits (other bases, underscores, what is out of
range or wrong) is read value by value, with the input function's own errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions.codec import Codec
from pgtool.functions.columns import ObjectColumn, ScaledColumn
from pgtool.sql.executor.batch import ConstColumn, values
from pgtool.sql.executor.scalar_forms import via_io
from pgtool.storage import ragged
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.vector_digits import integer_text

__all__ = ["coercion", "read_integers", "read_numerics"]

#: Output functions of integers; so many digits always fit a 64-bit sum.
_INTEGERS = {"int2out", "int4out", "int8out"}
_MOST_DIGITS = 18
_MINUS, _POINT, _ZERO = b"-.0"


def _plain_digits(column: VarColumn) -> tuple[Any, int] | None:
    """(Digits as numbers, decimals of each) of rows like −12 or 12.50, all as many decimals."""
    length = column.length.astype(np.int64)
    start = column.start
    if column.valid is not None:
        some = np.flatnonzero(column.valid)
        length, start = length[some], start[some]
    if not len(length) or int(length.min()) < 1 or int(length.max()) > _MOST_DIGITS:
        return None
    data, offsets = ragged.gather(column.buffer, start, length)
    at, end = offsets[:-1], offsets[1:]
    points = np.flatnonzero(data == _POINT)
    decimals = 0
    if len(points):
        if len(points) != len(length):
            return None
        behind = end - 1 - points
        decimals = int(behind[0])
        if (points <= at).any() or (behind != decimals).any() or decimals < 1:
            return None
    negative = data[at] == _MINUS
    if (negative & (length < decimals + 2 + (decimals > 0))).any():
        return None
    data[at[negative]] = _ZERO
    data[points] = _ZERO
    digits = data.astype(np.int64) - _ZERO
    if int(digits.min()) < 0 or int(digits.max()) > 9:
        return None
    total = np.zeros(len(length), np.int64)
    for i in range(int(length.max())):
        place = end - 1 - i
        inside = place >= at
        if decimals and i == decimals:
            continue
        power = 10 ** (i - (decimals > 0 and i > decimals))
        total += np.where(inside, digits[np.where(inside, place, 0)], 0) * power
    total = np.where(negative, -total, total)
    if column.valid is not None:
        out = np.zeros(len(column), np.int64)
        out[some] = total
        total = out
    return total, decimals


def read_integers(column: VarColumn, dtype: Any) -> FixedColumn | None:
    """Plain decimal integers; None where a row is anything else."""
    found = _plain_digits(column)
    if found is None or found[1]:
        return None
    limits = np.iinfo(dtype)
    if int(found[0].min()) < limits.min or int(found[0].max()) > limits.max:
        return None
    return FixedColumn(found[0].astype(dtype), column.valid)


def read_numerics(column: VarColumn) -> ScaledColumn | None:
    """Plain decimal numbers that all have as many decimals; None where a row does not."""
    found = _plain_digits(column)
    return None if found is None else ScaledColumn(*found, column.valid)


def coercion(env: Any, source_type: int, target_type: int) -> Callable[[Any], Any]:
    """A column's values as another type's, through their text."""
    source, target = env.codec(source_type), env.codec(target_type)
    convert = via_io(env, source_type, target_type)
    quick = _quick_way(source, target)

    def coerce(column: Any) -> Any:
        if type(column) is ConstColumn:
            value = column.value
            if value is None or not column.n:
                return ConstColumn(None, column.n)
            return ConstColumn(convert(value), column.n)
        made = quick(column) if quick is not None else None
        if made is not None:
            return made
        items = [None if v is None else convert(v) for v in values(column, source)]
        return target.column(items) if target.is_number else ObjectColumn(items)

    return coerce


def _quick_way(source: Codec, target: Codec) -> Callable[[Any], Any] | None:
    if source.is_text and not source.is_name and target.info.typoutput in _INTEGERS:

        def read(column: Any) -> Any:
            return read_integers(column, target.dtype) if isinstance(column, VarColumn) else None

        return read
    if source.is_text and not source.is_name and target.is_numeric:
        return lambda column: read_numerics(column) if isinstance(column, VarColumn) else None
    if source.info.typoutput in _INTEGERS and target.info.typoutput == "textout":

        def show(column: Any) -> Any:
            if type(column) is not FixedColumn:
                return None
            text = integer_text(column.values)
            return VarColumn(text.buffer, text.start, text.length.astype(np.int32), column.valid)

        return show
    return None
