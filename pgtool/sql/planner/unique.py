"""Uniqueness: relations that give at most one match, and semi joins over distinct rows."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import JoinType, RTEKind
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import cost, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Path, Rel, Rinfo, Root, SpecialJoin


def inner_is_unique(
    root: Root, rel: Rel, outer: Rel, inner: Rel, kind: JoinType, clauses: list[Rinfo]
) -> bool:
    """Whether no outer row can match two inner rows."""
    from pgtool.sql.planner.joinrels import is_pushed

    if not clauses or not inner.base:
        return False
    if inner.rte.rtekind not in (RTEKind.RTE_RELATION, RTEKind.RTE_SUBQUERY):
        return False
    known = (outer.relids, kind)
    if known in inner.unique_for:
        return inner.unique_for[known]
    outer_join = kind not in (JoinType.JOIN_INNER, JoinType.JOIN_SEMI)
    usable: list[tuple[int, Any, Any]] = []
    for c in clauses:
        if outer_join and is_pushed(c, rel.relids):
            continue
        if not c.can_join or not c.mergeops:
            continue
        left, right = c.clause.args
        if c.left <= outer.relids and c.right == inner.relids:
            usable.append((c.clause.opno, right, c))
        elif c.right <= outer.relids and c.left == inner.relids:
            usable.append((c.clause.opno, left, c))
    found = bool(usable) and _distinct_on(root, inner, usable)
    inner.unique_for[known] = found
    return found


def _distinct_on(root: Root, inner: Rel, usable: list[tuple[int, Any, Any]]) -> bool:
    if inner.rte.rtekind == RTEKind.RTE_RELATION:
        return _index_unique(root, inner, usable)
    columns = {
        trees.strip_relabel(e).varattno for _, e, _ in usable
        if type(trees.strip_relabel(e)) is Var
    }  # fmt: skip
    return query_distinct(inner.subroot.query if inner.subroot else inner.rte.subquery, columns)


def _index_unique(root: Root, inner: Rel, usable: list[tuple[int, Any, Any]]) -> bool:
    exprs = {trees.key(trees.strip_relabel(e)): c for _, e, c in usable}
    consts = {}
    for r in inner.baserestrict:
        if r.mergeops and type(r.clause).__name__ == "OpExpr" and len(r.clause.args) == 2:
            for a, b in (r.clause.args, r.clause.args[::-1]):
                if not trees.varnos(b):
                    consts[trees.key(trees.strip_relabel(a))] = r
    for index in inner.indexes:
        if not index.unique or not index.immediate or (index.predicate and not index.pred_ok):
            continue
        if all(_key_matched(index, i, inner, exprs, consts) for i in range(index.nkeys)):
            return True
    return False


def _key_matched(index: Any, column: int, inner: Rel, exprs: Any, consts: Any) -> bool:
    attnum = index.keys[column]
    if attnum == 0:
        position = sum(1 for k in index.keys[:column] if k == 0)
        wanted = trees.key(trees.strip_relabel(index.exprs[position]))
    else:
        wanted = ("v", inner.rti, attnum, 0, 0)
    found = exprs.get(wanted) or consts.get(wanted)
    return found is not None and index.opfamilies[column] in found.mergeops


def query_distinct(query: Any, columns: set[int]) -> bool:
    """Whether a subquery cannot return two rows with the same values in some columns."""
    def covered(clauses: list[Any]) -> bool:
        refs = {e.ressortgroupref: e.resno for e in query.targetList}
        return all(refs.get(c.tleSortGroupRef) in columns for c in clauses)

    if query.distinctClause and covered(query.distinctClause):
        return True
    if query.hasTargetSRFs and not query.distinctClause:
        return False
    if query.groupClause and not query.groupingSets:
        if covered(query.groupClause):
            return True
    elif (query.hasAggs or query.havingQual is not None) and not query.groupingSets:
        return True
    s = query.setOperations
    if s is not None and not s.all:
        visible = [e.resno for e in query.targetList if not e.resjunk]
        return all(n in columns for n in visible)
    return False


def unique_path(root: Root, rel: Rel, special: SpecialJoin) -> Path | None:
    """The cheapest way to have a semi join's right side without duplicates."""
    from pgtool.sql.planner.groups import number_of_groups

    if rel.unique_tried:
        return rel.unique_path
    if special.jointype != JoinType.JOIN_SEMI or special.syn_right != rel.relids:
        return None
    if not (special.semi_can_btree or special.semi_can_hash):
        return None
    rel.unique_tried = True
    sub = rel.cheapest
    if sub is None or rel.lateral or sub.required:
        return None
    exprs = special.semi_rhs
    made = Path("Unique", rel, rel.rows, sub.startup, sub.total, [], sub.required, sub=sub,
                exprs=exprs, ops=special.semi_ops, how="sort")  # fmt: skip
    made.enforced = sub.enforced
    if _already(rel, exprs):
        made.kind = "NoUnique"
        made.__dict__["how"] = "none"
        made.pathkeys = sub.pathkeys
        rel.unique_path = made
        return made
    made.rows = number_of_groups(root, exprs, rel.rows)
    glob = root.glob
    choices: list[tuple[float, float, str]] = []
    if special.semi_can_btree:
        startup, total = cost.sort(glob, sub.total, rel.rows, rel.width)
        total += glob.costs.cpu_operator_cost * rel.rows * len(exprs)
        choices.append((total, startup, "sort"))
    if special.semi_can_hash and glob.costs.enable_hashagg:
        startup, total, _ = cost.agg(root, "hashed", None, len(exprs), made.rows, sub, [])
        choices.append((total, startup, "hash"))
    if not choices:
        return None
    made.total, made.startup, how = min(choices, key=lambda c: c[0])
    made.__dict__["how"] = how
    if how == "hash":
        made.kind = "UniqueHash"
    rel.unique_path = made
    return made


def _already(rel: Rel, exprs: list[Any]) -> bool:
    """Whether the rows are distinct as they are."""
    if not rel.base:
        return False
    columns = {trees.strip_relabel(e).varattno for e in exprs
               if type(trees.strip_relabel(e)) is Var}  # fmt: skip
    if rel.rte.rtekind == RTEKind.RTE_RELATION:
        return any(
            i.unique and i.immediate and (not i.predicate or i.pred_ok)
            and all(k in columns for k in i.keys[: i.nkeys]) for i in rel.indexes
        )  # fmt: skip
    if rel.rte.rtekind == RTEKind.RTE_SUBQUERY:
        return query_distinct(rel.subroot.query, columns)
    return False


def equality_sort(cache: Any, opno: int) -> tuple[int, int]:
    """(sort operator, equality operator) for an equality operator of a semi join."""
    for row in ops.amops(cache, opno):
        if row.amopstrategy == ops.EQUAL:
            right = row.amoprighttype
            lt = ops.member(cache, row.amopfamily, right, right, ops.LESS)
            eq = ops.member(cache, row.amopfamily, right, right, ops.EQUAL)
            if lt and eq:
                return lt, eq
    return 0, opno
