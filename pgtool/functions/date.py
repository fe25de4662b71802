"""Dates and times of day: arithmetic, conversion, making, overlaps, mixed comparisons.

``time`` is microseconds since midnight, ``timetz`` that and seconds west of UTC. Dates,
timestamps and timestamptz compare with each other as timestamps, a date being its
midnight; a date beyond the timestamps' range is still less than infinity.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.interval import is_finite, negated
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timestamp import (
    NEG,
    POS,
    checked,
    date_to_timestamp,
    finite,
    made_date,
    time_fields_overflow,
)
from pgtool.functions.timestamp import add_interval as timestamp_plus
from pgtool.functions.timezones import Clock, clock_of_interval, named_clock, session_clock
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.dates_in import round_time

__all__ = ["instant_key", "time_timetz", "timestamptz_timetz"]

TimeTz = tuple[int, int]


def date_is_finite(days: int) -> bool:
    """Whether a date is not one of the infinities."""
    return days not in (cal.DATE_INFINITY, cal.DATE_MINUS_INFINITY)


# -- dates --------------------------------------------------------------------------------


def _plus_days(days: int, more: int) -> int:
    if not date_is_finite(days):
        return days
    if not cal.MIN_DAYS <= days + more < cal.END_DAYS:
        raise SqlError("date out of range", "22008")
    return days + more


@builtin("date_pli")
def date_pli(days: int, more: int) -> int:
    return _plus_days(days, more)


@builtin("date_mii")
def date_mii(days: int, less: int) -> int:
    return _plus_days(days, -less)


@builtin("date_mi")
def date_mi(a: int, b: int) -> int:
    if not date_is_finite(a) or not date_is_finite(b):
        raise SqlError("cannot subtract infinite dates", "22008")
    return a - b


@builtin("date_finite")
def date_finite(days: int) -> bool:
    return date_is_finite(days)


@builtin("date_pl_interval")
def date_pl_interval(days: int, span: Interval) -> int:
    return timestamp_plus(date_to_timestamp(days), span)


@builtin("date_mi_interval")
def date_mi_interval(days: int, span: Interval) -> int:
    return timestamp_plus(date_to_timestamp(days), negated(span))


@builtin("make_date")
def make_date(year: int, month: int, day: int) -> int:
    return made_date(year, month, day)


def timestamp_to_date(us: int) -> int:
    """A timestamp's date."""
    if us == POS:
        return cal.DATE_INFINITY
    return cal.DATE_MINUS_INFINITY if us == NEG else us // cal.DAY_US


@builtin("timestamp_date")
def timestamp_date(us: int) -> int:
    return timestamp_to_date(us)


@builtin("timestamptz_date", call=True)
def timestamptz_date(call: Call, us: int) -> int:
    return timestamp_to_date(session_clock(call.session).local(us) if finite(us) else us)


@builtin("datetime_timestamp")
def datetime_timestamp(days: int, time: int) -> int:
    us = date_to_timestamp(days)
    return checked(us + time) if finite(us) else us


@builtin("datetimetz_timestamptz")
def datetimetz_timestamptz(days: int, time: TimeTz) -> int:
    us = date_to_timestamp(days)
    if not finite(us):
        return us
    us += time[0] + time[1] * cal.SECOND_US
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise SqlError("date out of range for timestamp", "22008")
    return us


# -- times --------------------------------------------------------------------------------


@builtin("time_interval")
def time_interval(time: int) -> Interval:
    return Interval(time, 0, 0)


@builtin("interval_time")
def interval_time(span: Interval) -> int:
    if not is_finite(span):
        raise SqlError("cannot convert infinite interval to time", "22008")
    return span.usec % cal.DAY_US


def _shift(span: Interval, sign: int) -> int:
    if not is_finite(span):
        words = "add infinite interval to" if sign > 0 else "subtract infinite interval from"
        raise SqlError(f"cannot {words} time", "22008")
    return sign * span.usec


@builtin("time_pl_interval")
def time_pl_interval(time: int, span: Interval) -> int:
    return (time + _shift(span, 1)) % cal.DAY_US


@builtin("time_mi_interval")
def time_mi_interval(time: int, span: Interval) -> int:
    return (time + _shift(span, -1)) % cal.DAY_US


@builtin("timetz_pl_interval")
def timetz_pl_interval(time: TimeTz, span: Interval) -> TimeTz:
    return (time[0] + _shift(span, 1)) % cal.DAY_US, time[1]


@builtin("timetz_mi_interval")
def timetz_mi_interval(time: TimeTz, span: Interval) -> TimeTz:
    return (time[0] + _shift(span, -1)) % cal.DAY_US, time[1]


@builtin("time_mi_time")
def time_mi_time(a: int, b: int) -> Interval:
    return Interval(a - b, 0, 0)


@builtin("time_scale")
def time_scale(time: int, typmod: int) -> int:
    return round_time(time, typmod)


@builtin("timetz_scale")
def timetz_scale(time: TimeTz, typmod: int) -> TimeTz:
    return round_time(time[0], typmod), time[1]


@builtin("make_time")
def make_time(hour: int, minute: int, second: float) -> int:
    if time_fields_overflow(hour, minute, second):
        shown = f"{hour}:{minute:02d}:{second:02g}"
        raise SqlError(f"time field value out of range: {shown}", "22008")
    return (hour * 60 + minute) * 60 * cal.SECOND_US + round(second * cal.SECOND_US)


@builtin("timestamp_time")
def timestamp_time(us: int) -> int | None:
    return us % cal.DAY_US if finite(us) else None


@builtin("timestamptz_time", call=True)
def timestamptz_time(call: Call, us: int) -> int | None:
    return session_clock(call.session).local(us) % cal.DAY_US if finite(us) else None


@builtin("timestamptz_timetz", call=True)
def timestamptz_timetz(call: Call, us: int) -> TimeTz | None:
    if not finite(us):
        return None
    clock = session_clock(call.session)
    return clock.local(us) % cal.DAY_US, -clock.at(us).offset


@builtin("timetz_time")
def timetz_time(time: TimeTz) -> int:
    return time[0]


@builtin("time_timetz", call=True)
def time_timetz(call: Call, time: int) -> TimeTz:
    clock = session_clock(call.session)
    today = clock.local(call.session.now) // cal.DAY_US
    return time, -clock.reading(today * cal.DAY_US + time).offset


def _moved(time: TimeTz, west: int) -> TimeTz:
    return (time[0] + (time[1] - west) * cal.SECOND_US) % cal.DAY_US, west


@builtin("timetz_zone", call=True)
def timetz_zone(call: Call, zone: str, time: TimeTz) -> TimeTz:
    clock = named_clock(call.session, zone)
    return _moved(time, -clock.at(call.session.now).offset)


@builtin("timetz_at_local", call=True)
def timetz_at_local(call: Call, time: TimeTz) -> TimeTz:
    return _moved(time, -session_clock(call.session).at(call.session.now).offset)


@builtin("timetz_izone", call=True)
def timetz_izone(call: Call, zone: Interval, time: TimeTz) -> TimeTz:
    return _moved(time, -clock_of_interval(call.session, zone).offset)


@builtin("in_range_time_interval")
def in_range_time_interval(
    value: int, base: int, offset: Interval, sub: bool, less: bool
) -> bool:
    return _time_in_range((value,), base, (), offset, sub, less)


@builtin("in_range_timetz_interval")
def in_range_timetz_interval(
    value: TimeTz, base: TimeTz, offset: Interval, sub: bool, less: bool
) -> bool:
    key = (value[0] + value[1] * cal.SECOND_US, value[1])
    west = base[1] * cal.SECOND_US
    return _time_in_range(key, base[0] + west, (base[1],), offset, sub, less)


def _time_in_range(
    value: tuple[int, ...], base: int, rest: tuple[int, ...], offset: Interval, sub: bool,
    less: bool,
) -> bool:  # fmt: skip
    """Only the offset's time counts."""
    if offset.usec < 0:
        raise SqlError("invalid preceding or following size in window function", "22013")
    bound = (base - offset.usec if sub else base + offset.usec, *rest)
    return value <= bound if less else value >= bound


# -- overlaps -----------------------------------------------------------------------------


def _period(start: Any, end: Any, key: Callable[[Any], Any]) -> tuple[Any, Any]:
    """A period with its known bound, or the lower one, first."""
    if start is None:
        return end, None
    if end is not None and key(start) > key(end):
        return end, start
    return start, end


def _overlaps(key: Callable[[Any], Any]) -> Callable[..., bool | None]:
    def compute(start1: Any, end1: Any, start2: Any, end2: Any) -> bool | None:
        if (start1 is None and end1 is None) or (start2 is None and end2 is None):
            return None
        (start1, end1), (start2, end2) = _period(start1, end1, key), _period(start2, end2, key)
        if key(start1) == key(start2):
            return None if end1 is None or end2 is None else True
        if key(start1) > key(start2):
            (start1, end1), (start2, end2) = (start2, end2), (start1, end1)
        if end1 is None:
            return None
        if key(start2) < key(end1):
            return True
        return None if end2 is None else False

    return compute


builtin("overlaps_time", "overlaps_timestamp")(_overlaps(lambda value: value))
builtin("overlaps_timetz")(_overlaps(lambda v: (v[0] + v[1] * cal.SECOND_US, v[1])))


# -- comparison of one type with another --------------------------------------------------


def _date_key(days: int, clock: Clock | None) -> int:
    if not date_is_finite(days):
        return date_to_timestamp(days)
    us = min(days * cal.DAY_US, cal.END_TIMESTAMP)
    return us if clock is None or us == cal.END_TIMESTAMP else _within(clock.utc(us))


def _within(us: int) -> int:
    """Beyond the range, but not as far as infinity."""
    return max(min(us, cal.END_TIMESTAMP), cal.MIN_TIMESTAMP - 1)


def instant_key(kind: str, value: int, clock: Clock | None) -> int:
    """What orders dates and timestamps among each other; a clock: by their instants."""
    if kind == "date":
        return _date_key(value, clock)
    if kind == "timestamp" and clock is not None and finite(value):
        return _within(clock.utc(value))
    return value


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
} | {"cmp": lambda a, b: (a > b) - (a < b)}


def _mixed(left: str, right: str, compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    if "timestamptz" in (left, right):

        def with_zone(call: Call, a: int, b: int) -> Any:
            clock = session_clock(call.session)
            return compare(instant_key(left, a, clock), instant_key(right, b, clock))

        return with_zone
    return lambda a, b: compare(instant_key(left, a, None), instant_key(right, b, None))


for _left in ("date", "timestamp", "timestamptz"):
    for _right in ("date", "timestamp", "timestamptz"):
        for _name, _compare in _COMPARISONS.items():
            if _left != _right:
                builtin(f"{_left}_{_name}_{_right}", call="timestamptz" in (_left, _right))(
                    _mixed(_left, _right, _compare)
                )
