"""Intervals: arithmetic, justification, making, and their own infinities.

The three fields never convert into each other unless asked to (justify_*), but for
multiplying and dividing, where fractions trickle down from months to days to time.
"""

from __future__ import annotations

import math

from pgtool.errors import SqlError
from pgtool.functions.registry import builtin
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.interval_fields import FULL_PRECISION, RANGES, split_typmod
from pgtool.types.intervals_in import fit_interval

__all__ = [
    "INFINITY", "MINUS_INFINITY", "interval_sign", "is_finite", "justify_hours", "made_interval",
    "negated", "quotient",
]  # fmt: skip

_I32, _I64 = 1 << 31, 1 << 63
INFINITY = Interval(_I64 - 1, _I32 - 1, _I32 - 1)
MINUS_INFINITY = Interval(-_I64, -_I32, -_I32)
_DAYS_PER_MONTH, _SECS_PER_DAY = 30, 86_400
_TS_PREC = 1_000_000.0


def out_of_range() -> SqlError:
    """The error of an interval that does not fit."""
    return SqlError("interval out of range", "22008")


def is_finite(span: Interval) -> bool:
    """Whether an interval is not one of the infinities."""
    return span not in (INFINITY, MINUS_INFINITY)


def made_interval(usec: int, day: int, month: int) -> Interval:
    """A finite interval; the error where a field does not fit."""
    if not (-_I64 <= usec < _I64 and -_I32 <= day < _I32 and -_I32 <= month < _I32):
        raise out_of_range()
    made = Interval(usec, day, month)
    if not is_finite(made):
        raise out_of_range()
    return made


def interval_sign(span: Interval) -> int:
    """-1, 0 or 1, by the whole length."""
    length = span.usec + (span.day + 30 * span.month) * cal.DAY_US
    return (length > 0) - (length < 0)


def quotient(a: int, b: int) -> tuple[int, int]:
    """Division towards zero, and the remainder with the dividend's sign (b positive)."""
    q, r = divmod(abs(a), b)
    return (q, r) if a >= 0 else (-q, -r)


def negated(span: Interval) -> Interval:
    """The opposite interval."""
    if span == INFINITY:
        return MINUS_INFINITY
    if span == MINUS_INFINITY:
        return INFINITY
    return made_interval(-span.usec, -span.day, -span.month)


@builtin("interval_um")
def interval_um(span: Interval) -> Interval:
    return negated(span)


@builtin("interval_pl")
def interval_pl(a: Interval, b: Interval) -> Interval:
    if not is_finite(a) or not is_finite(b):
        if not is_finite(a) and not is_finite(b) and a != b:
            raise out_of_range()
        return b if is_finite(a) else a
    return made_interval(a.usec + b.usec, a.day + b.day, a.month + b.month)


@builtin("interval_mi")
def interval_mi(a: Interval, b: Interval) -> Interval:
    if not is_finite(a) or not is_finite(b):
        if a == b:
            raise out_of_range()
        return negated(b) if is_finite(a) else a
    return made_interval(a.usec - b.usec, a.day - b.day, a.month - b.month)


# -- times a number -----------------------------------------------------------------------


def _whole(value: float, bits: int) -> int:
    limit = float(1 << bits - 1)
    if value != value or not -limit <= value < limit:
        raise out_of_range()
    return int(value)


def _rounded(value: float) -> float:
    """To microseconds, so that what should be whole is whole."""
    return float(round(value * _TS_PREC)) / _TS_PREC if math.isfinite(value) else value


def _scaled(span: Interval, months: float, days: float, usec: float) -> Interval:
    """An interval from its fields' exact products: fractions go to the lower fields."""
    month, day = _whole(months, 32), _whole(days, 32)
    rest_days = _rounded((months - month) * _DAYS_PER_MONTH)
    seconds = _rounded((days - day + rest_days - int(rest_days)) * _SECS_PER_DAY)
    if abs(seconds) >= _SECS_PER_DAY:
        more = int(seconds / _SECS_PER_DAY)
        day += more
        seconds -= more * _SECS_PER_DAY
    day += int(rest_days)
    total = usec + seconds * cal.SECOND_US
    if not math.isfinite(total):
        raise out_of_range()
    return made_interval(_whole(float(round(total)), 64), day, month)


@builtin("interval_mul")
def interval_mul(span: Interval, factor: float) -> Interval:
    if factor != factor:
        raise out_of_range()
    if not is_finite(span):
        if factor == 0:
            raise out_of_range()
        return negated(span) if factor < 0 else span
    if math.isinf(factor):
        sign = interval_sign(span)
        if sign == 0:
            raise out_of_range()
        return INFINITY if factor * sign > 0 else MINUS_INFINITY
    return _scaled(span, span.month * factor, span.day * factor, span.usec * factor)


@builtin("mul_d_interval")
def mul_d_interval(factor: float, span: Interval) -> Interval:
    return interval_mul(span, factor)


@builtin("interval_div")
def interval_div(span: Interval, divisor: float) -> Interval:
    if divisor == 0:
        raise SqlError("division by zero", "22012")
    if divisor != divisor:
        raise out_of_range()
    if not is_finite(span):
        if math.isinf(divisor):
            raise out_of_range()
        return negated(span) if divisor < 0 else span
    return _scaled(span, span.month / divisor, span.day / divisor, span.usec / divisor)


# -- justification ------------------------------------------------------------------------


def _same_sign(large: int, small: int, unit: int) -> tuple[int, int]:
    if large > 0 and small < 0:
        return large - 1, small + unit
    if large < 0 and small > 0:
        return large + 1, small - unit
    return large, small


def justify_hours(span: Interval) -> Interval:
    """Whole days out of the time."""
    if not is_finite(span):
        return span
    days, usec = quotient(span.usec, cal.DAY_US)
    day, usec = _same_sign(_fit(span.day + days), usec, cal.DAY_US)
    return Interval(usec, day, span.month)


def _fit(value: int) -> int:
    if not -_I32 <= value < _I32:
        raise out_of_range()
    return value


@builtin("interval_justify_hours")
def interval_justify_hours(span: Interval) -> Interval:
    return justify_hours(span)


@builtin("interval_justify_days")
def interval_justify_days(span: Interval) -> Interval:
    if not is_finite(span):
        return span
    months, day = quotient(span.day, _DAYS_PER_MONTH)
    month, day = _same_sign(_fit(span.month + months), day, _DAYS_PER_MONTH)
    return Interval(span.usec, day, month)


@builtin("interval_justify_interval")
def interval_justify_interval(span: Interval) -> Interval:
    if not is_finite(span):
        return span
    days, usec = quotient(span.usec, cal.DAY_US)
    day, month = span.day, span.month
    if (day > 0 and usec > 0) or (day < 0 and usec < 0):
        months, day = quotient(day, _DAYS_PER_MONTH)
        month = _fit(month + months)
    months, day = quotient(day + days, _DAYS_PER_MONTH)
    month = _fit(month + months)
    if month > 0 and (day < 0 or (day == 0 and usec < 0)):
        month, day = month - 1, day + _DAYS_PER_MONTH
    elif month < 0 and (day > 0 or (day == 0 and usec > 0)):
        month, day = month + 1, day - _DAYS_PER_MONTH
    day, usec = _same_sign(day, usec, cal.DAY_US)
    return Interval(usec, day, month)


# -- making and testing -------------------------------------------------------------------


@builtin("make_interval")
def make_interval(
    years: int, months: int, weeks: int, days: int, hours: int, mins: int, secs: float
) -> Interval:
    if not math.isfinite(secs):
        raise out_of_range()
    scaled = secs * _TS_PREC
    if math.isinf(scaled):
        raise SqlError("value out of range: overflow", "22003")
    usec = (hours * 60 + mins) * 60 * cal.SECOND_US + _whole(float(round(scaled)), 64)
    return made_interval(usec, _fit(weeks * 7) + days, _fit(years * 12) + months)


@builtin("interval_finite")
def interval_finite(span: Interval) -> bool:
    return is_finite(span)


@builtin("interval_scale")
def interval_scale(span: Interval, typmod: int) -> Interval:
    fields, precision = split_typmod(typmod)
    if typmod >= 0 and is_finite(span):
        if fields not in RANGES:
            raise SqlError(f"unrecognized interval typmod: {typmod}", "XX000")
        if 6 < precision < FULL_PRECISION:
            raise SqlError(f"interval({precision}) precision must be between 0 and 6", "22023")
    return Interval(*fit_interval(*span, typmod, 18))


@builtin("in_range_interval_interval")
def in_range_interval_interval(
    value: Interval, base: Interval, offset: Interval, sub: bool, less: bool
) -> bool:
    check_offset(offset)
    if offset == INFINITY and base == (INFINITY if sub else MINUS_INFINITY):
        return True
    bound = interval_mi(base, offset) if sub else interval_pl(base, offset)
    a, b = (s.usec + (s.day + 30 * s.month) * cal.DAY_US for s in (value, bound))
    return a <= b if less else a >= b


def check_offset(offset: Interval) -> None:
    """Refuse a negative offset of a window frame."""
    if interval_sign(offset) < 0:
        raise SqlError("invalid preceding or following size in window function", "22013")
