"""Time zones: offset and abbreviation at any instant, far past and far future included.

Zones come from the machine's zone files (where zoneinfo finds them, or its tzdata
package); beyond the last transition of a file the POSIX rule at its end goes on for ever,
as in the server. A POSIX rule may stand for a zone by itself (``EST5EDT``, ``<+03>-3``).

zoneinfo's own classes stop at year 9999 and hide the transitions, so the files (RFC 8536)
are read here; the vectorised timestamp output needs the transitions as arrays.
"""

from __future__ import annotations

import importlib.resources
import re
import struct
import zoneinfo
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pgtool.errors import Unsupported
from pgtool.types.calendar import EPOCH_DAYS, civil, day_number, weekday

__all__ = ["LocalTime", "Zone", "find_zone"]

_DAY = 86_400


class LocalTime(NamedTuple):
    """What a zone says about an instant: seconds east of UTC, abbreviation, summer time."""

    offset: int
    abbreviation: str
    is_dst: bool


class _Rule(NamedTuple):
    """When summer time begins or ends: kind J, D (both days of the year) or M."""

    kind: str
    month: int
    week: int
    day: int
    seconds: int

    def local_seconds(self, year: int) -> int:
        """The change in local seconds since 1970 (by the clock that runs before it)."""
        if self.kind == "M":
            first = day_number(year, self.month, 1)
            day = first + (self.day - weekday(first)) % 7 + 7 * (self.week - 1)
            following = (year + 1, 1) if self.month == 12 else (year, self.month + 1)
            while day >= day_number(*following, 1):
                day -= 7
        elif self.kind == "J":
            leap = day_number(year, 3, 1) - day_number(year, 2, 1) == 29
            day = day_number(year, 1, 1) + self.day - 1 + (leap and self.day >= 60)
        else:
            day = day_number(year, 1, 1) + self.day
        return (day + EPOCH_DAYS) * _DAY + self.seconds


_NAME = r"(<[A-Za-z0-9+-]+>|[A-Za-z]{3,})"
_TIME = r"([+-]?[0-9]{1,3}(?::[0-9]{1,2}){0,2})"
_WHEN = rf",(J?[0-9]+|M[0-9]+\.[0-9]+\.[0-9]+)(?:/{_TIME})?"
_POSIX = re.compile(rf"{_NAME}{_TIME}(?:{_NAME}{_TIME}?(?:{_WHEN}{_WHEN})?)?")


def _seconds(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    return sign * sum(value * unit for value, unit in zip(parts, (3600, 60, 1)))


def _rule(when: str, time: str | None) -> _Rule:
    seconds = _seconds(time) if time else 7200
    if when[0] == "M":
        month, week, day = (int(part) for part in when[1:].split("."))
        if not (1 <= month <= 12 and 1 <= week <= 5 and 0 <= day <= 6):
            raise ValueError(when)
        return _Rule("M", month, week, day, seconds)
    if when[0] == "J":
        return _Rule("J", 0, 0, int(when[1:]), seconds)
    return _Rule("D", 0, 0, int(when), seconds)


class _Posix:
    """A POSIX rule: standard time, and from when to when summer time."""

    def __init__(self, text: str) -> None:
        match = _POSIX.fullmatch(text)
        if match is None:
            raise ValueError(f"not a POSIX time zone: {text!r}")
        name, offset, dst_name, dst_offset, start, start_time, end, end_time = match.groups()
        self.standard = LocalTime(-_seconds(offset), name.strip("<>"), False)
        self.summer: LocalTime | None = None
        if dst_name:
            east = -_seconds(dst_offset) if dst_offset else self.standard.offset + 3600
            self.summer = LocalTime(east, dst_name.strip("<>"), True)
            if not start:
                start, end = "M3.2.0", "M11.1.0"
            self.start, self.end = _rule(start, start_time), _rule(end, end_time)

    def changes(self, year: int) -> list[tuple[int, LocalTime]]:
        """(UTC seconds, what holds from then on) of one year, in order."""
        if self.summer is None:
            return []
        begin = self.start.local_seconds(year) - self.standard.offset
        end = self.end.local_seconds(year) - self.summer.offset
        return sorted([(begin, self.summer), (end, self.standard)])

    def at(self, seconds: int) -> LocalTime:
        """What holds at an instant."""
        if self.summer is None:
            return self.standard
        year = civil(seconds // _DAY - EPOCH_DAYS)[0]
        found = None
        for one in (year - 1, year, year + 1):
            for when, what in self.changes(one):
                if when <= seconds:
                    found = what
        return found or self.standard


class Zone:
    """One time zone. ``times`` are UTC seconds of its changes, ``kinds`` what follows each."""

    def __init__(
        self, name: str, first: LocalTime, times: list[int], kinds: list[LocalTime], rule: str
    ) -> None:
        self.name = name
        self.first = first
        self.times = times
        self.kinds = kinds
        self.rule = _Posix(rule) if rule else None

    def at(self, seconds: int) -> LocalTime:
        """What holds at an instant (UTC seconds since 1970)."""
        if self.rule is not None and (not self.times or seconds >= self.times[-1]):
            return self.rule.at(seconds)
        position = bisect_right(self.times, seconds)
        return self.kinds[position - 1] if position else self.first

    def around(self, local: int) -> tuple[LocalTime, LocalTime, int] | LocalTime:
        """What a wall clock reading can mean: (before, after, UTC seconds of the change)
        where a change is near, else the one meaning."""
        early, late = local - _DAY, local + _DAY
        before = self.at(early)
        change = self.next_change(early)
        if change is None or change > late:
            return before
        return before, self.at(change), change

    def next_change(self, seconds: int) -> int | None:
        """The first change of offset or summer time after an instant."""
        position = bisect_right(self.times, seconds)
        before = self.at(seconds)
        while position < len(self.times):
            if self.kinds[position] != before:
                return self.times[position]
            position += 1
        if self.rule is None or self.rule.summer is None:
            return None
        year = civil(seconds // _DAY - EPOCH_DAYS)[0]
        last = self.times[-1] if self.times else seconds
        for one in range(year - 1, year + 3):
            for when, what in self.rule.changes(one):
                if when > seconds and when > last and what != before:
                    return when
        return None

    def table(self, until_year: int) -> tuple[list[int], list[LocalTime]]:
        """All changes to the end of a year; the first entry is the beginning of time."""
        times, kinds = [-(1 << 62), *self.times], [self.first, *self.kinds]
        if self.rule is not None:
            if not self.times:
                kinds = [self.rule.standard]
            first_year = civil(times[-1] // _DAY - EPOCH_DAYS)[0] if self.times else 1900
            for year in range(first_year, until_year + 1):
                for when, what in self.rule.changes(year):
                    if when > times[-1]:
                        times.append(when)
                        kinds.append(what)
        return times, kinds


_HEADER = struct.Struct(">4sc15x6I")


def _read_tzif(name: str, data: bytes) -> Zone:
    """A zone file, its 64-bit part."""
    magic, version, *counts = _HEADER.unpack_from(data)
    if magic != b"TZif" or version < b"2":
        raise Unsupported(f'time zone file "{name}" is not TZif version 2 or later')
    isut, isstd, leap, timecnt, typecnt, charcnt = counts
    at = _HEADER.size + timecnt * 5 + typecnt * 6 + charcnt + leap * 8 + isstd + isut
    _magic, _version, isut, isstd, leap, timecnt, typecnt, charcnt = _HEADER.unpack_from(data, at)
    at += _HEADER.size
    times = list(struct.unpack_from(f">{timecnt}q", data, at))
    at += timecnt * 8
    indexes = data[at : at + timecnt]
    at += timecnt
    raw = [struct.unpack_from(">iBB", data, at + 6 * i) for i in range(typecnt)]
    at += typecnt * 6
    names = data[at : at + charcnt]
    at += charcnt + leap * 12 + isstd + isut
    kinds = [
        LocalTime(offset, names[i : names.index(b"\0", i)].decode("ascii"), bool(dst))
        for offset, dst, i in raw
    ]
    rule = data[at:].strip(b"\n").decode("ascii")
    return Zone(name, kinds[0], times, [kinds[i] for i in indexes], rule)


def _zone_file(name: str) -> bytes | None:
    """The file of a zone, in any case of letters."""
    parts = name.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9_+-]+", part) for part in parts):
        return None
    for root in zoneinfo.TZPATH:
        found = Path(root)
        for part in parts:
            exact = found / part
            if exact.exists():
                found = exact
                continue
            entries = found.iterdir() if found.is_dir() else iter(())
            same = [entry for entry in entries if entry.name.lower() == part.lower()]
            if not same:
                break
            found = same[0]
        else:
            if found.is_file():
                return found.read_bytes()
    return _packaged_zone_file(name)


def _packaged_zone_file(name: str) -> bytes | None:
    by_lower = {key.lower(): key for key in zoneinfo.available_timezones()}
    key = by_lower.get(name.lower())
    if key is None:
        return None
    *folders, leaf = key.split("/")
    package = ".".join(["tzdata", "zoneinfo", *folders])
    try:
        return importlib.resources.files(package).joinpath(leaf).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        return None


@cache
def find_zone(name: str) -> Zone:
    """The zone of a name or POSIX rule; Unsupported where there is none."""
    if name.upper() in ("GMT", "UTC"):
        return Zone(name.upper(), LocalTime(0, name.upper(), False), [], [], name.upper() + "0")
    data = _zone_file(name)
    if data is not None:
        return _read_tzif(name, data)
    try:
        rule = _Posix(name)
    except (ValueError, IndexError):
        raise Unsupported(f'time zone "{name}" is not known') from None
    return Zone(name, rule.standard, [], [], name)
