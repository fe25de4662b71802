"""Comparison of what is made of other types: arrays, rows, enums, ranges, multiranges.

Elements compare by the default btree comparison of their type, looked up once a call site
(:func:`element_cmp`). NULLs inside are equal to each other and greater than everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.codec import codec_of
from pgtool.functions.compare import family, plain_cmp
from pgtool.functions.opcache import opcache
from pgtool.functions.registry import Call
from pgtool.functions.values import ArrayValue, RangeValue, RecordValue

__all__ = ["array_cmp", "bound_cmp", "element_cmp", "enum_cmp", "range_cmp", "range_facts"]

ElementCmp = Callable[[Any, Any], int]


def element_cmp(session: Any, typid: int, collation: int = 0) -> ElementCmp:
    """The comparison of two non-null values of a type; 42883 where it has none."""
    known: dict[tuple[int, int], ElementCmp] = session.__dict__.setdefault("_element_cmps", {})
    found = known.get((typid, collation))
    if found is None:
        ops = opcache(session)
        try:
            prosrc = ops.type_cmp(typid)
        except Unsupported:
            name = session.types.format_type(typid)
            raise SqlError(
                f"could not identify a comparison function for type {name}", "42883"
            ) from None
        found = known[typid, collation] = ops.comparison(prosrc, typid, collation)
    return found


def _nullable(a: Any, b: Any, compare: ElementCmp) -> int:
    if a is None or b is None:
        return int(a is None) - int(b is None)
    return compare(a, b)


# -- arrays -------------------------------------------------------------------------------


def _same_element(a: int, b: int) -> None:
    if a != b:
        raise SqlError("cannot compare arrays of different element types", "42804")


def array_cmp(call: Call, a: ArrayValue, b: ArrayValue) -> int:
    """Element by element, then the number of elements, dimensions, bounds."""
    _same_element(a.elemtype, b.elemtype)
    compare = element_cmp(call.session, a.elemtype, call.collation)
    for x, y in zip(a.elements, b.elements):
        found = _nullable(x, y, compare)
        if found:
            return found
    return (
        plain_cmp(len(a.elements), len(b.elements))
        or plain_cmp(len(a.dims), len(b.dims))
        or plain_cmp(a.dims, b.dims)
        or plain_cmp(a.lbounds, b.lbounds)
    )


_DETERMINISTIC = (0, 100, 950, 951)
#: Types whose values are equal when Python says so: integers, boolean, date and time, bytea,
#: uuid, and text in the default collation, which is deterministic.
_PYTHON_EQUALITY = frozenset((16, 17, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950))


def array_eq(call: Call, a: ArrayValue, b: ArrayValue) -> int:
    """0 where shapes and elements are equal."""
    _same_element(a.elemtype, b.elemtype)
    if a.dims != b.dims or a.lbounds != b.lbounds:
        return 1
    if a.elemtype in _PYTHON_EQUALITY and call.collation in _DETERMINISTIC:
        return int(a.elements != b.elements)
    compare = element_cmp(call.session, a.elemtype, call.collation)
    pairs = zip(a.elements, b.elements)
    return int(any(_nullable(x, y, compare) != 0 for x, y in pairs))


family("array_{}", array_eq, call=True, only=("eq", "ne"))
family("array_{}", array_cmp, cmp=("btarraycmp",), larger="array_larger",
       smaller="array_smaller", call=True, only=("lt", "le", "gt", "ge"))  # fmt: skip


def oidvector_cmp(a: ArrayValue, b: ArrayValue) -> int:
    """The shorter first, then element by element."""
    return plain_cmp((len(a.elements), a.elements), (len(b.elements), b.elements))


family("oidvector{}", oidvector_cmp, cmp=("btoidvectorcmp",))


# -- rows ---------------------------------------------------------------------------------


def _same_type(call: Call, a: RecordValue, b: RecordValue, place: int) -> None:
    """Refuse a pair of columns that cannot be compared."""
    x, y = a.fieldtypes[place], b.fieldtypes[place]
    if x != y:
        names = [call.session.types.format_type(t) for t in (x, y)]
        raise SqlError(
            f"cannot compare dissimilar column types {names[0]} and {names[1]} "
            f"at record column {place + 1}", "42804",
        )  # fmt: skip


def _by_columns(
    call: Call, a: RecordValue, b: RecordValue, compare: Callable[[Call, int, Any, Any], int]
) -> int:
    """The first pair that differs tells; types are looked at as far as that."""
    for place, (x, y, typid) in enumerate(zip(a.fields, b.fields, a.fieldtypes)):
        _same_type(call, a, b, place)
        if x is None or y is None:
            found = int(x is None) - int(y is None)
        else:
            found = compare(call, typid, x, y)
        if found:
            return found
    if len(a.fields) != len(b.fields):
        raise SqlError("cannot compare record types with different numbers of columns", "42804")
    return 0


def record_cmp(call: Call, a: RecordValue, b: RecordValue) -> int:
    """Column by column."""
    return _by_columns(call, a, b, _value_cmp)


def image_cmp(call: Call, a: RecordValue, b: RecordValue) -> int:
    """Column by column by the stored bytes."""
    return _by_columns(call, a, b, _datum_cmp)


def _value_cmp(call: Call, typid: int, x: Any, y: Any) -> int:
    collation = call.session.types.info(typid).typcollation
    return element_cmp(call.session, typid, collation)(x, y)


def _datum_cmp(call: Call, typid: int, x: Any, y: Any) -> int:
    codec = codec_of(call.session.types, typid)
    a, b = codec.encode(x), codec.encode(y)
    if codec.info.typbyval:
        return plain_cmp(int.from_bytes(a, "little"), int.from_bytes(b, "little"))
    if codec.info.typlen > 0:
        return plain_cmp(a, b)
    return plain_cmp((a[: len(b)], len(a)), (b[: len(a)], len(b)))


family("record_{}", record_cmp, cmp=("btrecordcmp",), larger="record_larger",
       smaller="record_smaller", call=True)  # fmt: skip
family("record_image_{}", image_cmp, cmp=("btrecordimagecmp",), call=True)


# -- enums --------------------------------------------------------------------------------


def enum_order(session: Any, oid: int) -> float:
    """The place of an enum value among its type's."""
    orders: dict[int, float] | None = session.__dict__.get("_enum_orders")
    if orders is None:
        orders = {row.oid: row.enumsortorder for row in session.cache.rows("pg_enum")}
        session.__dict__["_enum_orders"] = orders
    found = orders.get(oid)
    if found is None:
        raise SqlError(f"enum value {oid} not found in cache for enum", "22P03")
    return found


def enum_cmp(call: Call, a: int, b: int) -> int:
    """Enum values in their declared order."""
    if a == b:
        return 0
    return plain_cmp(enum_order(call.session, a), enum_order(call.session, b))


family("enum_{}", enum_cmp, cmp=("enum_cmp",), larger="enum_larger", smaller="enum_smaller",
       call=True)  # fmt: skip


# -- ranges -------------------------------------------------------------------------------


def range_facts(session: Any, typid: int) -> Any:
    """The pg_range row of a range or multirange type."""
    info = session.types.lookups.range_info(typid)
    if info is None:
        from pgtool.types.bootstrap import BUILTIN_RANGES

        for row in BUILTIN_RANGES:
            if typid in (row.rngtypid, row.rngmultitypid):
                return row
        raise Unsupported(f"range type {typid} is not in pg_range")
    return info


def subtype_cmp(session: Any, typid: int) -> ElementCmp:
    """The comparison of a range type's bounds."""
    known: dict[int, ElementCmp] = session.__dict__.setdefault("_subtype_cmps", {})
    found = known.get(typid)
    if found is None:
        facts = range_facts(session, typid)
        found = known[typid] = element_cmp(session, facts.rngsubtype, facts.rngcollation)
    return found


def bound_cmp(
    compare: ElementCmp, a: RangeValue, upper_a: bool, b: RangeValue, upper_b: bool
) -> int:
    """A bound of one range beside a bound of another, by where they lie on the line."""
    x, y = (a.upper if upper_a else a.lower), (b.upper if upper_b else b.lower)
    if x is None or y is None:
        left = 0 if x is not None else 1 if upper_a else -1
        right = 0 if y is not None else 1 if upper_b else -1
        return plain_cmp(left, right)
    found = compare(x, y)
    if found:
        return found
    return _side(a, upper_a) - _side(b, upper_b)


def _side(value: RangeValue, upper: bool) -> int:
    """-1, 0, 1: the bound lies just before its value, on it, just after it."""
    if upper:
        return 0 if value.upper_inc else -1
    return 0 if value.lower_inc else 1


def range_cmp(call: Call, a: RangeValue, b: RangeValue) -> int:
    """Empty first, then by lower bound, then by upper bound."""
    if a.empty or b.empty:
        return int(b.empty) - int(a.empty)
    compare = subtype_cmp(call.session, a.typeoid)
    return bound_cmp(compare, a, False, b, False) or bound_cmp(compare, a, True, b, True)


def multirange_cmp(call: Call, a: tuple[RangeValue, ...], b: tuple[RangeValue, ...]) -> int:
    """Range by range, then the shorter first."""
    for x, y in zip(a, b):
        compare = subtype_cmp(call.session, x.typeoid)
        found = bound_cmp(compare, x, False, y, False) or bound_cmp(compare, x, True, y, True)
        if found:
            return found
    return plain_cmp(len(a), len(b))


family("range_{}", range_cmp, cmp=("range_cmp",), call=True)
family("multirange_{}", multirange_cmp, cmp=("multirange_cmp",), call=True)
