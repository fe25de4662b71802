# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Integers, numerics, uuids and timestamps → text: the loops over single values, compiled.

:mod:`pgtool.types.vector_digits`, :mod:`pgtool.types.vector_time` and
:mod:`pgtool.types.vector` hand in all memory and say where each form begins and ends; where
this is not compiled they do the same with numpy, so that nothing here runs as Python but in
tests. Texts lie end to end. ``digit_walk.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled

#: The longest texts: of an integer; of a numeric of moderate size; of a timestamp.
INTEGER, NUMERIC, TIMESTAMP = 20, 72, 26
UUID = 36


def put_number(value: int, out: Any, to: int) -> int:
    """Write a number that is not negative; the place behind it."""
    end = to + 1
    rest = value // 10
    while rest > 0:
        end += 1
        rest = rest // 10
    at = end
    rest = value
    while at > to:
        at -= 1
        upper = rest // 10
        out[at] = 48 + (rest - upper * 10)
        rest = upper
    return end


def put_fixed(value: int, digits: int, out: Any, to: int) -> int:
    """Write a number with that many digits; the place behind it."""
    at = to + digits
    while at > to:
        at -= 1
        upper = value // 10
        out[at] = 48 + (value - upper * 10)
        value = upper
    return to + digits


def integers(values: Any, out: Any, start: Any, length: Any) -> None:
    """64-bit integers."""
    n = values.shape[0]
    to = 0
    with cython.nogil:
        for i in range(n):
            value = values[i]
            start[i] = to
            size = value
            if value < 0:
                out[to] = 45
                to += 1
                size = -(value + 1)  # the least number has no positive one
                size += 1
            to = put_number(size, out, to)
            length[i] = to - start[i]


def numeric(buffer: Any, at: int, size: int, out: Any, to: int) -> int:
    """Write the numeric of ``size`` payload bytes; the place behind it, or −1 where it is
    special, huge or damaged."""
    if size < 2 or size & 1:
        return -1
    header = buffer[at] | buffer[at + 1] << 8
    if header >= 0xC000:
        return -1
    if header >= 0x8000:  # the short form
        negative = header & 0x2000
        dscale = header >> 7 & 0x3F
        weight = header & 0x3F
        if header & 0x40:
            weight -= 64
        first = at + 2
    else:
        if size < 4:
            return -1
        negative = header & 0x4000
        dscale = header & 0x3FFF
        weight = buffer[at + 2] | buffer[at + 3] << 8
        if weight >= 0x8000:
            weight -= 0x10000
        first = at + 4
    ndigits = (size - (first - at)) // 2
    if weight >= 8 or weight < -8 or dscale > 32 or (ndigits - 1 - weight) * 4 >= dscale + 4:
        return -1
    for k in range(ndigits):
        if (buffer[first + 2 * k] | buffer[first + 2 * k + 1] << 8) >= 10000:
            return -1
    if negative:
        out[to] = 45
        to += 1
    begin = to
    for k in range(weight + 1):
        digit = 0
        if k < ndigits:
            digit = buffer[first + 2 * k] | buffer[first + 2 * k + 1] << 8
        if to > begin:
            to = put_fixed(digit, 4, out, to)
        elif digit > 0:
            to = put_number(digit, out, to)
    if to == begin:
        out[to] = 48
        to += 1
    if dscale > 0:
        out[to] = 46
        to += 1
        end = to + dscale
        k = weight + 1
        while to < end:
            digit = 0
            if 0 <= k < ndigits:
                digit = buffer[first + 2 * k] | buffer[first + 2 * k + 1] << 8
            k += 1
            to = put_fixed(digit, 4, out, to)
        to = end
    return to


def numerics(
    buffer: Any, begins: Any, sizes: Any, skip: Any, out: Any, start: Any, length: Any
) -> None:
    """Numerics; ``skip`` says which rows to leave out, and then which ones were."""
    n = begins.shape[0]
    to = 0
    with cython.nogil:
        for i in range(n):
            start[i] = to
            length[i] = 0
            if skip[i]:
                continue
            end = numeric(buffer, begins[i], sizes[i], out, to)
            if end < 0:
                skip[i] = 1
                continue
            length[i] = end - to
            to = end


def put_hex(raw: Any, at: int, end: int, digits: Any, out: Any, to: int) -> int:
    """Write bytes as two of the 16 digits each; the place behind them."""
    while at < end:
        out[to] = digits[raw[at] >> 4]
        out[to + 1] = digits[raw[at] & 15]
        at += 1
        to += 2
    return to


def uuids(raw: Any, digits: Any, out: Any) -> None:
    """16 bytes each → 36 characters each."""
    n = raw.shape[0] // 16
    with cython.nogil:
        for i in range(n):
            at, to = i * 16, i * 36
            to = put_hex(raw, at, at + 4, digits, out, to)
            out[to] = 45
            to = put_hex(raw, at + 4, at + 6, digits, out, to + 1)
            out[to] = 45
            to = put_hex(raw, at + 6, at + 8, digits, out, to + 1)
            out[to] = 45
            to = put_hex(raw, at + 8, at + 10, digits, out, to + 1)
            out[to] = 45
            put_hex(raw, at + 10, at + 16, digits, out, to + 1)


def timestamps(values: Any, out: Any, pitch: int, length: Any) -> None:
    """Microseconds since 2000 within years 1 … 9999 → ``YYYY-MM-DD HH:MM:SS.ffffff``, a row
    of fixed pitch each, so that an offset can go behind it."""
    n = values.shape[0]
    day_us = 86400000000
    known = -1
    year = month = day = 0
    with cython.nogil:
        for i in range(n):
            to = begin = i * pitch
            # Counted from 0000-03-01, after which leap days come last in their years.
            rest = values[i] + 730425 * day_us
            days = rest // day_us
            rest -= days * day_us
            if days != known:
                known = days
                era = days // 146097
                within = days - era * 146097
                year = (within - within // 1460 + within // 36524 - within // 146096) // 365
                within -= 365 * year + year // 4 - year // 100
                month = (5 * within + 2) // 153
                day = within - (153 * month + 2) // 5 + 1
                month = month + 3 if month < 10 else month - 9
                year = 400 * era + year + (month <= 2)
            to = put_fixed(year, 4, out, to)
            out[to] = 45
            to = put_fixed(month, 2, out, to + 1)
            out[to] = 45
            to = put_fixed(day, 2, out, to + 1)
            out[to] = 32
            us = rest % 1000000
            rest = rest // 1000000
            to = put_fixed(rest // 3600, 2, out, to + 1)
            out[to] = 58
            to = put_fixed(rest // 60 % 60, 2, out, to + 1)
            out[to] = 58
            to = put_fixed(rest % 60, 2, out, to + 1)
            if us > 0:
                out[to] = 46
                to = put_fixed(us, 6, out, to + 1)
                while out[to - 1] == 48:
                    to -= 1
            length[i] = to - begin
