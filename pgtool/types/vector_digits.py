"""Integers and numerics → text, whole columns at once.

The unit is the group of four decimal digits: a table turns 0 … 9999 into four characters,
so a number costs one division and one look-up for every four digits. Groups are written
into rows of fixed pitch, right-aligned; the span of a row then leaves out leading zeros
and takes in a sign that is written before its first digit.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from formats.derive import dtype_of, offset_of, sizeof
from pgtool.storage import ragged
from pgtool.types import digit_walk
from pgtool.types.column import TextColumn, VarColumn

__all__ = ["integer_text", "join_rows", "numeric_text", "numeric_wire", "scaled_text"]

Array = npt.NDArray[Any]
_MAX_GROUPS = 8
_POINT = ord(".")
_MINUS = ord("-")
_HEADER = sizeof(layout.NumericHeader)
_LONG = sizeof(layout.NumericLong)


@cache
def _groups() -> tuple[Array, Array]:
    """0 … 9999 → four characters as one word; → number of digits (0 for 0)."""
    numbers = np.arange(10_000)
    digits = np.stack([numbers // 1000, numbers // 100 % 10, numbers // 10 % 10, numbers % 10], 1)
    words = (digits + 48).astype(np.uint8).view("<u4").ravel()
    counts = np.searchsorted([1, 10, 100, 1000], numbers, side="right").astype(np.uint8)
    return words, counts


def strided(buffer: Array, dtype: str, offset: int, pitch: int, rows: int) -> Array:
    """One field of every row of fixed pitch, as a writable view."""
    return np.ndarray((rows,), np.dtype(dtype), buffer, offset, (pitch,))


def integer_text(values: Array) -> TextColumn:
    """Integers of any width, signed or not."""
    if digit_walk.COMPILED and (values.dtype != np.uint64 or not (values >> np.uint64(63)).any()):
        return _walked_integers(np.ascontiguousarray(values, np.int64))
    return _vectorised_integers(values)


def _walked_integers(values: Array) -> TextColumn:
    rows = len(values)
    out = np.empty(rows * digit_walk.INTEGER, np.uint8)
    start, length = np.empty(rows, np.intp), np.empty(rows, np.intp)
    digit_walk.integers(values.data, out.data, start.data, length.data)
    return TextColumn(out, start, length)


def _vectorised_integers(values: Array) -> TextColumn:
    rows = len(values)
    signed = values.dtype.kind == "i"
    negative = values < 0 if signed else None
    wide: Any = np.uint64 if values.dtype.itemsize == 8 else np.uint32
    rest: Any = values.astype(wide, copy=False)
    if negative is not None and negative.any():
        rest = np.where(negative, ~rest + wide(1), rest)
    elif negative is not None:
        negative = None
    top = int(rest.max()) if rows else 0
    groups = max(1, -(-len(str(top)) // layout.DEC_DIGITS))
    pitch = 4 * groups + 4
    words, counts = _groups()
    out = np.empty((rows, groups + 1), "<u4")
    length = np.ones(rows, np.int64)
    for group in range(groups):
        if group < groups - 1:
            upper = rest // wide(layout.NBASE)
            part = (rest - upper * wide(layout.NBASE)).astype(np.intp)
            rest = upper
        else:
            part = rest.astype(np.intp)
        out[:, groups - group] = words[part]
        digits = counts[part]
        length = np.where(part > 0, digits + np.int64(4 * group), length)
    buffer = out.view(np.uint8).reshape(-1)
    start = np.arange(1, rows + 1, dtype=np.int64) * pitch - length
    if negative is not None:
        start -= negative
        length += negative
        buffer[start[negative]] = _MINUS
    return TextColumn(buffer, start, length)


def join_rows(column: TextColumn, rows: Array, texts: list[bytes]) -> TextColumn:
    """``column`` with other texts in some rows."""
    if not len(rows):
        return column
    more = np.frombuffer(b"".join(texts), np.uint8)
    length = np.fromiter(map(len, texts), np.int64, len(texts))
    column.start[rows] = len(column.buffer) + ragged.offsets_of(length)[:-1]
    column.length[rows] = length
    return TextColumn(np.concatenate([column.buffer, more]), column.start, column.length)


class _Heads:
    """The headers of a numeric column. ``plain`` rows are finite and of moderate size."""

    def __init__(self, column: VarColumn) -> None:
        valid = column.valid
        present = column.length >= _HEADER
        start = np.where(present, column.start, 0)
        pad = np.zeros(_LONG, np.uint8)
        buffer = column.buffer if column.buffer.size >= _LONG else np.append(column.buffer, pad)
        field = dtype_of(layout.NumericHeader)["n_header"]
        windows = np.ndarray((buffer.size - _HEADER + 1,), field, buffer, 0, (1,))
        header = windows[start].astype(np.int64)
        kind = header & layout.NUMERIC_SIGN_MASK
        is_short = kind == layout.NUMERIC_SHORT
        self.buffer = buffer
        self.windows = windows
        self.header = header
        self.is_short = is_short
        self.negative = np.where(
            is_short, header & layout.NUMERIC_SHORT_SIGN_MASK, kind == layout.NUMERIC_NEG
        ).astype(np.bool_)
        bits = header & (layout.NUMERIC_SHORT_WEIGHT_MASK | layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK)
        sign = layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK
        self.weight = np.where(bits & sign, bits - 2 * sign, bits)
        shift, most = layout.NUMERIC_SHORT_DSCALE_SHIFT, layout.NUMERIC_SHORT_DSCALE_MAX
        self.dscale = header >> shift & most
        self.first = start + _HEADER
        self.length = column.length.astype(np.int64) - _HEADER
        self._long_headers(start, column)
        self.ndigits = self.length >> 1
        self.plain = (
            present
            & (is_short | (column.length >= _LONG))
            & (kind != layout.NUMERIC_SPECIAL)
            & (self.length & 1 == 0)
            & (self.length >= 0)
        )
        if valid is not None:
            self.plain &= valid

    def _long_headers(self, start: Array, column: VarColumn) -> None:
        rows = np.flatnonzero(~self.is_short & (column.length >= _LONG))
        if not len(rows):
            return
        field = dtype_of(layout.NumericLong)["n_weight"]
        at = offset_of(layout.NumericLong, "n_weight")
        windows = np.ndarray((self.buffer.size - _LONG + 1,), field, self.buffer, at, (1,))
        self.weight[rows] = windows[start[rows]]
        self.dscale[rows] = self.header[rows] & layout.NUMERIC_DSCALE_MASK
        self.first[rows] += _LONG - _HEADER
        self.length[rows] -= _LONG - _HEADER

    def digits(self, rows: Array, position: Array) -> tuple[Array, Array]:
        """(digit at a position counted from each value's first, whether it is in range)."""
        inside = (position >= 0) & (position < self.ndigits[rows])
        at = np.where(inside, self.first[rows] + 2 * position, 0)
        found = np.where(inside, self.windows[at], 0)
        return found, found < layout.NBASE


def numeric_text(column: VarColumn) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here: special, huge or damaged values)."""
    return _walked_numerics(column) if digit_walk.COMPILED else _vectorised_numerics(column)


def _walked_numerics(column: VarColumn) -> tuple[TextColumn, Array]:
    rows = len(column)
    valid = column.valid
    absent = np.zeros(rows, np.uint8) if valid is None else (~valid).view(np.uint8)
    size = column.length.astype(np.intp)
    ragged.check_spans(column.buffer, column.start, np.where(absent, 0, size))
    out = np.empty((rows + 1) * digit_walk.NUMERIC, np.uint8)
    start, length = np.empty(rows, np.intp), np.empty(rows, np.intp)
    skip = absent.copy()
    given = (np.ascontiguousarray(column.buffer), ragged.as_spans(column.start), size, skip)
    digit_walk.numerics(*(array.data for array in (*given, out, start, length)))
    return TextColumn(out, start, length), np.flatnonzero(skip > absent)


def _vectorised_numerics(column: VarColumn) -> tuple[TextColumn, Array]:
    total = len(column)
    heads = _Heads(column)
    moderate = (
        heads.plain
        & (heads.weight < _MAX_GROUPS)
        & (heads.weight >= -_MAX_GROUPS)
        & (heads.dscale <= layout.DEC_DIGITS * _MAX_GROUPS)
        # digits that the scale would hide are no numeric's
        & (
            (heads.ndigits - 1 - heads.weight) * layout.DEC_DIGITS
            < heads.dscale + layout.DEC_DIGITS
        )
    )
    rows = np.flatnonzero(moderate)
    out = TextColumn(np.zeros(0, np.uint8), np.zeros(total, np.int64), np.zeros(total, np.int64))
    others = ~moderate if column.valid is None else ~moderate & column.valid
    if not len(rows):
        return out, np.flatnonzero(others)
    everything = len(rows) == total
    weight, dscale = heads.weight[rows], heads.dscale[rows]
    whole = max(1, int(weight.max()) + 1)
    decimals = -(-int(dscale.max()) // layout.DEC_DIGITS)
    pitch = 4 * whole + 4 + 4 * decimals + 4
    buffer = np.empty(len(rows) * pitch, np.uint8)
    words, counts = _groups()
    length = np.ones(len(rows), np.int64)
    good = np.ones(len(rows), np.bool_)
    for group in range(-decimals, whole):
        digit, fine = heads.digits(rows, weight - group)
        good &= fine
        digit = np.where(fine, digit, 0)
        if group >= 0:
            offset = 4 + 4 * (whole - 1 - group)
            length = np.where(digit > 0, counts[digit] + np.int64(4 * group), length)
        else:
            offset = 4 + 4 * whole + 1 + 4 * (-group - 1)
        strided(buffer, "<u4", offset, pitch, len(rows))[:] = words[digit]
    if decimals:
        strided(buffer, "u1", 4 + 4 * whole, pitch, len(rows))[:] = _POINT
    negative = heads.negative[rows]
    start = np.arange(len(rows), dtype=np.int64) * pitch + (4 + 4 * whole) - length
    length += dscale + (dscale > 0)
    if negative.any():
        start -= negative
        length += negative
        buffer[start[negative]] = _MINUS
    out.buffer = buffer
    if everything:
        out.start, out.length = start, length
    else:
        out.start[rows], out.length[rows] = start, length
    others[rows[~good]] = True
    return out, np.flatnonzero(others)


def numeric_wire(column: VarColumn) -> tuple[TextColumn, Array]:
    """(wire form, rows that could not be done here)."""
    heads = _Heads(column)
    rows = np.flatnonzero(heads.plain)
    ndigits = heads.ndigits[rows]
    length = 8 + 2 * ndigits
    offsets = ragged.offsets_of(length)
    buffer = np.empty(int(offsets[-1]), np.uint8)
    head = np.empty((len(rows), 4), ">i2")
    head[:, 0], head[:, 1] = ndigits, heads.weight[rows]
    head[:, 2], head[:, 3] = heads.negative[rows] * layout.NUMERIC_NEG, heads.dscale[rows]
    ragged.scatter_bytes(buffer, offsets[:-1], head.view("V8").reshape(-1))
    digits, _ = ragged.gather(heads.buffer, heads.first[rows], 2 * ndigits)
    words = digits.view("<u2")
    wrong = np.flatnonzero(words >= layout.NBASE)
    if len(wrong):
        heads.plain[rows[np.searchsorted(np.cumsum(ndigits), wrong, side="right")]] = False
    swapped = words.byteswap().view(np.uint8)
    ragged.copy_spans(
        buffer, offsets[:-1] + 8, swapped, ragged.offsets_of(2 * ndigits)[:-1], 2 * ndigits
    )
    total = len(column)
    out = TextColumn(buffer, np.zeros(total, np.int64), np.zeros(total, np.int64))
    out.start[rows], out.length[rows] = offsets[:-1], length
    rest = ~heads.plain if column.valid is None else ~heads.plain & column.valid
    return out, np.flatnonzero(rest)


def scaled_text(unscaled: Array, decimals: Array) -> TextColumn:
    """unscaled · 10^−decimals, for decimals that are mostly few."""
    text = integer_text(np.abs(unscaled))
    most = int(decimals.max()) if len(decimals) else 0
    negative = unscaled < 0
    if not most and not negative.any():
        return text
    short = np.maximum(decimals + 1 - text.length, 0)  # zeros to put before the digits
    whole = text.length + short - decimals
    length = negative + whole + decimals + (decimals > 0)
    offsets = ragged.offsets_of(length)
    buffer = np.full(int(offsets[-1]), ord("0"), np.uint8)
    at = offsets[:-1] + negative
    buffer[offsets[:-1][negative]] = _MINUS
    head = np.maximum(text.length - decimals, 0)
    ragged.copy_spans(buffer, at, text.buffer, text.start, head)
    tail = text.length - head
    end = offsets[1:]
    ragged.copy_spans(buffer, end - tail, text.buffer, text.start + head, tail)
    point = (at + whole)[decimals > 0]
    buffer[point] = _POINT
    return TextColumn(buffer, offsets[:-1].copy(), length)
