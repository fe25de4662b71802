"""``interval``: months, days and microseconds, each with its own sign, in four styles."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from formats import datum as layout
from formats.derive import struct_of
from formats.version import ByMajor
from pgtool.types.base import FixedIO
from pgtool.types.calendar import SECOND_US, seconds_text

__all__ = ["INFINITE_SINCE", "IntervalIO", "IntervalParts", "interval_text"]

_INTERVAL = struct_of(layout.Interval)
#: Whether the outermost values mean infinity.
INFINITE_SINCE = ByMajor({14: False, 17: True})
_INFINITE = {
    ((1 << 63) - 1, 0x7FFFFFFF, 0x7FFFFFFF): "infinity",
    (-(1 << 63), -0x80000000, -0x80000000): "-infinity",
}


class IntervalParts(NamedTuple):
    """The fields that are shown; ``second`` and ``us`` have the sign of the time."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    us: int

    @property
    def has_time(self) -> bool:
        """Whether there is anything below days."""
        return any(self[3:])


def _truncated(value: int, unit: int) -> tuple[int, int]:
    """C's division: towards zero, the remainder with the sign of the value."""
    quotient, rest = divmod(abs(value), unit)
    return (quotient, rest) if value >= 0 else (-quotient, -rest)


def _parts(us: int, day: int, months: int) -> IntervalParts:
    year, month = _truncated(months, 12)
    hour, us = _truncated(us, 3600 * SECOND_US)
    minute, us = _truncated(us, 60 * SECOND_US)
    second, us = _truncated(us, SECOND_US)
    return IntervalParts(year, month, day, hour, minute, second, us)


def _seconds(parts: IntervalParts, *, fill: bool) -> str:
    return seconds_text(abs(parts.second), abs(parts.us), fill=fill)


def _plural(value: int) -> str:
    return "" if value == 1 else "s"


def _postgres(parts: IntervalParts) -> str:
    words: list[str] = []
    before = False
    for value, unit in zip(parts[:3], ("year", "mon", "day")):
        if value:
            words.append(f"{'+' if before and value > 0 else ''}{value} {unit}{_plural(value)}")
            before = value < 0
    if not words or parts.has_time:
        sign = "-" if min(parts[3:]) < 0 else "+" if before else ""
        clock = f"{abs(parts.hour):02d}:{abs(parts.minute):02d}:{_seconds(parts, fill=True)}"
        words.append(sign + clock)
    return " ".join(words)


def _verbose(parts: IntervalParts) -> str:
    words: list[str] = []
    ago = False
    for value, unit in zip(parts[:5], ("year", "mon", "day", "hour", "min")):
        if not value:
            continue
        if not words:
            ago, value = value < 0, abs(value)
        elif ago:
            value = -value
        words.append(f"{value} {unit}{_plural(value)}")
    if parts.second or parts.us:
        sign = ""
        if min(parts.second, parts.us) < 0:
            if not words:
                ago = True
            elif not ago:
                sign = "-"
        elif ago:
            sign = "-"
        plural = "s" if abs(parts.second) != 1 or parts.us else ""
        words.append(f"{sign}{_seconds(parts, fill=False)} sec{plural}")
    return "@ " + " ".join(words or ["0"]) + (" ago" if ago else "")


def _sql_standard(parts: IntervalParts) -> str:
    negative, positive = min(parts) < 0, max(parts) > 0
    if not negative and not positive:
        return "0"
    months, day_time = any(parts[:2]), any(parts[2:])
    if (negative and positive) or (months and day_time):
        signs = ["-" if min(some) < 0 else "+" for some in (parts[:2], parts[2:3], parts[3:])]
        year, month, day, hour, minute = (abs(value) for value in parts[:5])
        clock = f"{hour}:{minute:02d}:{_seconds(parts, fill=True)}"
        return f"{signs[0]}{year}-{month} {signs[1]}{day} {signs[2]}{clock}"
    sign = "-" if negative else ""
    parts = IntervalParts(*(abs(value) for value in parts))
    if months:
        return f"{sign}{parts.year}-{parts.month}"
    days = f"{parts.day} " if parts.day else ""
    return f"{sign}{days}{parts.hour}:{parts.minute:02d}:{_seconds(parts, fill=True)}"


def _iso_8601(parts: IntervalParts) -> str:
    if not any(parts):
        return "PT0S"
    text = "P" + "".join(f"{value}{unit}" for value, unit in zip(parts[:3], "YMD") if value)
    if parts.has_time:
        text += "T" + "".join(f"{value}{unit}" for value, unit in zip(parts[3:5], "HM") if value)
        if parts.second or parts.us:
            sign = "-" if min(parts.second, parts.us) < 0 else ""
            text += f"{sign}{_seconds(parts, fill=False)}S"
    return text


_STYLES = {
    "postgres": _postgres, "postgres_verbose": _verbose, "sql_standard": _sql_standard,
    "iso_8601": _iso_8601,
}  # fmt: skip


def interval_text(us: int, day: int, months: int, style: str, major: int) -> str:
    """The text of an interval's three fields."""
    if INFINITE_SINCE[major] and (us, day, months) in _INFINITE:
        return _INFINITE[us, day, months]
    return _STYLES[style](_parts(us, day, months))


class IntervalIO(FixedIO):
    """``interval``."""

    wire = (8, 4, 4)

    def _ascii(self, datum: bytes) -> str:
        settings = self.settings
        us, day, months = _INTERVAL.unpack(datum)
        return interval_text(us, day, months, settings.interval_style, settings.major)

    def _parse(self, text: str, typmod: int) -> bytes:
        from pgtool.types.intervals_in import parse_interval

        return _INTERVAL.pack(*parse_interval(text, self.settings, typmod))

    def _receive(self, wire: bytes, typmod: int) -> bytes:
        from pgtool.types.intervals_in import fit_interval

        us, day, months = _INTERVAL.unpack(super()._receive(wire, typmod))
        return _INTERVAL.pack(*fit_interval(us, day, months, typmod, self.settings.major))

    def _python(self, datum: bytes) -> Any:
        us, day, months = _INTERVAL.unpack(datum)
        if months:
            return self._ascii(datum)
        try:
            return datetime.timedelta(days=day, microseconds=us)
        except OverflowError:
            return self._ascii(datum)
