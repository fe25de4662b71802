"""Time zones as functions name them: a zone, an abbreviation, a displacement.

A :class:`Clock` takes instants to wall clock readings and back, both in microseconds since
2000-01-01. Three kinds: a zone of the zone files, a fixed offset, and a dynamic
abbreviation, which stands for the offset that its zone last used it for.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.date_reading import meaning
from pgtool.types.intervals import interval_text
from pgtool.types.zone_names import DYNAMIC, fixed_abbreviations
from pgtool.types.zones import LocalTime, Zone, find_zone

__all__ = [
    "Clock", "abbreviation_clock", "calendar_clock", "clock_of_interval", "named_clock",
    "session_clock",
]  # fmt: skip

_UNIX = cal.EPOCH_DAYS * 86_400
_TOKEN_LENGTH = 10
_NAMEDATALEN = 64


def unix_seconds(us: int) -> int:
    """Microseconds since 2000 as whole seconds since 1970."""
    return us // cal.SECOND_US + _UNIX


class Clock:
    """Instants ↔ wall clock readings. ``zone`` is None where the offset is fixed."""

    def __init__(self, zone: Zone | None, offset: int = 0, abbreviation: str = "") -> None:
        self.zone = zone
        self.offset = offset
        self.abbreviation = abbreviation

    def at(self, us: int) -> LocalTime:
        """What holds at an instant."""
        if self.zone is None:
            return LocalTime(self.offset, "", False)
        found = self.zone.at(unix_seconds(us))
        return self._used(unix_seconds(us), found) if self.abbreviation else found

    def reading(self, local: int) -> LocalTime:
        """What a wall clock reading means."""
        if self.zone is None:
            return LocalTime(self.offset, "", False)
        found = meaning(self.zone, unix_seconds(local))
        if self.abbreviation:
            return self._used(unix_seconds(local) - found.offset, found)
        return found

    def local(self, us: int) -> int:
        """An instant's wall clock reading."""
        return us + self.at(us).offset * cal.SECOND_US

    def utc(self, local: int) -> int:
        """The instant of a wall clock reading; the caller checks its range."""
        return local - self.reading(local).offset * cal.SECOND_US

    def _used(self, instant: int, otherwise: LocalTime) -> LocalTime:
        """The abbreviation's latest use up to an instant, else its first one."""
        assert self.zone is not None
        times, kinds = self.zone.table(1970)
        uses = [(t, k) for t, k in zip(times, kinds)
                if k.abbreviation.lower() == self.abbreviation]  # fmt: skip
        before = [k for t, k in uses if t <= instant]
        if before:
            return before[-1]
        return uses[0][1] if uses else otherwise


def session_clock(session: Any) -> Clock:
    """The clock of the session's TimeZone."""
    name = session.settings.timezone
    known: tuple[str, Clock] | None = session.__dict__.get("_clock")
    if known is None or known[0] != name:
        known = session.__dict__["_clock"] = (name, Clock(find_zone(name)))
    return known[1]


#: A POSIX rule without a name, which the zone files' reader does not take.
_BARE = re.compile(r"[+-]?[0-9]{1,3}(?::[0-9]{1,2}){0,2}")


def named_clock(session: Any, name: str) -> Clock:
    """The clock of an abbreviation or a zone's name; 22023 where there is none."""
    known: dict[tuple[str, str], Clock] = session.__dict__.setdefault("_named_clocks", {})
    key = (name, session.settings.timezone)
    if key not in known:
        known[key] = _find_clock(session, name)
    return known[key]


def calendar_clock(session: Any, name: str) -> Clock:
    """The clock to count days and months by: an abbreviation stands for its whole zone."""
    found = named_clock(session, name)
    return Clock(found.zone) if found.abbreviation else found


def abbreviation_clock(session: Any, word: str) -> Clock | None:
    """The clock of an abbreviation in lower case."""
    own = session_clock(session).zone
    if own is not None and session.settings.major >= _OWN_ABBREVIATIONS:
        offsets = {k.offset for k in own.table(1970)[1] if k.abbreviation.lower() == word}
        if len(offsets) == 1:
            return Clock(None, offsets.pop())
        if offsets:
            return Clock(own, 0, word)
    fixed = fixed_abbreviations().get(word[:_TOKEN_LENGTH])
    if fixed is not None:
        return Clock(None, fixed[0])
    if word in DYNAMIC:
        return Clock(find_zone(DYNAMIC[word]), 0, word)
    return None


def _find_clock(session: Any, name: str) -> Clock:
    found = abbreviation_clock(session, name.lower())
    if found is not None:
        return found
    try:
        return Clock(find_zone(name))
    except Unsupported:
        if _BARE.fullmatch(name):
            return Clock(find_zone(f"<{name.replace(':', '')}>{name}"))
    raise SqlError(f'time zone "{name[: _NAMEDATALEN * 4 - 1]}" not recognized', "22023")


#: The first major whose session zone's own abbreviations come first.
_OWN_ABBREVIATIONS = 18


def clock_of_interval(session: Any, zone: Interval) -> Clock:
    """A fixed displacement given as an interval."""
    text = f'"{interval_text(*zone, session.settings.interval_style, session.settings.major)}"'
    if zone.month in (0x7FFFFFFF, -0x80000000) and zone.day in (0x7FFFFFFF, -0x80000000):
        raise SqlError(f"interval time zone {text} must be finite", "22023")
    if zone.month or zone.day:
        raise SqlError(f"interval time zone {text} must not include months or days", "22023")
    seconds = abs(zone.usec) // cal.SECOND_US
    return Clock(None, _int32(seconds if zone.usec >= 0 else -seconds))


def _int32(value: int) -> int:
    """What the server's displacement, a 32-bit number, makes of too large a one."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)
