"""Numbers as numpy arrays → stored numerics, and their order: all rows at once.

A value is an integer and a count of decimals; its base-10000 digits are cut off from the
right. Values of more than 18 digits do not fit an int64 and are for others to store.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from formats import datum as layout
from pgtool.types import digit_read, numeric_rank
from pgtool.types.column import VarColumn
from pgtool.types.digit_read import GROUPS

__all__ = [
    "MARKS", "MOST_DIGITS", "MOST_SHOWN", "POWERS", "numeric_ranks", "pack_digits", "pack_scaled",
]  # fmt: skip

#: Decimal digits, those that fill up the last base-10000 one included.
MOST_DIGITS = 18
#: Decimals that a short header can show, and its weight hold.
MOST_SHOWN = layout.NUMERIC_SHORT_DSCALE_MAX
_BASE = 10000
#: Of ten; and what makes up a short header, for :mod:`pgtool.types.digit_read`.
POWERS = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)
MARKS = np.array([
    layout.NUMERIC_SHORT, layout.NUMERIC_SHORT_SIGN_MASK, layout.NUMERIC_SHORT_WEIGHT_SIGN_MASK,
    layout.NUMERIC_SHORT_WEIGHT_MASK, layout.NUMERIC_SHORT_DSCALE_SHIFT,
], np.intc)  # fmt: skip


def pack_scaled(values: Any, decimals: Any, shown: Any, valid: Any = None) -> VarColumn:
    """``values`` · 10^−``decimals``, displayed with ``shown`` decimals, as a stored column.

    A value's digits with its decimals filled up to a multiple of four are at most MOST_DIGITS.
    """
    if digit_read.COMPILED:
        count, pitch = len(values), 2 * (GROUPS + 1)
        value, behind, wide = (
            np.ascontiguousarray(np.broadcast_to(given, count), np.int64)
            for given in (values, decimals, shown)
        )
        made, length = np.empty(count * pitch, np.uint8), np.empty(count, np.int64)
        digit_read.pack(value, behind, wide, POWERS, MARKS, pitch, made, length)
        return VarColumn(made, np.arange(count) * pitch, length.astype(np.int32), valid)
    negative = values < 0
    pad = -decimals % 4
    left = np.abs(values) * POWERS[pad]
    groups = np.zeros((len(values), GROUPS), np.uint16)
    for place in range(GROUPS):
        left, groups[:, GROUPS - 1 - place] = np.divmod(left, _BASE)
    return pack_digits(groups, GROUPS - 1 - (decimals + pad) // 4, shown, negative, valid)


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


def numeric_ranks(column: VarColumn) -> Any:
    """Integers that order as the numerics do, 0 for NULL; None where some do not fit one."""
    out = np.empty(len(column), np.int64)
    valid = np.zeros(0, bool) if column.valid is None else column.valid
    start, length = (np.ascontiguousarray(a, np.int64) for a in (column.start, column.length))
    if numeric_rank.ranks(column.buffer.data, start, length, valid.view(np.uint8), out):
        return None
    return out
