"""Writing what rules and SQL functions do besides SELECT: INSERT, UPDATE, DELETE, MERGE, NOTIFY."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.ruleutils.deparser import STD, Deparser
from pgtool.functions.ruleutils.exprs import indirection, strip_implicit, toplevel_list
from pgtool.functions.ruleutils.fromclause import alias, from_clause, only
from pgtool.functions.ruleutils.names import quote_literal
from pgtool.functions.ruleutils.query import (
    STATEMENTS,
    target_list,
    values,
    with_clause,
    write_query,
)
from pgtool.nodes.enums import (
    CmdType,
    CoercionForm,
    MergeMatchKind,
    OnConflictAction,
    OverridingKind,
    ParamKind,
    RTEKind,
    SubLinkType,
)
from pgtool.nodes.exprs import CoerceToDomain, FieldStore, Param, SubLink, SubscriptingRef

__all__: list[str] = []

_OVERRIDING = {
    OverridingKind.OVERRIDING_SYSTEM_VALUE: "OVERRIDING SYSTEM VALUE",
    OverridingKind.OVERRIDING_USER_VALUE: "OVERRIDING USER VALUE",
}


def _start(d: Deparser, query: Any, verb: str, as_word: str = " ", bare: bool = False) -> Any:
    """The verb and its table."""
    with_clause(d, query)
    rte = query.rtable[query.resultRelation - 1]
    if d.indented:
        d.level += STD
        d.put(" ")
    d.put(verb, " ", "" if bare else only(rte), d.names.relation(rte.relid))
    alias(d, rte, query.resultRelation, as_word)
    return rte


def _where(d: Deparser, condition: Any) -> None:
    if condition is not None:
        d.clause(" WHERE ")
        d.expr(condition)


def _assigned(d: Deparser, targets: list[Any], relid: int) -> list[Any]:
    """Write the columns of an INSERT; the expressions that go into them come back."""
    out: list[Any] = []
    for entry in targets:
        if entry.resjunk:
            continue
        d.put(", " if out else "", d.names.quote(d.names.column(relid, entry.resno)))
        out.append(indirection(d, entry.expr))
    return out


def _insert(d: Deparser, query: Any) -> None:
    rte = _start(d, query, "INSERT INTO", " AS ", bare=True)
    d.put(" ")
    exprs: list[Any] = []
    if query.targetList:
        d.put("(")
        exprs = _assigned(d, query.targetList, rte.relid)
        d.put(") ")
    if query.override:
        d.put(_OVERRIDING[query.override], " ")
    subqueries = [r for r in query.rtable if r.rtekind == RTEKind.RTE_SUBQUERY]
    lists = [r for r in query.rtable if r.rtekind == RTEKind.RTE_VALUES]
    if subqueries:
        write_query(d, subqueries[0].subquery, visible=False)
    elif lists:
        values(d, lists[0].values_lists)
    elif exprs:
        d.keyword("VALUES (", -STD, STD, 2)
        toplevel_list(d, exprs, False)
        d.put(")")
    else:
        d.put("DEFAULT VALUES")
    if query.onConflict is not None:
        _conflict(d, query, query.onConflict, rte)
    _returning(d, query)


def _conflict(d: Deparser, query: Any, conflict: Any, rte: Any) -> None:
    d.put(" ON CONFLICT")
    if conflict.arbiterElems:
        d.put("(")
        d.listed(conflict.arbiterElems)
        d.put(")")
        saved, d.prefix = d.prefix, False
        _where(d, conflict.arbiterWhere)
        d.prefix = saved
    elif conflict.constraint:
        row = d.names.cache.one("pg_constraint", "oid", conflict.constraint)
        if row is None:
            raise SqlError(f"cache lookup failed for constraint {conflict.constraint}", "XX000")
        d.put(" ON CONSTRAINT ", d.names.quote(row.conname))
    if conflict.action == OnConflictAction.ONCONFLICT_NOTHING:
        d.put(" DO NOTHING")
        return
    d.put(" DO UPDATE SET ")
    _set(d, conflict.onConflictSet, rte)
    _where(d, conflict.onConflictWhere)


def _update(d: Deparser, query: Any) -> None:
    rte = _start(d, query, "UPDATE")
    d.put(" SET ")
    _set(d, query.targetList, rte)
    from_clause(d, query, " FROM ")
    _where(d, query.jointree.quals)
    _returning(d, query)


def _delete(d: Deparser, query: Any) -> None:
    _start(d, query, "DELETE FROM")
    from_clause(d, query, " USING ")
    _where(d, query.jointree.quals)
    _returning(d, query)


# -- SET -----------------------------------------------------------------------------------


def _set(d: Deparser, targets: list[Any], rte: Any) -> None:
    """``column = expression``, several columns at once where a subquery gives them."""
    links = iter([
        entry.expr for entry in targets
        if entry.resjunk and isinstance(entry.expr, SubLink)
        and entry.expr.subLinkType == SubLinkType.MULTIEXPR_SUBLINK
    ])  # fmt: skip
    current, left = None, 0
    comma = ""
    for entry in targets:
        if entry.resjunk:
            continue
        d.put(comma)
        comma = ", "
        if current is None and _is_multi(entry.expr):
            current = next(links)
            left = sum(not e.resjunk for e in current.subselect.targetList)
            d.put("(")
        d.put(d.names.quote(d.names.column(rte.relid, entry.resno)))
        expr = indirection(d, entry.expr)
        if current is not None:
            left -= 1
            if left > 0:
                continue
            d.put(")")
            expr, current = current, None
        d.put(" = ")
        d.expr(expr)


def _is_multi(expr: Any) -> bool:
    """Whether an assignment takes a column of a subquery that gives several."""
    while True:
        if isinstance(expr, FieldStore):
            expr = expr.newvals[0]
        elif isinstance(expr, SubscriptingRef) and expr.refassgnexpr is not None:
            expr = expr.refassgnexpr
        elif (
            isinstance(expr, CoerceToDomain)
            and expr.coercionformat == CoercionForm.COERCE_IMPLICIT_CAST
        ):
            expr = expr.arg
        else:
            break
    expr = strip_implicit(expr)
    return isinstance(expr, Param) and expr.paramkind == ParamKind.PARAM_MULTIEXPR


def _returning(d: Deparser, query: Any) -> None:
    if not query.returningList:
        return
    d.clause(" RETURNING")
    aliases = [
        f"{word} AS {d.names.quote(name)}"
        for word, name in (("OLD", query.returningOldAlias), ("NEW", query.returningNewAlias))
        if name and name != word.lower()
    ]
    d.put(f" WITH ({', '.join(aliases)})" if aliases else "")
    target_list(d, query.returningList)


# -- MERGE ---------------------------------------------------------------------------------


def _merge(d: Deparser, query: Any) -> None:
    rte = _start(d, query, "MERGE INTO")
    from_clause(d, query, " USING ")
    d.keyword(" ON ", -STD, STD, 2)
    d.expr(query.mergeJoinCondition)
    by_source = any(
        action.matchKind == MergeMatchKind.MERGE_WHEN_NOT_MATCHED_BY_SOURCE
        for action in query.mergeActionList
    )
    words = {
        MergeMatchKind.MERGE_WHEN_MATCHED: "MATCHED",
        MergeMatchKind.MERGE_WHEN_NOT_MATCHED_BY_SOURCE: "NOT MATCHED BY SOURCE",
        MergeMatchKind.MERGE_WHEN_NOT_MATCHED_BY_TARGET:
            "NOT MATCHED BY TARGET" if by_source else "NOT MATCHED",
    }  # fmt: skip
    for action in query.mergeActionList:
        d.keyword(" WHEN ", -STD, STD, 2)
        d.put(words[action.matchKind])
        if action.qual is not None:
            d.keyword(" AND ", -STD, STD, 3)
            d.expr(action.qual)
        d.keyword(" THEN ", -STD, STD, 3)
        _merge_action(d, action, rte)
    _returning(d, query)


def _merge_action(d: Deparser, action: Any, rte: Any) -> None:
    if action.commandType == CmdType.CMD_UPDATE:
        d.put("UPDATE SET ")
        _set(d, action.targetList, rte)
    elif action.commandType == CmdType.CMD_DELETE:
        d.put("DELETE")
    elif action.commandType == CmdType.CMD_NOTHING:
        d.put("DO NOTHING")
    else:
        d.put("INSERT", " (" if action.targetList else "")
        exprs = _assigned(d, action.targetList, rte.relid)
        d.put(")" if action.targetList else "")
        if action.override:
            d.put(" ", _OVERRIDING[action.override])
        if exprs:
            d.keyword(" VALUES (", -STD, STD, 4)
            toplevel_list(d, exprs, False)
            d.put(")")
        else:
            d.put(" DEFAULT VALUES")


def _utility(d: Deparser, query: Any) -> None:
    stmt = query.utilityStmt
    if type(stmt).__name__ != "NotifyStmt":
        raise SqlError("unexpected utility statement type", "XX000")
    d.keyword("", 0, STD, 1)
    d.put("NOTIFY ", d.names.quote(stmt.conditionname))
    if stmt.payload:
        d.put(", ", quote_literal(stmt.payload))


STATEMENTS.update({
    CmdType.CMD_INSERT: _insert, CmdType.CMD_UPDATE: _update, CmdType.CMD_DELETE: _delete,
    CmdType.CMD_MERGE: _merge, CmdType.CMD_UTILITY: _utility,
})  # fmt: skip
