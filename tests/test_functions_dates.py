"""Dates and timestamps over columns: the same answers as one by one."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pgtool.functions import registry
from pgtool.functions.columns import ScaledColumn
from pgtool.functions.registry import Call
from pgtool.functions.values import Interval
from pgtool.types import calendar as cal
from pgtool.types.column import VarColumn
from pgtool.types.info import Settings

UNITS = (
    "year", "month", "day", "quarter", "dow", "isodow", "doy", "week", "isoyear", "hour",
    "minute", "second", "milliseconds", "microseconds", "epoch", "century",
)  # fmt: skip
SPANS = (
    Interval(0, 1, 0), Interval(-3_600_000_000, 0, 1), Interval(5, -40, -13), Interval(1, 0, 0),
    Interval(0, 0, 12),
)  # fmt: skip
ROWS = 400


def _bound(prosrc: str, zone: str) -> tuple[Any, Any]:
    registry.load()
    session = SimpleNamespace(settings=Settings(timezone=zone))
    call = Call((), 0, 0, session)
    one = registry.BUILTINS[prosrc]
    scalar = functools.partial(one.scalar, call) if one.call else one.scalar
    many = registry.VECTORS[prosrc]
    return scalar, functools.partial(many, call) if prosrc in registry.VECTOR_CALLS else many


def _word(text: str) -> VarColumn:
    column = VarColumn.of([text.encode()])
    shape = (ROWS,)
    return VarColumn(
        column.buffer, np.broadcast_to(column.start, shape),
        np.broadcast_to(column.length, shape),
    )  # fmt: skip


def _values(found: Any) -> list[Any]:
    if isinstance(found, ScaledColumn):
        return [(v, found.scale) for v in found.values.tolist()]
    if found.dtype.kind == "V":
        return [v.tobytes() for v in found]
    return list(found.tolist())


def _plain(value: Any, like: Any) -> Any:
    if isinstance(like, tuple):
        return int(value.scaleb(like[1])), like[1]
    if isinstance(value, Interval):
        packed = np.array([tuple(value)], [("u", "<i8"), ("d", "<i4"), ("m", "<i4")])
        return packed.view("V16")[0].tobytes()
    return value


def _stamps(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    near = rng.integers(-2 * 10**15, 2 * 10**15, ROWS // 2)
    days = rng.integers(-700_000, 700_000, ROWS - ROWS // 2) * cal.DAY_US
    return np.concatenate([near, days])


def _same(one_by_one: list[Any], found: Any, required: bool = True) -> None:
    if found is NotImplemented:
        assert not required
        return
    got = _values(found)
    assert [_plain(v, like) for v, like in zip(one_by_one, got)] == got


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("unit", UNITS)
def test_fields_and_truncation(zone: str, unit: str) -> None:
    us = _stamps(UNITS.index(unit))
    for prosrc in ("extract_timestamp", "timestamp_part", "extract_timestamptz",
                   "timestamptz_part", "timestamp_trunc", "timestamptz_trunc"):  # fmt: skip
        scalar, many = _bound(prosrc, zone)
        found = many(_word(unit), us)
        if found is not NotImplemented:
            _same([scalar(unit, v) for v in us.tolist()], found)
    days = (us // cal.DAY_US).astype(np.int32)
    scalar, many = _bound("extract_date", zone)
    found = many(_word(unit), days)
    if found is not NotImplemented:
        _same([scalar(unit, v) for v in days.tolist()], found)
    else:
        assert unit not in UNITS[:9]


@pytest.mark.parametrize("span", SPANS)
def test_adding_intervals(span: Interval) -> None:
    us = _stamps(7)[: ROWS // 2]
    days = (us // cal.DAY_US).astype(np.int32)
    packed = np.array([tuple(span)], [("u", "<i8"), ("d", "<i4"), ("m", "<i4")]).view("V16")[0]
    for sign in ("pl", "mi"):
        for kind, column in (("timestamp", us), ("timestamptz", us), ("date", days)):
            scalar, many = _bound(f"{kind}_{sign}_interval", "Europe/Berlin")
            exact = span.day == span.month == 0
            _same([scalar(v, span) for v in column.tolist()], many(column, packed),
                  kind != "timestamptz" or exact)  # fmt: skip


def test_conversion_and_differences() -> None:
    us, other = _stamps(1)[: ROWS // 2], _stamps(2)[: ROWS // 2]
    days = (us // cal.DAY_US).astype(np.int32)
    for prosrc, args in (
        ("timestamp_date", (us,)), ("timestamptz_date", (us,)), ("timestamptz_timestamp", (us,)),
        ("date_timestamp", (days,)), ("timestamp_mi", (us, other)), ("date_mi", (days, days[::-1])),
        ("date_pli", (days, days % 999)), ("date_mii", (days, days % 999)),
        ("date_lt_timestamp", (days, us)), ("timestamp_eq_date", (us, days)),
    ):  # fmt: skip
        scalar, many = _bound(prosrc, "Europe/Berlin")
        _same([scalar(*row) for row in zip(*(a.tolist() for a in args))], many(*args))


def test_rare_values_are_left_to_the_scalar_form() -> None:
    us = np.array([0, cal.TIMESTAMP_INFINITY, cal.MIN_TIMESTAMP], np.int64)
    for prosrc in ("extract_timestamp", "extract_timestamptz", "timestamp_trunc"):
        _scalar, many = _bound(prosrc, "UTC")
        assert many(VarColumn.of([b"year"]), us) is NotImplemented
