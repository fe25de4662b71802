"""Text comparison and LIKE over whole columns.

Order: where text orders by its bytes, eight bytes at a time as big-endian words, until no
row is open. LIKE with a constant pattern of ``%`` only: what is before the first and after
the last ``%`` is compared in place, each part between them is searched for in all rows at
once. Whatever else (other collations, ``_``, patterns from columns) is declined.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions.collation import collation_key, is_deterministic
from pgtool.functions.compare import SIGNS
from pgtool.functions.registry import Call, vector
from pgtool.storage import ragged
from pgtool.types.column import VarColumn

__all__ = ["bytes_cmp_v", "like_v"]

Array = Any
_WORD = 8


def _words(buffer: Array) -> Array:
    """Every eight bytes of a buffer as a number that orders as they do; zeros past its end."""
    padded = np.concatenate([buffer, np.zeros(_WORD, np.uint8)])
    return np.ndarray((len(buffer) + 1,), np.dtype(">u8"), padded, 0, (1,))


#: What keeps the first n bytes of a word.
_KEEP = np.array([0, *((~0 << 64 - 8 * n) & (1 << 64) - 1 for n in range(1, 9))], np.uint64)


def bytes_cmp_v(a: VarColumn, b: VarColumn) -> Array:
    """-1, 0 or 1 for each row, by the bytes."""
    n = max(len(a), len(b))
    out = np.zeros(n, np.int8)
    x, y = np.broadcast_to(a.start, (n,)), np.broadcast_to(b.start, (n,))
    left = np.broadcast_to(a.length, (n,)).astype(np.int64)
    right = np.broadcast_to(b.length, (n,)).astype(np.int64)
    words_a, words_b = _words(a.buffer), _words(b.buffer)
    rows = np.arange(n)
    done = 0
    while len(rows):
        room_a, room_b = np.clip(left - done, 0, _WORD), np.clip(right - done, 0, _WORD)
        at_a, at_b = np.where(room_a, x + done, 0), np.where(room_b, y + done, 0)
        word_a = words_a[at_a].astype(np.uint64) & _KEEP[room_a]
        word_b = words_b[at_b].astype(np.uint64) & _KEEP[room_b]
        found = (word_a > word_b).astype(np.int8) - (word_a < word_b)
        # Equal words of different length: the shorter one has ended.
        found = np.where(found, found, np.sign(room_a - room_b).astype(np.int8))
        out[rows] = found
        open_ = (found == 0) & (room_a == _WORD)
        rows, x, y, left, right = rows[open_], x[open_], y[open_], left[open_], right[open_]
        done += _WORD
    return out


def _ordered(sign: Callable[[Any], Any]) -> Callable[..., Any]:
    def compute(call: Call, a: VarColumn, b: VarColumn) -> Any:
        if collation_key(call.session, call.collation) is not None:
            return NotImplemented
        return sign(bytes_cmp_v(a, b))

    return compute


for _suffix in ("lt", "le", "gt", "ge"):
    vector(f"text_{_suffix}", f"name{_suffix}", f"name{_suffix}text", f"text{_suffix}name",
           call=True)(_ordered(SIGNS[_suffix]))  # fmt: skip
    vector(f"bytea{_suffix}", f"text_pattern_{_suffix}")(
        lambda a, b, sign=SIGNS[_suffix]: sign(bytes_cmp_v(a, b))
    )


# -- LIKE -----------------------------------------------------------------------------------

_PARTS = re.compile(rb"\\(.)|(%)|(_)|([^\\%_]+)", re.DOTALL)


def like_parts(pattern: bytes) -> list[bytes] | None:
    """What stands between the ``%`` of a pattern; None where there is more to it."""
    parts, at = [b""], 0
    while at < len(pattern):
        match = _PARTS.match(pattern, at)
        if match is None or match[3]:
            return None
        at = match.end()
        if match[2]:
            parts.append(b"")
        else:
            parts[-1] += match[1] or match[4]
    return parts


def _occurrences(data: Array, part: bytes) -> Array:
    """Where a byte string stands in a buffer."""
    wanted = np.frombuffer(part, np.uint8)
    if len(data) < len(wanted):
        return np.zeros(0, np.int64)
    found = np.flatnonzero(data[: len(data) - len(wanted) + 1] == wanted[0])
    for i in range(1, len(wanted)):
        found = found[data[found + i] == wanted[i]]
    return found


def _stands_at(buffer: Array, start: Array, part: bytes) -> Array:
    """Whether a byte string stands at these places, which have room for it."""
    out = np.ones(len(start), bool)
    for i, byte in enumerate(part):
        out &= buffer[start + i] == byte
    return out


def like_v(column: VarColumn, pattern: bytes) -> Any:
    """Whether each row is like the pattern, or NotImplemented."""
    parts = like_parts(pattern)
    if parts is None:
        return NotImplemented
    start, length = column.start, column.length.astype(np.int64)
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        out = length == len(first)
    else:
        out = length >= sum(map(len, parts))
    rows = np.flatnonzero(out)
    keep = _stands_at(column.buffer, start[rows], first)
    if last and len(parts) > 1:
        keep &= _stands_at(column.buffer, start[rows] + length[rows] - len(last), last)
    rows = rows[keep]
    middle = [part for part in parts[1:-1] if part]
    if middle and len(rows):
        rows = rows[_holds(column.buffer, start[rows] + len(first),
                           length[rows] - len(first) - len(last), middle)]  # fmt: skip
    out = np.zeros(len(column), bool)
    out[rows] = True
    return out


def _holds(buffer: Array, start: Array, length: Array, parts: list[bytes]) -> Array:
    """Whether spans hold all the parts, one after the other."""
    data, offsets = ragged.gather(buffer, start, length)
    at, end = offsets[:-1], offsets[1:]
    out = np.ones(len(at), bool)
    for part in parts:
        places = _occurrences(data, part)
        if not len(places):
            return np.zeros(len(at), bool)
        number = np.searchsorted(places, at)
        found = places[np.minimum(number, len(places) - 1)]
        out &= (number < len(places)) & (found + len(part) <= end)
        at = np.where(out, found + len(part), at)
    return out


def _constant(column: VarColumn) -> bytes | None:
    """The value of a column that has the same one in every row."""
    if not len(column) or column.start.strides != (0,):
        return None
    return column.datum(0)


def _like(negated: bool) -> Callable[..., Any]:
    def compute(call: Call, text: VarColumn, pattern: VarColumn) -> Any:
        wanted = _constant(pattern)
        if wanted is None or not is_deterministic(call.session, call.collation):
            return NotImplemented
        found = like_v(text, wanted)
        return ~found if negated and found is not NotImplemented else found

    return compute


vector("textlike", "namelike", call=True)(_like(False))
vector("textnlike", "namenlike", call=True)(_like(True))
