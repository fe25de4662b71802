"""Special forms: boolean logic, CASE, COALESCE, tests for NULL and truth, value functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.enums import (
    CoercionForm,
    MinMaxOp,
    NullTestType,
    SQLValueFunctionOp,
    XmlOptionType,
)
from pgtool.nodes.exprs import (
    BooleanTest,
    BoolExpr,
    CaseExpr,
    CaseTestExpr,
    CaseWhen,
    CoalesceExpr,
    MinMaxExpr,
    NullTest,
    SQLValueFunction,
)
from pgtool.sql.analyze.calls import LATERAL_HINT
from pgtool.sql.analyze.coerce import (
    Context,
    coerce_to_boolean,
    coerce_to_common,
    coerce_to_target,
    coerce_type,
    select_common_type,
)
from pgtool.sql.analyze.expressions import transform
from pgtool.sql.analyze.nodetypes import expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.operators import make_op
from pgtool.sql.analyze.state import ParseState
from pgtool.sql.analyze.typenames import typename_type

__all__ = ["HANDLERS", "null_test"]

Handler = Callable[[ParseState, Any], Any]

_IMPLICIT = CoercionForm.COERCE_IMPLICIT_CAST

def _bool_expr(state: ParseState, node: BoolExpr) -> Any:
    word = {0: "AND", 1: "OR", 2: "NOT"}[int(node.boolop)]
    args = [coerce_to_boolean(state, transform(state, arg), word) for arg in node.args]
    return BoolExpr(boolop=node.boolop, args=args, location=node.location)


def _without_srf(word: str, make: Handler) -> Handler:
    """A form whose arguments may not return sets."""

    def handle(state: ParseState, node: Any) -> Any:
        before = state.last_srf
        made = make(state, node)
        if state.last_srf is not before:
            raise SqlError(
                f"set-returning functions are not allowed in {word}", "0A000", hint=LATERAL_HINT,
                position=expr_location(state.last_srf) + 1 or None,
            )  # fmt: skip
        return made

    return handle


def _case(state: ParseState, node: Any) -> Any:
    arg = transform(state, node.arg)
    placeholder = None
    if arg is not None:
        if expr_type(arg) == t.UNKNOWNOID:
            arg = coerce_type(state, arg, t.UNKNOWNOID, t.TEXTOID, -1, Context.implicit, _IMPLICIT)
        from pgtool.sql.analyze.collations import assign_collations

        assign_collations(state, arg)
        from pgtool.sql.analyze.nodetypes import expr_collation

        placeholder = CaseTestExpr(typeId=expr_type(arg), typeMod=expr_typmod(arg),
                                   collation=expr_collation(arg))  # fmt: skip
    whens = []
    for when in node.args:
        if placeholder is not None:
            right = transform(state, when.expr)
            condition = make_op(state, ["="], placeholder, right, when.location)
        else:
            condition = transform(state, when.expr)
        condition = coerce_to_boolean(state, condition, "CASE/WHEN")
        result = transform(state, when.result)
        whens.append(CaseWhen(expr=condition, result=result, location=when.location))
    default = (
        transform(state, node.defresult) if node.defresult is not None else state.null_literal(-1)
    )
    common = select_common_type(state, [default, *(when.result for when in whens)], "CASE")
    for when in whens:
        when.result = coerce_to_common(state, when.result, common, "CASE/WHEN")
    return CaseExpr(
        casetype=common, arg=arg, args=whens,
        defresult=coerce_to_common(state, default, common, "CASE/ELSE"), location=node.location,
    )  # fmt: skip


def _coalesce(state: ParseState, node: Any) -> Any:
    args = [transform(state, arg) for arg in node.args]
    common = select_common_type(state, args, "COALESCE")
    args = [coerce_to_common(state, arg, common, "COALESCE") for arg in args]
    return CoalesceExpr(coalescetype=common, args=args, location=node.location)


def _minmax(state: ParseState, node: Any) -> Any:
    word = "GREATEST" if node.op == MinMaxOp.IS_GREATEST else "LEAST"
    args = [transform(state, arg) for arg in node.args]
    common = select_common_type(state, args, word)
    args = [coerce_to_common(state, arg, common, word) for arg in args]
    return MinMaxExpr(minmaxtype=common, op=node.op, args=args, location=node.location)


_SQL_VALUE = {
    SQLValueFunctionOp.SVFOP_CURRENT_DATE: t.DATEOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIME: t.TIMETZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIME_N: t.TIMETZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP: t.TIMESTAMPTZOID,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP_N: t.TIMESTAMPTZOID,
    SQLValueFunctionOp.SVFOP_LOCALTIME: t.TIMEOID,
    SQLValueFunctionOp.SVFOP_LOCALTIME_N: t.TIMEOID,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP: t.TIMESTAMPOID,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP_N: t.TIMESTAMPOID,
}


def _sql_value(state: ParseState, node: Any) -> Any:
    typid = _SQL_VALUE.get(node.op, t.NAMEOID)
    typmod = node.typmod if node.op.name.endswith("_N") else -1
    return SQLValueFunction(op=node.op, type=typid, typmod=min(typmod, 6), location=node.location)


def null_test(state: ParseState, arg: Any, test: NullTestType, location: int) -> NullTest:
    return NullTest(arg=arg, nulltesttype=test, argisrow=state.types.is_complex(expr_type(arg)),
                    location=location)  # fmt: skip


def _null_test(state: ParseState, node: Any) -> Any:
    return null_test(state, transform(state, node.arg), node.nulltesttype, node.location)


_BOOL_TESTS = ("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN",
               "IS NOT UNKNOWN")  # fmt: skip


def _boolean_test(state: ParseState, node: Any) -> Any:
    arg = coerce_to_boolean(
        state, transform(state, node.arg), _BOOL_TESTS[int(node.booltesttype)]
    )
    return BooleanTest(arg=arg, booltesttype=node.booltesttype, location=node.location)


def _default(state: ParseState, node: Any) -> Any:
    raise SqlError("DEFAULT is not allowed in this context", "42601", position=node.location + 1)


def _sublink(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.sublinks import transform_sublink

    return transform_sublink(state, node)


def _call(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.calls import transform_call

    return transform_call(state, node)


def _grouping(state: ParseState, node: Any) -> Any:
    from pgtool.sql.analyze.aggregates import transform_grouping

    return transform_grouping(state, node)


def _named_arg(state: ParseState, node: Any) -> Any:
    return node.copy(arg=transform(state, node.arg))


def _xml_serialize(state: ParseState, node: Any) -> Any:
    from pgtool.nodes.enums import XmlExprOp
    from pgtool.nodes.jsonxml import XmlExpr

    expr = transform(state, node.expr)
    arg = coerce_to_target(
        state, expr, expr_type(expr), t.XMLOID, -1, Context.implicit, _IMPLICIT
    )
    target, typmod = typename_type(state, node.typeName)
    made = XmlExpr(
        op=XmlExprOp.IS_XMLSERIALIZE, args=[arg], xmloption=XmlOptionType(node.xmloption),
        indent=node.indent, type=target, typmod=typmod, location=node.location,
    )  # fmt: skip
    result = coerce_to_target(state, made, t.TEXTOID, target, typmod, Context.implicit, _IMPLICIT)
    if result is None:
        raise SqlError(f"cannot cast XMLSERIALIZE result to {state.types.name(target)}", "42846",
                       position=node.location + 1)  # fmt: skip
    return result



HANDLERS: dict[str, Callable[[ParseState, Any], Any]] = {
    "BoolExpr": _bool_expr, "FuncCall": _call, "GroupingFunc": _grouping,
    "NamedArgExpr": _named_arg, "SubLink": _sublink, "CaseExpr": _without_srf("CASE", _case),
    "CoalesceExpr": _without_srf("COALESCE", _coalesce), "MinMaxExpr": _minmax,
    "SQLValueFunction": _sql_value,
    "XmlSerialize": _xml_serialize, "NullTest": _null_test, "BooleanTest": _boolean_test,
    "SetToDefault": _default,
}  # fmt: skip
