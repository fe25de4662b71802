"""Stored numerics → scaled 64-bit integers, a column at once.

Works where every value is finite and fits; anything else is left to Decimal. Values of one
display scale are a ScaledColumn, of several a MixedColumn. A numeric's
digits are base 10000: the value is summed digit position by digit position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats import datum as layout
from pgtool.functions import unscale
from pgtool.functions.columns import MixedColumn, ScaledColumn
from pgtool.types.column import VarColumn

__all__ = ["scaled_column"]

_HEADER = 2
_MOST_DIGITS = 18
_NEGATIVE = layout.NUMERIC_SHORT_SIGN_MASK
_WEIGHT_SIGN = layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK
_WEIGHT = layout.NUMERIC_SHORT_WEIGHT_MASK
_DSCALE_SHIFT = layout.NUMERIC_SHORT_DSCALE_SHIFT
_DSCALE_MAX = layout.NUMERIC_SHORT_DSCALE_MAX


def _words(buffer: Any) -> Any:
    if buffer.size < _HEADER:
        buffer = np.zeros(_HEADER, np.uint8)
    return np.ndarray((buffer.size - 1,), np.dtype("<u2"), buffer, 0, (1,))


def scaled_column(column: VarColumn) -> Any:
    """A ScaledColumn or a MixedColumn; False where neither can hold the values."""
    n = len(column)
    quick = _walked(column) if unscale.COMPILED and n else None
    if quick is not None:
        return quick
    words = _words(column.buffer)
    start: Any = column.start
    length: Any = column.length
    valid = column.valid
    rows = None
    if valid is not None:
        rows = np.flatnonzero(valid)
        start, length = start[rows], length[rows]
    if not len(start):
        return ScaledColumn(np.zeros(n, np.int64), 0, valid)
    header = words[start].astype(np.int32)
    if ((header & layout.NUMERIC_SIGN_MASK) != layout.NUMERIC_SHORT).any():
        return False
    scales = (header >> _DSCALE_SHIFT) & _DSCALE_MAX
    scale = int(scales[0])
    weight = np.where(header & _WEIGHT_SIGN, (header & _WEIGHT) - _WEIGHT_SIGN, header & _WEIGHT)
    digits = (length - _HEADER) >> 1
    top, most = int(weight.max()), int(digits.max(initial=0))
    low, needed = -(-scale // 4), max(int((digits - 1 - weight).max()), 0)
    same = needed <= low and not (scales != scale).any()
    if not same or 4 * (max(top, 0) + 1 + low) > _MOST_DIGITS:
        same, low = False, needed
    if 4 * (max(top, 0) + 1 + low) > _MOST_DIGITS:
        return False
    total = np.zeros(len(start), np.int64)
    for i in range(most):
        place = weight - i + low
        if i == 0 and int(digits.min()) > 0:
            digit = words[start + _HEADER].astype(np.int64)
        else:
            inside = digits > i
            at = np.where(inside, start + (_HEADER + 2 * i), start)
            digit = np.where(inside, words[at], 0).astype(np.int64)
            place = np.where(inside, place, 0)
        total += digit * _POWERS[place]
    extra = 4 * low - scale
    if same and extra:
        total //= 10**extra
    negative = (header & _NEGATIVE) != 0
    if negative.any():
        total = np.where(negative, -total, total)
    if rows is not None:
        total, scales = _spread(total, rows, n), _spread(scales, rows, n)
    if same:
        return ScaledColumn(total, scale, valid)
    return MixedColumn(total, 4 * low, scales, valid)


def _walked(column: VarColumn) -> ScaledColumn | None:
    """The numbers, found by the compiled walk; None where they are not all of one kind."""
    first = 0 if column.valid is None else int(column.valid.argmax())
    if column.valid is not None and not column.valid[first]:
        return None
    at = int(column.start[first])
    if column.length[first] < _HEADER:
        return None
    scale = int.from_bytes(column.buffer[at : at + _HEADER], "little") >> _DSCALE_SHIFT
    scale &= _DSCALE_MAX
    out = np.empty(len(column), np.int64)
    valid = _NONE if column.valid is None else column.valid.view(np.uint8)
    if unscale.unscale(
        column.buffer.data, np.ascontiguousarray(column.start, np.int64),
        np.ascontiguousarray(column.length, np.int32), np.ascontiguousarray(valid), scale,
        _TENS, out,
    ):  # fmt: skip
        return None
    return ScaledColumn(out, scale, column.valid)


def _spread(found: Any, rows: Any, n: int) -> Any:
    out = np.zeros(n, found.dtype)
    out[rows] = found
    return out


_NONE = np.zeros(0, np.uint8)
_TENS = 10 ** np.arange(_MOST_DIGITS + 1, dtype=np.int64)
# What unscale.py has written into its code.
assert (layout.NUMERIC_SIGN_MASK, layout.NUMERIC_SHORT, _NEGATIVE) == (0xC000, 0x8000, 0x2000)
assert (_DSCALE_SHIFT, _DSCALE_MAX, _WEIGHT_SIGN, _WEIGHT) == (7, 63, 64, 63)
_POWERS = np.array([10 ** (4 * i) for i in range(5)], np.int64)
