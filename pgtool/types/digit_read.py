# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Text → integers and decimals, decimals → stored numerics: the loops over single values.

The other direction of :mod:`pgtool.types.digit_walk`. :mod:`pgtool.commands.copy.quickread`
and :mod:`pgtool.types.vector_numeric` hand in all memory, spans that lie in their buffer and
numbers that fit; where this is not compiled they do the same with numpy, so that nothing here
runs as Python but in tests. ``digit_read.pxd`` gives the C types.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # neither compiled nor Cython at hand
    from pgtool.storage import plain as cython

COMPILED: bool = cython.compiled

_MINUS, _POINT, _ZERO = 45, 46, 48
#: Base-10000 digits of a number that an int64 holds.
GROUPS = 5


def integers(
    buffer: Any, start: Any, length: Any, most: int, low: int, high: int, out: Any, good: Any
) -> None:
    """``-?[0-9]{1,most}`` between the limits; ``good`` tells which are, the others are 0."""
    with cython.nogil:
        for i in range(start.shape[0]):
            at = start[i]
            end = at + length[i]
            negative = end - at > 1 and buffer[at] == _MINUS
            if negative:
                at += 1
            fine = 0 < end - at <= most
            total = 0
            if fine:
                while at < end:
                    digit = buffer[at] - _ZERO
                    if digit < 0 or digit > 9:
                        fine = False
                        break
                    total = total * 10 + digit
                    at += 1
                if negative:
                    total = -total
                fine = fine and low <= total <= high
            good[i] = fine
            out[i] = total if fine else 0


def scaled(
    buffer: Any, start: Any, length: Any, most: int, total: Any, after: Any, good: Any
) -> None:
    """``-?[0-9]+(.[0-9]*)?`` of at most so many digits: all of them as one number, and how
    many stand behind the point. What is not ``good`` is 0 and 0."""
    with cython.nogil:
        for i in range(start.shape[0]):
            at = start[i]
            end = at + length[i]
            negative = end - at > 1 and buffer[at] == _MINUS
            if negative:
                at += 1
            value = 0
            digits = 0
            behind = -1
            fine = end > at
            while at < end:
                digit = buffer[at] - _ZERO
                if 0 <= digit <= 9:
                    digits += 1
                    if digits > most:
                        fine = False
                        break
                    value = value * 10 + digit
                    if behind >= 0:
                        behind += 1
                elif buffer[at] == _POINT and behind < 0 and digits > 0:
                    behind = 0
                else:
                    fine = False
                    break
                at += 1
            good[i] = fine
            total[i] = 0 if not fine else -value if negative else value
            after[i] = behind if fine and behind > 0 else 0


def pack(
    values: Any, decimals: Any, shown: Any, powers: Any, marks: Any, out: Any, length: Any
) -> None:
    """``values`` · 10^−``decimals`` as numerics with a short header, a row of ``out`` each.

    ``marks``: the header's own bit, its sign, and the sign of its weight, the weight's mask,
    and by how many bits the count of shown decimals is shifted. ``length`` is in bytes.
    """
    with cython.nogil:
        for i in range(values.shape[0]):
            left = values[i]
            negative = left < 0
            if negative:
                left = -left
            behind = (decimals[i] + 3) // 4
            left *= powers[behind * 4 - decimals[i]]
            # The last digit that is not 0 is the first to be met.
            weight = -behind
            count = 0
            if left > 0:
                while left % 10000 == 0:
                    left //= 10000
                    weight += 1
                rest = left
                while rest > 0:
                    count += 1
                    rest //= 10000
                weight += count - 1
                rest = count
                while rest > 0:
                    out[i, rest] = left % 10000
                    left //= 10000
                    rest -= 1
            else:
                weight = 0
                negative = False
            header = marks[0] | shown[i] << marks[4] | (weight & marks[3])
            if negative:
                header |= marks[1]
            if weight < 0:
                header |= marks[2]
            out[i, 0] = header
            length[i] = 2 + 2 * count
