"""Dates and times in jsonpath: .datetime(), .date() and kin, and their comparison.

A string becomes the type its text looks like; a method that wants another type converts,
and may use the session's time zone only in the functions called ``…_tz``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.date import instant_key, time_timetz, timestamptz_timetz
from pgtool.functions.dateformat import parts_of
from pgtool.functions.dateparse import parsed
from pgtool.functions.jsonpatherror import PathError
from pgtool.functions.jsonpathtree import Item
from pgtool.functions.jsonvalue import date_text, offset_text, timestamp_text
from pgtool.functions.numeric import to_integer
from pgtool.functions.registry import Call
from pgtool.functions.timestamp import checked
from pgtool.functions.timezones import session_clock
from pgtool.types import calendar as cal
from pgtool.types.dates_in import round_time, round_timestamp

__all__ = ["DateTime", "TimeMethods", "compare_times"]

_BAD = "22031"
_ISO = (
    "yyyy-mm-dd", "HH24:MI:SS.USTZ", "HH24:MI:SSTZ", "HH24:MI:SS.US", "HH24:MI:SS",
    "yyyy-mm-dd HH24:MI:SS.USTZ", "yyyy-mm-dd HH24:MI:SSTZ", 'yyyy-mm-dd"T"HH24:MI:SS.USTZ',
    'yyyy-mm-dd"T"HH24:MI:SSTZ', "yyyy-mm-dd HH24:MI:SS.US", "yyyy-mm-dd HH24:MI:SS",
    'yyyy-mm-dd"T"HH24:MI:SS.US', 'yyyy-mm-dd"T"HH24:MI:SS',
)  # fmt: skip
_TIMED = ("A.M.", "P.M.", "AM", "PM", "HH", "HH12", "HH24", "MI", "SS", "MS", "US", "FF1", "FF2",
          "FF3", "FF4", "FF5", "FF6", "SSSS", "SSSSS")  # fmt: skip
_ZONED = ("TZ", "TZH", "TZM", "OF")
_NAMES = {"date": "date", "time": "time without time zone", "timetz": "time with time zone",
          "timestamp": "timestamp without time zone",
          "timestamptz": "timestamp with time zone"}  # fmt: skip
#: Method → the type it gives.
_WANTED = {"Date": "date", "Time": "time", "TimeTz": "timetz", "Timestamp": "timestamp",
           "TimestampTz": "timestamptz"}  # fmt: skip
#: Type found → types it can become.
_CONVERTS = {
    "date": ("date", "timestamp", "timestamptz"), "time": ("time", "timetz"),
    "timetz": ("time", "timetz"), "timestamp": ("date", "time", "timestamp", "timestamptz"),
    "timestamptz": ("date", "time", "timetz", "timestamp", "timestamptz"),
}  # fmt: skip
#: Conversions for which the session's zone is needed.
_NEED_ZONE = {("timestamptz", "date"), ("timetz", "time"), ("timestamptz", "time"),
              ("time", "timetz"), ("timestamptz", "timestamp"), ("date", "timestamptz"),
              ("timestamp", "timestamptz")}  # fmt: skip
_MAX_PRECISION = 6


class DateTime(NamedTuple):
    """A date or time: ``kind`` names the type, ``west`` the zone it is shown in."""

    kind: str
    value: Any
    west: int = 0

    @property
    def type_name(self) -> str:
        """What .type() says."""
        return _NAMES[self.kind]

    @property
    def text(self) -> str:
        """ISO 8601."""
        if self.kind == "date":
            return date_text(self.value)
        if self.kind == "timestamp":
            return timestamp_text(self.value)
        if self.kind == "timestamptz":
            return timestamp_text(self.value - self.west * cal.SECOND_US, offset_text(-self.west))
        us, west = self.value if self.kind == "timetz" else (self.value, 0)
        hour, minute, second, micro = cal.clock(us)
        clock = f"{hour:02d}:{minute:02d}:{cal.seconds_text(second, micro)}"
        return clock + (offset_text(-west) if self.kind == "timetz" else "")


def _kind_of(template: str) -> str:
    """The type that a template's fields make."""
    names = {part.name for part in parts_of(template) if part.field} - {"FX"}
    timed, zoned = bool(names & {*_TIMED}), bool(names & {*_ZONED})
    dated = bool(names - {*_TIMED} - {*_ZONED})
    if zoned and not timed:
        if dated:
            raise SqlError("datetime format is zoned but not timed", "22007")
        raise SqlError("datetime format is not dated and not timed", "22007")
    if dated:
        return "timestamptz" if zoned else "timestamp" if timed else "date"
    if not timed:
        raise SqlError("datetime format is not dated and not timed", "22007")
    return "timetz" if zoned else "time"


class TimeMethods:
    """The methods in a session; ``use_tz``: its zone may be used."""

    def __init__(self, session: Any, use_tz: bool) -> None:
        self.session = session
        self.use_tz = use_tz

    def apply(self, item: Item, value: Any) -> DateTime:
        """A method on a value."""
        if not isinstance(value, bytes):
            raise PathError(
                f"jsonpath item method .{item.name}() can only be applied to a string", _BAD
            )
        text = self.session.settings.encoding.decode(value)
        arg = item.args[0] if item.args else None
        if item.kind == "Datetime":
            if arg is None:
                return self.recognised(item, text)
            try:
                return self.read(text, self.session.settings.encoding.decode(arg.value))
            except SqlError as error:
                raise PathError.of(error) from None
        precision = -1 if arg is None else self.precision(item, arg)
        found = self.converted(item, self.recognised(item, text), text)
        return _rounded(found, precision)

    def precision(self, item: Item, arg: Item) -> int:
        try:
            return int(min(to_integer(arg.value, 4), _MAX_PRECISION))
        except SqlError:
            raise PathError(
                f"time precision of jsonpath item method .{item.name}() is out of range for "
                "type integer", _BAD,
            ) from None  # fmt: skip

    def recognised(self, item: Item, text: str) -> DateTime:
        """A text in one of the ISO forms."""
        for template in _ISO:
            try:
                return self.read(text, template)
            except SqlError:
                continue
        hint = "Use a datetime template argument to specify the input data format."
        raise PathError(
            f'{item.name} format is not recognized: "{text}"', _BAD, None,
            hint if item.kind == "Datetime" else None,
        )  # fmt: skip

    def read(self, text: str, template: str) -> DateTime:
        found = parsed(self.session, text, template, strict=True)
        kind = _kind_of(template)
        if kind == "date":
            if not cal.MIN_DAYS <= found.days < cal.END_DAYS:
                raise SqlError("date out of range", "22008")
            return DateTime(kind, found.days)
        typmod = found.decimals or -1
        local = found.days * cal.DAY_US + found.us
        if kind == "time":
            return DateTime(kind, round_time(found.us, typmod))
        if kind == "timestamp":
            return DateTime(kind, round_timestamp(checked(local), typmod))
        if found.clock is None:
            raise SqlError(f"missing time zone in input string for type {kind}", "22007")
        west = -found.clock.reading(local).offset
        if kind == "timetz":
            return DateTime(kind, (round_time(found.us, typmod), west))
        return DateTime(kind, round_timestamp(checked(local + west * cal.SECOND_US), typmod), west)

    def check_zone(self, found: str, wanted: str) -> None:
        """Refuse a conversion that needs the session's zone where it may not be used."""
        if not self.use_tz:
            raise SqlError(
                f"cannot convert value from {found} to {wanted} without time zone usage",
                "0A000", None, "Use *_tz() function for time zone support.",
            )  # fmt: skip

    def converted(self, item: Item, found: DateTime, text: str) -> DateTime:
        kind, wanted = found.kind, _WANTED[item.kind]
        if wanted not in _CONVERTS[kind]:
            raise PathError(f'{item.name} format is not recognized: "{text}"', _BAD)
        if kind == wanted:
            return found
        if (kind, wanted) in _NEED_ZONE:
            self.check_zone(kind, wanted)
        return self.changed(found, wanted)

    def changed(self, found: DateTime, wanted: str) -> DateTime:
        """One type as another."""
        kind, value = found.kind, found.value
        call = Call((), 0, 0, self.session)
        clock = session_clock(self.session)
        if wanted == "timetz":
            made = time_timetz(call, value) if kind == "time" else timestamptz_timetz(call, value)
            return DateTime(wanted, made)
        if kind == "timetz":
            return DateTime(wanted, value[0])
        if kind == "date":
            value *= cal.DAY_US
        elif kind == "timestamptz":
            value = clock.local(value)
        if wanted == "timestamptz":
            west = -clock.reading(value).offset
            return DateTime(wanted, checked(value + west * cal.SECOND_US), west)
        if wanted == "timestamp":
            return DateTime(wanted, checked(value))
        days, us = divmod(value, cal.DAY_US)
        return DateTime(wanted, days if wanted == "date" else us)


def _rounded(found: DateTime, precision: int) -> DateTime:
    if precision < 0 or found.kind == "date":
        return found
    if found.kind == "timetz":
        return found._replace(value=(round_time(found.value[0], precision), found.value[1]))
    if found.kind == "time":
        return found._replace(value=round_time(found.value, precision))
    return found._replace(value=round_timestamp(found.value, precision))


def compare_times(methods: TimeMethods, a: DateTime, b: DateTime) -> int | None:
    """Three-way comparison; None where the types do not compare."""
    of_day = [one.kind in ("time", "timetz") for one in (a, b)]
    if of_day[0] != of_day[1]:
        return None
    keys: list[Any] = []
    if of_day[0]:
        zoned = "timetz" in (a.kind, b.kind)
        for one in (a, b):
            value = one.value
            if zoned and one.kind == "time":
                methods.check_zone("time", "timetz")
                value = time_timetz(Call((), 0, 0, methods.session), value)
            keys.append((value[0] + value[1] * cal.SECOND_US, value[1]) if zoned else value)
    else:
        zoned = "timestamptz" in (a.kind, b.kind)
        for one in (a, b):
            if zoned and one.kind != "timestamptz":
                methods.check_zone(one.kind, "timestamptz")
            clock = session_clock(methods.session) if zoned else None
            keys.append(instant_key(one.kind, one.value, clock))
    return int(keys[0] > keys[1]) - int(keys[0] < keys[1])
