"""Columns of text → columns of a type, as numpy arrays: numbers, dates, times, uuids.

Each reader gives the column and the rows that it could not read: odd forms and errors are
left to the type's input function. A reader never takes what input would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from formats.varlena import VARHDRSZ
from pgtool.commands.copy.quicknumbers import floats, integers, numerics, present, rest_of
from pgtool.storage import ragged
from pgtool.types import jsonb_read
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.vector_jsonb_read import read_jsonb

__all__ = ["NOTHING", "reader"]

#: Input's counterpart (the output function) → numpy type, digits at most, limits.
_INTEGERS = {
    "int2out": ("<i2", 5, -(2**15), 2**15 - 1), "int4out": ("<i4", 10, -(2**31), 2**31 - 1),
    "int8out": ("<i8", 18, -(2**63), 2**63 - 1),
}  # fmt: skip
_ZERO, _MINUS, _COLON, _SPACE, _POINT, _PLUS, _HIGH = 48, 45, 58, 32, 46, 43, 128
_EPOCH = np.datetime64("2000-01-01", "D").astype(np.int64)

Reader = Callable[[VarColumn], tuple[Any, Any]]


def reader(typoutput: str, typmod: int) -> Reader | None:
    """The reader of a type, by its output function."""
    if typoutput in _INTEGERS:
        return lambda column: integers(column, *_INTEGERS[typoutput])
    if typoutput == "textout" or (typoutput == "varcharout" and typmod < 0):
        return lambda column: (column, NOTHING)
    if typoutput == "varcharout":
        return lambda column: _short(column, typmod - VARHDRSZ)
    if typoutput == "bpcharout" and typmod >= VARHDRSZ:
        return lambda column: _padded_texts(column, typmod - VARHDRSZ)
    if typoutput == "numeric_out":
        return lambda column: numerics(column, typmod)
    if typoutput in ("timestamp_out", "timestamptz_out") and typmod < 0:
        return lambda column: _timestamps(column, typoutput == "timestamptz_out")
    if typoutput == "jsonb_out" and jsonb_read.COMPILED:
        return _jsonbs
    return {"date_out": _dates, "boolout": _booleans, "float8out": floats,
            "uuid_out": _uuids}.get(typoutput)  # fmt: skip


NOTHING = np.zeros(0, np.int64)


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
    start, length, _valid = present(column)
    buffer = np.concatenate([column.buffer, np.zeros(width, np.uint8)])
    return buffer, start, length


def _dates(column: VarColumn) -> tuple[Any, Any]:
    buffer, start, length = _padded(column, 10)
    days, good = _day(buffer, start)
    good &= length == 10
    return FixedColumn(np.where(good, days, 0).astype("<i4"), column.valid), rest_of(column, good)


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
    return FixedColumn(np.where(good, made, 0).astype("<i8"), column.valid), rest_of(column, good)


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
    start, length, valid = present(column)
    if not len(column.buffer):
        none = np.zeros(len(start), bool)
        return FixedColumn(none, valid), rest_of(column, none)
    byte = column.buffer[start]
    yes, no = byte == ord("t"), byte == ord("f")
    good = (length == 1) & (yes | no)
    return FixedColumn(yes & good, valid), rest_of(column, good)


def _short(column: VarColumn, most: int) -> tuple[Any, Any]:
    """Texts of no more bytes than characters are allowed."""
    _start, length, _valid = present(column)
    return column, rest_of(column, length <= most)


def _padded_texts(column: VarColumn, width: int) -> tuple[Any, Any]:
    """Texts of so many characters at most, filled up with spaces; those of ASCII only."""
    start, length, valid = present(column)
    good = length <= width
    high = np.flatnonzero(column.buffer >= _HIGH)
    if len(high):
        good &= np.searchsorted(high, start) == np.searchsorted(high, start + length)
    at = np.arange(len(start)) * width
    out = np.full(len(start) * width, _SPACE, np.uint8)
    ragged.copy_spans(out, at, column.buffer, start, np.where(good, length, 0))
    return VarColumn(out, at, np.full(len(start), width, np.int32), valid), rest_of(column, good)


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
    return FixedColumn(made.view("V16").reshape(n), column.valid), rest_of(column, good)


def _jsonbs(column: VarColumn) -> tuple[Any, Any]:
    made, good = read_jsonb(column)
    return made, rest_of(column, good)


_DASHES = [8, 13, 18, 23]
_NIBBLES = [i for i in range(36) if i not in _DASHES]
_HEX = np.full(256, 255, np.uint8)
for _value, _digit in enumerate("0123456789abcdef"):
    _HEX[[ord(_digit), ord(_digit.upper())]] = _value
