"""The time zones and abbreviations that this machine and PostgreSQL know."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

from pgtool.errors import Unsupported
from pgtool.functions.registry import Call, builtin
from pgtool.functions.timezones import unix_seconds
from pgtool.functions.values import Interval
from pgtool.types.zone_names import DYNAMIC, fixed_abbreviations
from pgtool.types.zones import find_zone

__all__: list[str] = []

_SECOND = 1_000_000


def _offset(seconds: int) -> Interval:
    return Interval(seconds * _SECOND, 0, 0)


@builtin("pg_timezone_names", call=True, returns_set=True)
def pg_timezone_names(call: Call) -> Iterator[tuple[str, str, Interval, bool]]:
    """Name, abbreviation, offset, summer time, as they are now."""
    now = unix_seconds(call.session.now)
    for name in sorted(zoneinfo.available_timezones()):
        try:
            local = find_zone(name).at(now)
        except Unsupported:
            continue
        yield name, local.abbreviation, _offset(local.offset), local.is_dst


@builtin("pg_timezone_abbrevs", "pg_timezone_abbrevs_abbrevs", call=True, returns_set=True)
def pg_timezone_abbrevs(call: Call) -> Iterator[tuple[str, Interval, bool]]:
    """The abbreviations that input accepts."""
    now = unix_seconds(call.session.now)
    found = dict(fixed_abbreviations())
    for word, zone in DYNAMIC.items():
        local = find_zone(zone).at(now)
        found[word] = (local.offset, local.is_dst)
    for word in sorted(found):
        offset, summer = found[word]
        yield word.upper(), _offset(offset), summer


@builtin("pg_timezone_abbrevs_zone", call=True, returns_set=True)
def pg_timezone_abbrevs_zone(call: Call) -> Iterator[tuple[str, Interval, bool]]:
    """The abbreviations of the session's own zone: those that it uses nowadays."""
    zone = find_zone(str(call.session.get("TimeZone")))
    now = unix_seconds(call.session.now)
    seen = {}
    for month in range(13):
        local = zone.at(now - month * 30 * 86400)
        seen[local.abbreviation] = local
    for word in sorted(seen):
        if word.isalpha():
            yield word.upper(), _offset(seen[word].offset), seen[word].is_dst
