"""INSERT: VALUES, a query, or DEFAULT VALUES into the columns of a table.

One row of VALUES becomes the target list itself; several become a VALUES entry that the
target list refers to, row by row converted to the columns' types; a query becomes the
subquery ``*SELECT*``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, OidList
from pgtool.nodes.enums import CmdType, OnConflictAction, RTEKind
from pgtool.nodes.exprs import Const, FieldStore, Param, SetToDefault, SubscriptingRef, Var
from pgtool.nodes.query import FromExpr, Query, RangeTblEntry, RangeTblRef, TargetEntry
from pgtool.sql.analyze.collations import assign_collations
from pgtool.sql.analyze.dml import (
    ACL_INSERT,
    ACL_UPDATE,
    assigned,
    attribute_number,
    note_columns,
    set_target,
)
from pgtool.sql.analyze.from_clause import add_subquery, eref_of
from pgtool.sql.analyze.levels import variables_of_level
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type, expr_typmod
from pgtool.sql.analyze.state import Column, Namespace, ParseState
from pgtool.sql.analyze.target import expand_row_args

__all__ = ["transform_insert"]


class _Target(NamedTuple):
    """A column that is inserted into: its number, subscripts or fields, place in the text."""

    name: str
    number: int
    steps: list[Any]
    location: int


def transform_insert(state: ParseState, raw: Any) -> Query:
    """INSERT … as a Query."""
    from pgtool.sql.analyze.conflict import transform_conflict
    from pgtool.sql.analyze.cte import transform_with
    from pgtool.sql.analyze.query import finish
    from pgtool.sql.analyze.returning import transform_returning

    query = Query(commandType=CmdType.CMD_INSERT, override=raw.override)
    transform_with(state, raw.withClause, query)
    conflict = raw.onConflictClause
    updates = conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE
    perms = ACL_INSERT | (ACL_UPDATE if updates else 0)
    target = set_target(state, query, raw.relation, perms, inherit=False, in_scope=False)
    columns = _columns(state, target, raw.cols)
    source = raw.selectStmt
    items: list[Any] = []
    if source is None:
        exprs: list[Any] = []
    elif not source.valuesLists or _is_more_than_values(source):
        exprs, items = _from_query(state, source)
        exprs = _row(state, target, exprs, columns, raw, False)
    elif len(source.valuesLists) > 1:
        exprs, items = _from_values(state, target, source, columns, raw)
        exprs = _row(state, target, exprs, columns, raw, False)
    else:
        exprs = _values_row(state, source.valuesLists[0], "VALUES_SINGLE")
        exprs = _row(state, target, exprs, columns, raw, False)
    for expr, column in zip(exprs, columns):
        query.targetList.append(TargetEntry(expr=expr, resno=column.number, resname=column.name))
    note_columns(state, target, [c.number for c in columns[: len(exprs)]])
    if conflict is not None or raw.returningClause is not None:
        state.namespace = []
        target.lateral_only, target.lateral_ok = False, True
        state.namespace.append(target)
    if conflict is not None:
        query.onConflict = transform_conflict(state, conflict, target)
    if raw.returningClause is not None:
        transform_returning(state, query, raw.returningClause, target)
    query.rtable, query.rteperminfos = state.rtable, state.perminfos
    query.jointree = FromExpr(fromlist=items)
    finish(state, query)
    return query


def _is_more_than_values(source: Any) -> bool:
    """VALUES with clauses of a query is one."""
    return bool(source.sortClause or source.limitOffset is not None
                or source.limitCount is not None or source.lockingClause
                or source.withClause is not None)  # fmt: skip


def _columns(state: ParseState, target: Namespace, cols: list[Any]) -> list[_Target]:
    attributes = state.session.database.relation(target.rte.relid).attributes
    if not cols:
        return [_Target(a.attname, a.attnum, [], -1) for a in attributes if not a.attisdropped]
    out: list[_Target] = []
    whole: set[int] = set()
    parts: set[int] = set()
    for col in cols:
        number = attribute_number(state, target, col.name, col.location, "INSERT")
        steps = list(col.indirection)
        if number in whole or (not steps and number in parts):
            raise SqlError(f'column "{col.name}" specified more than once', "42701",
                           position=col.location + 1)  # fmt: skip
        (parts if steps else whole).add(number)
        out.append(_Target(col.name, number, steps, col.location))
    return out


def _from_query(state: ParseState, source: Any) -> tuple[list[Any], list[Any]]:
    """(references to the query's columns, the join tree's items)."""
    from pgtool.sql.analyze.query import transform_select

    inner = ParseState(state.shared, state)
    inner.resolve_unknowns = False
    made = transform_select(inner, source)
    item = add_subquery(state, made, None, in_from=False)
    item.rte.eref.aliasname = "*SELECT*"
    item.rte.inFromCl = False
    exprs: list[Any] = []
    for number, (entry, column) in enumerate(
        zip([e for e in made.targetList if not e.resjunk], item.columns), 1
    ):
        expr = entry.expr
        if isinstance(expr, (Const, Param)) and expr_type(expr) == t.UNKNOWNOID:
            exprs.append(expr)
            continue
        exprs.append(Var(
            varno=item.index, varattno=number, vartype=column.typid, vartypmod=column.typmod,
            varcollid=column.collation, varnosyn=item.index, varattnosyn=number,
            location=expr_location(expr),
        ))  # fmt: skip
    return exprs, [RangeTblRef(rtindex=item.index)]


def _values_row(state: ParseState, row: list[Any], kind: str = "VALUES") -> list[Any]:
    """The expressions of one row, DEFAULT allowed."""
    out: list[Any] = []
    for node in row:
        if isinstance(node, SetToDefault):
            out.append(node)
        else:
            out += expand_row_args(state, [node], kind)
    return out


def _from_values(
    state: ParseState, target: Namespace, source: Any, columns: list[_Target], raw: Any
) -> tuple[list[Any], list[Any]]:
    """Several rows: a VALUES entry whose cells have the columns' types already."""
    rows: list[list[Any]] = []
    width = -1
    for number, cells in enumerate(source.valuesLists):
        row = _values_row(state, cells)
        if width < 0:
            width = len(row)
        elif width != len(row):
            raise SqlError("VALUES lists must all be the same length", "42601",
                           position=expr_location(row) + 1 or None)  # fmt: skip
        row = _row(state, target, row, columns, raw if number == 0 else None, True)
        rows.append(row)
    for row in rows:
        for cell in row:
            assign_collations(state, cell)
    first = rows[0]
    types = [expr_type(cell) for cell in first]
    typmods = [expr_typmod(cell) for cell in first]
    collations = [expr_collation(cell) for cell in first]
    made = [
        Column(f"column{i + 1}", types[i], typmods[i], collations[i]) for i in range(len(first))
    ]
    rte = RangeTblEntry(
        eref=eref_of(None, "*VALUES*", [c.name for c in made], "VALUES lists"),
        rtekind=RTEKind.RTE_VALUES, values_lists=rows, coltypes=OidList(types),
        coltypmods=IntList(typmods), colcollations=OidList(collations), inFromCl=True,
        lateral=any(variables_of_level(rows)),
    )  # fmt: skip
    item = state.add_rte(rte, made)
    exprs = [
        Var(varno=item.index, varattno=i + 1, vartype=types[i], vartypmod=typmods[i],
            varcollid=collations[i], varnosyn=item.index, varattnosyn=i + 1,
            location=expr_location(first[i]))
        for i in range(len(first))
    ]  # fmt: skip
    return exprs, [RangeTblRef(rtindex=item.index)]


def _row(
    state: ParseState, target: Namespace, exprs: list[Any], columns: list[_Target], raw: Any,
    strip: bool,
) -> list[Any]:  # fmt: skip
    """The values of one row as the columns take them.

    ``strip`` leaves what goes into a part of a column as it is for the part: the assignment
    itself stands in the target list above the VALUES.
    """
    if len(exprs) > len(columns):
        raise SqlError("INSERT has more expressions than target columns", "42601",
                       position=expr_location(exprs[len(columns)]) + 1 or None)  # fmt: skip
    if raw is not None and raw.cols and len(exprs) < len(columns):
        hint = None
        if len(exprs) == 1 and type(exprs[0]).__name__ == "RowExpr" and len(
            exprs[0].args) == len(columns):  # fmt: skip
            hint = ("The insertion source is a row expression containing the same number of "
                    "columns expected by the INSERT. Did you accidentally use extra parentheses?")
        raise SqlError("INSERT has more target columns than expressions", "42601", hint=hint,
                       position=columns[len(exprs)].location + 1 or None)  # fmt: skip
    out: list[Any] = []
    for expr, column in zip(exprs, columns):
        made = assigned(state, target, expr, column.number, column.steps, column.location,
                        "INSERT")  # fmt: skip
        if strip:
            made = _stripped(made)
        out.append(made)
    return out


def _stripped(expr: Any) -> Any:
    """What is assigned, without the steps of the assignment."""
    while True:
        if isinstance(expr, FieldStore):
            expr = expr.newvals[0]
        elif isinstance(expr, SubscriptingRef) and expr.refassgnexpr is not None:
            expr = expr.refassgnexpr
        elif type(expr).__name__ == "CoerceToDomain" and isinstance(
            expr.arg, (FieldStore, SubscriptingRef)
        ) and (isinstance(expr.arg, FieldStore) or expr.arg.refassgnexpr is not None):
            expr = expr.arg
        else:
            return expr
