"""Order of text over whole columns, where text orders by its bytes.

Eight bytes at a time as big-endian words, until no row is open. Other collations are
declined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions.collation import collation_key
from pgtool.functions.compare import SIGNS
from pgtool.functions.compare_text import trimmed_lengths
from pgtool.functions.registry import Call, vector
from pgtool.types.column import VarColumn

__all__ = ["KEEP", "WORD", "bytes_cmp_v", "words_of"]

Array = Any
WORD = 8


def words_of(buffer: Array) -> Array:
    """Every eight bytes of a buffer as a number that orders as they do; zeros past its end."""
    padded = np.concatenate([buffer, np.zeros(WORD, np.uint8)])
    return np.ndarray((len(buffer) + 1,), np.dtype(">u8"), padded, 0, (1,))


#: What keeps the first n bytes of a word.
KEEP = np.array([0, *((~0 << 64 - 8 * n) & (1 << 64) - 1 for n in range(1, 9))], np.uint64)


def bytes_cmp_v(a: VarColumn, b: VarColumn) -> Array:
    """-1, 0 or 1 for each row, by the bytes."""
    n = max(len(a), len(b))
    out = np.zeros(n, np.int8)
    x, y = np.broadcast_to(a.start, (n,)), np.broadcast_to(b.start, (n,))
    left = np.broadcast_to(a.length, (n,)).astype(np.int64)
    right = np.broadcast_to(b.length, (n,)).astype(np.int64)
    words_a, words_b = words_of(a.buffer), words_of(b.buffer)
    rows = np.arange(n)
    done = 0
    while len(rows):
        room_a, room_b = np.clip(left - done, 0, WORD), np.clip(right - done, 0, WORD)
        at_a, at_b = np.where(room_a, x + done, 0), np.where(room_b, y + done, 0)
        word_a = words_a[at_a].astype(np.uint64) & KEEP[room_a]
        word_b = words_b[at_b].astype(np.uint64) & KEEP[room_b]
        found = (word_a > word_b).astype(np.int8) - (word_a < word_b)
        # Equal words of different length: the shorter one has ended.
        found = np.where(found, found, np.sign(room_a - room_b).astype(np.int8))
        out[rows] = found
        open_ = (found == 0) & (room_a == WORD)
        rows, x, y, left, right = rows[open_], x[open_], y[open_], left[open_], right[open_]
        done += WORD
    return out


def _ordered_padded(sign: Callable[[Any], Any]) -> Callable[..., Any]:
    def compute(call: Call, a: VarColumn, b: VarColumn) -> Any:
        if collation_key(call.session, call.collation) is not None:
            return NotImplemented
        a, b = (VarColumn(c.buffer, c.start, trimmed_lengths(c)) for c in (a, b))
        return sign(bytes_cmp_v(a, b))

    return compute


def _ordered(sign: Callable[[Any], Any]) -> Callable[..., Any]:
    def compute(call: Call, a: VarColumn, b: VarColumn) -> Any:
        if collation_key(call.session, call.collation) is not None:
            return NotImplemented
        return sign(bytes_cmp_v(a, b))

    return compute


for _suffix in ("lt", "le", "gt", "ge"):
    vector(f"text_{_suffix}", f"name{_suffix}", f"name{_suffix}text", f"text{_suffix}name",
           call=True)(_ordered(SIGNS[_suffix]))  # fmt: skip
    vector(f"bpchar{_suffix}", call=True)(_ordered_padded(SIGNS[_suffix]))
    vector(f"bytea{_suffix}", f"text_pattern_{_suffix}")(
        lambda a, b, sign=SIGNS[_suffix]: sign(bytes_cmp_v(a, b))
    )
