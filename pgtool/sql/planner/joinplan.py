"""Plan nodes of joins and of what stands under them."""

from __future__ import annotations

from typing import Any

from pgtool.nodes import plan as p
from pgtool.nodes.base import IntList, OidList
from pgtool.nodes.enums import JoinType
from pgtool.nodes.query import TargetEntry
from pgtool.sql.analyze.nodetypes import expr_collation
from pgtool.sql.planner import cost, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Path, Rinfo
from pgtool.sql.planner.joinrels import is_pushed

_OUTER = (JoinType.JOIN_LEFT, JoinType.JOIN_RIGHT, JoinType.JOIN_FULL, JoinType.JOIN_ANTI,
          JoinType.JOIN_RIGHT_ANTI)  # fmt: skip


def _split(path: Path, clauses: list[Rinfo]) -> tuple[list[Rinfo], list[Rinfo]]:
    """(join condition, filter over the join's rows)."""
    if path.jointype not in _OUTER:
        return clauses, []
    relids = path.rel.relids
    return ([c for c in clauses if not is_pushed(c, relids)],
            [c for c in clauses if is_pushed(c, relids)])  # fmt: skip


def nestloop(maker: Any, path: Path) -> Any:
    outer = maker.make(path.outer)
    saved = maker.outer
    maker.outer = saved | path.outer.rel.relids
    inner = maker.make(path.inner)
    maker.outer = saved
    mine = [x for x in maker.params if trees.varnos(x[1]) <= path.outer.rel.relids
            and not trees.varnos(x[1]) & saved]  # fmt: skip
    maker.params = [x for x in maker.params if x not in mine]
    params = [p.NestLoopParam(paramno=paramid, paramval=var) for _, var, paramid in mine]
    for _, var, _ in mine:
        outer = _provide(outer, var)
    joinquals, quals = _split(path, path.clauses)
    node = p.NestLoop(
        lefttree=outer, righttree=inner, jointype=_kind(path), inner_unique=path.inner_unique,
        joinqual=maker.quals(joinquals), qual=maker.quals(quals), nestParams=params)
    return maker.fill(node, path)


def _provide(plan: Any, var: Any) -> Any:
    """Make a plan give a value that a nested loop passes on."""
    if any(trees.same(e.expr, var) for e in plan.targetlist):
        return plan
    entries = [e.copy() for e in plan.targetlist]
    entries.append(TargetEntry(expr=var, resno=len(entries) + 1, resjunk=True))
    plan.targetlist = entries
    return plan


def _kind(path: Path) -> JoinType:
    kind: JoinType = path.jointype
    return kind


def hashjoin(maker: Any, path: Path) -> Any:
    outer, inner = maker.make(path.outer), maker.make(path.inner)
    joinquals, quals = _split(path, path.clauses)
    hashed = path.hash_clauses
    rest = [c for c in joinquals if c not in hashed]
    clauses, operators, collations, outer_keys, inner_keys = [], OidList(), OidList(), [], []
    for rinfo in sorted(hashed, key=lambda r: cost.qual_cost(maker.root.glob, r.clause)[1]):
        clause = maker.param(_outer_first(maker, rinfo, path))
        clauses.append(clause)
        operators.append(clause.opno)
        collations.append(clause.inputcollid)
        outer_keys.append(clause.args[0])
        inner_keys.append(clause.args[1])
    hash_node = p.Hash(
        lefttree=inner, hashkeys=inner_keys, targetlist=[e.copy() for e in inner.targetlist],
        startup_cost=inner.total_cost, total_cost=inner.total_cost, plan_rows=inner.plan_rows,
        plan_width=inner.plan_width)
    node = p.HashJoin(
        lefttree=outer, righttree=hash_node, jointype=_kind(path),
        inner_unique=path.inner_unique, joinqual=maker.quals(rest), qual=maker.quals(quals),
        hashclauses=clauses, hashoperators=operators, hashcollations=collations,
        hashkeys=outer_keys)
    return maker.fill(node, path)


def _outer_first(maker: Any, rinfo: Rinfo, path: Path) -> Any:
    """A clause with the outer side's expression on the left."""
    clause = rinfo.clause
    if rinfo.left <= path.outer.rel.relids:
        return clause
    cache = maker.root.glob.cache
    opno = ops.commutator(cache, clause.opno)
    return clause.copy(opno=opno, opfuncid=trees.op_function(cache, opno),
                       args=[clause.args[1], clause.args[0]])  # fmt: skip


def mergejoin(maker: Any, path: Path) -> Any:
    from pgtool.sql.planner.createplan import material_over

    outer, inner = maker.make(path.outer), maker.make(path.inner)
    if path.outer_sort:
        outer = _sorted(maker, outer, path.outer, path.outer_sort)
    if path.inner_sort:
        inner = _sorted(maker, inner, path.inner, path.inner_sort)
    if path.materialize_inner:
        inner = material_over(maker.root, inner)
    joinquals, quals = _split(path, path.clauses)
    merged = path.merge_clauses
    rest = [c for c in joinquals if c not in merged]
    keys = path.outer_sort or path.outer.pathkeys
    clauses, families, collations = [], OidList(), OidList()
    reversals, nulls = [], []
    from pgtool.sql.planner.equiv import current

    for rinfo in merged:
        clause = maker.param(_outer_first(maker, rinfo, path))
        left = rinfo.left <= path.outer.rel.relids
        ec = current(rinfo.left_ec if left else rinfo.right_ec)
        key = next(k for k in keys if k.ec is ec)
        clauses.append(clause)
        families.append(key.family)
        collations.append(clause.inputcollid)
        reversals.append(key.descending)
        nulls.append(key.nulls_first)
    node = p.MergeJoin(
        lefttree=outer, righttree=inner, jointype=_kind(path), inner_unique=path.inner_unique,
        joinqual=maker.quals(rest), qual=maker.quals(quals), mergeclauses=clauses,
        mergeFamilies=families, mergeCollations=collations, mergeReversals=reversals,
        mergeNullsFirst=nulls)
    return maker.fill(node, path)


def _sorted(maker: Any, plan: Any, sub: Path, keys: list[Any]) -> Any:
    from pgtool.sql.planner import equiv
    from pgtool.sql.planner.groups import number_of_groups

    plan, (cols, oper, coll, nulls) = maker.sort_columns(plan, keys, sub.rel.relids)
    glob = maker.root.glob
    prefix = equiv.common_prefix(keys, sub.pathkeys)
    tlist = [e.copy() for e in plan.targetlist]
    common: dict[str, Any] = {
        "lefttree": plan, "sortColIdx": cols, "sortOperators": oper,
        "collations": coll, "nullsFirst": nulls,
        "plan_rows": sub.rows, "plan_width": sub.width, "targetlist": tlist}  # fmt: skip
    if prefix and glob.costs.enable_incremental_sort:
        groups = number_of_groups(maker.root, [k.ec.members[0].expr for k in keys[:prefix]],
                                  sub.rows)  # fmt: skip
        startup, total = cost.incremental_sort(glob, sub, groups)
        return p.IncrementalSort(startup_cost=startup, total_cost=total, nPresortedCols=prefix,
                                 **common)  # fmt: skip
    startup, total = cost.sort(glob, sub.total, sub.rows, sub.width)
    return p.Sort(startup_cost=startup, total_cost=total, **common)


def material(maker: Any, path: Path) -> Any:
    plan = maker.make(path.sub)
    node = p.Material(lefttree=plan, targetlist=[e.copy() for e in plan.targetlist])
    return maker.fill(node, path)


def memoize(maker: Any, path: Path) -> Any:
    plan = maker.make(path.sub)
    exprs = [maker.param(expr) for expr, _ in path.keys]
    ids = frozenset(
        n.paramid for n in trees.walk(exprs) if type(n).__name__ == "Param" and n.paramkind == 1
    )
    node = p.Memoize(
        lefttree=plan, targetlist=[e.copy() for e in plan.targetlist], param_exprs=exprs,
        hashOperators=OidList(eq for _, eq in path.keys),
        collations=OidList(expr_collation(e) for e, _ in path.keys),
        singlerow=path.singlerow, binary_mode=path.binary, est_entries=path.est_entries,
        keyparamids=ids)
    return maker.fill(node, path)


def unique(maker: Any, path: Path) -> Any:
    """A semi join's right side without duplicates."""
    from pgtool.sql.planner.unique import equality_sort

    plan = maker.make(path.sub)
    if path.how == "none":
        return plan
    for expr in path.exprs:
        plan = _with_column(plan, expr)
    columns = [
        next(i for i, e in enumerate(plan.targetlist, 1) if trees.same(e.expr, expr))
        for expr in path.exprs
    ]
    cache = maker.root.glob.cache
    pairs = [equality_sort(cache, opno) for opno in path.ops]
    collations = OidList(expr_collation(e) for e in path.exprs)
    tlist = [e.copy() for e in plan.targetlist]
    if path.how == "hash":
        node: Any = p.Agg(
            lefttree=plan, aggstrategy=p.AggStrategy.AGG_HASHED, grpColIdx=IntList(columns),
            grpOperators=OidList(_hash_equality(maker, op) for op in path.ops),
            grpCollations=collations, numGroups=int(path.rows), targetlist=tlist)
        return maker.fill(node, path)
    glob = maker.root.glob
    startup, total = cost.sort(glob, plan.total_cost, plan.plan_rows, plan.plan_width)
    ordered = p.Sort(
        lefttree=plan, sortColIdx=IntList(columns), sortOperators=OidList(lt for lt, _ in pairs),
        collations=collations, nullsFirst=[False] * len(columns), targetlist=tlist,
        startup_cost=startup, total_cost=total, plan_rows=plan.plan_rows,
        plan_width=plan.plan_width)
    node = p.Unique(
        lefttree=ordered, uniqColIdx=IntList(columns),
        uniqOperators=OidList(eq for _, eq in pairs), uniqCollations=collations,
        targetlist=[e.copy() for e in tlist])
    return maker.fill(node, path)


def _hash_equality(maker: Any, opno: int) -> int:
    """The equality operator of the right input's own type."""
    from pgtool.sql.planner.unique import equality_sort

    return equality_sort(maker.root.glob.cache, opno)[1]


def _with_column(plan: Any, expr: Any) -> Any:
    if any(trees.same(e.expr, expr) for e in plan.targetlist):
        return plan
    entries = [e.copy() for e in plan.targetlist]
    entries.append(TargetEntry(expr=expr, resno=len(entries) + 1))
    from pgtool.sql.planner.createplan import _projects

    if _projects(plan):
        plan.targetlist = entries
        return plan
    return p.Result(targetlist=entries, lefttree=plan, startup_cost=plan.startup_cost,
                    total_cost=plan.total_cost, plan_rows=plan.plan_rows,
                    plan_width=plan.plan_width)  # fmt: skip


MAKERS: dict[str, Any] = {
    "NestLoop": nestloop, "HashJoin": hashjoin, "MergeJoin": mergejoin, "Material": material,
    "Memoize": memoize, "UniqueHash": unique, "NoUnique": unique,
}  # fmt: skip
