"""Functions in FROM: one or several in step (ROWS FROM), with their columns."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, OidList, ValueString, strings
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.query import RangeTblEntry, RangeTblFunction
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.from_clause import eref_of
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type
from pgtool.sql.analyze.rows import columns_of_type, row_columns
from pgtool.sql.analyze.state import Column, Namespace, ParseState
from pgtool.sql.analyze.target import column_name
from pgtool.sql.analyze.typenames import collation_oid, typename_type

__all__ = ["function_item"]


def function_item(state: ParseState, node: Any) -> Namespace:
    """A RangeFunction as a range table entry."""
    state.lateral_active = True
    try:
        calls = [_call(state, pair) for pair in _expanded(node)]
    finally:
        state.lateral_active = False
    functions: list[RangeTblFunction] = []
    columns: list[Column] = []
    first_name = calls[0][1]
    for expr, name, definitions in calls:
        assign_collations(state, expr)
        found, made = _columns(state, expr, name, definitions or (
            node.coldeflist if len(calls) == 1 else []
        ), node, len(calls))  # fmt: skip
        functions.append(made)
        columns += found
    if node.ordinality:
        columns.append(Column("ordinality", t.INT8OID))
    labels = [column.name for column in columns]
    eref = eref_of(node.alias, first_name, labels, "table")
    rte = RangeTblEntry(
        alias=node.alias, eref=eref, rtekind=RTEKind.RTE_FUNCTION, functions=functions,
        funcordinality=node.ordinality, lateral=node.lateral or _has_outer(calls),
        inFromCl=True,
    )  # fmt: skip
    for column, name in zip(columns, strings(eref.colnames)):
        column.name = name
    return state.add_rte(rte, columns)


def _has_outer(calls: list[Any]) -> bool:
    return any(variables_of_level([expr for expr, _name, _defs in calls]))


def _expanded(node: Any) -> list[tuple[Any, Any]]:
    """(raw call, column definitions), with multi-argument unnest taken apart."""
    out = []
    for pair in node.functions:
        raw, definitions = pair[0], pair[1] if len(pair) > 1 else None
        plain = type(raw).__name__ == "FuncCall"
        if plain and strings(raw.funcname) == ["unnest"] and len(raw.args) > 1 and (
            not raw.agg_order and raw.agg_filter is None and raw.over is None
            and not raw.agg_star and not raw.agg_distinct and not raw.func_variadic
        ):  # fmt: skip
            for arg in raw.args:
                name = [ValueString(sval="pg_catalog"), ValueString(sval="unnest")]
                out.append((raw.copy(funcname=name, args=[arg]), None))
            continue
        out.append((raw, definitions))
    return out


def _call(state: ParseState, pair: tuple[Any, Any]) -> tuple[Any, str, Any]:
    raw, definitions = pair
    before = state.last_srf
    expr = transform_expr(state, raw, "FROM")
    if state.last_srf is not before and state.last_srf is not expr:
        raise SqlError("set-returning functions must appear at top level of FROM", "0A000",
                       position=expr_location(state.last_srf) + 1 or None)  # fmt: skip
    return expr, column_name(raw), definitions or []


def _columns(
    state: ParseState, expr: Any, name: str, definitions: list[Any], node: Any, count: int
) -> tuple[list[Column], RangeTblFunction]:
    typid = expr_type(expr)
    made = RangeTblFunction(funcexpr=expr)
    position = expr_location(expr) + 1 or None
    known = row_columns(state, expr) if state.types.is_complex(typid) else None
    if definitions:
        position = definitions[0].location + 1
        if typid != t.RECORDOID and state.types.is_complex(typid):
            raise SqlError("a column definition list is redundant for a function returning a "
                           "named composite type", "42601", position=position)  # fmt: skip
        if typid != t.RECORDOID:
            raise SqlError("a column definition list is only allowed for functions returning "
                           '"record"', "42601", position=position)  # fmt: skip
        if known is not None:
            raise SqlError("a column definition list is redundant for a function with OUT "
                           "parameters", "42601", position=position)  # fmt: skip
        columns = [_defined(state, definition) for definition in definitions]
        made.funccolnames = [ValueString(sval=c.name) for c in columns]
        made.funccoltypes = OidList(c.typid for c in columns)
        made.funccoltypmods = IntList(c.typmod for c in columns)
        made.funccolcollations = OidList(c.collation for c in columns)
    elif typid == t.RECORDOID and known is None:
        raise SqlError('a column definition list is required for functions returning "record"',
                       "42601", position=position)  # fmt: skip
    elif known is not None:
        columns = known
    elif state.types.is_complex(typid):
        columns = columns_of_type(state, typid)
    else:
        label = _scalar_name(state, expr, name, node, count)
        columns = [Column(label, typid, -1, expr_collation(expr))]
    made.funccolcount = len(columns)
    return [Column(c.name, c.typid, c.typmod, c.collation, c.dropped) for c in columns], made


def _scalar_name(state: ParseState, expr: Any, name: str, node: Any, count: int) -> str:
    """A scalar function's column: its one OUT parameter, else the alias, else its name."""
    row = state.cache.proc(expr.funcid) if type(expr).__name__ == "FuncExpr" else None
    if row is not None and row.proargmodes and row.proargnames:
        outs = [n for n, mode in zip(row.proargnames, row.proargmodes) if mode in ("o", "b", "t")]
        if len(outs) == 1 and outs[0]:
            return str(outs[0])
    if node.alias is not None and count == 1:
        return str(node.alias.aliasname)
    return name


def _defined(state: ParseState, definition: Any) -> Column:
    typid, typmod = typename_type(state, definition.typeName)
    collation = state.types.collation(typid)
    if definition.collClause is not None:
        collation = collation_oid(state, strings(definition.collClause.collname), -1)
    return Column(definition.colname, typid, typmod, collation)
