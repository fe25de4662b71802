"""Text functions over whole columns.

A column of text is spans of bytes in a buffer. LIKE with a constant pattern looks for the
pattern's pieces in the buffer and then asks for each row whether a find lies inside it;
the rest works on columns whose rows are all ASCII, where bytes are characters. Whatever
does not fit comes back as NotImplemented and is done row by row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.functions.like import Pattern, Segment, check_collation
from pgtool.functions.registry import Call, vector
from pgtool.functions.textcase import rules_of
from pgtool.storage import ragged
from pgtool.types.column import VarColumn

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_SAMPLE = 1 << 14
_UPPER = np.frombuffer(bytes(range(256)).upper(), np.uint8)
_LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8)


def _constant(column: VarColumn) -> bytes | None:
    """The value that all rows share, where the column says so."""
    if not len(column) or (len(column) > 1 and column.start.strides[0] != 0):
        return None
    return column.datum(0)


def _span(column: VarColumn) -> tuple[Ints, Ints]:
    start = column.start.astype(np.int64)
    return start, start + column.length


# -- LIKE -----------------------------------------------------------------------------------


def occurrences(buffer: Bytes, needle: bytes) -> Ints:
    """Every place where a piece stands in the buffer, in order."""
    size = len(buffer) - len(needle) + 1
    if size <= 0:
        return np.zeros(0, np.int64)
    wanted = np.frombuffer(needle, np.uint8)
    counts = np.bincount(buffer[:_SAMPLE], minlength=256)
    rarest = int(np.argmin(counts[wanted]))
    found = np.flatnonzero(buffer[rarest : rarest + size] == wanted[rarest])
    for i, byte in enumerate(wanted):
        if i != rarest and len(found):
            found = found[buffer[found + i] == byte]
    return found


def _stands(buffer: Bytes, at: Ints, rows: Ints, needle: bytes) -> Ints:
    """Those of the rows where a piece stands at a known place."""
    for i, byte in enumerate(needle):
        if not len(rows):
            break
        rows = rows[buffer[at[rows] + i] == byte]
    return rows


def _like(column: VarColumn, segments: list[bytes]) -> npt.NDArray[np.bool_]:
    """Rows that begin with the first piece, end with the last and hold the others between."""
    start, end = _span(column)
    buffer = column.buffer
    first, last = segments[0], segments[-1]
    out = np.zeros(len(column), np.bool_)
    if len(segments) == 1:
        rows = np.flatnonzero(end - start == len(first))
        out[_stands(buffer, start, rows, first)] = True
        return out
    rows = np.flatnonzero(end - start >= len(first) + len(last))
    rows = _stands(buffer, start, rows, first)
    rows = _stands(buffer, end - len(last), rows, last)
    at = start[rows] + len(first)
    limit = end[rows] - len(last)
    for piece in segments[1:-1]:
        if not piece or not len(rows):
            continue
        places = occurrences(buffer, piece)
        if not len(places):
            return out
        index = np.searchsorted(places, at)
        found = places[np.minimum(index, len(places) - 1)]
        fits = (index < len(places)) & (found + len(piece) <= limit)
        rows, at, limit = rows[fits], found[fits] + len(piece), limit[fits]
    out[rows] = True
    return out


def _pieces(pattern: bytes) -> list[bytes] | None:
    """The literal pieces of a simple pattern; None for one with underscores or worse."""
    if not pattern.isascii():
        return None
    made = Pattern(pattern)
    segments: list[Segment[bytes]] = made.segments
    if made.dangling or any(one.find_regex is not None for one in segments):
        return None
    return [one.literal for one in segments]


def _matched(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    check_collation(call)
    constant = _constant(pattern)
    pieces = None if constant is None else _pieces(constant)
    return NotImplemented if pieces is None else _like(text, pieces)


@vector("textlike", "namelike", "bytealike", call=True)
def textlike_v(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    return _matched(call, text, pattern)


@vector("textnlike", "namenlike", "byteanlike", call=True)
def textnlike_v(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    found = _matched(call, text, pattern)
    return found if found is NotImplemented else ~found


def _folded(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    check_collation(call)
    rules_of(call)  # refuses locales whose ASCII letters are special
    constant = _constant(pattern)
    rows = _ascii_rows(text)
    if constant is None or not constant.isascii() or rows is None:
        return NotImplemented
    pieces = _pieces(constant.lower())
    if pieces is None:
        return NotImplemented
    data, offsets = rows
    return _like(VarColumn(_LOWER[data], offsets[:-1], text.length), pieces)


@vector("texticlike", "nameiclike", call=True)
def texticlike_v(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    return _folded(call, text, pattern)


@vector("texticnlike", "nameicnlike", call=True)
def texticnlike_v(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
    found = _folded(call, text, pattern)
    return found if found is NotImplemented else ~found


@vector("text_starts_with")
def text_starts_with_v(text: VarColumn, prefix: VarColumn) -> Any:
    constant = _constant(prefix)
    return NotImplemented if constant is None else _like(text, [constant, b""])


# -- columns that are all ASCII -----------------------------------------------------------------


def _ascii_rows(column: VarColumn) -> tuple[Bytes, Ints] | None:
    """The rows end to end, if every byte is a character of its own."""
    data, offsets = ragged.gather(column.buffer, column.start, column.length)
    return (data, offsets) if not len(data) or int(data.max()) < 0x80 else None


@vector("textlen")
def textlen_v(text: VarColumn) -> Any:
    return NotImplemented if _ascii_rows(text) is None else text.length.astype(np.int32)


@vector("textoctetlen", "byteaoctetlen")
def textoctetlen_v(text: VarColumn) -> Any:
    return text.length.astype(np.int32)


def _mapped(call: Call, text: VarColumn, table: Bytes) -> Any:
    rules_of(call)
    rows = _ascii_rows(text)
    if rows is None:
        return NotImplemented
    return VarColumn(table[rows[0]], rows[1][:-1], text.length)


@vector("upper", call=True)
def upper_v(call: Call, text: VarColumn) -> Any:
    return _mapped(call, text, _UPPER)


@vector("lower", call=True)
def lower_v(call: Call, text: VarColumn) -> Any:
    return _mapped(call, text, _LOWER)


def _part(text: VarColumn, first: Any, last: Any) -> VarColumn:
    """The bytes from place ``first`` up to ``last`` of each row, counted from 0."""
    length = text.length.astype(np.int64)
    first = np.minimum(first, length)
    last = np.clip(last, first, length)
    return VarColumn(text.buffer, text.start + first, (last - first).astype(np.int32))


@vector("text_substr")
def text_substr_v(text: VarColumn, start: Any, length: Any) -> Any:
    if _ascii_rows(text) is None or (np.asarray(length) < 0).any():
        return NotImplemented
    first = np.asarray(start, np.int64) - 1
    return _part(text, np.maximum(first, 0), first + length)


@vector("text_substr_no_len")
def text_substr_no_len_v(text: VarColumn, start: Any) -> Any:
    if _ascii_rows(text) is None:
        return NotImplemented
    return _part(text, np.maximum(np.asarray(start, np.int64) - 1, 0), 1 << 40)


@vector("text_left")
def text_left_v(text: VarColumn, count: Any) -> Any:
    if _ascii_rows(text) is None or (np.asarray(count) < 0).any():
        return NotImplemented
    return _part(text, 0, np.asarray(count, np.int64))


@vector("textcat", "byteacat")
def textcat_v(a: VarColumn, b: VarColumn) -> Any:
    length = a.length.astype(np.int64) + b.length
    offsets = ragged.offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    starts = offsets[:-1]
    ragged.copy_spans(out, starts, a.buffer, ragged.as_spans(a.start), ragged.as_spans(a.length))
    ragged.copy_spans(
        out, starts + a.length, b.buffer, ragged.as_spans(b.start), ragged.as_spans(b.length)
    )
    return VarColumn(out, starts, length.astype(np.int32))
