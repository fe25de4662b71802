"""Numbers as numpy arrays → stored numerics: all rows at once.

A value is an integer and a count of decimals; its base-10000 digits are cut off from the
right. Values of more than 18 digits do not fit an int64 and are for others to store.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats import datum as layout
from pgtool.types.column import VarColumn

__all__ = ["MOST_DIGITS", "MOST_SHOWN", "pack_digits", "pack_scaled"]

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
    negative = values < 0
    pad = -decimals % 4
    left = np.abs(values) * _POWERS[pad]
    groups = np.zeros((len(values), _GROUPS), np.uint16)
    for place in range(_GROUPS):
        left, groups[:, _GROUPS - 1 - place] = np.divmod(left, _BASE)
    return pack_digits(groups, _GROUPS - 1 - (decimals + pad) // 4, shown, negative, valid)


def pack_digits(
    digits: Any, weight: Any, shown: Any, negative: Any, valid: Any = None
) -> VarColumn:
    """Rows of base-10000 digits, the first of them of that weight, as a stored column.

    Zeros before and behind are not stored; the header is a short one.
    """
    n, width = digits.shape
    rows = np.arange(n)
    there = digits != 0
    # A row's own digits are those between its first and last that are not 0.
    first = there.argmax(axis=1)
    last = width - 1 - there[:, ::-1].argmax(axis=1)
    zero = ~there[rows, first]
    count = np.where(zero, 0, last - first + 1)
    weight = np.where(zero, 0, weight - first)
    header = layout.NUMERIC_SHORT | shown << layout.NUMERIC_SHORT_DSCALE_SHIFT
    header |= np.where(negative & ~zero, layout.NUMERIC_SHORT_SIGN_MASK, 0)
    header |= np.where(weight < 0, layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK, 0)
    header |= weight & layout.NUMERIC_SHORT_WEIGHT_MASK
    made = np.zeros((n, width + 1), "<u2")
    made[:, 0] = header
    for place in range(int(count.max(initial=0))):
        made[:, place + 1] = digits[rows, np.minimum(first + place, width - 1)]
    start = rows * made.strides[0]
    return VarColumn(made.reshape(-1).view(np.uint8), start, 2 + 2 * count, valid)
