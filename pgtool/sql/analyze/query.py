"""A statement as a whole: SELECT and VALUES → Query. The entry is :func:`analyze`."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.session import Session
from pgtool.nodes.base import IntList, OidList, ValueString
from pgtool.nodes.enums import CmdType, RTEKind
from pgtool.nodes.query import FromExpr, Query, RangeTblEntry, TargetEntry
from pgtool.nodes.raw import RawStmt
from pgtool.sql.analyze.aggregates import check_ungrouped
from pgtool.sql.analyze.clauses import (
    distinct_clause,
    distinct_on_clause,
    limit_clause,
    sort_clause,
    window_clauses,
)
from pgtool.sql.analyze.coerce import coerce_to_boolean, coerce_to_common, select_common_type
from pgtool.sql.analyze.collations import assign_collations, assign_query_collations
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.from_clause import eref_of, transform_from
from pgtool.sql.analyze.grouping import group_clause
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.locking import apply_locking
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.analyze.origins import mark_origins
from pgtool.sql.analyze.state import Column, ParseState, Shared
from pgtool.sql.analyze.target import (
    expand_item,
    expand_row_args,
    resolve_unknowns,
    transform_target_list,
)
from pgtool.sql.parse import too_deep

__all__ = ["analyze", "analyze_in", "analyze_subquery", "check_params"]


def analyze(
    stmt: RawStmt, session: Session, text: str = "", param_types: list[int] | None = None
) -> tuple[Query, list[int]]:
    """A raw statement → (Query, parameter types).

    ``param_types`` None lets parameters take the types that their uses suggest. Utility
    statements come back as a Query of CMD_UTILITY around the raw statement.
    """
    shared = Shared(session, text, param_types)
    query = analyze_in(shared, stmt)
    check_params(shared)
    return query, shared.param_types


def analyze_in(shared: Shared, stmt: RawStmt) -> Query:
    """A raw statement in a given setting, such as the body of a function."""
    raw = stmt.stmt
    if type(raw).__name__ != "SelectStmt":
        if type(raw).__name__ not in _DML:
            return Query(commandType=CmdType.CMD_UTILITY, utilityStmt=raw, canSetTag=True)
        try:
            return transform_modifying(ParseState(shared), raw)
        except RecursionError:
            raise too_deep() from None
    first = raw
    while first.op:
        first = first.larg
    if first.intoClause is not None:
        raise Unsupported("SELECT INTO")
    try:
        return transform_select(ParseState(shared), raw)
    except RecursionError:
        raise too_deep() from None


_DML = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def transform_modifying(state: ParseState, raw: Any) -> Query:
    """INSERT, UPDATE, DELETE or MERGE."""
    from pgtool.sql.analyze.insert import transform_insert
    from pgtool.sql.analyze.update import transform_delete, transform_update

    kind = type(raw).__name__
    if kind == "InsertStmt":
        return transform_insert(state, raw)
    if kind == "UpdateStmt":
        return transform_update(state, raw)
    if kind == "DeleteStmt":
        return transform_delete(state, raw)
    raise Unsupported("MERGE")


def check_params(shared: Shared) -> None:
    """Every parameter has got a type by now."""
    for number, typid in enumerate(shared.param_types, 1):
        if typid in (0, t.UNKNOWNOID):
            raise SqlError(f"could not determine data type of parameter ${number}", "42P18")


def analyze_subquery(
    parent: ParseState, raw: Any, cte: Any = None,
    resolve: bool = True, locked: bool = False,
) -> Query:  # fmt: skip
    """A query inside another one."""
    state = ParseState(parent.shared, parent)
    state.parent_cte = cte
    if type(raw).__name__ != "SelectStmt":
        return _modifying_subquery(parent, state, raw, cte)
    state.locked_from_parent = locked
    state.resolve_unknowns = resolve
    return transform_select(state, raw)


def _modifying_subquery(parent: ParseState, state: ParseState, raw: Any, cte: Any) -> Query:
    """A WITH query that modifies: only at the top of a statement."""
    if cte is None:
        raise SqlError("subquery must be a SELECT", "42601")
    if parent.parent is not None:
        raise SqlError("WITH clause containing a data-modifying statement must be at the top level",
                       "0A000", position=cte.location + 1)  # fmt: skip
    parent.has_modifying = True
    return transform_modifying(state, raw)


def transform_select(state: ParseState, raw: Any) -> Query:
    """SELECT, VALUES, or a set operation."""
    from pgtool.sql.analyze.setops import transform_set_operation

    if raw.valuesLists:
        return _values(state, raw)
    if raw.op:
        return transform_set_operation(state, raw)
    return _plain_select(state, raw)


def _plain_select(state: ParseState, raw: Any) -> Query:
    from pgtool.sql.analyze.cte import transform_with

    query = Query(commandType=CmdType.CMD_SELECT)
    transform_with(state, raw.withClause, query)
    if raw.intoClause is not None:
        raise SqlError("SELECT ... INTO is not allowed here", "42601",
                       position=raw.intoClause.rel.location + 1)  # fmt: skip
    state.windows = list(raw.windowClause)
    state.locking = raw.lockingClause
    items = transform_from(state, raw.fromClause)
    query.targetList = transform_target_list(state, raw.targetList, "SELECT")
    mark_origins(state, query)
    where = _condition(state, raw.whereClause, "WHERE")
    query.havingQual = _condition(state, raw.havingClause, "HAVING")
    entries = query.targetList
    query.sortClause = sort_clause(state, raw.sortClause, entries, "ORDER BY")
    query.groupClause, query.groupingSets = group_clause(
        state, raw.groupClause, entries, query.sortClause
    )
    query.groupDistinct = raw.groupDistinct
    if raw.distinctClause:
        if raw.distinctClause[0] is None:
            query.distinctClause = distinct_clause(state, entries, query.sortClause)
        else:
            query.distinctClause = distinct_on_clause(
                state, raw.distinctClause, entries, query.sortClause
            )
            query.hasDistinctOn = True
    _limits(state, raw, query)
    query.windowClause = window_clauses(state, state.windows, entries)
    if state.resolve_unknowns:
        resolve_unknowns(state, entries)
    query.rtable = state.rtable
    query.rteperminfos = state.perminfos
    query.jointree = FromExpr(fromlist=items, quals=where)
    finish(state, query)
    for lock in raw.lockingClause:
        apply_locking(query, lock)
    if state.has_aggs or query.groupClause or query.groupingSets or query.havingQual is not None:
        check_ungrouped(state, query)
    return query


def finish(state: ParseState, query: Query) -> None:
    """What every kind of query ends with: flags, collations."""
    query.canSetTag = True
    query.hasAggs = state.has_aggs
    query.hasWindowFuncs = state.has_windows
    query.hasTargetSRFs = state.has_srfs
    query.hasSubLinks = state.has_sublinks
    query.hasModifyingCTE = state.has_modifying
    assign_query_collations(state, query)


def _condition(state: ParseState, node: Any, kind: str) -> Any:
    if node is None:
        return None
    return coerce_to_boolean(state, transform_expr(state, node, kind), kind)


def _limits(state: ParseState, raw: Any, query: Query) -> None:
    query.limitOffset = limit_clause(state, raw.limitOffset, "OFFSET", raw.limitOption)
    query.limitCount = limit_clause(state, raw.limitCount, "LIMIT", raw.limitOption)
    query.limitOption = raw.limitOption


# -- VALUES ----------------------------------------------------------------------------------


def _values(state: ParseState, raw: Any) -> Query:
    """VALUES as a query over a VALUES entry."""
    from pgtool.sql.analyze.cte import transform_with

    query = Query(commandType=CmdType.CMD_SELECT)
    transform_with(state, raw.withClause, query)
    rows = [expand_row_args(state, row, "VALUES") for row in raw.valuesLists]
    width = len(rows[0])
    for row in rows:
        if len(row) != width:
            from pgtool.sql.analyze.nodetypes import expr_location

            raise SqlError("VALUES lists must all be the same length", "42601",
                           position=expr_location(row) + 1 or None)  # fmt: skip
    types: list[int] = []
    typmods: list[int] = []
    for column in range(width):
        cells = [row[column] for row in rows]
        common = select_common_type(state, cells, "VALUES")
        for row in rows:
            row[column] = coerce_to_common(state, row[column], common, "VALUES")
        found = {expr_typmod(row[column]) for row in rows}
        types.append(common)
        typmods.append(found.pop() if len(found) == 1 else -1)
    collations = [_column_collation(state, [row[i] for row in rows]) for i in range(width)]
    columns = [
        Column(f"column{i + 1}", types[i], typmods[i], collations[i]) for i in range(width)
    ]
    rte = RangeTblEntry(
        eref=eref_of(None, "*VALUES*", [c.name for c in columns], "VALUES lists"),
        rtekind=RTEKind.RTE_VALUES, values_lists=rows, coltypes=OidList(types),
        coltypmods=IntList(typmods), colcollations=OidList(collations), inFromCl=True,
        lateral=any(variables_of_level(rows)),
    )  # fmt: skip
    item = state.add_rte(rte, columns)
    state.namespace.append(item)
    query.targetList = [
        TargetEntry(expr=expr, resno=i, resname=name)
        for i, (name, expr) in enumerate(expand_item(state, item, 0, -1), 1)
    ]
    query.sortClause = sort_clause(state, raw.sortClause, query.targetList, "ORDER BY")
    _limits(state, raw, query)
    if raw.lockingClause:
        raise SqlError("FOR UPDATE cannot be applied to VALUES", "0A000")
    from pgtool.nodes.query import RangeTblRef

    query.rtable, query.rteperminfos = state.rtable, state.perminfos
    query.jointree = FromExpr(fromlist=[RangeTblRef(rtindex=item.index)])
    finish(state, query)
    return query


def _column_collation(state: ParseState, cells: list[Any]) -> int:
    for cell in cells:
        assign_collations(state, cell)
    found = {expr_collation(cell) for cell in cells}
    return found.pop() if len(found) == 1 else max(found)


def output_columns(query: Query) -> list[tuple[str, int, int, int]]:
    """(name, type, typmod, collation) of each visible output column."""
    return [
        (entry.resname or "?column?", expr_type(entry.expr), expr_typmod(entry.expr),
         expr_collation(entry.expr))
        for entry in query.targetList if not entry.resjunk
    ]  # fmt: skip


def names_of(columns: list[str]) -> list[ValueString]:
    """Names as a List of String nodes."""
    return [ValueString(sval=name) for name in columns]
