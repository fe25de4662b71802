"""Settings whose values have rules of their own: DateStyle, TimeZone, encodings, lists of names."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

from pgtool.errors import PgtoolError, SqlError
from pgtool.functions.guc import INVALID_PARAMETER_VALUE, Check, GucSpec
from pgtool.types.encoding import encoding_by_name
from pgtool.types.zones import find_zone

__all__ = ["CHECKS", "split_identifiers"]


def _bad(spec: GucSpec, text: str, detail: str | None = None) -> SqlError:
    return SqlError(
        f'invalid value for parameter "{spec.name}": "{text}"', INVALID_PARAMETER_VALUE, detail
    )


_IDENTIFIER = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*(,|$)')


def split_identifiers(text: str) -> list[str] | None:
    """A comma-separated list of names; None where it is not one."""
    out: list[str] = []
    at = 0
    if not text.strip():
        return out
    while True:
        match = _IDENTIFIER.match(text, at)
        if match is None:
            return None
        quoted, bare = match[1], match[2]
        out.append(quoted.replace('""', '"') if quoted is not None else bare.lower())
        at = match.end()
        if not match[3]:
            return out


def _search_path(spec: GucSpec, text: str, _current: str) -> str:
    if split_identifiers(text) is None:
        raise _bad(spec, text, "List syntax is invalid.")
    return text


_STYLES = {"iso": "ISO", "sql": "SQL", "german": "German"}
_ORDERS = {"dmy": "DMY", "ymd": "YMD", "mdy": "MDY", "us": "MDY"}


def _datestyle(spec: GucSpec, text: str, current: str) -> str:
    """``style, order`` in full; what is not said stays as it is."""
    words = split_identifiers(text)
    if words is None:
        raise _bad(spec, text, "List syntax is invalid.")
    style = order = None
    for word in words:
        word = word.lower()
        new_style = _STYLES.get(word) or ("Postgres" if word.startswith("postgres") else None)
        new_order = _ORDERS.get(word)
        if word.startswith("euro"):
            new_order = "DMY"
        elif word.startswith("noneuro"):
            new_order = "MDY"
        if word == "default":
            continue
        if new_style is None and new_order is None:
            raise _bad(spec, text, f'Unrecognized key word: "{word}".')
        conflict = (new_style and style and new_style != style) or (
            new_order and order and new_order != order
        )
        if conflict:
            raise _bad(spec, text, 'Conflicting "DateStyle" specifications.')
        style, order = new_style or style, new_order or order
    if style == "German" and order is None:
        order = "DMY"
    old_style, _, old_order = current.partition(", ")
    return f"{style or old_style or 'ISO'}, {order or old_order or 'MDY'}"


def _timezone(spec: GucSpec, text: str, _current: str) -> str:
    if re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", text):
        hours = float(text)
        if abs(hours) > 167:
            raise _bad(spec, text, "UTC timezone offset is out of range.")
        return _offset_zone(hours)
    try:
        name = str(find_zone(text).name)
        return name if name in _KNOWN else _canonical().get(name.lower(), name)
    except PgtoolError:
        raise _bad(spec, text) from None


#: Names that need no search of the zone directory.
_KNOWN = ("GMT", "UTC")


@cache
def _canonical() -> dict[str, str]:
    """Zone names by their lower-case form."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def _offset_zone(hours: float) -> str:
    """A fixed offset as PostgreSQL spells it: a POSIX zone whose sign is the other way."""
    seconds = round(hours * 3600)
    name = f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02d}"
    rest = abs(seconds) % 3600
    if rest:
        name += f":{rest // 60:02d}" + (f":{rest % 60:02d}" if rest % 60 else "")
    sign = "-" if name[0] == "+" else "+"
    return f"<{name}>{sign}{name[1:]}"


def _encoding(spec: GucSpec, text: str, _current: str) -> str:
    try:
        return encoding_by_name(text).name
    except PgtoolError:
        raise _bad(spec, text) from None


CHECKS: dict[str, Check] = {
    "search_path": _search_path, "datestyle": _datestyle, "timezone": _timezone,
    "log_timezone": _timezone, "client_encoding": _encoding,
}  # fmt: skip
