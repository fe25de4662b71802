"""Quotients of integers as numerics, all rows at once: the averages of many groups.

A sum with some decimals is divided by a count in base 10000, digit by digit, as far as the
display scale of the quotient reaches (:func:`pgtool.functions.numeric.quotient_scale`), and
rounded there. What does not fit 64 bits, and the few scales that do not end with a digit of
base 10000, go one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from formats import datum as layout
from pgtool.functions.columns import NumericColumn
from pgtool.functions.numeric import MIN_SIG_DIGITS, quotient
from pgtool.types.numeric import EXACT
from pgtool.types.vector_numeric import MOST_SHOWN, pack_digits

__all__ = ["averages"]

Array = Any
_BASE = 10000
_WHOLE = 5
_POWERS = 10 ** np.arange(4, dtype=np.int64)
_LARGEST = np.iinfo(np.int64).max
#: A remainder of a division by this many fits 64 bits when a digit is added.
_MOST_ROWS = _LARGEST // _BASE
_LEAST_ROWS, _MOST_SINGLE = 16, 100


def averages(
    sums: Array, scale: int, counts: Array, encode: Callable[[Decimal], bytes]
) -> NumericColumn | None:
    """``sums`` · 10^−``scale`` / ``counts``, NULL where a count is zero.

    None where there are too few rows for it to pay, or too many are not for this way.
    ``encode`` stores a numeric.
    """
    if len(sums) < _LEAST_ROWS:
        return None
    pad = -scale % layout.DEC_DIGITS
    behind = (scale + pad) // layout.DEC_DIGITS
    there = counts > 0
    count = np.where(there, counts, 1)
    # abs of the least integer is negative, and so is not in range.
    size = np.abs(sums)
    easy = (size >= 0) & (size <= _LARGEST // _POWERS[pad]) & (count <= _MOST_ROWS)
    size = np.where(easy, size, 0) * _POWERS[pad]
    shown = _scales(size, behind, scale, count)
    easy &= (shown % layout.DEC_DIGITS == 0) & (shown <= MOST_SHOWN)
    shown = np.where(easy, shown, scale + pad)
    if np.count_nonzero(~easy) > _MOST_SINGLE:
        return None
    digits = _divided(size, count, shown // layout.DEC_DIGITS - behind)
    weight = _WHOLE - 1 - behind
    found = pack_digits(digits, weight, shown, sums < 0, None if there.all() else there)
    out = NumericColumn(found.buffer, found.start, found.length, found.valid)
    for row in np.flatnonzero(~easy & there).tolist():
        total = Decimal(int(sums[row])).scaleb(-scale, EXACT)
        data = encode(quotient(total, Decimal(int(counts[row]))))
        out.start[row], out.length[row] = len(out.buffer), len(data)
        out.buffer = np.concatenate([out.buffer, np.frombuffer(data, np.uint8)])
    return out


def _head(digits: Array, behind: int) -> tuple[Array, Array]:
    """(weight, first digit) in base 10000 of integers that have so many digits behind the
    point; zeros for zero."""
    weight = np.zeros(len(digits), np.int64)
    first = digits.copy()
    for _ in range(_WHOLE - 1):
        more = first >= _BASE
        if not more.any():
            break
        first = np.where(more, first // _BASE, first)
        weight += more
    return np.where(digits == 0, 0, weight - behind), first


def _scales(size: Array, behind: int, scale: int, count: Array) -> Array:
    """The display scales of the quotients."""
    weight, first = _head(size, behind)
    below, first_below = _head(count, 0)
    weight = weight - below - (first <= first_below)
    return np.maximum(MIN_SIG_DIGITS - weight * layout.DEC_DIGITS, scale)


def _divided(size: Array, count: Array, more: Array) -> Array:
    """Base-10000 digits of the quotients, ``more`` of them behind those of whole numbers."""
    most = int(more.max(initial=0))
    digits = np.zeros((len(size), _WHOLE + most), np.int64)
    whole, rest = np.divmod(size, count)
    for place in range(_WHOLE - 1, -1, -1):
        whole, digits[:, place] = np.divmod(whole, _BASE)
        if not whole.any():
            break
    for place in range(most):
        going = place < more
        digit, left = np.divmod(rest * _BASE, count)
        if going.all():
            digits[:, _WHOLE + place], rest = digit, left
        else:
            digits[:, _WHOLE + place] = np.where(going, digit, 0)
            rest = np.where(going, left, rest)
    up = np.flatnonzero(2 * rest >= count)
    digits[up, _WHOLE - 1 + more[up]] += 1
    for place in range(_WHOLE + most - 1, 0, -1):
        over = np.flatnonzero(digits[:, place] == _BASE)
        if len(over):
            digits[over, place] = 0
            digits[over, place - 1] += 1
    return digits
