"""Columns of text → columns of a type, as numpy arrays: numbers, dates, times, uuids.

Each reader gives the column and the rows that it could not read: odd forms and errors are
left to the type's input function. A reader never takes what input would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.storage import ragged
from pgtool.types import digit_read
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.vector_numeric import MOST_DIGITS, pack_scaled

__all__ = ["NOTHING", "reader"]

#: Input's counterpart (the output function) → numpy type, digits at most, limits.
_INTEGERS = {
    "int2out": ("<i2", 5, -(2**15), 2**15 - 1), "int4out": ("<i4", 10, -(2**31), 2**31 - 1),
    "int8out": ("<i8", 18, -(2**63), 2**63 - 1),
}  # fmt: skip
_ZERO, _MINUS, _COLON, _SPACE, _POINT, _PLUS = 48, 45, 58, 32, 46, 43
_EPOCH = np.datetime64("2000-01-01", "D").astype(np.int64)
VARHDRSZ = 4

Reader = Callable[[VarColumn], tuple[Any, Any]]


def reader(typoutput: str, typmod: int) -> Reader | None:
    """The reader of a type, by its output function."""
    if typoutput in _INTEGERS:
        return lambda column: _integers(column, *_INTEGERS[typoutput])
    if typoutput == "textout" or (typoutput == "varcharout" and typmod < 0):
        return lambda column: (column, NOTHING)
    if typoutput == "varcharout":
        return lambda column: _short(column, typmod - VARHDRSZ)
    if typoutput == "numeric_out":
        return lambda column: _numerics(column, typmod)
    if typoutput in ("timestamp_out", "timestamptz_out") and typmod < 0:
        return lambda column: _timestamps(column, typoutput == "timestamptz_out")
    return {"date_out": _dates, "boolout": _booleans, "float8out": _floats,
            "uuid_out": _uuids}.get(typoutput)  # fmt: skip


NOTHING = np.zeros(0, np.int64)


def _present(column: VarColumn) -> tuple[Any, Any, Any]:
    """(start, length, mask) with NULL rows of length 0."""
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    return np.where(length > 0, column.start, 0).astype(np.int64, copy=False), length, column.valid


def _rest(column: VarColumn, good: Any) -> Any:
    """Rows that are not NULL and not read."""
    return np.flatnonzero(~good if column.valid is None else ~good & column.valid)


def _integers(column: VarColumn, code: str, digits: int, low: int, high: int) -> tuple[Any, Any]:
    start, length, valid = _present(column)
    n = len(start)
    if not len(column.buffer) or not n:
        return FixedColumn(np.zeros(n, code), valid), _rest(column, np.zeros(n, bool))
    if digit_read.COMPILED:
        total, good = np.empty(n, np.int64), np.empty(n, bool)
        digit_read.integers(column.buffer.data, start, length, digits, low, high, total,
                            good.view(np.uint8))  # fmt: skip
        return FixedColumn(total.astype(code, copy=False), valid), _rest(column, good)
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
    return FixedColumn(total.astype(code), valid), _rest(column, good)


def _digits(buffer: Any, start: Any, at: int, count: int) -> tuple[Any, Any]:
    """(number, whether it is one) of some digits at a fixed place."""
    total = np.zeros(len(start), np.int64)
    good = np.ones(len(start), bool)
    for k in range(count):
        byte = buffer[start + at + k].astype(np.int64) - _ZERO
        good &= (byte >= 0) & (byte <= 9)
        total = total * 10 + byte
    return total, good


def _day(buffer: Any, start: Any) -> tuple[Any, Any]:
    """Days since 2000 of ``YYYY-MM-DD``."""
    year, good = _digits(buffer, start, 0, 4)
    month, ok = _digits(buffer, start, 5, 2)
    day, also = _digits(buffer, start, 8, 2)
    good &= ok & also & (buffer[start + 4] == _MINUS) & (buffer[start + 7] == _MINUS)
    good &= (year > 0) & (month >= 1) & (month <= 12) & (day >= 1)
    safe_year, safe_month = np.where(good, year, 2000), np.where(good, month, 1)
    months = ((safe_year - 1970) * 12 + safe_month - 1).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[D]").astype(np.int64)
    good &= day <= following - first
    return first + np.where(good, day, 1) - 1 - _EPOCH, good


def _padded(column: VarColumn, width: int) -> tuple[Any, Any, Any]:
    """(buffer with room behind, start, length)."""
    start, length, _valid = _present(column)
    buffer = np.concatenate([column.buffer, np.zeros(width, np.uint8)])
    return buffer, start, length


def _dates(column: VarColumn) -> tuple[Any, Any]:
    buffer, start, length = _padded(column, 10)
    days, good = _day(buffer, start)
    good &= length == 10
    return FixedColumn(np.where(good, days, 0).astype("<i4"), column.valid), _rest(column, good)


def _timestamps(column: VarColumn, zoned: bool) -> tuple[Any, Any]:
    """``YYYY-MM-DD HH:MM:SS[.ffffff]``, with a zone of whole hours behind where there is one."""
    buffer, start, length = _padded(column, 32)
    days, good = _day(buffer, start)
    hour, a = _digits(buffer, start, 11, 2)
    minute, b = _digits(buffer, start, 14, 2)
    second, c = _digits(buffer, start, 17, 2)
    good &= a & b & c & (buffer[start + 10] == _SPACE)
    good &= (buffer[start + 13] == _COLON) & (buffer[start + 16] == _COLON)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    offset: Any = 0
    if zoned:
        offset, ok, length = _zone(buffer, start, length)
        good &= ok
    micros, ok = _fraction(buffer, start, length)
    good &= ok
    seconds = hour * 3600 + minute * 60 + second - offset
    made = days * 86_400_000_000 + seconds * 1_000_000 + micros
    return FixedColumn(np.where(good, made, 0).astype("<i8"), column.valid), _rest(column, good)


def _zone(buffer: Any, start: Any, length: Any) -> tuple[Any, Any, Any]:
    """(seconds east, whether ``±HH`` ends the text, length without it)."""
    at = np.maximum(start + length - 3, 0)
    sign = buffer[at]
    hours, good = _digits(buffer, at, 1, 2)
    good &= ((sign == _PLUS) | (sign == _MINUS)) & (hours < 16) & (length >= 22)
    return np.where(sign == _MINUS, -hours, hours) * 3600, good, np.maximum(length - 3, 0)


def _fraction(buffer: Any, start: Any, length: Any) -> tuple[Any, Any]:
    """(microseconds behind the seconds, whether the text ends well)."""
    micros = np.zeros(len(start), np.int64)
    fraction = length > 20
    good = (length == 19) | (fraction & (length <= 26))
    if fraction.any():
        scale = 100_000
        for k in range(6):
            here = fraction & (length > 20 + k)
            byte = buffer[np.where(here, start + 20 + k, 0)].astype(np.int64) - _ZERO
            good &= ~here | ((byte >= 0) & (byte <= 9))
            micros += np.where(here, byte * scale, 0)
            scale //= 10
        good &= ~fraction | (buffer[np.where(fraction, start + 19, 0)] == _POINT)
    return micros, good


def _booleans(column: VarColumn) -> tuple[Any, Any]:
    start, length, valid = _present(column)
    if not len(column.buffer):
        none = np.zeros(len(start), bool)
        return FixedColumn(none, valid), _rest(column, none)
    byte = column.buffer[start]
    yes, no = byte == ord("t"), byte == ord("f")
    good = (length == 1) & (yes | no)
    return FixedColumn(yes & good, valid), _rest(column, good)


def _floats(column: VarColumn) -> tuple[Any, Any]:
    """Plain decimals of few digits: their digits and power of ten are exact, so is the quotient.

    Others are read as numpy reads text, where it does.
    """
    start, length, valid = _present(column)
    n = len(start)
    width = int(length.max()) if n else 0
    if not 0 < width <= _MAX_FLOAT:
        return FixedColumn(np.zeros(n, "<f8"), valid), _rest(column, np.zeros(n, bool))
    values, good = _decimals(column.buffer, start, length, width)
    rest = np.flatnonzero(~good & (length > 0))
    if len(rest):
        values[rest], good[rest] = _other_floats(column.buffer, start[rest], length[rest], width)
    return FixedColumn(values, valid), _rest(column, good)


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


def _numerics(column: VarColumn, typmod: int) -> tuple[Any, Any]:
    """Plain decimals of few digits; with a precision, those that are within it."""
    start, length, valid = _present(column)
    n = len(start)
    width = min(int(length.max(initial=0)), MOST_DIGITS + 2)
    precision = scale = -1
    if typmod >= VARHDRSZ:
        packed = typmod - VARHDRSZ
        precision, scale = packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024
    if not width or scale < 0 <= precision or scale > MOST_DIGITS or not len(column.buffer):
        return VarColumn(column.buffer, start, length, valid), _rest(column, np.zeros(n, bool))
    total, after, good = _scaled(column.buffer, start, length, width, MOST_DIGITS)
    if precision >= 0:
        total, good = _rounded(total, after, good, precision, scale)
        after = np.full(n, scale, np.int64)
    pad = -after % 4
    good &= np.abs(total) < _INT_POWERS[MOST_DIGITS - pad]
    total, after = np.where(good, total, 0), np.where(good, after, 0)
    return pack_scaled(total, after, after, valid), _rest(column, good)


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


def _short(column: VarColumn, most: int) -> tuple[Any, Any]:
    """Texts of no more bytes than characters are allowed."""
    _start, length, _valid = _present(column)
    return column, _rest(column, length <= most)


def _uuids(column: VarColumn) -> tuple[Any, Any]:
    """``xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx``."""
    buffer, start, length = _padded(column, 36)
    n = len(start)
    table = ragged.windows(buffer, 36)[start].view(np.uint8).reshape(n, 36)
    good = (length == 36) & (table[:, _DASHES] == _MINUS).all(axis=1)
    digits = _HEX[table[:, _NIBBLES]]
    good &= (digits < 16).all(axis=1)
    made = np.ascontiguousarray(digits[:, 0::2] << 4 | digits[:, 1::2] & 15)
    made[~good] = 0
    return FixedColumn(made.view("V16").reshape(n), column.valid), _rest(column, good)


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


_MAX_FLOAT, _EXACT_DIGITS = 32, 15
_POWERS = 10.0 ** np.arange(_EXACT_DIGITS + 1)
_FLOAT_BYTES = np.zeros(256, bool)
_FLOAT_BYTES[list(b"0123456789.-+eE")] = True
_INT_POWERS = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)
_DASHES = [8, 13, 18, 23]
_NIBBLES = [i for i in range(36) if i not in _DASHES]
_HEX = np.full(256, 255, np.uint8)
for _value, _digit in enumerate("0123456789abcdef"):
    _HEX[[ord(_digit), ord(_digit.upper())]] = _value
