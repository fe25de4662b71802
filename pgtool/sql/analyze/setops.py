"""UNION, INTERSECT, EXCEPT: leaves become subqueries, the tree a SetOperationStmt."""

from __future__ import annotations

from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.errors import SqlError
from pgtool.nodes.base import IntList, OidList, ValueString
from pgtool.nodes.enums import CmdType, RTEKind, SetOperation
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import (
    Alias,
    FromExpr,
    Query,
    RangeTblEntry,
    RangeTblRef,
    SetOperationStmt,
    SortGroupClause,
    TargetEntry,
)
from pgtool.sql.analyze.clauses import limit_clause, sort_clause, sort_group_operators
from pgtool.sql.analyze.coerce import (
    coerce_to_common,
    select_common_type,
    select_common_typmod,
)
from pgtool.sql.analyze.locking import STRENGTHS
from pgtool.sql.analyze.nodetypes import expr_collation, expr_location, expr_type
from pgtool.sql.analyze.state import Column, Namespace, ParseState

__all__ = ["transform_set_operation"]

_WORDS = {
    SetOperation.SETOP_UNION: "UNION", SetOperation.SETOP_INTERSECT: "INTERSECT",
    SetOperation.SETOP_EXCEPT: "EXCEPT",
}  # fmt: skip


def transform_set_operation(state: ParseState, raw: Any) -> Query:
    """A tree of set operations with its ORDER BY and LIMIT."""
    from pgtool.sql.analyze.cte import transform_with
    from pgtool.sql.analyze.query import finish

    query = Query(commandType=CmdType.CMD_SELECT)
    if raw.intoClause is not None:
        raise SqlError("SELECT ... INTO is not allowed here", "42601",
                       position=expr_location(raw.intoClause.rel) + 1 or None)  # fmt: skip
    if raw.lockingClause:
        word = STRENGTHS[raw.lockingClause[0].strength]
        raise SqlError(f"{word} is not allowed with UNION/INTERSECT/EXCEPT", "0A000")
    transform_with(state, raw.withClause, query)
    top = raw.copy(sortClause=[], limitOffset=None, limitCount=None, withClause=None,
                   lockingClause=[])  # fmt: skip
    tree, _targets = _tree(state, top, True, query)
    query.setOperations = tree
    leftmost = tree
    while isinstance(leftmost, SetOperationStmt):
        leftmost = leftmost.larg
    first = state.rtable[leftmost.rtindex - 1].subquery
    names = [entry.resname for entry in first.targetList if not entry.resjunk]
    for number, name in enumerate(names):
        typid, typmod = tree.colTypes[number], tree.colTypmods[number]
        collation = tree.colCollations[number]
        entry = first.targetList[number]
        var = Var(
            varno=leftmost.rtindex, varattno=entry.resno, vartype=typid, vartypmod=typmod,
            varcollid=collation, varnosyn=leftmost.rtindex, varattnosyn=entry.resno,
            location=expr_location(entry.expr),
        )  # fmt: skip
        query.targetList.append(TargetEntry(expr=var, resno=number + 1, resname=name))
    _order(state, raw, query)
    query.limitOffset = limit_clause(state, raw.limitOffset, "OFFSET", raw.limitOption)
    query.limitCount = limit_clause(state, raw.limitCount, "LIMIT", raw.limitOption)
    query.limitOption = raw.limitOption
    query.rtable, query.rteperminfos = state.rtable, state.perminfos
    query.jointree = FromExpr()
    finish(state, query)
    return query


def _order(state: ParseState, raw: Any, query: Query) -> None:
    """ORDER BY may only name output columns."""
    count = len(query.targetList)
    saved, state.namespace = state.namespace, [_output_names(query)]
    # Names resolve against the output; an expression over them would add an entry.
    try:
        query.sortClause = sort_clause(state, raw.sortClause, query.targetList, "ORDER BY")
    finally:
        state.namespace = saved
    if len(query.targetList) > count:
        extra = query.targetList[count]
        raise SqlError(
            "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", "0A000",
            "Only result column names can be used, not expressions or functions.",
            "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
            expr_location(extra.expr) + 1 or None,
        )  # fmt: skip


def _output_names(query: Query) -> Namespace:
    """The output columns as an item in scope."""
    columns = [
        Column(entry.resname or "?column?", entry.expr.vartype, entry.expr.vartypmod,
               entry.expr.varcollid)
        for entry in query.targetList
    ]  # fmt: skip
    names = [ValueString(sval=column.name) for column in columns]
    rte = RangeTblEntry(rtekind=RTEKind.RTE_JOIN, eref=Alias(aliasname="*SET*", colnames=names))
    return Namespace(rte, len(query.targetList) + 1, columns, rel_visible=False)


def _is_leaf(raw: Any) -> bool:
    if not raw.op:
        return True
    return bool(raw.sortClause or raw.limitOffset or raw.limitCount or raw.lockingClause
                or raw.withClause)  # fmt: skip


def _tree(
    state: ParseState, raw: Any, top: bool, query: Query
) -> tuple[Any, list[TargetEntry]]:
    """(tree node, output columns as target entries of the leaf expressions)."""
    if _is_leaf(raw):
        return _leaf(state, raw)
    word = _WORDS[raw.op]
    left, left_columns = _tree(state, raw.larg, False, query)
    if top and state.recursive_cte is not None:
        state.recursive_columns(left_columns)
    right, right_columns = _tree(state, raw.rarg, False, query)
    if len(left_columns) != len(right_columns):
        raise SqlError(
            f"each {word} query must have the same number of columns", "42601",
            position=expr_location([e.expr for e in right_columns]) + 1 or None,
        )  # fmt: skip
    node = SetOperationStmt(op=raw.op, all=raw.all, larg=left, rarg=right, colTypes=OidList(),
                            colTypmods=IntList(), colCollations=OidList())  # fmt: skip
    columns = [
        _column(state, node, word, one, two)
        for one, two in zip(left_columns, right_columns)
    ]
    return node, columns


def _leaf(state: ParseState, raw: Any) -> tuple[Any, list[TargetEntry]]:
    from pgtool.sql.analyze.from_clause import add_subquery
    from pgtool.sql.analyze.query import analyze_subquery

    # A leaf sees nothing of its siblings, only what surrounds the whole statement.
    saved, state.namespace = state.namespace, []
    try:
        query = analyze_subquery(state, raw, resolve=False)
    finally:
        state.namespace = saved
    item = add_subquery(state, query, None, in_from=False)
    item.rte.eref.aliasname = f"*SELECT* {item.index}"
    item.rte.alias = Alias(aliasname=f"*SELECT* {item.index}")
    entries = [entry for entry in query.targetList if not entry.resjunk]
    return RangeTblRef(rtindex=item.index), entries


def _column(
    state: ParseState, node: SetOperationStmt, word: str, one: TargetEntry, two: TargetEntry
) -> TargetEntry:
    """Bring one column of both sides to a common type."""
    sides = [one.expr, two.expr]
    common = select_common_type(state, sides, word)
    deciding = next((side for side in sides if expr_type(side) == common), one.expr)
    for entry in (one, two):
        kind = type(entry.expr).__name__
        # Literals are changed in place in the leaf; other types are converted by the plan.
        if expr_type(entry.expr) == t.UNKNOWNOID and kind in ("Const", "Param"):
            entry.expr = coerce_to_common(state, entry.expr, common, word)
        else:
            coerce_to_common(state, entry.expr, common, word)
    typmod = select_common_typmod([one.expr, two.expr], common)
    collation = common_collation(state, [one.expr, two.expr], common)
    node.colTypes.append(common)
    node.colTypmods.append(typmod)
    node.colCollations.append(collation)
    if node.op != SetOperation.SETOP_UNION or not node.all:
        lt, eq, _gt, hashable = sort_group_operators(
            state, common, False, True, expr_location(deciding)
        )
        node.groupClauses.append(
            SortGroupClause(eqop=eq, sortop=lt, nulls_first=False, hashable=hashable)
        )
    stand_in = Var(varno=0, vartype=common, vartypmod=typmod, varcollid=collation,
                   location=expr_location(one.expr))  # fmt: skip
    return TargetEntry(expr=stand_in, resno=one.resno, resname=one.resname)


def common_collation(state: ParseState, exprs: list[Any], typid: int) -> int:
    if not state.types.collation(typid):
        return 0
    found = {expr_collation(expr) for expr in exprs} - {0}
    if len(found) <= 1:
        return found.pop() if found else state.types.collation(typid)
    found.discard(100)
    return found.pop() if len(found) == 1 else 0
