"""Restrictions of a subquery's rows moved into the subquery."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import Const, Var
from pgtool.nodes.query import Query, RangeTblRef
from pgtool.sql.analyze.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Rel, Rinfo, Root
from pgtool.sql.planner.prep import flatten_aliases

_EXCEPT = 3


def push_quals(root: Root, rel: Rel, sub: Query) -> list[Rinfo]:
    """Move what may move; the clauses that were moved."""
    if not rel.baserestrict:
        return []
    unsafe: set[int] = set()
    if not _query_ok(root, sub, sub, unsafe):
        return []
    moved = []
    for rinfo in rel.baserestrict:
        if _clause_ok(root, rel, rinfo, unsafe):
            _push(sub, rinfo.clause, rel.rti)
            moved.append(rinfo)
    return moved


def _query_ok(root: Root, sub: Query, top: Query, unsafe: set[int]) -> bool:
    if sub.limitOffset is not None or sub.limitCount is not None or sub.groupingSets:
        return False
    if sub is not top and sub.setOperations is not None and sub.cteList:
        return False
    if sub.setOperations is None or sub is not top:
        _mark_unsafe(root, sub, unsafe)
    if sub is top and sub.setOperations is not None:
        return _setop_ok(root, sub.setOperations, top, unsafe)
    return sub.setOperations is None


def _setop_ok(root: Root, node: Any, top: Query, unsafe: set[int]) -> bool:
    if isinstance(node, RangeTblRef):
        leaf = top.rtable[node.rtindex - 1].subquery
        return leaf is not None and _query_ok(root, leaf, top, unsafe)
    if node.op == _EXCEPT:
        return False
    for number, typid in enumerate(node.colTypes, 1):
        for leaf in _leaves(node, top):
            entries = [e for e in leaf.targetList if not e.resjunk]
            if expr_type(entries[number - 1].expr) != typid:
                unsafe.add(number)
    return _setop_ok(root, node.larg, top, unsafe) and _setop_ok(root, node.rarg, top, unsafe)


def _leaves(node: Any, top: Query) -> list[Query]:
    if isinstance(node, RangeTblRef):
        return [top.rtable[node.rtindex - 1].subquery]
    return _leaves(node.larg, top) + _leaves(node.rarg, top)


def _mark_unsafe(root: Root, sub: Query, unsafe: set[int]) -> None:
    """Columns that a pushed condition must not mention."""
    partitions: list[set[int]] = [
        {c.tleSortGroupRef for c in w.partitionClause} for w in sub.windowClause
    ]
    distinct = {c.tleSortGroupRef for c in sub.distinctClause}
    for entry in sub.targetList:
        if entry.resjunk:
            continue
        expr = flatten_aliases(sub, entry.expr, (RTEKind.RTE_GROUP,))
        bad = trees.returns_set(expr) and sub.hasTargetSRFs
        bad = bad or trees.volatility(expr, root.glob.cache) == "v"
        if sub.hasDistinctOn:
            bad = bad or entry.ressortgroupref not in distinct
        if partitions:
            bad = bad or any(entry.ressortgroupref not in p for p in partitions)
        if bad:
            unsafe.add(entry.resno)


def _clause_ok(root: Root, rel: Rel, rinfo: Rinfo, unsafe: set[int]) -> bool:
    if rinfo.pseudo or trees.has_subplan(rinfo.clause):
        return False
    if trees.volatility(rinfo.clause, root.glob.cache) == "v":
        return False
    for var in trees.vars_of(rinfo.clause):
        if var.varno != rel.rti or var.varattno <= 0 or var.varattno in unsafe:
            return False
    return True


def _push(sub: Query, clause: Any, rti: int) -> None:
    if sub.setOperations is not None:
        for leaf in _leaves(sub.setOperations, sub):
            _push(leaf, clause, rti)
        return
    exprs = {e.resno: e.expr for e in sub.targetList if not e.resjunk}

    def give(var: Var) -> Any:
        return trees.deep_copy(exprs[var.varattno])

    # The clause is of the outer level: executor parameters in it stay as they are.
    made = trees.replace_vars(trees.deep_copy(clause), rti, give)
    if trees.contains(made, *_LINKS):
        sub.hasSubLinks = True
    if sub.hasAggs or sub.groupClause or sub.groupingSets or sub.havingQual is not None:
        sub.havingQual = trees.and_of([*trees.conjuncts(sub.havingQual), made])
    else:
        quals = [*trees.conjuncts(sub.jointree.quals), made]
        sub.jointree = sub.jointree.copy(quals=trees.and_of(quals))


def drop_unused(root: Root, rel: Rel, sub: Query) -> None:
    """Make columns that nobody reads NULL: they are not computed, and cannot fail."""
    if sub.setOperations is not None or (sub.distinctClause and not sub.hasDistinctOn):
        return
    used = {v.varattno for v in trees.vars_of(
        [*rel.target, *(r.clause for r in rel.baserestrict)]) if v.varno == rel.rti}
    if 0 in used:
        return
    cache = root.glob.cache
    for number, entry in enumerate(sub.targetList):
        expr = entry.expr
        if (
            entry.resjunk or entry.ressortgroupref or entry.resno in used
            or trees.returns_set(expr) or trees.volatility(expr, cache) == "v"
        ):  # fmt: skip
            continue
        typid = expr_type(expr)
        row = cache.type(typid)
        sub.targetList[number] = entry.copy(expr=Const(
            consttype=typid, consttypmod=expr_typmod(expr), constcollid=expr_collation(expr),
            constlen=row.typlen, constbyval=row.typbyval, constisnull=True, constvalue=None,
        ))  # fmt: skip


_LINKS = (trees.SubLink,)
