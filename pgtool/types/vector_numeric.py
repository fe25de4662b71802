"""Numbers as numpy arrays → stored numerics: all rows at once.

A value is an integer and a count of decimals; its base-10000 digits are cut off from the
right. Values of more than 18 digits do not fit an int64 and are for others to store.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats import datum as layout
from pgtool.types.column import VarColumn

__all__ = ["MOST_DIGITS", "MOST_SHOWN", "pack_scaled"]

#: Decimal digits, those that fill up the last base-10000 one included.
MOST_DIGITS = 18
#: Decimals that a short header can show, and its weight hold.
MOST_SHOWN = layout.NUMERIC_SHORT_DSCALE_MAX
_GROUPS = 5
_BASE = 10000
_POWERS = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)


def pack_scaled(values: Any, decimals: Any, shown: Any, valid: Any = None) -> VarColumn:
    """``values`` · 10^−``decimals``, displayed with ``shown`` decimals, as a stored column.

    A value's digits with its decimals filled up to a multiple of four are at most MOST_DIGITS.
    """
    n = len(values)
    negative = values < 0
    pad = -decimals % 4
    left = np.abs(values) * _POWERS[pad]
    behind = (decimals + pad) // 4
    # Digits from the right; a row's own are those between its last and first that are not 0.
    groups = np.zeros((n, _GROUPS), np.uint16)
    first = np.zeros(n, np.int64)
    last = np.full(n, _GROUPS, np.int64)
    for place in range(_GROUPS):
        left, digit = np.divmod(left, _BASE)
        groups[:, place] = digit
        there = digit != 0
        first[there] = place
        np.minimum(last, place, out=last, where=there)
    zero = last == _GROUPS
    count = np.where(zero, 0, first - last + 1)
    weight = np.where(zero, 0, first - behind)
    header = layout.NUMERIC_SHORT | shown << layout.NUMERIC_SHORT_DSCALE_SHIFT
    header |= np.where(negative & ~zero, layout.NUMERIC_SHORT_SIGN_MASK, 0)
    header |= np.where(weight < 0, layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK, 0)
    header |= weight & layout.NUMERIC_SHORT_WEIGHT_MASK
    made = np.zeros((n, _GROUPS + 1), "<u2")
    made[:, 0] = header
    rows = np.arange(n)
    for place in range(_GROUPS):
        source = first - place
        made[:, place + 1] = groups[rows, np.maximum(source, 0)]
    start = rows * made.strides[0]
    return VarColumn(made.reshape(-1).view(np.uint8), start, 2 + 2 * count, valid)
