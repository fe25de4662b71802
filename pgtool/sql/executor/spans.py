"""Variable-width values as fixed words, for sorting, hashing and comparing them at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.storage import ragged
from pgtool.types.column import VarColumn

__all__ = ["padded_words", "ranks", "span_hash", "trimmed"]

_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xC2B2AE3D27D4EB4F)


def padded_matrix(column: VarColumn, most: int) -> Any:
    """Each value in a row of zero-padded bytes, a multiple of 8 wide."""
    width = max(-(-most // 8), 1) * 8
    n = len(column)
    out = np.zeros(n * width, np.uint8)
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    start = np.where(length > 0, column.start, 0) if column.valid is not None else column.start
    ragged.copy_spans(out, np.arange(n, dtype=np.int64) * width, column.buffer, start, length)
    return out.reshape(n, width)


def padded_words(column: VarColumn, most: int) -> list[Any]:
    """Each value's bytes as big-endian words, zero-padded: they order as the bytes do."""
    rows = padded_matrix(column, most).view(">u8")
    return [rows[:, i].astype(np.uint64) for i in range(rows.shape[1])]


def trimmed(column: VarColumn) -> VarColumn:
    """The values without trailing spaces."""
    length = column.length.astype(np.int64)
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    start = column.start
    open_ = np.flatnonzero(length > 0)
    buffer = column.buffer
    eights = ragged.windows(buffer, 8).view(np.dtype("V8")) if buffer.size >= 8 else None
    spaces = np.frombuffer(b" " * 8, "V8")[0]
    while len(open_):
        if eights is not None:
            wide = open_[length[open_] >= 8]
            while len(wide):
                hit = eights[start[wide] + length[wide] - 8] == spaces
                wide = wide[hit]
                length[wide] -= 8
                wide = wide[length[wide] >= 8]
            eights = None
            open_ = open_[length[open_] > 0]
            continue
        hit = buffer[start[open_] + length[open_] - 1] == 32
        open_ = open_[hit]
        length[open_] -= 1
        open_ = open_[length[open_] > 0]
    return VarColumn(column.buffer, column.start, length.astype(np.int32), column.valid)


def span_hash(column: VarColumn, most: int) -> Any:
    """A 64-bit hash of each value: the same whatever ``most`` is."""
    words = padded_matrix(column, most).view("<u8")
    out = column.length.astype(np.uint64) * _K2
    shortest = int(column.length.min()) if len(column) else 0
    for i in range(words.shape[1]):
        mixed = (out ^ words[:, i]) * _K1
        mixed ^= mixed >> np.uint64(29)
        # Words that are only padding do not count.
        out = mixed if not i or shortest > 8 * i else np.where(column.length > 8 * i, mixed, out)
    return out


def _word(column: VarColumn, rows: Any, at: int) -> tuple[Any, Any]:
    """(8 bytes of each row's value from a place on, how many of them there are)."""
    length = np.clip(column.length[rows].astype(np.int64) - at, 0, 8)
    out = np.zeros(8 * len(rows), np.uint8)
    start = np.where(length > 0, column.start[rows] + at, 0)
    ragged.copy_spans(out, np.arange(len(rows), dtype=np.int64) * 8, column.buffer, start, length)
    return out.view(">u8").astype(np.uint64), length


def ranks(column: VarColumn) -> Any:
    """The place of each value among all, in the order of the bytes; equal values share it.

    Word by word among the rows that are still tied, while that tells many of them apart;
    what long beginnings have in common is left to the comparison of whole values.
    """
    n = len(column)
    length = column.length
    if column.valid is not None:
        length = np.where(column.valid, length, 0)
    column = VarColumn(column.buffer, column.start, length)
    order = np.arange(n)
    first = np.zeros(n, bool)
    first[:1] = True
    places, at, before = np.arange(n), 0, 2 * n + 1
    while len(places) and 2 * len(places) < before:
        before = len(places)
        rows = order[places]
        tie = np.cumsum(first[places])
        word, size = _word(column, rows, at)
        moved = np.lexsort((size, word, tie))
        order[places] = rows[moved]
        tie, word, size = tie[moved], word[moved], size[moved]
        first[places[1:]] |= (word[1:] != word[:-1]) | (size[1:] != size[:-1])
        places = places[_tied(first, places, size == 8)]
        at += 8
    _by_value(column, order, first, places)
    out = np.empty(n, np.uint64)
    out[order] = np.cumsum(first) - 1
    return out


def _tied(first: Any, places: Any, more: Any) -> Any:
    """Which places hold a value that its neighbour equals so far, and that goes on."""
    ends = np.append(first[1:], True)
    return more & ~(first[places] & ends[places])


def _by_value(column: VarColumn, order: Any, first: Any, places: Any) -> None:
    """Settle the places that are left: in each tie by the values as wholes."""
    rows = order[places]
    items = [column.datum(row) for row in rows.tolist()]
    ties = np.cumsum(first[places]).tolist()
    moved = sorted(range(len(items)), key=lambda i: (ties[i], items[i]))
    order[places] = rows[np.array(moved, np.int64)]
    for i in range(1, len(moved)):
        if items[moved[i]] != items[moved[i - 1]]:
            first[places[i]] = True
