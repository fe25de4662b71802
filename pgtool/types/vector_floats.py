"""Real and double columns → shortest text, whole columns at once.

A number x is scaled by a power of ten so that its first 17 digits (9 for a real) stand
before the decimal point. Multiplying in double-double arithmetic (a pair of doubles, some
106 bits) makes the scaled value exact far beyond what rounding needs. Digits are then
dropped from the end as long as the rounded rest still lies nearer to x than to its
neighbours: a decimal that fails with k digits dropped fails with more.

What is too close to call (a tie, the edge of the interval), and what lies outside the
range of the tables, is declined and goes through the scalar code. So do zero's sign, NaN
and the infinities.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pgtool.storage import ragged
from pgtool.types import float_walk
from pgtool.types.column import TextColumn
from pgtool.types.vector_digits import integer_text, scaled_text

__all__ = ["float_text", "vectorised_text", "walked_text"]

Array = npt.NDArray[Any]
_SPLIT = float((1 << 27) + 1)
_SURE = 1e-6
#: Decimals that are tried before digits are found one by one.
_FEW = 4
_SAMPLE, _SHARE = 256, 0.1
_LEAST_POWER, _LAST_POWER = -300, 300


class _Kind(NamedTuple):
    """Digits that always suffice, the first number with more digits than always survive,
    range done here, first exponent that is written."""

    digits: int
    survive: float
    least: float
    most: float
    exponent_from: int


_KINDS = {8: _Kind(17, 1e15, 1e-275, 1e285, 15), 4: _Kind(9, 1e6, 2e-38, 3e38, 6)}


@cache
def _powers() -> tuple[Array, Array]:
    """10^k as two doubles, for k from the least."""
    high, low = [], []
    for power in range(_LEAST_POWER, _LAST_POWER + 1):
        exact = Fraction(10) ** power
        high.append(float(exact))
        low.append(float(exact - Fraction(high[-1])))
    return np.array(high), np.array(low)


@cache
def _exponents() -> tuple[Array, Array, Array]:
    """``e+07`` and so on: (bytes, starts, lengths), by exponent from the least power."""
    texts = [b"e%+03d" % e for e in range(_LEAST_POWER, _LAST_POWER + 1)]
    length = np.array([len(text) for text in texts])
    return np.frombuffer(b"".join(texts), np.uint8), ragged.offsets_of(length)[:-1], length


def _product(a: Array, high: Array, low: Array) -> tuple[Array, Array]:
    """a · (high + low) as a sum of two doubles."""
    product = a * high
    big = a * _SPLIT
    a1 = big - (big - a)
    a2 = a - a1
    big = high * _SPLIT
    b1 = big - (big - high)
    b2 = high - b1
    error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2 + a * low
    total = product + error
    return total, error - (total - product)


def _few_decimals(values: Array, kind: _Kind) -> tuple[Array, Array]:
    """(unscaled integers, decimals or −1) of the numbers with few decimals.

    A decimal of so few digits that it survives the type is the only one of its length
    that a number can have come from: found, it is the shortest.
    """
    unscaled = np.zeros(len(values), np.int64)
    decimals = np.full(len(values), -1, np.int64)
    wide = values.astype(np.float64)
    limit = np.spacing(np.abs(values)).astype(np.float64) * 0.49
    fitting = (np.abs(wide) < kind.survive) & ((np.abs(wide) >= 1e-4) | (wide == 0))
    open_ = np.flatnonzero(fitting & ~((values == 0) & np.signbit(values)))
    for d in range(_FEW + 1):
        some = wide[open_]
        scaled = np.rint(some * 10.0**d)
        back = scaled / 10.0**d
        same = back == some if values.dtype.itemsize == 8 else np.abs(back - some) < limit[open_]
        fits = same & (np.abs(scaled) < kind.survive)
        hit = open_[fits]
        unscaled[hit], decimals[hit] = scaled[fits].astype(np.int64), d
        open_ = open_[~fits]
        if not len(open_) or (d == 0 and not _worth_trying(wide[open_[:_SAMPLE]])):
            break
    return unscaled, decimals


def _worth_trying(sample: Array) -> bool:
    """Whether some of the numbers have few decimals."""
    scaled = sample * 10.0**_FEW
    return bool(np.mean(np.abs(np.rint(scaled) - scaled) < 1e-3) > _SHARE)


def float_text(values: Array) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here)."""
    return walked_text(values) if float_walk.COMPILED else vectorised_text(values)


def walked_text(values: Array) -> tuple[TextColumn, Array]:
    """The same, by the loop over single numbers."""
    kind = _KINDS[values.dtype.itemsize]
    rows = len(values)
    with np.errstate(all="ignore"):
        size = np.abs(values)
        fine = (size >= kind.least) & (size <= kind.most)
        wide, half, below, exponent = _prepared(np.where(fine, size, values.dtype.type(1)))
    wide = np.where(fine, wide, 0.0)
    skip = (~(fine | (values == 0))).astype(np.uint8)
    negative = np.signbit(values).astype(np.uint8)
    out = np.empty(rows * float_walk.WIDEST, np.uint8)
    start, length = np.zeros(rows, np.intp), np.zeros(rows, np.intp)
    lent: list[Any] = [wide, negative, skip, half, below, exponent.astype(np.intp), *_powers()]
    results: list[Any] = [out, start, length]
    arguments: list[Any] = [memoryview(array) for array in lent]
    arguments += [_LEAST_POWER, kind.digits, kind.exponent_from]
    arguments += [memoryview(array) for array in results]
    float_walk.walk(*arguments)
    return TextColumn(out, start, length), np.flatnonzero(skip)


def vectorised_text(values: Array) -> tuple[TextColumn, Array]:
    """The same with numpy alone."""
    kind = _KINDS[values.dtype.itemsize]
    with np.errstate(all="ignore"):
        unscaled, decimals = _few_decimals(values, kind)
        size = np.abs(values)
        fine = (decimals < 0) & (size >= kind.least) & (size <= kind.most)
        rows = np.flatnonzero(fine)
        digits, dropped, exponent, sure = _shortest(size[rows], kind)
    done = decimals >= 0
    done[rows] = sure
    digits, dropped = np.where(sure, digits, 0), np.where(sure, dropped, 0)
    written = (exponent < -4) | (exponent >= kind.exponent_from)
    # positional: as many digits go as stand for nothing, but none before the point
    after = kind.digits - 1 - exponent
    keep = np.where(written, dropped, np.minimum(dropped, np.clip(after, 0, kind.digits - 1)))
    digits = digits // 10**keep
    digits = np.where(values[rows] < 0, -digits, digits)
    unscaled[rows] = np.where(written, 0, digits)
    decimals[rows] = np.where(written, 0, after - keep)
    text = scaled_text(unscaled, np.maximum(decimals, 0))
    some = np.flatnonzero(written & sure)
    if len(some):
        extra = _exponent_text(digits[some], exponent[some])
        text.start[rows[some]] = extra.start + len(text.buffer)
        text.length[rows[some]] = extra.length
        text.buffer = np.concatenate([text.buffer, extra.buffer])
    return text, np.flatnonzero(~done)


def _prepared(size: Array) -> tuple[Array, Array, Array, Array]:
    """(as doubles, half the distance to the number above, to that below, exponent)."""
    wide = size.astype(np.float64)
    half = np.spacing(size).astype(np.float64) / 2
    mantissa, _ = np.frexp(wide)
    below = np.where(mantissa == 0.5, half / 2, half)
    return wide, half, below, np.floor(np.log10(wide)).astype(np.int64)


def _shortest(size: Array, kind: _Kind) -> tuple[Array, Array, Array, Array]:
    """(all digits as an integer, how many of them are zeros to drop, exponent, certain)."""
    wide, half, below, exponent = _prepared(size)
    high, low = _powers()
    place = kind.digits - 1 - exponent - _LEAST_POWER
    scale = high[place]
    big, small = _product(wide, scale, low[place])
    half, below = half * scale, below * scale
    whole = big.astype(np.int64)
    small = small + (big - whole)
    rounded = np.rint(small)
    digits = whole + rounded.astype(np.int64)
    rest = small - rounded  # value − digits, within ±0.5
    top = 10**kind.digits
    sure = (digits >= top // 10) & (digits < top) & (np.abs(np.abs(rest) - 0.5) > _SURE)
    dropped = np.zeros(len(size), np.int64)
    open_ = np.arange(len(size))
    best = digits.copy()
    for k in range(1, kind.digits):
        unit = 10**k
        value, part = digits[open_], rest[open_]
        quotient = value // unit
        tail = value - quotient * unit  # above the lower multiple, but for the part
        middle = (2 * tail - unit) / 2 + part
        up = middle > 0
        candidate = (quotient + up) * unit
        above = (unit - tail) - part
        error = np.where(up, above, tail + part)
        limit = np.where(up, half[open_], below[open_])
        inside = error < limit
        unclear = (np.abs(error - limit) < _SURE) | (inside & (np.abs(middle) < _SURE))
        # at a power of two the farther multiple may be the only one inside
        unclear |= ~inside & ~up & (below[open_] < half[open_]) & (above < half[open_] + _SURE)
        sure[open_[unclear]] = False
        hit = open_[inside]
        best[hit] = candidate[inside]
        dropped[hit] = k
        open_ = hit
        if not len(open_):
            break
    carried = best >= top
    sure &= ~carried
    return best, dropped, exponent, sure


def _exponent_text(unscaled: Array, exponent: Array) -> TextColumn:
    """d.ddde±xx from digits (signed, no zeros at the end) and exponent."""
    text = integer_text(np.abs(unscaled))
    sign = (unscaled < 0).astype(np.int64)
    suffixes, at, sizes = _exponents()
    which = exponent - _LEAST_POWER
    more = (text.length > 1).astype(np.int64)
    length = sign + text.length + more + sizes[which]
    offsets = ragged.offsets_of(length)
    start = offsets[:-1]
    out = np.full(int(offsets[-1]), ord("-"), np.uint8)
    out[start + sign] = text.buffer[text.start]
    point = start + sign + 1
    out[point[more > 0]] = ord(".")
    ragged.copy_spans(out, point + more, text.buffer, text.start + 1, text.length - 1)
    end = point + more + text.length - 1
    ragged.copy_spans(out, end, suffixes, at[which], sizes[which])
    return TextColumn(out, start, length)
