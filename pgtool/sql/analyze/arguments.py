"""EXECUTE's arguments: expressions without a table, converted as assignments."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.nodes.enums import CmdType, CoercionForm
from pgtool.nodes.query import FromExpr, Query, TargetEntry
from pgtool.sql.analyze.coerce import Context, coerce_to_target
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.query import finish
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.types.registry import TypeRegistry

__all__ = ["analyze_arguments"]


def analyze_arguments(session: Session, text: str, args: list[Any], types: list[int]) -> Query:
    """A query of one row whose columns are the arguments."""
    state = ParseState(Shared(session, text, []))
    query = Query(commandType=CmdType.CMD_SELECT, jointree=FromExpr())
    for number, (arg, target) in enumerate(zip(args, types, strict=True), 1):
        expr = transform_expr(state, arg, "EXECUTE")
        source = expr_type(expr)
        made = coerce_to_target(
            state, expr, source, target, -1, Context.assignment,
            CoercionForm.COERCE_IMPLICIT_CAST, -1,
        )  # fmt: skip
        if made is None:
            raise _mismatch(session.types, number, source, target, expr_location(expr))
        query.targetList.append(TargetEntry(expr=made, resno=number, resname=f"p{number}"))
    if state.has_sublinks:
        raise SqlError("cannot use subquery in EXECUTE parameter", "0A000")
    finish(state, query)
    return query


def _mismatch(
    types: TypeRegistry, number: int, source: int, target: int, location: int
) -> SqlError:
    return SqlError(
        f"parameter ${number} of type {types.format_type(source)} cannot be coerced to the "
        f"expected type {types.format_type(target)}", "42804",
        hint="You will need to rewrite or cast the expression.", position=location + 1 or None,
    )  # fmt: skip
