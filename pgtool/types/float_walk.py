# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Shortest digits of floats, number by number: compiled where possible.

The method is that of :mod:`pgtool.types.vector_floats`, which prepares the numbers, lends
the memory and uses numpy alone where this is not compiled. What is too close to call is
declined and writes nothing. ``float_walk.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled
#: Characters that one number takes at most: sign, 17 digits, zeros before or after, exponent.
WIDEST = 40
_SPLIT = 134217729.0
_SURE = 1e-6


def put_digits(value: Any, count: Any, out: Any, to: Any) -> Any:
    """Write so many digits of a number; where the output goes on."""
    place = to + count
    while place > to:
        place -= 1
        out[place] = 48 + value % 10
        value //= 10
    return to + count


def put_scientific(value: Any, count: Any, exponent: Any, out: Any, to: Any) -> Any:
    """Write d.ddde±xx; where the output goes on."""
    end = put_digits(value, count, out, to + 1)
    out[to] = out[to + 1]
    out[to + 1] = 46
    to = end if count > 1 else to + 1
    out[to] = 101
    out[to + 1] = 45 if exponent < 0 else 43
    size = -exponent if exponent < 0 else exponent
    return put_digits(size, 3 if size > 99 else 2, out, to + 2)


def put_plain(value: Any, count: Any, exponent: Any, out: Any, to: Any) -> Any:
    """Write digits with the point after the first ``exponent + 1``; where the output goes on."""
    if exponent < 0:
        out[to] = 48
        out[to + 1] = 46
        to += 2
        for _k in range(-exponent - 1):
            out[to] = 48
            to += 1
        return put_digits(value, count, out, to)
    whole = exponent + 1
    if count <= whole:
        to = put_digits(value, count, out, to)
        for _k in range(whole - count):
            out[to] = 48
            to += 1
        return to
    end = put_digits(value, count, out, to + 1)
    for k in range(whole):
        out[to + k] = out[to + k + 1]
    out[to + whole] = 46
    return end


def near(value: Any, rest: Any, unit: Any, half: Any, below: Any) -> Any:
    """The multiple of ``unit`` that is nearest to value + rest, if it is nearer to that than
    half-way to a neighbour; else −1, and −2 where it is too close to call."""
    tail = value % unit
    middle = (2 * tail - unit) / 2.0 + rest
    above = (unit - tail) - rest
    up = middle > 0
    gap = above if up else tail + rest
    edge = half if up else below
    if gap - edge < _SURE and edge - gap < _SURE:
        return -2
    if gap > edge:
        # at a power of two the farther multiple may be the only one inside
        return -2 if not up and below < half and above < half + _SURE else -1
    if middle < _SURE and middle > -_SURE:
        return -2
    return value - tail + (unit if up else 0)


def one(
    size: Any,
    high: Any,
    low: Any,
    half: Any,
    below: Any,
    digits: Any,
    exponent: Any,
    limit: Any,
    out: Any,
    to: Any,
) -> Any:
    """Write one positive number; −1 where it is too close to call."""
    product = size * high
    big = size * _SPLIT
    a1 = big - (big - size)
    a2 = size - a1
    big = high * _SPLIT
    b1 = big - (big - high)
    b2 = high - b1
    error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2 + size * low
    total = product + error
    rest = error - (total - product)
    value = cython.cast(cython.longlong, total)
    rest += total - value
    step = cython.cast(cython.longlong, rest + 0.5 if rest >= 0 else rest - 0.5)
    value += step
    rest -= step
    top = 1
    for _k in range(digits):
        top *= 10
    if value < top // 10 or value >= top or rest > 0.5 - _SURE or rest < _SURE - 0.5:
        return -1
    half *= high
    below *= high
    dropped = 0
    best = value
    beyond = digits
    k = 1  # most numbers have nearly all their digits; the others are halved down to
    while beyond - dropped > 1:
        unit = 1
        for _k in range(k):
            unit *= 10
        found = near(value, rest, unit, half, below)
        if found == -2:
            return -1
        if found < 0:
            beyond = k
        else:
            dropped = k
            best = found
        k = (dropped + beyond) // 2
    if best >= top:
        return -1
    for _k in range(dropped):
        best //= 10
    if exponent < -4 or exponent >= limit:
        return put_scientific(best, digits - dropped, exponent, out, to)
    return put_plain(best, digits - dropped, exponent, out, to)


def walk(
    size: Any,
    negative: Any,
    skip: Any,
    half: Any,
    below: Any,
    exponent: Any,
    high: Any,
    low: Any,
    least: Any,
    digits: Any,
    limit: Any,
    out: Any,
    start: Any,
    length: Any,
) -> None:
    """Write every number that is not to skip; one that could not be done is marked in skip."""
    to = 0
    with cython.nogil:
        for i in range(size.shape[0]):
            start[i] = to
            length[i] = 0
            if skip[i]:
                continue
            begin = to
            if negative[i]:
                out[to] = 45
                to += 1
            if size[i] == 0:
                out[to] = 48
                to += 1
            else:
                k = digits - 1 - exponent[i] - least
                to = one(size[i], high[k], low[k], half[i], below[i], digits, exponent[i], limit,
                         out, to)  # fmt: skip
            if to < 0:
                skip[i] = 1
                to = begin
            else:
                length[i] = to - begin
