"""The order of many rows at once, by the keys of an index: what a build begins with.

Each key column becomes one integer array whose order is the column's (a **rank**): numbers
are themselves, numerics of few digits are packed, text that orders by its bytes is sorted
by eight bytes at a time, anything else by its key function. Then one sort over the ranks
gives the rows' order; rows with equal keys come in the order of their TIDs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pgtool.access.btree.keys import KeyColumn
from pgtool.storage import ragged
from pgtool.storage.wordsort import sort_words
from pgtool.types import numeric_rank
from pgtool.types.column import FixedColumn, VarColumn
from pgtool.types.vector_numeric import numeric_ranks

__all__ = ["Rows", "Sorted", "sort_rows"]

Ints = Any
_PAD = 8


class Rows(NamedTuple):
    """Rows of an index: its columns, the heap TIDs, and which rows are not dead already."""

    columns: list[FixedColumn | VarColumn]
    tids: Ints
    alive: Ints | None


class Sorted(NamedTuple):
    """The order of rows, and for each of them whether its keys are its predecessor's."""

    order: Ints
    same: Ints


class _Rank(NamedTuple):
    """An array that orders as its column does; NULLs stand in an array of their own."""

    values: Ints
    nulls: Ints | None


def sort_rows(rows: Rows, columns: Sequence[KeyColumn]) -> Sorted:
    """Sort rows by the key columns, then by TID."""
    tids = rows.tids
    count = len(tids)
    first = None
    if count > 1 and not bool((tids[1:] > tids[:-1]).all()):
        first = np.argsort(tids, kind="stable")
    elif len(columns) == 1 and _is_plain_text(columns[0], rows.columns[0]):
        return Sorted(*text_order(*_bytes(rows.columns[0])))
    ranks = [_rank(column, data) for column, data in zip(columns, rows.columns)]
    if first is not None:
        ranks = [_Rank(r.values[first], None if r.nulls is None else r.nulls[first])
                 for r in ranks]  # fmt: skip
    keys: list[Ints] = []
    for rank in ranks:
        if rank.nulls is not None:
            keys.append(rank.nulls)
        keys.append(rank.values)
    order = _order(keys)
    same = np.ones(count, bool)
    if count:
        same[0] = False
    for key in keys:
        ordered = key[order]
        same[1:] &= ordered[1:] == ordered[:-1]
    return Sorted(order if first is None else first[order], same)


def _is_plain_text(column: KeyColumn, data: FixedColumn | VarColumn) -> bool:
    """Whether the strings' own order is all there is to it."""
    return column.as_bytes and not column.descending and (
        data.valid is None or bool(data.valid.all())
    )


def _order(keys: list[Ints]) -> Ints:
    """A stable sort by several arrays, the first of them foremost."""
    if len(keys) == 1:
        return _packed_order(keys[0])
    packed = _pack(keys)
    return np.lexsort(keys[::-1]) if packed is None else _packed_order(packed)


def _span(values: Ints) -> tuple[int, int]:
    """(lowest, bits that the distance from it takes)."""
    low, high = int(values.min()), int(values.max())
    return low, (high - low).bit_length()


def _packed_order(values: Ints) -> Ints:
    """Sort values with their places in one word, where they fit; that is several times faster."""
    count = len(values)
    if not count:
        return np.zeros(0, np.int64)
    low, width = _span(values)
    bits = max((count - 1).bit_length(), 1)
    if width + bits > 63:
        return np.argsort(values, kind="stable")
    words = _offset(values, low)
    words <<= bits
    words |= np.arange(count)
    sort_words(words, bits)
    words &= (1 << bits) - 1
    return words


def _offset(values: Ints, low: int) -> Ints:
    """Distances from the lowest value, as int64 of their own."""
    if values.dtype.kind == "u":
        return (values - values.dtype.type(low)).astype(np.int64)
    return values.astype(np.int64) - low


def _pack(keys: list[Ints]) -> Ints | None:
    """Several arrays in one word, where they fit."""
    if not len(keys[0]):
        return keys[0]
    spans = [_span(key) for key in keys]
    if sum(width for _low, width in spans) > 63:
        return None
    out = np.zeros(len(keys[0]), np.int64)
    for key, (low, width) in zip(keys, spans):
        out <<= width
        out |= _offset(key, low)
    return out


# -- ranks ------------------------------------------------------------------------------------


def _rank(column: KeyColumn, data: FixedColumn | VarColumn) -> _Rank:
    valid = data.valid
    if valid is not None and valid.all():
        valid = None
    values = _number_rank(column, data, valid)
    if column.as_numeric and numeric_rank.COMPILED and isinstance(data, VarColumn):
        values = numeric_ranks(data)
    if values is None and column.as_bytes:
        values = _dense(*text_order(*_bytes(data)), len(data))
    if values is None:
        values = _dense(*_key_order(column, data, valid), len(data))
    if column.descending:
        values = ~values
    if valid is None:
        return _Rank(values, None)
    # The value of a NULL is arbitrary, and no row may differ from another by it.
    values = np.where(valid, values, values.dtype.type(0))
    return _Rank(values, np.where(valid, 1, column.null_rank).astype(np.int8))


def _number_rank(column: KeyColumn, data: Any, valid: Ints | None) -> Ints | None:
    """A column of numbers is its own rank."""
    if not column.number or not isinstance(data, FixedColumn):
        return None
    dtype = np.dtype(column.number)
    if data.values.dtype.itemsize != dtype.itemsize:
        return None
    values = np.ascontiguousarray(data.values).view(dtype)
    if dtype.kind != "f":
        return values
    if valid is not None:
        values = np.where(valid, values, dtype.type(0))
    wide = values.astype(np.float64) + 0.0  # no negative zero
    bits = np.where(np.isnan(wide), np.nan, wide).view(np.int64)
    bits = bits ^ (bits >> 63 & np.int64(0x7FFFFFFFFFFFFFFF))
    return np.where(np.isnan(wide), np.int64(0x7FFFFFFFFFFFFFFF), bits)


def _bytes(data: FixedColumn | VarColumn) -> tuple[Ints, Ints, Ints]:
    """A column as spans of a buffer."""
    if isinstance(data, VarColumn):
        return data.buffer, data.start, data.length
    values = np.ascontiguousarray(data.values)
    width = values.dtype.itemsize
    start = np.arange(len(values), dtype=np.int64) * width
    return values.view(np.uint8), start, np.full(len(values), width)


def _dense(order: Ints, same: Ints, count: int) -> Ints:
    """Numbers from 0 by a known order; equal values get the same."""
    out = np.empty(count, np.int64)
    out[order] = np.cumsum(~same)
    return out


def _key_order(column: KeyColumn, data: Any, valid: Ints | None) -> tuple[Ints, Ints]:
    """The order by a key function, value by value."""
    key = column.key
    rows = range(len(data)) if valid is None else np.flatnonzero(valid).tolist()
    values = {row: key(data.datum(row)) for row in rows}
    order = sorted(rows, key=values.__getitem__)
    same = [False, *(values[a] == values[b] for a, b in itertools.pairwise(order))][: len(order)]
    if valid is not None:
        rest = np.flatnonzero(~valid).tolist()
        order, same = [*rest, *order], [*(True for _ in rest), *same]
    return np.array(order, np.int64), np.array(same, bool)


# -- text that orders by its bytes ------------------------------------------------------------


def text_order(buffer: Ints, start: Ints, length: Ints) -> tuple[Ints, Ints]:
    """(order, whether equal to the predecessor) of strings of bytes, stable."""
    count = len(start)
    if count < 2:
        return np.arange(count), np.zeros(count, bool)
    text = _Text(buffer, start, length)
    at = text.common()
    words = text.words(at)
    order, same = _word_order(words)
    longest = int(length.max())
    while at + _PAD < longest:
        at += _PAD
        ties = _ties(same)
        if not len(ties):
            break
        rows = order[ties]
        if not bool((length[rows] > at).any()):
            break
        _refine(order, same, ties, rows, text.words(at, rows))
    ties = _ties(same)
    if len(ties):  # what is left differs by zero bytes at the end, if at all
        rows = order[ties]
        _refine(order, same, ties, rows, length[rows].astype(np.int64))
    return order, same


def _word_order(words: Ints) -> tuple[Ints, Ints]:
    """(order, whether equal to the predecessor) of words, stable.

    Their upper bits and their places are sorted as one number, which is several times faster
    than to sort places; what those bits leave open is sorted by the words then.
    """
    count = len(words)
    bits = np.uint64(max((count - 1).bit_length(), 1))
    packed = words >> bits << bits | np.arange(count, dtype=np.uint64)
    sort_words(packed, int(bits))
    order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    packed >>= bits
    same = np.zeros(count, bool)
    same[1:] = packed[1:] == packed[:-1]
    ties = _ties(same)
    if len(ties):
        rows = order[ties]
        _refine(order, same, ties, rows, words[rows])
    return order, same


def _ties(same: Ints) -> Ints:
    """Places of rows that are equal to a neighbour so far."""
    tied = same.copy()
    tied[:-1] |= same[1:]
    return np.flatnonzero(tied)


def _refine(order: Ints, same: Ints, ties: Ints, rows: Ints, words: Ints) -> None:
    """Sort rows that were equal so far by another word, each group within itself."""
    group = np.cumsum(~same[ties])
    better = np.lexsort((words, group))
    order[ties] = rows[better]
    words, group = words[better], group[better]
    equal = np.zeros(len(ties), bool)
    equal[1:] = (words[1:] == words[:-1]) & (group[1:] == group[:-1])
    same[ties] = equal


class _Text:
    """Strings as words of eight bytes, zero behind their ends."""

    def __init__(self, buffer: Ints, start: Ints, length: Ints) -> None:
        self.start = start.astype(np.int64)
        self.length = length.astype(np.int64)
        padded = np.zeros(len(buffer) + _PAD, np.uint8)
        padded[: len(buffer)] = buffer
        self.windows = ragged.windows(padded, _PAD)

    def words(self, at: int, rows: Ints | None = None) -> Ints:
        """The eight bytes from ``at`` on, of all rows or some, as numbers that order so."""
        start = self.start if rows is None else self.start[rows]
        length = self.length if rows is None else self.length[rows]
        left = np.clip(length - at, 0, _PAD)
        raw = self.windows[np.where(left > 0, start + at, 0)].view(">u8").astype(np.uint64)
        drop = (_PAD - left).astype(np.uint64) * np.uint64(8)
        half = drop >> np.uint64(1)  # a shift by all 64 bits is none
        rest = drop - half
        return raw >> half >> rest << half << rest

    def common(self) -> int:
        """The number of bytes that all strings begin with alike."""
        at, shortest = 0, int(self.length.min())
        while at < shortest:
            words = self.words(at)
            differ = int(np.bitwise_or.reduce(words ^ words[0]))
            if differ:
                return min(at + (64 - differ.bit_length()) // 8, shortest)
            at += _PAD
        return min(at, shortest)
