"""Fields of dates, times and intervals: extract, date_part, date_trunc.

A unit's name is looked up by its first ten letters. Each type has a table of the units it
knows, as functions of the value; ``extract`` gives numerics, ``date_part`` the doubles
that came before them. A field of an infinite value is infinite where it only grows, NULL
where it goes round.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from pgtool.errors import SqlError
from pgtool.functions.interval import INFINITY, is_finite, made_interval, quotient
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timestamp import POS, checked, finite
from pgtool.functions.timezones import Clock, calendar_clock, session_clock
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.numeric import EXACT

__all__ = ["iso_week", "iso_year", "julian_day", "unit_of"]

#: Unit → its words; what follows comes from :data:`_SPECIAL`.
_WORDS = {
    "microseconds": "microsecon us usec usecs useconds",
    "milliseconds": "millisecon ms msec msecs mseconds",
    "second": "s sec secs second seconds", "minute": "m min mins minute minutes mm",
    "hour": "h hr hrs hour hours", "day": "d day days", "week": "w week weeks",
    "month": "mon mons month months", "quarter": "qtr quarter",
    "year": "y yr yrs year years", "decade": "dec decs decade decades",
    "century": "c cent century centuries", "millennium": "mil mils millennia millennium",
    "timezone": "timezone", "timezone_hour": "timezone_h", "timezone_minute": "timezone_m",
    "julian": "j jd julian", "dow": "dow", "doy": "doy", "isodow": "isodow",
    "isoyear": "isoyear", "epoch": "epoch",
    "reserved": "now today tomorrow yesterday allballs infinity -infinity",
}  # fmt: skip
_UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}
#: Words that extract knows and date_trunc does not.
_ONLY_EXTRACTED = frozenset(
    ("julian", "dow", "doy", "isodow", "isoyear", "epoch", "reserved")
)
#: Units that only grow are infinite for infinite values.
_GROWING = frozenset(
    ("year", "decade", "century", "millennium", "julian", "isoyear", "epoch")
)
_INTERVAL_GROWING = frozenset(
    ("hour", "day", "year", "decade", "century", "millennium", "epoch")
)
_JULIAN_2000 = 2_451_545
_UNIX_US = cal.EPOCH_DAYS * cal.DAY_US
_TYPE_NAMES = {
    "date": "date", "time": "time without time zone", "timetz": "time with time zone",
    "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
    "interval": "interval",
}  # fmt: skip


def not_supported(unit: str, kind: str, detail: str | None = None) -> SqlError:
    """A unit that exists, but not for this type."""
    name = _TYPE_NAMES[kind]
    return SqlError(f'unit "{unit}" not supported for type {name}', "0A000", detail)


def not_recognized(unit: str, kind: str) -> SqlError:
    """A word that is no unit."""
    return SqlError(f'unit "{unit}" not recognized for type {_TYPE_NAMES[kind]}', "22023")


def downcased(text: str) -> str:
    """An identifier's lower case: of ASCII letters only."""
    return "".join([c.lower() if c.isascii() else c for c in text])


def unit_of(text: str) -> str | None:
    """The unit that a word in lower case names."""
    return _UNITS.get(text[:10])


def _unit_to_truncate(text: str, kind: str) -> str:
    unit = unit_of(text)
    if unit is None or unit in _ONLY_EXTRACTED or text == "mm":
        raise not_recognized(text, kind)
    return unit


class Fields(NamedTuple):
    """A finite timestamp's fields; ``year`` is astronomical, ``us`` since midnight."""

    days: int
    year: int
    month: int
    day: int
    us: int


def fields_of(us: int) -> Fields:
    """A wall clock reading, taken apart."""
    days, rest = divmod(us, cal.DAY_US)
    return Fields(days, *cal.civil(days), rest)


def monday(days: int) -> int:
    """The Monday of a day's week."""
    return days - (cal.weekday(days) - 1) % 7


def iso_year(days: int) -> int:
    """The astronomical year whose ISO week a day is in: its Thursday's."""
    return cal.civil(monday(days) + 3)[0]


def iso_week(days: int) -> int:
    """The ISO week of a day."""
    thursday = monday(days) + 3
    return (thursday - cal.day_number(cal.civil(thursday)[0], 1, 1)) // 7 + 1


def julian_day(days: int) -> int:
    """A date's Julian day."""
    return days + _JULIAN_2000


def scaled(value: int, scale: int) -> Decimal:
    """A numeric with a display scale."""
    return Decimal(value).scaleb(-scale, EXACT)


def _era(year: int) -> int:
    return year if year > 0 else year - 1


def _period(year: int, length: int) -> int:
    """Century or millennium: there is no number 0."""
    return (year + length - 1) // length if year > 0 else -((length - year) // length)


def _decade(year: int) -> int:
    return year // 10 if year >= 0 else -((9 - year) // 10)


def _iso_year_shown(f: Fields) -> int:
    year = iso_year(f.days)
    return year if year > 0 else year - 1


_DATE_FIELDS: dict[str, Callable[[Fields], int]] = {
    "day": lambda f: f.day, "month": lambda f: f.month, "week": lambda f: iso_week(f.days),
    "quarter": lambda f: (f.month - 1) // 3 + 1, "year": lambda f: _era(f.year),
    "decade": lambda f: _decade(f.year), "century": lambda f: _period(f.year, 100),
    "millennium": lambda f: _period(f.year, 1000), "isoyear": _iso_year_shown,
    "dow": lambda f: cal.weekday(f.days), "isodow": lambda f: cal.weekday(f.days) or 7,
    "doy": lambda f: f.days - cal.day_number(f.year, 1, 1) + 1,
}  # fmt: skip


def _second_us(us: int) -> int:
    return us % (60 * cal.SECOND_US)


#: Of microseconds since midnight: (value, decimals).
_TIME_FIELDS: dict[str, Callable[[int], tuple[int, int]]] = {
    "microseconds": lambda us: (_second_us(us), 0), "milliseconds": lambda us: (_second_us(us), 3),
    "second": lambda us: (_second_us(us), 6), "minute": lambda us: (us // 60_000_000 % 60, 0),
    "hour": lambda us: (us // 3_600_000_000, 0),
}  # fmt: skip
#: Of seconds west of UTC, by C's division.
_ZONE_FIELDS: dict[str, Callable[[int], int]] = {
    "timezone": lambda west: -west, "timezone_hour": lambda west: -quotient(west, 3600)[0],
    "timezone_minute": lambda west: -quotient(quotient(west, 3600)[1], 60)[0],
}  # fmt: skip


def _clock_number(us: int, value: int, scale: int, numeric: bool) -> Any:
    """A field of the time of day with decimals, as either number."""
    if numeric:
        return scaled(value, scale)
    if not scale:
        return float(value)
    second, micro = quotient(value, cal.SECOND_US)
    if scale == 3:
        return second * 1000.0 + micro / 1000.0
    return second + micro / 1_000_000.0


def _number(value: int, numeric: bool) -> Any:
    return Decimal(value) if numeric else float(value)


# -- division of numerics, for Julian days ------------------------------------------------

_SIGNIFICANT = 16
_DAY_WEIGHT, _DAY_FIRST = 2, 864


def _day_fraction(us: int) -> Decimal:
    """us / 86400000000 with the decimals that numeric division gives."""
    digits = str(us)
    weight = (len(digits) - 1) // 4 if us else 0
    first = int(digits[: len(digits) - 4 * weight])
    quotient_weight = weight - _DAY_WEIGHT - (first <= _DAY_FIRST)
    scale = max(_SIGNIFICANT - quotient_weight * 4, 0)
    whole, rest = divmod(us * 10**scale, cal.DAY_US)
    return scaled(whole + (2 * rest >= cal.DAY_US), scale)


# -- extract ------------------------------------------------------------------------------


def _infinite(unit: str | None, text: str, kind: str, negative: bool, known: Any,
              growing: frozenset[str], numeric: bool) -> Any:  # fmt: skip
    """A field of an infinite value: ±infinity or NULL."""
    if unit in growing:
        shown = "-Infinity" if negative else "Infinity"
        return Decimal(shown) if numeric else float(shown)
    if unit in known:
        return None
    raise not_supported(text, kind)


_DATE_OSCILLATING = frozenset(("day", "month", "quarter", "week", "dow", "isodow", "doy"))
_TIMESTAMP_OSCILLATING = _DATE_OSCILLATING | {*_TIME_FIELDS, *_ZONE_FIELDS}
_INTERVAL_OSCILLATING = frozenset(
    ("microseconds", "milliseconds", "second", "minute", "week", "month", "quarter")
)


def _timestamp_part(
    kind: str, text: str, us: int, clock: Clock | None, numeric: bool
) -> Any:
    text = downcased(text)
    unit = unit_of(text)
    if unit is None:
        raise not_recognized(text, kind)
    if not finite(us):
        return _infinite(unit, text, kind, us != POS, _TIMESTAMP_OSCILLATING, _GROWING, numeric)
    if unit == "epoch":
        return _epoch(us, numeric)
    if unit in _ZONE_FIELDS and clock is not None:
        return _number(_ZONE_FIELDS[unit](-clock.at(us).offset), numeric)
    f = fields_of(us if clock is None else clock.local(us))
    if unit in _DATE_FIELDS:
        return _number(_DATE_FIELDS[unit](f), numeric)
    if unit in _TIME_FIELDS:
        return _clock_number(f.us, *_TIME_FIELDS[unit](f.us), numeric)
    if unit == "julian":
        if numeric:
            return EXACT.add(Decimal(julian_day(f.days)), _day_fraction(f.us))
        second, micro = divmod(f.us, cal.SECOND_US)
        return julian_day(f.days) + (second + micro / 1_000_000.0) / 86_400.0
    raise not_supported(text, kind)


def _epoch(us: int, numeric: bool) -> Any:
    since = us + _UNIX_US
    if numeric:
        return scaled(since, 6)
    if since < 1 << 63:
        return since / 1_000_000.0
    return (float(us) + _UNIX_US) / 1_000_000.0


@builtin("timestamp_part")
def timestamp_part(unit: str, us: int) -> float | None:
    return _timestamp_part("timestamp", unit, us, None, False)


@builtin("extract_timestamp")
def extract_timestamp(unit: str, us: int) -> Decimal | None:
    return _timestamp_part("timestamp", unit, us, None, True)


@builtin("timestamptz_part", call=True)
def timestamptz_part(call: Call, unit: str, us: int) -> Any:
    return _timestamp_part("timestamptz", unit, us, session_clock(call.session), False)


@builtin("extract_timestamptz", call=True)
def extract_timestamptz(call: Call, unit: str, us: int) -> Any:
    return _timestamp_part("timestamptz", unit, us, session_clock(call.session), True)


@builtin("extract_date")
def extract_date(text: str, days: int) -> Decimal | None:
    text = downcased(text)
    unit = unit_of(text)
    if unit is None:
        raise not_recognized(text, "date")
    if days in (cal.DATE_INFINITY, cal.DATE_MINUS_INFINITY):
        negative = days == cal.DATE_MINUS_INFINITY
        found: Decimal | None = _infinite(
            unit, text, "date", negative, _DATE_OSCILLATING, _GROWING, True
        )
        return found
    if unit == "epoch":
        return Decimal((days + cal.EPOCH_DAYS) * 86_400)
    if unit == "julian":
        return Decimal(julian_day(days))
    if unit not in _DATE_FIELDS:
        raise not_supported(text, "date")
    return Decimal(_DATE_FIELDS[unit](Fields(days, *cal.civil(days), 0)))


def _time_part(kind: str, text: str, us: int, west: int | None, numeric: bool) -> Any:
    text = downcased(text)
    unit = unit_of(text)
    if unit == "epoch":
        if numeric:
            return scaled(us + (west or 0) * cal.SECOND_US, 6)
        return us / 1_000_000.0 + (west or 0)
    if unit is None or unit == "reserved":
        raise not_recognized(text, kind)
    if unit in _TIME_FIELDS:
        return _clock_number(us, *_TIME_FIELDS[unit](us), numeric)
    if unit in _ZONE_FIELDS and west is not None:
        return _number(_ZONE_FIELDS[unit](west), numeric)
    raise not_supported(text, kind)


for _prosrc, _numeric in (("time_part", False), ("extract_time", True)):
    builtin(_prosrc)(lambda u, us, n=_numeric: _time_part("time", u, us, None, n))
for _prosrc, _numeric in (("timetz_part", False), ("extract_timetz", True)):
    builtin(_prosrc)(lambda u, v, n=_numeric: _time_part("timetz", u, v[0], v[1], n))


# -- intervals ----------------------------------------------------------------------------


def _interval_quarter(span: Interval) -> int:
    if span.month >= 0:
        return span.month % 12 // 3 + 1
    return -(-span.month % 12 // 3 + 1)


_INTERVAL_FIELDS: dict[str, Callable[[Interval], int]] = {
    "minute": lambda s: quotient(quotient(s.usec, 3_600_000_000)[1], 60_000_000)[0],
    "hour": lambda s: quotient(s.usec, 3_600_000_000)[0], "day": lambda s: s.day,
    "week": lambda s: quotient(s.day, 7)[0], "month": lambda s: quotient(s.month, 12)[1],
    "quarter": _interval_quarter, "year": lambda s: quotient(s.month, 12)[0],
    "decade": lambda s: quotient(s.month, 120)[0], "century": lambda s: quotient(s.month, 1200)[0],
    "millennium": lambda s: quotient(s.month, 12_000)[0],
}  # fmt: skip
_DECIMALS = {"microseconds": 0, "milliseconds": 3, "second": 6}


def _interval_part(text: str, span: Interval, numeric: bool) -> Any:
    text = downcased(text)
    unit = unit_of(text)
    if unit is None:
        raise not_recognized(text, "interval")
    if not is_finite(span):
        return _infinite(unit, text, "interval", span != INFINITY, _INTERVAL_OSCILLATING,
                         _INTERVAL_GROWING, numeric)  # fmt: skip
    if unit in _DECIMALS:
        return _clock_number(0, quotient(span.usec, 60_000_000)[1], _DECIMALS[unit], numeric)
    if unit in _INTERVAL_FIELDS:
        return _number(_INTERVAL_FIELDS[unit](span), numeric)
    if unit == "epoch":
        return _interval_epoch(span, numeric)
    if unit == "reserved":
        raise not_recognized(text, "interval")
    raise not_supported(text, "interval")


def _interval_epoch(span: Interval, numeric: bool) -> Any:
    """Years of 365.25 days, months of 30."""
    years, months = quotient(span.month, 12)
    if numeric:
        seconds = (1461 * years + 120 * months + 4 * span.day) * 21_600
        return scaled(seconds * cal.SECOND_US + span.usec, 6)
    result = span.usec / 1_000_000.0
    result += 365.25 * 86_400 * years
    result += 30.0 * 86_400 * months
    return result + 86_400.0 * span.day


@builtin("interval_part")
def interval_part(unit: str, span: Interval) -> float | None:
    return _interval_part(unit, span, False)


@builtin("extract_interval")
def extract_interval(unit: str, span: Interval) -> Decimal | None:
    return _interval_part(unit, span, True)


# -- date_trunc ---------------------------------------------------------------------------


def _year_of(unit: str, year: int) -> int:
    """The first year of a year's decade, century or millennium."""
    if unit == "decade":
        return year // 10 * 10 if year > 0 else -((9 - year) // 10) * 10
    length = 100 if unit == "century" else 1000
    if year > 0:
        return (year + length - 1) // length * length - length + 1
    return -((length - year) // length) * length + 1


_YEARS = ("decade", "century", "millennium")
_BELOW_DAY = {
    "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "milliseconds": 1000,
    "microseconds": 1,
}  # fmt: skip
_TRUNCATES = frozenset((*_YEARS, "year", "quarter", "month", "week", "day", *_BELOW_DAY))


def _first_day(unit: str, us: int) -> int:
    """Midnight of the first day of a unit."""
    f = fields_of(us)
    if unit == "week":
        return monday(f.days) * cal.DAY_US
    if unit == "day":
        return f.days * cal.DAY_US
    year, month = f.year, 1
    if unit in _YEARS:
        year = _year_of(unit, year)
    elif unit == "quarter":
        month = (f.month - 1) // 3 * 3 + 1
    elif unit == "month":
        month = f.month
    return cal.day_number(year, month, 1) * cal.DAY_US


def truncated(kind: str, text: str, us: int, clock: Clock | None) -> int:
    """date_trunc, on ``clock``'s calendar."""
    text = downcased(text)
    unit = _unit_to_truncate(text, kind)
    if unit not in _TRUNCATES:
        raise not_supported(text, kind)
    if not finite(us):
        return us
    local = us if clock is None else clock.local(us)
    if unit in _BELOW_DAY:
        return checked(us - local % cal.DAY_US % _BELOW_DAY[unit])
    local = _first_day(unit, local)
    return checked(local if clock is None else clock.utc(local))


@builtin("timestamp_trunc")
def timestamp_trunc(unit: str, us: int) -> int:
    return truncated("timestamp", unit, us, None)


@builtin("timestamptz_trunc", call=True)
def timestamptz_trunc(call: Call, unit: str, us: int) -> int:
    return truncated("timestamptz", unit, us, session_clock(call.session))


@builtin("timestamptz_trunc_zone", call=True)
def timestamptz_trunc_zone(call: Call, unit: str, us: int, zone: str) -> int:
    return truncated("timestamptz", unit, us, calendar_clock(call.session, zone))


_MONTHS = {"millennium": 12_000, "century": 1200, "decade": 120, "year": 12, "quarter": 3,
           "month": 1}  # fmt: skip


@builtin("interval_trunc")
def interval_trunc(text: str, span: Interval) -> Interval:
    text = downcased(text)
    unit = _unit_to_truncate(text, "interval")
    if unit not in _TRUNCATES or unit == "week":
        detail = "Months usually have fractional weeks." if unit == "week" else None
        raise not_supported(text, "interval", detail)
    if not is_finite(span):
        return span
    if unit in _MONTHS:
        return Interval(0, 0, quotient(span.month, _MONTHS[unit])[0] * _MONTHS[unit])
    width = _BELOW_DAY.get(unit)
    usec = 0 if width is None else quotient(span.usec, width)[0] * width
    return made_interval(usec, span.day, span.month)
