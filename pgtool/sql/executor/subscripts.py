"""Subscripts: elements and slices of arrays, fields and elements of jsonb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError
from pgtool.functions.registry import Call
from pgtool.functions.values import ArrayValue
from pgtool.sql.executor.assignments import element_assignment

if TYPE_CHECKING:
    from pgtool.sql.executor.scalar import Scalar, ScalarCompiler

__all__ = ["subscripting"]

JSONB = 3802


def subscripting(c: ScalarCompiler, node: Any) -> Scalar:
    """Fetching by subscripts, or assigning by them."""
    base = c.compile(node.refexpr)
    uppers = [None if n is None else c.compile(n) for n in node.refupperindexpr]
    lowers = [None if n is None else c.compile(n) for n in node.reflowerindexpr]
    if node.refassgnexpr is not None:
        return element_assignment(c, node, base, uppers, lowers)
    if node.refcontainertype == JSONB:
        return _jsonb(c, base, uppers)
    info = c.env.registry.info(node.refcontainertype)
    if info.typsubscript == "raw_array_subscript_handler" and info.typlen > 0:
        if lowers:
            raise SqlError("slices of fixed-length arrays not implemented", "0A000")
        return _raw(c, base, uppers, info)
    if lowers:
        return _slice(base, lowers, uppers)
    return _element(base, uppers)


def _element(base: Any, uppers: list[Any]) -> Scalar:
    def element(row: Any, ctx: Any) -> Any:
        value = base(row, ctx)
        index = [u(row, ctx) for u in uppers]
        if value is None or None in index or len(index) != len(value.dims):
            return None
        at = 0
        for i, size, low in zip(index, value.dims, value.lbounds):
            if not low <= i < low + size:
                return None
            at = at * size + (i - low)
        return value.elements[at]

    return element


def _slice(base: Any, lowers: list[Any], uppers: list[Any]) -> Scalar:
    def cut(row: Any, ctx: Any) -> Any:
        value = base(row, ctx)
        low = [None if f is None else (f(row, ctx),) for f in lowers]
        high = [None if f is None else (f(row, ctx),) for f in uppers]
        if value is None or any(b is not None and b[0] is None for b in (*low, *high)):
            return None
        ndim = len(value.dims)
        if ndim < len(uppers) or ndim == 0:
            return ArrayValue(value.elemtype, (), (), [])
        spans = []
        for i, (size, first) in enumerate(zip(value.dims, value.lbounds)):
            start, end = first, first + size - 1
            if i < len(uppers):
                bound_low, bound_high = low[i], high[i]
                start = max(start, bound_low[0]) if bound_low is not None else start
                end = min(end, bound_high[0]) if bound_high is not None else end
            if start > end:
                return ArrayValue(value.elemtype, (), (), [])
            spans.append((start - first, end - first + 1))
        items = _block(value.elements, value.dims, spans)
        dims = tuple(b - a for a, b in spans)
        return ArrayValue(value.elemtype, dims, (1,) * ndim, items, value.has_bitmap)

    return cut


def _block(items: list[Any], dims: tuple[int, ...], spans: list[tuple[int, int]]) -> list[Any]:
    (first, last), rest = spans[0], spans[1:]
    if not rest:
        return items[first:last]
    stride = len(items) // dims[0]
    out: list[Any] = []
    for i in range(first, last):
        out += _block(items[i * stride : (i + 1) * stride], dims[1:], rest)
    return out


def _raw(c: ScalarCompiler, base: Any, uppers: list[Any], info: Any) -> Scalar:
    """Fixed-length types that are arrays inside (point, box, name …), from 0."""
    elem = c.env.codec(info.typelem)
    whole = c.env.codec(info.oid)
    size = c.env.registry.info(info.typelem).typlen

    def element(row: Any, ctx: Any) -> Any:
        value = base(row, ctx)
        index = [u(row, ctx) for u in uppers]
        if value is None or None in index or len(index) != 1:
            return None
        data = whole.encode(value).ljust(info.typlen, b"\0")
        at = index[0] * size
        return elem.decode(data[at : at + size]) if 0 <= at < info.typlen else None

    return element


def _jsonb(c: ScalarCompiler, base: Any, uppers: list[Any]) -> Scalar:
    from pgtool.functions.jsonbedit import jsonb_subscript

    call = Call((), JSONB, 0, c.env.session)

    def fetch(row: Any, ctx: Any) -> Any:
        value = base(row, ctx)
        steps = [upper(row, ctx) for upper in uppers]
        if value is None or None in steps:
            return None
        return jsonb_subscript(call, value, [str(step) for step in steps])

    return fetch
