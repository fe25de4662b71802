"""Date templates: taken apart, and to_char of timestamps and intervals.

A template is a row of :class:`Part`: a field with its modifiers, or one character to copy.
:data:`FIELDS` names every field PostgreSQL knows; reading with a template is
:mod:`pgtool.functions.dateparse`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.datefields import iso_week, iso_year, monday
from pgtool.functions.interval import is_finite, quotient
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timestamp import finite
from pgtool.functions.timezones import session_clock
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal

__all__ = [
    "DAYS_FULL", "FIELDS", "MONTHS_FULL", "ROMAN", "Part", "parts_of", "show", "shown_timestamp",
]  # fmt: skip

MONTHS_FULL = ("January", "February", "March", "April", "May", "June", "July", "August",
               "September", "October", "November", "December")  # fmt: skip
DAYS_FULL = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ROMAN = ("XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I")
_DIGITS = frozenset(
    (
        "CC", "DDD", "DD", "D", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "HH24", "HH12", "HH",
        "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM", "MS", "Q", "SSSSS",
        "SSSS", "SS", "TZM", "US", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y",
    )
)  # fmt: skip
_WORDS = ("A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "DAY", "DY", "FX", "MONTH", "MON", "OF",
          "P.M.", "PM", "RM", "TZH", "TZ")  # fmt: skip
_JULIAN_2000 = 2_451_545
#: Every field in capitals → whether it is a number.
FIELDS = {**dict.fromkeys(_DIGITS, True), **dict.fromkeys(_WORDS, False)}
#: As they may be written; a longer one comes before its beginning.
_SPELLINGS = sorted(
    {*FIELDS, *(f.lower() for f in FIELDS), "Day", "Dy", "Month", "Mon"},
    key=lambda f: -len(f),
)


class Part(NamedTuple):
    """A field as written (``field`` empty: the character ``text``) and its modifiers."""

    field: str
    text: str
    fill: bool = False
    translated: bool = False
    ordinal: str = ""

    @property
    def name(self) -> str:
        """The field in capitals."""
        return self.field.upper()

    @property
    def is_separator(self) -> bool:
        """Whether this is punctuation to copy."""
        char = self.text
        return not self.field and len(char) == 1 and "!" <= char <= "~" and not char.isalnum()


@cache
def parts_of(template: str) -> tuple[Part, ...]:
    """A template, taken apart."""
    out: list[Part] = []
    at = 0
    while at < len(template):
        fill = template.startswith(("FM", "fm"), at)
        translated = not fill and template.startswith(("TM", "tm"), at)
        at += 2 * (fill or translated)
        field = next((f for f in _SPELLINGS if template.startswith(f, at)), "")
        if field:
            at += len(field)
            ordinal = ""
            if template.startswith(("TH", "th"), at):
                ordinal = template[at : at + 2]
            at += 2 * template.startswith(("TH", "th", "SP"), at)
            out.append(Part(field, "", fill, translated, ordinal))
        elif at < len(template):
            at = _literal(template, at, out)
    return tuple(out)


def _literal(template: str, at: int, out: list[Part]) -> int:
    """A character, or a string in double quotes (whose parts are no separators)."""
    if template[at] != '"':
        if template[at] == "\\" and template.startswith('"', at + 1):
            at += 1
        out.append(Part("", template[at]))
        return at + 1
    at += 1
    while at < len(template):
        if template[at] == '"':
            return at + 1
        if template[at] == "\\" and at + 1 < len(template):
            at += 1
        out.append(Part("", template[at], translated=True))
        at += 1
    return at


# -- to_char ------------------------------------------------------------------------------


class Shown(NamedTuple):
    """What a template shows: the fields of a timestamp or of an interval."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    us: int
    weekday: int
    day_of_year: int
    days: int
    is_interval: bool
    zone: str
    east: int

    @property
    def shown_year(self) -> int:
        """The year without sign: 1 BC is 1."""
        return self.year if self.is_interval or self.year > 0 else 1 - self.year

    @property
    def iso_days(self) -> int:
        """The day that ISO fields are about."""
        return _julian_number(self) - _JULIAN_2000 if self.is_interval else self.days

    @property
    def shown_iso_year(self) -> int:
        """The ISO year, likewise."""
        year = iso_year(self.iso_days)
        return year if self.is_interval or year > 0 else 1 - year


def _number(value: int, width: int, part: Part) -> str:
    """Zeros up to the width (one more where there is a sign), none in fill mode."""
    width = 0 if part.fill else width + (value < 0)
    return f"{value:0{width}d}"


def _c_mod(a: int, b: int) -> int:
    return quotient(a, b)[1]


def _hour12(s: Shown, p: Part) -> str:
    width = 0 if p.fill else 2 if s.hour >= 0 else 3
    return f"{_c_mod(s.hour, 12) or 12:0{width}d}"


def _short_year(year: int, digits: int, part: Part) -> str:
    """The last digits of a year; the width follows the whole year's sign."""
    width = 0 if part.fill else digits + (year < 0)
    return f"{_c_mod(year, 10**digits):0{width}d}"


def _century(s: Shown, p: Part) -> str:
    if s.is_interval:
        century = quotient(s.year, 100)[0]
    elif s.year > 0:
        century = (s.year - 1) // 100 + 1
    else:
        century = quotient(s.year, 100)[0] - 1
    return _number(century, 2, p) if -99 <= century <= 99 else str(century)


def _roman(s: Shown, p: Part) -> str:
    if not s.month and not s.year:
        return ""
    if s.month == 0:
        index = 0 if s.year >= 0 else 11
    else:
        index = -s.month - 1 if s.month < 0 else 12 - s.month
    text = ROMAN[index] if p.field == "RM" else ROMAN[index].lower()
    return text if p.fill else text.ljust(4)


def _julian_number(s: Shown) -> int:
    """By a formula that also takes what is no date; a 32-bit number."""
    year, month = (s.year + 4800, s.month + 1) if s.month > 2 else (s.year + 4799, s.month + 13)
    century = quotient(year, 100)[0]
    days = year * 365 - 32167 + quotient(year, 4)[0] - century + quotient(century, 4)[0]
    days += quotient(7834 * month, 256)[0] + s.day
    return (days + (1 << 31)) % (1 << 32) - (1 << 31)


def _thousands(s: Shown, p: Part) -> str:
    thousands = quotient(s.shown_year, 1000)[0]
    return f"{thousands},{s.shown_year - thousands * 1000:03d}"


def _offset(s: Shown, p: Part) -> str:
    hours, rest = divmod(abs(s.east), 3600)
    text = f"{'+' if s.east >= 0 else '-'}{hours:0{0 if p.fill else 2}d}"
    return f"{text}:{rest // 60:02d}" if rest // 60 else text


def _iso_day_of_year(s: Shown, p: Part) -> str:
    first = monday(cal.day_number(iso_year(s.iso_days), 1, 4))
    return _number(s.iso_days - first + 1, 3, p)


def _fraction(digits: int) -> Callable[[Shown, Part], str]:
    return lambda s, p: f"{quotient(s.us, 10 ** (6 - digits))[0]:0{digits}d}"


_SHOW: dict[str, Callable[[Shown, Part], str]] = {
    "HH": _hour12, "HH12": _hour12, "HH24": lambda s, p: _number(s.hour, 2, p),
    "MI": lambda s, p: _number(s.minute, 2, p), "SS": lambda s, p: _number(s.second, 2, p),
    "MS": _fraction(3), "US": _fraction(6), **{f"FF{n}": _fraction(n) for n in range(1, 7)},
    "SSSS": lambda s, p: str(s.hour * 3600 + s.minute * 60 + s.second),
    "SSSSS": lambda s, p: str(s.hour * 3600 + s.minute * 60 + s.second),
    "TZH": lambda s, p: f"{'+' if s.east >= 0 else '-'}{abs(s.east) // 3600:02d}",
    "TZM": lambda s, p: f"{abs(s.east) % 3600 // 60:02d}", "OF": _offset,
    "MM": lambda s, p: _number(s.month, 2, p),
    "DDD": lambda s, p: f"{s.day_of_year:0{0 if p.fill else 3}d}", "IDDD": _iso_day_of_year,
    "DD": lambda s, p: f"{s.day:0{0 if p.fill else 2}d}", "D": lambda s, p: str(s.weekday + 1),
    "ID": lambda s, p: str(s.weekday or 7),
    "WW": lambda s, p: f"{quotient(s.day_of_year - 1, 7)[0] + 1:0{0 if p.fill else 2}d}",
    "IW": lambda s, p: f"{iso_week(s.iso_days):0{0 if p.fill else 2}d}",
    "Q": lambda s, p: str(quotient(s.month - 1, 3)[0] + 1) if s.month else "",
    "CC": _century, "Y,YYY": _thousands,
    "YYYY": lambda s, p: _number(s.shown_year, 4, p),
    "YYY": lambda s, p: _short_year(s.shown_year, 3, p),
    "YY": lambda s, p: _short_year(s.shown_year, 2, p),
    "Y": lambda s, p: f"{_c_mod(s.shown_year, 10):1d}",
    "IYYY": lambda s, p: _number(s.shown_iso_year, 4, p),
    "IYY": lambda s, p: _short_year(s.shown_iso_year, 3, p),
    "IY": lambda s, p: _short_year(s.shown_iso_year, 2, p),
    "I": lambda s, p: str(_c_mod(s.shown_iso_year, 10)),
    "RM": _roman, "W": lambda s, p: str(quotient(s.day - 1, 7)[0] + 1),
    "J": lambda s, p: str(_julian_number(s)),
    "FX": lambda s, p: "",
}  # fmt: skip
_HALF_DAY = ("A.M.", "P.M.", "AM", "PM")
_ERA = ("A.D.", "B.C.", "AD", "BC")
_NAMES = {"MONTH": (MONTHS_FULL, 9), "MON": (cal.MONTHS, 0), "DAY": (DAYS_FULL, 9),
          "DY": (cal.WEEKDAYS, 0)}  # fmt: skip
#: Fields that mean something on a calendar only.
_NOT_OF_INTERVALS = {*_ERA, *_NAMES, "TZ", "TZH", "TZM", "OF", "D", "ID"}
#: Fields that take an ordinal's ending.
_NO_ORDINAL = {*_HALF_DAY, *_ERA, *_NAMES, "TZ", "TZH", "TZM", "OF", "RM", "FX"}


def _cased(text: str, field: str) -> str:
    if field.isupper():
        return text.upper()
    return text.lower() if field.islower() else text


def _half(s: Shown, name: str, field: str) -> str:
    """AM or PM, AD or BC: the field tells only how it is written."""
    second = _c_mod(s.hour, 24) >= 12 if name in _HALF_DAY else s.year <= 0
    letters = ("AP" if name in _HALF_DAY else "AB")[second]
    tail = "M" if name in _HALF_DAY else "DC"[second]
    text = f"{letters}.{tail}." if "." in name else letters + tail
    return text if field.isupper() else text.lower()


def _named(s: Shown, part: Part) -> str:
    names, width = _NAMES[part.name]
    if part.name in ("MONTH", "MON"):
        if not s.month:
            return ""
        text = names[s.month - 1]
    else:
        text = names[s.weekday]
    text = _cased(text, part.field)
    return text if part.fill or part.translated else text.ljust(width)


def _ordinal(text: str, kind: str) -> str:
    if not text[-1:].isdigit():
        raise SqlError(f'"{text}" is not a number', "22P02")
    last = "0" if text[-2:-1] == "1" else text[-1]
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
    return text + (ending.upper() if kind == "TH" else ending)


def show(parts: tuple[Part, ...], s: Shown) -> str:
    """A template's parts filled in."""
    out: list[str] = []
    for part in parts:
        name = part.name
        if not part.field:
            out.append(part.text)
            continue
        if s.is_interval and name in _NOT_OF_INTERVALS:
            raise SqlError(
                "invalid format specification for an interval value", "22007", None,
                "Intervals are not tied to specific calendar dates.",
            )  # fmt: skip
        if name in _HALF_DAY or name in _ERA:
            text = _half(s, name, part.field)
        elif name in _NAMES:
            text = _named(s, part)
        elif name == "TZ":
            text = s.zone if part.field == "TZ" else s.zone.lower()
        else:
            text = _SHOW[name](s, part)
        if part.ordinal and name not in _NO_ORDINAL and text:
            text = _ordinal(text, part.ordinal)
        out.append(text)
    return "".join(out)


def shown_timestamp(us: int, zone: str = "", east: int = 0) -> Shown:
    """The fields of a wall clock reading."""
    days, rest = divmod(us, cal.DAY_US)
    year, month, day = cal.civil(days)
    day_of_year = days - cal.day_number(year, 1, 1) + 1
    return Shown(year, month, day, *cal.clock(rest), cal.weekday(days), day_of_year, days,
                 False, zone, east)  # fmt: skip


@builtin("timestamp_to_char")
def timestamp_to_char(us: int, template: str) -> str | None:
    return show(parts_of(template), shown_timestamp(us)) if template and finite(us) else None


@builtin("timestamptz_to_char", call=True)
def timestamptz_to_char(call: Call, us: int, template: str) -> str | None:
    if not template or not finite(us):
        return None
    clock = session_clock(call.session)
    now = clock.at(us)
    return show(parts_of(template), shown_timestamp(clock.local(us), now.abbreviation, now.offset))


@builtin("interval_to_char")
def interval_to_char(span: Interval, template: str) -> str | None:
    if not template or not is_finite(span):
        return None
    year, month = quotient(span.month, 12)
    seconds, us = quotient(span.usec, cal.SECOND_US)
    minutes, second = quotient(seconds, 60)
    hour, minute = quotient(minutes, 60)
    day_of_year = span.month * 30 + span.day
    fields = Shown(year, month, span.day, hour, minute, second, us, 0, day_of_year, 0, True, "", 0)
    return show(parts_of(template), fields)
