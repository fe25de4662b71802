"""Writing queries: WITH, target lists, clauses, set operations, subqueries in expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.errors import SqlError, Unsupported
from pgtool.functions.ruleutils.clauses import group_by, order_by, sort_item, window_spec
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.functions.ruleutils.deparser import STD, Deparser, handles
from pgtool.functions.ruleutils.exprs import const_datum, toplevel_list, variable
from pgtool.functions.ruleutils.fromclause import from_clause
from pgtool.functions.ruleutils.grouped import without_groups
from pgtool.nodes.base import strings
from pgtool.nodes.enums import (
    CmdType,
    CTEMaterialize,
    LimitOption,
    LockClauseStrength,
    LockWaitPolicy,
    RTEKind,
    SetOperation,
    SubLinkType,
)
from pgtool.nodes.exprs import BoolExpr, Const, OpExpr, RowCompareExpr, Var
from pgtool.nodes.query import RangeTblRef, SetOperationStmt

__all__ = ["STATEMENTS", "target_list", "values", "with_clause", "write_query"]

#: Command → writer; dml adds its own.
STATEMENTS: dict[CmdType, Callable[[Deparser, Any], None]] = {}


def write_query(
    outer: Deparser, query: Any, *, result_names: list[str] | None = None, visible: bool = True,
    indent: int | None = None,
) -> None:  # fmt: skip
    """A query of any kind, inside the one that ``outer`` writes."""
    tables = len(query.rtable) - bool(query.hasGroupRTE)
    query = without_groups(query)
    space = Namespace(outer.names, query, outer.namespaces)
    d = outer.sub(space, outer.level if indent is None else indent)
    d.prefix = bool(outer.namespaces) or tables != 1
    d.names_visible = visible
    if query.commandType == CmdType.CMD_SELECT:
        d.result_names = result_names
    writer = STATEMENTS.get(query.commandType)
    if writer is None:
        raise Unsupported(f"deparsing of command {query.commandType}")
    writer(d, query)


def _nothing(d: Deparser, _query: Any) -> None:
    d.put("NOTHING")


# -- WITH ----------------------------------------------------------------------------------

_MATERIALIZED = {
    CTEMaterialize.CTEMaterializeAlways: "MATERIALIZED ",
    CTEMaterialize.CTEMaterializeNever: "NOT MATERIALIZED ",
}


def _quoted(d: Deparser, names: list[Any]) -> str:
    return ", ".join(d.names.quote(name) for name in strings(names))


def with_clause(d: Deparser, query: Any) -> None:
    """WITH and what it names."""
    if not query.cteList:
        return
    if d.indented:
        d.level += STD
        d.put(" ")
    word = "WITH RECURSIVE " if query.hasRecursive else "WITH "
    for cte in query.cteList:
        d.put(word, d.names.quote(cte.ctename))
        if cte.aliascolnames:
            d.put("(", _quoted(d, cte.aliascolnames), ")")
        d.put(" AS ", _MATERIALIZED.get(cte.ctematerialized, ""), "(")
        if d.indented:
            d.keyword("")
        write_query(d, cte.ctequery)
        if d.indented:
            d.keyword("")
        d.put(")")
        _search(d, cte.search_clause)
        _cycle(d, cte.cycle_clause)
        word = ", "
    if d.indented:
        d.level -= STD
        d.keyword("")
    else:
        d.put(" ")


def _search(d: Deparser, clause: Any) -> None:
    if clause is not None:
        order = "BREADTH" if clause.search_breadth_first else "DEPTH"
        d.put(f" SEARCH {order} FIRST BY ", _quoted(d, clause.search_col_list))
        d.put(" SET ", d.names.quote(clause.search_seq_column))


def _cycle(d: Deparser, clause: Any) -> None:
    if clause is None:
        return
    d.put(" CYCLE ", _quoted(d, clause.cycle_col_list))
    d.put(" SET ", d.names.quote(clause.cycle_mark_column))
    marks = (clause.cycle_mark_value, clause.cycle_mark_default)
    if [_truth(mark) for mark in marks] != [True, False]:
        d.put(" TO ")
        d.expr(marks[0])
        d.put(" DEFAULT ")
        d.expr(marks[1])
    d.put(" USING ", d.names.quote(clause.cycle_path_column))


def _truth(mark: Any) -> bool | None:
    if not isinstance(mark, Const) or mark.consttype != 16 or mark.constisnull:
        return None
    return const_datum(mark)[:1] != b"\0"


# -- SELECT --------------------------------------------------------------------------------

_STRENGTHS = {
    LockClauseStrength.LCS_FORKEYSHARE: " FOR KEY SHARE",
    LockClauseStrength.LCS_FORSHARE: " FOR SHARE",
    LockClauseStrength.LCS_FORNOKEYUPDATE: " FOR NO KEY UPDATE",
    LockClauseStrength.LCS_FORUPDATE: " FOR UPDATE",
}
_WAITS = {LockWaitPolicy.LockWaitError: " NOWAIT", LockWaitPolicy.LockWaitSkip: " SKIP LOCKED"}


def _select(d: Deparser, query: Any) -> None:
    with_clause(d, query)
    d.targets, d.windows = query.targetList, query.windowClause
    if query.setOperations is not None:
        _set_operation(d, query.setOperations, query)
    else:
        _plain_select(d, query)
    if query.sortClause:
        d.clause(" ORDER BY ")
        order_by(d, query.sortClause, query.targetList, query.setOperations is not None)
    _limit(d, query)
    for mark in query.rowMarks if query.hasForUpdate else ():
        if not mark.pushedDown:
            d.clause(_STRENGTHS[mark.strength], 0)
            d.put(" OF ", d.names.quote(str(d.namespaces[0].tables[mark.rti - 1])))
            d.put(_WAITS.get(mark.waitPolicy, ""))


def _limit(d: Deparser, query: Any) -> None:
    if query.limitOffset is not None:
        d.clause(" OFFSET ", 0)
        d.expr(query.limitOffset)
    if query.limitCount is None:
        return
    if query.limitOption == LimitOption.LIMIT_OPTION_WITH_TIES:
        d.clause(" FETCH FIRST ", 0)
        d.put("(" if d.names.major >= ENCLOSED_TIES else "")
        d.expr(query.limitCount)
        d.put(")" if d.names.major >= ENCLOSED_TIES else "", " ROWS WITH TIES")
        return
    d.clause(" LIMIT ", 0)
    if isinstance(query.limitCount, Const) and query.limitCount.constisnull:
        d.put("ALL")
    else:
        d.expr(query.limitCount)


#: The first major whose servers enclose the number of FETCH FIRST.
ENCLOSED_TIES = 14


def _plain_select(d: Deparser, query: Any) -> None:
    if d.indented:
        d.level += STD
        d.put(" ")
    rows = _plain_values(query, d.result_names)
    if rows is not None:
        values(d, rows.values_lists)
        return
    d.put("RETURN" if query.isReturn else "SELECT")
    if query.distinctClause:
        d.put(" DISTINCT")
        if query.hasDistinctOn:
            d.put(" ON (")
            for i, clause in enumerate(query.distinctClause):
                d.put(", " if i else "")
                sort_item(d, clause.tleSortGroupRef, query.targetList)
            d.put(")")
    target_list(d, query.targetList)
    from_clause(d, query, " FROM ")
    if query.jointree.quals is not None:
        d.clause(" WHERE ")
        d.expr(query.jointree.quals)
    if query.groupClause or query.groupingSets:
        d.clause(" GROUP BY ")
        group_by(d, query)
    if query.havingQual is not None:
        d.clause(" HAVING ", 0)
        d.expr(query.havingQual)
    _windows(d, query)


def _windows(d: Deparser, query: Any) -> None:
    first = True
    for clause in query.windowClause:
        if clause.name is None:
            continue
        if first:
            d.clause(" WINDOW ")
            first = False
        else:
            d.put(", ")
        d.put(d.names.quote(clause.name), " AS ")
        window_spec(d, clause, query.targetList)


def _plain_values(query: Any, result_names: list[str] | None) -> Any:
    """The VALUES of a query that is nothing else and renames no column."""
    found = None
    for rte in query.rtable:
        if rte.rtekind == RTEKind.RTE_VALUES and rte.inFromCl and found is None:
            found = rte
        elif rte.rtekind != RTEKind.RTE_RELATION or rte.inFromCl:
            return None
    if found is None or any(entry.resjunk for entry in query.targetList):
        return None
    names = [entry.resname for entry in query.targetList]
    names[: len(result_names or ())] = (result_names or [])[: len(names)]
    return found if names == strings(found.eref.colnames) else None


def values(d: Deparser, lists: list[Any]) -> None:
    """VALUES and its rows."""
    d.put("VALUES ")
    for i, row in enumerate(lists):
        d.put(", (" if i else "(")
        toplevel_list(d, row, False, ",")
        d.put(")")


def target_list(d: Deparser, targets: list[Any]) -> None:
    """What SELECT or RETURNING gives, with names where they are not those by default."""
    several_lines = False
    entries = [entry for entry in targets if not entry.resjunk]
    for i, entry in enumerate(entries):
        d.put(", " if i else " ")
        text, name = d.captured(lambda entry=entry: _target(d, entry))  # type: ignore[misc]
        called = d.result_names[i] if d.result_names and i < len(d.result_names) else entry.resname
        if called and called != name:
            text += " AS " + d.names.quote(called)
        d.wrapped(text, i == 0, several_lines)
        several_lines = "\n" in text[text.startswith("\n") :]


def _target(d: Deparser, entry: Any) -> str | None:
    if isinstance(entry.expr, Var):
        return variable(d, entry.expr, top=True)
    d.expr(entry.expr, True)
    # Nobody sees the names of a subquery in an expression.
    return None if d.names_visible else "?column?"


# -- set operations --------------------------------------------------------------------------

_SET_WORDS = {
    SetOperation.SETOP_UNION: "UNION ", SetOperation.SETOP_INTERSECT: "INTERSECT ",
    SetOperation.SETOP_EXCEPT: "EXCEPT ",
}  # fmt: skip


def _set_operation(d: Deparser, node: Any, query: Any) -> None:
    if isinstance(node, RangeTblRef):
        inner = query.rtable[node.rtindex - 1].subquery
        enclosed = bool(
            inner.cteList or inner.sortClause or inner.rowMarks or inner.limitOffset
            or inner.limitCount or inner.setOperations
        )  # fmt: skip
        d.put("(" if enclosed else "")
        write_query(d, inner, result_names=d.result_names, visible=d.names_visible)
        d.put(")" if enclosed else "")
        return
    left = node.larg
    enclosed = isinstance(left, SetOperationStmt) and (left.op, left.all) != (node.op, node.all)
    if enclosed:
        d.put("(")
        d.keyword("", STD)
    _set_operation(d, left, query)
    if enclosed:
        d.keyword(") ", -STD)
    elif d.indented:
        d.keyword("")
    else:
        d.put(" ")
    d.put(_SET_WORDS[node.op], "ALL " if node.all else "")
    enclosed = isinstance(node.rarg, SetOperationStmt)
    indent = STD if enclosed else 0
    d.put("(" if enclosed else "")
    d.keyword("", indent)
    saved, d.names_visible = d.names_visible, False
    _set_operation(d, node.rarg, query)
    d.names_visible = saved
    d.level -= indent if d.indented else 0
    if enclosed:
        d.keyword(")")


# -- subqueries in expressions -----------------------------------------------------------------


@handles("SubLink")
def _sublink(d: Deparser, node: Any, _implicit: bool) -> None:
    kind = node.subLinkType
    d.put("ARRAY(" if kind == SubLinkType.ARRAY_SUBLINK else "(")
    operator = _tested(d, node.testexpr) if node.testexpr is not None else ""
    enclosed = True
    if kind == SubLinkType.EXISTS_SUBLINK:
        d.put("EXISTS ")
    elif kind == SubLinkType.ANY_SUBLINK:
        d.put(" IN " if operator == "=" else f" {operator} ANY ")
    elif kind == SubLinkType.ALL_SUBLINK:
        d.put(f" {operator} ALL ")
    elif kind == SubLinkType.ROWCOMPARE_SUBLINK:
        d.put(f" {operator} ")
    else:
        enclosed = False
    d.put("(" if enclosed else "")
    write_query(d, node.subselect, visible=False)
    d.put("))" if enclosed else ")")


def _tested(d: Deparser, test: Any) -> str:
    """Write the left side of a comparison with a subquery; its operator comes back."""
    if isinstance(test, OpExpr):
        d.expr(test.args[0], True)
        return d.names.operator(test.opno)
    d.put("(")
    if isinstance(test, BoolExpr):
        d.listed([part.args[0] for part in test.args], True)
        number = test.args[0].opno
    elif isinstance(test, RowCompareExpr):
        d.listed(test.largs, True)
        number = test.opnos[0]
    else:
        raise SqlError(f"unrecognized testexpr type: {type(test).__name__}", "XX000")
    d.put(")")
    return d.names.operator(number)


STATEMENTS[CmdType.CMD_SELECT] = _select
STATEMENTS[CmdType.CMD_NOTHING] = _nothing
