"""UPDATE and DELETE: which rows, and what becomes of their columns."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import ValueString
from pgtool.nodes.enums import CmdType, SubLinkType
from pgtool.nodes.exprs import FieldSelect, RowExpr, SetToDefault, SubLink
from pgtool.nodes.query import FromExpr, Query, RangeTblRef, TargetEntry
from pgtool.sql.analyze.coerce import coerce_to_boolean
from pgtool.sql.analyze.dml import (
    ACL_DELETE,
    ACL_UPDATE,
    assigned,
    attribute_number,
    default_or_expr,
    note_columns,
    set_target,
)
from pgtool.sql.analyze.expressions import transform_expr
from pgtool.sql.analyze.from_clause import transform_from
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.state import Namespace, ParseState

__all__ = ["transform_delete", "transform_update", "update_target_list"]


def transform_update(state: ParseState, raw: Any) -> Query:
    """UPDATE … as a Query."""
    query = Query(commandType=CmdType.CMD_UPDATE)
    target = _start(state, query, raw, ACL_UPDATE)
    items = _from(state, raw.fromClause)
    where = _where(state, raw.whereClause)
    entries = _sources(state, raw.targetList)
    _returning(state, query, raw, target)
    query.targetList = update_target_list(state, target, raw.targetList, entries)
    return _finish(state, query, target, items, where)


def transform_delete(state: ParseState, raw: Any) -> Query:
    """DELETE … as a Query."""
    query = Query(commandType=CmdType.CMD_DELETE)
    target = _start(state, query, raw, ACL_DELETE)
    items = _from(state, raw.usingClause)
    where = _where(state, raw.whereClause)
    _returning(state, query, raw, target)
    return _finish(state, query, target, items, where)


def _start(state: ParseState, query: Query, raw: Any, perms: int) -> Namespace:
    from pgtool.sql.analyze.cte import transform_with

    transform_with(state, raw.withClause, query)
    return set_target(state, query, raw.relation, perms, inherit=True, in_scope=True)


def _from(state: ParseState, clause: list[Any]) -> list[Any]:
    """FROM and USING see the target only where its name is not taken again."""
    target = state.namespace[-1]
    target.lateral_only, target.lateral_ok = True, False
    items = transform_from(state, clause)
    target.lateral_only, target.lateral_ok = False, True
    return items


def _where(state: ParseState, node: Any) -> Any:
    if node is None:
        return None
    return coerce_to_boolean(state, transform_expr(state, node, "WHERE"), "WHERE")


def _returning(state: ParseState, query: Query, raw: Any, target: Namespace) -> None:
    from pgtool.sql.analyze.returning import transform_returning

    if raw.returningClause is not None:
        transform_returning(state, query, raw.returningClause, target)


def _finish(
    state: ParseState, query: Query, target: Namespace, items: list[Any], where: Any
) -> Query:
    from pgtool.sql.analyze.query import finish

    query.rtable, query.rteperminfos = state.rtable, state.perminfos
    query.jointree = FromExpr(
        fromlist=[RangeTblRef(rtindex=target.index), *items], quals=where
    )
    finish(state, query)
    if state.has_aggs:
        raise SqlError("aggregate functions are not allowed in this statement", "42803")
    return query


# -- SET ----------------------------------------------------------------------------------------


def _sources(state: ParseState, targets: list[Any]) -> list[Any]:
    """The value of each SET item; rows and subqueries that set several columns are opened."""
    out: list[Any] = []
    rows: dict[int, list[Any]] = {}
    for item in targets:
        if type(item.val).__name__ != "MultiAssignRef":
            out.append(default_or_expr(state, item.val, "UPDATE"))
            continue
        ref = item.val
        if ref.colno == 1:
            rows = {0: _row_source(state, ref)}
        out.append(rows[0][ref.colno - 1])
    return out


def _row_source(state: ParseState, ref: Any) -> list[Any]:
    """The values of ``(a, b) = …``."""
    source = ref.source
    kind = type(source).__name__
    if kind == "SubLink" and source.subLinkType == SubLinkType.EXPR_SUBLINK:
        return _subquery_row(state, ref)
    if kind == "RowExpr":
        cells = [default_or_expr(state, cell, "UPDATE") for cell in _cells(state, source)]
        if len(cells) != ref.ncolumns:
            raise _wrong_count(source)
        return cells
    raise SqlError("source for a multiple-column UPDATE item must be a sub-SELECT or ROW() "
                   "expression", "0A000", position=expr_location(source) + 1 or None)  # fmt: skip


def _cells(state: ParseState, source: Any) -> list[Any]:
    from pgtool.sql.analyze.target import expand_row_args

    out: list[Any] = []
    for cell in source.args:
        if isinstance(cell, SetToDefault):
            out.append(cell)
        elif type(cell).__name__ == "ColumnRef" and type(cell.fields[-1]).__name__ == "A_Star":
            out += expand_row_args(state, [cell], "UPDATE")
        else:
            out.append(cell)
    return out


def _wrong_count(source: Any) -> SqlError:
    return SqlError("number of columns does not match number of values", "42601",
                    position=expr_location(source) + 1 or None)  # fmt: skip


def _subquery_row(state: ParseState, ref: Any) -> list[Any]:
    """One subquery that gives several columns: its row, and the fields of that."""
    from pgtool.sql.analyze.query import analyze_subquery
    from pgtool.sql.analyze.target import resolve_unknowns

    inner = ParseState(state.shared, state)
    query = analyze_subquery(inner, ref.source.subselect, resolve=False)
    state.has_sublinks = True
    visible = [entry for entry in query.targetList if not entry.resjunk]
    if len(visible) != ref.ncolumns:
        raise _wrong_count(ref.source)
    resolve_unknowns(state, visible)
    outer = _as_row(inner, query)
    link = SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=outer,
                   location=ref.source.location)  # fmt: skip
    return [
        FieldSelect(arg=link, fieldnum=number, resulttype=expr_type(entry.expr),
                    resulttypmod=expr_typmod(entry.expr), resultcollid=expr_collation(entry.expr))
        for number, entry in enumerate(visible, 1)
    ]  # fmt: skip


def _as_row(inner: ParseState, query: Query) -> Query:
    """SELECT ROW(every column) FROM (the query)."""
    from pgtool.sql.analyze.from_clause import add_subquery
    from pgtool.sql.analyze.query import finish
    from pgtool.sql.analyze.state import make_var

    item = add_subquery(inner, query, None, in_from=False)
    item.rte.inFromCl = True
    args = [make_var(item, n, c, 0, -1) for n, c in enumerate(item.columns, 1)]
    row = RowExpr(args=args, row_typeid=t.RECORDOID,
                  colnames=[ValueString(sval=f"f{i + 1}") for i in range(len(args))])  # fmt: skip
    out = Query(commandType=CmdType.CMD_SELECT, rtable=inner.rtable,
                targetList=[TargetEntry(expr=row, resno=1, resname="row")])  # fmt: skip
    out.jointree = FromExpr(fromlist=[RangeTblRef(rtindex=item.index)])
    finish(inner, out)
    return out


def update_target_list(
    state: ParseState, target: Namespace, items: list[Any], sources: list[Any]
) -> list[TargetEntry]:
    """SET items → entries numbered by the columns that they set."""
    out: list[TargetEntry] = []
    for item, source in zip(items, sources):
        number = attribute_number(state, target, item.name, item.location, "SET")
        expr = assigned(state, target, source, number, list(item.indirection), item.location,
                        "UPDATE")  # fmt: skip
        out.append(TargetEntry(expr=expr, resno=number, resname=item.name))
    note_columns(state, target, [entry.resno for entry in out], "updatedCols")
    return out
