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
from pgtool.storage import ragged
from pgtool.types.column import VarColumn

__all__ = ["stripped", "text_cmp", "text_eq_v"]


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
       smaller="bpchar_smaller", call=True, first_of_equals=True)  # fmt: skip
family("text_pattern_{}", pattern_cmp, cmp=("bttext_pattern_cmp",), only=_ORDER)
family("bpchar_pattern_{}", bpchar_pattern_cmp, cmp=("btbpchar_pattern_cmp",), only=_ORDER)


@builtin("texteq", "nameeq", "nameeqtext", "texteqname")
def texteq(a: str, b: str) -> bool:
    """Equality of text of a deterministic collation."""
    return a == b


@builtin("textne", "namene", "namenetext", "textnename")
def textne(a: str, b: str) -> bool:
    """Inequality."""
    return a != b


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
        while len(rows) and int(left.max(initial=0)) >= width:
            open_ = left >= width
            sel: Any = slice(None) if open_.all() else open_
            wx, wy = ragged.windows(a.buffer, width), ragged.windows(b.buffer, width)
            equal = np.ones(len(rows), bool)
            equal[sel] = wx[x[sel]] == wy[y[sel]]
            step = width * open_
            x, y, left = x + step, y + step, left - step
            if not equal.all():
                same[rows[~equal]] = False
                rows, x, y, left = rows[equal], x[equal], y[equal], left[equal]
    return same


def _negated(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: ~compute(a, b)


vector("texteq", "nameeq", "nameeqtext", "texteqname", "byteaeq", total=True)(text_eq_v)
vector("textne", "namene", "namenetext", "textnename", "byteane", total=True)(_negated(text_eq_v))
