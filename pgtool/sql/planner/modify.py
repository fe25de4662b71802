"""Planning INSERT, UPDATE and DELETE: what the plan below has to give, and the node on top.

The input of a ModifyTable gives an INSERT's whole rows (every attribute, in order), an
UPDATE's new values, and for UPDATE and DELETE the place of the row: its ctid, and with
several target tables its tableoid. What RETURNING says of other relations comes along as
further junk columns.
"""

from __future__ import annotations

from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.base import IntList, OidList
from pgtool.nodes.enums import CmdType, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.nodes.query import TargetEntry
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Root

__all__ = ["finish_targets", "is_modifying", "modify_table", "prepare"]

_CTID, _TABLEOID = -1, -6
_TIDOID, _OIDOID = 27, 26
_MODIFYING = (CmdType.CMD_INSERT, CmdType.CMD_UPDATE, CmdType.CMD_DELETE)


def is_modifying(query: Any) -> bool:
    """Whether a query writes."""
    return query.commandType in _MODIFYING


def prepare(root: Root) -> None:
    """The target list as the plan below has to give it."""
    query = root.query
    rte = query.rtable[query.resultRelation - 1]
    relation = root.glob.cache.database.relation(rte.relid)
    if query.commandType == CmdType.CMD_INSERT:
        query.targetList = _every_attribute(root, query, relation)
        return
    root.__dict__["update_colnos"] = [e.resno for e in query.targetList if not e.resjunk]
    entries = [e.copy(resno=n) for n, e in enumerate(query.targetList, 1)]
    junk = [("ctid", _CTID, _TIDOID)]
    if _has_children(root, rte, relation):
        junk.insert(0, ("tableoid", _TABLEOID, _OIDOID))
    else:
        rte.inh = False
    for name, number, typid in junk:
        var = Var(varno=query.resultRelation, varattno=number, vartype=typid, vartypmod=-1,
                  varnosyn=query.resultRelation, varattnosyn=number)  # fmt: skip
        entries.append(TargetEntry(expr=var, resno=len(entries) + 1, resname=name, resjunk=True))
    query.targetList = entries


def _has_children(root: Root, rte: Any, relation: Any) -> bool:
    if relation.relkind == "p":
        return True
    return bool(rte.inh and root.glob.cache.database.children.get(relation.oid))


def _every_attribute(root: Root, query: Any, relation: Any) -> list[TargetEntry]:
    """INSERT: NULL for the columns that the target list leaves out."""
    from pgtool.sql.targetlist import null_of

    given = {e.resno: e for e in query.targetList if not e.resjunk}
    out: list[TargetEntry] = []
    for attribute in relation.attributes:
        entry = given.get(attribute.attnum)
        if entry is None or attribute.attgenerated:
            expr = null_of(root.glob.session, attribute)
            entry = TargetEntry(expr=expr, resno=attribute.attnum, resname=attribute.attname)
        out.append(entry)
    return out + [
        e.copy(resno=len(out) + n)
        for n, e in enumerate((e for e in query.targetList if e.resjunk), 1)
    ]


def finish_targets(root: Root) -> None:
    """Columns of other relations that RETURNING reads, after subqueries are merged."""
    query = root.query
    if query.commandType != CmdType.CMD_INSERT:
        _other_places(query)
    known = {trees.key(e.expr) for e in query.targetList}
    wanted = [
        v for v in trees.vars_of([e.expr for e in query.returningList])
        if v.varno != query.resultRelation
    ]  # fmt: skip
    for var in wanted:
        if trees.key(var) not in known:
            known.add(trees.key(var))
            query.targetList.append(TargetEntry(
                expr=var, resno=len(query.targetList) + 1, resjunk=True
            ))  # fmt: skip


def _other_places(query: Any) -> None:
    """The ctids of the other tables of the join: a server would lock by them."""
    from pgtool.sql.planner.prep import jointree_rels

    for index in sorted(jointree_rels(query.jointree)):
        rte = query.rtable[index - 1]
        if index == query.resultRelation or rte.rtekind != RTEKind.RTE_RELATION:
            continue
        var = Var(varno=index, varattno=_CTID, vartype=_TIDOID, vartypmod=-1, varnosyn=index,
                  varattnosyn=_CTID)  # fmt: skip
        query.targetList.append(TargetEntry(
            expr=var, resno=len(query.targetList) + 1, resname=f"ctid{index}", resjunk=True
        ))  # fmt: skip


def modify_table(root: Root, plan: Any) -> Any:
    """The ModifyTable over the plan of a query level."""
    query = root.query
    target = query.resultRelation
    rte = query.rtable[target - 1]
    leaves = _leaves(root, target)
    inherited = leaves is not None
    node = p.ModifyTable(
        operation=query.commandType, canSetTag=query.canSetTag, nominalRelation=target,
        rootRelation=target if inherited or rte.relkind == "p" else 0,
        resultRelations=IntList(leaves if leaves else [target]),
        updateColnos=IntList(root.__dict__.get("update_colnos", [])),
        lefttree=plan, targetlist=[e.copy() for e in query.returningList],
        startup_cost=plan.startup_cost, total_cost=plan.total_cost,
        withCheckOptionLists=query.withCheckOptions,
    )  # fmt: skip
    if query.returningList:
        node.plan_rows, node.plan_width = plan.plan_rows, plan.plan_width
    if query.onConflict is not None:
        _conflict(root, node, query.onConflict)
    return node


def _leaves(root: Root, target: int) -> list[int] | None:
    """The tables that an inherited UPDATE or DELETE writes; None where there is only one."""
    rel = root.rels.get(target)
    if rel is None or rel.partitions is None:
        return None
    out: list[int] = []
    waiting = list(rel.children)
    while waiting:
        child = waiting.pop(0)
        if child.partitions is not None and child.children:
            waiting = list(child.children) + waiting
        elif not child.dummy and child.relation.relkind != "p":
            out.append(child.rti)
    return out


def _conflict(root: Root, node: p.ModifyTable, conflict: Any) -> None:
    from pgtool.sql.planner.arbiters import arbiter_indexes

    node.onConflictAction = conflict.action
    node.arbiterIndexes = OidList(arbiter_indexes(root, conflict))
    node.onConflictSet = [
        e.copy(resno=n) for n, e in enumerate(conflict.onConflictSet, 1)
    ]
    node.onConflictCols = IntList(e.resno for e in conflict.onConflictSet)
    node.onConflictWhere = conflict.onConflictWhere
    node.exclRelRTI = conflict.exclRelIndex
