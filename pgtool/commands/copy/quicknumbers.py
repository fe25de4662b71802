"""Columns of text → columns of numbers, all rows at once; :mod:`.quickread` chooses.

Compiled loops do it (:mod:`pgtool.types.digit_read`), or numpy where they are not compiled.
"""

from __future__ import annotations

from locale import localeconv
from typing import Any

import numpy as np

from formats.varlena import VARHDRSZ
from pgtool.storage import ragged
from pgtool.types import digit_read
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.vector_numeric import MOST_DIGITS, pack_scaled

__all__ = ["floats", "integers", "numerics", "present", "rest_of"]

_ZERO, _MINUS, _POINT = 48, 45, 46
_MAX_FLOAT, _EXACT_DIGITS = 32, 15
_POWERS = 10.0 ** np.arange(_EXACT_DIGITS + 1)
_FLOAT_BYTES = np.zeros(256, bool)
_FLOAT_BYTES[list(b"0123456789.-+eE")] = True
_INT_POWERS = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)


def present(column: VarColumn) -> tuple[Any, Any, Any]:
    """(start, length, mask) with NULL rows of length 0."""
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    return np.where(length > 0, column.start, 0).astype(np.int64, copy=False), length, column.valid


def rest_of(column: VarColumn, good: Any) -> Any:
    """Rows that are not NULL and not read."""
    return np.flatnonzero(~good if column.valid is None else ~good & column.valid)


def integers(column: VarColumn, code: str, digits: int, low: int, high: int) -> tuple[Any, Any]:
    start, length, valid = present(column)
    n = len(start)
    if not len(column.buffer) or not n:
        return FixedColumn(np.zeros(n, code), valid), rest_of(column, np.zeros(n, bool))
    if digit_read.COMPILED:
        total, good = np.empty(n, np.int64), np.empty(n, bool)
        digit_read.integers(column.buffer.data, start, length, digits, low, high, total,
                            good.view(np.uint8))  # fmt: skip
        return FixedColumn(total.astype(code, copy=False), valid), rest_of(column, good)
    negative = (column.buffer[start] == _MINUS) & (length > 1)
    count = length - negative
    good = (count > 0) & (count <= digits)
    width = int(count[good].max()) if good.any() else 1
    # Right-aligned digits, one row of the table a place; what lies before the first is 0.
    padded = np.concatenate([np.zeros(width, np.uint8), column.buffer])
    places = np.where(good, start + length, width)
    table = ragged.windows(padded, width)[places].view(np.uint8).reshape(n, width)
    table = np.ascontiguousarray(table.T)
    total = np.zeros(n, np.int64)
    for k in range(width):
        digit = table[k] - np.uint8(_ZERO)
        beyond = count < width - k
        good &= beyond | (digit <= 9)
        digit[beyond] = 0
        total *= 10
        total += digit
    np.negative(total, out=total, where=negative)
    good &= (total >= low) & (total <= high)
    total[~good] = 0
    return FixedColumn(total.astype(code), valid), rest_of(column, good)


def floats(column: VarColumn) -> tuple[Any, Any]:
    """Plain decimals of few digits: their digits and power of ten are exact, so is the quotient.

    Others are read as numpy reads text, where it does.
    """
    start, length, valid = present(column)
    n = len(start)
    # The loop's C function takes the decimal point from the process's locale.
    if digit_read.COMPILED and n and localeconv()["decimal_point"] == ".":
        out, good, term = np.empty(n), np.empty(n, bool), np.empty(_MAX_FLOAT + 1, np.uint8)
        digit_read.floats(column.buffer.data, start, length, _POWERS, term, out,
                          good.view(np.uint8))  # fmt: skip
        return FixedColumn(out, valid), rest_of(column, good)
    width = int(length.max()) if n else 0
    if not 0 < width <= _MAX_FLOAT:
        return FixedColumn(np.zeros(n, "<f8"), valid), rest_of(column, np.zeros(n, bool))
    values, good = _decimals(column.buffer, start, length, width)
    rest = np.flatnonzero(~good & (length > 0))
    if len(rest):
        values[rest], good[rest] = _other_floats(column.buffer, start[rest], length[rest], width)
    return FixedColumn(values, valid), rest_of(column, good)


def _decimals(buffer: Any, start: Any, length: Any, width: int) -> tuple[Any, Any]:
    """(values, which were read) of ``-?[0-9]+(.[0-9]*)?`` with at most 15 digits."""
    total, after, good = _scaled(buffer, start, length, width, _EXACT_DIGITS)
    values = np.abs(np.where(good, total, 0)) / _POWERS[np.where(good, after, 0)]
    np.negative(values, out=values, where=(buffer[start] == _MINUS) & (length > 1))
    return values, good


def _scaled(buffer: Any, start: Any, length: Any, width: int, most: int) -> tuple[Any, Any, Any]:
    """(digits as one number, decimals, which were read) of ``-?[0-9]+(.[0-9]*)?``."""
    n = len(start)
    total, after, good = np.zeros(n, np.int64), np.zeros(n, np.int64), np.empty(n, bool)
    if digit_read.COMPILED:
        digit_read.scaled(buffer.data, start, length, most, total, after, good.view(np.uint8))
        return total, after, good
    negative = (buffer[start] == _MINUS) & (length > 1)
    padded = np.concatenate([np.zeros(width, np.uint8), buffer])
    table = ragged.windows(padded, width)[start + length].view(np.uint8).reshape(n, width)
    table = np.ascontiguousarray(table.T)
    first = width - (length - negative)
    seen = np.zeros(n, bool)
    good = (length > 0) & (length - negative <= most + 1)
    for k in range(max(width - most - 1, 0), width):
        byte = table[k]
        digit = byte - np.uint8(_ZERO)
        within = first <= k
        point = (byte == _POINT) & within & ~seen & (first < k)
        is_digit = (digit <= 9) & within
        good &= is_digit | point | ~within
        total = np.where(is_digit, total * 10 + digit, total)
        after += seen & is_digit
        seen |= point
    good &= (length - negative - seen) <= most
    np.negative(total, out=total, where=negative)
    return total, after, good


def numerics(column: VarColumn, typmod: int) -> tuple[Any, Any]:
    """Plain decimals of few digits; with a precision, those that are within it."""
    start, length, valid = present(column)
    n = len(start)
    width = min(int(length.max(initial=0)), MOST_DIGITS + 2)
    precision = scale = -1
    if typmod >= VARHDRSZ:
        packed = typmod - VARHDRSZ
        precision, scale = packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024
    if not width or scale < 0 <= precision or scale > MOST_DIGITS or not len(column.buffer):
        return VarColumn(column.buffer, start, length, valid), rest_of(column, np.zeros(n, bool))
    total, after, good = _scaled(column.buffer, start, length, width, MOST_DIGITS)
    if precision >= 0:
        total, good = _rounded(total, after, good, precision, scale)
        after = np.full(n, scale, np.int64)
    pad = -after % 4
    good &= np.abs(total) < _INT_POWERS[MOST_DIGITS - pad]
    total, after = np.where(good, total, 0), np.where(good, after, 0)
    return pack_scaled(total, after, after, valid), rest_of(column, good)


def _rounded(total: Any, after: Any, good: Any, precision: int, scale: int) -> tuple[Any, Any]:
    """Numbers with so many decimals, halves away from zero; those of the precision are good."""
    more = np.maximum(after - scale, 0)
    unit = _INT_POWERS[np.minimum(more, MOST_DIGITS)]
    size = np.abs(total)
    size = size // unit + (size % unit * 2 >= unit) * (more > 0)
    fewer = np.maximum(scale - after, 0)
    fits = size < _INT_POWERS[np.maximum(MOST_DIGITS - fewer, 0)]
    size = np.where(fits, size, 0) * _INT_POWERS[fewer]
    if precision < MOST_DIGITS:
        fits &= size < _INT_POWERS[precision]
    return np.where(total < 0, -size, size), good & fits


def _other_floats(buffer: Any, start: Any, length: Any, width: int) -> tuple[Any, Any]:
    n = len(start)
    padded = np.concatenate([buffer, np.zeros(width, np.uint8)])
    table = ragged.windows(padded, width)[start].view(np.uint8).reshape(n, width)
    outside = np.arange(width) >= length[:, None]
    good = (_FLOAT_BYTES[table] | outside).all(axis=1)
    table = np.where(outside, 0, table).astype(np.uint8)
    table[~good] = 0
    table[~good, 0] = _ZERO
    try:
        values = table.view(f"S{width}").reshape(n).astype("<f8")
    except ValueError:
        return np.zeros(n), np.zeros(n, bool)
    good &= np.isfinite(values) & ((values != 0) | (length <= 3))
    return np.where(good, values, 0.0), good
