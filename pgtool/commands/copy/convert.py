"""Fields of COPY FROM → columns of a type: numbers, dates and plain text all at once.

A :class:`Converter` is made for one column. What its quick way does not know at sight
(spaces, exponents, named months …) goes through the type's input function value by value, so
errors and odd forms are the type's own. Values that were met lately are remembered there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.errors import SqlError
from pgtool.functions.codec import codec_of
from pgtool.storage import ragged
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["Converter", "FieldError"]

_KEPT = 20000
#: Input's counterpart (the output function) → numpy type, digits at most, limits.
_INTEGERS = {
    "int2out": ("<i2", 5, -(2**15), 2**15 - 1), "int4out": ("<i4", 10, -(2**31), 2**31 - 1),
    "int8out": ("<i8", 18, -(2**63), 2**63 - 1),
}  # fmt: skip
_ZERO, _MINUS, _COLON, _SPACE, _POINT = 48, 45, 58, 32, 46
_EPOCH = np.datetime64("2000-01-01", "D").astype(np.int64)


class FieldError(Exception):
    """A field that its type refuses: which row, and the error."""

    def __init__(self, row: int, error: SqlError) -> None:
        super().__init__(str(error))
        self.row = row
        self.error = error


class Converter:
    """One column's way from text to stored form."""

    def __init__(self, session: Any, typid: int, typmod: int) -> None:
        self.session = session
        registry = session.types
        self.typid, self.typmod = typid, typmod
        info = registry.info(typid)
        self.domain = typid if info.typtype == "d" else 0
        while info.typtype == "d":
            if self.typmod < 0:
                self.typmod = info.typtypmod
            info = registry.info(info.typbasetype)
        self.info = info
        self.io = registry.io_of(info.oid)
        self.codec = codec_of(registry, info.oid)
        self.quick = self._quick()
        self._known: dict[bytes, bytes] = {}

    def _quick(self) -> Callable[[VarColumn], tuple[Any, Any]] | None:
        """A way for whole columns: (column, rows that it could not read)."""
        out = self.info.typoutput
        if out in _INTEGERS:
            return lambda column: _integers(column, *_INTEGERS[out])
        if out == "textout" or (out == "varcharout" and self.typmod < 0):
            return lambda column: (column, _NOTHING)
        if out == "date_out":
            return _dates
        if out == "timestamp_out" and self.typmod < 0:
            return _timestamps
        if out == "boolout":
            return _booleans
        if out == "float8out":
            return _floats
        return None

    def column(self, fields: VarColumn, skipped: Any = None) -> Any:
        """The stored column. FieldError at the first row that cannot be read.

        With ``skipped``, a list, rows that cannot be read are told there and become NULL.
        """
        if self.quick is None or self.domain:
            return self._each(fields, range(len(fields)), None, skipped)
        made, rest = self.quick(fields)
        if not len(rest):
            return made
        return self._each(fields, rest.tolist(), made, skipped)

    def _each(self, fields: VarColumn, rows: Any, made: Any, skipped: Any) -> Any:
        """Some rows (or all) by the input function."""
        found: list[bytes | None] = []
        for row in rows:
            text = fields.datum(row)
            try:
                found.append(self._one(text))
            except SqlError as error:
                if skipped is None:
                    raise FieldError(row, error) from None
                skipped.append(row)
                found.append(None)
        if made is None:
            return self._stored(found)
        for row, datum in zip(rows, found):
            if datum is None:
                valid = np.ones(len(made), bool) if made.valid is None else made.valid
                valid[row] = False
                made.valid = valid
            else:
                made.values[row] = np.frombuffer(datum, made.values.dtype)[0]
        return made

    def _one(self, text: bytes | None) -> bytes | None:
        if text is None:
            if self.domain:
                self.session.check_domain(self.domain, None)
            return None
        known = self._known.get(text)
        if known is None:
            known = bytes(self.io.input(text, self.typmod))
            if self.domain:
                self.session.check_domain(self.domain, self.codec.decode(known))
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[text] = known
        return known

    def received(self, wire: bytes | None) -> bytes | None:
        """A field of the binary format."""
        if wire is None:
            return self._one(None)
        datum = bytes(self.io.receive(wire, self.typmod))
        if self.domain:
            self.session.check_domain(self.domain, self.codec.decode(datum))
        return datum

    def stored(self, datums: list[bytes | None]) -> Any:
        """Datums as a column."""
        return self._stored(datums)

    def _stored(self, datums: list[bytes | None]) -> Any:
        dtype = self.codec.dtype
        if dtype is None and self.info.typlen > 0:
            dtype = np.dtype(f"V{self.info.typlen}")
        if dtype is None:
            return VarColumn.of(datums)
        size = dtype.itemsize
        raw = b"".join(bytes(size) if d is None else d.ljust(size, b"\0") for d in datums)
        valid = np.fromiter((d is not None for d in datums), np.bool_, len(datums))
        return FixedColumn(np.frombuffer(raw, dtype).copy(), None if valid.all() else valid)


_NOTHING = np.zeros(0, np.int64)


def _present(column: VarColumn) -> tuple[Any, Any, Any]:
    """(start, length, mask) with NULL rows of length 0."""
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    return np.where(length > 0, column.start, 0), length, column.valid


def _rest(column: VarColumn, good: Any) -> Any:
    """Rows that are not NULL and not read."""
    return np.flatnonzero(~good if column.valid is None else ~good & column.valid)


def _integers(column: VarColumn, code: str, digits: int, low: int, high: int) -> tuple[Any, Any]:
    start, length, valid = _present(column)
    n = len(start)
    if not len(column.buffer) or not n:
        return FixedColumn(np.zeros(n, code), valid), _NOTHING
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


def _timestamps(column: VarColumn) -> tuple[Any, Any]:
    buffer, start, length = _padded(column, 32)
    days, good = _day(buffer, start)
    hour, a = _digits(buffer, start, 11, 2)
    minute, b = _digits(buffer, start, 14, 2)
    second, c = _digits(buffer, start, 17, 2)
    good &= a & b & c & (buffer[start + 10] == _SPACE)
    good &= (buffer[start + 13] == _COLON) & (buffer[start + 16] == _COLON)
    good &= (hour < 24) & (minute < 60) & (second < 60)
    micros = np.zeros(len(start), np.int64)
    fraction = length > 20
    if fraction.any():
        scale = 100_000
        for k in range(6):
            here = fraction & (length > 20 + k)
            byte = buffer[np.where(here, start + 20 + k, 0)].astype(np.int64) - _ZERO
            good &= ~here | ((byte >= 0) & (byte <= 9))
            micros += np.where(here, byte * scale, 0)
            scale //= 10
        good &= ~fraction | (buffer[start + 19] == _POINT)
    good &= (length == 19) | (fraction & (length <= 26))
    seconds = hour * 3600 + minute * 60 + second
    made = days * 86_400_000_000 + seconds * 1_000_000 + micros
    return FixedColumn(np.where(good, made, 0).astype("<i8"), column.valid), _rest(column, good)


def _booleans(column: VarColumn) -> tuple[Any, Any]:
    start, length, valid = _present(column)
    if not len(column.buffer):
        return FixedColumn(np.zeros(len(start), "?"), valid), _NOTHING
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
    n = len(start)
    negative = (buffer[start] == _MINUS) & (length > 1)
    padded = np.concatenate([np.zeros(width, np.uint8), buffer])
    table = ragged.windows(padded, width)[start + length].view(np.uint8).reshape(n, width)
    table = np.ascontiguousarray(table.T)
    first = width - (length - negative)
    total = np.zeros(n, np.int64)
    after = np.zeros(n, np.int64)
    seen = np.zeros(n, bool)
    good = (length > 0) & (length - negative <= _EXACT_DIGITS + 1)
    for k in range(max(width - _EXACT_DIGITS - 1, 0), width):
        byte = table[k]
        digit = byte - np.uint8(_ZERO)
        within = first <= k
        point = (byte == _POINT) & within & ~seen & (first < k)
        is_digit = (digit <= 9) & within
        good &= is_digit | point | ~within
        total = np.where(is_digit, total * 10 + digit, total)
        after += seen & is_digit
        seen |= point
    good &= (length - negative - seen) <= _EXACT_DIGITS
    values = np.where(good, total, 0) / _POWERS[np.where(good, after, 0)]
    np.negative(values, out=values, where=negative)
    return values, good


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
