"""Dates, times and timestamps → ISO text, whole columns at once.

Tables do the work: every second of a day and every thousand of a fraction have their
characters ready, and each different day of the column is written once. Rows have a fixed
pitch; what is rare (infinity, years outside 1 … 9999, other DateStyles) is left to the
scalar code.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pgtool.storage import ragged
from pgtool.types import calendar as cal
from pgtool.types import digit_walk
from pgtool.types.column import TextColumn
from pgtool.types.dates import offset_text
from pgtool.types.zones import LocalTime, Zone

__all__ = ["date_text", "time_text", "timestamp_text"]

Array = npt.NDArray[Any]
_FIRST, _LAST = cal.day_number(1, 1, 1), cal.day_number(9999, 12, 31)
_DATE, _CLOCK = 10, 8
_ROW = 40
_FRACTION = _DATE + 1 + _CLOCK
_LAST_ZONE_YEAR = 2500
_MAX_DAY_TABLE = 400_000
_USUAL_FIRST, _USUAL_LAST = cal.day_number(1970, 1, 1), cal.day_number(2049, 12, 31)
_MANY = 1000


@cache
def _two_digits() -> Array:
    numbers = np.arange(100)
    return np.stack([numbers // 10 + 48, numbers % 10 + 48], 1).astype(np.uint8)


@cache
def _clock_table() -> Array:
    """Second of the day → ``HH:MM:SS``; one more for 24:00:00."""
    seconds = np.arange(86_401)
    out = np.full((len(seconds), _CLOCK), ord(":"), np.uint8)
    two = _two_digits()
    out[:, 0:2] = two[seconds // 3600]
    out[:, 3:5] = two[seconds // 60 % 60]
    out[:, 6:8] = two[seconds % 60]
    return out.view("<u8").ravel()


@cache
def _thousands() -> tuple[Array, Array]:
    """0 … 999 → three characters and a fourth to ignore; → digits without trailing zeros."""
    numbers = np.arange(1000)
    digits = np.stack([numbers // 100, numbers // 10 % 10, numbers % 10, numbers * 0], 1)
    used = np.where(numbers % 10 > 0, 3, np.where(numbers % 100 > 0, 2, np.where(numbers, 1, 0)))
    return (digits + 48).astype(np.uint8).view("<u4").ravel(), used.astype(np.int64)


def _civil(days: Array) -> tuple[Array, Array, Array]:
    """calendar.civil for arrays."""
    era, rest = np.divmod(days - 60, 146_097)
    year = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    day_of_year = rest - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = np.where(shifted < 10, shifted + 3, shifted - 9)
    return 2000 + 400 * era + year + (month <= 2), month, day


def _iso_days(days: Array) -> Array:
    """Days within years 1 … 9999 → ``YYYY-MM-DD`` as ten bytes each."""
    year, month, day = _civil(days)
    out = np.full((len(days), _DATE), ord("-"), np.uint8)
    two = _two_digits()
    out[:, 0:2] = two[year // 100]
    out[:, 2:4] = two[year % 100]
    out[:, 5:7] = two[month]
    out[:, 8:10] = two[day]
    return out.view(f"V{_DATE}").ravel()


@cache
def _usual_days() -> Array:
    """The texts of the days that most columns hold."""
    return _iso_days(np.arange(_USUAL_FIRST, _USUAL_LAST + 1))


def _day_texts(days: Array) -> tuple[Array, Array]:
    """(table of texts, each row's place in it)."""
    if not len(days):
        return _iso_days(days), days
    low, high = int(days.min()), int(days.max())
    if len(days) >= _MANY and low >= _USUAL_FIRST and high <= _USUAL_LAST:
        return _usual_days(), days - _USUAL_FIRST
    if high - low < min(_MAX_DAY_TABLE, 4 * len(days) + 1000):
        return _iso_days(np.arange(low, high + 1)), days - low
    return _iso_days(days), np.arange(len(days))


def date_text(values: Array) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here) of stored dates."""
    days = values.astype(np.int64)
    fine = (days >= _FIRST) & (days <= _LAST)
    table, place = _day_texts(np.where(fine, days, 0) if not fine.all() else days)
    length = np.full(len(days), _DATE, np.int64)
    column = TextColumn(table.view(np.uint8), place.astype(np.int64) * _DATE, length)
    return column, np.flatnonzero(~fine)


def _fractions(buffer: Array, us: Array, offset: int) -> Array:
    """Write the fractions of all rows; how many characters each has used."""
    if not us.any():
        return np.zeros(len(us), np.int64)
    words, used = _thousands()
    high, low = us // 1000, us % 1000
    rows = len(us)
    np.ndarray((rows,), "<u4", buffer, offset + 1, (_ROW,))[:] = words[high]
    np.ndarray((rows,), "<u4", buffer, offset + 4, (_ROW,))[:] = words[low]
    np.ndarray((rows,), "u1", buffer, offset, (_ROW,))[:] = ord(".")
    digits = np.where(low > 0, used[low] + 3, used[high])
    return digits + (digits > 0)


def time_text(values: Array) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here) of stored times."""
    fine = (values >= 0) & (values <= cal.DAY_US)
    seconds, us = np.divmod(np.where(fine, values, 0), cal.SECOND_US)
    rows = len(values)
    buffer = np.empty(rows * _ROW, np.uint8)
    np.ndarray((rows,), "<u8", buffer, 0, (_ROW,))[:] = _clock_table()[seconds]
    length = _CLOCK + _fractions(buffer, us, _CLOCK)
    start = np.arange(rows, dtype=np.int64) * _ROW
    return TextColumn(buffer, start, length), np.flatnonzero(~fine)


@cache
def _zone_table(zone: Zone) -> tuple[Array, list[LocalTime], int]:
    """Changes as stored timestamps, what follows each, and where the table ends."""
    times, kinds = zone.table(_LAST_ZONE_YEAR)
    epoch = cal.EPOCH_DAYS * 86_400
    starts = np.array([max(t - epoch, -9_000_000_000_000) for t in times], np.int64)
    end = cal.day_number(_LAST_ZONE_YEAR, 12, 1) * cal.DAY_US
    return starts * cal.SECOND_US, kinds, end


def timestamp_text(values: Array, zone: Zone | None) -> tuple[TextColumn, Array]:
    """(text, rows that could not be done here) of stored timestamps; ``zone`` is the
    session's, for timestamps with time zone."""
    rows = len(values)
    limit = (_LAST + 1) * cal.DAY_US
    which: Array | None = None
    kinds: list[LocalTime] = []
    if zone is not None:
        starts, kinds, end = _zone_table(zone)
        limit = min(limit, end if len(starts) > 1 else limit)
    fine = (values > (_FIRST + 1) * cal.DAY_US) & (values < limit - cal.DAY_US)
    local = values if fine.all() else np.where(fine, values, 0)
    if zone is not None and rows:
        first, last = np.searchsorted(starts, [local.min(), local.max()], side="right") - 1
        kinds = kinds[first : last + 1]
        if first == last:
            which = np.zeros(rows, np.intp)
        else:
            which = np.searchsorted(starts[first : last + 1], local, side="right") - 1
        local = local + np.array([k.offset for k in kinds], np.int64)[which] * cal.SECOND_US
    buffer, length = _rows_of(local)
    start = np.arange(rows, dtype=np.int64) * _ROW
    if which is not None:
        length = _append_offsets(buffer, start, length, which, kinds)
    return TextColumn(buffer, start, length), np.flatnonzero(~fine)


def _rows_of(local: Array) -> tuple[Array, Array]:
    """(rows of _ROW bytes with date, time and fraction, how much of each is used)."""
    rows = len(local)
    buffer = np.empty(rows * _ROW, np.uint8)
    if digit_walk.COMPILED:
        length = np.empty(rows, np.intp)
        values = np.ascontiguousarray(local, np.int64)
        digit_walk.timestamps(values.data, buffer.data, _ROW, length.data)
        return buffer, length
    days = local // cal.DAY_US
    rest = local - days * cal.DAY_US
    seconds = rest // cal.SECOND_US
    us = rest - seconds * cal.SECOND_US
    table, place = _day_texts(days)
    np.ndarray((rows,), f"V{_DATE}", buffer, 0, (_ROW,))[:] = table[place]
    np.ndarray((rows,), "u1", buffer, _DATE, (_ROW,))[:] = ord(" ")
    np.ndarray((rows,), "<u8", buffer, _DATE + 1, (_ROW,))[:] = _clock_table()[seconds]
    return buffer, _FRACTION + _fractions(buffer, us, _FRACTION)


def _append_offsets(
    buffer: Array, start: Array, length: Array, which: Array, kinds: list[LocalTime]
) -> Array:
    """Write each row's offset behind it; the new lengths."""
    texts = [offset_text(kind.offset).encode("ascii") for kind in kinds]
    width = 3 if all(len(text) == 3 for text in texts) else 9
    table = np.frombuffer(b"".join(text.ljust(width) for text in texts), f"V{width}")
    ragged.scatter_bytes(buffer, start + length, table[which])
    sizes = np.array([len(text) for text in texts], np.int64)
    more: Array = length + sizes[which]
    return more
