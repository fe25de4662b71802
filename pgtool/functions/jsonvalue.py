"""SQL values as JSON: text for json, trees for jsonb.

A type falls into one of a few kinds: booleans and numbers are themselves (numbers that
JSON cannot write become strings), dates and timestamps take their ISO form whatever
DateStyle says, arrays and rows become arrays and objects, json and jsonb go in as they
are, and everything else is a string of its text form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.codec import encode_numeric
from pgtool.functions.jsonbtree import unpack
from pgtool.functions.textformat import text_of
from pgtool.functions.timezones import session_clock
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.types import calendar as cal
from pgtool.types.json import JsonNumber, escape_json, parse_json
from pgtool.types.jsonb import NumericDatum, jsonb_text

__all__ = [
    "JSON", "JSONB", "checked_key_kind", "date_text", "json_key", "json_text", "kind_of",
    "node_key", "node_of", "offset_text", "quoted", "timestamp_text",
]  # fmt: skip

JSON, JSONB = 114, 3802
_PLAIN = {16: "bool", 20: "number", 21: "number", 23: "number", 700: "number", 701: "number",
          1700: "number", 1082: "date", 1114: "timestamp", 1184: "timestamptz", JSON: "json",
          JSONB: "jsonb", 2249: "record", 2287: "array"}  # fmt: skip
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
FIRST_NORMAL = 16384


def kind_of(session: Any, typid: int) -> str:
    """The kind of a type, domains seen through: see the module."""
    known: dict[int, str] = session.__dict__.setdefault("_json_kinds", dict(_PLAIN))
    if typid not in known:
        known[typid] = _find_kind(session, typid)
    return known[typid]


def _find_kind(session: Any, typid: int) -> str:
    info = session.types.info(typid)
    if info.typtype == "d":
        return kind_of(session, info.typbasetype)
    if info.is_true_array or info.typoutput in ("oidvectorout", "int2vectorout"):
        return "array"
    if info.typtype == "c":
        return "record"
    if typid >= FIRST_NORMAL and _json_cast(session, typid) is not None:
        return "cast"
    return "other"


def _json_cast(session: Any, typid: int) -> int | None:
    """The function of a user-defined type's cast to json."""
    row = session.cache.one("pg_cast", ("castsource", "casttarget"), (typid, JSON))
    return int(row.castfunc) if row is not None and row.castmethod == "f" else None


def _cast_text(session: Any, typid: int, value: Any) -> str:
    from pgtool.functions.opcache import opcache

    cast = _json_cast(session, typid)
    assert cast is not None
    return str(opcache(session).callable(cast, (typid,), JSON)(value))


def quoted(text: str) -> str:
    """A JSON string."""
    if _ESCAPED.search(text):
        return escape_json(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    return f'"{text}"'


# -- dates --------------------------------------------------------------------------------


def date_text(days: int) -> str:
    """A date in ISO 8601."""
    if days in (cal.DATE_INFINITY, cal.DATE_MINUS_INFINITY):
        return "infinity" if days > 0 else "-infinity"
    year, month, day = cal.civil(days)
    era = "" if year > 0 else " BC"
    return f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}{era}"


def offset_text(east: int) -> str:
    """An offset from UTC, minutes always shown."""
    minutes, second = divmod(abs(east), 60)
    text = f"{'-' if east < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{second:02d}" if second else text


def timestamp_text(us: int, zone: str = "") -> str:
    """A wall clock reading in ISO 8601."""
    days, rest = divmod(us, cal.DAY_US)
    date, _, era = date_text(days).partition(" ")
    hour, minute, second, micro = cal.clock(rest)
    clock = f"{hour:02d}:{minute:02d}:{cal.seconds_text(second, micro)}"
    return f"{date}T{clock}{zone}{' BC' if era else ''}"


def iso_text(session: Any, kind: str, value: int) -> str:
    """A date or timestamp in ISO 8601."""
    if kind == "date":
        return date_text(value)
    if value in (cal.TIMESTAMP_INFINITY, cal.TIMESTAMP_MINUS_INFINITY):
        return "infinity" if value > 0 else "-infinity"
    if kind == "timestamp":
        return timestamp_text(value)
    clock = session_clock(session)
    return timestamp_text(clock.local(value), offset_text(clock.at(value).offset))


# -- text ---------------------------------------------------------------------------------


def json_text(session: Any, typid: int, value: Any, line_feeds: bool = False) -> str:
    """A value as JSON text; ``line_feeds`` parts the members of the outermost container."""
    if value is None:
        return "null"
    kind = kind_of(session, typid)
    if kind == "number":
        shown = text_of(session, typid, value)
        return shown if _NUMBER.fullmatch(shown) else quoted(shown)
    if kind == "bool":
        return "true" if value else "false"
    if kind in ("date", "timestamp", "timestamptz"):
        return f'"{iso_text(session, kind, value)}"'
    if kind == "json":
        return str(value)
    if kind == "jsonb":
        return str(session.settings.encoding.decode(jsonb_text(value)))
    separator = ",\n " if line_feeds else ","
    if kind == "array":
        return _array_text(session, value, separator)
    if kind == "record":
        pairs = [f"{quoted(n)}:{json_text(session, t, v)}" for n, t, v in _fields(session, value)]
        return "{" + separator.join(pairs) + "}"
    if kind == "cast":
        return _cast_text(session, typid, value)
    return quoted(text_of(session, typid, value))


def _fields(session: Any, value: RecordValue) -> list[tuple[str, int, Any]]:
    """(name, type, value) of a row's columns."""
    names = value.names or tuple(f"f{i}" for i in range(1, len(value.fields) + 1))
    return list(zip(names, value.fieldtypes, value.fields))


def _nested(value: ArrayValue, make: Callable[[Any], Any]) -> Any:
    """Elements made, in lists as deep as the dimensions."""
    made = [make(one) for one in value.elements]
    for length in reversed(value.dims[1:]):
        made = [made[i : i + length] for i in range(0, len(made), length)]
    return made


def _array_text(session: Any, value: ArrayValue, separator: str) -> str:
    def show(made: Any, between: str) -> str:
        if isinstance(made, list):
            return "[" + between.join([show(one, ",") for one in made]) + "]"
        return str(made)

    return show(_nested(value, lambda v: json_text(session, value.elemtype, v)), separator)


def checked_key_kind(session: Any, typid: int) -> str:
    """The kind of an object key's type, which must be a scalar."""
    kind = kind_of(session, typid)
    if kind in ("array", "record", "json", "jsonb", "cast"):
        raise SqlError(
            "key value must be scalar, not array, composite, or json", "22023"
        )
    return kind


def key_text(session: Any, typid: int, value: Any) -> str:
    """A value as an object's key."""
    kind = checked_key_kind(session, typid)
    if kind == "bool":
        return "true" if value else "false"
    if kind in ("date", "timestamp", "timestamptz"):
        return iso_text(session, kind, value)
    return text_of(session, typid, value)


def json_key(session: Any, typid: int, value: Any) -> str:
    """A value as a key in JSON text."""
    return quoted(key_text(session, typid, value))


# -- trees --------------------------------------------------------------------------------


def node_key(session: Any, typid: int, value: Any) -> bytes:
    """A value as a key of a tree."""
    encoded: bytes = session.settings.encoding.encode(key_text(session, typid, value))
    return encoded


def node_of(session: Any, typid: int, value: Any) -> Any:
    """A value as a jsonb tree."""
    if value is None:
        return None
    kind = kind_of(session, typid)
    encode = session.settings.encoding.encode
    if kind == "number":
        if isinstance(value, Decimal) and value.is_finite():
            return NumericDatum(encode_numeric(value))
        shown = text_of(session, typid, value)
        return JsonNumber(shown) if _NUMBER.fullmatch(shown) else encode(shown)
    if kind == "bool":
        return bool(value)
    if kind in ("date", "timestamp", "timestamptz"):
        return encode(iso_text(session, kind, value))
    if kind == "jsonb":
        return unpack(value)
    if kind in ("json", "cast"):
        text = value if kind == "json" else _cast_text(session, typid, value)
        return parse_json(encode(text), session.settings, unescape=True)
    if kind == "array":
        return _nested(value, lambda v: node_of(session, value.elemtype, v))
    if kind == "record":
        return {encode(n): node_of(session, t, v) for n, t, v in _fields(session, value)}
    return encode(text_of(session, typid, value))
