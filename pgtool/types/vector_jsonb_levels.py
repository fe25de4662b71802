"""jsonb of any shapes → text, many rows at once, one level of nesting after the other.

Three passes over all rows together:

1. **down**: the containers of a level are opened at once; their entries become the arrays
   of the level's children, and the children that are containers become the next level;
2. **up**: from the deepest level, the length of every child's text gives the length of
   its container's;
3. **down again**: the place of a container gives the places of its children, and
   everything is written: braces, quotes, separators by scattering, strings, numbers and
   literals by the ragged copy.

Strings are written as if none needed escapes; the caller finds where that was wrong.
Damaged and very deep rows are marked bad and left to the scalar code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from formats import datum as layout
from formats.derive import sizeof
from formats.varlena import VARHDRSZ
from pgtool.storage import ragged
from pgtool.types.column import TextColumn, VarColumn
from pgtool.types.vector_digits import numeric_text

__all__ = ["JsonbText", "levels_text"]

Array = npt.NDArray[Any]
_NONE = np.zeros(0, np.int64)
_MAX_LEVELS = 48
_WORD = sizeof(layout.JsonbContainer)
_TYPE_SHIFT = 28
_STRING, _NUMERIC, _FALSE, _TRUE, _NULL, _CONTAINER = (
    kind >> _TYPE_SHIFT
    for kind in (
        layout.JENTRY_ISSTRING, layout.JENTRY_ISNUMERIC, layout.JENTRY_ISBOOL_FALSE,
        layout.JENTRY_ISBOOL_TRUE, layout.JENTRY_ISNULL, layout.JENTRY_ISCONTAINER,
    )
)  # fmt: skip
_LITERALS = np.frombuffer(b"falsetruenull", np.uint8)
_LITERAL_AT = np.array([0, 0, 0, 5, 9, 0], np.int64)
_LITERAL_LENGTH = np.array([0, 0, 5, 4, 4, 0], np.int64)
_OPEN = np.frombuffer(b"[{", np.uint8)
_CLOSE = np.frombuffer(b"]}", np.uint8)


class _Containers(NamedTuple):
    """The containers of one level: place of the header, end of the content, row."""

    at: Array
    end: Array
    row: Array


class _Level:
    """One level: its containers' shape, and their children as parallel arrays."""

    def __init__(self, words: Array, held: _Containers, bad: Array) -> None:
        header = words[held.at >> 2].astype(np.int64)
        is_object = header & layout.JB_FOBJECT != 0
        is_array = header & layout.JB_FARRAY != 0
        count = header & layout.JB_CMASK
        entries = np.where(is_object, 2 * count, count)
        lone = header & layout.JB_FSCALAR != 0
        wrong = (_WORD + 4 * entries > held.end - held.at) | (is_object == is_array)
        wrong |= lone & (is_object | (count != 1))
        if wrong.any():
            bad[held.row[wrong]] = True
            entries = np.where(wrong, 0, entries)
            count = np.where(wrong, 0, count)
            lone &= ~wrong
        self.is_object, self.count, self.lone, self.entries = is_object, count, lone, entries
        self.first = ragged.offsets_of(entries)[:-1]
        self.total = int(entries.sum())
        self.parent = np.repeat(np.arange(len(entries)), entries)
        self.k = np.arange(self.total) - self.first[self.parent]
        self.row = held.row[self.parent]
        self.inside = self.numeric = self.numeric_length = _NONE
        self.at: Array = _NONE
        self.size: Array = _NONE
        self.before: Array = _NONE
        self.later: Array = _NONE
        self._children(words, held, bad)

    def _children(self, words: Array, held: _Containers, bad: Array) -> None:
        parent, k = self.parent, self.k
        entry = words[((held.at >> 2) + 1)[parent] + k].astype(np.int64)
        value = entry & layout.JENTRY_OFFLENMASK
        is_offset = entry & layout.JENTRY_HAS_OFF != 0
        self.kind = (entry & layout.JENTRY_TYPEMASK) >> _TYPE_SHIFT
        at = np.arange(self.total)
        last = np.maximum.accumulate(np.where(is_offset, at, 0)) if self.total else at
        lengths = np.cumsum(np.where(is_offset, 0, value))
        end = value[last] + lengths - lengths[last]
        start = np.zeros(self.total, np.int64)
        start[1:] = end[:-1]
        start[k == 0] = 0
        base = (held.at + _WORD + 4 * self.entries)[parent]
        start += base
        end += base
        aligned = (self.kind == _NUMERIC) | (self.kind == _CONTAINER)
        start = np.where(aligned, (start + 3) & ~3, start)
        wrong = (end > held.end[parent]) | (start > end) | (self.kind > _CONTAINER)
        wrong |= (k == 0) & ~is_offset
        wrong |= aligned & (end - start < _WORD)
        keys = self.is_object[parent] & (k < self.count[parent])
        wrong |= keys & (self.kind != _STRING)
        if wrong.any():
            bad[self.row[wrong]] = True
            self.kind = np.where(wrong, _NULL, self.kind)
            start, end = np.where(wrong, base, start), np.where(wrong, base, end)
        self.start, self.end, self.is_key = start, end, keys

    def inner(self) -> _Containers:
        """The children that are containers."""
        some = np.flatnonzero(self.kind == _CONTAINER)
        self.inside = some
        return _Containers(self.start[some], self.end[some], self.row[some])

    def measure(self, inner_sizes: Array) -> Array:
        """Set the children's text lengths; the containers' lengths come back."""
        size = _LITERAL_LENGTH[self.kind]
        size = np.where(self.kind == _STRING, self.end - self.start + 2, size)
        size[self.numeric] = self.numeric_length
        size[self.inside] = inner_sizes
        self.size = size
        self.before = ragged.offsets_of(size)
        content = self.before[self.first + self.entries] - self.before[self.first]
        marks = 2 + 2 * np.maximum(self.count - 1, 0) + np.where(self.is_object, 2 * self.count, 0)
        return np.where(self.lone, content, content + marks)

    def place(self, container_at: Array) -> None:
        """Set the children's places from those of the containers."""
        parent, first, before = self.parent, self.first[self.parent], self.before
        count = np.where(self.is_object, self.count, 0)[parent]
        pair = self.is_object[parent]
        is_value = pair & ~self.is_key
        i = self.k - np.where(is_value, count, 0)
        ahead = before[first + i] - before[first]
        ahead += np.where(pair, before[first + count + i] - before[first + count], 0)
        at = container_at[parent] + ~self.lone[parent] + ahead + np.where(pair, 4, 2) * i
        self.at = at + np.where(is_value, self.size[first + i] + 2, 0)
        self.later = i > 0


class JsonbText(NamedTuple):
    """Texts of some rows, how many quotes each should have, and which could not be done."""

    text: TextColumn
    quotes: Array
    bad: Array


def levels_text(data: Array, start: Array, length: Array) -> JsonbText:
    """The containers at these places of ``data`` (multiples of four) as text."""
    words = data.view("<u4")
    bad = length < _WORD
    levels: list[_Level] = []
    held = _Containers(start, start + length, np.arange(len(start)))
    if bad.any():
        held = _Containers(*(part[~bad] for part in held))
    roots = held.row
    while len(held.at):
        if len(levels) == _MAX_LEVELS:
            bad[held.row] = True
            levels[-1].kind[levels[-1].inside] = _NULL
            levels[-1].inside = levels[-1].inside[:0]
            break
        levels.append(_Level(words, held, bad))
        held = levels[-1].inner()
    numbers = _numbers(levels, data, words, bad)
    sizes = np.zeros(0, np.int64)
    for level in reversed(levels):
        sizes = level.measure(sizes)
    offsets = ragged.offsets_of(sizes)
    out = np.empty(int(offsets[-1]), np.uint8)
    _write(levels, offsets[:-1], out, data, numbers)
    quotes = np.zeros(len(start), np.int64)
    for level in levels:
        strings = level.row[level.kind == _STRING]
        quotes += 2 * np.bincount(strings, minlength=len(start))
    text = TextColumn(out, np.zeros(len(start), np.int64), np.zeros(len(start), np.int64))
    text.start[roots], text.length[roots] = offsets[:-1], sizes
    return JsonbText(text, quotes, bad)


def _numbers(levels: list[_Level], data: Array, words: Array, bad: Array) -> TextColumn:
    """The texts of all numbers of all levels, in order."""
    for level in levels:
        level.numeric = np.flatnonzero(level.kind == _NUMERIC)
        at = level.start[level.numeric]
        plain = words[at >> 2] == (level.end[level.numeric] - at) << 2
        if not plain.all():
            bad[level.row[level.numeric[~plain]]] = True
            level.kind[level.numeric[~plain]] = _NULL
            level.numeric = level.numeric[plain]
    start = np.concatenate([np.zeros(0, np.int64), *(v.start[v.numeric] for v in levels)])
    end = np.concatenate([np.zeros(0, np.int64), *(v.end[v.numeric] for v in levels)])
    row = np.concatenate([np.zeros(0, np.int64), *(v.row[v.numeric] for v in levels)])
    payload = VarColumn(data, start + VARHDRSZ, (end - start - VARHDRSZ).astype(np.int32))
    text, declined = numeric_text(payload)
    bad[row[declined]] = True
    position = 0
    for level in levels:
        size = len(level.numeric)
        level.numeric_length = text.length[position : position + size]
        position += size
    return text


def _write(
    levels: list[_Level], container_at: Array, out: Array, data: Array, numbers: TextColumn
) -> None:
    """Place every child and write it."""
    strings: list[tuple[Array, Array, Array]] = []
    literals: list[tuple[Array, Array]] = []
    numeric_at: list[Array] = [np.zeros(0, np.int64)]
    for level in levels:
        level.place(container_at)
        sizes = level.before[level.first + level.entries] - level.before[level.first]
        wrapped = np.flatnonzero(~level.lone)
        kinds = level.is_object[wrapped].astype(np.intp)
        marks = np.maximum(level.count - 1, 0) * 2 + np.where(level.is_object, 2 * level.count, 0)
        out[container_at[wrapped]] = _OPEN[kinds]
        out[(container_at + 1 + sizes + marks)[wrapped]] = _CLOSE[kinds]
        some = np.flatnonzero(level.kind == _STRING)
        at, size = level.at[some], level.size[some]
        out[at] = ord('"')
        out[at + size - 1] = ord('"')
        strings.append((at + 1, level.start[some], size - 2))
        named = level.is_key
        ragged.fill_spans(out, (level.at + level.size)[named], b": ")
        joint = level.later & (named | ~level.is_object[level.parent])
        ragged.fill_spans(out, level.at[joint] - 2, b", ")
        fixed = np.flatnonzero(_LITERAL_LENGTH[level.kind])
        literals.append((level.at[fixed], level.kind[fixed]))
        numeric_at.append(level.at[level.numeric])
        container_at = level.at[level.inside]
    if strings:
        to, source, size = (np.concatenate(part) for part in zip(*strings))
        ragged.copy_spans(out, to, data, source, size)
        to, kind = (np.concatenate(part) for part in zip(*literals))
        ragged.copy_spans(out, to, _LITERALS, _LITERAL_AT[kind], _LITERAL_LENGTH[kind])
    ragged.copy_spans(
        out, np.concatenate(numeric_at), numbers.buffer, numbers.start, numbers.length
    )
