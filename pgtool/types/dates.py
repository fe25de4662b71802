"""Dates and times: date, time, timetz, timestamp, timestamptz.

Stored as counts from 2000-01-01 (days or microseconds; the outermost values mean
infinity), or microseconds since midnight. Text depends on DateStyle, and for timestamptz
on TimeZone.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from formats import datum as layout
from formats.derive import struct_of
from pgtool.errors import CorruptData
from pgtool.types import calendar as cal
from pgtool.types.base import FixedIO
from pgtool.types.info import Settings
from pgtool.types.zones import find_zone

__all__ = ["Date", "Time", "TimeTz", "Timestamp", "TimestampTz", "offset_text"]

_TIMETZ = struct_of(layout.TimeTzADT)
_MAX_ABBREVIATION = 10


def offset_text(east: int) -> str:
    """Seconds east of UTC as ``+hh``, ``+hh:mm`` or ``+hh:mm:ss``."""
    minutes, second = divmod(abs(east), 60)
    hour, minute = divmod(minutes, 60)
    text = f"{'-' if east < 0 else '+'}{hour:02d}"
    if second:
        return f"{text}:{minute:02d}:{second:02d}"
    return f"{text}:{minute:02d}" if minute else text


def _iso(year: int, month: int, day: int, order: str) -> str:
    return f"{year:04d}-{month:02d}-{day:02d}"


def _sql(year: int, month: int, day: int, order: str) -> str:
    first, second = (day, month) if order == "DMY" else (month, day)
    return f"{first:02d}/{second:02d}/{year:04d}"


def _german(year: int, month: int, day: int, order: str) -> str:
    return f"{day:02d}.{month:02d}.{year:04d}"


def _postgres(year: int, month: int, day: int, order: str) -> str:
    first, second = (day, month) if order == "DMY" else (month, day)
    return f"{first:02d}-{second:02d}-{year:04d}"


_DATE_TEXT: dict[str, Callable[[int, int, int, str], str]] = {
    "ISO": _iso, "SQL": _sql, "German": _german, "Postgres": _postgres,
}  # fmt: skip


def _shown_year(year: int) -> tuple[int, str]:
    return (year, "") if year > 0 else (1 - year, " BC")


def date_text(days: int, settings: Settings) -> str:
    """A finite date."""
    if days < cal.MIN_DAYS:
        raise CorruptData(f"date out of range: {days}")
    year, month, day = cal.civil(days)
    year, era = _shown_year(year)
    return _DATE_TEXT[settings.date_style](year, month, day, settings.date_order) + era


def time_text(us: int) -> str:
    """Microseconds since midnight."""
    hour, minute, second, us = cal.clock(us)
    return f"{hour:02d}:{minute:02d}:{cal.seconds_text(second, us)}"


def timestamp_text(us: int, settings: Settings, zone: str | None) -> str:
    """A finite local timestamp; ``zone`` is what follows it: an offset or an abbreviation
    (which, other than an offset, stands apart)."""
    days, rest = divmod(us, cal.DAY_US)
    time = time_text(rest)
    style, order = settings.date_style, settings.date_order
    year, month, day = cal.civil(days)
    year, era = _shown_year(year)
    if style == "Postgres":
        month_name = cal.MONTHS[month - 1]
        middle = f"{day:02d} {month_name}" if order == "DMY" else f"{month_name} {day:02d}"
        tail = "" if zone is None else f" {zone}"
        return f"{cal.WEEKDAYS[cal.weekday(days)]} {middle} {time} {year:04d}{tail}{era}"
    date = _DATE_TEXT[style](year, month, day, order)
    tail = "" if zone is None else zone if style == "ISO" else f" {zone}"
    return f"{date} {time}{tail}{era}"


def _infinity(value: int, low: int, high: int) -> str | None:
    return "infinity" if value == high else "-infinity" if value == low else None


class Date(FixedIO):
    """``date``."""

    wire = (4,)

    def _ascii(self, datum: bytes) -> str:
        days = int.from_bytes(datum, "little", signed=True)
        special = _infinity(days, cal.DATE_MINUS_INFINITY, cal.DATE_INFINITY)
        return special or date_text(days, self.settings)

    def _parse(self, text: str, typmod: int) -> bytes:
        from pgtool.types.dates_in import parse_date

        return parse_date(text, self.settings).to_bytes(4, "little", signed=True)

    def _check(self, datum: bytes, typmod: int) -> None:
        from pgtool.types.dates_in import check_date

        check_date(int.from_bytes(datum, "little", signed=True))

    def _python(self, datum: bytes) -> Any:
        days = int.from_bytes(datum, "little", signed=True)
        try:
            return datetime.date(*cal.civil(days))
        except (ValueError, OverflowError):
            return self._ascii(datum)


class Time(FixedIO):
    """``time``: microseconds since midnight; 24:00:00 is a value."""

    wire: tuple[int, ...] = (8,)

    def _us(self, datum: bytes) -> int:
        us = int.from_bytes(datum[:8], "little", signed=True)
        if not 0 <= us <= cal.DAY_US:
            raise CorruptData(f"time out of range: {us}")
        return us

    def _ascii(self, datum: bytes) -> str:
        return time_text(self._us(datum))

    def _parse(self, text: str, typmod: int) -> bytes:
        from pgtool.types.dates_in import parse_time

        return parse_time(text, self.settings, typmod).to_bytes(8, "little")

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        from pgtool.types.dates_in import check_time, round_time

        us = check_time(int.from_bytes(super()._receive(wire, typmod)[:8], "little", signed=True))
        return round_time(us, typmod).to_bytes(8, "little")

    def _python(self, datum: bytes) -> Any:
        us = self._us(datum)
        return datetime.time(*cal.clock(us)) if us < cal.DAY_US else self._ascii(datum)


class TimeTz(Time):
    """``timetz``: a time and an offset from UTC, stored as seconds west."""

    wire = (8, 4)

    def _ascii(self, datum: bytes) -> str:
        return time_text(self._us(datum)) + offset_text(-_TIMETZ.unpack(datum)[1])

    def _parse(self, text: str, typmod: int) -> bytes:
        from pgtool.types.dates_in import parse_timetz

        return _TIMETZ.pack(*parse_timetz(text, self.settings, typmod))

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        from pgtool.types.dates_in import check_time, check_zone, round_time

        us, west = _TIMETZ.unpack(FixedIO._receive(self, wire, typmod))
        check_time(us)
        check_zone(west)
        return _TIMETZ.pack(round_time(us, typmod), west)

    def _python(self, datum: bytes) -> Any:
        us, west = _TIMETZ.unpack(datum)
        if us >= cal.DAY_US:
            return self._ascii(datum)
        zone = datetime.timezone(datetime.timedelta(seconds=-west))
        return datetime.time(*cal.clock(us), tzinfo=zone)


_EPOCH = datetime.datetime(2000, 1, 1)


class Timestamp(FixedIO):
    """``timestamp`` without time zone."""

    wire = (8,)
    has_zone = False

    def _ascii(self, datum: bytes) -> str:
        us = int.from_bytes(datum, "little", signed=True)
        special = _infinity(us, cal.TIMESTAMP_MINUS_INFINITY, cal.TIMESTAMP_INFINITY)
        if special is None and not cal.MIN_TIMESTAMP <= us < cal.END_TIMESTAMP:
            raise CorruptData(f"timestamp out of range: {us}")
        return special or self._finite(us)

    def _finite(self, us: int) -> str:
        return timestamp_text(us, self.settings, None)

    def _parse(self, text: str, typmod: int) -> bytes:
        from pgtool.types.dates_in import parse_timestamp

        us = parse_timestamp(text, self.settings, typmod, with_zone=self.has_zone)
        return us.to_bytes(8, "little", signed=True)

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        from pgtool.types.dates_in import check_timestamp, round_timestamp

        us = int.from_bytes(super()._receive(wire, typmod), "little", signed=True)
        return round_timestamp(check_timestamp(us), typmod).to_bytes(8, "little", signed=True)

    def _python(self, datum: bytes) -> Any:
        us = int.from_bytes(datum, "little", signed=True)
        try:
            value = _EPOCH + datetime.timedelta(microseconds=us)
        except OverflowError:
            return self._ascii(datum)
        return value.replace(tzinfo=datetime.UTC) if self.has_zone else value


class TimestampTz(Timestamp):
    """``timestamptz``: an instant, shown in the session's time zone."""

    has_zone = True

    def _finite(self, us: int) -> str:
        seconds = us // cal.SECOND_US + cal.EPOCH_DAYS * 86_400
        local = find_zone(self.settings.timezone).at(seconds)
        shown = us + local.offset * cal.SECOND_US
        if self.settings.date_style == "ISO":
            return timestamp_text(shown, self.settings, offset_text(local.offset))
        return timestamp_text(shown, self.settings, local.abbreviation[:_MAX_ABBREVIATION])
