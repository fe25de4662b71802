"""The rarer expression nodes, compiled to closures over one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.values import ArrayValue, RecordValue
from pgtool.nodes.enums import CompareType, MinMaxOp, SQLValueFunctionOp
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.assignments import field_store
from pgtool.sql.executor.subscripts import subscripting

if TYPE_CHECKING:
    from pgtool.sql.executor.scalar import Scalar, ScalarCompiler

__all__ = ["FORMS"]


def _relabel(c: ScalarCompiler, node: Any) -> Scalar:
    from pgtool.sql.executor.scalar import relabelled

    arg = c.compile(node.arg)
    source, target = c.env.codec(expr_type(node.arg)), c.env.codec(node.resulttype)
    if source is target or (source.is_text and target.is_text):
        return arg
    if source.info.is_true_array or target.info.is_true_array:
        elem = target.info.typelem
        return lambda row, ctx: relabelled(arg(row, ctx), elem)
    if source.dtype == target.dtype and source.dtype is not None:
        return arg

    def convert(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        return None if value is None else target.decode(source.encode(value))

    return convert


def via_io(env: Any, source_type: int, target_type: int) -> Callable[[Any], Any]:
    """A value's text read as another type's."""
    source, target = env.codec(source_type), env.codec(target_type)
    out, into = env.registry.io_of(source_type), env.registry.io_of(target_type)

    def to_text(value: Any) -> str:
        if source.is_text:
            return str(value)
        text: str = out.output(source.encode(value))
        return text

    if target.is_text and target.info.typoutput == "textout":
        return to_text
    return lambda value: target.decode(_unpadded(target, into.input(to_text(value), -1)))


def _unpadded(codec: Any, datum: bytes) -> bytes:
    return datum.rstrip(b"\0") if codec.is_name else datum


def _coerce_via_io(c: ScalarCompiler, node: Any) -> Scalar:
    arg = c.compile(node.arg)
    convert = via_io(c.env, expr_type(node.arg), node.resulttype)

    def coerce(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        return None if value is None else convert(value)

    return coerce


def _array_coerce(c: ScalarCompiler, node: Any) -> Scalar:
    arg = c.compile(node.arg)
    cell: list[Any] = [None]
    outer, c.case_cell = c.case_cell, cell
    one = c.compile(node.elemexpr)
    c.case_cell = outer
    elem = c.env.codec(node.resulttype).info.typelem

    def coerce(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        if value is None:
            return None
        items = []
        for item in value.elements:
            cell[0] = item
            items.append(one(row, ctx))
        return ArrayValue(elem, value.dims, value.lbounds, items)

    return coerce


def _array(c: ScalarCompiler, node: Any) -> Scalar:
    args = c.many(node.elements)
    elem = node.element_typeid
    if not node.multidims:
        return lambda row, ctx: ArrayValue.of(elem, [a(row, ctx) for a in args])

    def nested(row: Any, ctx: Any) -> Any:
        parts = [p for p in (a(row, ctx) for a in args) if p is not None]
        full = [p for p in parts if p.dims]
        if not full:
            return ArrayValue(elem, (), (), [])
        if len(full) != len(args) or any(
            p.dims != full[0].dims or p.lbounds != full[0].lbounds for p in full
        ):
            raise SqlError(
                "multidimensional arrays must have array expressions with matching dimensions",
                "2202E",
            )
        return ArrayValue(
            elem, (len(full), *full[0].dims), (1, *full[0].lbounds),
            [item for p in full for item in p.elements],
        )  # fmt: skip

    return nested


def _row(c: ScalarCompiler, node: Any) -> Scalar:
    args = c.many(node.args)
    types = tuple(expr_type(a) for a in node.args)
    names = tuple(getattr(n, "sval", n) for n in node.colnames)
    names = names if len(names) == len(types) else ()
    typid = node.row_typeid
    if typid != 2249:
        # A row of a named type has that type's names.
        live = [a for a in c.env.registry.lookups.attributes(typid, -1) or []
                if not a.attisdropped]
        names = tuple(a.attname for a in live) if len(live) == len(types) else names
    return lambda row, ctx: RecordValue(typid, types, tuple(a(row, ctx) for a in args), names)


def _field(c: ScalarCompiler, node: Any) -> Scalar:
    arg = c.compile(node.arg)
    lookups = c.env.registry
    number = node.fieldnum

    def select(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        if value is None:
            return None
        place = number - 1
        if value.typeoid != 2249:
            columns = lookups.lookups.attributes(value.typeoid, -1)
            if columns is not None:
                place -= sum(1 for a in columns[: number - 1] if a.attisdropped)
        return value.fields[place] if place < len(value.fields) else None

    return select


def _convert_row(c: ScalarCompiler, node: Any) -> Scalar:
    arg = c.compile(node.arg)
    target = node.resulttype
    attributes = [a for a in c.env.registry.lookups.attributes(target, -1) or []
                  if not a.attisdropped]  # fmt: skip

    def convert(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        if value is None:
            return None
        by_name = dict(zip(value.names, value.fields))
        return RecordValue(
            target, tuple(a.atttypid for a in attributes),
            tuple(by_name.get(a.attname) for a in attributes),
            tuple(a.attname for a in attributes),
        )  # fmt: skip

    return convert


def _row_compare(c: ScalarCompiler, node: Any) -> Scalar:
    left, right = c.many(node.largs), c.many(node.rargs)
    compare = []
    for i, operator in enumerate(node.opnos):
        ordering = c.env.ops.ordering(operator)
        if ordering is None:
            raise Unsupported(f"row comparison by operator {operator}")
        compare.append(
            c.env.ops.comparison(ordering.cmp, expr_type(node.largs[i]), node.inputcollids[i])
        )
    answer = {
        CompareType.COMPARE_LT: lambda r: r < 0, CompareType.COMPARE_LE: lambda r: r <= 0,
        CompareType.COMPARE_GE: lambda r: r >= 0, CompareType.COMPARE_GT: lambda r: r > 0,
    }[node.cmptype]  # fmt: skip

    def rows(row: Any, ctx: Any) -> Any:
        result = 0
        for a, b, cmp in zip(left, right, compare):
            x, y = a(row, ctx), b(row, ctx)
            if x is None or y is None:
                return None
            result = cmp(x, y)
            if result:
                break
        return answer(result)

    return rows


def _min_max(c: ScalarCompiler, node: Any) -> Scalar:
    args = c.many(node.args)
    cmp = c.env.ops.comparison(
        c.env.ops.type_cmp(node.minmaxtype), node.minmaxtype, node.inputcollid
    )
    sign = 1 if node.op == MinMaxOp.IS_GREATEST else -1

    def extreme(row: Any, ctx: Any) -> Any:
        best = None
        for arg in args:
            value = arg(row, ctx)
            if value is not None and (best is None or sign * cmp(value, best) > 0):
                best = value
        return best

    return extreme


def _sql_value(c: ScalarCompiler, node: Any) -> Scalar:
    op = SQLValueFunctionOp
    session = c.env.session
    names = {
        op.SVFOP_CURRENT_ROLE: lambda: session.user, op.SVFOP_CURRENT_USER: lambda: session.user,
        op.SVFOP_USER: lambda: session.user, op.SVFOP_SESSION_USER: lambda: session.session_user,
        op.SVFOP_CURRENT_CATALOG: lambda: session.database.name,
    }  # fmt: skip
    if node.op in names:
        give = names[node.op]
        return lambda row, ctx: give()
    if node.op == op.SVFOP_CURRENT_SCHEMA:
        return lambda row, ctx: _current_schema(session)
    from pgtool.sql.executor.clock import clock_value

    return lambda row, ctx: clock_value(session, node.op, node.typmod)


def _current_schema(session: Any) -> str | None:
    for oid in session.search_path:
        row = session.row("pg_namespace", oid)
        if row is not None and row.nspname != "pg_catalog":
            return str(row.nspname)
    return "pg_catalog" if "pg_catalog" in session.search_path_names else None


def _domain(c: ScalarCompiler, node: Any) -> Scalar:
    from pgtool.sql.executor.domains import domain_checks

    arg = c.compile(node.arg)
    cell: list[Any] = [None]
    checks = domain_checks(c, node.resulttype, cell)

    def check(row: Any, ctx: Any) -> Any:
        value = arg(row, ctx)
        cell[0] = value
        for one in checks:
            one(ctx)
        return value

    return check


def _next_value(c: ScalarCompiler, node: Any) -> Scalar:
    from pgtool.functions.sysfuncs.sequences import next_value

    session, oid = c.env.session, node.seqid
    return lambda row, ctx: next_value(session, oid)


def _grouping(c: ScalarCompiler, node: Any) -> Scalar:
    raise Unsupported("GROUPING")


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "PlaceHolderVar": lambda c, node: c.compile(node.phexpr),
    "RelabelType": _relabel, "CoerceViaIO": _coerce_via_io, "ArrayCoerceExpr": _array_coerce,
    "ArrayExpr": _array, "RowExpr": _row, "FieldSelect": _field,
    "ConvertRowtypeExpr": _convert_row, "RowCompareExpr": _row_compare, "MinMaxExpr": _min_max,
    "SQLValueFunction": _sql_value, "CoerceToDomain": _domain, "NextValueExpr": _next_value,
    "SubscriptingRef": subscripting, "FieldStore": field_store, "GroupingFunc": _grouping,
}  # fmt: skip
