"""Arrays: building, measuring, searching, rearranging and unfolding them.

What is equal among elements is decided by the default ordering of their type.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.compare_containers import element_cmp
from pgtool.functions.registry import Call, builtin
from pgtool.functions.values import ArrayValue

__all__ = ["element_type"]

INT4OID = 23
INT4_MAX = 0x7FFFFFFF
MAXDIM = 6
MAX_ELEMENTS = 0x3FFFFFFF // 8
#: Element types whose values are equal exactly where Python says so.
_PLAIN = frozenset((16, 17, 18, 19, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950))
_PLAIN_COLLATIONS = frozenset((0, 100, 950, 951))


def element_type(call: Call, argument: int) -> int:
    """The element type of an array argument, by its declared type."""
    info = call.session.types.info(call.argtypes[argument])
    while info.typtype == "d":
        info = call.session.types.info(info.typbasetype)
    return int(info.typelem)


def _equality(call: Call, typid: int) -> Callable[[Any, Any], bool]:
    if typid in _PLAIN and call.collation in _PLAIN_COLLATIONS:
        return lambda a, b: bool(a == b)
    try:
        compare = element_cmp(call.session, typid, call.collation)
    except SqlError as error:
        name = call.session.types.format_type(typid)
        if error.sqlstate != "42883":
            raise
        message = f"could not identify an equality operator for type {name}"
        raise SqlError(message, "42883") from None
    return lambda a, b: compare(a, b) == 0


def _same(call: Call, array: ArrayValue, wanted: Any) -> Callable[[Any], bool]:
    """Whether an element is not distinct from ``wanted``."""
    if wanted is None:
        return lambda value: value is None
    equal = _equality(call, array.elemtype)
    return lambda value: value is not None and equal(value, wanted)


# -- measures -----------------------------------------------------------------------------


@builtin("array_ndims")
def array_ndims(array: ArrayValue) -> int | None:
    return len(array.dims) or None


@builtin("array_dims")
def array_dims(array: ArrayValue) -> str | None:
    parts = [f"[{low}:{low + size - 1}]" for low, size in zip(array.lbounds, array.dims)]
    return "".join(parts) or None


@builtin("array_lower")
def array_lower(array: ArrayValue, dim: int) -> int | None:
    return array.lbounds[dim - 1] if 0 < dim <= len(array.dims) else None


@builtin("array_upper")
def array_upper(array: ArrayValue, dim: int) -> int | None:
    if not 0 < dim <= len(array.dims):
        return None
    return array.lbounds[dim - 1] + array.dims[dim - 1] - 1


@builtin("array_length")
def array_length(array: ArrayValue, dim: int) -> int | None:
    return array.dims[dim - 1] if 0 < dim <= len(array.dims) else None


@builtin("array_cardinality")
def array_cardinality(array: ArrayValue) -> int:
    return len(array.elements)


@builtin("generate_subscripts", "generate_subscripts_nodir", returns_set=True)
def generate_subscripts(array: ArrayValue, dim: int, backward: bool = False) -> Iterator[int]:
    if 0 < dim <= len(array.dims):
        low = array.lbounds[dim - 1]
        places = range(low, low + array.dims[dim - 1])
        yield from reversed(places) if backward else places


@builtin("array_unnest", returns_set=True)
def array_unnest(array: ArrayValue) -> Iterator[Any]:
    yield from array.elements


# -- building --------------------------------------------------------------------------------


def _one_dimension(array: ArrayValue) -> None:
    if len(array.dims) > 1:
        raise SqlError("argument must be empty or one-dimensional array", "22000")


@builtin("array_append", call=True)
def array_append(call: Call, array: ArrayValue | None, value: Any) -> ArrayValue:
    if array is None or not array.dims:
        return ArrayValue.of(element_type(call, 0), [value])
    _one_dimension(array)
    (low,), (size,) = array.lbounds, array.dims
    if low + size > INT4_MAX:
        raise SqlError("integer out of range", "22003")
    return ArrayValue(array.elemtype, (size + 1,), (low,), [*array.elements, value])


@builtin("array_prepend", call=True)
def array_prepend(call: Call, value: Any, array: ArrayValue | None) -> ArrayValue:
    if array is None or not array.dims:
        return ArrayValue.of(element_type(call, 1), [value])
    _one_dimension(array)
    (low,), (size,) = array.lbounds, array.dims
    if low == -INT4_MAX - 1:
        raise SqlError("integer out of range", "22003")
    return ArrayValue(array.elemtype, (size + 1,), (low,), [value, *array.elements])


def _incompatible(detail: str) -> SqlError:
    return SqlError("cannot concatenate incompatible arrays", "2202E", detail)


@builtin("array_cat")
def array_cat(a: ArrayValue | None, b: ArrayValue | None) -> ArrayValue | None:
    if a is None or b is None:
        return b if a is None else a
    if not a.dims or not b.dims:
        return b if not a.dims else a
    difference = len(a.dims) - len(b.dims)
    if abs(difference) > 1:
        raise _incompatible(
            f"Arrays of {len(a.dims)} and {len(b.dims)} dimensions are not compatible "
            "for concatenation."
        )
    elements = [*a.elements, *b.elements]
    if difference == 0:
        if a.dims[1:] != b.dims[1:] or a.lbounds[1:] != b.lbounds[1:]:
            raise _incompatible(
                "Arrays with differing element dimensions are not compatible for concatenation."
            )
        dims = (a.dims[0] + b.dims[0], *a.dims[1:])
        return ArrayValue(a.elemtype, dims, a.lbounds, elements, a.bitmap or b.bitmap)
    outer, inner = (a, b) if difference > 0 else (b, a)
    if outer.dims[1:] != inner.dims or outer.lbounds[1:] != inner.lbounds:
        raise _incompatible(
            "Arrays with differing dimensions are not compatible for concatenation."
        )
    dims = (outer.dims[0] + 1, *outer.dims[1:])
    return ArrayValue(a.elemtype, dims, outer.lbounds, elements, a.bitmap or b.bitmap)


def _numbers(array: ArrayValue, what: str) -> list[int]:
    if len(array.dims) > 1:
        raise SqlError(
            "wrong number of array subscripts", "2202E",
            f"{what} array must be one dimensional.",
        )  # fmt: skip
    return array.elements


def _no_nulls(values: list[Any]) -> None:
    if None in values:
        raise SqlError("dimension values cannot be null", "22004")


@builtin("array_fill", "array_fill_with_lower_bounds", call=True)
def array_fill(
    call: Call, value: Any, dims: ArrayValue | None, *bounds: ArrayValue | None
) -> ArrayValue:
    if dims is None or None in bounds:
        raise SqlError("dimension array or low bound array cannot be null", "22004")
    sizes = _numbers(dims, "Dimension")
    _no_nulls(sizes)
    lows = [1] * len(sizes)
    if len(sizes) > MAXDIM:
        raise SqlError(
            f"number of array dimensions ({len(sizes)}) exceeds the maximum allowed ({MAXDIM})",
            "54000",
        )
    if bounds and bounds[0] is not None:
        lows = _numbers(bounds[0], "Dimension")
        _no_nulls(lows)
        if len(lows) != len(sizes):
            raise SqlError(
                "wrong number of array subscripts", "2202E",
                "Low bound array has different size than dimensions array.",
            )  # fmt: skip
    elemtype = int(call.session.types.info(call.rettype).typelem)
    count = functools.reduce(lambda a, b: a * b, sizes, 1) if sizes else 0
    too_many = SqlError(f"array size exceeds the maximum allowed ({MAX_ELEMENTS})", "54000")
    if any(size < 0 for size in sizes):
        raise too_many
    if count == 0:
        return ArrayValue(elemtype, (), (), [])
    if count > MAX_ELEMENTS:
        raise too_many
    for low, size in zip(lows, sizes):
        if low + size > INT4_MAX:
            raise SqlError(f"array lower bound is too large: {low}", "54000")
    return ArrayValue(elemtype, tuple(sizes), tuple(lows), [value] * count)


# -- searching --------------------------------------------------------------------------------


def _searchable(array: ArrayValue) -> None:
    if len(array.dims) > 1:
        raise SqlError(
            "searching for elements in multidimensional arrays is not supported", "0A000"
        )


@builtin("array_position", "array_position_start", call=True)
def array_position(
    call: Call, array: ArrayValue | None, wanted: Any, *start: int | None
) -> int | None:
    if array is None:
        return None
    _searchable(array)
    if not array.dims or (wanted is None and None not in array.elements):
        return None
    if start and start[0] is None:
        raise SqlError("initial position must not be null", "22004")
    first = start[0] if start and start[0] is not None else array.lbounds[0]
    same = _same(call, array, wanted)
    for place, value in enumerate(array.elements, array.lbounds[0]):
        if place >= first and same(value):
            return place
    return None


@builtin("array_positions", call=True)
def array_positions(call: Call, array: ArrayValue | None, wanted: Any) -> ArrayValue | None:
    if array is None:
        return None
    _searchable(array)
    if not array.dims:
        return ArrayValue.of(INT4OID, [])
    same = _same(call, array, wanted)
    places = enumerate(array.elements, array.lbounds[0])
    return ArrayValue.of(INT4OID, [place for place, value in places if same(value)])


@builtin("array_remove", call=True)
def array_remove(call: Call, array: ArrayValue | None, wanted: Any) -> ArrayValue | None:
    if array is None:
        return None
    if len(array.dims) > 1:
        raise SqlError(
            "removing elements from multidimensional arrays is not supported", "0A000"
        )
    same = _same(call, array, wanted)
    kept = [value for value in array.elements if not same(value)]
    if not kept:
        return ArrayValue(array.elemtype, (), (), [])
    return ArrayValue(array.elemtype, (len(kept),), array.lbounds, kept)


@builtin("array_replace", call=True)
def array_replace(
    call: Call, array: ArrayValue | None, wanted: Any, new: Any
) -> ArrayValue | None:
    if array is None:
        return None
    same = _same(call, array, wanted)
    elements = [new if same(value) else value for value in array.elements]
    return ArrayValue(array.elemtype, array.dims, array.lbounds, elements)


def _contains(call: Call, a: ArrayValue, b: ArrayValue, every: bool) -> bool:
    """Whether every element (or any) of ``b`` is in ``a``; NULL is in nothing."""
    if a.elemtype != b.elemtype:
        raise SqlError("cannot compare arrays of different element types", "42804")
    have = [value for value in a.elements if value is not None]
    equal = _equality(call, a.elemtype)
    plain = a.elemtype in _PLAIN and len(b.elements) > 8
    known = set(have) if plain else None

    def inside(value: Any) -> bool:
        if value is None:
            return False
        return value in known if known is not None else any(equal(value, one) for one in have)

    found = (inside(value) for value in b.elements)
    return all(found) if every else any(found)


@builtin("arraycontains", call=True)
def arraycontains(call: Call, a: ArrayValue, b: ArrayValue) -> bool:
    return _contains(call, a, b, every=True)


@builtin("arraycontained", call=True)
def arraycontained(call: Call, a: ArrayValue, b: ArrayValue) -> bool:
    return _contains(call, b, a, every=True)


@builtin("arrayoverlap", call=True)
def arrayoverlap(call: Call, a: ArrayValue, b: ArrayValue) -> bool:
    return _contains(call, a, b, every=False)


@builtin("width_bucket_array", call=True)
def width_bucket_array(call: Call, value: Any, thresholds: ArrayValue) -> int:
    if len(thresholds.dims) > 1:
        raise SqlError("thresholds must be one-dimensional array", "2202E")
    if None in thresholds.elements:
        raise SqlError("thresholds array must not contain NULLs", "22004")
    compare = element_cmp(call.session, thresholds.elemtype, call.collation)
    low, high = 0, len(thresholds.elements)
    while low < high:
        middle = (low + high) // 2
        if compare(value, thresholds.elements[middle]) < 0:
            high = middle
        else:
            low = middle + 1
    return low


# -- rearranging --------------------------------------------------------------------------------


def _rows(array: ArrayValue) -> list[list[Any]]:
    """The slices along the first dimension."""
    size = len(array.elements) // array.dims[0]
    return [array.elements[i : i + size] for i in range(0, len(array.elements), size)]


def _from_rows(array: ArrayValue, rows: list[list[Any]], lbounds: tuple[int, ...]) -> ArrayValue:
    if not rows:
        return ArrayValue(array.elemtype, (), (), [])
    elements = [value for row in rows for value in row]
    return ArrayValue(array.elemtype, (len(rows), *array.dims[1:]), lbounds, elements)


@builtin("trim_array")
def trim_array(array: ArrayValue, count: int) -> ArrayValue:
    size = array.dims[0] if array.dims else 0
    if not 0 <= count <= size:
        raise SqlError(f"number of elements to trim must be between 0 and {size}", "2202E")
    if not size:
        return array
    return _from_rows(array, _rows(array)[: size - count], (1,) * len(array.dims))


@builtin("array_reverse")
def array_reverse(array: ArrayValue) -> ArrayValue:
    if not array.dims or array.dims[0] < 2:
        return array
    return _from_rows(array, _rows(array)[::-1], array.lbounds)


@builtin("array_shuffle")
def array_shuffle(array: ArrayValue) -> ArrayValue:
    if not array.dims or array.dims[0] < 2:
        return array
    rows = _rows(array)
    random.shuffle(rows)
    return _from_rows(array, rows, array.lbounds)


@builtin("array_sample")
def array_sample(array: ArrayValue, count: int) -> ArrayValue:
    size = array.dims[0] if array.dims else 0
    if not 0 <= count <= size:
        raise SqlError(f"sample size must be between 0 and {size}", "22023")
    if not count:
        return ArrayValue(array.elemtype, (), (), [])
    lbounds = (1, *array.lbounds[1:])
    return _from_rows(array, random.sample(_rows(array), count), lbounds)


def _sorted(
    call: Call, array: ArrayValue, descending: bool, nulls_first: bool
) -> ArrayValue:
    if not array.dims or array.dims[0] < 2:
        return array
    compare = element_cmp(call.session, array.elemtype, call.collation)
    whole = len(array.dims) > 1

    def one(a: Any, b: Any, null_sign: int) -> int:
        if a is None or b is None:
            return ((b is None) - (a is None)) * null_sign
        return compare(a, b)

    def rows(a: list[Any], b: list[Any]) -> int:
        if whole:  # rows compare as arrays, in which NULL is the greatest
            order = next((c for c in map(lambda x, y: one(x, y, -1), a, b) if c), 0)
        elif a[0] is None or b[0] is None:
            return one(a[0], b[0], 1 if nulls_first else -1)
        else:
            order = compare(a[0], b[0])
        return -order if descending else order

    ordered = sorted(_rows(array), key=functools.cmp_to_key(rows))
    return _from_rows(array, ordered, array.lbounds)


@builtin("array_sort", call=True)
def array_sort(call: Call, array: ArrayValue) -> ArrayValue:
    return _sorted(call, array, False, False)


@builtin("array_sort_order", call=True)
def array_sort_order(call: Call, array: ArrayValue, descending: bool) -> ArrayValue:
    return _sorted(call, array, descending, descending)


@builtin("array_sort_order_nulls_first", call=True)
def array_sort_order_nulls_first(
    call: Call, array: ArrayValue, descending: bool, nulls_first: bool
) -> ArrayValue:
    return _sorted(call, array, descending, nulls_first)
