"""Planning FOR UPDATE and kin: the places of the rows to be locked, and the node that locks."""

from __future__ import annotations

from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.base import IntList
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import RowMarkClause, TargetEntry
from pgtool.sql.planner.base import Path, Rel, Root
from pgtool.sql.planner.prep import jointree_rels

__all__ = ["lock_node", "lock_path", "prepare"]

_CTID, _TABLEOID = -1, -6
_TIDOID, _OIDOID = 27, 26


def prepare(root: Root) -> None:
    """Junk columns for the places of rows of the relations that are marked."""
    query = root.query
    entries = list(query.targetList)
    marks: list[tuple[Any, int, int]] = []

    def add(mark: Any, number: int, typid: int, name: str) -> int:
        var = Var(varno=mark.rti, varattno=number, vartype=typid, vartypmod=-1,
                  varnosyn=mark.rti, varattnosyn=number)  # fmt: skip
        entries.append(TargetEntry(expr=var, resno=len(entries) + 1, resname=f"{name}{mark.rti}",
                                   resjunk=True))  # fmt: skip
        return len(entries)

    database = root.glob.cache.database
    for mark in query.rowMarks:
        rte = query.rtable[mark.rti - 1]
        if rte.rtekind != RTEKind.RTE_RELATION:
            continue  # the query inside locks its own
        ctid = add(mark, _CTID, _TIDOID, "ctid")
        table = 0
        if rte.relkind == "p" or (rte.inh and database.children.get(rte.relid)):
            table = add(mark, _TABLEOID, _OIDOID, "tableoid")
        marks.append((mark, ctid, table))
    marked = {mark.rti for mark, _ctid, _table in marks}
    for index in sorted(jointree_rels(query.jointree) - marked):
        if query.rtable[index - 1].rtekind == RTEKind.RTE_RELATION:
            # A server would find the row by it again, were it to wait for another's lock.
            add(RowMarkClause(rti=index), _CTID, _TIDOID, "ctid")
    query.targetList = entries
    root.__dict__["row_marks"] = marks


def lock_path(root: Root, rel: Rel, sub: Path) -> Path:
    """LockRows over a path, where anything is to be locked."""
    if not root.__dict__.get("row_marks"):
        return sub
    total = sub.total + root.glob.costs.cpu_tuple_cost * sub.rows
    made = Path("LockRows", rel, sub.rows, sub.startup, total, [], sub=sub)
    made.target, made.refs, made.width = sub.target, sub.refs, sub.width
    made.disabled = sub.disabled
    return made


def lock_node(root: Root, plan: Any) -> p.LockRows:
    """The node over its input's plan."""
    marks = root.__dict__["row_marks"]
    return p.LockRows(
        lefttree=plan, targetlist=[e.copy() for e in plan.targetlist],
        rowMarks=[mark.copy() for mark, _ctid, _table in marks],
        ctidColumns=IntList(ctid for _mark, ctid, _table in marks),
        tableoidColumns=IntList(table for _mark, _ctid, table in marks),
    )  # fmt: skip
