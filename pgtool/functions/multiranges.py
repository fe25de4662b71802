"""The SQL functions and operators of multiranges, alone and beside ranges.

A multirange is a tuple of ranges in order that neither touch nor overlap, so its
beginning is its first range's and its end its last one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.rangeops import RangeType, range_type
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue, RangeValue

Multi = tuple[RangeValue, ...]


def _kind(call: Call) -> RangeType:
    return range_type(call.session, call.argtypes[0])


# -- making --------------------------------------------------------------------------------


@builtin("multirange_constructor0")
def multirange_constructor0() -> Multi:
    return ()


@builtin("multirange_constructor1", call=True)
def multirange_constructor1(call: Call, a: RangeValue) -> Multi:
    return () if a.empty else (a,)


@builtin("multirange_constructor2", call=True)
def multirange_constructor2(call: Call, *given: Any) -> Multi:
    array: ArrayValue = given[0]
    if len(array.dims) > 1:
        raise SqlError(
            "multiranges cannot be constructed from multidimensional arrays", "21000"
        )
    if None in array.elements:
        raise SqlError("multirange values cannot contain null members", "22004")
    return range_type(call.session, call.rettype).normalized(array.elements)


@builtin("multirange_union", call=True)
def multirange_union(call: Call, a: Multi, b: Multi) -> Multi:
    return _kind(call).normalized([*a, *b])


@builtin("multirange_minus", call=True)
def multirange_minus(call: Call, a: Multi, b: Multi) -> Multi:
    kind = _kind(call)
    left = list(a)
    for one in b:
        left = [part for whole in left for part in kind.difference(whole, one)]
    return kind.normalized(left)


@builtin("multirange_intersect", call=True)
def multirange_intersect(call: Call, a: Multi, b: Multi) -> Multi:
    kind = _kind(call)
    return kind.normalized([kind.intersection(x, y) for x in a for y in b])


@builtin("range_merge_from_multirange", call=True)
def range_merge_from_multirange(call: Call, a: Multi) -> RangeValue:
    kind = _kind(call)
    return kind.span(a[0], a[-1]) if a else kind.empty


@builtin("multirange_unnest", returns_set=True)
def multirange_unnest(a: Multi) -> Iterator[RangeValue]:
    yield from a


# -- looking ----------------------------------------------------------------------------------


@builtin("multirange_lower")
def multirange_lower(a: Multi) -> Any:
    return a[0].lower if a else None


@builtin("multirange_upper")
def multirange_upper(a: Multi) -> Any:
    return a[-1].upper if a else None


@builtin("multirange_empty")
def multirange_empty(a: Multi) -> bool:
    return not a


@builtin("multirange_lower_inc")
def multirange_lower_inc(a: Multi) -> bool:
    return bool(a) and a[0].lower_inc


@builtin("multirange_upper_inc")
def multirange_upper_inc(a: Multi) -> bool:
    return bool(a) and a[-1].upper_inc


@builtin("multirange_lower_inf")
def multirange_lower_inf(a: Multi) -> bool:
    return bool(a) and a[0].lower is None


@builtin("multirange_upper_inf")
def multirange_upper_inf(a: Multi) -> bool:
    return bool(a) and a[-1].upper is None


@builtin("multirange_contains_elem", call=True)
def multirange_contains_elem(call: Call, a: Multi, value: Any) -> bool:
    kind = _kind(call)
    return any(kind.holds(one, value) for one in a)


@builtin("elem_contained_by_multirange", call=True)
def elem_contained_by_multirange(call: Call, value: Any, a: Multi) -> bool:
    kind = range_type(call.session, call.argtypes[1])
    return any(kind.holds(one, value) for one in a)


# -- relations ---------------------------------------------------------------------------------


def _whole(kind: RangeType, a: RangeValue | Multi) -> RangeValue:
    """The range from the beginning to the end."""
    if isinstance(a, RangeValue):
        return a
    return kind.span(a[0], a[-1]) if a else kind.empty


def _parts(a: RangeValue | Multi) -> Multi:
    if isinstance(a, RangeValue):
        return () if a.empty else (a,)
    return a


Relation = Callable[[RangeType, Any, Any], bool]


def _contains(kind: RangeType, a: Any, b: Any) -> bool:
    return all(any(kind.contains(one, part) for one in _parts(a)) for part in _parts(b))


def _overlaps(kind: RangeType, a: Any, b: Any) -> bool:
    return any(kind.overlaps(x, y) for x in _parts(a) for y in _parts(b))


def _before(kind: RangeType, a: Any, b: Any) -> bool:
    return kind.before(_whole(kind, a), _whole(kind, b))


def _after(kind: RangeType, a: Any, b: Any) -> bool:
    return _before(kind, b, a)


def _contained(kind: RangeType, a: Any, b: Any) -> bool:
    return _contains(kind, b, a)


def _overleft(kind: RangeType, a: Any, b: Any) -> bool:
    return kind.overleft(_whole(kind, a), _whole(kind, b))


def _overright(kind: RangeType, a: Any, b: Any) -> bool:
    return kind.overright(_whole(kind, a), _whole(kind, b))


def _adjacent(kind: RangeType, a: Any, b: Any) -> bool:
    return kind.adjacent(_whole(kind, a), _whole(kind, b))


_RELATIONS: dict[str, Relation] = {
    "contains": _contains, "contained_by": _contained, "overlaps": _overlaps,
    "before": _before, "after": _after, "overleft": _overleft, "overright": _overright,
    "adjacent": _adjacent,
}  # fmt: skip


def _register(relation: str, test: Relation) -> None:
    names = [
        f"multirange_{relation}_multirange", f"multirange_{relation}_range",
        f"range_{relation}_multirange",
    ]  # fmt: skip

    @builtin(*names, call=True)
    def run(call: Call, a: Any, b: Any) -> bool:
        return test(_kind(call), a, b)


for _name, _test in _RELATIONS.items():
    _register(_name, _test)
