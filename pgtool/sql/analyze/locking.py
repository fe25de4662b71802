"""FOR UPDATE and kin: which range table entries get row marks, in subqueries too."""

from __future__ import annotations

from typing import Any

from pgtool.errors import SqlError
from pgtool.nodes.enums import LockClauseStrength, RTEKind
from pgtool.nodes.query import Query, RangeTblEntry, RowMarkClause

__all__ = ["STRENGTHS", "apply_locking"]

ACL_SELECT_FOR_UPDATE = 4
STRENGTHS = {
    LockClauseStrength.LCS_FORKEYSHARE: "FOR KEY SHARE",
    LockClauseStrength.LCS_FORSHARE: "FOR SHARE",
    LockClauseStrength.LCS_FORNOKEYUPDATE: "FOR NO KEY UPDATE",
    LockClauseStrength.LCS_FORUPDATE: "FOR UPDATE",
}
_REFUSED_KINDS = {
    RTEKind.RTE_JOIN: "a join", RTEKind.RTE_FUNCTION: "a function",
    RTEKind.RTE_TABLEFUNC: "a table function", RTEKind.RTE_VALUES: "VALUES",
    RTEKind.RTE_CTE: "a WITH query",
}  # fmt: skip
_LOCKABLE = (RTEKind.RTE_RELATION, RTEKind.RTE_SUBQUERY)


def check_lockable(query: Query, word: str) -> None:
    """Refuse what has no rows of its own to lock."""
    refused = (
        (query.setOperations is not None, "UNION/INTERSECT/EXCEPT"),
        (bool(query.distinctClause), "DISTINCT clause"),
        (bool(query.groupClause or query.groupingSets), "GROUP BY clause"),
        (query.havingQual is not None, "HAVING clause"), (query.hasAggs, "aggregate functions"),
        (query.hasWindowFuncs, "window functions"),
        (query.hasTargetSRFs, "set-returning functions in the target list"),
    )  # fmt: skip
    for present, what in refused:
        if present:
            raise SqlError(f"{word} is not allowed with {what}", "0A000")


def apply_locking(query: Query, lock: Any, pushed_down: bool = False) -> None:
    """One locking clause: for every FROM item, or for those that it names."""
    word = STRENGTHS[lock.strength]
    check_lockable(query, word)
    if not lock.lockedRels:
        for index, rte in enumerate(query.rtable, 1):
            if rte.inFromCl and rte.rtekind in _LOCKABLE:
                _lock(query, index, rte, lock, pushed_down)
        return
    for node in lock.lockedRels:
        position = node.location + 1
        if node.schemaname or node.catalogname:
            raise SqlError(f"{word} must specify unqualified relation names", "42601",
                           position=position)  # fmt: skip
        for index, rte in enumerate(query.rtable, 1):
            if not rte.inFromCl or _name(rte) != node.relname:
                continue
            if rte.rtekind not in _LOCKABLE:
                what = _REFUSED_KINDS.get(rte.rtekind, "this")
                raise SqlError(f"{word} cannot be applied to {what}", "0A000", position=position)
            _lock(query, index, rte, lock, pushed_down)
            break
        else:
            raise SqlError(
                f'relation "{node.relname}" in {word} clause not found in FROM clause', "42P01",
                position=position,
            )  # fmt: skip


def _name(rte: RangeTblEntry) -> str | None:
    """The name a locking clause can use; a join without alias has none."""
    if rte.rtekind == RTEKind.RTE_JOIN and rte.alias is None:
        return None
    return str(rte.eref.aliasname)


def _lock(query: Query, index: int, rte: RangeTblEntry, lock: Any, pushed_down: bool) -> None:
    query.hasForUpdate |= not pushed_down
    for mark in query.rowMarks:
        if mark.rti == index:
            mark.strength = max(mark.strength, lock.strength)
            mark.waitPolicy = max(mark.waitPolicy, lock.waitPolicy)
            mark.pushedDown = mark.pushedDown and pushed_down
            break
    else:
        query.rowMarks.append(
            RowMarkClause(rti=index, strength=lock.strength, waitPolicy=lock.waitPolicy,
                          pushedDown=pushed_down)
        )  # fmt: skip
    if rte.rtekind == RTEKind.RTE_RELATION:
        info = query.rteperminfos[rte.perminfoindex - 1]
        info.requiredPerms |= ACL_SELECT_FOR_UPDATE
    else:
        apply_locking(rte.subquery, lock.copy(lockedRels=[]), True)
