"""The SQL functions and operators of ranges."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.rangeops import RangeType, range_type
from pgtool.functions.registry import Call, builtin, find
from pgtool.functions.values import RangeValue

_FLAGS = {"[]": (True, True), "[)": (True, False), "(]": (False, True), "()": (False, False)}


def _of(call: Call, a: RangeValue) -> RangeType:
    return range_type(call.session, a.typeoid)


@builtin("range_constructor2", call=True)
def range_constructor2(call: Call, lower: Any, upper: Any) -> RangeValue:
    return range_type(call.session, call.rettype).make(lower, upper, True, False)


@builtin("range_constructor3", call=True)
def range_constructor3(call: Call, lower: Any, upper: Any, flags: str | None) -> RangeValue:
    if flags is None:
        raise SqlError("range constructor flags argument must not be null", "22000")
    if flags not in _FLAGS:
        raise SqlError(
            "invalid range bound flags", "42601",
            hint='Valid values are "[]", "[)", "(]", and "()".',
        )  # fmt: skip
    return range_type(call.session, call.rettype).make(lower, upper, *_FLAGS[flags])


@builtin("range_lower")
def range_lower(a: RangeValue) -> Any:
    return None if a.empty else a.lower


@builtin("range_upper")
def range_upper(a: RangeValue) -> Any:
    return None if a.empty else a.upper


@builtin("range_empty")
def range_empty(a: RangeValue) -> bool:
    return a.empty


@builtin("range_lower_inc")
def range_lower_inc(a: RangeValue) -> bool:
    return a.lower_inc


@builtin("range_upper_inc")
def range_upper_inc(a: RangeValue) -> bool:
    return a.upper_inc


@builtin("range_lower_inf")
def range_lower_inf(a: RangeValue) -> bool:
    return not a.empty and a.lower is None


@builtin("range_upper_inf")
def range_upper_inf(a: RangeValue) -> bool:
    return not a.empty and a.upper is None


@builtin("range_contains_elem", call=True)
def range_contains_elem(call: Call, a: RangeValue, value: Any) -> bool:
    return _of(call, a).holds(a, value)


@builtin("elem_contained_by_range", call=True)
def elem_contained_by_range(call: Call, value: Any, a: RangeValue) -> bool:
    return _of(call, a).holds(a, value)


@builtin("range_contains", call=True)
def range_contains(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).contains(a, b)


@builtin("range_contained_by", call=True)
def range_contained_by(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).contains(b, a)


@builtin("range_before", call=True)
def range_before(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).before(a, b)


@builtin("range_after", call=True)
def range_after(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).before(b, a)


@builtin("range_overlaps", call=True)
def range_overlaps(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).overlaps(a, b)


@builtin("range_overleft", call=True)
def range_overleft(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).overleft(a, b)


@builtin("range_overright", call=True)
def range_overright(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).overright(a, b)


@builtin("range_adjacent", call=True)
def range_adjacent(call: Call, a: RangeValue, b: RangeValue) -> bool:
    return _of(call, a).adjacent(a, b)


@builtin("range_union", call=True)
def range_union(call: Call, a: RangeValue, b: RangeValue) -> RangeValue:
    return _of(call, a).union(a, b)


@builtin("range_merge", call=True)
def range_merge(call: Call, a: RangeValue, b: RangeValue) -> RangeValue:
    return _of(call, a).span(a, b)


@builtin("range_intersect", call=True)
def range_intersect(call: Call, a: RangeValue, b: RangeValue) -> RangeValue:
    return _of(call, a).intersection(a, b)


@builtin("range_minus", call=True)
def range_minus(call: Call, a: RangeValue, b: RangeValue) -> RangeValue:
    kind = _of(call, a)
    left = kind.difference(a, b)
    if len(left) > 1:
        raise SqlError("result of range difference would not be contiguous", "22000")
    return left[0] if left else kind.empty


_USECS = 1_000_000.0


@builtin("int4range_subdiff", "int8range_subdiff", "daterange_subdiff")
def int_subdiff(a: int, b: int) -> float:
    return float(a) - float(b)


@builtin("numrange_subdiff")
def numrange_subdiff(a: Decimal, b: Decimal) -> float:
    return float(find("numeric_sub").scalar(a, b))


@builtin("int4range_canonical", "int8range_canonical", "daterange_canonical")
def canonical(a: RangeValue) -> RangeValue:
    """Every value already is."""
    return a


@builtin("tsrange_subdiff", "tstzrange_subdiff")
def timestamp_subdiff(a: int, b: int) -> float:
    return (float(a) - float(b)) / _USECS
