"""Interval input: PostgreSQL's own syntax, SQL's, and ISO 8601 (both forms).

Fields are read from the right, so that a unit is known before its number. Fractions of a
unit trickle down: of months into days, of days into microseconds.
"""

from __future__ import annotations

import math
import re

from pgtool.errors import SqlError
from pgtool.types import calendar as cal
from pgtool.types.date_fields import DATE_WORDS, DateFail, Field, split_fields
from pgtool.types.date_reading import read_clock
from pgtool.types.info import Settings
from pgtool.types.interval_fields import FULL_PRECISION, FULL_RANGE, RANGES, split_typmod
from pgtool.types.intervals import INFINITE_SINCE

__all__ = ["fit_interval", "parse_interval"]

_I32, _I64 = 1 << 31, 1 << 63
_HOUR_US, _MINUTE_US = 3600 * cal.SECOND_US, 60 * cal.SECOND_US
_INFINITY = (_I64 - 1, _I32 - 1, _I32 - 1)
_MINUS_INFINITY = (-_I64, -_I32, -_I32)
#: Unit → its words.
_UNIT_WORDS = {
    "us": "us usec usecs useconds microsecon",
    "ms": "ms msec msecs mseconds millisecon",
    "second": "s sec secs second seconds", "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours", "day": "d day days", "week": "w week weeks",
    "month": "mon mons month months", "quarter": "qtr quarter",
    "year": "y yr yrs year years", "decade": "dec decs decade decades",
    "century": "c cent century centuries", "millennium": "mil mils millennia millennium",
}  # fmt: skip
_UNITS = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}
_TOKEN_LENGTH = 10
_CLOCK_UNITS = {"us": 1, "ms": 1000, "second": cal.SECOND_US, "minute": _MINUTE_US,
                "hour": _HOUR_US}  # fmt: skip
_YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}


class _Sum:
    """Months, days and microseconds as they add up, each within its range."""

    def __init__(self) -> None:
        self.months = self.years = self.days = self.us = 0

    def check(self) -> None:
        small = (self.months, self.years, self.days)
        if min(small) < -_I32 or max(small) >= _I32 or not -_I64 <= self.us < _I64:
            raise DateFail("range")

    def add_us(self, value: float, unit: int) -> None:
        """A fraction of a unit, rounded half down."""
        scaled = value * unit
        whole = int(scaled)
        rest = scaled - whole
        self.us += whole + (rest > 0.5) - (rest < -0.5)

    def add_days(self, fraction: float, unit: int) -> None:
        whole = int(fraction * unit)
        self.days += whole
        self.add_us(fraction * unit - whole, cal.DAY_US)

    def add(self, unit: str, value: int, fraction: float) -> None:
        """So many of a unit, and a fraction of one."""
        if unit in _CLOCK_UNITS:
            self.us += value * _CLOCK_UNITS[unit]
            if fraction:
                self.add_us(fraction, _CLOCK_UNITS[unit])
        elif unit == "day":
            self.days += value
            self.add_us(fraction, cal.DAY_US)
        elif unit == "week":
            self.days += value * 7
            self.add_days(fraction, 7)
        elif unit == "month":
            self.months += value
            self.add_days(fraction, 30)
        elif unit in _YEARS:
            self.years += value * _YEARS[unit]
            self.months += round(fraction * _YEARS[unit] * 12)
        else:
            raise DateFail("format")
        self.check()

    def negate(self) -> None:
        self.months, self.years = -self.months, -self.years
        self.days, self.us = -self.days, -self.us
        self.check()


#: Which parts a field has told, for refusing one told twice.
_TOLD = {
    "us": {"us"}, "ms": {"ms"}, "second": {"second"}, "minute": {"minute"}, "hour": {"hour"},
}  # fmt: skip
_CLOCK_TOLD = {"hour", "minute", "second"}
_NUMBER = re.compile(r"([+-]?[0-9]*)(?:(-)([0-9]+)|\.([0-9]*))?", re.ASCII)


class _Reader:
    def __init__(self, settings: Settings, fields_mask: int) -> None:
        self.settings = settings
        self.minute_second = RANGES.get(fields_mask) == "minute to second"
        words = RANGES.get(fields_mask, "")
        self.default = words.split()[-1] if words else "second"
        self.sum = _Sum()
        self.seen: set[str] = set()
        self.unit = ""
        self.pending = False
        self.negative = False

    def tell(self, parts: set[str]) -> None:
        if parts & self.seen:
            raise DateFail("format")
        self.seen |= parts

    def read(self, fields: list[Field]) -> str:
        """Take the fields; "infinity" or "-infinity" comes back where they say so."""
        if self.settings.interval_style == "sql_standard" and fields:
            signs = [field.text[:1] in ("-", "+") for field in fields]
            self.negative = fields[0].text[:1] == "-" and not any(signs[1:])
        ago, special = False, ""
        for position in range(len(fields) - 1, -1, -1):
            kind, text = fields[position]
            last = position == len(fields) - 1
            if kind == "time":
                self.clock(text, 1)
            elif kind in ("zone", "date", "number"):
                self.value(kind, text)
            elif self.word(text, last) == "ago":
                ago = True
            else:
                special = special or self.special(text, last)
        if not self.seen or self.pending:
            raise DateFail("format")
        if ago:
            self.sum.negate()
        return special

    def clock(self, text: str, sign: int) -> None:
        hour, minute, second, us = read_clock(text, minute_second=self.minute_second)
        total = sign * (hour * _HOUR_US + minute * _MINUTE_US + second * cal.SECOND_US + us)
        self.sum.us = -total if self.negative and total > 0 else total
        self.sum.check()
        self.tell(_CLOCK_TOLD)
        self.unit, self.pending = "day", False

    def value(self, kind: str, text: str) -> None:
        if kind == "zone" and ":" in text:
            try:
                self.clock(text[1:], -1 if text[0] == "-" else 1)
                return
            except DateFail as fail:
                if fail.why != "format" or self.seen & _CLOCK_TOLD:
                    raise
        unit = self.unit or self.default
        match = _NUMBER.fullmatch(text)
        if match is None or not (match[1] or match[4] is not None):
            raise DateFail("format")
        minus = text[0] == "-"
        value = int(match[1]) if match[1] not in ("", "+", "-") else 0
        if not -_I64 <= value < _I64:
            raise DateFail("range")
        fraction = float("0." + match[4]) if match[4] else 0.0
        if match[2]:
            months = int(match[3][:12])
            if months >= 12:
                raise DateFail("range")
            unit, value = "month", value * 12 + (-months if minus else months)
        fraction = -fraction if minus else fraction
        if self.negative:
            value, fraction = -abs(value), -abs(fraction)
        self.sum.add(unit, value, fraction)
        told = set(_TOLD.get(unit, {unit}))
        if unit == "second" and fraction:
            told = {"second", "ms", "us"}
        self.tell(told)
        self.unit, self.pending = ("day" if unit == "hour" else unit), False

    def word(self, text: str, last: bool) -> str:
        """A unit or ``ago``; "" where it is something else."""
        if self.pending:
            raise DateFail("format")
        word = text[:_TOKEN_LENGTH]
        if word == "ago":
            if not last:
                raise DateFail("format")
            return "ago"
        if word in _UNITS:
            self.unit, self.pending = _UNITS[word], True
            return "unit"
        return ""

    def special(self, text: str, last: bool) -> str:
        word = text[:_TOKEN_LENGTH]
        if word in _UNITS or word == "ago":
            return ""
        kind, value = DATE_WORDS.get(word, ("", None))
        if kind == "ignore":
            return ""
        infinite = kind == "reserved" and value in ("infinity", "-infinity")
        if not infinite or not INFINITE_SINCE[self.settings.major] or not last:
            raise DateFail("format")
        self.tell({"infinite", *_CLOCK_TOLD, "day", "month", "year"})
        return str(value)


_ISO_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ISO_DATE = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME = {"H": "hour", "M": "minute", "S": "second"}
_ISO_LIMIT = 1e15


def _iso_number(text: str, at: int) -> tuple[int, float, int]:
    match = _ISO_NUMBER.match(text, at)
    if match is None:
        raise DateFail("format")
    value = float(match[0])
    if abs(value) > _ISO_LIMIT:
        raise DateFail("range")
    whole = math.trunc(value)
    return whole, value - whole, match.end()


def _read_iso(text: str) -> _Sum:
    """P1Y2M3DT4H5M6S, P0001-02-03T04:05:06, P00010203T040506."""
    if len(text) < 2 or text[0] != "P":
        raise DateFail("format")
    total = _Sum()
    date, _t, clock = text[1:].partition("T")
    for part, units, separators, run in (
        (date, _ISO_DATE, ("year", "month", "day"), 8),
        (clock, _ISO_TIME, ("hour", "minute", "second"), 6),
    ):
        at, field = 0, 0
        while at < len(part):
            start = at
            value, fraction, at = _iso_number(part, at)
            char = part[at : at + 1]
            at += 1
            if char in units:
                total.add(units[char], value, fraction)
                field += 1
                continue
            if field:
                raise DateFail("format")
            width = len(re.match(r"-?([0-9]*)", part[start:])[1])  # type: ignore[index]
            if not char and width == run:
                _run_together(total, separators, value, fraction)
                break
            mark = "-" if units is _ISO_DATE else ":"
            _separated(total, part[start:], mark, separators)
            break
    return total


def _run_together(total: _Sum, units: tuple[str, ...], value: int, fraction: float) -> None:
    sign, value = (-1, -value) if value < 0 else (1, value)
    total.add(units[0], sign * (value // 10000), 0.0)
    total.add(units[1], sign * (value // 100 % 100), 0.0)
    total.add(units[2], sign * (value % 100), fraction)


def _separated(total: _Sum, text: str, mark: str, units: tuple[str, ...]) -> None:
    at = 0
    for number, unit in enumerate(units):
        value, fraction, at = _iso_number(text, at)
        total.add(unit, value, fraction)
        if at == len(text):
            return
        if text[at] != mark or number == len(units) - 1:
            raise DateFail("format")
        at += 1
    raise DateFail("format")


def parse_interval(text: str, settings: Settings, typmod: int) -> tuple[int, int, int]:
    """Text → (microseconds, days, months)."""
    mask, _precision = split_typmod(typmod)
    special = ""
    try:
        try:
            reader = _Reader(settings, mask)
            special = reader.read(split_fields(text))
            total = reader.sum
        except DateFail as fail:
            if fail.why != "format":
                raise
            total = _read_iso(text)
    except DateFail as fail:
        why = "interval" if fail.why == "range" else fail.why
        raise DateFail(why).error(text, "interval") from None
    if special:
        return _INFINITY if special == "infinity" else _MINUS_INFINITY
    months = total.years * 12 + total.months
    fields = (total.us, total.days, months)
    limits = (_INFINITY, _MINUS_INFINITY)
    if not -_I32 <= months < _I32 or (INFINITE_SINCE[settings.major] and fields in limits):
        raise SqlError("interval out of range", "22008")
    return fit_interval(*fields, typmod, settings.major)


def _truncated(value: int, unit: int) -> int:
    return value // unit * unit if value >= 0 else -(-value // unit * unit)


def fit_interval(us: int, day: int, months: int, typmod: int, major: int) -> tuple[int, int, int]:
    """Drop the fields below the modifier's last, round to its decimals."""
    fields = (us, day, months)
    if typmod < 0 or (INFINITE_SINCE[major] and fields in (_INFINITY, _MINUS_INFINITY)):
        return fields
    mask, precision = split_typmod(typmod)
    last = RANGES.get(mask, "").split()[-1:] if mask != FULL_RANGE else []
    if last == ["year"]:
        us, day, months = 0, 0, _truncated(months, 12)
    elif last == ["month"]:
        us, day = 0, 0
    elif last == ["day"]:
        us = 0
    elif last == ["hour"]:
        us = _truncated(us, _HOUR_US)
    elif last == ["minute"]:
        us = _truncated(us, _MINUTE_US)
    if precision != FULL_PRECISION and precision < 6:
        unit = 10 ** (6 - precision)
        us = _truncated(us + (unit // 2 if us >= 0 else -(unit // 2)), unit)
        if not -_I64 <= us < _I64:
            raise SqlError("interval out of range", "22008")
    return us, day, months
