"""Restrictions of single tables that an OR of conditions on several of them implies.

``(a.x = 1 AND b.y = 2) OR (a.x = 3 AND b.y = 4)`` is checked where both tables meet, but it
also says ``a.x = 1 OR a.x = 3``, which a scan of ``a`` can check, or an index serve.
"""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import BoolExprType, JoinType
from pgtool.nodes.exprs import BoolExpr
from pgtool.sql.planner import selectivity, trees
from pgtool.sql.planner.base import Rel, Rinfo, Root
from pgtool.sql.planner.indexpath import movable
from pgtool.sql.planner.initsplan import make_rinfo

__all__ = ["extract"]

#: A restriction that hardly any row fails is not worth checking.
_WORTH = 0.9


def extract(root: Root) -> None:
    """Add what follows for each base relation to its restrictions."""
    for rel in list(root.rels.values()):
        for rinfo in list(rel.joininfo):
            if rinfo.or_clauses is None or not movable(rinfo, rel):
                continue
            clause = _implied(root, rinfo.or_clauses, rel)
            if clause is not None:
                _consider(root, rel, rinfo, clause)


def _implied(root: Root, arms: list[list[Rinfo]], rel: Rel) -> Any:
    """The OR of what each arm says of the relation; None where one says nothing."""
    out = []
    for arm in arms:
        found = []
        for part in arm:
            if part.or_clauses is not None:
                inner = _implied(root, part.or_clauses, rel)
                if inner is not None:
                    found.append(inner)
            elif _is_restriction(root, part, rel):
                found.append(part.clause)
        if not found:
            return None
        one = trees.and_of(found)
        nested = isinstance(one, BoolExpr) and one.boolop == BoolExprType.OR_EXPR
        out += list(one.args) if nested else [one]
    return BoolExpr(boolop=BoolExprType.OR_EXPR, args=out)


def _is_restriction(root: Root, part: Rinfo, rel: Rel) -> bool:
    return (
        not part.pseudo and part.clause_relids == rel.relids
        and trees.volatility(part.clause, root.glob.cache) != "v"
    )


def _consider(root: Root, rel: Rel, source: Rinfo, clause: Any) -> None:
    made = make_rinfo(root, clause, rel.relids)
    share = selectivity.clause(root, made, 0, JoinType.JOIN_INNER, None)
    if share > _WORTH:
        return
    rel.baserestrict.append(made)
    if share > 0.0:
        # What the scan takes away the join's own clause no longer does.
        source.scale /= share
