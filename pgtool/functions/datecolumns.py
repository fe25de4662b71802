"""Dates and timestamps over whole columns: fields, truncation, arithmetic, conversion.

What depends on the calendar is computed once for each different day of the column (days of
a column usually lie close together) and looked up by row. Infinite values, years before
1 and whatever else is rare come back as NotImplemented and are done one by one.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.functions.columns import ScaledColumn
from pgtool.functions.datefields import unit_of
from pgtool.functions.registry import Call, vector
from pgtool.functions.timezones import session_clock
from pgtool.types import calendar as cal
from pgtool.types.column import VarColumn

__all__ = ["local_readings"]

Ints = npt.NDArray[np.int64]
_INTERVAL = struct.Struct("<qii")
_INTERVAL_DTYPE = np.dtype([("usec", "<i8"), ("day", "<i4"), ("month", "<i4")])
_FIRST_DAY = cal.day_number(1, 1, 1)
_LAST_DAY = cal.day_number(9999, 12, 31)
_MAX_TABLE = 400_000
_LAST_ZONE_YEAR = 2500
_LAST_ZONE_US = cal.day_number(_LAST_ZONE_YEAR, 12, 31) * cal.DAY_US
#: Intervals with a field at its limit are infinite or near it.
_SMALL = 1 << 30


def _constant(column: Any) -> str | None:
    """The text that all rows share, where the column says so."""
    if not isinstance(column, VarColumn) or not len(column):
        return None
    if len(column) > 1 and column.start.strides[0] != 0:
        return None
    datum = column.datum(0)
    return None if datum is None or not datum.isascii() else datum.decode("ascii").lower()


def _unit(column: Any) -> str | None:
    text = _constant(column)
    return None if text is None else unit_of(text)


def by_day(days: Ints, compute: Callable[[Ints], Ints]) -> Ints:
    """A function of the day for each row."""
    if not len(days):
        return days
    low, high = int(days.min()), int(days.max())
    if high - low < min(_MAX_TABLE, 4 * len(days) + 1000):
        return compute(np.arange(low, high + 1))[days - low]
    return compute(days)


def _dates(days: Ints) -> npt.NDArray[np.datetime64]:
    return (days + cal.EPOCH_DAYS).astype("M8[D]")


def _year(days: Ints) -> Ints:
    return _dates(days).astype("M8[Y]").astype(np.int64) + 1970


def _month(days: Ints) -> Ints:
    return _dates(days).astype("M8[M]").astype(np.int64) % 12 + 1


def _first_of(unit: str) -> Callable[[Ints], Ints]:
    def compute(days: Ints) -> Ints:
        return _dates(days).astype(f"M8[{unit}]").astype("M8[D]").astype(np.int64) - cal.EPOCH_DAYS

    return compute


_month_start, _year_start = _first_of("M"), _first_of("Y")


def _quarter_start(days: Ints) -> Ints:
    months = _dates(days).astype("M8[M]").astype(np.int64) // 3 * 3
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64) - cal.EPOCH_DAYS


def _monday(days: Ints) -> Ints:
    return days - (days + 5) % 7


def _week(days: Ints) -> Ints:
    thursday = _monday(days) + 3
    return (thursday - _year_start(thursday)) // 7 + 1


_FIELDS: dict[str, Callable[[Ints], Ints]] = {
    "year": _year, "month": _month, "day": lambda d: d - _month_start(d) + 1,
    "quarter": lambda d: (_month(d) + 2) // 3, "dow": lambda d: (d + 6) % 7,
    "isodow": lambda d: (d + 5) % 7 + 1, "doy": lambda d: d - _year_start(d) + 1,
    "week": _week, "isoyear": lambda d: _year(_monday(d) + 3),
}  # fmt: skip
#: Unit → (microseconds in it, and in the unit above).
_CLOCK = {"hour": (3_600_000_000, cal.DAY_US), "minute": (60_000_000, 3_600_000_000)}
_SECONDS = {"microseconds": 0, "milliseconds": 3, "second": 6}
_STARTS: dict[str, Callable[[Ints], Ints]] = {
    "day": lambda d: d, "week": _monday, "month": _month_start, "quarter": _quarter_start,
    "year": _year_start,
}  # fmt: skip
_WIDTHS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000,
           "milliseconds": 1000, "microseconds": 1}  # fmt: skip


def _usual(days: Ints) -> bool:
    """Whether all days are finite and in years with four digits."""
    if not len(days):
        return True
    return bool(days.min() >= _FIRST_DAY + 7 and days.max() <= _LAST_DAY - 7)


def local_readings(session: Any, us: Ints) -> Ints | None:
    """Instants as the session's wall clock shows them; None where that takes the long way."""
    zone = session_clock(session).zone
    if len(us) and (int(us.max()) > _LAST_ZONE_US or int(us.min()) < -_LAST_ZONE_US):
        return None
    if zone is None:
        return None
    times, kinds = zone.table(_LAST_ZONE_YEAR)
    seconds = us // cal.SECOND_US + cal.EPOCH_DAYS * 86_400
    place = np.searchsorted(np.array(times, np.int64), seconds, "right") - 1
    offsets = np.array([kind.offset for kind in kinds], np.int64)
    local: Ints = us + offsets[place] * cal.SECOND_US
    return local


# -- fields -------------------------------------------------------------------------------


def _field(unit: str | None, us: Ints) -> tuple[Ints, int] | None:
    """(values, decimals) of a field of wall clock readings."""
    if unit in _FIELDS:
        days = us // cal.DAY_US
        return (by_day(days, _FIELDS[unit]), 0) if _usual(days) else None
    if not _usual(us // cal.DAY_US):
        return None
    if unit in _CLOCK:
        width, above = _CLOCK[unit]
        return us % above // width, 0
    if unit in _SECONDS:
        return us % 60_000_000, _SECONDS[unit]
    return None


def _epoch(us: Ints) -> tuple[Ints, int] | None:
    return (us + cal.EPOCH_DAYS * cal.DAY_US, 6) if _usual(us // cal.DAY_US) else None


def _numeric(found: tuple[Ints, int] | None) -> Any:
    return NotImplemented if found is None else ScaledColumn(*found)


def _double(unit: Any, found: tuple[Ints, int] | None) -> Any:
    if found is None or found[1] == 3:
        return NotImplemented
    values, scale = found
    if not scale:
        return values.astype(np.float64)
    if _unit(unit) == "epoch":
        return values / 1_000_000.0
    return values // 1_000_000 + values % 1_000_000 / 1_000_000.0


@vector("extract_date")
def extract_date_v(unit: Any, days: Any) -> Any:
    name, days = _unit(unit), np.asarray(days).astype(np.int64)
    if name not in _FIELDS or not _usual(days):
        return NotImplemented
    return ScaledColumn(by_day(days, _FIELDS[name]), 0)


def _timestamp_field(unit: Any, us: Any) -> tuple[Ints, int] | None:
    if not np.ndim(us):
        return None
    name, us = _unit(unit), np.asarray(us)
    return _epoch(us) if name == "epoch" else _field(name, us)


def _timestamptz_field(call: Call, unit: Any, us: Any) -> tuple[Ints, int] | None:
    if not np.ndim(us):
        return None
    name, us = _unit(unit), np.asarray(us)
    if name == "epoch":
        return _epoch(us)
    local = local_readings(call.session, us)
    return None if local is None else _field(name, local)


vector("extract_timestamp")(lambda unit, us: _numeric(_timestamp_field(unit, us)))
vector("timestamp_part")(lambda unit, us: _double(unit, _timestamp_field(unit, us)))
vector("extract_timestamptz", call=True)(
    lambda call, unit, us: _numeric(_timestamptz_field(call, unit, us))
)
vector("timestamptz_part", call=True)(
    lambda call, unit, us: _double(unit, _timestamptz_field(call, unit, us))
)


# -- truncation ---------------------------------------------------------------------------


@vector("timestamp_trunc")
def timestamp_trunc_v(unit: Any, us: Any) -> Any:
    name, us = _unit(unit), np.asarray(us)
    days = us // cal.DAY_US
    if name is None or not _usual(days):
        return NotImplemented
    if name in _WIDTHS:
        return us - us % _WIDTHS[name]
    if name in _STARTS:
        return by_day(days, _STARTS[name]) * cal.DAY_US
    return NotImplemented


@vector("timestamptz_trunc", call=True)
def timestamptz_trunc_v(call: Call, unit: Any, us: Any) -> Any:
    name, us = _unit(unit), np.asarray(us)
    local = None if name is None else local_readings(call.session, us)
    if local is None or not _usual(local // cal.DAY_US):
        return NotImplemented
    if name in _WIDTHS:
        return us - local % cal.DAY_US % _WIDTHS[name]
    if name not in _STARTS:
        return NotImplemented
    starts, place = np.unique(by_day(local // cal.DAY_US, _STARTS[name]), return_inverse=True)
    clock = session_clock(call.session)
    instants = [clock.utc(day * cal.DAY_US) for day in starts.tolist()]
    return np.array(instants, np.int64)[place]


# -- arithmetic ---------------------------------------------------------------------------


def _span(value: Any) -> tuple[int, int, int] | None:
    """A constant interval of ordinary size."""
    if not isinstance(value, np.void):
        return None
    usec, day, month = _INTERVAL.unpack(value.tobytes())
    if max(abs(day), abs(month)) >= _SMALL or abs(usec) >= 1 << 60:
        return None
    return usec, day, month


def _with_months(days: Ints, months: int) -> Ints:
    first = (_dates(days).astype("M8[M]").astype(np.int64) + months).astype("M8[M]")
    start = first.astype("M8[D]").astype(np.int64) - cal.EPOCH_DAYS
    end = (first + 1).astype("M8[D]").astype(np.int64) - cal.EPOCH_DAYS
    moved: Ints = np.minimum(start + (days - _month_start(days)), end - 1)
    return moved


def _shifted(us: Ints, span: tuple[int, int, int] | None, sign: int) -> Any:
    """Wall clock readings and an interval."""
    days = us // cal.DAY_US
    if span is None or not _usual(days):
        return NotImplemented
    usec, day, month = span
    if abs(month) > 12 * 3000 or abs(day) > 1_000_000:
        return NotImplemented
    if month:
        rest = us - days * cal.DAY_US
        us = by_day(days, lambda d: _with_months(d, sign * month)) * cal.DAY_US + rest
    moved = us + sign * (day * cal.DAY_US + usec)
    if len(moved) and not _usual(moved // cal.DAY_US):
        return NotImplemented
    return moved


for _name, _sign in (("pl", 1), ("mi", -1)):
    vector(f"timestamp_{_name}_interval")(
        lambda us, span, sign=_sign: _shifted(np.asarray(us), _span(span), sign)
        if np.ndim(us) else NotImplemented
    )  # fmt: skip
    vector(f"date_{_name}_interval")(
        lambda days, span, sign=_sign: _shifted(
            np.asarray(days).astype(np.int64) * cal.DAY_US, _span(span), sign
        ) if np.ndim(days) else NotImplemented
    )  # fmt: skip


def _exact_only(us: Any, span: Any, sign: int) -> Any:
    """Of timestamptz: time alone; days and months depend on the zone."""
    found = _span(span)
    if found is None or found[1] or found[2] or not np.ndim(us):
        return NotImplemented
    return _shifted(np.asarray(us), found, sign)


vector("timestamptz_pl_interval")(lambda us, span: _exact_only(us, span, 1))
vector("timestamptz_mi_interval")(lambda us, span: _exact_only(us, span, -1))


def _plus_days(days: Any, more: Any, sign: int) -> Any:
    days = np.asarray(days).astype(np.int64)
    moved = days + sign * np.asarray(more).astype(np.int64)
    if not _usual(np.atleast_1d(days)) or not _usual(np.atleast_1d(moved)):
        return NotImplemented
    return moved.astype(np.int32)


vector("date_pli")(lambda days, more: _plus_days(days, more, 1))
vector("date_mii")(lambda days, more: _plus_days(days, more, -1))


@vector("date_mi")
def date_mi_v(a: Any, b: Any) -> Any:
    a, b = np.asarray(a).astype(np.int64), np.asarray(b).astype(np.int64)
    if not _usual(np.atleast_1d(a)) or not _usual(np.atleast_1d(b)):
        return NotImplemented
    return (a - b).astype(np.int32)


@vector("timestamp_mi")
def timestamp_mi_v(a: Any, b: Any) -> Any:
    a, b = np.asarray(a), np.asarray(b)
    for one in (a, b):
        if not _usual(np.atleast_1d(one) // cal.DAY_US):
            return NotImplemented
    between = a - b
    days = np.abs(between) // cal.DAY_US * np.sign(between)
    out = np.zeros(len(between), _INTERVAL_DTYPE)
    out["usec"], out["day"] = between - days * cal.DAY_US, days
    return out.view("V16")


# -- conversion and mixed comparison --------------------------------------------------------


@vector("date_timestamp")
def date_timestamp_v(days: Any) -> Any:
    days = np.asarray(days).astype(np.int64)
    return days * cal.DAY_US if _usual(days) else NotImplemented


@vector("timestamp_date")
def timestamp_date_v(us: Any) -> Any:
    days = np.asarray(us) // cal.DAY_US
    return days.astype(np.int32) if _usual(days) else NotImplemented


@vector("timestamptz_date", call=True)
def timestamptz_date_v(call: Call, us: Any) -> Any:
    local = local_readings(call.session, np.asarray(us))
    return NotImplemented if local is None else timestamp_date_v(local)


@vector("timestamptz_timestamp", call=True)
def timestamptz_timestamp_v(call: Call, us: Any) -> Any:
    local = local_readings(call.session, np.asarray(us))
    return NotImplemented if local is None else local


def _mixed(compare: Callable[[Any, Any], Any], left_is_date: bool) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        days = np.asarray(a if left_is_date else b).astype(np.int64)
        if not _usual(np.atleast_1d(days)):
            return NotImplemented
        midnight = days * cal.DAY_US
        return compare(midnight, b) if left_is_date else compare(a, midnight)

    return compute


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    vector(f"date_{_name}_timestamp", total=True)(_mixed(getattr(operator, _name), True))
    vector(f"timestamp_{_name}_date", total=True)(_mixed(getattr(operator, _name), False))
