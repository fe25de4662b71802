"""Values between Python and SQL, as DB-API parameters and rows have them.

:func:`typed` says what type a parameter has and its text, as psycopg would: the narrowest
integer type that holds it, no type at all for a str. :func:`loader` makes Python values of
datums.
"""

from __future__ import annotations

import datetime
import enum
import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

__all__ = ["CannotAdapt", "Json", "Jsonb", "loader", "typed"]


class CannotAdapt(Exception):
    """A Python value that has no SQL form."""


_INT2, _INT4, _INT8, _NUMERIC, _UNKNOWN = 21, 23, 20, 1700, 0
#: The integer types, the narrowest first, and their bits.
_INTEGERS = ((_INT2, 15), (_INT4, 31), (_INT8, 63))
_WIDTHS = {_INT2: 0, _INT4: 1, _INT8: 2, _NUMERIC: 3}


class Json:
    """A parameter that is to be JSON."""

    typid = 114

    def __init__(self, obj: Any, dumps: Callable[[Any], str] = json.dumps) -> None:
        self.obj = obj
        self.dumps = dumps

    def __str__(self) -> str:
        return self.dumps(self.obj)


class Jsonb(Json):
    """A parameter that is to be jsonb."""

    typid = 3802


def _literal(value: Any) -> tuple[int, str | None]:
    """(type OID or 0, text) of a Python value."""
    if value is None:
        return _UNKNOWN, None
    if isinstance(value, bool):
        return 16, "t" if value else "f"
    if isinstance(value, int):
        fits = (typid for typid, bits in _INTEGERS if -(1 << bits) <= value < 1 << bits)
        return next(fits, _NUMERIC), str(int(value))
    if isinstance(value, Json):
        return value.typid, str(value)
    for kind, typid, text in _DUMPERS:
        if isinstance(value, kind):
            return typid, text(value)
    if isinstance(value, (list, tuple)):
        return _array(value)
    raise CannotAdapt(f"cannot adapt type {type(value).__name__!r}")


_ARRAYS = {16: 1000, 20: 1016, 21: 1005, 23: 1007, 25: 1009, 701: 1022, 1700: 1231, 1082: 1182,
           1114: 1115, 1184: 1185, 2950: 2951, 17: 1001}  # fmt: skip


#: An array's element that needs no quotes.
_BARE = re.compile(r"""[^\s{},"\\]+""")


def _array(items: Sequence[Any]) -> tuple[int, str]:
    found = [_array(v) if isinstance(v, (list, tuple)) else _literal(v) for v in items]
    types = {typid for typid, text in found if text is not None}
    numbers = types and types <= set(_WIDTHS)
    common = max(types, key=_WIDTHS.__getitem__) if numbers else (
        types.pop() if len(types) == 1 else _UNKNOWN)  # fmt: skip
    parts = []
    for item, (_typid, text) in zip(items, found):
        if text is None:
            parts.append("NULL")
        elif isinstance(item, (list, tuple)):
            parts.append(text)
        else:
            parts.append(text if _BARE.fullmatch(text) and text.upper() != "NULL" else
                         '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')  # fmt: skip
    nested = any(isinstance(item, (list, tuple)) for item in items)
    return common if nested else _ARRAYS.get(common, _UNKNOWN), "{" + ",".join(parts) + "}"


def _interval(value: datetime.timedelta) -> str:
    return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"


_DUMPERS: tuple[tuple[Any, int, Callable[[Any], str]], ...] = (
    (str, _UNKNOWN, str), (float, 701, repr), (Decimal, _NUMERIC, str),
    ((bytes, bytearray, memoryview), 17, lambda v: "\\x" + bytes(v).hex()),
    (uuid.UUID, 2950, str), (datetime.timedelta, 1186, _interval),
    ((ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Interface,
      ipaddress.IPv6Interface), 869, str),
    ((ipaddress.IPv4Network, ipaddress.IPv6Network), 650, str),
    (enum.Enum, _UNKNOWN, lambda v: str(v.name)),
)  # fmt: skip


def typed(value: Any) -> tuple[int, str | None]:
    if isinstance(value, datetime.datetime):
        return (1184 if value.tzinfo else 1114), value.isoformat(" ")
    if isinstance(value, datetime.date):
        return 1082, value.isoformat()
    if isinstance(value, datetime.time):
        return (1266 if value.tzinfo else 1083), value.isoformat()
    return _literal(value)


#: Types whose value is their text: names of catalog objects, WAL positions.
_TEXTS = frozenset({24, 2202, 2203, 2204, 2205, 2206, 3220, 3734, 3769, 4089, 4096, 4191})
_JSONS = frozenset({114, 3802})
_INTERVAL = 1186
_PARTS = re.compile(r"(?:(-?\d+) years? ?)?(?:(-?\d+) mons? ?)?(?:(-?\d+) days? ?)?"
                    r"(?:([-+]?)(\d+):(\d+):(\d+(?:\.\d+)?))?")


def loader(registry: Any, typid: int) -> Callable[[bytes], Any]:
    """What makes a Python value of a datum."""
    io = registry.io_of(typid)
    if typid in _TEXTS:
        return cast(Callable[[bytes], Any], io.output)
    if typid in _JSONS:
        return lambda datum: json.loads(io.output(datum))
    if typid == _INTERVAL:
        return lambda datum: _timedelta(io.to_python(datum))
    return cast(Callable[[bytes], Any], io.to_python)


def _timedelta(value: Any) -> Any:
    """An interval that has months: 30 days each, a year 365."""
    match = _PARTS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    years, months, days, sign, hours, minutes, seconds = match.groups()
    whole = 365 * int(years or 0) + 30 * int(months or 0) + int(days or 0)
    second = Decimal(seconds or 0)
    time = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0),
                              microseconds=int(second * 1_000_000))  # fmt: skip
    return datetime.timedelta(days=whole) + (-time if sign == "-" else time)
