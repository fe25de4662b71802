"""Subqueries in expressions: EXISTS, IN, ANY, ALL, scalar, ARRAY, row comparison."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import CmdType, ParamKind, SubLinkType
from pgtool.nodes.exprs import Param, RowExpr, SubLink
from pgtool.nodes.query import Query
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.state import ParseState

__all__ = ["transform_sublink"]

_FORBIDDEN = {
    "CHECK": "check constraint", "DEFAULT": "DEFAULT expression", "INDEX": "index expression",
    "INDEX PREDICATE": "index predicate", "PARTITION BY": "partition key expression",
    "GENERATED": "column generation expression", "TRIGGER WHEN": "trigger WHEN condition",
    "EXECUTE": "EXECUTE parameter", "TRANSFORM": "transform expression",
    "COPY WHERE": "COPY FROM WHERE condition", "PARTITION BOUND": "partition bound",
}  # fmt: skip


def transform_sublink(state: ParseState, node: SubLink) -> SubLink:
    """A SubLink with its query analyzed and its comparison built."""
    from pgtool.sql.analyze.query import analyze_subquery

    at = node.location + 1
    if state.kind in _FORBIDDEN:
        raise SqlError(f"cannot use subquery in {_FORBIDDEN[state.kind]}", "0A000", position=at)
    state.has_sublinks = True
    query = analyze_subquery(state, node.subselect)
    node.__dict__["analyzed"] = query
    if query.commandType != CmdType.CMD_SELECT:
        raise SqlError("subquery must be a SELECT", "42601", position=at)
    link = SubLink(subLinkType=node.subLinkType, subselect=query, location=node.location)
    kind = node.subLinkType
    if kind == SubLinkType.EXISTS_SUBLINK:
        return link
    visible = [entry for entry in query.targetList if not entry.resjunk]
    if kind in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK):
        return _scalar(state, link, visible, at)
    if kind == SubLinkType.MULTIEXPR_SUBLINK:
        return link
    return _compared(state, node, link, visible, query)


def _scalar(state: ParseState, link: SubLink, visible: list[Any], at: int) -> SubLink:
    if len(visible) != 1:
        raise SqlError("subquery must return only one column", "42601", position=at)
    if link.subLinkType == SubLinkType.ARRAY_SUBLINK:
        element = expr_type(visible[0].expr)
        array = state.types.promoted_array_type(element)
        if not array:
            raise SqlError(f"could not find array type for data type {state.types.name(element)}",
                           "42704", position=at)  # fmt: skip
        link.__dict__["array_type"] = array
    return link


def _compared(
    state: ParseState, node: SubLink, link: SubLink, visible: list[Any], query: Query
) -> SubLink:
    """IN, ANY, ALL and row comparison: an expression over parameters for the columns."""
    from pgtool.sql.analyze.expressions import transform_expr
    from pgtool.sql.analyze.operator_exprs import row_comparison
    from pgtool.sql.analyze.operators import make_op

    at = node.location + 1
    if not node.operName:
        link.operName = []
        op = ["="]
    else:
        link.operName = node.operName
        op = [name.sval for name in node.operName]
    left = transform_expr(state, node.testexpr, state.kind)
    lefts = list(left.args) if isinstance(left, RowExpr) else [left]
    params = [
        Param(
            paramkind=ParamKind.PARAM_SUBLINK, paramid=entry.resno, paramtype=expr_type(entry.expr),
            paramtypmod=expr_typmod(entry.expr), paramcollid=expr_collation(entry.expr),
        )
        for entry in visible
    ]  # fmt: skip
    if len(lefts) < len(params):
        raise SqlError("subquery has too many columns", "42601", position=at)
    if len(lefts) > len(params):
        raise SqlError("subquery has too few columns", "42601", position=at)
    if len(lefts) == 1:
        test = make_op(state, op, lefts[0], params[0], node.location)
        if test.opresulttype != t.BOOLOID:
            raise SqlError(
                "row comparison operator must yield type boolean, not type "
                f"{state.types.name(test.opresulttype)}", "42804", position=at,
            )  # fmt: skip
    else:
        test = row_comparison(state, op, lefts, params, node.location)
    link.testexpr = test
    if not link.operName and node.subLinkType == SubLinkType.ANY_SUBLINK:
        link.operName = [ValueString(sval="=")]
    del query
    return link
