"""min() and max() through an index: the first row of an ordered subquery.

``SELECT max(x) FROM t WHERE …`` is the first row of ``SELECT x FROM t WHERE … AND x IS NOT
NULL ORDER BY x DESC``; where an index gives that order, one row is read and not the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgtool.nodes.enums import LimitOption, NullTestType, RTEKind
from pgtool.nodes.exprs import Const, NullTest
from pgtool.nodes.query import SortGroupClause, TargetEntry
from pgtool.sql.planner import cost, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Path, Rel, Root

Replacement = Callable[[Root, Rel, list[Any], list[int]], Path]


def paths(root: Root) -> Replacement | None:
    """The replacement of all aggregates by ordered subqueries; None where it cannot be."""
    from pgtool.sql.planner import grouping
    from pgtool.sql.planner.prep import jointree_rels

    query = root.query
    if query.groupClause or query.groupingSets or query.hasWindowFuncs or query.cteList:
        return None
    rels = jointree_rels(query.jointree)
    if len(rels) != 1:
        return None
    (rti,) = rels
    rte = query.rtable[rti - 1]
    if rte.rtekind != RTEKind.RTE_RELATION or rte.tablesample is not None:
        return None
    found = []
    for agg in grouping.all_aggregates(root):
        part = _subquery(root, agg)
        if part is None:
            return None
        found.append(part)
    if not found:
        return None

    def make(root: Root, rel: Rel, target: list[Any], refs: list[int]) -> Path:
        startup = sum(sub.total for _, _, sub in found)
        (once, per), width = cost.target_cost(root, target)
        total = startup + once + per + root.glob.costs.cpu_tuple_cost
        made = Path("MinMax", rel, 1.0, startup + once, total, parts=found,
                    quals=list(root.having))  # fmt: skip
        made.target, made.refs, made.width = target, refs, width
        return made

    return make


def _subquery(root: Root, agg: Any) -> tuple[Any, Root, Path] | None:
    """(aggregate, planned subquery, its path) if an order is there without sorting."""
    from pgtool.sql.planner.query import fractional_path, subquery_planner

    row = root.glob.cache.one("pg_aggregate", "aggfnoid", agg.aggfnoid)
    if row is None or not row.aggsortop or len(agg.args) != 1:
        return None
    if agg.aggorder or agg.aggdistinct or agg.aggfilter is not None:
        return None
    expr = agg.args[0].expr
    if trees.volatility(expr, root.glob.cache) == "v" or not trees.vars_of(expr):
        return None
    order = ops.ordering(root.glob.cache, row.aggsortop)
    if order is None:
        return None
    family, intype, descending = order
    equal = ops.member(root.glob.cache, family, intype, intype, ops.EQUAL)
    one = Const(consttype=20, consttypmod=-1, constlen=8, constbyval=True,
                constvalue=(1).to_bytes(8, "little"))  # fmt: skip
    sub = trees.deep_copy(root.query).copy(
        targetList=[TargetEntry(expr=expr, resno=1, resname="agg_target", ressortgroupref=1)],
        hasAggs=False, havingQual=None, distinctClause=[], hasDistinctOn=False, hasSubLinks=False,
        sortClause=[SortGroupClause(tleSortGroupRef=1, eqop=equal, sortop=row.aggsortop,
                                    nulls_first=descending, hashable=False)],
        limitCount=one, limitOffset=None, limitOption=LimitOption.LIMIT_OPTION_COUNT,
        hasTargetSRFs=False,
    )  # fmt: skip
    test = NullTest(arg=expr, nulltesttype=NullTestType.IS_NOT_NULL)
    quals = [*trees.conjuncts(sub.jointree.quals), test]
    sub.jointree = sub.jointree.copy(quals=trees.and_of(quals))
    mark = len(root.glob.subplans)
    subroot = subquery_planner(root.glob, sub, root, 1.0)
    if len(root.glob.subplans) != mark or root.plan_params:
        return None
    path = fractional_path(subroot, 1.0)
    return None if _sorts(path) else (agg, subroot, path)


def _sorts(path: Path) -> bool:
    """Whether a path sorts somewhere."""
    if path.kind in ("Sort", "IncrementalSort", "Dummy"):
        return True
    below = [path.__dict__[n] for n in ("sub", "outer", "inner") if n in path.__dict__]
    return any(_sorts(s) for s in [*below, *path.__dict__.get("subs", [])])
