# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: annotation_typing=False
"""Text → integers, decimals and floats, decimals → stored numerics: the loops over values.

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


def from_text(term: Any) -> float:
    """The number of a text that ends with a zero byte."""
    if cython.compiled:
        return strtod(cython.cast("char *", cython.address(term[0])), cython.NULL)  # type: ignore  # noqa
    return float(bytes(term).split(b"\0", 1)[0])


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


def floats(
    buffer: Any, start: Any, length: Any, powers: Any, term: Any, out: Any, good: Any
) -> None:
    """``-?[0-9]+(.[0-9]*)?(e[+-]?[0-9]+)?`` neither huge nor tiny; others are not ``good`` and 0.

    Up to 15 digits and the power of ten behind them are exact, so their quotient is the
    nearest number; of others the C library finds it. ``powers`` are those of ten as floats;
    ``term`` is memory for a text and a zero behind it, and longer ones are not read.
    """
    with cython.nogil:
        for i in range(start.shape[0]):
            at = start[i]
            end = at + length[i]
            out[i] = 0.0
            good[i] = False
            if end - at >= term.shape[0] or end == at:
                continue
            negative = end - at > 1 and buffer[at] == _MINUS
            place = at + 1 if negative else at
            total = 0
            digits = 0
            behind = -1
            while place < end:
                digit = buffer[place] - _ZERO
                if 0 <= digit <= 9:
                    digits += 1
                    if digits <= 15:
                        total = total * 10 + digit
                    if behind >= 0:
                        behind += 1
                elif buffer[place] == _POINT and behind < 0 and digits > 0:
                    behind = 0
                else:
                    break
                place += 1
            if digits == 0:
                continue
            if place == end and digits <= 15:
                number = total / powers[behind if behind > 0 else 0]
                out[i] = -number if negative else number
                good[i] = True
                continue
            if place < end:
                if buffer[place] != 101 and buffer[place] != 69:
                    continue
                place += 1
                if place < end and (buffer[place] == _MINUS or buffer[place] == 43):
                    place += 1
                if place == end:
                    continue
                while place < end and 48 <= buffer[place] <= 57:
                    place += 1
                if place < end:
                    continue
            for k in range(end - at):
                term[k] = buffer[at + k]
            term[end - at] = 0
            number = from_text(term)
            size = -number if number < 0 else number
            if 1e-300 < size < 1e300:
                out[i] = number
                good[i] = True


def put_numeric(
    value: int, decimals: int, shown: int, powers: Any, marks: Any, out: Any, to: int
) -> int:
    """Write ``value`` · 10^−``decimals`` with a short header at a place; how many bytes it is.

    ``marks``: the header's own bit, its sign, and the sign of its weight, the weight's mask,
    and by how many bits the count of shown decimals is shifted.
    """
    left = -value if value < 0 else value
    behind = (decimals + 3) // 4
    left *= powers[behind * 4 - decimals]
    header = marks[0] | shown << marks[4]
    count = 0
    if left > 0:
        weight = -behind
        while left % 10000 == 0:
            left //= 10000
            weight += 1
        rest = left
        while rest > 0:
            count += 1
            rest //= 10000
        weight += count - 1
        place = to + 2 * count
        while place > to:
            digit = left % 10000
            out[place] = digit & 255
            out[place + 1] = digit >> 8
            left //= 10000
            place -= 2
        header |= weight & marks[3]
        if value < 0:
            header |= marks[1]
        if weight < 0:
            header |= marks[2]
    out[to] = header & 255
    out[to + 1] = header >> 8
    return 2 + 2 * count


def pack(
    values: Any, decimals: Any, shown: Any, powers: Any, marks: Any, pitch: int, out: Any,
    length: Any,
) -> None:  # fmt: skip
    """Many of them, each ``pitch`` bytes behind the one before; ``length`` is in bytes."""
    with cython.nogil:
        for i in range(values.shape[0]):
            length[i] = put_numeric(
                values[i], decimals[i], shown[i], powers, marks, out, i * pitch
            )
