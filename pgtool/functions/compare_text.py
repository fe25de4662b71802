"""Comparison of text: by bytes or as the collation orders it.

Equality under a deterministic collation is equality of bytes, so it never needs the
collation's order; a nondeterministic one is Unsupported by name. ``character(n)``
compares without its trailing spaces; the pattern operators go by bytes in any collation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgtool.functions.collation import collation_key
from pgtool.functions.compare import family
from pgtool.functions.registry import Call, builtin, vector
from pgtool.types.column import VarColumn

__all__ = ["constant_of", "stripped", "text_cmp", "text_eq_v", "trimmed_lengths"]


def text_bytes(value: str) -> bytes:
    """The bytes that order text where no locale does."""
    return value.encode("utf-8", "surrogateescape")


def text_cmp(call: Call, a: str, b: str) -> int:
    """Text in its collation."""
    if a == b:
        return 0
    key = collation_key(call.session, call.collation)
    x, y = (text_bytes(a), text_bytes(b)) if key is None else (key(a), key(b))
    return int(x > y) - int(x < y)


def stripped(value: str) -> str:
    """``character(n)`` without the spaces that do not count."""
    return value.rstrip(" ")


def bpchar_cmp(call: Call, a: str, b: str) -> int:
    """``character(n)`` in its collation."""
    return text_cmp(call, stripped(a), stripped(b))


def pattern_cmp(a: str, b: str) -> int:
    """Text by its bytes."""
    x, y = text_bytes(a), text_bytes(b)
    return int(x > y) - int(x < y)


def bpchar_pattern_cmp(a: str, b: str) -> int:
    """``character(n)`` by its bytes."""
    return pattern_cmp(stripped(a), stripped(b))


_ORDER = ("lt", "le", "gt", "ge")
family("text_{}", text_cmp, cmp=("bttextcmp",), larger="text_larger", smaller="text_smaller",
       call=True, only=_ORDER)  # fmt: skip
family("name{}", text_cmp, cmp=("btnamecmp",), call=True, only=_ORDER)
family("name{}text", text_cmp, cmp=("btnametextcmp",), call=True, only=_ORDER)
family("text{}name", text_cmp, cmp=("bttextnamecmp",), call=True, only=_ORDER)
family("bpchar{}", bpchar_cmp, cmp=("bpcharcmp",), larger="bpchar_larger",
       smaller="bpchar_smaller", call=True, only=_ORDER, first_of_equals=True)  # fmt: skip
family("text_pattern_{}", pattern_cmp, cmp=("bttext_pattern_cmp",), only=_ORDER)
family("bpchar_pattern_{}", bpchar_pattern_cmp, cmp=("btbpchar_pattern_cmp",), only=_ORDER)


@builtin("texteq", "nameeq", "nameeqtext", "texteqname")
def texteq(a: str, b: str) -> bool:
    """Equality of text of a deterministic collation."""
    return a == b


@builtin("bpchareq")
def bpchareq(a: str, b: str) -> bool:
    """Equality of ``character(n)`` of a deterministic collation."""
    return stripped(a) == stripped(b)


@builtin("bpcharne")
def bpcharne(a: str, b: str) -> bool:
    """Inequality."""
    return stripped(a) != stripped(b)


@builtin("textne", "namene", "namenetext", "textnename")
def textne(a: str, b: str) -> bool:
    """Inequality."""
    return a != b


def _numbers(buffer: Any, width: int) -> Any:
    """Every ``width`` bytes of a buffer as a number."""
    return np.ndarray((max(0, len(buffer) - width + 1),), np.dtype(f"<u{width}"), buffer, 0, (1,))


def text_eq_v(a: VarColumn, b: VarColumn) -> Any:
    """Equality of spans: lengths first, then bytes in steps of 8."""
    same = np.asarray(a.length == b.length)
    rows = np.flatnonzero(same)
    if not len(rows):
        return same
    x = np.broadcast_to(a.start, same.shape)[rows]
    y = np.broadcast_to(b.start, same.shape)[rows]
    left = np.broadcast_to(a.length, same.shape)[rows].astype(np.int64)
    for width in (8, 4, 2, 1):
        words_a, words_b = _numbers(a.buffer, width), _numbers(b.buffer, width)
        while len(rows):
            open_ = left >= width
            if not open_.any():
                break
            if open_.all():
                equal = words_a[x] == words_b[y]
                x, y, left = x + width, y + width, left - width
            else:
                equal = np.ones(len(rows), bool)
                equal[open_] = words_a[x[open_]] == words_b[y[open_]]
                step = width * open_
                x, y, left = x + step, y + step, left - step
            if not equal.all():
                same[rows[~equal]] = False
                rows, x, y, left = rows[equal], x[equal], y[equal], left[equal]
    return same


_SPACE = 0x20
_SPACES = int.from_bytes(b" " * 8, "little")


def trimmed_lengths(column: VarColumn) -> Any:
    """The rows' lengths without trailing spaces."""
    length = column.length.astype(np.int64)
    start, rows = column.start, np.flatnonzero(length >= 8)
    eights = _numbers(column.buffer, 8)
    while len(rows):
        rows = rows[eights[start[rows] + length[rows] - 8] == _SPACES]
        length[rows] -= 8
        rows = rows[length[rows] >= 8]
    rows = np.flatnonzero(length)
    while len(rows):
        rows = rows[column.buffer[start[rows] + length[rows] - 1] == _SPACE]
        length[rows] -= 1
        rows = rows[length[rows] > 0]
    return length


def constant_of(column: VarColumn) -> bytes | None:
    """The value of a column that has the same one in every row; None for others."""
    if not len(column) or (len(column) > 1 and column.start.strides[0] != 0):
        return None
    return column.datum(0)


def bpchar_eq_v(a: VarColumn, b: VarColumn) -> Any:
    """Equality of ``character(n)``: trailing spaces do not count."""
    if constant_of(a) is not None:
        a, b = b, a
    constant = constant_of(b)
    if constant is None:
        trimmed = [VarColumn(c.buffer, c.start, trimmed_lengths(c)) for c in (a, b)]
        return text_eq_v(*trimmed)
    wanted = constant.rstrip(b" ")
    most = int(a.length.max(initial=0))
    if most > _LONGEST:
        return NotImplemented
    # Each row beside as much of the constant and spaces after it as the row is long.
    padded = np.frombuffer(wanted.ljust(most, b" "), np.uint8)
    start = np.broadcast_to(np.zeros(1, np.int64), (len(a),))
    length = np.where(a.length >= len(wanted), a.length, -1)
    return text_eq_v(a, VarColumn(padded, start, length))


_LONGEST = 1 << 20


def _negated(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: ~compute(a, b)


vector("bpchareq", total=True)(bpchar_eq_v)


@vector("bpcharne", total=True)
def bpchar_ne_v(a: VarColumn, b: VarColumn) -> Any:
    """Inequality of ``character(n)``."""
    found = bpchar_eq_v(a, b)
    return found if found is NotImplemented else ~found


vector("texteq", "nameeq", "nameeqtext", "texteqname", "byteaeq", total=True)(text_eq_v)
vector("textne", "namene", "namenetext", "textnename", "byteane", total=True)(_negated(text_eq_v))
