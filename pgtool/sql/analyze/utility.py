"""Utility statements that hold a query or expressions: EXPLAIN, PREPARE, EXECUTE."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.enums import CoercionForm
from pgtool.nodes.query import Query
from pgtool.nodes.raw import RawStmt
from pgtool.sql.analyze.coerce import Context, coerce_to_target
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.nodetypes import expr_location, expr_type
from pgtool.sql.analyze.query import analyze, analyze_in, check_params
from pgtool.sql.analyze.state import ParseState, Shared
from pgtool.sql.analyze.typenames import typename_type

__all__ = ["execute_arguments", "explained_query", "prepared_query"]


def explained_query(
    stmt: Any, session: Session, text: str, param_types: list[int] | None = None
) -> tuple[Query, list[int]]:
    """The query of an ExplainStmt, analyzed; with its parameters' types."""
    inner = stmt.query
    if type(inner).__name__ == "SelectStmt":
        return analyze(RawStmt(stmt=inner), session, text, param_types)
    if type(inner).__name__ == "ExecuteStmt":
        return Query(utilityStmt=inner, canSetTag=True), []
    raise Unsupported(f"EXPLAIN of {type(inner).__name__.removesuffix('Stmt').upper()}")


def prepared_query(stmt: Any, session: Session, text: str) -> tuple[Query, list[int]]:
    """The query of a PrepareStmt and the types of its parameters, deduced where not given."""
    state = ParseState(Shared(session, text, None))
    types = [typename_type(state, node)[0] for node in stmt.argtypes]
    raw = stmt.query
    if type(raw).__name__ != "SelectStmt":
        raise Unsupported(f"PREPARE of {type(raw).__name__.removesuffix('Stmt').upper()}")
    return analyze_with(session, text, raw, types)


def analyze_with(
    session: Session, text: str, raw: Any, types: list[int]
) -> tuple[Query, list[int]]:
    """Analyze with the types of the first parameters given, and more to be deduced."""
    shared = Shared(session, text, None)
    shared.param_types = list(types)
    query = analyze_in(shared, RawStmt(stmt=raw))
    check_params(shared)
    return query, shared.param_types


def execute_arguments(
    stmt: Any, types: list[int], session: Session, text: str
) -> list[Any]:
    """The arguments of an ExecuteStmt as expressions of the parameters' types."""
    if len(stmt.params) != len(types):
        raise SqlError(
            f'wrong number of parameters for prepared statement "{stmt.name}"', "42601",
            f"Expected {len(types)} parameters but got {len(stmt.params)}.",
        )  # fmt: skip
    state = ParseState(Shared(session, text, []))
    out = []
    for number, (raw, wanted) in enumerate(zip(stmt.params, types), 1):
        given = transform_expr(state, raw, "EXECUTE")
        source = expr_type(given)
        made = coerce_to_target(state, given, source, wanted, -1, Context.assignment,
                                CoercionForm.COERCE_IMPLICIT_CAST)  # fmt: skip
        if made is None:
            names = state.types.names(source, wanted)
            raise SqlError(
                f"parameter ${number} of type {names[0]} cannot be coerced to the expected type "
                f"{names[1]}", "42804", hint="You will need to rewrite or cast the expression.",
                position=expr_location(given) + 1 or None,
            )  # fmt: skip
        assign_collations(state, made)
        out.append(made)
    return out
