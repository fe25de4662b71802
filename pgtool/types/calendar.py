"""The proleptic Gregorian calendar as PostgreSQL counts it: from 4714 BC to 294276 AD and on.

Years are astronomical (1 BC is 0). Days count from 2000-01-01, as stored dates do.
"""

from __future__ import annotations

__all__ = [
    "DATE_INFINITY",
    "DATE_MINUS_INFINITY",
    "DAY_US",
    "END_DAYS",
    "END_TIMESTAMP",
    "EPOCH_DAYS",
    "MIN_DAYS",
    "MIN_TIMESTAMP",
    "MONTHS",
    "SECOND_US",
    "TIMESTAMP_INFINITY",
    "TIMESTAMP_MINUS_INFINITY",
    "WEEKDAYS",
    "civil",
    "clock",
    "day_number",
    "month_length",
    "seconds_text",
    "weekday",
]  # fmt: skip

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
#: 2000-01-01 in days since 1970-01-01.
EPOCH_DAYS = 10_957
#: Julian day zero: before it there are no dates.
MIN_DAYS = -2_451_545
#: The first date that is none, 5874898-01-01.
END_DAYS = 2_145_031_949
#: The finite timestamps, 4714-11-24 BC to before 294277-01-01.
MIN_TIMESTAMP, END_TIMESTAMP = MIN_DAYS * DAY_US, 106_751_983 * DAY_US
DATE_INFINITY, DATE_MINUS_INFINITY = 0x7FFFFFFF, -0x80000000
TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY = (1 << 63) - 1, -(1 << 63)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_DAYS_BEFORE_MARCH_2000 = 60


def civil(days: int) -> tuple[int, int, int]:
    """Days since 2000-01-01 → (year, month, day)."""
    era, rest = divmod(days - _DAYS_BEFORE_MARCH_2000, 146_097)
    year = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    day_of_year = rest - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return 2000 + 400 * era + year + (month <= 2), month, day


def day_number(year: int, month: int, day: int) -> int:
    """(year, month, day) → days since 2000-01-01; the day may lie outside its month."""
    year -= month <= 2
    era, of_era = divmod(year - 2000, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = of_era * 365 + of_era // 4 - of_era // 100 + day_of_year
    return era * 146_097 + day_of_era + _DAYS_BEFORE_MARCH_2000


def month_length(year: int, month: int) -> int:
    """Days of a month."""
    if month == 2 and ((year % 4 == 0 and year % 100 != 0) or year % 400 == 0):
        return 29
    return (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def weekday(days: int) -> int:
    """0 for Sunday."""
    return (days + 6) % 7


def clock(us: int) -> tuple[int, int, int, int]:
    """Microseconds since midnight → (hour, minute, second, microsecond)."""
    seconds, us = divmod(us, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return hour, minute, second, us


def seconds_text(second: int, us: int, *, fill: bool = True) -> str:
    """Seconds with as many decimals as they need."""
    text = f"{second:02d}" if fill else str(second)
    return f"{text}.{us:06d}".rstrip("0") if us else text
