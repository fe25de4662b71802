"""Variable-width values as fixed words, for sorting, hashing and comparing them at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.storage import ragged
from pgtool.types.column import VarColumn

__all__ = ["padded_words", "span_hash", "trimmed"]

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
