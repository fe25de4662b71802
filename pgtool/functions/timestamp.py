"""Timestamps: adding intervals, differences, age, conversion, making, series.

A timestamp is microseconds since 2000-01-01, of a wall clock for ``timestamp``, of UTC for
``timestamptz``. Months and days are added on the (session's) calendar, the rest exactly;
each step must stay within the timestamps' range.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from pgtool.errors import SqlError
from pgtool.functions.interval import (
    INFINITY,
    MINUS_INFINITY,
    check_offset,
    interval_sign,
    is_finite,
    justify_hours,
    made_interval,
    negated,
    quotient,
)
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timezones import (
    Clock,
    calendar_clock,
    clock_of_interval,
    named_clock,
    session_clock,
)
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.dates_in import round_timestamp

__all__ = [
    "add_interval", "checked", "date_to_timestamp", "date_to_timestamptz", "finite",
    "made_timestamp", "out_of_range", "subtract", "time_fields_overflow",
]  # fmt: skip

POS, NEG = cal.TIMESTAMP_INFINITY, cal.TIMESTAMP_MINUS_INFINITY
_I32 = 1 << 31


def out_of_range() -> SqlError:
    """The error of a timestamp that does not fit."""
    return SqlError("timestamp out of range", "22008")


def finite(us: int) -> bool:
    """Whether a timestamp is not one of the infinities."""
    return us != POS and us != NEG


def checked(us: int) -> int:
    """A finite timestamp within the range."""
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise out_of_range()
    return us


# -- adding intervals ---------------------------------------------------------------------


def _plus_months(us: int, months: int) -> int:
    days, rest = divmod(us, cal.DAY_US)
    year, month, day = cal.civil(days)
    if not -_I32 <= month + months < _I32:
        raise out_of_range()
    more, month = divmod(month - 1 + months, 12)
    year, month = year + more, month + 1
    day = min(day, cal.month_length(year, month))
    return cal.day_number(year, month, day) * cal.DAY_US + rest


def add_interval(us: int, span: Interval, clock: Clock | None = None) -> int:
    """A timestamp plus an interval, months and days on ``clock``'s calendar."""
    if not is_finite(span):
        infinite = POS if span == INFINITY else NEG
        if not finite(us) and us != infinite:
            raise out_of_range()
        return infinite
    if not finite(us):
        return us
    usec, day, month = span
    if month:
        local = us if clock is None else clock.local(us)
        local = _plus_months(local, month)
        us = checked(local if clock is None else clock.utc(local))
    if day:
        local = us if clock is None else clock.local(us)
        local += day * cal.DAY_US
        us = checked(local if clock is None else clock.utc(local))
    return checked(us + usec)


@builtin("timestamp_pl_interval")
def timestamp_pl_interval(us: int, span: Interval) -> int:
    return add_interval(us, span)


@builtin("timestamp_mi_interval")
def timestamp_mi_interval(us: int, span: Interval) -> int:
    return add_interval(us, negated(span))


@builtin("timestamptz_pl_interval", call=True)
def timestamptz_pl_interval(call: Call, us: int, span: Interval) -> int:
    return add_interval(us, span, session_clock(call.session))


@builtin("timestamptz_mi_interval", call=True)
def timestamptz_mi_interval(call: Call, us: int, span: Interval) -> int:
    return add_interval(us, negated(span), session_clock(call.session))


@builtin("timestamptz_pl_interval_at_zone", call=True)
def timestamptz_pl_interval_at_zone(call: Call, us: int, span: Interval, zone: str) -> int:
    return add_interval(us, span, calendar_clock(call.session, zone))


@builtin("timestamptz_mi_interval_at_zone", call=True)
def timestamptz_mi_interval_at_zone(call: Call, us: int, span: Interval, zone: str) -> int:
    return add_interval(us, negated(span), calendar_clock(call.session, zone))


@builtin("in_range_timestamp_interval")
def in_range_timestamp_interval(
    value: int, base: int, offset: Interval, sub: bool, less: bool
) -> bool:
    return _in_range(value, base, offset, sub, less, None)


@builtin("in_range_timestamptz_interval", call=True)
def in_range_timestamptz_interval(
    call: Call, value: int, base: int, offset: Interval, sub: bool, less: bool
) -> bool:
    return _in_range(value, base, offset, sub, less, session_clock(call.session))


def _in_range(
    value: int, base: int, offset: Interval, sub: bool, less: bool, clock: Clock | None
) -> bool:
    check_offset(offset)
    if offset == INFINITY and base == (POS if sub else NEG):
        return True
    bound = add_interval(base, negated(offset) if sub else offset, clock)
    return value <= bound if less else value >= bound


@builtin("in_range_date_interval")
def in_range_date_interval(
    value: int, base: int, offset: Interval, sub: bool, less: bool
) -> bool:
    return _in_range(
        date_to_timestamp(value), date_to_timestamp(base), offset, sub, less, None
    )


# -- differences --------------------------------------------------------------------------


def subtract(a: int, b: int) -> Interval:
    """a − b as days and time."""
    if not finite(a) or not finite(b):
        if a == b:
            raise SqlError("interval out of range", "22008")
        return INFINITY if a == POS or b == NEG else MINUS_INFINITY
    return justify_hours(made_interval(a - b, 0, 0))


@builtin("timestamp_mi")
def timestamp_mi(a: int, b: int) -> Interval:
    return subtract(a, b)


def _age(a: int, b: int, back: bool) -> Interval:
    """The symbolic difference of two wall clock readings; ``back``: a is before b."""
    (day_a, us_a), (day_b, us_b) = divmod(a, cal.DAY_US), divmod(b, cal.DAY_US)
    date_a, date_b = cal.civil(day_a), cal.civil(day_b)
    sign = -1 if back else 1
    usec = sign * (us_a - us_b)
    year, month, day = (sign * (x - y) for x, y in zip(date_a, date_b))
    borrow, usec = divmod(usec, cal.DAY_US) if usec < 0 else (0, usec)
    day += borrow
    year_of, month_of, _ = date_a if back else date_b
    while day < 0:
        day += cal.month_length(year_of, month_of)
        month -= 1
    while month < 0:
        month += 12
        year -= 1
    return made_interval(sign * usec, sign * day, sign * (year * 12 + month))


def _infinite_age(a: int, b: int) -> Interval | None:
    return None if finite(a) and finite(b) else subtract(a, b)


@builtin("timestamp_age")
def timestamp_age(a: int, b: int) -> Interval:
    return _infinite_age(a, b) or _age(a, b, a < b)


@builtin("timestamptz_age", call=True)
def timestamptz_age(call: Call, a: int, b: int) -> Interval:
    clock = session_clock(call.session)
    return _infinite_age(a, b) or _age(clock.local(a), clock.local(b), a < b)


# -- conversion ---------------------------------------------------------------------------


def date_to_timestamp(days: int) -> int:
    """Midnight of a date."""
    if days == cal.DATE_INFINITY:
        return POS
    if days == cal.DATE_MINUS_INFINITY:
        return NEG
    if days * cal.DAY_US >= cal.END_TIMESTAMP:
        raise SqlError("date out of range for timestamp", "22008")
    return days * cal.DAY_US


def date_to_timestamptz(days: int, clock: Clock) -> int:
    """The instant of a date's midnight."""
    us = date_to_timestamp(days)
    if not finite(us):
        return us
    us = clock.utc(us)
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise SqlError("date out of range for timestamp", "22008")
    return us


@builtin("date_timestamp")
def date_timestamp(days: int) -> int:
    return date_to_timestamp(days)


@builtin("date_timestamptz", call=True)
def date_timestamptz(call: Call, days: int) -> int:
    return date_to_timestamptz(days, session_clock(call.session))


@builtin("timestamp_timestamptz", "timestamp_at_local", call=True)
def timestamp_timestamptz(call: Call, us: int) -> int:
    return checked(session_clock(call.session).utc(us)) if finite(us) else us


@builtin("timestamptz_timestamp", "timestamptz_at_local", call=True)
def timestamptz_timestamp(call: Call, us: int) -> int:
    return checked(session_clock(call.session).local(us)) if finite(us) else us


@builtin("timestamp_zone", call=True)
def timestamp_zone(call: Call, zone: str, us: int) -> int:
    return checked(named_clock(call.session, zone).utc(us)) if finite(us) else us


@builtin("timestamptz_zone", call=True)
def timestamptz_zone(call: Call, zone: str, us: int) -> int:
    return checked(named_clock(call.session, zone).local(us)) if finite(us) else us


@builtin("timestamp_izone", call=True)
def timestamp_izone(call: Call, zone: Interval, us: int) -> int:
    return checked(clock_of_interval(call.session, zone).utc(us)) if finite(us) else us


@builtin("timestamptz_izone", call=True)
def timestamptz_izone(call: Call, zone: Interval, us: int) -> int:
    return checked(clock_of_interval(call.session, zone).local(us)) if finite(us) else us


@builtin("timestamp_scale", "timestamptz_scale")
def timestamp_scale(us: int, typmod: int) -> int:
    if finite(us) and typmod not in (-1, 6) and not 0 <= typmod <= 6:
        raise SqlError(f"timestamp({typmod}) precision must be between 0 and 6", "22023")
    return round_timestamp(us, typmod)


@builtin("timestamp_finite")
def timestamp_finite(us: int) -> bool:
    return finite(us)


# -- making -------------------------------------------------------------------------------


def time_fields_overflow(hour: int, minute: int, second: float) -> bool:
    """Whether these are no time of day."""
    if not (0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60):
        return True
    whole = (hour * 60 + minute) * 60 * cal.SECOND_US
    return whole + round(second * cal.SECOND_US) > cal.DAY_US


def made_date(year: int, month: int, day: int) -> int:
    """Days of a date; negative years are BC."""
    shown = f"{year}-{month:02d}-{day:02d}"
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= 31:
        raise SqlError(f"date field value out of range: {shown}", "22008")
    civil_year = year + 1 if year < 0 else year
    if day > cal.month_length(civil_year, month):
        raise SqlError(f"date field value out of range: {shown}", "22008")
    days = cal.day_number(civil_year, month, day)
    if not cal.MIN_DAYS <= days < cal.END_DAYS:
        raise SqlError(f"date out of range: {shown}", "22008")
    return days


def made_timestamp(
    year: int, month: int, day: int, hour: int, minute: int, second: float
) -> int:
    """A timestamp from its fields."""
    days = made_date(year, month, day)
    clock = f"{hour}:{minute:02d}:{second:02g}"
    if time_fields_overflow(hour, minute, second):
        raise SqlError(f"time field value out of range: {clock}", "22008")
    us = days * cal.DAY_US + (hour * 60 + minute) * 60 * cal.SECOND_US
    us += round(second * cal.SECOND_US)
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise SqlError(
            f"timestamp out of range: {year}-{month:02d}-{day:02d} {clock}", "22008"
        )
    return us


@builtin("make_timestamp")
def make_timestamp(y: int, mo: int, d: int, h: int, mi: int, s: float) -> int:
    return made_timestamp(y, mo, d, h, mi, s)


@builtin("make_timestamptz", call=True)
def make_timestamptz(call: Call, y: int, mo: int, d: int, h: int, mi: int, s: float) -> int:
    return checked(session_clock(call.session).utc(made_timestamp(y, mo, d, h, mi, s)))


@builtin("make_timestamptz_at_timezone", call=True)
def make_timestamptz_at_timezone(
    call: Call, y: int, mo: int, d: int, h: int, mi: int, s: float, zone: str
) -> int:
    local = made_timestamp(y, mo, d, h, mi, s)
    if zone[:1].isdigit():
        raise SqlError(
            f'invalid input syntax for type numeric time zone: "{zone}"', "22023", None,
            'Numeric time zones must have "-" or "+" as first character.',
        )  # fmt: skip
    if zone[:1] in ("+", "-"):
        return checked(local + _displacement(zone) * cal.SECOND_US)
    return checked(named_clock(call.session, zone).utc(local))


def _displacement(zone: str) -> int:
    """Seconds west of a numeric zone."""
    from pgtool.types.date_fields import DateFail
    from pgtool.types.date_reading import read_displacement

    try:
        return read_displacement(zone)
    except DateFail as fail:
        if fail.why == "displacement":
            raise SqlError(f'numeric time zone "{zone}" out of range', "22023") from None
        raise SqlError(f'time zone "{zone}" not recognized', "22023") from None


@builtin("float8_timestamptz")
def float8_timestamptz(seconds: float) -> int:
    if seconds != seconds:
        raise SqlError("timestamp cannot be NaN", "22008")
    if math.isinf(seconds):
        return POS if seconds > 0 else NEG
    error = SqlError(f'timestamp out of range: "{seconds:g}"', "22008")
    low = float(86_400 * (cal.MIN_DAYS + cal.EPOCH_DAYS))
    high = float(86_400 * (cal.END_TIMESTAMP // cal.DAY_US + cal.EPOCH_DAYS))
    if not low <= seconds < high:
        raise error
    us = round((seconds - cal.EPOCH_DAYS * 86_400) * cal.SECOND_US)
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise error
    return us


# -- clocks and series --------------------------------------------------------------------


@builtin("now", call=True)
def now(call: Call) -> int:
    return int(call.session.now)


@builtin("statement_timestamp", call=True)
def statement_timestamp(call: Call) -> int:
    return int(call.session.statement_now)


@builtin("pg_sleep", call=True)
def pg_sleep(call: Call, seconds: float) -> bytes:
    """Wait, until the statement is cancelled at the longest."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        call.session.check()
        time.sleep(min(left, 0.05))
    return bytes(4)


@builtin("clock_timestamp", call=True)
def clock_timestamp(call: Call) -> int:
    return int(call.session.clock())


@builtin("timeofday", call=True)
def timeofday(call: Call) -> str:
    us = call.session.clock()
    clock = session_clock(call.session)
    days, rest = divmod(clock.local(us), cal.DAY_US)
    year, month, day = cal.civil(days)
    hour, minute, second, micro = cal.clock(rest)
    return (
        f"{cal.WEEKDAYS[cal.weekday(days)]} {cal.MONTHS[month - 1]} {day:02d} "
        f"{hour:02d}:{minute:02d}:{second:02d}.{micro:06d} {year:04d} "
        f"{clock.at(us).abbreviation}"
    )


def _series(first: int, last: int, step: Interval, clock: Clock | None) -> Iterator[int]:
    sign = interval_sign(step)
    if sign == 0:
        raise SqlError("step size cannot equal zero", "22023")
    if not is_finite(step):
        raise SqlError("step size cannot be infinite", "22023")
    at = first
    while at <= last if sign > 0 else at >= last:
        yield at
        at = add_interval(at, step, clock)


@builtin("generate_series_timestamp", returns_set=True)
def generate_series_timestamp(first: int, last: int, step: Interval) -> Iterator[int]:
    return _series(first, last, step, None)


@builtin("generate_series_timestamptz", call=True, returns_set=True)
def generate_series_timestamptz(
    call: Call, first: int, last: int, step: Interval
) -> Iterator[int]:
    return _series(first, last, step, session_clock(call.session))


@builtin("generate_series_timestamptz_at_zone", call=True, returns_set=True)
def generate_series_timestamptz_at_zone(
    call: Call, first: int, last: int, step: Interval, zone: str
) -> Iterator[int]:
    return _series(first, last, step, calendar_clock(call.session, zone))


@builtin("timestamp_bin", "timestamptz_bin")
def timestamp_bin(stride: Interval, us: int, origin: int) -> int:
    if not finite(us):
        return us
    if not finite(origin):
        raise SqlError("origin out of range", "22008")
    if not is_finite(stride):
        raise SqlError("timestamps cannot be binned into infinite intervals", "22008")
    if stride.month:
        raise SqlError(
            "timestamps cannot be binned into intervals containing months or years", "0A000"
        )
    width = stride.day * cal.DAY_US + stride.usec
    if not -(1 << 63) <= width < 1 << 63 or not -(1 << 63) <= us - origin < 1 << 63:
        raise SqlError("interval out of range", "22008")
    if width <= 0:
        raise SqlError("stride must be greater than zero", "22008")
    whole, rest = quotient(us - origin, width)
    if rest < 0:
        return checked(origin + (whole - 1) * width)
    return origin + whole * width
