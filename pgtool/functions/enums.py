"""Enums: their first and last value, and those between two.

A value is the OID of its pg_enum row; the order is enumsortorder's.
"""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue

__all__ = ["enum_values"]


def enum_values(session: Any, typid: int) -> list[int]:
    """The values of an enum type, in order."""
    known: dict[int, list[int]] = session.__dict__.setdefault("_enum_values", {})
    if typid not in known:
        rows = session.cache.lookup("pg_enum", "enumtypid", typid)
        known[typid] = [row.oid for row in sorted(rows, key=lambda row: row.enumsortorder)]
    return known[typid]


def _values(call: Call) -> list[int]:
    found = enum_values(call.session, call.argtypes[0])
    if not found:
        name = call.session.types.format_type(call.argtypes[0])
        raise SqlError(f"enum {name} contains no values", "55000")
    return found


@builtin("enum_first", call=True)
def enum_first(call: Call, _value: int | None) -> int:
    return _values(call)[0]


@builtin("enum_last", call=True)
def enum_last(call: Call, _value: int | None) -> int:
    return _values(call)[-1]


@builtin("enum_range_all", call=True)
def enum_range_all(call: Call, _value: int | None) -> ArrayValue:
    return ArrayValue.of(call.argtypes[0], list(enum_values(call.session, call.argtypes[0])))


@builtin("enum_range_bounds", call=True)
def enum_range_bounds(call: Call, low: int | None, high: int | None) -> ArrayValue:
    order = enum_values(call.session, call.argtypes[0])
    first = 0 if low is None else order.index(low)
    last = len(order) if high is None else order.index(high) + 1
    return ArrayValue.of(call.argtypes[0], order[first:last])
