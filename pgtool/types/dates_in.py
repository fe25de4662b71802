"""Date/time input: dates, times and timestamps as text → stored values.

The second half after :mod:`~pgtool.types.date_fields`: a :class:`_Reading` collects what
the fields say, refuses what is said twice, and at the end checks that together they make
a date. Which of several numbers is the year, month or day is told by their lengths, by
what is known already and by DateStyle's field order.
"""

from __future__ import annotations

import time as clock_of_machine

from pgtool.errors import SqlError
from pgtool.types import calendar as cal
from pgtool.types.date_fields import DateFail, Field, split_fields
from pgtool.types.date_reading import Reading
from pgtool.types.info import Settings
from pgtool.types.zones import Zone, find_zone

__all__ = [
    "check_date", "check_time", "check_timestamp", "check_zone", "parse_date", "parse_time",
    "parse_timestamp", "parse_timetz", "round_time", "round_timestamp",
]  # fmt: skip

_MAX_PRECISION = 6
_MAX_DISPLACEMENT = 16 * 3600
_UNIX_EPOCH_US = -cal.EPOCH_DAYS * cal.DAY_US


def _rounded(us: int, typmod: int) -> int:
    if not 0 <= typmod < _MAX_PRECISION:
        return us
    unit = 10 ** (_MAX_PRECISION - typmod)
    half = (abs(us) + unit // 2) // unit * unit
    return half if us >= 0 else -half


def round_time(us: int, typmod: int) -> int:
    """Round to the modifier's decimals, half away from zero."""
    return _rounded(us, typmod)


def round_timestamp(us: int, typmod: int) -> int:
    """The same for timestamps, of which the infinite stay."""
    if us in (cal.TIMESTAMP_INFINITY, cal.TIMESTAMP_MINUS_INFINITY):
        return us
    return _rounded(us, typmod)


def check_date(days: int) -> int:
    """Refuse a received date that is none."""
    if days in (cal.DATE_INFINITY, cal.DATE_MINUS_INFINITY):
        return days
    if not cal.MIN_DAYS <= days < cal.END_DAYS:
        raise SqlError("date out of range", "22008")
    return days


def check_time(us: int) -> int:
    """Refuse a received time that is none."""
    if not 0 <= us <= cal.DAY_US:
        raise SqlError("time out of range", "22008")
    return us


def check_zone(west: int) -> int:
    """Refuse a received displacement that is none."""
    if not -_MAX_DISPLACEMENT < west < _MAX_DISPLACEMENT:
        raise SqlError("time zone displacement out of range", "22009")
    return west


def check_timestamp(us: int) -> int:
    """Refuse a received timestamp that is none."""
    if us in (cal.TIMESTAMP_INFINITY, cal.TIMESTAMP_MINUS_INFINITY):
        return us
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise SqlError("timestamp out of range", "22008")
    return us


def _now(settings: Settings, zone: Zone) -> tuple[int, int]:
    """(local microseconds since 2000 of the session's now, seconds west)."""
    now = clock_of_machine.time() if settings.now is None else settings.now
    settings.now_was_read = True
    us = round(now * cal.SECOND_US)
    offset = zone.at(us // cal.SECOND_US).offset
    return us + _UNIX_EPOCH_US + offset * cal.SECOND_US, -offset


def _read(text: str, settings: Settings, type_name: str, *, time_only: bool) -> Reading:
    """Fields → a finished reading."""
    zone = find_zone(settings.timezone)
    try:
        fields: list[Field] = split_fields(text)
        reading = Reading(settings.date_order, settings.major, zone, time_only=time_only)
        reading.now = lambda: _now(settings, zone)
        reading.take_all(fields)
        reading.finish()
        return reading
    except DateFail as fail:
        raise fail.error(text, type_name, settings.major) from None


def parse_date(text: str, settings: Settings) -> int:
    """``date`` input."""
    reading = _read(text, settings, "date", time_only=False)
    if reading.special == "infinity":
        return cal.DATE_INFINITY
    if reading.special == "-infinity":
        return cal.DATE_MINUS_INFINITY
    if reading.special == "epoch":
        return -cal.EPOCH_DAYS
    if not reading.date_complete:
        raise DateFail("format").error(text, "date")
    days = cal.day_number(reading.year, reading.month, reading.day)
    if not cal.MIN_DAYS <= days < cal.END_DAYS:
        raise SqlError(f'date out of range: "{text}"', "22008")
    return days


def parse_timestamp(text: str, settings: Settings, typmod: int, *, with_zone: bool) -> int:
    """``timestamp`` and ``timestamptz`` input."""
    name = "timestamp with time zone" if with_zone else "timestamp"
    reading = _read(text, settings, name, time_only=False)
    if reading.special == "infinity":
        return cal.TIMESTAMP_INFINITY
    if reading.special == "-infinity":
        return cal.TIMESTAMP_MINUS_INFINITY
    if reading.special == "epoch":
        return _UNIX_EPOCH_US
    if not reading.date_complete:
        raise DateFail("format").error(text, name)
    us = cal.day_number(reading.year, reading.month, reading.day) * cal.DAY_US
    us += reading.time_us
    if with_zone:
        us += reading.west * cal.SECOND_US
    if not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
        raise SqlError(f'timestamp out of range: "{text}"', "22008")
    return round_timestamp(us, typmod)


def parse_time(text: str, settings: Settings, typmod: int) -> int:
    """``time`` input."""
    reading = _read(text, settings, "time", time_only=True)
    return round_time(reading.time_us, typmod)


def parse_timetz(text: str, settings: Settings, typmod: int) -> tuple[int, int]:
    """``timetz`` input: (microseconds, seconds west)."""
    reading = _read(text, settings, "time with time zone", time_only=True)
    return round_time(reading.time_us, typmod), reading.west
