"""Joins that need not be done: useless outer joins, semi joins with a unique right side."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import JoinType, RTEKind
from pgtool.sql.planner import equiv
from pgtool.sql.planner.base import Rel, Root, SpecialJoin
from pgtool.sql.planner.unique import _index_unique, query_distinct


def drop_useless_joins(root: Root) -> None:
    """Remove LEFT JOINs to a unique match that nothing above reads."""
    for special in list(root.sjinfos):
        if special.jointype == JoinType.JOIN_LEFT and len(special.min_right) == 1:
            (rti,) = special.min_right
            rel = root.rels[rti]
            if _unused(root, rti, special) and _unique(root, rel, special, True):
                _remove(root, rti, special)


def _unused(root: Root, rti: int, special: SpecialJoin) -> bool:
    """Whether no column of a relation is needed above the join."""
    inside = special.min_left | special.min_right
    for (varno, _), needed in root.attr_needed.items():
        if varno == rti and not needed <= inside:
            return False
    if any(rti in r.lateral for r in root.rels.values()):
        return False
    rel = root.rels[rti]
    return all(not r.pushed_down or r.required == rel.relids for r in rel.joininfo) and all(
        s is special or rti not in s.min_left | s.min_right for s in root.sjinfos
    )


def _unique(root: Root, rel: Rel, special: SpecialJoin, outer: bool) -> bool:
    clauses = [r for r in rel.joininfo if not outer or not r.pushed_down]
    if not outer:
        left = special.syn_left
        clauses += equiv.join_equalities(root, left | rel.relids, left, rel.relids)
    usable: list[tuple[int, Any, Any]] = []
    for c in clauses:
        if not c.can_join or not c.mergeops or not c.required <= special.syn_left | rel.relids:
            continue
        a, b = c.clause.args
        if c.right == rel.relids and not c.left & rel.relids:
            usable.append((c.clause.opno, b, c))
        elif c.left == rel.relids and not c.right & rel.relids:
            usable.append((c.clause.opno, a, c))
    if not usable:
        return False
    if rel.rte.rtekind == RTEKind.RTE_RELATION:
        return _index_unique(root, rel, usable)
    if rel.rte.rtekind == RTEKind.RTE_SUBQUERY:
        from pgtool.nodes.exprs import Var
        from pgtool.sql.planner.trees import strip_relabel

        columns = {strip_relabel(e).varattno for _, e, _ in usable
                   if type(strip_relabel(e)) is Var}  # fmt: skip
        return query_distinct(rel.rte.subquery, columns)
    return False


def _remove(root: Root, rti: int, special: SpecialJoin) -> None:
    root.sjinfos.remove(special)
    root.all_rels = root.all_rels - {rti}
    del root.rels[rti]
    for rel in root.rels.values():
        rel.joininfo = [r for r in rel.joininfo if rti not in r.required]
    for ec in root.ecs:
        ec.members = [em for em in ec.members if rti not in em.relids]
        ec.relids = ec.relids - {rti}
        ec.sources = [s for s in ec.sources if rti not in s.required]


def unique_semijoins(root: Root) -> None:
    """A semi join whose right side matches at most once is an inner join."""
    for special in list(root.sjinfos):
        if special.jointype != JoinType.JOIN_SEMI or len(special.min_right) != 1:
            continue
        if special.syn_right != special.min_right:
            continue
        (rti,) = special.min_right
        if _unique(root, root.rels[rti], special, False):
            root.sjinfos.remove(special)
