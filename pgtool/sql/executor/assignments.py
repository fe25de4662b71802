"""Assignment into a part of a value: ``SET a[1] = …``, ``SET a[2:3] = …``, ``SET c.field = …``."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.jsonbedit import jsonb_assign
from pgtool.functions.registry import Call
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.sql.analyze.nodetypes import expr_type

if TYPE_CHECKING:
    from pgtool.sql.executor.scalar import Scalar, ScalarCompiler

__all__ = ["element_assignment", "field_store"]

ARRAY_SUBSCRIPT_ERROR, NULL_VALUE_NOT_ALLOWED = "2202E", "22004"
INT4, JSONB = 23, 3802


def field_store(c: ScalarCompiler, node: Any) -> Scalar:
    """A row value with some fields replaced."""
    arg = c.compile(node.arg)
    news = c.many(node.newvals)
    numbers = list(node.fieldnums)
    info = c.env.registry.info(node.resulttype)
    columns: Any = c.env.registry.lookups.attributes(info.oid, -1)
    live = [column for column in columns if not column.attisdropped]
    numbered = [n for n, column in enumerate(columns, 1) if not column.attisdropped]
    places = {number: i for i, number in enumerate(numbered)}
    types = tuple(column.atttypid for column in live)
    names = tuple(column.attname for column in live)

    def store(row: Any, ctx: Any) -> RecordValue:
        old = arg(row, ctx)
        fields = [None] * len(live) if old is None else list(old.fields)
        for number, new in zip(numbers, news):
            fields[places[number]] = new(row, ctx)
        return RecordValue(node.resulttype, types, tuple(fields), names)

    return store


def element_assignment(
    c: ScalarCompiler, node: Any, base: Scalar, uppers: list[Any], lowers: list[Any]
) -> Scalar:
    """An array with an element or a slice replaced."""
    if node.refcontainertype == JSONB:
        return _jsonb_assignment(c, node, base, uppers)
    info = c.env.registry.info(node.refcontainertype)
    if info.typlen > 0:
        raise Unsupported(f"assignment to an element of a fixed-length {info.typname}")
    source = c.compile(node.refassgnexpr)
    elemtype = node.refelemtype

    def assign(row: Any, ctx: Any) -> Any:
        old = base(row, ctx)
        value = old if old is not None else ArrayValue(elemtype, (), (), [])
        upper = [_bound(u, row, ctx) for u in uppers]
        if not lowers:
            return _set_element(value, upper, source(row, ctx))
        lower = [_bound(one, row, ctx) for one in lowers]
        new = source(row, ctx)
        return old if new is None else _set_slice(value, lower, upper, new)

    return assign


def _jsonb_assignment(c: ScalarCompiler, node: Any, base: Scalar, uppers: list[Any]) -> Scalar:
    """A jsonb with a member replaced or made."""
    call = Call((), JSONB, 0, c.env.session)
    source = c.compile(node.refassgnexpr)
    is_array = expr_type(node.refupperindexpr[0]) == INT4

    def assign(row: Any, ctx: Any) -> bytes:
        found = [upper(row, ctx) for upper in uppers]
        steps = [None if step is None else str(step) for step in found]
        return jsonb_assign(call, base(row, ctx), steps, is_array, source(row, ctx))

    return assign


def _bound(bound: Any, row: Any, ctx: Any) -> int | None:
    """A subscript's value; None where a slice leaves it out."""
    if bound is None:
        return None
    found: int | None = bound(row, ctx)
    if found is None:
        raise SqlError("array subscript in assignment must not be null", NULL_VALUE_NOT_ALLOWED)
    return found


def _set_element(array: ArrayValue, index: list[Any], new: Any) -> ArrayValue:
    if not array.dims:
        return ArrayValue(array.elemtype, (1,) * len(index), tuple(index), [new])
    if len(array.dims) != len(index):
        raise SqlError("wrong number of array subscripts", ARRAY_SUBSCRIPT_ERROR)
    elements = list(array.elements)
    if len(index) == 1:
        (at,), (size,), (low,) = index, array.dims, array.lbounds
        if at < low:
            elements = [None] * (low - at) + elements
            low = at
        elif at >= low + size:
            elements += [None] * (at - low - size + 1)
        elements[at - low] = new
        return ArrayValue(array.elemtype, (len(elements),), (low,), elements, array.has_bitmap)
    place = 0
    for at, size, low in zip(index, array.dims, array.lbounds):
        if not low <= at < low + size:
            raise SqlError("array subscript out of range", ARRAY_SUBSCRIPT_ERROR)
        place = place * size + at - low
    elements[place] = new
    return ArrayValue(array.elemtype, array.dims, array.lbounds, elements, array.has_bitmap)


def _set_slice(
    array: ArrayValue, lower: list[Any], upper: list[Any], new: ArrayValue
) -> ArrayValue:
    if not array.dims:
        if None in lower or None in upper:
            raise SqlError(
                "array slice subscript must provide both boundaries", ARRAY_SUBSCRIPT_ERROR,
                "When assigning to a slice of an empty array value, slice boundaries must be "
                "fully specified.",
            )  # fmt: skip
        dims = tuple(high - low + 1 for low, high in zip(lower, upper))
        _check_dims(dims)
        count = _product(dims)
        _check_source(new, count)
        return ArrayValue(array.elemtype, dims, tuple(lower), list(new.elements[:count]))
    ndim = len(array.dims)
    if ndim < len(upper):
        raise SqlError("wrong number of array subscripts", ARRAY_SUBSCRIPT_ERROR)
    lows, highs = [], []
    for i, (size, first) in enumerate(zip(array.dims, array.lbounds)):
        given = i < len(upper)
        lows.append(lower[i] if given and lower[i] is not None else first)
        highs.append(upper[i] if given and upper[i] is not None else first + size - 1)
        if lows[-1] > highs[-1] + 1 or (ndim > 1 and lows[-1] > highs[-1]):
            raise SqlError("upper bound cannot be less than lower bound", ARRAY_SUBSCRIPT_ERROR)
        if ndim > 1 and (lows[-1] < first or highs[-1] >= first + size):
            raise SqlError("array subscript out of range", ARRAY_SUBSCRIPT_ERROR)
    sizes = [high - low + 1 for low, high in zip(lows, highs)]
    _check_source(new, _product(sizes))
    elements = list(array.elements)
    if ndim == 1:
        low, first = lows[0], array.lbounds[0]
        if low < first:
            elements = [None] * (first - low) + elements
            first = low
        end = highs[0] - first + 1
        elements += [None] * max(end - len(elements), 0)
        elements[low - first : end] = new.elements[: sizes[0]]
        return ArrayValue(array.elemtype, (len(elements),), (first,), elements, array.has_bitmap)
    values = iter(new.elements)
    ranges = [range(lo - first, hi - first + 1)
              for lo, hi, first in zip(lows, highs, array.lbounds)]  # fmt: skip
    for index in itertools.product(*ranges):
        place = 0
        for at, size in zip(index, array.dims):
            place = place * size + at
        elements[place] = next(values)
    return ArrayValue(array.elemtype, array.dims, array.lbounds, elements, array.has_bitmap)


def _check_dims(dims: tuple[int, ...]) -> None:
    if any(size < 0 for size in dims):
        raise SqlError("upper bound cannot be less than lower bound", ARRAY_SUBSCRIPT_ERROR)


def _check_source(new: ArrayValue, count: int) -> None:
    if len(new.elements) < count:
        raise SqlError("source array too small", ARRAY_SUBSCRIPT_ERROR)


def _product(sizes: Any) -> int:
    out = 1
    for size in sizes:
        out *= size
    return out
