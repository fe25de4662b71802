"""jsonb → text, a whole column at once.

Where it is compiled, a loop over the rows (:mod:`~pgtool.types.jsonb_walk`) does the work;
elsewhere numpy does. The rows of a column mostly have the same shape: the same keys, the
same kinds of values. Rows of one shape are written from a template: everything but the
values is constant, and each value is a column of its own, strings to copy, numbers to
format, containers to treat in the same way. Rows of rare shapes go through the general
code, which takes all rows together, level by level
(:mod:`~pgtool.types.vector_jsonb_levels`).

Strings are written as if none needed escapes. The result shows where that was wrong (a
control character, a backslash, a quote too many in a row's text), and those rows, like
damaged or very deep ones, are declined and left to the scalar code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from formats.derive import sizeof
from formats.varlena import VARHDRSZ
from pgtool.storage import ragged
from pgtool.types import jsonb_walk
from pgtool.types.column import TextColumn, VarColumn
from pgtool.types.json import escape_json
from pgtool.types.vector_digits import numeric_text
from pgtool.types.vector_jsonb_levels import JsonbText, levels_text

__all__ = ["jsonb_text", "templated_text", "walked_text"]

Array = npt.NDArray[Any]
_WORD = sizeof(layout.JsonbContainer)
#: Fewer rows than this are not worth a template; more entries make none.
_FEW, _MAX_ENTRIES = 48, 96
#: Characters that one numeric can take at most: its weight's digits and its scale.
_NUMERIC_ROOM = 4 * 0x8000 + layout.NUMERIC_DSCALE_MASK + 4096
#: Rows that are tried as patterns, and how deep templates nest.
_TRIES, _MAX_DEPTH = 8, 6
_FIXED = layout.JENTRY_TYPEMASK | layout.JENTRY_HAS_OFF
_LITERALS = {
    layout.JENTRY_ISNULL: b"null",
    layout.JENTRY_ISBOOL_FALSE: b"false",
    layout.JENTRY_ISBOOL_TRUE: b"true",
}


class _Shape(NamedTuple):
    """What rows of one shape share. ``entries`` are the values' JEntries without length;
    ``first`` is where the values' contents begin, counted from behind the entries."""

    members: int
    keys: list[bytes]
    entries: list[int]
    lone: bool
    base: int
    first: int


def jsonb_text(column: VarColumn) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here)."""
    return walked_text(column) if jsonb_walk.COMPILED else templated_text(column)


def walked_text(column: VarColumn) -> tuple[TextColumn, Array]:
    """The same, by the loop over single rows, which is the fastest where it is compiled."""
    length: Any = column.length.astype(np.intp)
    bad: Any = np.zeros(len(column), np.uint8) if column.valid is None else ~column.valid
    bad = np.ascontiguousarray(bad).view(np.uint8)
    present = length if column.valid is None else length[column.valid]
    ragged.check_spans(column.buffer, column.start, length * (bad == 0))
    data: Any = np.ascontiguousarray(column.buffer)
    start: Any = np.ascontiguousarray(column.start, np.intp)
    ends = np.zeros(len(column), np.intp)
    stack = np.zeros(jsonb_walk.STACK, np.intp)
    out = np.empty(2 * int(present.sum()) + 4096, np.uint8)
    done = 0
    while done < len(column):
        at = done
        lent: list[Any] = [out, ends, bad, stack]
        views = [memoryview(array) for array in lent]
        done = jsonb_walk.walk(memoryview(data), memoryview(start), memoryview(length), at, *views)
        if done < len(column):
            used = int(ends[done - 1]) if done else 0
            need = 8 * int(length[done]) + _NUMERIC_ROOM
            out = np.concatenate([out[:used], np.empty(len(out) + need, np.uint8)])
    begin = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
    declined = bad != 0 if column.valid is None else (bad != 0) & column.valid
    return TextColumn(out, begin, ends - begin), np.flatnonzero(declined)


def templated_text(column: VarColumn) -> tuple[TextColumn, Array]:
    """The same with numpy alone."""
    total = len(column)
    length = column.length.astype(np.int64)
    missing = length < _WORD
    if column.valid is not None:
        missing |= ~column.valid
    rows = np.flatnonzero(~missing)
    length = length[rows]
    start = ragged.offsets_of((length + 3) & ~3)
    data = np.zeros(int(start[-1]), np.uint8)
    ragged.copy_spans(data, start[:-1], column.buffer, column.start[rows], length)
    made = _texts(data, start[:-1], length, 0)
    bad = made.bad | _escapes_wanted(made)
    text = TextColumn(made.text.buffer, np.zeros(total, np.int64), np.zeros(total, np.int64))
    text.start[rows], text.length[rows] = made.text.start, made.text.length
    declined = missing if column.valid is None else missing & column.valid
    declined[rows[bad]] = True
    return text, np.flatnonzero(declined)


def _escapes_wanted(made: JsonbText) -> Array:
    """The rows in whose strings something wanted an escape."""
    out = made.text.buffer
    order = np.argsort(made.text.start, kind="stable")
    starts = made.text.start[order]
    wanted = np.zeros(len(order), np.bool_)
    wrong = np.flatnonzero((out < 32) | (out == ord("\\")))
    if len(wrong) and len(order):
        wanted[order[np.searchsorted(starts, wrong, side="right") - 1]] = True
    quotes = np.flatnonzero(out == ord('"'))
    if len(quotes) != int(made.quotes.sum()) and len(order):
        ends = starts + made.text.length[order]
        found = np.searchsorted(quotes, ends) - np.searchsorted(quotes, starts)
        wanted[order[found != made.quotes[order]]] = True
    return wanted


def _texts(data: Array, start: Array, length: Array, depth: int) -> JsonbText:
    """The containers at these places as text."""
    left = np.arange(len(start))
    parts: list[tuple[Array, JsonbText]] = []
    tries = _TRIES if depth < _MAX_DEPTH else 0
    for attempt in range(tries):
        if len(left) < _FEW:
            break
        pattern = left[len(left) * attempt // tries]
        shape, alike = _alike(data, start, length, left, int(pattern))
        if shape is None or len(alike) < max(_FEW, len(left) // 16):
            continue
        parts.append((alike, _from_template(data, start[alike], length[alike], shape, depth)))
        rest = np.ones(len(start), np.bool_)
        for done, _made in parts:
            rest[done] = False
        left = np.flatnonzero(rest)
    if len(left) == len(start):
        return levels_text(data, start, length)
    if len(left):
        parts.append((left, levels_text(data, start[left], length[left])))
    return _together(parts, len(start))


def _together(parts: list[tuple[Array, JsonbText]], total: int) -> JsonbText:
    if len(parts) == 1:
        return parts[0][1]
    text = TextColumn(
        np.concatenate([made.text.buffer for _rows, made in parts]),
        np.zeros(total, np.int64), np.zeros(total, np.int64),
    )  # fmt: skip
    quotes, bad = np.zeros(total, np.int64), np.zeros(total, np.bool_)
    at = 0
    for rows, made in parts:
        text.start[rows] = made.text.start + at
        text.length[rows] = made.text.length
        quotes[rows], bad[rows] = made.quotes, made.bad
        at += len(made.text.buffer)
    return JsonbText(text, quotes, bad)


def _alike(
    data: Array, start: Array, length: Array, rows: Array, pattern: int
) -> tuple[_Shape | None, Array]:
    """The shape of the row ``pattern``, and which of ``rows`` have it."""
    none = rows[:0]
    words = data.view("<u4")
    at, size = int(start[pattern]), int(length[pattern])
    header = int(words[at >> 2]) if size >= _WORD else 0
    count = header & layout.JB_CMASK
    is_object = bool(header & layout.JB_FOBJECT)
    lone = bool(header & layout.JB_FSCALAR)
    total = 2 * count if is_object else count
    base = _WORD + 4 * total
    sound = is_object != bool(header & layout.JB_FARRAY) and not (
        lone and (is_object or count != 1)
    )
    if not sound or not 0 < total <= _MAX_ENTRIES or base > size:
        return None, none
    entries = words[(at >> 2) + 1 : (at >> 2) + 1 + total].astype(np.int64)
    names = entries[:count] if is_object else entries[:0]
    if not entries[0] & layout.JENTRY_HAS_OFF:
        return None, none
    keys, first = _keys(data, at + base, names)
    if keys is None or base + first > size:
        return None, none
    mask = np.full(total, _FIXED, np.uint32)
    mask[: len(names)] = 0xFFFFFFFF
    rows = rows[(words[start[rows] >> 2] == header) & (length[rows] >= base + first)]
    found = words[((start[rows] >> 2) + 1)[:, None] + np.arange(total)]
    same = (((found ^ entries.astype(np.uint32)) & mask) == 0).all(1)
    rows = rows[same]
    if first:
        kind = np.dtype(f"V{first}")
        windows = np.ndarray((len(data) - first + 1,), kind, data, 0, (1,))
        rows = rows[windows[start[rows] + base] == windows[at + base]]
    values = (entries[len(names) :] & _FIXED).tolist()
    return _Shape(count, keys, values, lone, base, first), rows


def _keys(data: Array, at: int, entries: Array) -> tuple[list[bytes] | None, int]:
    """An object's keys, and how many bytes they take."""
    keys, first = [], 0
    for entry in entries.tolist():
        value = entry & layout.JENTRY_OFFLENMASK
        last = value if entry & layout.JENTRY_HAS_OFF else first + value
        if entry & layout.JENTRY_TYPEMASK != layout.JENTRY_ISSTRING or last < first:
            return None, 0
        if at + last > len(data):
            return None, 0
        keys.append(data[at + first : at + last].tobytes())
        first = last
    return keys, first


def _from_template(
    data: Array, start: Array, length: Array, shape: _Shape, depth: int
) -> JsonbText:
    """Rows of one shape: constant pieces with the values between them."""
    bad = np.zeros(len(start), np.bool_)
    quotes = np.zeros(len(start), np.int64)
    words = data.view("<u4")
    pieces: list[bytes] = [b"" if shape.lone else b"{" if shape.keys else b"["]
    values: list[TextColumn] = []
    entry_at = (start >> 2) + 1 + len(shape.keys)
    base, end = start + shape.base, start + length
    last = np.full(len(start), shape.first, np.int64)
    for number, fixed in enumerate(shape.entries):
        lengths = words[entry_at + number].astype(np.int64) & layout.JENTRY_OFFLENMASK
        first, last = last, lengths if fixed & layout.JENTRY_HAS_OFF else last + lengths
        kind = fixed & layout.JENTRY_TYPEMASK
        piece = b", " if number else b""
        piece += escape_json(shape.keys[number]) + b": " if shape.keys else b""
        pieces[-1] += piece
        if kind in _LITERALS:
            pieces[-1] += _LITERALS[kind]
            bad |= first != last
            continue
        begin, stop = base + first, base + last
        if kind != layout.JENTRY_ISSTRING:
            begin = (begin + 3) & ~3
        wrong = (stop > end) | (begin > stop)
        if wrong.any():
            bad |= wrong
            begin, stop = np.where(wrong, start, begin), np.where(wrong, start, stop)
        value = _value(data, begin, stop - begin, kind, depth)
        if kind == layout.JENTRY_ISSTRING:
            pieces[-1] += b'"'
            pieces.append(b'"')
        else:
            pieces.append(b"")
        quotes += value.quotes
        bad |= value.bad
        values.append(value.text)
    pieces[-1] += b"" if shape.lone else b"}" if shape.keys else b"]"
    quotes += sum(piece.count(b'"') for piece in pieces)
    return JsonbText(_assemble(pieces, values, len(start)), quotes, bad)


def _value(data: Array, begin: Array, size: Array, kind: int, depth: int) -> JsonbText:
    """One value of all rows, without the quotes of a string."""
    none = np.zeros(len(begin), np.int64)
    if kind == layout.JENTRY_ISSTRING:
        return JsonbText(TextColumn(data, begin, size), none, np.zeros(len(begin), np.bool_))
    if kind == layout.JENTRY_ISCONTAINER:
        return _texts(data, begin, size, depth + 1)
    if kind != layout.JENTRY_ISNUMERIC:
        return JsonbText(TextColumn(data, none, none), none, np.ones(len(begin), np.bool_))
    bad = size < VARHDRSZ
    header = data.view("<u4")[np.where(bad, 0, begin) >> 2]
    bad |= header != size << 2
    payload = np.where(bad, 0, size - VARHDRSZ).astype(np.int32)
    text, declined = numeric_text(VarColumn(data, begin + VARHDRSZ, payload))
    bad[declined] = True
    return JsonbText(text, none, bad)


def _assemble(pieces: list[bytes], values: list[TextColumn], rows: int) -> TextColumn:
    """Constant pieces with the values between them, row by row."""
    length = np.full(rows, sum(map(len, pieces)), np.int64)
    for value in values:
        length += value.length
    offsets = ragged.offsets_of(length)
    out = np.empty(int(offsets[-1]), np.uint8)
    at = offsets[:-1]
    for number, piece in enumerate(pieces):
        if piece:
            ragged.fill_spans(out, at, piece)
        if number < len(values):
            at = at + len(piece)
            value = values[number]
            ragged.copy_spans(out, at, value.buffer, value.start, value.length)
            at = at + value.length
    return TextColumn(out, offsets[:-1], length)
